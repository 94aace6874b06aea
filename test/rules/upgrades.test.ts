import { afterEach, describe, expect, it, vi } from 'vitest';
import { SNAPSHOT_COLUMNS, tableSuffix } from '../../src/diff/state-tables.ts';
import { CrmWorld } from '../pipeline/crm-world.ts';
import type { BenchActivation, EngineBench } from '../pipeline/engine-bench.ts';
import { EngineWorld } from '../pipeline/engine-world.ts';
import { RowsWorld, rowsFacts } from '../pipeline/rows-world.ts';

const NONE = { insert: 0, update: 0, delete: 0 };

/** One kind of service on the bench. */
interface Setup {
  readonly bench: EngineBench;
  readonly activation: BenchActivation;
  /** Replaces the rows: of id, e-mail address and name. */
  hold(rows: readonly (readonly [id: number, email: string, name: string])[]): Promise<void>;
  /** Rows that were sent until now. */
  sent(): number;
  /** What one insert, one update and one removal are where nothing else happens. */
  readonly change: { readonly insert: number; readonly update: number; readonly delete: number };
  close(): Promise<void>;
}

function rows(): Setup {
  const world = new RowsWorld();
  const taken = () => [...world.endpoint.taken.values()].reduce((sum, times) => sum + times, 0);
  return {
    bench: world.bench,
    activation: world.activation({ fields: [{ field: 'email' }, { field: 'name' }] }),
    hold: (held) => world.bench.fill('rows', 'id bigint, email varchar, name varchar', held),
    sent: taken,
    change: { insert: 1, update: 1, delete: 1 },
    close: () => world.close(),
  };
}

function events(): Setup {
  const world = new RowsWorld();
  return {
    ...rows(),
    bench: world.bench,
    activation: world.activation({ facts: rowsFacts('events'), eventTime: 'TIMESTAMP' }),
    hold: (held) =>
      world.bench.fill(
        'rows',
        'id bigint, email varchar, name varchar, happened timestamp',
        held.map((row) => [...row, '2026-02-10 10:00:00']),
      ),
    sent: () => [...world.endpoint.taken.values()].reduce((sum, times) => sum + times, 0),
    change: { insert: 1, update: 0, delete: 0 },
    close: () => world.close(),
  };
}

function list(): Setup {
  const world = new EngineWorld();
  return {
    bench: world.bench,
    activation: world.activation({}),
    hold: (held) => world.hold(held.map(([id, email, name]) => ({ id, email, phone: null, country: name }))),
    sent: () => world.audience.sentRows,
    change: { insert: 1, update: 1, delete: 1 },
    close: () => world.close(),
  };
}

function objects(): Setup {
  const world = new CrmWorld();
  return {
    bench: world.bench,
    activation: { ...world.activation(), send: async (batch) => world.crm.send(batch) },
    hold: (held) => world.hold(held.map(([id, email, name]) => ({ id, email, name }))),
    sent: () => world.crm.log.length,
    change: { insert: 1, update: 1, delete: 1 },
    close: () => world.close(),
  };
}

const PEOPLE = Array.from({ length: 9 }, (_, i): [number, string, string] => [i + 1, `p${i + 1}@x`, `Name ${i + 1}`]);

let setup: Setup | null = null;
afterEach(async () => {
  vi.restoreAllMocks();
  await setup?.close();
  setup = null;
});

describe.each([
  ['rows by key', rows],
  ['events', events],
  ['a list', list],
  ['objects', objects],
])('%s, with state that another version of the engine wrote', (_name, make) => {
  const HASHES = SNAPSHOT_COLUMNS.filter(({ type }) => type === 'fast_hash').map(({ name }) => name);

  /** What the snapshot says that only one version of the engine can say. */
  async function hashes({ bench, activation }: Setup): Promise<string> {
    const text = (await bench.warehouse()).state.type('text');
    const table = `"DELTA"."snapshot_${tableSuffix(activation.id)}"`;
    return JSON.stringify(
      await bench.query(
        `select key, ${HASHES.map((name) => `cast(${name} as ${text}) as ${name}`).join(', ')} from ${table} order by key`,
      ),
    );
  }

  /** Every hash is another number, as after an upgrade of the engine. */
  async function age({ bench, activation }: Setup): Promise<void> {
    const { state } = await bench.warehouse();
    const others = HASHES.map((name) => `${name} = ${state.keyHash(`cast(${name} as ${state.type('text')}) || 'v2'`)}`);
    await bench.run(`update "DELTA"."snapshot_${tableSuffix(activation.id)}" set ${others.join(', ')}`);
  }

  it('nothing is sent again, and from the next run on all is as if it had been written here', async () => {
    setup = make();
    const { bench, activation, hold, sent } = setup;
    await hold(PEOPLE);
    await bench.sync(activation);
    const before = { hashes: await hashes(setup), sent: sent() };
    await age(setup);
    expect(await hashes(setup)).not.toBe(before.hashes);
    expect((await bench.plan(activation)).planned).toEqual(NONE);
    const { plan, counts } = await bench.sync(activation);
    expect(plan).toMatchObject({ planned: NONE, unchanged: PEOPLE.length, changes: 0, removals: 0, guards: [] });
    expect(counts).toMatchObject({ accepted: NONE, rejected: 0, deferred: 0, unknown: 0 });
    expect(sent()).toBe(before.sent);
    // Events are met by their keys alone: nothing of theirs needs to be written anew.
    if (activation.facts.service !== 'events') expect(await hashes(setup)).toBe(before.hashes);
    expect((await bench.sync(activation)).plan).toMatchObject({ planned: NONE, unchanged: PEOPLE.length });
  });

  it('only what changed meanwhile is sent', async () => {
    setup = make();
    const { bench, activation, hold, change, sent } = setup;
    await hold(PEOPLE);
    await bench.sync(activation);
    const before = sent();
    await age(setup);
    await hold([[1, 'p1@x', 'Other'], ...PEOPLE.slice(2), [10, 'p10@x', 'Ten']]);
    const { plan, counts } = await bench.sync(activation);
    expect(plan.planned).toEqual(change);
    expect(counts?.accepted).toEqual(change);
    expect(sent() - before).toBe(change.insert + change.update + change.delete);
    expect((await bench.sync(activation)).plan.planned).toEqual(NONE);
  });
});

describe.each([
  ['rows by key', rows],
  ['a list', list],
  ['objects', objects],
])('%s, where many keys have one hash', (_name, make) => {
  it('are told apart all the same', async () => {
    setup = make();
    const { bench, activation, hold, change } = setup;
    const { state } = await bench.warehouse();
    const keyHash = state.keyHash.bind(state);
    const few = vi.spyOn(state, 'keyHash').mockImplementation((key) => `(${keyHash(key)} % 3)`);
    await hold(PEOPLE);
    expect((await bench.sync(activation)).plan.planned).toEqual({ ...NONE, insert: PEOPLE.length });
    expect((await bench.sync(activation)).plan).toMatchObject({ planned: NONE, unchanged: PEOPLE.length });
    await hold([[1, 'p1@x', 'Other'], ...PEOPLE.slice(2), [10, 'p10@x', 'Ten']]);
    const { counts } = await bench.sync(activation);
    expect(counts?.accepted).toEqual(change);
    await hold([]);
    expect((await bench.sync(activation)).counts?.accepted).toEqual({ ...NONE, delete: PEOPLE.length });
    expect((await bench.sync(activation)).plan).toMatchObject({ planned: NONE, snapshotRows: 0 });
    expect(few).toHaveBeenCalled();
  });
});
