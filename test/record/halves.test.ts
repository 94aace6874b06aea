import { expect, it } from 'vitest';
import type { Batch } from '../../src/destinations/destination.ts';
import { Death } from '../pipeline/engine-bench.ts';
import { EngineWorld } from '../pipeline/engine-world.ts';

it('does not repeat removals that were acknowledged before the process died among the adds that follow them', async () => {
  const world = new EngineWorld();
  try {
    const hold = (version: string) =>
      world.hold(
        Array.from({ length: 40 }, (_, index) => ({
          id: index + 1,
          email: `${version}${index + 1}@example.com`,
          phone: null,
          country: null,
        })),
      );
    await hold('before');
    await world.sync();
    await hold('after');
    const removed: string[] = [];
    let adds = 0;
    let dead = false;
    world.bench.mayDie = (where) => {
      dead ||= where === 'before request' && adds >= 2;
      if (dead) throw new Death();
    };
    world.audience.fault = (batch: Batch) => {
      if (batch.operation === 'delete') removed.push(...batch.rows.map(({ key }) => key));
      else adds += 1;
      return null;
    };
    await world.sync().catch((thrown: unknown) => thrown);
    expect(removed.length).toBe(40);
    removed.length = 0;
    world.bench.mayDie = () => {};
    await world.sync();
    // Two connections, four rows a request.
    expect(removed.length).toBeLessThanOrEqual(8);
  } finally {
    await world.close();
  }
});
