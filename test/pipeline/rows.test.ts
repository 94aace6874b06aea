import { afterEach, describe, expect, it } from 'vitest';
import { RowsWorld, rowsFacts } from './rows-world.ts';

let world = new RowsWorld();
afterEach(async () => {
  await world.close();
  world = new RowsWorld();
});

const NONE = { insert: 0, update: 0, delete: 0 };

async function hold(
  rows: readonly (readonly [id: number | null, name: string | null, extra?: string | null])[],
): Promise<void> {
  await world.bench.fill(
    'rows',
    'id bigint, name varchar, extra varchar',
    rows.map(([id, name, extra]) => [id, name, extra ?? null]),
  );
}

const lost = {
  kind: 'retry',
  applied: 'maybe',
  throttled: false,
  afterMs: 1,
  code: 'reset',
  message: 'reset',
} as const;

describe('rows by key', () => {
  it.each([2, 4, 7])('that change in the same way, %i of them, are all seen to have changed', async (count) => {
    const rows = (name: string) => Array.from({ length: count }, (_, id) => [id, name, 'same'] as const);
    await hold(rows('open'));
    await world.sync();
    await hold(rows('paid'));
    expect((await world.sync()).counts?.accepted).toEqual({ ...NONE, update: count });
  });

  it('are inserted, updated and deleted once each; a key that is not sound is never sent, and stays', async () => {
    await hold([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, null],
    ]);
    expect((await world.sync()).log).toEqual([
      'insert 1 {"name":"a"}',
      'insert 2 {"name":"b"}',
      'insert 3 {"name":"c"}',
      'insert 4 {"name":null}',
    ]);
    await hold([
      [1, 'a'],
      [2, 'x'],
      [3, 'c'],
      [3, 'c'],
      [3, 'other'],
      [null, 'n'],
      [5, 'e'],
    ]);
    const second = await world.sync();
    expect(second.log).toEqual(['delete 4', 'insert 5 {"name":"e"}', 'update 2 {"name":"x"}']);
    expect(second.plan).toMatchObject({ invalid: { 'duplicate-key': 3, 'null-key': 1 }, unchanged: 1 });
    // Copies without any difference are not sound either.
    await hold([
      [1, 'a'],
      [1, 'a'],
      [2, 'x'],
      [3, 'c'],
      [5, 'e'],
    ]);
    expect((await world.sync()).plan).toMatchObject({
      planned: NONE,
      invalid: { 'duplicate-key': 2 },
      unchanged: 3,
      changes: 0,
    });
  });

  it('come whole with a full refresh, and who left is still removed', async () => {
    await hold([
      [1, 'a'],
      [2, 'b'],
    ]);
    await world.sync();
    await hold([
      [1, 'a'],
      [3, 'c'],
    ]);
    expect((await world.sync({ everything: true })).log).toEqual([
      'delete 2',
      'insert 3 {"name":"c"}',
      'update 1 {"name":"a"}',
    ]);
    expect((await world.sync({ mode: 'full' })).log).toEqual(['update 1 {"name":"a"}', 'update 3 {"name":"c"}']);
    expect((await world.sync()).plan).toMatchObject({ planned: NONE, unchanged: 2 });
  });

  it('may have a key of several columns, of any type', async () => {
    const columns = 'tenant bigint, day timestamp, name varchar';
    await world.bench.fill('rows', columns, [[9007199254740993n, '2026-01-02 03:04:05', 'é"']]);
    const shape = { keys: { tenant: 'BIGINT', day: 'TIMESTAMP' } };
    expect((await world.sync(shape)).log).toEqual([
      'insert {"tenant":9007199254740993,"day":"2026-01-02T03:04:05Z"} {"name":"é\\""}',
    ]);
    await world.bench.fill('rows', columns, []);
    expect((await world.sync(shape)).log).toEqual(['delete {"tenant":9007199254740993,"day":"2026-01-02T03:04:05Z"}']);
  });

  it('are sent again when the mapping says something else, not when it says the same in another order', async () => {
    await hold([
      [1, 'a', 'x'],
      [2, 'b', 'y'],
    ]);
    const both = [{ field: 'name' }, { field: 'extra' }];
    await world.sync({ fields: both });
    const plan = async (fields: Parameters<RowsWorld['activation']>[0]['fields'] & object) =>
      (await world.bench.plan(world.activation({ fields }))).planned.update;
    expect(await plan([{ field: 'extra' }, { field: 'name' }])).toBe(0);
    expect(await plan([{ field: 'name' }])).toBe(2);
    expect(await plan([...both, { field: 'currency', value: 'EUR' }])).toBe(2);
    expect(
      await plan([
        { field: 'name', from: 'extra' },
        { field: 'extra', from: 'name' },
      ]),
    ).toBe(2);
    expect(await plan([{ field: 'title', from: 'name' }, { field: 'extra' }])).toBe(2);
    expect(await plan([{ field: 'name', nulls: 'skip' }, { field: 'extra' }])).toBe(2);
    // What is written on insert only says nothing of rows that are there.
    expect(await plan([...both, { field: 'first', from: 'name', write: 'on_insert' }])).toBe(0);
    await world.sync({ fields: [...both, { field: 'currency', value: 'EUR' }] });
    expect(world.endpoint.rows.get('1')).toBe('{"name":"a","extra":"x","currency":"EUR"}');
    const changed = await world.sync({ fields: [...both, { field: 'currency', value: 'USD' }] });
    expect(changed.plan.planned.update).toBe(2);
  });

  it('leave out, empty or name a NULL as the mapping says', async () => {
    await hold([[1, null]]);
    const fields = (['skip', 'clear', 'null'] as const).map((nulls) => ({ field: nulls, from: 'name', nulls }));
    expect((await world.sync({ fields })).log).toEqual(['insert 1 {"clear":null,"null":null}']);
    expect((await world.sync({ fields: [{ field: 'name', nulls: 'skip' }] })).log).toEqual(['update 1 {}']);
  });

  it('write once what is written on insert only', async () => {
    await hold([[1, 'a', 'x']]);
    const fields = [{ field: 'name' }, { field: 'extra', write: 'on_insert' as const }];
    expect((await world.sync({ fields })).log).toEqual(['insert 1 {"name":"a","extra":"x"}']);
    await hold([[1, 'b', 'y']]);
    expect((await world.sync({ fields })).log).toEqual(['update 1 {"name":"b"}']);
    expect((await world.sync({ fields, everything: true })).log).toEqual(['update 1 {"name":"b"}']);
  });

  it('are not sent where the operation is not among those allowed', async () => {
    await hold([
      [1, 'a'],
      [2, 'b'],
    ]);
    await world.sync({ operations: ['insert'] });
    await hold([
      [1, 'x'],
      [3, 'c'],
    ]);
    const { plan, log } = await world.sync({ operations: ['insert'] });
    expect({ log, staying: plan.staying }).toEqual({ log: ['insert 3 {"name":"c"}'], staying: 1 });
    expect((await world.sync({ operations: ['update'] })).log).toEqual(['update 1 {"name":"x"}']);
    // A change of operations picks up what was left.
    expect((await world.sync()).log).toEqual(['delete 2']);
    await hold([
      [2, 'b'],
      [3, 'c'],
    ]);
    expect((await world.sync()).log).toEqual(['delete 1', 'insert 2 {"name":"b"}']);
  });

  it('that come back unchanged before they could be removed are not sent', async () => {
    await hold([
      [1, 'a'],
      [2, 'b'],
    ]);
    await world.sync();
    await hold([[1, 'a']]);
    await world.sync({ operations: ['insert', 'update'] });
    await hold([
      [1, 'a'],
      [2, 'b'],
    ]);
    expect((await world.sync()).plan).toMatchObject({ planned: NONE, unchanged: 2, staying: 0 });
    expect((await world.sync()).plan).toMatchObject({ planned: NONE, unchanged: 2, snapshotRows: 2 });
  });
});

