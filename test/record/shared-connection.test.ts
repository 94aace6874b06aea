import { afterEach, expect, it } from 'vitest';
import { EngineBench } from '../pipeline/engine-bench.ts';

const bench = new EngineBench('file');
afterEach(async () => {
  await bench.close();
});

it('lets flows share a connection: no statement breaks another, none slips into a transaction', async () => {
  const warehouse = await bench.warehouse();
  await warehouse.run('create schema shared');
  await warehouse.run('create table shared.answers (n bigint, t varchar)');
  await warehouse.run('create table lease (renewed bigint)');
  await warehouse.run('insert into lease values (0)');
  const table = { database: null, schema: 'shared', name: 'answers' };
  let writing = true;
  const journal = (async () => {
    for (let n = 0; n < 150; n++) {
      await warehouse
        .transaction(async () => {
          await warehouse.append(
            table,
            ['bigint', 'text'],
            Array.from({ length: 200 }, (_, i) => [n * 200 + i, 'x'.repeat(50)]),
          );
          if (n % 10 === 9) throw new Error('rolled back');
        })
        .catch(() => {});
    }
    writing = false;
  })();
  let renewed = 0;
  while (writing) {
    await Promise.all([
      warehouse.run(`update lease set renewed = renewed + 1`).then(() => renewed++),
      warehouse.query('select count(*) as n from shared.answers'),
    ]);
  }
  await journal;
  expect(await warehouse.query('select count(*)::integer as n from shared.answers')).toEqual([{ n: 135 * 200 }]);
  // A renewal that was caught in a transaction that failed would be lost.
  expect(renewed).toBeGreaterThan(10);
  expect(await warehouse.query('select renewed::integer as n from lease')).toEqual([{ n: renewed }]);
});
