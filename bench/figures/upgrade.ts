import { join } from 'node:path';
import { onDatabase, PLAN_SHIFT } from '../data/people.ts';
import type { Experiment, Round } from '../figure.ts';
import { dinmo, mustBe } from '../project/dinmo.ts';
import { settledProject, syncedProject } from '../project/prepared.ts';
import { copyProject, DATABASE } from '../project/project.ts';
import { must } from '../run/must.ts';

const ROWS = 100_000;

/** Makes every fast fingerprint one that another version of DuckDB would have made. */
export async function upgradeDuckdb(folder: string): Promise<void> {
  const path = join(folder, DATABASE);
  const tables = await onDatabase(path, [
    "select table_schema || '.' || table_name as name from information_schema.columns where column_name = 'fast' and table_name like 'snapshot_%'",
  ]);
  must(tables.length === 1, `${tables.length} snapshots`);
  const named = String(tables[0]?.['name']).replace('.', '"."');
  await onDatabase(path, [`update "${named}" set fast = xor(fast, 1::ubigint)`]);
}

async function resent(round: Round, upgrade: (folder: string) => Promise<void>): Promise<number> {
  const folder = copyProject(
    await settledProject(round, round.size(ROWS), PLAN_SHIFT),
    round.places.scratch('upgrade'),
  );
  await upgrade(folder);
  await round.sink.set();
  const { report } = await dinmo(folder, ['sync']);
  mustBe(report, { insert: 0, update: 0, delete: 0 });
  return (await round.sink.counts()).rows;
}

export const upgrade: Experiment = {
  name: 'upgrade',
  figures: [
    {
      figure: 'upgrade-duckdb',
      title: 'rows sent again after an upgrade of DuckDB, 100 k rows',
      target: { atMost: 0 },
      unit: 'rows',
      ours: 'every fast fingerprint differs from the one that is stored',
      against: null,
      ratio: 'value',
    },
  ],
  rounds: 1,
  prepare: async (round) => {
    await syncedProject(round, round.size(ROWS), PLAN_SHIFT);
  },
  run: async (round) => ({ 'upgrade-duckdb': { ours: await resent(round, upgradeDuckdb), against: null } }),
};
