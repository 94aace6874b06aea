import { afterEach, describe, expect, it } from 'vitest';
import { type Contact, CrmWorld } from './crm-world.ts';

let world = new CrmWorld();
afterEach(async () => {
  await world.close();
  world = new CrmWorld();
});

function contact(id: number | null, email: string | null, name = 'Ada', note: string | null = null): Contact {
  return { id, email, name, note };
}

/** Syncs these rows, and tells what the platform was asked. */
async function sync(contacts: readonly Contact[], activation = 'a') {
  await world.hold(contacts, activation);
  world.crm.log.length = 0;
  const { plan, counts } = await world.sync({}, activation);
  return { planned: plan.planned, invalid: plan.invalid, accepted: counts?.accepted, log: [...world.crm.log], plan };
}

describe('a destination key', () => {
  it('is trimmed and folded; of the rows that share it the smallest primary key is sent', async () => {
    const first = await sync([
      contact(7, 'A@x', 'Seven'),
      contact(3, ' a@X ', 'Three'),
      contact(5, null),
      contact(6, ' '),
    ]);
    expect(first).toMatchObject({
      planned: { insert: 1, update: 0, delete: 0 },
      invalid: { 'duplicate-destination-key': 1, 'no-destination-key': 2 },
    });
    expect(world.crm.byKey('a@x')?.fields).toMatchObject({ a_name: 'Three' });
    // The winner leaves: the other one feeds the same record from then on.
    expect(await sync([contact(7, 'A@x', 'Seven')])).toMatchObject({ log: ['update >a@x'] });
    expect(world.crm.byKey('a@x')?.fields).toMatchObject({ a_name: 'Seven' });
    expect((await sync([contact(7, 'A@x', 'Seven')])).planned).toEqual({ insert: 0, update: 0, delete: 0 });
  });

  it('compares numbers as numbers when it looks for the smallest primary key', async () => {
    await sync([contact(10, 'a@x', 'Ten'), contact(9, 'a@x', 'Nine')]);
    expect(world.crm.byKey('a@x')?.fields).toMatchObject({ a_name: 'Nine' });
  });

  it('moves in place, also when its row took the record over from one that left, unchanged', async () => {
    await sync([contact(1, 'a@x'), contact(2, 'a@x')]);
    const id = world.crm.byKey('a@x')?.id;
    expect((await sync([contact(2, 'a@x')])).log).toEqual([]);
    expect((await sync([contact(2, 'b@x')])).log).toEqual(['move a@x>b@x']);
    expect(world.crm.byKey('b@x')?.id).toBe(id);
  });

  it('moves in place where nothing may be deleted, and where the record was there before us', async () => {
    world.operations = ['insert', 'update'];
    const before = world.crm.seed('a@x');
    await sync([contact(1, 'a@x')]);
    const moved = await sync([contact(1, 'b@x')]);
    expect(moved).toMatchObject({
      planned: { insert: 0, update: 1, delete: 0 },
      accepted: { update: 1 },
      log: ['move a@x>b@x'],
    });
    expect(world.crm.keys()).toEqual(['b@x']);
    expect(before.key).toBe('b@x');
  });

  it('goes to the record that has it already; the old one is deleted where it was made for us', async () => {
    await sync([contact(1, 'a@x')]);
    const theirs = world.crm.seed('b@x');
    await sync([contact(1, 'b@x', 'Bea')]);
    expect(world.crm.keys()).toEqual(['b@x']);
    expect(theirs.fields).toMatchObject({ a_name: 'Bea' });
    // And it stays theirs: a record that was there before us is not deleted.
    expect((await sync([])).planned.delete).toBe(0);
    expect(world.crm.keys()).toEqual(['b@x']);
  });

  it('leaves the old record where nothing may be deleted, and removes it once it may', async () => {
    await sync([contact(1, 'a@x')]);
    world.crm.seed('b@x');
    world.operations = ['insert', 'update'];
    await sync([contact(1, 'b@x')]);
    expect(world.crm.keys()).toEqual(['a@x', 'b@x']);
    world.operations = ['insert', 'update', 'delete'];
    expect((await sync([contact(1, 'b@x')])).log).toEqual(['delete a@x']);
    expect(world.crm.keys()).toEqual(['b@x']);
  });

  it('follows chains and swaps without losing a record', async () => {
    await sync([contact(1, 'a@x', 'One'), contact(2, 'b@x', 'Two'), contact(3, 'c@x', 'Three')]);
    await sync([contact(1, 'b@x', 'One'), contact(2, 'c@x', 'Two'), contact(3, 'd@x', 'Three')]);
    const named = (key: string) => world.crm.byKey(key)?.fields['a_name'];
    expect(world.crm.keys()).toEqual(['b@x', 'c@x', 'd@x']);
    expect(['b@x', 'c@x', 'd@x'].map(named)).toEqual(['One', 'Two', 'Three']);
    await sync([contact(1, 'c@x', 'One'), contact(2, 'b@x', 'Two'), contact(3, 'd@x', 'Three')]);
    expect(['b@x', 'c@x', 'd@x'].map(named)).toEqual(['Two', 'One', 'Three']);
    expect((await sync([contact(1, 'c@x', 'One'), contact(2, 'b@x', 'Two'), contact(3, 'd@x', 'Three')])).log).toEqual(
      [],
    );
  });

  it('is deleted when its row has none any more, and stays while a primary key is not sound', async () => {
    await sync([contact(1, 'a@x'), contact(2, 'b@x'), contact(3, 'c@x')]);
    const next = await sync([contact(1, 'nonsense'), contact(2, null), contact(3, 'c@x'), contact(3, 'd@x')]);
    expect(next).toMatchObject({
      planned: { insert: 0, update: 0, delete: 2 },
      invalid: { 'duplicate-key': 2, 'invalid-email': 1, 'no-destination-key': 1 },
    });
    expect(world.crm.keys()).toEqual(['c@x']);
    expect((await sync([contact(3, 'd@x')])).log).toEqual(['move c@x>d@x']);
  });

  it('moves one record when an earlier one could not be deleted', async () => {
    await sync([contact(1, 'a@x'), contact(2, 'b@x')]);
    world.crm.fault = ({ operation, rows }) => {
      if (operation !== 'delete') return null;
      return {
        kind: 'receipts',
        receipts: rows.map(({ seq }) => ({ seq, status: 'rejected', code: 'no', message: 'no' })),
      };
    };
    await sync([contact(1, 'b@x')]);
    world.crm.fault = null;
    // Row 1 is the last that fed both records.
    expect((await sync([contact(1, 'c@x')])).log).toEqual(['move a@x>c@x', 'delete b@x']);
    expect(world.crm.keys()).toEqual(['c@x']);
  });
});

