import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { observe } from '../privacy/observer.ts';

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of a command under test: no variable of the machine that could change what it does. */
export function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...extra };
}

export function start(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly node?: readonly string[] },
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...(options.node ?? []), MAIN, ...args], {
    cwd: options.cwd,
    env: environment(options.env),
  });
}

/** Runs the command as a process of its own. */
export async function dinmo(args: readonly string[], options: Parameters<typeof start>[1]): Promise<Ended> {
  return await ended(start(args, options));
}

/** What a process printed, once it has ended. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const [code] = await once(child, 'close');
  observe('stdout', stdout);
  observe('stderr', stderr);
  return { code: typeof code === 'number' ? code : null, stdout, stderr };
}
