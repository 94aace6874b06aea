import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { Batch, BatchOutcome } from '../../src/destinations/destination.ts';
import { EngineWorld, hashed } from '../pipeline/engine-world.ts';
import { RowsWorld, rowsFacts } from '../pipeline/rows-world.ts';
import { tableWords } from '../warehouse/table-words.ts';
import { people, Shop } from './shop.ts';

const NONE = { insert: 0, update: 0, delete: 0 };
const POISON = [7, 1_234, 1_235, 4_999, 5_000, 9_001, 10_000];
const ROWS = 10_000;
const BATCH = 500;

/** How a platform tells that some rows are bad: each by name, the whole batch, or a count. */
const WAYS: Readonly<Record<string, (bad: number, batch: Batch, isBad: (seq: number) => boolean) => BatchOutcome>> = {
  'with a verdict for each row': (_bad, { rows }, isBad) => ({
    kind: 'receipts',
    receipts: rows.map(({ seq }) =>
      isBad(seq) ? { seq, status: 'rejected', code: 'bad', message: 'bad' } : { seq, status: 'accepted' },
    ),
  }),
  'with a no to the whole batch': (bad, { rows }) =>
    bad > 0
      ? { kind: 'narrow', code: 'bad', message: 'bad' }
      : { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, status: 'accepted' })) },
  'with a count': (bad, { rows }) => ({ kind: 'counted', accepted: rows.length - bad, code: 'bad', message: 'bad' }),
};

describe('seven poison rows of ten thousand', () => {
  let world: RowsWorld;
  beforeEach(async () => {
    world = new RowsWorld();
    const { state } = await world.bench.warehouse();
    const { type } = tableWords(state.name);
    const numbers = state.expandRanges(`(select 1 as lo, ${ROWS} as hi) as ranges`, []);
    await world.bench.run(
      `create table rows as select cast(seq as ${type('bigint')}) as id, 'name ' || cast(seq as ${type('varchar')}) as name from (${numbers}) as numbers`,
    );
  });
  afterEach(() => world.close());

  it.each(Object.entries(WAYS))(
    'hold back nobody else, are tried while attempts last, then parked: %s',
    async (_name, way) => {
      const poison = new Set(POISON.map(String));
      const accepted = new Map<string, number>();
      let requests = 0;
      world.endpoint.fault = (batch) => {
        requests++;
        const bad = new Set(batch.rows.filter(({ keyJson }) => poison.has(keyJson)).map(({ seq }) => seq));
        const outcome = way(bad.size, batch, (seq) => bad.has(seq));
        // A platform that refuses a batch takes none of it; one that counts takes the good ones, each time.
        if (outcome.kind !== 'narrow')
          for (const { seq, keyJson } of batch.rows)
            if (!bad.has(seq)) accepted.set(keyJson, (accepted.get(keyJson) ?? 0) + 1);
        return outcome;
      };
      const limits = { ...rowsFacts('objects').limits, rowsPerRequestMax: BATCH };
      const shape = { attempts: 3, facts: rowsFacts('objects', { limits }) };
      const first = await world.sync(shape);
      expect(first.counts).toMatchObject({
        accepted: { insert: ROWS - 7 },
        rejected: 7,
        deferred: 0,
        unknown: 0,
        parked: 0,
      });
      expect(accepted.size).toBe(ROWS - 7);
      // Not much more than it takes to look for seven rows by halves.
      expect(requests - ROWS / BATCH).toBeLessThanOrEqual(1.2 * 7 * Math.log2(BATCH));
      for (const [run, parked] of [
        [2, 0],
        [3, 7],
      ] as const) {
        accepted.clear();
        requests = 0;
        const { plan, counts } = await world.sync(shape);
        expect({ run, plan, counts }).toMatchObject({
          plan: { planned: { ...NONE, insert: 7 }, unchanged: ROWS - 7 },
          counts: { rejected: 7, parked },
        });
        expect(accepted.size).toBe(0);
      }
      requests = 0;
      expect(await world.sync(shape)).toMatchObject({ plan: { planned: NONE, parked: 7 }, counts: { rejected: 0 } });
      expect(requests).toBe(0);
      await world.bench.run("update rows set name = 'mended' where id = 7");
      await world.bench.run("update rows set name = 'worse' where id = 1234");
      poison.delete('7');
      poison.delete('5000');
      const mended = await world.sync(shape);
      expect(mended).toMatchObject({
        plan: { planned: { ...NONE, insert: 2 }, parked: 5 },
        counts: { accepted: { insert: 1 }, rejected: 1, parked: 0 },
      });
      expect([...accepted.keys()]).toEqual(['7']);
    },
  );
});

