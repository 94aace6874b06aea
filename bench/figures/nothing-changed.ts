import { PLAN_SHIFT } from '../data/people.ts';
import type { Experiment } from '../figure.ts';
import { runStages } from '../ours/run-stages.ts';
import { mustBe } from '../project/dinmo.ts';
import { settledProject } from '../project/prepared.ts';
import { must } from '../run/must.ts';
import { bareJoin } from './plan.ts';

const ROWS = 10_000_000;
/** Rows of the ledger and of dbt's results, whatever the size of the segment. */
const ROWS_READ_MAX = 500;
const NOTHING = { insert: 0, update: 0, delete: 0 };

export const nothingChanged: Experiment = {
  name: 'nothing-changed',
  figures: [
    {
      figure: 'nothing-changed-10m',
      title: 'nothing changed, 10 M rows',
      target: { atMost: 0.35 },
      unit: 'CPU s',
      ours: 'the whole call of plan, from opening the file',
      against: 'bare hash join on the key',
      ratio: 'quotient',
      note: 'No row of the segment leaves the warehouse, and no request is made.',
    },
  ],
  rounds: 5,
  prepare: async (round) => {
    await settledProject(round, round.size(ROWS), PLAN_SHIFT);
  },
  run: async (round) => {
    const folder = await settledProject(round, round.size(ROWS), PLAN_SHIFT);
    const floor = await bareJoin(folder);
    const ours = await runStages('plan', folder);
    mustBe(ours.report, NOTHING);
    await round.sink.set();
    const sync = await runStages('sync', folder);
    mustBe(sync.report, NOTHING);
    const { requests } = await round.sink.counts();
    must(requests === 0, `${requests} requests were made`);
    const watched = await runStages('sync', folder, true);
    must(watched.statements > 0 && watched.rowsRead <= ROWS_READ_MAX, `${watched.rowsRead} rows came into the process`);
    return {
      'nothing-changed-10m': {
        ours: ours.total.cpuS,
        against: floor.join.cpuS,
        usage: {
          ours: { ...ours.usage, ...ours.total },
          against: { ...floor.usage, cpuS: floor.join.cpuS, wallS: floor.join.wallS },
        },
        seen: {
          rows_into_the_process: watched.rowsRead,
          sync_cpu_s: sync.total.cpuS,
          sync_statements: watched.statements,
        },
      },
    };
  },
};
