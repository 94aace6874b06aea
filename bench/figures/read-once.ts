import { join } from 'node:path';
import { COLUMNS, onDatabase } from '../data/people.ts';
import type { Experiment, Pair, Round } from '../figure.ts';
import { runStages } from '../ours/run-stages.ts';
import { dinmo, mustBe } from '../project/dinmo.ts';
import { DATABASE } from '../project/project.ts';
import { must } from '../run/must.ts';
import { severalPlatforms } from './side-by-side.ts';

const ROWS = 200_000;
const ORDERS_EACH = 20;
const PLATFORMS = 5;
const NOTHING = { insert: 0, update: 0, delete: 0 };

/** A view that has to be computed: who has at least two large orders, as a segment asks it. */
const ENTITY = `create or replace view "main_DINMO_SEGMENTS".entity_customer as
  select ${Object.keys(COLUMNS)
    .map((name) => `c.${name}`)
    .join(', ')} from main.customers as c
  join (select buyer, count(*) as orders, sum(amount) as spent from main.orders group by buyer having count(*) >= 2) as o on o.buyer = c.key`;

/** The second sync, when nothing has changed: what it takes is what it takes to read and to compare. */
async function second(round: Round, wanted: number) {
  const rows = round.size(ROWS);
  const folder = await severalPlatforms(round, { rows, wanted });
  await onDatabase(join(folder, DATABASE), [
    `create table orders as select c.key as buyer, n.range as n, (hash(c.key, n.range) % 10000) / 100 as amount from customers as c cross join range(${ORDERS_EACH}) as n`,
    ENTITY,
    'checkpoint',
  ]);
  await round.sink.set();
  const { report } = await dinmo(folder, ['sync']);
  must(report.status === 'succeeded', JSON.stringify(report));
  const { rows: taken } = await round.sink.counts();
  must(taken === rows * wanted, `${taken} rows arrived, not ${rows * wanted}`);
  const stages = await runStages('sync', folder);
  mustBe(stages.report, NOTHING);
  const { rows: after } = await round.sink.counts();
  must(after === taken, `${after - taken} rows were sent again`);
  return stages;
}

async function run(round: Round): Promise<Pair> {
  const alone = await second(round, 1);
  const together = await second(round, PLATFORMS);
  return {
    ours: together.total.cpuS,
    against: alone.total.cpuS,
    usage: { ours: { ...together.usage, ...together.total }, against: { ...alone.usage, ...alone.total } },
    seen: { platforms: PLATFORMS, orders: round.size(ROWS) * ORDERS_EACH },
  };
}

export const readOnce: Experiment = {
  name: 'read-once',
  figures: [
    {
      figure: 'read-once',
      title: 'one computed view of 200 k rows over 4 M orders to five platforms, nothing changed',
      target: { atMost: 2.5 },
      unit: 'CPU s',
      ours: 'all five in one command',
      against: 'one of them alone',
      ratio: 'quotient',
      note: 'The view is read once for all five; each compares the copy with a snapshot of its own.',
    },
  ],
  rounds: 3,
  run: async (round) => ({ 'read-once': await run(round) }),
};
