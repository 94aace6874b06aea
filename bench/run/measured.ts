import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ROOT } from './places.ts';
import type { Usage } from './usage.ts';

/** A process that has ended, and what it took. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly usage: Usage;
}

export interface Surroundings {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the memory of JavaScript itself is watched, which costs a little. */
  readonly watchHeap?: boolean;
  /** Exit codes that are in order; default: 0 alone. */
  readonly codes?: readonly number[];
}

/** Runs a Node program in a process of its own and measures it. Throws when it fails. */
export async function runNode(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  const watch = surroundings.watchHeap === true ? { BENCH_WATCH_HEAP: '1' } : undefined;
  return await measure(surroundings, watch, (out) => ({
    program: process.execPath,
    args: ['--import', join(ROOT, 'bench/run/report-usage.mjs'), ...args],
    env: { BENCH_USAGE: out },
  }));
}

/** Runs a Python program of a virtual environment and measures it with its children. Throws when it fails. */
export async function runPython(venv: string, args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  return await measure(surroundings, undefined, (out) => ({
    program: join(venv, 'bin/python'),
    args: [join(ROOT, 'bench/run/report_usage.py'), out, ...args],
    env: {},
  }));
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function measure(
  surroundings: Surroundings,
  more: Readonly<Record<string, string>> | undefined,
  commandOf: (out: string) => Command,
): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    const out = join(folder, 'usage.json');
    const { program, args, env } = commandOf(out);
    const started = performance.now();
    const { code, stdout, stderr } = await end(program, args, {
      cwd: surroundings.cwd,
      env: { ...environment(), ...surroundings.env, ...more, ...env },
    });
    const wallS = (performance.now() - started) / 1000;
    if (!(surroundings.codes ?? [0]).includes(code ?? -1) || !existsSync(out))
      throw new Error(
        `${program} ${args.join(' ')} ended with ${code}\n${stdout.slice(-3000)}\n${stderr.slice(-3000)}`,
      );
    const taken = JSON.parse(readFileSync(out, 'utf8')) as Omit<Usage, 'wallS'>; // written by our own file
    return { code, stdout, stderr, usage: { wallS, ...taken } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** No variable of the machine that could change what is measured. */
export function environment(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), NO_COLOR: '1' };
}

async function end(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Record<string, string> },
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
