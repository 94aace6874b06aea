import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { runProgram } from '../../src/cli/program.ts';
import { runDbt } from '../dbt.ts';
import { keepDatabase, observe } from '../privacy/observer.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/cli/main.js');
const DBT = join(ROOT, '.venv/bin/dbt');
/** Nothing is reported to dbt's makers; what Node compiled of the command is kept for the next one. */
const QUICK = {
  DBT_SEND_ANONYMOUS_USAGE_STATS: '0',
  NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.compile-cache'),
};

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, for a message when a test fails. */
  readonly all: string;
}

export interface Counts {
  readonly insert: number;
  readonly update: number;
  readonly delete: number;
}

/** One activation in the documented JSON. */
export interface ActivationJson {
  readonly activation: string;
  readonly mode: string;
  readonly status: string;
  readonly planned: Counts | null;
  readonly accepted: Counts | null;
  readonly rejected: number | null;
  readonly deferred: number | null;
  readonly unknown: number | null;
  readonly invalid: number | null;
  readonly unchanged: number | null;
  readonly reason: string | null;
}

export interface SyncJson {
  readonly activations: readonly ActivationJson[];
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** A dbt project in a folder of its own, with the commands that a person would run in it. */
export class Workspace {
  readonly folder: string;
  readonly env: Record<string, string>;
  /** Whether commands run in this process rather than in one of their own: much quicker, and the same but for the process. */
  inProcess = false;
  /** The dbt that is run: that of DuckDB and PostgreSQL, or another environment's. */
  dbtProgram = DBT;

  constructor(folder: string, env: Readonly<Record<string, string>> = {}) {
    this.folder = folder;
    const { PATH = '', HOME = '', TMPDIR } = process.env;
    this.env = { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), ...QUICK, ...env };
  }

  static create(files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}): Workspace {
    const workspace = new Workspace(mkdtempSync(join(tmpdir(), 'dinmo-e2e-')), env);
    for (const [path, content] of Object.entries(files)) workspace.write(path, content);
    return workspace;
  }

  /** The same project once more, with its database and dbt's results. */
  copy(env: Readonly<Record<string, string>> = this.env): Workspace {
    const folder = mkdtempSync(join(tmpdir(), 'dinmo-e2e-'));
    cpSync(this.folder, folder, { recursive: true, preserveTimestamps: true });
    const copy = new Workspace(folder, { ...this.env, ...env });
    copy.inProcess = this.inProcess;
    return copy;
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), content);
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  /** Changes a file by text; the text has to be there. */
  edit(path: string, from: string, to: string): void {
    const before = this.read(path);
    if (!before.includes(from)) throw new Error(`${path} does not hold ${from}`);
    this.write(
      path,
      before.replace(from, () => to),
    );
  }

  remove(path: string): void {
    rmSync(join(this.folder, path), { recursive: true });
  }

  async dbt(...args: readonly string[]): Promise<Outcome> {
    const all = [...args, '--profiles-dir', this.folder];
    if (this.dbtProgram !== DBT) return await run(this.dbtProgram, all, this);
    const { code, stdout, stderr } = await runDbt({ args: all, cwd: this.folder, env: this.env });
    return { code, stdout, stderr, all: `${stdout}\n${stderr}` };
  }

  async dinmo(...args: readonly string[]): Promise<Outcome> {
    return this.inProcess ? await runHere(args, this) : await run(process.execPath, [MAIN, ...args], this);
  }

  /** plan, sync and the like with `--output json`: its one object, and the exit code. */
  async json(
    ...args: readonly string[]
  ): Promise<SyncJson & { readonly code: number | null; readonly stderr: string }> {
    const outcome = await this.dinmo(...args, '--output', 'json');
    try {
      return { ...(JSON.parse(outcome.stdout) as SyncJson), code: outcome.code, stderr: outcome.stderr };
    } catch {
      throw new Error(`stdout is not one JSON object:\n${outcome.all}`);
    }
  }

  /** A command that is left running, to be ended by a signal. */
  start(...args: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const name of ['stdout', 'stderr'] as const) {
      const chunks: string[] = [];
      child[name].on('data', (chunk) => chunks.push(String(chunk)));
      child.on('close', () => observe(name, chunks.join('')));
    }
    return child;
  }

  /** Runs statements in the DuckDB file; the rows of the last one, values as JSON. */
  async sql(...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
    const instance = await DuckDBInstance.create(join(this.folder, 'shop.duckdb'));
    try {
      const connection = await instance.connect();
      try {
        let rows: readonly Record<string, unknown>[] = [];
        for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowObjectsJson();
        return rows;
      } finally {
        connection.closeSync();
      }
    } finally {
      instance.closeSync();
    }
  }

  dispose(): void {
    keepDatabase(join(this.folder, 'shop.duckdb'));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function must(outcome: Promise<Outcome>): Promise<Outcome> {
  const done = await outcome;
  if (done.code !== 0) throw new Error(`exit code ${done.code}\n${done.all}`);
  return done;
}

/** Waits for a process that was left running, and gathers what it prints. */
export async function endOf(child: ChildProcess): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.on('data', (chunk: Buffer) => {
      written[name] += chunk.toString();
    });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...written, all: `${written.stdout}\n${written.stderr}` };
}

async function runHere(argv: readonly string[], { folder, env }: Workspace): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  let code: number | null = null;
  const writer = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      written[name] += text;
      return true;
    },
  });
  const shell = {
    argv,
    env,
    cwd: folder,
    stdout: writer('stdout'),
    stderr: writer('stderr'),
    signal: new AbortController().signal,
    setExitCode: (given: number) => {
      code = given;
    },
  };
  await runProgram(shell as Parameters<typeof runProgram>[0], '0.0.0'); // of the streams, only what is here is used
  return { code, ...written, all: `${written.stdout}\n${written.stderr}` };
}

async function run(program: string, args: readonly string[], { folder, env, dbtProgram }: Workspace): Promise<Outcome> {
  return await new Promise((resolve) => {
    const child = execFile(program, args, { cwd: folder, env, maxBuffer: 1 << 26 }, (_error, stdout, stderr) => {
      if (program !== dbtProgram) {
        observe('stdout', stdout);
        observe('stderr', stderr);
      }
      resolve({ code: child.exitCode, stdout, stderr, all: `${stdout}\n${stderr}` });
    });
  });
}

/** Numbers from a seed, so that a failing history can be repeated. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
