import { describe, expect, it } from 'vitest';
import type { DeliveryPlan } from '../../src/diff/delivery-plan.ts';
import { CrmWorld } from '../pipeline/crm-world.ts';
import { type BenchActivation, Death, type EngineBench } from '../pipeline/engine-bench.ts';
import { EngineWorld, hashed } from '../pipeline/engine-world.ts';
import { RowsWorld } from '../pipeline/rows-world.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 15);

/** One service on the bench, with rows that change every round in every way it knows. */
interface Rehearsal {
  readonly bench: EngineBench;
  /** Rows that one round sends again at most: the batches in flight. */
  readonly inFlightMax: number;
  hold(round: number): Promise<void>;
  activation(): BenchActivation;
  /** Rows that the other side was sent since it was last asked. */
  sentRows(): number;
  /** Throws unless the other side holds exactly the round's rows. */
  check(round: number): void;
  close(): Promise<void>;
}

/** Ten rows: some stay, some change, some leave or join with each round. */
function population(round: number): readonly number[] {
  return Array.from({ length: 14 }, (_, i) => i + 1).filter((id) => (id * 7 + round) % 4 !== 0);
}

function rowsRehearsal(): Rehearsal {
  const world = new RowsWorld();
  const name = (id: number, round: number): string => (id % 2 === 0 ? `name ${id} of ${round}` : `name ${id}`);
  let before = 0;
  return {
    bench: world.bench,
    inFlightMax: 2 * 3,
    hold: (round) =>
      world.bench.fill(
        'rows',
        'id bigint, name varchar',
        population(round).map((id) => [id, name(id, round)]),
      ),
    activation: () => world.activation({}),
    sentRows: () => {
      const total = [...world.endpoint.taken.values()].reduce((sum, times) => sum + times, 0);
      const since = total - before;
      before = total;
      return since;
    },
    check: (round) => {
      const wanted = population(round).map((id) => [String(id), JSON.stringify({ name: name(id, round) })]);
      expect([...world.endpoint.rows].sort()).toEqual(wanted.sort());
    },
    close: () => world.close(),
  };
}

function crmRehearsal(): Rehearsal {
  const world = new CrmWorld();
  const email = (id: number, round: number): string => `${id % 3 === 0 ? `p${id}r${round}` : `p${id}`}@x`;
  let before = 0;
  return {
    bench: world.bench,
    inFlightMax: 2 * 3,
    hold: (round) =>
      world.hold(
        population(round).map((id) => ({ id, email: email(id, round), name: id % 2 === 0 ? `${round}` : 'n' })),
      ),
    activation: () => ({ ...world.activation(), send: async (batch) => world.crm.send(batch) }),
    sentRows: () => {
      const since = world.crm.log.length - before;
      before = world.crm.log.length;
      return since;
    },
    check: (round) =>
      expect(world.crm.keys()).toEqual(
        population(round)
          .map((id) => email(id, round))
          .sort(),
      ),
    close: () => world.close(),
  };
}

function listRehearsal(): Rehearsal {
  const world = new EngineWorld();
  const email = (id: number, round: number): string => `${id % 3 === 0 ? `p${id}r${round}` : `p${id}`}@x`;
  const phone = (id: number): string => `${Math.ceil(id / 3)}`;
  let before = 0;
  return {
    bench: world.bench,
    inFlightMax: 2 * 4,
    hold: (round) =>
      world.hold(
        population(round).map((id) => ({
          id,
          email: email(id, round),
          phone: phone(id),
          country: `${id % 2 === 0 ? round : 0}`,
        })),
      ),
    activation: () => world.activation({}),
    sentRows: () => {
      const since = world.audience.sentRows - before;
      before = world.audience.sentRows;
      return since;
    },
    check: (round) => {
      const wanted = population(round).flatMap((id) => [
        `email:${hashed('email', email(id, round))}`,
        `phone:${hashed('phone', phone(id))}`,
      ]);
      expect([...world.audience.identifiers()].sort()).toEqual([...new Set(wanted)].sort());
    },
    close: () => world.close(),
  };
}

/** What is told of a plan, less the figures of guards. */
function told({ planned, invalid, parked, unchanged, removals, changes }: DeliveryPlan) {
  return { planned, invalid, parked, unchanged, removals, changes };
}

describe.each([
  { name: 'rows by key', make: rowsRehearsal },
  { name: 'objects by destination key', make: crmRehearsal },
  { name: 'a list', make: listRehearsal },
])('$name', ({ make }) => {
  it('end equal to the segment, wherever the process died before', async () => {
    const { bench, inFlightMax, hold, activation, sentRows, check, close } = make();
    try {
      for (let round = 0, ended = false; !ended; round++) {
        await hold(round);
        sentRows();
        const first = await bench.plan(activation());
        let step = 0;
        // Every round is another one, so that each await point is met at some depth of each kind of run.
        bench.mayDie = (where) => {
          if (++step > round * STRIDE) throw new Death(where);
        };
        ended = await bench.sync(activation()).then(
          () => true,
          () => false,
        );
        bench.mayDie = () => {};
        const before = await bench.contents();
        const planned = await bench.plan(activation());
        expect(await bench.contents()).toEqual(before);
        const { plan } = await bench.sync(activation());
        expect(told(planned)).toEqual(told(plan));
        check(round);
        expect(sentRows()).toBeLessThanOrEqual(first.changes + inFlightMax);
      }
    } finally {
      await close();
    }
  }, 1_200_000);
});
