import { join } from 'node:path';
import { onDatabase, PLAN_SHIFT } from '../data/people.ts';
import type { Experiment, Round } from '../figure.ts';
import { dinmo, mustBe } from '../project/dinmo.ts';
import { settledProject, states, syncedProject } from '../project/prepared.ts';
import { copyProject, DATABASE, writeDatabase, writeProject } from '../project/project.ts';
import { startSandbox } from '../project/sandbox.ts';
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

/** What a sync plans after the normaliser has a newer version than the one that is stored with what was sent. */
async function resentByNormaliser(round: Round): Promise<number> {
  const folder = round.places.scratch('normaliser');
  await writeProject(folder, {
    destination: {
      platform: 'meta',
      service: 'audiences',
      config: { ad_account_id: '1234567890' },
      credentials: { access_token: "{{ env_var('BENCH_TOKEN') }}" },
    },
    activation: { audience: 'Everybody' },
    columns: { email: { identifier: 'email' } },
  });
  const { path } = await states(round, round.size(ROWS), PLAN_SHIFT);
  await writeDatabase(folder, path, 'select * from states.first');
  const sandbox = await startSandbox();
  try {
    const sync = () => dinmo(folder, ['sync', '--sandbox', sandbox.url], { env: { BENCH_TOKEN: 'sandbox' } });
    mustBe((await sync()).report, { insert: round.size(ROWS), update: 0, delete: 0 });
    const [table] = await onDatabase(join(folder, DATABASE), [
      `select '"' || table_schema || '"."' || table_name || '"' as name from information_schema.tables where table_name like 'identifiers_%'`,
    ]);
    await onDatabase(join(folder, DATABASE), [`update ${table?.['name']} set normaliser = normaliser - 1`]);
    const { planned } = (await sync()).report;
    return (planned?.insert ?? 0) + (planned?.update ?? 0) + (planned?.delete ?? 0);
  } finally {
    await sandbox.end();
  }
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
    {
      figure: 'upgrade-normaliser',
      title: 'rows sent again after a new version of a normaliser, 100 k rows of an audience',
      target: { atMost: 0 },
      unit: 'rows',
      ours: 'what is stored was hashed by the version before',
      against: null,
      ratio: 'value',
      note: 'Removals carry what was stored, so they still hash as the adds did: tests hold it.',
    },
  ],
  rounds: 1,
  prepare: async (round) => {
    await syncedProject(round, round.size(ROWS), PLAN_SHIFT);
  },
  run: async (round) => ({
    'upgrade-duckdb': { ours: await resent(round, upgradeDuckdb), against: null },
    'upgrade-normaliser': { ours: await resentByNormaliser(round), against: null },
  }),
};