describe('records of somebody else', () => {
  it('are updated, and never deleted unless the destination says so', async () => {
    world.crm.seed('a@x');
    await sync([contact(1, 'a@x'), contact(2, 'b@x')]);
    const left = await sync([]);
    expect(left).toMatchObject({ planned: { insert: 0, update: 0, delete: 1 }, plan: { staying: 1 } });
    expect(world.crm.keys()).toEqual(['a@x']);
    const allowed = await world.sync({ deleteExisting: true });
    expect(allowed.plan.planned.delete).toBe(1);
    expect(world.crm.keys()).toEqual([]);
  });

  it('are told from ours by their age, where the answer to the insert was lost', async () => {
    world.crm.seed('a@x');
    world.crm.fault = (_batch, apply) => {
      apply();
      return { kind: 'retry', applied: 'maybe', throttled: false, afterMs: 1, code: 'reset', message: 'reset' };
    };
    await sync([contact(1, 'a@x'), contact(2, 'b@x')]);
    world.crm.fault = null;
    expect((await sync([])).accepted?.delete).toBe(2);
    expect(world.crm.keys()).toEqual(['a@x']);
    expect((await sync([])).log).toEqual([]);
  });
});

describe('two activations of one destination', () => {
  it('keep a key while either holds it, whoever made the record', async () => {
    await sync([contact(1, 'a@x')], 'a');
    await sync([contact(9, 'a@x')], 'b');
    expect((await sync([], 'a')).planned.delete).toBe(0);
    expect(world.crm.keys()).toEqual(['a@x']);
    expect((await sync([], 'b')).planned.delete).toBe(1);
    expect(world.crm.keys()).toEqual([]);
    // A row that comes back is sent, since the other may have removed its record.
    await sync([contact(1, 'a@x')], 'a');
    expect(world.crm.keys()).toEqual(['a@x']);
  });

  it('keep a key that the other may have sent, though no record of its is known', async () => {
    await sync([contact(1, 'a@x')], 'a');
    const id = world.crm.byKey('a@x')?.id;
    world.crm.fault = (_batch, apply) => {
      apply();
      return { kind: 'retry', applied: 'maybe', throttled: false, afterMs: 1, code: 'reset', message: 'reset' };
    };
    await sync([contact(9, 'a@x')], 'b');
    world.crm.fault = null;
    expect((await sync([], 'a')).planned.delete).toBe(0);
    await sync([contact(9, 'a@x')], 'b');
    expect(world.crm.byKey('a@x')?.id).toBe(id);
    expect((await sync([], 'b')).planned.delete).toBe(1);
    expect(world.crm.keys()).toEqual([]);
  });

  it('do not move a key that the other holds', async () => {
    await sync([contact(1, 'a@x')], 'a');
    await sync([contact(9, 'a@x')], 'b');
    expect((await sync([contact(1, 'c@x')], 'a')).log).toEqual(['insert >c@x']);
    expect(world.crm.keys()).toEqual(['a@x', 'c@x']);
  });

  it('do not delete the record that the other has moved on', async () => {
    await sync([contact(1, 'a@x')], 'a');
    await sync([contact(9, 'a@x')], 'b');
    await sync([], 'a');
    expect((await sync([contact(9, 'c@x')], 'b')).log).toEqual(['move a@x>c@x']);
    expect((await sync([], 'a')).log).toEqual([]);
    expect(world.crm.keys()).toEqual(['c@x']);
    await sync([], 'b');
    expect(world.crm.keys()).toEqual([]);
  });
});

