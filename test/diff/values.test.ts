import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseFields } from '../../src/delivery/outgoing.ts';
import { silentLogger } from '../../src/log.ts';
import { openDuckdb } from '../../src/warehouse/duckdb/connection.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { VirtualClock } from '../pipeline/engine-bench.ts';

let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await openDuckdb(
    { path: ':memory:', readOnly: false, settings: { TimeZone: 'America/New_York' }, extensions: [], attach: [] },
    { clock: new VirtualClock(), logger: silentLogger, lockTimeoutMs: 0 },
  );
});
afterAll(async () => {
  await warehouse.close();
});

async function evaluate(expression: string, make: (dataType: string) => string): Promise<string | null> {
  const [column] = await warehouse.describe(`select ${expression} as v`);
  const [row] = await warehouse.query(`select ${make(column?.dataType ?? '')} as j from (select ${expression} as v)`);
  return row?.['j'] === null || row?.['j'] === undefined ? null : String(row['j']);
}

const json = (expression: string) => evaluate(expression, (type) => warehouse.state.valueJson('v', type));

/** Expression in DuckDB, and the JSON text that stands for it on the wire. */
const VALUES: readonly (readonly [expression: string, json: string | null])[] = [
  ['9007199254740993::bigint', '9007199254740993'],
  ['170141183460469231731687303715884105727::hugeint', '170141183460469231731687303715884105727'],
  ['18446744073709551615::ubigint', '18446744073709551615'],
  ['(-5)::tinyint', '-5'],
  ['12.3400::decimal(18,4)', '"12.3400"'],
  ['12345678901234567890123456789012345678::decimal(38,0)', '"12345678901234567890123456789012345678"'],
  ['0.1::double', '0.1'],
  ['1e300::double', '1e300'],
  ['1.5::float', '1.5'],
  ["'nan'::double", null],
  ["'-inf'::float", null],
  ['true', 'true'],
  ["date '2026-01-02'", '"2026-01-02"'],
  ["timestamp '2026-01-02 03:04:05'", '"2026-01-02T03:04:05Z"'],
  ["timestamp '2026-01-02 03:04:05.120'", '"2026-01-02T03:04:05.120000Z"'],
  ["'2026-01-02 03:04:05'::timestamp_s", '"2026-01-02T03:04:05Z"'],
  ["'2026-01-02 03:04:05.123456789'::timestamp_ns", '"2026-01-02T03:04:05.123456Z"'],
  ["timestamptz '2026-01-02 03:04:05+02'", '"2026-01-02T01:04:05Z"'],
  ["'infinity'::timestamp", null],
  ["time '03:04:05'", '"03:04:05"'],
  ["interval '3 days'", '"3 days"'],
  ['\'{"a": [1, 9007199254740993, 1.50]}\'::json', '{"a": [1, 9007199254740993, 1.50]}'],
  ["'\\xAA\\x00'::blob", '"qgA="'],
  ["'b]'::enum('a','b]')", '"b]"'],
  ["'550E8400-e29b-41d4-a716-446655440000'::uuid", '"550e8400-e29b-41d4-a716-446655440000"'],
  ["'\" \\ ' || chr(0) || chr(10) || chr(8232) || ' é 🎉'", `"\\" \\\\ \\u0000\\n\u2028 é 🎉"`],
  ["'101'::bit", '"101"'],
  ['union_value(n := 3)', '"3"'],
  ['[1,2,null]', '[1,2,null]'],
  ['[]::integer[]', '[]'],
  ['null::double[]', null],
  ['[1.5, 2.5]::double[2]', '[1.5,2.5]'],
  ["['a\"b','é']", '["a\\"b","é"]'],
  ["['nan'::double, 1.5]", '[null,1.5]'],
  ['[]::double[]', '[]'],
  ['[1.50::decimal(5,2), null]', '["1.50",null]'],
  ["[timestamp '2026-01-02 03:04:05', null]", '["2026-01-02T03:04:05Z",null]'],
  ["[[timestamptz '2026-01-02 03:04:05+02'], []]", '[["2026-01-02T01:04:05Z"],[]]'],
  [
    "{'a b': 1.50::decimal(5,2), 'say \"x\"': [1.5::double], 'n': {'m': timestamptz '2026-01-02 00:00:00+00'}, 'o': null::double}",
    '{"a b":"1.50","say \\"x\\"":[1.5],"n":{"m":"2026-01-02T00:00:00Z"},"o":null}',
  ],
  ['null::struct(a double)', null],
  ["[{'a': 1.5::double, 'b': 'x'}]", '[{"a":1.5,"b":"x"}]'],
  ["map {'k\"': 1.50::decimal(3,2)}", '{"k\\"":"1.50"}'],
  ["map {'k': 1}", '{"k":1}'],
];

