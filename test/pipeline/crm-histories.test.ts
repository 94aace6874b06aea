import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Contact, CrmWorld } from './crm-world.ts';
import { Death } from './engine-bench.ts';

const HISTORIES = Number(process.env['DINMO_HISTORIES'] ?? 25);
const FAULTS = ['ok', 'ok', 'ok', 'throttled', 'failed', 'lost', 'applied and lost', 'half applied', 'throws'] as const;

interface Round {
  readonly contacts: readonly Contact[];
  readonly activation: 'a' | 'b';
  /** What the platform answers to the n-th request of the round, and where the process dies; null: a healthy run. */
  readonly faults: readonly (typeof FAULTS)[number][];
  readonly diesAt: number | null;
  readonly everything: boolean;
  readonly deletes: boolean;
}

const contact = (ids: fc.Arbitrary<number | null>): fc.Arbitrary<Contact> =>
  fc.record({
    id: ids,
    email: fc.constantFrom('a@x', 'b@x', 'c@x', 'd@x', 'e@x', 'f@x', ' A@X', 'C@x', 'nonsense', '', null),
    name: fc.constantFrom('Ada', 'Bob', null),
  });
const someIds = fc.constantFrom(1, 2, 3, 4, 5);
/** Rounds in between may have keys that are NULL or occur twice. */
const unsound = fc.array(
  contact(fc.oneof({ weight: 12, arbitrary: someIds }, { weight: 1, arbitrary: fc.constant(null) })),
  {
    maxLength: 6,
  },
);
const sound = fc.uniqueArray(contact(someIds), { maxLength: 5, selector: ({ id }) => id });
const round: fc.Arbitrary<Round> = fc.record({
  contacts: fc.oneof({ weight: 1, arbitrary: unsound }, { weight: 3, arbitrary: sound }),
  activation: fc.constantFrom('a', 'a', 'a', 'b'),
  faults: fc.array(fc.constantFrom(...FAULTS), { maxLength: 8 }),
  diesAt: fc.option(fc.nat(110), { freq: 2 }),
  everything: fc.boolean(),
  deletes: fc.constantFrom(true, true, true, false),
});

/** Of the rows that share a key without case, the one with the smallest id. */
function winners(contacts: readonly Contact[]): ReadonlyMap<string, Contact> {
  const found = new Map<string, Contact>();
  for (const contact of [...contacts].sort((x, y) => (x.id ?? 0) - (y.id ?? 0))) {
    const key = (contact.email ?? '').trim().toLowerCase();
    if (key.includes('@') && !found.has(key)) found.set(key, contact);
  }
  return found;
}

async function live(world: CrmWorld, round: Round): Promise<void> {
  let request = 0;
  let step = 0;
  world.operations = round.deletes ? ['insert', 'update', 'delete'] : ['insert', 'update'];
  await world.hold(round.contacts, round.activation);
  world.bench.mayDie = (where) => {
    if (round.diesAt !== null && ++step > round.diesAt) throw new Death(where);
  };
  world.crm.fault = (batch, apply) => {
    const fault = round.faults[request++] ?? 'ok';
    const retry = { kind: 'retry' as const, throttled: false, afterMs: 1, code: fault, message: fault };
    if (fault === 'applied and lost') apply();
    if (fault === 'half applied') apply(batch.rows.slice(0, Math.ceil(batch.rows.length / 2)));
    if (fault === 'throws') throw new Error('socket hang up');
    if (fault === 'ok') return null;
    return fault === 'throttled'
      ? { ...retry, applied: 'no', throttled: true }
      : { ...retry, applied: fault === 'failed' ? 'no' : 'maybe' };
  };
  try {
    await world.sync({ everything: round.everything }, round.activation);
  } catch (thrown) {
    if (!(thrown instanceof Death) && !(thrown instanceof Error && thrown.cause instanceof Death)) throw thrown;
  }
  world.bench.mayDie = () => {};
  world.crm.fault = null;
}

it('leaves one record per key of the segments, whatever happened, and every record that was there before', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(round, { minLength: 1, maxLength: 5 }),
      sound,
      sound,
      fc.uniqueArray(fc.constantFrom('a@x', 'b@x', 'z@x'), { maxLength: 2 }),
      async (rounds, lastOfA, lastOfB, before) => {
        const world = new CrmWorld();
        try {
          const seeded = before.map((key) => world.crm.seed(key, { theirs: key }));
          const usesB = rounds.some(({ activation }) => activation === 'b');
          for (const r of rounds) await live(world, r);
          world.operations = ['insert', 'update', 'delete'];
          const last = { a: lastOfA, b: usesB ? lastOfB : [] };
          const used = usesB ? (['a', 'b'] as const) : (['a'] as const);
          for (const name of used) await world.hold(last[name], name);
          // What one still held when the other's turn came goes at the other's next.
          for (const name of [...used, ...used]) {
            const { counts } = await world.sync({}, name);
            expect(counts).toMatchObject({ rejected: 0, deferred: 0, unknown: 0 });
          }
          for (const record of seeded) expect([...world.crm.records.keys()]).toContain(record.id);
          const ofOthers = new Set(seeded.map(({ id }) => id));
          const wanted = new Set(used.flatMap((name) => [...winners(last[name]).keys()]));
          const ours = [...world.crm.records.values()].filter(({ id, key }) => !ofOthers.has(id) || wanted.has(key));
          expect(ours.map(({ key }) => key).sort()).toEqual([...wanted].sort());
          for (const name of used) {
            for (const [key, { name: called }] of winners(last[name]))
              if (called !== null) expect(world.crm.byKey(key)?.fields[`${name}_name`]).toBe(called);
          }
          for (const name of used) expect((await world.sync({}, name)).plan.changes).toBe(0);
        } finally {
          await world.close();
        }
      },
    ),
    { numRuns: HISTORIES, ...(process.env['DINMO_SEED'] ? { seed: Number(process.env['DINMO_SEED']) } : {}) },
  );
}, 3_600_000);
