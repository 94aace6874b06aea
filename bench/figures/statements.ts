import { join } from 'node:path';
import { onDatabase, PLAN_SHIFT } from '../data/people.ts';
import type { Experiment, Round } from '../figure.ts';
import { runStages } from '../ours/run-stages.ts';
import { mustBe } from '../project/dinmo.ts';
import { settledProject } from '../project/prepared.ts';
import { copyProject, DATABASE } from '../project/project.ts';
import { must } from '../run/must.ts';

const SIZES = [10_000, 100_000, 1_000_000];
const CHANGES = 1000;

/** Statements of a sync of a thousand changes. */
async function statementsAt(round: Round, rows: number): Promise<number> {
  const folder = copyProject(await settledProject(round, rows, PLAN_SHIFT), round.places.scratch('statements'));
  await onDatabase(join(folder, DATABASE), [
    `update customers set orders = orders + 1 where key in (select key from customers order by key limit ${CHANGES})`,
  ]);
  await round.sink.set({ keep: false });
  const { report, statements } = await runStages('sync', folder, true);
  mustBe(report, { insert: 0, update: CHANGES, delete: 0 });
  must(statements > 0, 'no statement was seen');
  return statements;
}

export const statements: Experiment = {
  name: 'statements',
  figures: [
    {
      figure: 'statements',
      title: 'statements of a sync of 1,000 changes, 1 M rows against 100 k',
      target: { atMost: 1 },
      unit: 'statements',
      ours: '1 M rows',
      against: '100 k rows',
      ratio: 'quotient',
      note: 'Segments below 100,000 rows take one less: there, a look at a few rows before all would save nothing.',
    },
  ],
  rounds: 1,
  prepare: async (round) => {
    for (const rows of SIZES) await settledProject(round, round.size(rows), PLAN_SHIFT);
  },
  run: async (round) => {
    const counts: number[] = [];
    for (const rows of SIZES) counts.push(await statementsAt(round, round.size(rows)));
    const seen = Object.fromEntries(SIZES.map((rows, index) => [`at_${rows}`, counts[index] ?? Number.NaN]));
    return { statements: { ours: counts.at(-1) ?? Number.NaN, against: counts[1] ?? Number.NaN, seen } };
  },
};
