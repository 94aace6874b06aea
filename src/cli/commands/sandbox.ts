import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { SandboxOptions } from '../../sandbox/start.ts';
import { addGeneralOptions, type GeneralOptions } from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

interface SandboxFlags extends GeneralOptions {
  readonly port?: number;
  readonly faultRate?: number;
  readonly latencyMs?: number;
  readonly seed?: number;
  readonly stateFile?: string;
}

/** `dinmo sandbox` */
export function sandboxCommand(shell: Shell): Command {
  const command = new Command('sandbox')
    .summary('simulate the platforms on this machine')
    .description(
      'Simulates the platforms on 127.0.0.1 until it is stopped. `--sandbox` makes every other command reach only these. GET / shows what they hold, GET /state the same as JSON.',
    )
    .option('--port <port>', 'port to listen on; 0: any that is free (default: 8900)', numberIn(0, 65_535, 'a port'))
    .option(
      '--fault-rate <share>',
      'share of requests that meet a fault, 0 to 1',
      numberIn(0, 1, 'a share from 0 to 1'),
    )
    .option('--latency-ms <milliseconds>', 'added to every request', numberIn(0, 600_000, 'milliseconds'))
    .option(
      '--seed <number>',
      'the same seed meets the same faults',
      numberIn(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'a whole number'),
    )
    .option('--state-file <file>', 'keep the state in this file');
  return addGeneralOptions(command).action((flags: SandboxFlags) =>
    runCommand(shell, flags, {
      async run({ output, logger }) {
        const { SANDBOX_PORT, startSandbox } = await import('../../sandbox/start.ts');
        const sandbox = await startSandbox({ port: SANDBOX_PORT, ...toSandboxOptions(shell, flags, logger) });
        try {
          output.result({
            text: (style) => `The platforms are simulated at ${style.bold(sandbox.url)}\nStop with Ctrl-C.`,
            json: () => ({ url: sandbox.url, instance: sandbox.instance, error: null }),
          });
          await untilAborted(shell.signal);
        } finally {
          await sandbox.close();
        }
        return 0;
      },
    }),
  );
}

function toSandboxOptions(
  shell: Shell,
  flags: SandboxFlags,
  logger: NonNullable<SandboxOptions['logger']>,
): SandboxOptions {
  const { port, faultRate, latencyMs, seed, stateFile } = flags;
  return {
    logger,
    ...(port === undefined ? {} : { port }),
    ...(faultRate === undefined ? {} : { faultRate }),
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(seed === undefined ? {} : { seed }),
    ...(stateFile === undefined ? {} : { stateFile: resolve(shell.cwd, stateFile) }),
  };
}

function numberIn(min: number, max: number, what: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isWhole = max <= 1 || Number.isInteger(value);
    if (text.trim() !== '' && value >= min && value <= max && isWhole) return value;
    throw new InvalidArgumentError(`Give ${what}.`);
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
