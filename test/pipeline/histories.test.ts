import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Death } from './engine-bench.ts';
import { EngineWorld, hashed, type Member } from './engine-world.ts';

const HISTORIES = Number(process.env['DINMO_HISTORIES'] ?? 25);

interface Round {
  readonly members: readonly Member[];
  /** What the platform answers to the n-th request of the round, and where the process dies; null: a healthy run. */
  readonly faults: readonly ('ok' | 'throttled' | 'failed' | 'lost' | 'applied and lost' | 'throws')[];
  readonly diesAt: number | null;
  readonly everything: boolean;
  /** The configuration of the round: what may be done, what is sent, how it is normalised. */
  readonly deletes: boolean;
  readonly kinds: readonly ('email' | 'phone')[];
  readonly salt: string;
}

const email = fc.constantFrom('a@x', 'b@x', 'c@x', 'd@x', 'e@x', 'nonsense', null);
const phone = fc.constantFrom('1', '2', '3', null, null);
const aMember = fc.record({
  id: fc.constantFrom(1, 2, 3, 4, 5, 6),
  email,
  phone,
  country: fc.constantFrom('FR', 'DE', null),
});
const members = fc.uniqueArray(aMember, { maxLength: 6, selector: (m) => m.id });
const faults = fc.array(
  fc.constantFrom('ok', 'ok', 'ok', 'throttled', 'failed', 'lost', 'applied and lost', 'throws'),
  { maxLength: 8 },
);
const round: fc.Arbitrary<Round> = fc.record({
  members,
  faults: faults as fc.Arbitrary<Round['faults']>,
  diesAt: fc.option(fc.nat(120), { freq: 2 }),
  everything: fc.boolean(),
  deletes: fc.constantFrom(true, true, true, false),
  kinds: fc.constantFrom<readonly ('email' | 'phone')[]>(['email', 'phone'], ['email', 'phone'], ['email'], ['phone']),
  salt: fc.constantFrom('', '', '', 'other'),
});

/** What the list must hold: every valid identifier of the members, and nothing else. */
function model(members: readonly Member[]): ReadonlySet<string> {
  const valid = members.flatMap((m) => [
    ...(m.email?.includes('@') ? [`email:${hashed('email', m.email)}`] : []),
    ...(m.phone ? [`phone:${hashed('phone', m.phone)}`] : []),
  ]);
  return new Set(valid.sort());
}

async function live(world: EngineWorld, round: Round): Promise<void> {
  const { members, faults, diesAt, everything, deletes, kinds, salt } = round;
  let request = 0;
  let step = 0;
  await world.hold(members);
  world.bench.mayDie = (where) => {
    if (diesAt !== null && ++step > diesAt) throw new Death(where);
  };
  world.audience.fault = (_batch, apply) => {
    const fault = faults[request++] ?? 'ok';
    const retry = { kind: 'retry' as const, throttled: false, afterMs: 1, code: fault, message: fault };
    if (fault === 'applied and lost') apply();
    if (fault === 'throws') throw new Error('socket hang up');
    if (fault === 'ok') return null;
    return fault === 'throttled'
      ? { ...retry, applied: 'no', throttled: true }
      : { ...retry, applied: fault === 'failed' ? 'no' : 'maybe' };
  };
  try {
    await world.sync({
      everything,
      kinds,
      salt,
      operations: ['insert', 'update', ...(deletes ? (['delete'] as const) : [])],
    });
  } catch (thrown) {
    if (!(thrown instanceof Death) && !(thrown instanceof Error && thrown.cause instanceof Death)) throw thrown;
  }
  world.bench.mayDie = () => {};
  world.audience.fault = null;
}

it('ends equal to the segment after any history of changes, faults and deaths', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 4 }), members, async (rounds, last) => {
      const world = new EngineWorld();
      try {
        for (const r of rounds) await live(world, r);
        await world.hold(last);
        // Another normaliser alone sends nothing again: a full refresh does.
        const { counts } = await world.sync({ everything: rounds.some(({ salt }) => salt !== '') });
        expect(counts).toMatchObject({ rejected: 0, deferred: 0, unknown: 0 });
        expect(new Set([...world.audience.identifiers()].sort())).toEqual(model(last));
        expect((await world.sync()).plan.changes).toBe(0);
      } finally {
        await world.close();
      }
    }),
    { numRuns: HISTORIES, ...(process.env['DINMO_SEED'] ? { seed: Number(process.env['DINMO_SEED']) } : {}) },
  );
}, 3_600_000);
