import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
let folder: string;
beforeEach(() => {
  vi.stubEnv('DINMO_TEST_WAREHOUSE', 'bigquery');
  world = new EngineWorld();
  folder = mkdtempSync(join(tmpdir(), 'dinmo-bigquery-engine-'));
  world.bench.journalFolder = folder;
});
afterEach(async () => {
  await world.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A process that has died writes nothing more, by whatever session. */
async function mortal(of: EngineWorld) {
  const warehouse = await of.bench.warehouse();
  const another = warehouse.another.bind(warehouse);
  let dead = false;
  const now = (where: string): Death => {
    dead = true;
    return new Death(where);
  };
  warehouse.another = async () => {
    const writer = await another();
    const run = writer.run.bind(writer);
    const append = writer.append.bind(writer);
    writer.run = (sql) => (dead ? Promise.reject(now(sql)) : run(sql));
    writer.append = (...given) => (dead ? Promise.reject(now('append')) : append(...given));
    return writer;
  };
  return {
    now,
    isDead: () => dead,
    revive: () => {
      dead = false;
    },
  };
}

/** More of the same: DINMO_TEST_WAREHOUSE=bigquery vitest run test/pipeline test/rules. */
describe.skipIf(!isInstalled())('a list on BigQuery', { timeout: 120_000 }, () => {
  it('is exact, sends nothing that did not change, and after a death only the batch in flight again', async () => {
    await world.hold(members(1, 40));
    const die = await mortal(world);
    let requests = 0;
    world.bench.mayDie = (where) => {
      if (die.isDead() || (where === 'after request' && ++requests === 8)) throw die.now(where);
    };
    await expect(world.sync()).rejects.toBeInstanceOf(Death);
    die.revive();
    world.bench.mayDie = () => {};
    // What the other side was told of last is known on this machine alone.
    expect(await world.bench.query('select lo, hi from `DELTA`.`receipts`')).toEqual([]);
    expect(readdirSync(folder)).toEqual(['run-1.jsonl']);
    const before = world.audience.sentRows;
    await world.hold([...members(2, 39), member(40, 'new@x')]);
    const { plan, counts } = await world.sync();
    expect(before).toBeGreaterThanOrEqual(7 * 4);
    // Those that were never sent, one that left and one that changed; again only two batches of four that may have been under way.
    expect(world.audience.sentRows - before).toBeLessThanOrEqual(40 - before + 2 + 2 * 4);
    expect(plan.planned.delete).toBe(1);
    expect(counts).toMatchObject({ rejected: 0, deferred: 0, unknown: 0 });
    expect(world.audience.identifiers()).toEqual(held(...members(2, 39).map(({ email }) => email ?? ''), 'new@x'));
    const third = await world.sync();
    expect(third.plan).toMatchObject({ planned: { insert: 0, update: 0, delete: 0 }, unchanged: 39, changes: 0 });
  });
});
