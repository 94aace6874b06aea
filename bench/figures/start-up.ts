import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Experiment, FigureFacts } from '../figure.ts';
import { EXECUTABLE } from '../project/dinmo.ts';
import { environment } from '../run/measured.ts';
import { must } from '../run/must.ts';
import { ROOT } from '../run/places.ts';
import { median } from '../run/usage.ts';

const RUNS = 9;
const COMMANDS = ['help', 'version'] as const;
/** What only a command that opens a warehouse or reaches a platform may load. */
/** As packages, or in a chunk of the bundle that bears their name. */
const DRIVERS = /node_modules\/(@duckdb|snowflake-sdk|@google-cloud|pg|undici)\/|chunks\/(undici|duckdb)/;

function time(args: readonly string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { env: environment(), encoding: 'utf8' });
  must(status === 0, stderr);
  return (performance.now() - started) / 1000;
}

/** Throws when a command that needs no driver loads one. */
function mustLoadNoDriver(command: string): void {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', join(ROOT, 'bench/ours/loaded.mjs'), EXECUTABLE, command],
    {
      env: environment(),
      encoding: 'utf8',
    },
  );
  must(status === 0, stderr);
  const drivers = stderr.split('\n').filter((url) => DRIVERS.test(url));
  must(drivers.length === 0, `${command} loads ${drivers.join(', ')}`);
}

function facts(command: string): FigureFacts {
  return {
    figure: `start-up-${command}`,
    title: `dinmo --${command}`,
    target: { atMost: 1.15 },
    unit: 'wall s',
    ours: 'the built command',
    against: 'a process that loads commander',
    ratio: 'quotient',
    note: 'No driver of a warehouse and no HTTP client is loaded.',
  };
}

export const startUp: Experiment = {
  name: 'start-up',
  figures: COMMANDS.map(facts),
  rounds: 5,
  run: async () => {
    for (const command of COMMANDS) mustLoadNoDriver(`--${command}`);
    const floor: number[] = [];
    const ours = { help: [] as number[], version: [] as number[] };
    for (let run = 0; run < RUNS; run++) {
      floor.push(time([join(ROOT, 'bench/floors/commander.mjs')]));
      for (const command of COMMANDS) ours[command].push(time([EXECUTABLE, `--${command}`]));
    }
    const against = median(floor);
    return Object.fromEntries(
      COMMANDS.map((command) => [`start-up-${command}`, { ours: median(ours[command]), against }]),
    );
  },
};