describe('rows that the destination refuses', () => {
  const refuse = (bad: (keyJson: string, operation: string) => boolean) => {
    world.endpoint.fault = ({ rows, operation }) => ({
      kind: 'receipts',
      receipts: rows.map(({ seq, keyJson }) =>
        bad(keyJson, operation)
          ? { seq, status: 'rejected', code: 'bad', message: 'no good' }
          : { seq, status: 'accepted' },
      ),
    });
  };
  const rejections = async () => {
    const rows = await world.bench.query(
      'select key, operation, attempts, parked from "DELTA".rejections order by key',
    );
    return rows.map((row) => ({ ...row, attempts: Number(row['attempts']) }));
  };

  it('block no others, are tried as often as said, and are forgotten once accepted or gone', async () => {
    await hold([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, 'd'],
    ]);
    refuse((key) => key === '1' || key === '2');
    const shape = { attempts: 2 };
    expect((await world.sync(shape)).counts).toMatchObject({ accepted: { insert: 2 }, rejected: 2, parked: 0 });
    const second = await world.sync(shape);
    expect(second).toMatchObject({ plan: { planned: { insert: 2 } }, counts: { rejected: 2, parked: 2 } });
    expect(await rejections()).toEqual([
      { key: '1', operation: 'insert', attempts: 2, parked: true },
      { key: '2', operation: 'insert', attempts: 2, parked: true },
    ]);
    const third = await world.sync(shape);
    expect(third).toMatchObject({ plan: { planned: NONE, parked: 2 }, counts: { rejected: 0, parked: 0 } });
    // Changed data is tried at once, and counts from one again; who left is forgotten.
    await hold([
      [1, 'x'],
      [3, 'c'],
      [4, 'd'],
    ]);
    expect((await world.sync(shape)).counts).toMatchObject({ rejected: 1, parked: 0 });
    expect(await rejections()).toEqual([{ key: '1', operation: 'insert', attempts: 1, parked: false }]);
    world.endpoint.fault = null;
    expect((await world.sync(shape)).counts).toMatchObject({ accepted: { insert: 1 } });
    expect(await rejections()).toEqual([]);
  });

  it('keep what was accepted of them before', async () => {
    await hold([[1, 'a']]);
    await world.sync();
    await hold([[1, 'x']]);
    refuse(() => true);
    await world.sync({ attempts: 1 });
    expect((await world.sync({ attempts: 1 })).plan).toMatchObject({ parked: 1, planned: NONE, snapshotRows: 1 });
    // Back to what the destination has: nothing to do, nothing to remember.
    await hold([[1, 'a']]);
    expect((await world.sync({ attempts: 1 })).plan).toMatchObject({ parked: 0, planned: NONE, unchanged: 1 });
    expect(await rejections()).toEqual([]);
  });

  it('are never parked as removals, and a parked row is removed when it leaves', async () => {
    await hold([
      [1, 'a'],
      [2, 'b'],
    ]);
    await world.sync();
    await hold([[2, 'x']]);
    refuse((_key, operation) => operation !== 'insert');
    for (let attempt = 1; attempt <= 4; attempt++) {
      const { plan } = await world.sync({ attempts: 2 });
      expect(plan.planned).toEqual({ insert: 0, update: attempt <= 2 ? 1 : 0, delete: 1 });
    }
    expect(await rejections()).toEqual([
      { key: '1', operation: 'delete', attempts: 4, parked: false },
      { key: '2', operation: 'update', attempts: 2, parked: true },
    ]);
    world.endpoint.fault = null;
    await hold([]);
    expect((await world.sync()).log).toEqual(['delete 1', 'delete 2']);
    expect(await rejections()).toEqual([]);
  });

  it('do not count an attempt that had no answer', async () => {
    await hold([[1, 'a']]);
    world.endpoint.fault = () => ({ kind: 'refused', code: 'no', message: 'no right', fix: 'ask' });
    for (let attempt = 0; attempt < 3; attempt++)
      expect((await world.sync({ attempts: 1 })).counts).toMatchObject({ rejected: 0, deferred: 1 });
    world.endpoint.fault = null;
    expect((await world.sync({ attempts: 1 })).counts).toMatchObject({ accepted: { insert: 1 } });
  });
});