describe('a value on the wire', () => {
  it.each(VALUES)('%s is %s', async (expression, wanted) => {
    const text = await json(expression);
    expect(text).toBe(wanted);
    if (text !== null) JSON.parse(text);
    const inside = await evaluate(expression, (dataType) =>
      warehouse.state.jsonObject([{ name: 'v', value: { sql: 'v', dataType }, nulls: 'null' }]),
    );
    expect(inside).toBe(`{"v":${wanted ?? 'null'}}`);
  });

  it('keeps every digit on its way through the process', async () => {
    const text = await json('170141183460469231731687303715884105727::hugeint');
    expect(parseFields(`{"a":${text},"b":[9007199254740993],"c":1.5,"d":12}`)).toEqual({
      a: 170141183460469231731687303715884105727n,
      b: [9007199254740993n],
      c: 1.5,
      d: 12,
    });
  });
});

describe('a key', () => {
  const key = (expression: string) =>
    evaluate(expression, (type) => {
      const columns = [{ name: 'k', sql: 'v', dataType: type }];
      return warehouse.state.keyJson(`(${warehouse.state.keyText(columns)})`, columns);
    });
  it.each([
    ['9007199254740993::bigint', '9007199254740993'],
    ["'0042'", '"0042"'],
    ['\'say "x"\'', '"say \\"x\\""'],
    ["date '2026-01-02'", '"2026-01-02"'],
    ["timestamp '2026-01-02 03:04:05'", '"2026-01-02T03:04:05Z"'],
    ["timestamptz '2026-01-02 03:04:05+02'", '"2026-01-02T01:04:05Z"'],
    ["'550E8400-e29b-41d4-a716-446655440000'::uuid", '"550e8400-e29b-41d4-a716-446655440000"'],
    ['true', 'true'],
    ['12.50::decimal(5,2)', '"12.50"'],
  ])('%s is %s', async (expression, wanted) => {
    expect(await key(expression)).toBe(wanted);
  });

  it('of several columns is an object in their order, and NULL when any part is', async () => {
    const columns = [
      { name: 'tenant id', sql: 'a', dataType: 'BIGINT' },
      { name: 'day', sql: 'b', dataType: 'DATE' },
      { name: 'code', sql: 'c', dataType: 'VARCHAR' },
    ];
    const text = warehouse.state.keyText(columns);
    const rows = await warehouse.query(
      `select ${text} as k, ${warehouse.state.keyJson(text, columns)} as j from (values (9007199254740993::bigint, date '2026-01-02', '"é'), (1, null, 'x')) as t(a, b, c)`,
    );
    const wanted = '{"tenant id":9007199254740993,"day":"2026-01-02","code":"\\"é"}';
    expect(rows).toEqual([
      { k: wanted, j: wanted },
      { k: null, j: null },
    ]);
  });
});

describe('a fingerprint', () => {
  it('tells NULL from an empty string, and one column from another', async () => {
    const { state } = warehouse;
    const object = state.jsonObject(
      ['a', 'b'].map((name) => ({ name, value: { sql: name, dataType: 'VARCHAR' }, nulls: 'null' })),
    );
    const rows = await warehouse.query(
      `select ${state.strongHash(["'signature'", object])} as strong, ${warehouse.state.fastHash(['a', 'b'].map((name) => ({ sql: name, dataType: 'VARCHAR' })))} as fast
       from (values (null, ''), ('', null), (null, null), ('', ''), ('x', 'y'), ('y', 'x'), ('a,b', ''), ('a', ',b')) as t(a, b)`,
    );
    expect(new Set(rows.map((row) => row['strong'])).size).toBe(8);
    expect(new Set(rows.map((row) => row['fast'])).size).toBe(8);
  });

  it.each([
    ["['a']", 'null', '[]', '[null]', '[null, null]'],
    ['[1.5, 2.5]::double[2]', 'null', '[null, null]', '[null, 2.5]'],
    ['[[1]]', 'null', '[]', '[[]]', '[null]'],
    ["{'a': 1, 'b': [1]}", 'null', "{'a': null, 'b': null}", "{'a': null, 'b': []}"],
    ['map {1: 2}', 'null', 'map {}', 'map {1: null}'],
  ])('tells NULL from what holds nothing, of values such as %s', async (...values) => {
    const [column] = await warehouse.describe(`select ${values[0]} as v`);
    const dataType = column?.dataType ?? '';
    const rows = await warehouse.query(
      `select ${warehouse.state.fastHash([{ sql: 'v', dataType }])} as fast from (${values.map((value) => `select cast(${value} as ${dataType}) as v`).join(' union all ')}) as t`,
    );
    expect(new Set(rows.map((row) => row['fast'])).size).toBe(values.length);
  });
});
