import { describe, expect, it } from 'vitest';
import { stateTables, tableSuffix } from '../../src/diff/state-tables.ts';
import { Ledger } from '../../src/record/ledger.ts';
import { PersonState } from '../../src/record/person.ts';
import { Death, SCHEMA } from '../pipeline/engine-bench.ts';
import { EngineWorld, hashed } from '../pipeline/engine-world.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 70);

const member = (id: number) => ({ id, email: `p${id}@x`, phone: `${Math.ceil(id / 2)}`, country: 'FR' });
const MEMBERS = [1, 2, 3, 4].map(member);

async function personOf(world: EngineWorld, key: string): Promise<PersonState> {
  const { id } = world.activation({});
  const ledger = new Ledger(await world.bench.warehouse(), SCHEMA);
  const tables = stateTables(SCHEMA, tableSuffix(id));
  return new PersonState({ ledger, activationId: id, tables, existing: await ledger.tables(), key, keys: [] });
}

const NOTHING = { rows: 0, identifiers: 0, shared: 0, rejections: 0, pending: 0 };

describe('forgetting one member', () => {
  it('ends the same wherever the process died before, and touches nobody else', async () => {
    for (let death = STRIDE, ended = false; !ended; death += STRIDE) {
      const world = new EngineWorld();
      try {
        await world.hold(MEMBERS);
        await world.sync();
        expect(await (await personOf(world, '1')).count()).toMatchObject({ rows: 1, identifiers: 2, shared: 1 });
        let step = 0;
        world.bench.mayDie = (where) => {
          if (++step > death) throw new Death(where);
        };
        const forgetting = { forget: '1', operations: ['insert', 'update', 'delete'] } as const;
        ended = await world.sync(forgetting).then(
          () => true,
          () => false,
        );
        world.bench.mayDie = () => {};
        await world.sync(forgetting);
        const person = await personOf(world, '1');
        await (await world.bench.warehouse()).transaction(() => person.scrub());
        expect(await person.count()).toEqual(NOTHING);
        // The phone number is member 2's too.
        const wanted = [2, 3, 4].flatMap((id) => [
          `email:${hashed('email', `p${id}@x`)}`,
          `phone:${hashed('phone', `${Math.ceil(id / 2)}`)}`,
        ]);
        expect([...world.audience.identifiers()].sort()).toEqual([...new Set(wanted)].sort());
        await world.hold(MEMBERS.slice(1));
        expect((await world.plan()).planned).toEqual({ insert: 0, update: 0, delete: 0 });
      } finally {
        await world.close();
      }
    }
  });

  it('an identifier whose other holder was never acknowledged stays owed, under a number that is nobody’s', async () => {
    const world = new EngineWorld();
    try {
      await world.hold(MEMBERS.slice(0, 2));
      await world.sync();
      const identifiers = `"DELTA"."identifiers_${tableSuffix(world.activation({}).id)}"`;
      await world.bench.run(
        `update "DELTA"."snapshot_${tableSuffix(world.activation({}).id)}" set dirty = true where key = '2'`,
      );
      const person = await personOf(world, '1');
      await (await world.bench.warehouse()).transaction(() => person.scrub());
      expect(await person.count()).toEqual(NOTHING);
      const rows = await world.bench.query(`select key, kind, owed from ${identifiers} order by owed, kind`);
      expect(rows.map(({ key, kind, owed }) => [String(key).replace(/^-\d+$/, 'nobody'), kind, owed])).toEqual([
        ['2', 'email', false],
        ['2', 'phone', false],
        ['nobody', 'phone', true],
      ]);
      // Once the other one is acknowledged, nothing is owed any more.
      await world.hold(MEMBERS.slice(1, 2));
      await world.sync();
      expect(await world.bench.query(`select 1 as owed from ${identifiers} where owed`)).toEqual([]);
    } finally {
      await world.close();
    }
  });
});
