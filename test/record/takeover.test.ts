import { expect, it } from 'vitest';
import { LEASE_MS } from '../../src/record/lease.ts';
import { RowsWorld } from '../pipeline/rows-world.ts';

it('fences off a holder that comes back after its lease was taken over: it sends and settles nothing more', async () => {
  const world = new RowsWorld();
  try {
    const people = (name: string) => Array.from({ length: 30 }, (_, index) => [index + 1, `${name} ${index + 1}`]);
    await world.bench.fill('rows', 'id bigint, name varchar', people('before'));
    const activation = world.activation({});
    // The first holder stands still with two requests on their way, which the destination has applied.
    let wake = (): void => undefined;
    let sentByFirst = 0;
    const asleep = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let noteTwo = (): void => undefined;
    const twoOnTheirWay = new Promise<void>((resolve) => {
      noteTwo = resolve;
    });
    const first = world.bench.sync({
      ...activation,
      async send(batch, signal) {
        const outcome = await activation.send(batch, signal);
        if (++sentByFirst === 2) noteTwo();
        await asleep;
        return outcome;
      },
    });
    const ended = first.catch((thrown: unknown) => thrown);
    await twoOnTheirWay;
    await world.bench.clock.sleep(LEASE_MS + 1);
    await world.bench.fill('rows', 'id bigint, name varchar', people('after'));
    expect((await world.sync()).counts).toMatchObject({ accepted: { insert: 24, update: 6 }, unknown: 0 });
    const requests = world.endpoint.requests;
    wake();
    expect(await ended).toMatchObject({ code: 'lease-lost' });
    expect(world.endpoint.requests).toBe(requests);
    expect(sentByFirst).toBe(2);
    expect([...world.endpoint.rows.values()].every((fields) => fields.startsWith('{"name":"after'))).toBe(true);
    // What it wrote down too late changes nothing.
    expect((await world.sync()).log).toEqual([]);
  } finally {
    await world.close();
  }
});
