import { join } from 'node:path';
import { onDatabase, SYNC_SHIFT } from '../data/people.ts';
import type { Experiment, Round } from '../figure.ts';
import { dinmo } from '../project/dinmo.ts';
import { freshProject } from '../project/prepared.ts';
import { copyProject, DATABASE } from '../project/project.ts';
import { must } from '../run/must.ts';

const ROWS = 10_000;
const BATCH = 1000;
const POISON = 7;
/** Requests that halving needs to find one row of a batch. */
const BOUND = POISON * Math.log2(BATCH);

async function poisonKeys(folder: string, seed: number): Promise<readonly string[]> {
  const rows = await onDatabase(join(folder, DATABASE), [
    `select key from customers order by hash(key || '${seed}') limit ${POISON}`,
  ]);
  return rows.map((row) => String(row['key']));
}

export const poison: Experiment = {
  name: 'poison',
  figures: [
    {
      figure: 'poison',
      title: '7 poison rows in 10,000, 1,000 a request: requests beyond the batches',
      target: { atMost: 1.2 },
      unit: 'requests',
      ours: 'requests beyond one for each batch, until 9,993 rows are accepted',
      against: 'bisection bound, 7 · log2(1,000)',
      ratio: 'quotient',
    },
  ],
  rounds: 5,
  prepare: async (round) => {
    await freshProject(round, ROWS, SYNC_SHIFT);
  },
  run: async (round: Round) => {
    const folder = copyProject(await freshProject(round, ROWS, SYNC_SHIFT), round.places.scratch('poison'));
    await round.sink.set({ poison: await poisonKeys(folder, round.number) });
    const first = await dinmo(folder, ['sync'], { codes: [1] });
    must(first.report.accepted?.insert === ROWS - POISON, `accepted ${JSON.stringify(first.report.accepted)}`);
    must(first.report.rejected === POISON, `rejected ${first.report.rejected}`);
    const { requests, rows } = await round.sink.counts();
    must(rows === ROWS - POISON, `${rows} rows were taken, not each once`);
    const extra = requests - ROWS / BATCH;
    const next = await dinmo(folder, ['sync'], { codes: [1] });
    const again = (await round.sink.counts()).requests - requests;
    must(next.report.planned?.insert === POISON, `the next run planned ${JSON.stringify(next.report.planned)}`);
    return {
      poison: {
        ours: extra,
        against: BOUND,
        usage: { ours: first.usage, against: null },
        seen: { requests_of_the_next_run: again },
      },
    };
  },
};