describe('guards', () => {
  it('that trip send nothing, over removals of those who stayed behind too', async () => {
    const guards = { max_delete_percent: 20, min_delete_rows: 1, allow_empty: false };
    await hold([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
      [4, 'd'],
    ]);
    await world.sync({ guards });
    await hold([
      [1, 'a'],
      [2, 'x'],
    ]);
    const first = await world.sync({ guards });
    expect(first).toMatchObject({
      counts: null,
      log: [],
      plan: { guards: [{ guard: 'delete-percent', overridden: false }] },
    });
    expect((await world.sync({ guards, operations: ['insert', 'update'] })).log).toEqual(['update 2 {"name":"x"}']);
    expect((await world.sync({ guards })).counts).toBeNull();
    const overrides = { allowDeletes: true, allowEmpty: false, allowKeyChurn: false };
    expect((await world.sync({ guards, overrides })).log).toEqual(['delete 3', 'delete 4']);
    await hold([]);
    expect((await world.sync({ guards, overrides })).plan.guards.map(({ guard }) => guard)).toEqual([
      'empty-segment',
      'delete-percent',
    ]);
    expect(world.endpoint.rows.size).toBe(2);
  });
});

describe('events', () => {
  const facts = rowsFacts('events');
  const shape = { facts, eventTime: 'TIMESTAMP' } as const;
  const happen = (rows: readonly (readonly [number | null, string])[]) =>
    world.bench.fill(
      'rows',
      'id bigint, happened timestamp, name varchar',
      rows.map(([id, at]) => [id, `2026-02-${at}:00`, 'x']),
    );
  const keys = (log: readonly string[]) => log.map((line) => line.split(' ').slice(0, 2).join(' '));

  it('are sent once, late ones too while they are not too old', async () => {
    await happen([
      [1, '10 10:00'],
      [2, '11 10:00'],
    ]);
    const eventsFrom = '2026-02-10T12:00:00.000Z';
    const first = await world.sync({ ...shape, eventsFrom });
    expect({ keys: keys(first.log), rows: first.plan.segmentRows }).toEqual({ keys: ['insert 2'], rows: 1 });
    await happen([
      [1, '10 10:00'],
      [2, '11 10:00'],
      [3, '10 13:00'],
      [4, '09 10:00'],
    ]);
    const second = await world.sync({ ...shape, eventsFrom });
    expect(keys(second.log)).toEqual(['insert 3']);
    expect(second.plan).toMatchObject({ unchanged: 1, planned: { insert: 1, update: 0, delete: 0 } });
    // What changes or disappears after it was acknowledged is not sent, and not removed.
    await happen([[3, '10 14:00']]);
    expect((await world.sync({ ...shape, eventsFrom })).log).toEqual([]);
    expect((await world.sync({ ...shape, mode: 'full', eventsFrom })).log).toEqual([]);
    expect(keys((await world.sync({ ...shape, mode: 'full', eventsFrom, resendEvents: true })).log)).toEqual([
      'insert 3',
    ]);
  });

  it('of a key that is not sound are not sent, unless it was acknowledged before', async () => {
    await happen([
      [1, '10 10:00'],
      [1, '10 10:00'],
      [null, '10 10:00'],
      [2, '10 10:00'],
    ]);
    expect((await world.sync(shape)).plan).toMatchObject({
      invalid: { 'duplicate-key': 2, 'null-key': 1 },
      planned: { insert: 1 },
    });
    await happen([
      [2, '10 10:00'],
      [2, '10 10:00'],
    ]);
    expect((await world.sync(shape)).plan).toMatchObject({ invalid: {}, planned: NONE });
  });

  it('without an answer are repeated where that has no effect, and nowhere else', async () => {
    for (const deduplicates of [true, false]) {
      const mine = { ...shape, id: `events.${deduplicates}`, facts: rowsFacts('events', { deduplicates }) };
      await happen([
        [1, '10 10:00'],
        [2, '10 10:00'],
      ]);
      world.endpoint.fault = (_batch, apply) => {
        apply();
        return lost;
      };
      expect((await world.sync(mine)).counts).toMatchObject({ unknown: 2 });
      world.endpoint.fault = null;
      const again = await world.sync(mine);
      expect(keys(again.log)).toEqual(deduplicates ? ['insert 1', 'insert 2'] : []);
      expect(again.plan.planned).toEqual({ insert: deduplicates ? 2 : 0, update: 0, delete: 0 });
      expect((await world.sync(mine)).log).toEqual([]);
    }
  });

  it('that never went out are still sent where nothing may be repeated', async () => {
    const mine = {
      ...shape,
      facts: rowsFacts('events', {
        deduplicates: false,
        limits: { ...facts.limits, connectionsMax: 1, rowsPerRequestMax: 1 },
      }),
    };
    await happen([
      [1, '10 10:00'],
      [2, '10 10:00'],
      [3, '10 10:00'],
    ]);
    const stopping = new AbortController();
    world.endpoint.fault = () => {
      stopping.abort();
      return null;
    };
    const cut = await world.sync({ ...mine, signal: stopping.signal });
    expect(cut).toMatchObject({
      stop: { kind: 'interrupted' },
      counts: { accepted: { insert: 1 }, unknown: 0, deferred: 2 },
    });
    world.endpoint.fault = null;
    expect((await world.sync(mine)).counts?.accepted.insert).toBe(2);
    expect([...world.endpoint.taken.values()]).toEqual([1, 1, 1]);
  });

  it('of a service that takes updates are new keys only, all the same', async () => {
    const mine = { ...shape, facts: rowsFacts('audiences'), mode: 'incremental' as const };
    await happen([
      [1, '10 10:00'],
      [2, '10 10:00'],
    ]);
    await world.sync(mine);
    await happen([
      [1, '12 10:00'],
      [3, '10 10:00'],
    ]);
    expect(keys((await world.sync(mine)).log)).toEqual(['insert 3']);
    world.endpoint.fault = () => lost;
    await happen([[4, '10 10:00']]);
    await world.sync(mine);
    world.endpoint.fault = null;
    expect(keys((await world.sync(mine)).log)).toEqual(['update 4']);
  });
});
