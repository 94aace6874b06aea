import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Death } from '../../pipeline/engine-bench.ts';
import { EngineWorld, hashed, type Member } from '../../pipeline/engine-world.ts';
import { isInstalled } from './emulator.ts';

const member = (id: number, email: string): Member => ({ id, email, phone: null, country: 'FR' });
const members = (from: number, to: number): Member[] =>
  Array.from({ length: to - from + 1 }, (_, index) => member(from + index, `${from + index}@x`));
const held = (...emails: string[]): ReadonlySet<string> =>
  new Set(emails.map((email) => `email:${hashed('email', email)}`));

let world: EngineWorld;
beforeEach(() => {
  vi.stubEnv('DINMO_TEST_WAREHOUSE', 'snowflake');
  world = new EngineWorld();
});
afterEach(async () => {
  await world.close();
  vi.unstubAllEnvs();
});

/** More of the same: DINMO_TEST_WAREHOUSE=snowflake vitest run test/pipeline/engine.test.ts test/pipeline/objects.test.ts. */
describe.skipIf(!isInstalled())('a list on Snowflake', { timeout: 120_000 }, () => {
  it('is exact, sends nothing that did not change, and goes on after a death', async () => {
    await world.hold(members(1, 12));
    let requests = 0;
    let dead = false;
    world.bench.mayDie = (where) => {
      if (where === 'after request' && ++requests === 2) dead = true;
      if (dead) throw new Death(where);
    };
    await expect(world.sync()).rejects.toBeInstanceOf(Death);
    dead = false;
    world.bench.mayDie = () => {};
    await world.hold([...members(2, 11), member(12, 'new@x')]);
    const { plan, counts } = await world.sync();
    expect(plan.planned.delete).toBe(1);
    expect(counts).toMatchObject({ rejected: 0, deferred: 0, unknown: 0 });
    expect(world.audience.identifiers()).toEqual(held(...members(2, 11).map(({ email }) => email ?? ''), 'new@x'));
    const third = await world.sync();
    expect(third.plan).toMatchObject({ planned: { insert: 0, update: 0, delete: 0 }, unchanged: 11, changes: 0 });
    // What the run needed is gone; its tables stay, since to drop them would end the transaction that closes it.
    const [left] = await world.bench.query(
      'select (select count(*) from "DELTA"."SENDS") + (select count(*) from "DELTA"."RECEIPTS") as rows_left',
    );
    expect(left).toEqual({ rows_left: 0n });
  });
});