describe('parked rows', () => {
  let world = new RowsWorld();
  afterEach(async () => {
    await world.close();
    world = new RowsWorld();
  });
  const refuse = (...keys: readonly string[]) => {
    world.endpoint.fault = ({ rows }) => ({
      kind: 'receipts',
      receipts: rows.map(({ seq, keyJson }) =>
        keys.includes(keyJson) ? { seq, status: 'rejected', code: 'bad', message: 'bad' } : { seq, status: 'accepted' },
      ),
    });
  };

  it('stay parked though everything else is sent again, whole', async () => {
    await world.bench.fill('rows', 'id bigint, name varchar', [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    await world.sync({ attempts: 1 });
    await world.bench.fill('rows', 'id bigint, name varchar', [
      [1, 'a'],
      [2, 'x'],
      [3, 'c'],
      [4, 'd'],
    ]);
    refuse('2', '4');
    expect((await world.sync({ attempts: 1 })).counts).toMatchObject({ rejected: 2, parked: 2 });
    for (const settings of [{ everything: true }, { mode: 'full' as const }]) {
      const { plan, counts } = await world.sync({ attempts: 1, ...settings });
      expect(plan).toMatchObject({ planned: { ...NONE, update: 2 }, parked: 2 });
      expect(counts).toMatchObject({ accepted: { update: 2 }, rejected: 0 });
    }
  });

  it('count their attempts by the data that was refused', async () => {
    refuse('1');
    const attempts = async (name: string, settings = {}) => {
      await world.bench.fill('rows', 'id bigint, name varchar', [
        [1, name],
        [2, 'b'],
      ]);
      const { counts } = await world.sync({ attempts: 3, ...settings });
      const [row] = await world.bench.query('select attempts, parked from "DELTA".rejections');
      return { rejected: counts?.rejected, attempts: Number(row?.['attempts']), parked: row?.['parked'] };
    };
    expect(await attempts('a')).toEqual({ rejected: 1, attempts: 1, parked: false });
    expect(await attempts('a', { everything: true })).toEqual({ rejected: 1, attempts: 2, parked: false });
    expect(await attempts('b')).toEqual({ rejected: 1, attempts: 1, parked: false });
    expect(await attempts('b')).toEqual({ rejected: 1, attempts: 2, parked: false });
    expect(await attempts('b')).toEqual({ rejected: 1, attempts: 3, parked: true });
    expect(await attempts('b')).toEqual({ rejected: 0, attempts: 3, parked: true });
    // The old data again is other data.
    expect(await attempts('a')).toEqual({ rejected: 1, attempts: 1, parked: false });
  });
});

describe('a row that our own rules refuse', () => {
  it('is not sent, and what the destination has for it stays until it is sound again, or gone', async () => {
    const world = new RowsWorld();
    const sync = () =>
      world.bench.sync({
        ...world.activation({}),
        validate: (row) => (row.fieldsJson?.includes('bad') ? { code: 'bad-name', message: 'bad' } : null),
      });
    const hold = (...names: readonly string[]) =>
      world.bench.fill(
        'rows',
        'id bigint, name varchar',
        names.map((name, index) => [index + 1, name]),
      );
    await hold('a', 'b');
    await sync();
    await hold('a', 'bad');
    expect((await sync()).plan).toMatchObject({ planned: NONE, invalid: { 'bad-name': 1 }, removals: 0 });
    expect(world.endpoint.rows.get('2')).toBe('{"name":"b"}');
    await hold('a');
    expect((await sync()).plan.planned).toEqual({ ...NONE, delete: 1 });
    await world.close();
  });
});

describe('a member of a list', () => {
  let world = new EngineWorld();
  afterEach(async () => {
    await world.close();
    world = new EngineWorld();
  });
  const held = () => [...world.audience.identifiers()].sort();
  const email = (value: string) => `email:${hashed('email', value)}`;
  const person = (id: number, address: string, country = 'FR') => ({ id, email: address, phone: null, country });

  it('whose new identifier is refused is off the list, is tried again whole, and leaves nothing behind', async () => {
    await world.hold([person(1, 'old@x'), person(2, 'b@x')]);
    await world.sync();
    world.audience.poison.add(email('new@x'));
    await world.hold([person(1, 'new@x'), person(2, 'b@x')]);
    const changed = await world.sync({ attempts: 2 });
    expect(changed.counts).toMatchObject({ accepted: NONE, rejected: 1 });
    expect(held()).toEqual([email('b@x')]);
    // It is not there any more: an insert, and then parked.
    expect(await world.sync({ attempts: 2 })).toMatchObject({
      plan: { planned: { ...NONE, insert: 1 }, snapshotRows: 1 },
      counts: { rejected: 1 },
    });
    await world.sync({ attempts: 2 });
    expect((await world.sync({ attempts: 2 })).plan).toMatchObject({ planned: NONE, parked: 1 });
    // The old address is nobody's: who takes it is an ordinary joiner, who leaves an ordinary leaver.
    await world.hold([person(1, 'new@x'), person(2, 'b@x'), person(3, 'old@x')]);
    expect((await world.sync({ attempts: 2 })).counts).toMatchObject({ accepted: { insert: 1 }, rejected: 0 });
    await world.hold([person(2, 'b@x')]);
    expect((await world.sync({ attempts: 2 })).plan.planned).toEqual({ ...NONE, delete: 1 });
    expect(held()).toEqual([email('b@x')]);
    expect(await world.bench.query('select 1 from "DELTA".rejections')).toEqual([]);
  });

  it('whose removal is refused is tried for ever, and never sent as what it is now', async () => {
    await world.hold([person(1, 'old@x'), person(2, 'gone@x'), person(3, 'c@x')]);
    await world.sync();
    world.audience.fault = (batch) =>
      batch.operation === 'delete' ? { kind: 'counted', accepted: 0, code: 'no', message: 'no' } : null;
    await world.hold([person(1, 'new@x'), person(3, 'c@x')]);
    for (let run = 1; run <= 4; run++) {
      const { plan, counts } = await world.sync({ attempts: 1 });
      expect({ run, planned: plan.planned, parked: plan.parked }).toEqual({
        run,
        planned: { insert: 0, update: 1, delete: 1 },
        parked: 0,
      });
      expect(counts).toMatchObject({ accepted: NONE, deferred: 1, rejected: 1, parked: 0 });
      expect(held()).toEqual([email('c@x'), email('gone@x'), email('old@x')].sort());
    }
    world.audience.fault = null;
    expect((await world.sync()).counts?.accepted).toEqual({ insert: 0, update: 1, delete: 1 });
    expect(held()).toEqual([email('c@x'), email('new@x')].sort());
  });
});

describe('retry and status', () => {
  let shop: Shop;
  beforeEach(async () => {
    shop = await Shop.open();
  });
  afterEach(() => shop.close());

  test('speak of the chosen activations, and try what is parked there and nowhere else', async () => {
    shop.configure({
      vip: '      hook: {attempts: 1, mapping: {mail: email}}',
      fans: '      hook: {attempts: 1, mapping: {mail: email, name: name}}',
    });
    await shop.hold(people(1, 4));
    shop.hook.poison.add('3');
    expect(await shop.json('sync')).toMatchObject({ code: 1, activations: [{ rejected: 1 }, { rejected: 1 }] });
    // Parked rows were told: they do not change the exit code any more, and are counted all the same.
    const quiet = await shop.json('sync');
    expect(quiet.code).toBe(0);
    for (const { reason, status } of quiet.activations) {
      expect(status).toBe('succeeded');
      expect(reason).toMatch(/1 rows? .*parked.*retry/);
    }
    shop.hook.poison.clear();
    expect(await shop.one('retry', '--select', 'fans')).toMatchObject({ code: 0, accepted: { insert: 1 } });
    expect(shop.hooked('fans.hook')).toContain('3');
    expect(await shop.one('sync', '--select', 'vip')).toMatchObject({ code: 0, accepted: NONE });
    const status = (await shop.dinmo('status', '--rejected')).all;
    expect(status).toMatch(/vip\.hook\s+3\s[\s\S]*poison[^\n]*parked/);
    expect(status).not.toContain('fans.hook');
  });

  test('a row that is refused again after a retry has all its attempts anew', async () => {
    shop.configure({ vip: '      hook: {attempts: 2}' });
    await shop.hold(people(1, 2));
    shop.hook.poison.add('2');
    await shop.one('sync');
    expect(await shop.one('sync')).toMatchObject({ code: 1, rejected: 1 });
    expect(await shop.one('sync')).toMatchObject({ code: 0, rejected: 0 });
    expect(await shop.one('retry')).toMatchObject({ code: 1, rejected: 1 });
    expect(await shop.one('sync')).toMatchObject({ code: 1, rejected: 1 });
    expect(await shop.one('sync')).toMatchObject({ code: 0, rejected: 0 });
  });
});
