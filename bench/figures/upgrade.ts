import { join } from 'node:path';
import { onDatabase, PLAN_SHIFT } from '../data/people.ts';
import type { Experiment, Round } from '../figure.ts';
import { dinmo, mustBe } from '../project/dinmo.ts';
import { settledProject, syncedProject } from '../project/prepared.ts';
import { copyProject, DATABASE } from '../project/project.ts';
import { must } from '../run/must.ts';

const ROWS = 100_000;

/** What a version of DuckDB leaves behind whose `hash()` is another: every number that it made, and the mark that says so. */
const OF_ITS_HASH = ['fast', 'key_hash', 'hash_mark'];

async function upgradeDuckdb(folder: string): Promise<void> {
  const path = join(folder, DATABASE);
  const columns = await onDatabase(path, [
    `select '"' || table_schema || '"."' || table_name || '"' as name, column_name from information_schema.columns
    where table_name like 'snapshot_%' and column_name in (${OF_ITS_HASH.map((name) => `'${name}'`).join(', ')})`,
  ]);
  must(columns.length >= 1, 'the snapshot has no fingerprint of DuckDB');
  const changes = columns.map((row) => `${row['column_name']} = xor(${row['column_name']}, 1::ubigint)`);
  await onDatabase(path, [`update ${columns[0]?.['name']} set ${changes.join(', ')}`]);
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
      ours: 'every hash that DuckDB made of keys and rows differs from the one that is stored',
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
