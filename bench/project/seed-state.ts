// Fills the snapshot of a project with its table's rows, as if all of them had been sent and acknowledged: what a real sync
// leaves behind, less its minutes. `seed-state.ts FOLDER`; the project has been synced once, with other rows. The lasting
// fingerprints are not the rows' own, which nothing reads but of rows that differ.
import { CurrentRows } from '../../src/diff/current-rows.ts';
import type { DiffJob } from '../../src/diff/job.ts';
import { SNAPSHOT_COLUMNS } from '../../src/diff/state-tables.ts';
import { buildJob, prepareActivation } from '../../src/pipeline/prepare-run.ts';
import { conduct } from '../../src/pipeline/run-activations.ts';
import { plainResult } from '../../src/pipeline/verdict.ts';
import type { Row, Warehouse } from '../../src/warehouse/warehouse.ts';

const [folder = '.'] = process.argv.slice(2);
const options = { projectDir: folder, cwd: folder, env: process.env };

const report = await conduct({
  options,
  access: 'write',
  allow: () => {},
  each: async ({ context, storage, warehouse, dialect }, activation) => {
    const prepared = await prepareActivation(context, storage, { activation, secrets: 'unused' });
    const { tables } = prepared;
    const rejections = storage.ledger.table('rejections');
    const job = await buildJob({
      context,
      options,
      storage,
      prepared,
      warehouse,
      dialect,
      runId: 'seed',
      tables,
      rejections,
    });
    await seed(warehouse, job);
    return plainResult(activation, 'succeeded', '', 0);
  },
});
if (report.exitCode !== 0) throw new Error(JSON.stringify(report));

async function seed(warehouse: Warehouse, job: DiffJob): Promise<void> {
  const { state } = warehouse;
  const snapshot = state.table(job.tables.snapshot);
  const [settled = {}] = await warehouse.query(`select * from ${snapshot} limit 1`);
  const rows = new CurrentRows(state, job);
  const made: Readonly<Record<string, string>> = {
    key: rows.key(),
    key_hash: rows.keyHash(),
    hash_mark: state.hashMark,
    fast: 'c_fast',
    strong: `cast(${rows.keyHash()} as ${state.type('strong_hash')})`,
    owner_key: settled['owner_key'] === null ? 'null' : rows.key(),
  };
  const names = SNAPSHOT_COLUMNS.map(({ name }) => name);
  const values = names.map((name) => made[name] ?? literal(settled, name));
  await warehouse.run(`delete from ${snapshot}`);
  await warehouse.run(
    `insert into ${snapshot} (${names.join(', ')}) select ${values.join(', ')} from (${rows.sql()}) as c`,
  );
}

/** What is the same for every row that was settled. */
function literal(settled: Row, name: string): string {
  const value = settled[name] ?? null;
  return typeof value === 'string' ? `'${value}'` : String(value);
}