describe('a record whose move had no answer', () => {
  const lose = (applied: boolean) => {
    world.crm.fault = (_batch, apply) => {
      if (applied) apply();
      return { kind: 'retry', applied: 'maybe', throttled: false, afterMs: 1, code: 'reset', message: 'reset' };
    };
  };
  it.each([
    ['was applied', true],
    ['was not applied', false],
  ])('goes on as one record, wherever its row goes next (%s)', async (_name, applied) => {
    for (const [then, taken] of [
      ['b@x', null],
      ['a@x', null],
      ['c@x', null],
      ['c@x', 'b@x'],
      ['a@x', 'b@x'],
      [null, 'b@x'],
      [null, null],
    ] as const) {
      world.crm.fault = null;
      await sync([]);
      await sync([contact(1, 'a@x', 'One')]);
      lose(applied);
      await sync([contact(1, 'b@x', 'One')]);
      world.crm.fault = null;
      const rows = [
        ...(then === null ? [] : [contact(1, then, 'One')]),
        ...(taken === null ? [] : [contact(2, taken, 'Two')]),
      ];
      await sync(rows);
      expect(world.crm.keys()).toEqual([then, taken].filter((key) => key !== null).sort());
      expect(world.crm.byKey(taken ?? '')?.fields['a_name']).toBe(taken === null ? undefined : 'Two');
      expect((await sync(rows)).log).toEqual([]);
    }
  });
});

describe('fields written on insert only', () => {
  it('are not sent again, and not lost with the answer to the insert', async () => {
    await sync([contact(1, 'a@x', 'Ada', 'first')]);
    await sync([contact(1, 'a@x', 'Bea', 'second')]);
    expect(world.crm.byKey('a@x')?.fields).toMatchObject({ a_name: 'Bea', a_note: 'first' });
    expect((await sync([contact(1, 'a@x', 'Bea', 'third')])).log).toEqual([]);
    world.crm.fault = () => ({
      kind: 'retry',
      applied: 'maybe',
      throttled: false,
      afterMs: 1,
      code: 'x',
      message: 'x',
    });
    await sync([contact(1, 'a@x', 'Bea'), contact(2, 'b@x', 'Bob', 'note')]);
    world.crm.fault = null;
    await sync([contact(1, 'a@x', 'Bea'), contact(2, 'b@x', 'Bob', 'note')]);
    expect(world.crm.byKey('b@x')?.fields).toMatchObject({ a_name: 'Bob', a_note: 'note' });
  });

  it('are sent again where only inserts are allowed and the answer was lost', async () => {
    world.operations = ['insert'];
    world.crm.fault = () => ({
      kind: 'retry',
      applied: 'maybe',
      throttled: false,
      afterMs: 1,
      code: 'x',
      message: 'x',
    });
    await sync([contact(1, 'a@x', 'Ada', 'note')]);
    world.crm.fault = null;
    expect((await sync([contact(1, 'a@x', 'Ada', 'note')])).planned).toEqual({ insert: 1, update: 0, delete: 0 });
    expect(world.crm.byKey('a@x')?.fields).toMatchObject({ a_note: 'note' });
    expect((await sync([contact(1, 'a@x', 'Bea', 'note')])).log).toEqual([]);
  });
});
