import { afterEach, expect, test } from 'vitest';
import { scrub } from '../../src/log.ts';
import { RowsWorld } from '../pipeline/rows-world.ts';
import { HOSTILE_VALUES } from './hostile.ts';

/** The engine's own statements: keys, fields, constants, names of activations and what platforms say come back as they are. */
const world = new RowsWorld();
afterEach(() => world.close());

// A NUL cannot stand in a value of most warehouses, and an empty key is one like any other.
const VALUES = HOSTILE_VALUES.filter((value) => !value.includes('\0'));
const LAST = VALUES.length - 1;

test('whatever keys, values and messages hold, they come back as they are, and nothing else changes', async () => {
  await world.bench.fill(
    'rows',
    'id varchar, name varchar',
    VALUES.map((value, index) => [value, VALUES[LAST - index] ?? '']),
  );
  await world.bench.fill('bystanders', 'id integer', [[1], [2], [3]]);
  const shape = {
    id: `it's.";--`,
    keys: { id: 'VARCHAR' },
    fields: [{ field: 'name' }, ...VALUES.slice(0, 40).map((value, index) => ({ field: `${value}_${index}`, value }))],
  };
  world.endpoint.fault = (batch) => ({
    kind: 'receipts',
    receipts: batch.rows.map(({ seq, key }) => ({ seq, status: 'rejected', code: key.slice(0, 30), message: key })),
  });
  const refused = await world.sync(shape);
  expect(refused.counts?.rejected).toBe(VALUES.length);
  const stored = await world.bench.query('select * from "DELTA"."rejections" order by 1, 2');
  expect(stored.map(({ activation_id }) => activation_id)).toEqual(VALUES.map(() => shape.id));
  const messages = new Map(stored.map(({ key, message }) => [key, message]));
  expect([...messages.keys()].sort()).toEqual([...VALUES].sort());
  for (const [key, message] of messages) expect(message, String(key)).toBe(scrub(String(key)));

  world.endpoint.fault = null;
  const taken = await world.sync(shape);
  expect(taken.counts?.accepted.insert).toBe(VALUES.length);
  const rows = new Map([...world.endpoint.rows].map(([key, fields]) => [JSON.parse(key), JSON.parse(fields)]));
  for (const [index, value] of VALUES.entries()) {
    const fields = rows.get(value);
    expect(fields?.name, value).toBe(VALUES[LAST - index]);
    for (const [at, constant] of VALUES.slice(0, 40).entries()) expect(fields[`${constant}_${at}`]).toBe(constant);
  }
  expect(await world.bench.query('select * from "DELTA"."rejections"')).toEqual([]);
  expect((await world.sync(shape)).log).toEqual([]);
  expect(await world.bench.query('select count(*) as n from bystanders')).toEqual([{ n: 3n }]);
});
