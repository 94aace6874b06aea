import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { environment } from './measured.ts';

/** How a program is started. */
export interface Launch {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** When a program gets a signal: as soon as `reached` says so. */
export interface Interruption {
  readonly signal: 'SIGKILL' | 'SIGTERM';
  reached(): Promise<boolean>;
}

const LOOK_MS = 5;

/** Runs a program to its end, or until it is interrupted; how it ended is not judged. The seconds that it took. */
export async function launch({ command, cwd, env }: Launch, interruption?: Interruption): Promise<number> {
  const [program = '', ...args] = command;
  const started = performance.now();
  const child = spawn(program, args, { cwd, env: { ...environment(), ...env }, stdio: 'ignore' });
  let ended = false;
  const end = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => {
      ended = true;
      resolve();
    });
  });
  while (interruption !== undefined && !ended) {
    if (await interruption.reached()) {
      child.kill(interruption.signal);
      break;
    }
    await setTimeout(LOOK_MS);
  }
  await end;
  return (performance.now() - started) / 1000;
}
