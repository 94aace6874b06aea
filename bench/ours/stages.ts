// One plan or sync through the public functions, in a process that measures its stages: `stages.ts plan|sync FOLDER`.
// Prints what it took, without what a process takes to start and to load the code.
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import type { SyncReport } from '../../src/index.ts';
import { ROOT } from '../run/places.ts';
import { countTraffic } from './traffic.ts';

/** Time that passed in one stage. */
export interface Spent {
  readonly cpuS: number;
  readonly wallS: number;
}

/** What the child prints. */
export interface Stages {
  readonly report: SyncReport['activations'][number] | undefined;
  readonly total: Spent;
  /** Between the first acknowledged batch and the end of delivery. */
  readonly deliver: Spent;
  readonly statements: number;
  readonly rowsRead: number;
}

function now(): Spent {
  const { user, system } = process.cpuUsage();
  return { cpuS: (user + system) / 1e6, wallS: performance.now() / 1000 };
}

function between(from: Spent, to: Spent): Spent {
  return { cpuS: to.cpuS - from.cpuS, wallS: to.wallS - from.wallS };
}

const NOTHING: Spent = { cpuS: 0, wallS: 0 };

async function main(command: string, folder: string): Promise<Stages> {
  // What is built has a driver of its own, before which nobody can stand.
  const counts = process.env['BENCH_TRAFFIC'] === '1';
  const traffic = counts ? countTraffic() : { statements: 0, rows: 0 };
  const file = join(ROOT, counts ? 'src/index.ts' : 'dist/index.js');
  const api = (await import(pathToFileURL(file).href)) as typeof import('../../src/index.ts'); // the same module, built or not
  const marks: { deliver: Spent | null; record: Spent | null } = { deliver: null, record: null };
  const started = now();
  const answer = await (command === 'plan' ? api.planActivations : api.syncActivations)({
    projectDir: folder,
    cwd: folder,
    env: process.env,
    progress: ({ stage }) => {
      if (stage === 'deliver') marks.deliver ??= now();
      if (stage === 'record') marks.record ??= now();
    },
  });
  const total = between(started, now());
  return {
    report: answer.activations[0],
    total,
    deliver: marks.deliver && marks.record ? between(marks.deliver, marks.record) : NOTHING,
    statements: traffic.statements,
    rowsRead: traffic.rows,
  };
}

const [command = 'plan', folder = '.'] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await main(command, folder)));
