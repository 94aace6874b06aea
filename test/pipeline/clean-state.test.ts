import { afterEach, expect, it, vi } from 'vitest';
import { SHARED_TABLES, stateTables, tableSuffix } from '../../src/diff/state-tables.ts';
import type { KnowledgeStore } from '../../src/knowledge/store.ts';
import { silentLogger } from '../../src/log.ts';
import { describeLeftBehind, dropState, findStaleTables, withoutBlock } from '../../src/pipeline/clean-state.ts';
import { LEASE_MS, Lease, systemProcesses } from '../../src/record/lease.ts';
import { Ledger, readActivationStates } from '../../src/record/ledger.ts';
import { openBenchWarehouse } from '../warehouse/bench-warehouse.ts';
import { Death, SCHEMA, VirtualClock } from './engine-bench.ts';

/** Where a transaction holds tables too, and where it holds rows only; or what the environment names. */
const NAMES = process.env['DINMO_TEST_WAREHOUSE'] ? [process.env['DINMO_TEST_WAREHOUSE']] : ['duckdb', 'rows-only'];
const GONE = 'vip.gone';
const HERE = 'vip.here';
const STORE = { activations: new Map([[HERE, { id: HERE, was: null }]]) } as unknown as KnowledgeStore; // all that is read of it
const AT = '2026-03-01T12:00:00.000Z';

afterEach(() => vi.unstubAllEnvs());

/** Two activations with state: a run that is closed, and one that never was. */
async function furnish(ledger: Ledger): Promise<void> {
  await ledger.create();
  for (const id of [GONE, HERE]) {
    const suffix = tableSuffix(id);
    const tables = stateTables(SCHEMA, suffix);
    await ledger.createSnapshot(tables);
    await ledger.insert('activations', { activation_id: id, table_suffix: suffix, destination: 'hook', fence: 0 });
    for (const status of ['succeeded', 'running']) {
      const run = `${id} ${status}`;
      await ledger.insert('runs', { run_id: run, activation_id: id, status, started_at: AT });
      await ledger.insert('sends', { run_id: run, lo: 1, hi: 2 });
      await ledger.insert('receipts', { run_id: run, lo: 1, hi: 2, status: 'accepted' });
    }
    await ledger.insert('rejections', { activation_id: id, key: '1', operation: 'insert' });
    await ledger.warehouse.run(
      `insert into ${ledger.warehouse.state.table(tables.snapshot)} (key, dirty, departed) values ('1', false, false)`,
    );
  }
}

async function idsIn(ledger: Ledger, table: 'activations' | 'rejections' | 'runs' | 'sends' | 'receipts') {
  const column = table === 'sends' || table === 'receipts' || table === 'runs' ? 'run_id' : 'activation_id';
  const rows = await ledger.warehouse.query(`select ${column} as id from ${ledger.sql(table)} order by 1`);
  return rows.map(({ id }) => id);
}

/** What `clean --yes` does about the state, in a process that dies at the n-th statement. */
async function clean(ledger: Ledger, clock: VirtualClock, mayDie: () => void): Promise<void> {
  const { warehouse } = ledger;
  const run = warehouse.run.bind(warehouse);
  warehouse.run = async (sql) => {
    mayDie();
    return await run(sql);
  };
  try {
    const states = await readActivationStates(ledger);
    for (const state of withoutBlock(states, STORE)) {
      await describeLeftBehind(ledger, await ledger.tables(), state);
      const lease = await Lease.acquire({
        ...{ ledger, activationId: state.activationId, owner: 'clean', clock, logger: silentLogger },
        ...{ processes: systemProcesses, waitMsMax: 0 },
        signal: new AbortController().signal,
      });
      await dropState(ledger, state, { lease, finishedAt: AT, journalFolder: null });
    }
    for (const name of await findStaleTables(ledger, await readActivationStates(ledger), STORE))
      await warehouse.run(`drop table if exists ${warehouse.state.table({ ...SCHEMA, name })}`);
  } finally {
    warehouse.run = run;
  }
}

it.each(NAMES)('a clean that dies at any statement is ended by the next one, on %s', async (name) => {
  vi.stubEnv('DINMO_TEST_WAREHOUSE', name);
  let died = 0;
  for (let at = 1; ; at++) {
    const clock = new VirtualClock();
    const opened = await openBenchWarehouse(':memory:', clock);
    try {
      const ledger = new Ledger(opened.warehouse, SCHEMA);
      await furnish(ledger);
      let statements = 0;
      const ended = await clean(ledger, clock, () => {
        if (++statements === at) throw new Death(`statement ${at}`);
      }).catch((thrown: unknown) => thrown);
      if (ended instanceof Death) died++;
      else expect(ended).toBeUndefined();
      // The lease of the dead has ended by then.
      await clock.sleep(LEASE_MS);
      await clean(ledger, clock, () => {});
      const left = [...(await ledger.tables())].filter((table) => table.includes('gone'));
      expect(left, `died at ${at}`).toEqual([]);
      expect(await idsIn(ledger, 'activations')).toEqual([HERE]);
      expect(await idsIn(ledger, 'rejections')).toEqual([HERE]);
      for (const table of ['sends', 'receipts'] as const)
        expect(await idsIn(ledger, table)).toEqual([`${HERE} running`, `${HERE} succeeded`]);
      expect(await idsIn(ledger, 'runs')).toHaveLength(4);
      const here = (await readActivationStates(ledger)).get(HERE);
      if (here === undefined) throw new Error('it has a block');
      expect(await describeLeftBehind(ledger, await ledger.tables(), here)).toMatchObject({ rows: 1 });
      expect([...(await ledger.tables())]).toEqual(expect.arrayContaining(Object.keys(SHARED_TABLES)));
      if (!(ended instanceof Death)) break;
    } finally {
      await opened.close();
    }
  }
  expect(died).toBeGreaterThan(6);
});
