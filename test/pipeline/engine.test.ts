import { afterEach, describe, expect, it } from 'vitest';
import { EngineWorld, hashed, type Member } from './engine-world.ts';

let world = new EngineWorld();
afterEach(async () => {
  await world.close();
  world = new EngineWorld();
});

function member(id: number | null, email: string | null, phone: string | null = null, country = 'FR'): Member {
  return { id, email, phone, country };
}

function held(...identifiers: readonly [string, string][]): ReadonlySet<string> {
  return new Set(identifiers.map(([kind, value]) => `${kind}:${hashed(kind, value)}`));
}

describe('a list', () => {
  it('gets inserts, then only what changed, then nothing', async () => {
    await world.hold([member(1, 'a@x'), member(2, 'b@x', '2')]);
    expect((await world.sync()).plan.planned).toEqual({ insert: 2, update: 0, delete: 0 });
    await world.hold([member(1, 'a@x', null, 'DE'), member(3, 'c@x')]);
    const second = await world.sync();
    expect(second.plan.planned).toEqual({ insert: 1, update: 1, delete: 1 });
    expect(second.counts?.accepted).toEqual({ insert: 1, update: 1, delete: 1 });
    expect(world.audience.identifiers()).toEqual(held(['email', 'a@x'], ['email', 'c@x']));
    const third = await world.sync();
    expect(third.plan).toMatchObject({ planned: { insert: 0, update: 0, delete: 0 }, unchanged: 2, changes: 0 });
  });

  it('loses the old identifier of a member whose identifier changed', async () => {
    await world.hold([member(1, 'a@x', '1')]);
    await world.sync();
    await world.hold([member(1, 'b@x', '1')]);
    const { plan, counts } = await world.sync();
    expect(plan.planned).toEqual({ insert: 0, update: 1, delete: 0 });
    expect(counts?.accepted).toEqual({ insert: 0, update: 1, delete: 0 });
    expect(world.audience.identifiers()).toEqual(held(['email', 'b@x'], ['phone', '1']));
  });

  it('keeps an identifier that members share until the last has left', async () => {
    await world.hold([member(1, 'a@x', '1'), member(2, 'b@x', '1')]);
    await world.sync();
    await world.hold([member(2, 'b@x', '1')]);
    await world.sync();
    expect(world.audience.identifiers()).toEqual(held(['email', 'b@x'], ['phone', '1']));
    await world.hold([]);
    await world.sync();
    expect(world.audience.identifiers()).toEqual(new Set());
  });

  it('keeps both members who swap an identifier', async () => {
    await world.hold([member(1, 'a@x'), member(2, 'b@x')]);
    await world.sync();
    await world.hold([member(1, 'b@x'), member(2, 'a@x')]);
    await world.sync();
    expect(world.audience.identifiers()).toEqual(held(['email', 'a@x'], ['email', 'b@x']));
    expect((await world.sync()).plan.changes).toBe(0);
  });

  it('still owes an identifier whose new holder was never accepted', async () => {
    await world.hold([member(1, 'a@x')]);
    await world.sync();
    world.audience.poison.add(`phone:${hashed('phone', '9')}`);
    await world.hold([member(2, 'a@x', '9')]);
    const second = await world.sync();
    expect(second.counts).toMatchObject({ rejected: 1, accepted: { delete: 1 } });
    expect(world.audience.identifiers()).toEqual(held(['email', 'a@x']));
    await world.hold([]);
    expect((await world.sync()).plan.planned.delete).toBe(1);
    expect(world.audience.identifiers()).toEqual(new Set());
  });

  it('never sends a NULL or duplicate key, and leaves what the list has for it', async () => {
    await world.hold([member(1, 'a@x'), member(2, 'b@x')]);
    await world.sync();
    await world.hold([member(1, 'z@x'), member(1, 'y@x'), member(2, 'b@x'), member(null, 'n@x')]);
    const { plan } = await world.sync();
    expect(plan).toMatchObject({
      invalid: { 'duplicate-key': 2, 'null-key': 1 },
      planned: { insert: 0, update: 0, delete: 0 },
    });
    expect(world.audience.identifiers()).toEqual(held(['email', 'a@x'], ['email', 'b@x']));
  });

  it('removes a member without a valid identifier, and counts the row as invalid', async () => {
    await world.hold([member(1, 'a@x')]);
    await world.sync();
    await world.hold([member(1, 'nonsense')]);
    const { plan } = await world.sync();
    expect(plan).toMatchObject({ invalid: { 'no-identifier': 1 }, planned: { insert: 0, update: 0, delete: 1 } });
    expect(world.audience.identifiers()).toEqual(new Set());
  });

  it('keeps leavers where nothing may be deleted, and removes them once it may', async () => {
    await world.hold([member(1, 'a@x'), member(2, 'b@x')]);
    await world.sync();
    await world.hold([member(2, 'b@x')]);
    expect((await world.sync({ operations: ['insert', 'update'] })).plan).toMatchObject({
      planned: { delete: 0 },
      staying: 1,
    });
    expect(world.audience.identifiers()).toEqual(held(['email', 'a@x'], ['email', 'b@x']));
    expect((await world.sync({ operations: ['insert', 'update'] })).plan).toMatchObject({
      staying: 1,
      snapshotRows: 1,
      unchanged: 1,
    });
    expect((await world.sync()).plan.planned.delete).toBe(1);
    expect(world.audience.identifiers()).toEqual(held(['email', 'b@x']));
  });

  it('tries a rejected row again while its attempts last, and at once when it changes', async () => {
    world.audience.poison.add(`email:${hashed('email', 'bad@x')}`);
    await world.hold([member(1, 'bad@x'), ...[2, 3, 4, 5, 6, 7, 8].map((id) => member(id, `${id}@x`))]);
    expect((await world.sync({ attempts: 2 })).counts).toMatchObject({ rejected: 1, accepted: { insert: 7 } });
    expect((await world.sync({ attempts: 2 })).counts).toMatchObject({ rejected: 1, parked: 1 });
    expect((await world.sync({ attempts: 2 })).plan).toMatchObject({ parked: 1, changes: 0 });
    await world.hold([member(1, 'good@x'), ...[2, 3, 4, 5, 6, 7, 8].map((id) => member(id, `${id}@x`))]);
    expect((await world.sync({ attempts: 2 })).counts?.accepted.insert).toBe(1);
  });

  it('removes who left while everything is sent again', async () => {
    await world.hold([member(1, 'a@x'), member(2, 'b@x')]);
    await world.sync();
    await world.hold([member(2, 'b@x')]);
    expect((await world.sync({ everything: true })).plan.planned).toEqual({ insert: 0, update: 1, delete: 1 });
    expect(world.audience.identifiers()).toEqual(held(['email', 'b@x']));
  });

  it('sends a row with a lost answer again, and removes it if it left meanwhile', async () => {
    await world.hold([member(1, 'a@x'), member(2, 'b@x')]);
    world.audience.fault = (_batch, apply) => {
      apply();
      return {
        kind: 'retry',
        applied: 'maybe',
        throttled: false,
        afterMs: 1,
        code: 'reset',
        message: 'connection reset',
      };
    };
    expect((await world.sync()).counts).toMatchObject({ unknown: 2 });
    world.audience.fault = null;
    await world.hold([member(2, 'b@x')]);
    expect((await world.sync()).plan.planned).toEqual({ insert: 0, update: 1, delete: 1 });
    expect(world.audience.identifiers()).toEqual(held(['email', 'b@x']));
  });
});
