import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isDueForRenewal } from '../../src/diff/renewal.ts';
import { addColumn, createTable, SENT_DAY, SNAPSHOT_COLUMNS } from '../../src/diff/state-tables.ts';
import type { StateType } from '../../src/warehouse/state-dialect.ts';
import type { Row, TableName, Warehouse } from '../../src/warehouse/warehouse.ts';
import type { OpenedWarehouse } from './opened-warehouse.ts';

/** What a member of the family brings: a way to an empty database, and the names that differ. */
export interface ContractMember {
  readonly name: string;
  open(): Promise<OpenedWarehouse>;
  /** The warehouse's own names of types, as `describe` gives them. null: it has no such type. */
  readonly types: Readonly<Record<TypeName, string | null>>;
  /** Two of each: text, integers, decimals with two digits, timestamps with a zone; the second text is NULL. */
  readonly arrays: Readonly<Record<ArrayName, { readonly sql: string; readonly dataType: string } | null>>;
  /** A literal of these bytes. */
  binary(hex: string): string;
  /** JSON of this text, where a cast does not read it. */
  json?(text: string): string;
  /** What becomes of an unquoted name. */
  readonly folds: 'lower' | 'upper' | 'not';
  /** Tests that cannot be held here, and why: what an emulator lacks is said, not passed over. */
  readonly lacks?: Readonly<Partial<Record<Lack, string>>>;
}

export type TypeName =
  | 'text'
  | 'bigint'
  | 'decimal'
  | 'double'
  | 'boolean'
  | 'date'
  | 'naive'
  | 'zoned'
  | 'uuid'
  | 'json'
  | 'binary';
export type ArrayName = 'texts' | 'integers' | 'decimals' | 'instants';
export type Lack = 'pieces' | 'isolation' | 'interrupt' | 'temporary tables' | 'quoted names' | 'error codes';

/** A value of a type, by its text, and the JSON that stands for it on every warehouse alike. */
const VALUES: readonly (readonly [type: TypeName, text: string, json: string])[] = [
  ['bigint', '9007199254740993', '9007199254740993'],
  ['bigint', '-9223372036854775808', '-9223372036854775808'],
  ['decimal', '12345678901234567890.123456789', '"12345678901234567890.123456789"'],
  ['decimal', '-0.5', '"-0.500000000"'],
  ['double', '0.1', '0.1'],
  ['double', '1e300', '1e+300'],
  ['boolean', 'true', 'true'],
  ['boolean', 'false', 'false'],
  ['date', '2026-02-03', '"2026-02-03"'],
  ['date', '0099-12-31', '"0099-12-31"'],
  ['naive', '2026-02-03 04:05:06', '"2026-02-03T04:05:06Z"'],
  ['naive', '1969-12-31 23:59:59.999999', '"1969-12-31T23:59:59.999999Z"'],
  ['zoned', '2026-02-03 04:05:06.5+02', '"2026-02-03T02:05:06.500000Z"'],
  ['zoned', '1901-01-01 00:00:00+00', '"1901-01-01T00:00:00Z"'],
  ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'],
  ['text', '', '""'],
  ['text', "O'Neil", '"O\'Neil"'],
  ['text', 'e\u0301 é 😀 \uFFFD', '"e\u0301 é 😀 \uFFFD"'],
  ['text', '"quoted" \\ back', '"\\"quoted\\" \\\\ back"'],
  ['text', 'line\nnext\ttab', '"line\\nnext\\ttab"'],
];

const ARRAYS: Readonly<Record<ArrayName, string>> = {
  texts: '["a\\"b",null]',
  integers: '[1,9007199254740993]',
  decimals: '["1.50","2.00"]',
  instants: '["2026-02-03T02:05:06Z","2026-02-03T02:05:06.500000Z"]',
};

/** Keys as text: of one column its plain text, so that they are the same wherever they are read. */
const KEYS: readonly (readonly [type: TypeName, text: string, key: string])[] = [
  ['bigint', '42', '42'],
  ['text', 'a"b', 'a"b'],
  ['boolean', 'true', 'true'],
  ['date', '2026-02-03', '2026-02-03'],
  ['naive', '2026-02-03 04:05:06', '2026-02-03T04:05:06Z'],
  ['zoned', '2026-02-03 04:05:06.25+02', '2026-02-03T02:05:06.250000Z'],
  ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
];

/** What every warehouse promises to the engine. */
export function warehouseContract(member: ContractMember): void {
  let opened: OpenedWarehouse | null = null;
  const current = (): OpenedWarehouse => {
    if (opened === null) throw new Error('not open');
    return opened;
  };
  const warehouse = Object.assign(() => current().warehouse, { schema: () => current().schema });
  beforeEach(async () => {
    opened = await member.open();
  });
  afterEach(async () => {
    await opened?.close();
    opened = null;
  });
  /** Tests a promise, or says why it cannot be tested here. */
  const promise = (lack: Lack, name: string, test: () => Promise<void>): void => {
    const reason = member.lacks?.[lack];
    if (reason === undefined) it(name, test);
    else it.skip(`${name} (${reason})`, test);
  };

  describe(`${member.name}: values`, () => {
    valuePromises(member, warehouse);
  });
  describe(`${member.name}: the dialect of the engine`, () => {
    dialectPromises(member, warehouse);
  });
  describe(`${member.name}: tables and names`, () => {
    tablePromises(member, warehouse, promise);
  });
  describe(`${member.name}: a session`, () => {
    sessionPromises(warehouse, promise);
  });
}

type Ask = (() => Warehouse) & { schema(): string };
type Promised = (lack: Lack, name: string, test: () => Promise<void>) => void;

async function one(warehouse: Warehouse, sql: string): Promise<Row> {
  const [row, ...more] = await warehouse.query(sql);
  if (row === undefined || more.length > 0) throw new Error(`${more.length + 1} rows of ${sql}`);
  return row;
}

function typed(member: ContractMember, { state }: Warehouse, type: TypeName, text: string | null): string {
  return `cast(${text === null ? 'null' : state.text(text)} as ${member.types[type]})`;
}

function valuePromises(member: ContractMember, ask: Ask): void {
  it('come to this process as the contract says', async () => {
    const { state } = ask();
    const zoned = typed(member, ask(), 'zoned', '2026-02-03 04:05:06.5+02');
    const row = await one(
      ask(),
      `select cast('9007199254740993' as ${state.type('bigint')}) as big, cast('-3' as ${state.type('integer')}) as small,
      1 = 1 as yes, 1 = 2 as no, ${zoned} as zoned, ${state.text('é 😀\n')} as words,
      cast(null as ${state.type('text')}) as nothing, cast('0.25' as ${member.types.double}) as ratio`,
    );
    // A count of few may be a number or a bigint: whoever reads one says which it wants.
    expect({ ...row, small: Number(row['small']) }).toEqual({
      big: 9007199254740993n,
      small: -3,
      yes: true,
      no: false,
      zoned: '2026-02-03T02:05:06.500Z',
      words: 'é 😀\n',
      nothing: null,
      ratio: 0.25,
    });
  });

  it('are JSON of their type, the same on every warehouse', async () => {
    const { state } = ask();
    const cases = VALUES.filter(([type]) => member.types[type] !== null);
    const columns = cases.map(
      ([type, text], index) =>
        `${state.valueJson(typed(member, ask(), type, text), member.types[type] ?? '')} as v${index}`,
    );
    const row = await one(ask(), `select ${columns.join(', ')}`);
    const found = cases.map(([type, text], index) => [type, text, row[`v${index}`]]);
    // Of a number that is not exact, any text will do that reads as it.
    const plain = ([type, text, json]: readonly unknown[]): unknown => [
      type,
      text,
      type === 'double' ? Number(json) : json,
    ];
    expect(found.map(plain)).toEqual(cases.map(plain));
  });

  it('are NULL where there is none, or no JSON for it', async () => {
    const { state } = ask();
    const types = (Object.keys(member.types) as TypeName[]).filter((type) => member.types[type] !== null);
    const columns = types.map(
      (type) => `${state.valueJson(typed(member, ask(), type, null), member.types[type] ?? '')} as of_${type}`,
    );
    const nan = state.valueJson(typed(member, ask(), 'double', 'NaN'), member.types.double ?? '');
    const row = await one(ask(), `select ${columns.join(', ')}, ${nan} as nan`);
    expect(Object.values(row)).toEqual([...types, 'nan'].map(() => null));
  });

  it('may be arrays, bytes and JSON', async () => {
    const { state } = ask();
    const arrays = Object.entries(member.arrays).flatMap(([name, array]) => (array === null ? [] : [{ name, array }]));
    const columns = arrays.map(({ name, array }) => `${state.valueJson(array.sql, array.dataType)} as ${name}`);
    const bytes = state.valueJson(member.binary('0001ff'), member.types.binary ?? '');
    const object = '{"a": [1, "x"]}';
    const json = state.valueJson(
      member.json?.(object) ?? typed(member, ask(), 'json', object),
      member.types.json ?? '',
    );
    const row = await one(ask(), `select ${[...columns, `${bytes} as bytes`, `${json} as json`].join(', ')}`);
    expect({ ...row, json: JSON.parse(String(row['json'])) }).toEqual({
      ...Object.fromEntries(arrays.map(({ name }) => [name, ARRAYS[name as ArrayName]])),
      bytes: '"AAH/"',
      json: { a: [1, 'x'] },
    });
    for (const { array } of arrays) expect(state.isArray(array.dataType)).toBe(true);
    expect(state.isArray(member.types.text ?? '')).toBe(false);
  });

  it('keep what they are as keys', async () => {
    const { state } = ask();
    const cases = KEYS.filter(([type]) => member.types[type] !== null);
    for (const [type, text, key] of cases) {
      const column = { name: 'k', sql: 'k', dataType: member.types[type] ?? '' };
      const row = await one(
        ask(),
        `select key_text, ${state.keyJson('key_text', [column])} as key_json from (select ${state.keyText([column])} as key_text from (select ${typed(member, ask(), type, text)} as k) as v) as keyed`,
      );
      expect([type, row['key_text']]).toEqual([type, key]);
      const json: unknown = JSON.parse(String(row['key_json']));
      expect(json).toEqual(type === 'bigint' ? 42 : type === 'boolean' ? true : key);
    }
  });

  it('make composite keys, NULL where a part is', async () => {
    const { state } = ask();
    const columns = [
      { name: 'shop', sql: 'a', dataType: member.types.text ?? '' },
      { name: 'no', sql: 'b', dataType: member.types.bigint ?? '' },
    ];
    const rows = await ask().query(
      `select ${state.keyText(columns)} as key from (select ${typed(member, ask(), 'text', 'x"y')} as a, ${typed(member, ask(), 'bigint', '7')} as b, 1 as n union all select ${typed(member, ask(), 'text', 'z')}, ${typed(member, ask(), 'bigint', null)}, 2) as v order by n`,
    );
    expect(rows.map(({ key }) => key)).toEqual(['{"shop":"x\\"y","no":7}', null]);
  });
}

function dialectPromises(member: ContractMember, ask: Ask): void {
  it('writes JSON objects of any size, in the order of their members', async () => {
    const { state } = ask();
    const text = { sql: typed(member, ask(), 'text', 'a"b'), dataType: member.types.text ?? '' };
    const number = { sql: typed(member, ask(), 'bigint', '9007199254740993'), dataType: member.types.bigint ?? '' };
    const none = { sql: typed(member, ask(), 'text', null), dataType: member.types.text ?? '' };
    const row = await one(
      ask(),
      `select ${state.jsonObject([
        { name: 'z "q"', value: text, nulls: 'null' },
        { name: 'a', value: number, nulls: 'null' },
        { name: 'left out', value: none, nulls: 'skip' },
        { name: 'empty', value: none, nulls: 'null' },
        { name: 'fixed', value: { json: '{"x":["it\'s"]}' }, nulls: 'null' },
      ])} as some, ${state.jsonObject([])} as nothing, ${state.jsonObject([{ name: 'n', value: none, nulls: 'skip' }])} as skipped,
      ${state.jsonObject(Array.from({ length: 250 }, (_, index) => ({ name: `m${index}`, value: index % 7 === 0 ? none : number, nulls: index % 2 === 0 ? ('skip' as const) : ('null' as const) })))} as many`,
    );
    const compact = (json: unknown): string => String(json);
    expect(compact(row['some'])).toBe(
      '{"z \\"q\\"":"a\\"b","a":9007199254740993,"empty":null,"fixed":{"x":["it\'s"]}}',
    );
    expect([row['nothing'], row['skipped']]).toEqual(['{}', '{}']);
    const many = JSON.parse(String(row['many'])) as Record<string, unknown>;
    expect(Object.keys(many)).toEqual(
      Array.from({ length: 250 }, (_, index) => index)
        .filter((index) => index % 2 !== 0 || index % 7 !== 0)
        .map((index) => `m${index}`),
    );
    expect(many['m7']).toBeNull();
  });

  it('makes equal fingerprints of equal rows, and others of others', async () => {
    const { state } = ask();
    const text = (value: string | null) => ({
      sql: typed(member, ask(), 'text', value),
      dataType: member.types.text ?? '',
    });
    const rows: readonly (readonly (string | null)[])[] = [
      ['a', 'b'],
      ['a', 'b'],
      ['ab', ''],
      ['a', null],
      [null, 'a'],
      ['a', ''],
    ];
    const selects = rows.map(
      (row, index) =>
        `select ${index} as n, ${state.fastHash(row.map(text))} as fast, ${state.strongHash(row.map((value) => text(value).sql))} as strong, ${state.keyHash(text(row[0] ?? null).sql)} as key_hash`,
    );
    const found = await ask().query(
      `select n, cast(fast as ${state.type('text')}) as fast, cast(strong as ${state.type('text')}) as strong, cast(key_hash as ${state.type('text')}) as key_hash from (${selects.join(' union all ')}) as hashed order by n`,
    );
    expect(found[0]?.['fast']).toBe(found[1]?.['fast']);
    expect(found[0]?.['strong']).toBe(found[1]?.['strong']);
    expect(new Set(found.map(({ fast }) => fast)).size).toBe(5);
    // NULL is left out of the lasting one: whoever needs to tell them apart makes JSON of them first.
    expect(new Set(found.map(({ strong }) => strong)).size).toBe(4);
    expect(found[0]?.['key_hash']).toBe(found[3]?.['key_hash']);
    expect(found[0]?.['key_hash']).not.toBe(found[2]?.['key_hash']);
    const marks = await ask().query(`select ${state.hashMark} = ${state.hashMark} as same`);
    expect(marks).toEqual([{ same: true }]);
  });

  it('sums fingerprints to a digest whatever their order', async () => {
    const { state } = ask();
    const hashes = ['a', 'b', 'c'].map((text, n) => `select ${n} as n, ${state.keyHash(state.text(text))} as h`);
    const rows = await ask().query(
      `select ${state.digest('h')} as d from (${hashes.join(' union all ')}) as x union all select ${state.digest('h')} from (${[...hashes].reverse().join(' union all ')}) as y union all select ${state.digest('h')} from (${hashes.slice(0, 2).join(' union all ')}) as z`,
    );
    const digests = rows.map(({ d }) => String(d));
    expect(new Set(digests).size).toBe(2);
  });

  it('knows whether a condition holds for every row, and joins texts in order', async () => {
    const { state } = ask();
    const values = (rows: readonly string[]): string =>
      `(${rows.map((row, n) => `select ${n} as n, ${row} as yes`).join(' union all ')}) as v`;
    const every = async (rows: string): Promise<unknown> =>
      (await one(ask(), `select ${state.every('yes')} as e from ${rows}`))['e'];
    expect(await every(values(['1 = 1', '2 = 2']))).toBe(true);
    expect(await every(values(['1 = 1', '1 = 2']))).toBe(false);
    expect(await every(values(['1 = 1', 'null']))).toBe(false);
    expect(await every(`${values(['1 = 1'])} where 1 = 2`)).toBe(false);
    const texts = `(${['b', 'a', 'c'].map((t, n) => `select ${n} as n, ${state.text(t)} as t`).join(' union all ')}) as v`;
    const joined = await one(
      ask(),
      `select ${state.joinTexts('t', { separator: "','", order: 'n' })} as there, ${state.jsonText('min(t)')} as quoted, min(${state.lowerTrim(state.text('  Ab C '))}) as lowered from ${texts}`,
    );
    expect(joined).toEqual({ there: 'b,a,c', quoted: '"a"', lowered: 'ab c' });
  });

  it('reckons with instants whatever their kind', async () => {
    const { state } = ask();
    const zoned = state.instant(typed(member, ask(), 'zoned', '2026-03-29 03:30:00.25+02'), member.types.zoned ?? '');
    const naive = state.instant(typed(member, ask(), 'naive', '2026-03-29 01:30:00'), member.types.naive ?? '');
    const date = state.instant(typed(member, ask(), 'date', '2026-03-29'), member.types.date ?? '');
    const row = await one(
      ask(),
      `select ${state.instantText(zoned)} as zoned, ${state.instantText(naive)} as naive, ${state.instantText(date)} as date,
      ${state.instantText(state.minusSpan(naive, 2, 'hour'))} as earlier, ${state.instantText(state.minusSpan(naive, 3, 'day'))} as days,
      ${state.timestamp('2026-03-29T01:30:00.000Z')} = ${naive} as same, ${state.now} > ${state.timestamp('2020-01-01T00:00:00Z')} as now`,
    );
    expect(row).toEqual({
      zoned: '2026-03-29T01:30:00.250000Z',
      naive: '2026-03-29T01:30:00Z',
      date: '2026-03-29T00:00:00Z',
      earlier: '2026-03-28T23:30:00Z',
      days: '2026-03-26T01:30:00Z',
      same: true,
      now: true,
    });
  });
}

const EVERY_TYPE: readonly StateType[] = [
  'text',
  'bigint',
  'integer',
  'boolean',
  'timestamp',
  'fast_hash',
  'strong_hash',
];

function tablePromises(member: ContractMember, ask: Ask, promise: Promised): void {
  const lasting = (name: string): TableName => ({ database: null, schema: ask.schema(), name });
  const ROWS = [
    ['é 😀 "q" \\ \n', 9007199254740993n, -1, true, '2026-02-03T04:05:06.789Z'],
    ["it's {a,b} NULL", 0n, 2, false, '1999-12-31T23:59:59.000Z'],
    ['', null, null, null, null],
    [null, 5n, 6, true, null],
  ] as const;
  const TYPES = ['text', 'bigint', 'integer', 'boolean', 'timestamp'] as const;
  const shape = (state: Warehouse['state']): string =>
    TYPES.map((type) => `${state.identifier(`of ${type}`)} ${state.type(type)}`).join(', ');
  const expected = ROWS.map((row) => row.map((value) => (typeof value === 'number' ? BigInt(value) : value)));
  const given = (rows: readonly Row[]): unknown[][] =>
    rows.map((row) => Object.values(row).map((value) => (typeof value === 'number' ? BigInt(value) : value)));

  promise('quoted names', 'take any name where it is quoted, and rows as they are', async () => {
    const { state } = ask();
    const table = lasting('Odd "name", select');
    await ask().run(`create table ${state.table(table)} (${shape(state)})`);
    await ask().append(table, TYPES, ROWS);
    await ask().append(table, TYPES, []);
    const order = state.identifier('of bigint');
    const text = state.identifier('of text');
    const rows = await ask().query(
      `select * from ${state.table(table)} order by case when ${text} is null then 3 when ${order} is null then 2 when ${order} = 0 then 1 else 0 end`,
    );
    expect(given(rows)).toEqual(expected);
    expect((await ask().describe(`select * from ${state.table(table)}`)).map(({ name }) => name)).toEqual(
      TYPES.map((type) => `of ${type}`),
    );
  });

  promise('temporary tables', 'append to temporary tables, many rows at a time, and replace them', async () => {
    const { state } = ask();
    const name = 'dinmo_contract';
    const table = { database: null, schema: null, name };
    for (const size of [3, 45_000]) {
      const none = `select cast(null as ${state.type('bigint')}) as n, cast(null as ${state.type('text')}) as t from (select 1 as one) as nothing where 1 = 2`;
      await ask().run(state.createTemporary(name, none));
      await ask().append(
        table,
        ['bigint', 'text'],
        Array.from({ length: size }, (_, n) => [n, `row ${n}`]),
      );
      const row = await one(ask(), `select count(*) as size, sum(n) as total, max(t) as top from ${name}`);
      expect([Number(row['size']), Number(row['total'])]).toEqual([size, (size * (size - 1)) / 2]);
    }
    await ask().run(state.dropTemporary(name));
    await ask().run(state.dropTemporary(name));
    await expect(ask().query(`select * from ${name}`)).rejects.toMatchObject({ kind: 'warehouse' });
  });

  it('copy rows into a table that another session reads, and that is dropped when it has served', async () => {
    const { state } = ask();
    const place = state.passingPlace({ database: null, schema: ask.schema() });
    const table = { ...place, name: 'copy_contract' };
    const other = await ask().another();
    try {
      await ask().run(state.createPassing(table, "select 'x' as c0, 1 as c1"));
      expect(await one(other, `select c0 from ${state.table(table)}`)).toMatchObject({ c0: 'x' });
      await other.run(`drop table if exists ${state.table(table)}`);
      await expect(ask().query(`select c0 from ${state.table(table)}`)).rejects.toMatchObject({ kind: 'warehouse' });
    } finally {
      await other.close();
    }
  });

  it('number rows as they were made, and in the order asked for', async () => {
    const { state } = ask();
    const select = `${state.expandRanges('(select 1 as lo, 5 as hi, 10 as ten) as r', ['ten'])}`;
    await ask().run(state.createNumbered('dinmo_numbered', `select seq as v, ten from (${select}) as made`));
    const rows = await ask().query(
      `select v, ten, ${state.rowNumber} - (select min(${state.rowNumber}) from dinmo_numbered) as place from dinmo_numbered order by 3`,
    );
    expect(rows.map((row) => [Number(row['place']), Number(row['ten'])])).toEqual([0, 1, 2, 3, 4].map((n) => [n, 10]));
    expect(rows.map((row) => Number(row['v'])).sort()).toEqual([1, 2, 3, 4, 5]);
    // Far apart, so that they are numbered apart where that is done in parts; and one that has no place among the others.
    const placed = `select v, mod(v, 2) as place, v * 700000 as n from dinmo_numbered union all select 6, 2, cast(null as ${state.type('bigint')})`;
    const numbered = await ask().query(`select seq, v from (${state.numbered(placed)}) as n order by seq`);
    expect(numbered.map((row) => [Number(row['seq']), Number(row['v'])])).toEqual(
      [2, 4, 1, 3, 5, 6].map((v, index) => [index + 1, v]),
    );
  });

  it('hold every type of the engine, are made in the place of others, and are found whatever their schema’s case', async () => {
    const { state } = ask();
    const table = lasting('dinmo_types');
    const columns = EVERY_TYPE.map((type, index) => `cast(null as ${state.type(type)}) as c${index}`);
    await ask().run(state.createTable(table, 'select 1 as other'));
    await ask().run(
      state.createTable(table, `select ${columns.join(', ')}, ${state.symbol("'b'", ['a', 'b'])} as symbol`),
    );
    expect(await ask().query(`select symbol, c0 from ${state.table(table)}`)).toEqual([{ symbol: 'b', c0: null }]);
    const listed = async (schema: string): Promise<readonly unknown[]> =>
      (await ask().tables?.({ database: null, schema })) ??
      (await ask().query(state.tablesOf({ database: null, schema }))).map((row) => row['table_name']);
    // Where names of schemas differ by case, another case is another schema.
    expect(await listed(ask().tables ? ask.schema() : swapped(ask.schema()))).toContain('dinmo_types');
    expect(await listed('no_such_schema')).toEqual([]);
  });

  it('count the rows that a statement changed', async () => {
    const table = ask().state.table(lasting('dinmo_changed'));
    await ask().run(`create table ${table} (${ask().state.identifier('n')} ${ask().state.type('bigint')})`);
    expect(await ask().run(`insert into ${table} values (1), (2), (3)`)).toBe(3);
    const n = ask().state.identifier('n');
    expect(await ask().run(`update ${table} set ${n} = 9 where ${n} > 1`)).toBe(2);
    expect(await ask().run(`delete from ${table} where ${n} = 100`)).toBe(0);
    expect(await ask().run(`delete from ${table} where ${n} = 9`)).toBe(2);
  });

  it('of an older version learn the day on which a row was sent, and which of them are due', async () => {
    const { state } = ask();
    const place = lasting('dinmo_older');
    const table = state.table(place);
    const shape = SNAPSHOT_COLUMNS.filter(({ name }) => name === 'key' || name === 'key_hash');
    await ask().run(createTable(state, place, shape));
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) => `(${state.text(key)})`);
    await ask().run(`insert into ${table} (key) values ${keys.join(', ')}`);
    await ask().run(`update ${table} set key_hash = ${state.keyHash('key')} where key <> 'h'`);
    for (let times = 0; times < 2; times++) await ask().run(addColumn(state, place, SENT_DAY));
    const due = async (today: number): Promise<number> => {
      const renewal = { today, days: 100, marginDays: 5, spreadDays: 10 };
      const rows = await ask().query(`select key from ${table} where ${isDueForRenewal(renewal)}`);
      return rows.length;
    };
    expect(await due(1_000_000)).toBe(0);
    await ask().run(`update ${table} set sent_day = 20000 where sent_day is null`);
    expect([await due(20_085), await due(20_095)]).toEqual([0, 8]);
    const some = await due(20_090);
    expect(some > 0 && some < 8, `${some} of 8`).toBe(true);
  });

  it('know the types of a query’s columns', async () => {
    const columns = (['text', 'bigint', 'boolean', 'date', 'naive', 'zoned', 'json', 'binary'] as const).filter(
      (type) => member.types[type] !== null,
    );
    const arrays = Object.entries(member.arrays).flatMap(([name, array]) => (array === null ? [] : [{ name, array }]));
    const described = await ask().describe(
      `select ${[...columns.map((type) => `${typed(member, ask(), type, null)} as of_${type}`), ...arrays.map(({ name, array }) => `${array.sql} as of_${name}`)].join(', ')}`,
    );
    const folded = (name: string): string => (member.folds === 'upper' ? name.toUpperCase() : name);
    expect(described).toEqual([
      ...columns.map((type) => ({ name: folded(`of_${type}`), dataType: member.types[type] })),
      ...arrays.map(({ name, array }) => ({ name: folded(`of_${name}`), dataType: array.dataType })),
    ]);
  });

  it('fold names that are not quoted as the warehouse does', async () => {
    const [column] = await ask().describe('select 1 as MixedCase');
    const names = { lower: 'mixedcase', upper: 'MIXEDCASE', not: 'MixedCase' };
    expect(column?.name).toBe(names[member.folds]);
  });
}

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void; // the flag puts it there

const LARGE_ROWS = 40_000;
const TEXT_BYTES = 500;

function sessionPromises(ask: Ask, promise: Promised): void {
  const table = (name: string): string => ask().state.table({ database: null, schema: ask.schema(), name });
  const fill = async (name: string, rows: number): Promise<void> => {
    const { state } = ask();
    await ask().run(
      state.createTable(
        { database: null, schema: ask.schema(), name },
        `select seq as n, ${state.text('x'.repeat(TEXT_BYTES))} as t from (${state.expandRanges(`(select 1 as lo, ${rows} as hi) as r`, [])}) as made`,
      ),
    );
  };

  promise('pieces', 'reads a large result in pieces, with memory that does not grow with it', async () => {
    /** Reads all rows; the bytes that this process held at most, when what nobody needs any more was gone. */
    const read = async (name: string, size: number): Promise<number> => {
      let rows = 0;
      let pieces = 0;
      let total = 0;
      let peak = 0;
      for await (const piece of ask().stream(`select n, t from ${table(name)}`)) {
        pieces++;
        expect(piece.length).toBeLessThanOrEqual(20_000);
        rows += piece.length;
        for (const { n } of piece) total += Number(n);
        if (pieces % 4 !== 0) continue;
        collectGarbage();
        const { heapUsed, external } = process.memoryUsage();
        peak = Math.max(peak, heapUsed + external);
      }
      expect([rows, total]).toEqual([size, (size * (size + 1)) / 2]);
      expect(pieces).toBeGreaterThan(3);
      return peak;
    };
    await fill('large', LARGE_ROWS);
    await fill('larger', 4 * LARGE_ROWS);
    // What the driver and its buffers take is taken by the first pass.
    const first = await read('large', LARGE_ROWS);
    const second = await read('larger', 4 * LARGE_ROWS);
    const more = 3 * LARGE_ROWS * TEXT_BYTES;
    expect((second - first) / more).toBeLessThan(0.25);
  });

  it('may stop reading when it likes, and goes on with something else', async () => {
    await fill('left', 30_000);
    for (let round = 0; round < 3; round++) {
      for await (const piece of ask().stream(`select n from ${table('left')}`)) {
        expect(piece.length).toBeGreaterThan(0);
        break;
      }
      expect(Number((await one(ask(), `select count(*) as c from ${table('left')}`))['c'])).toBe(30_000);
    }
    const failing = async (): Promise<void> => {
      for await (const _ of ask().stream('select * from no_such_table_at_all')) throw new Error('a row');
    };
    await expect(failing()).rejects.toMatchObject({ kind: 'warehouse', code: 'relation-missing' });
    expect(await ask().query('select 1 as one')).toHaveLength(1);
  });

  it('does all of a transaction or nothing, and goes on after a failure', async () => {
    await ask().run(`create table ${table('kept')} (n ${ask().state.type('bigint')})`);
    await ask().transaction(async () => {
      await ask().run(`insert into ${table('kept')} values (1)`);
      await ask().run(`insert into ${table('kept')} values (2)`);
    });
    const failed = ask().transaction(async () => {
      await ask().run(`delete from ${table('kept')}`);
      await ask().query('select * from no_such_table_at_all');
    });
    await expect(failed).rejects.toMatchObject({ code: 'relation-missing' });
    const thrown = ask().transaction(async () => {
      await ask().run(`insert into ${table('kept')} values (3)`);
      throw new RangeError('ours');
    });
    await expect(thrown).rejects.toThrow(RangeError);
    const rows = await ask().query(`select n from ${table('kept')} order by n`);
    expect(rows.map(({ n }) => n)).toEqual([1n, 2n]);
  });

  it('keeps what other flows ask out of a transaction', async () => {
    await ask().run(`create table ${table('mixed')} (n ${ask().state.type('bigint')})`);
    let go: () => void = () => {};
    const waits = new Promise<void>((done) => {
      go = done;
    });
    const transaction = ask()
      .transaction(async () => {
        await ask().run(`insert into ${table('mixed')} values (1)`);
        await waits;
        throw new Error('taken back');
      })
      .catch(() => {});
    const beside = ask().run(`insert into ${table('mixed')} values (2)`);
    go();
    await Promise.all([transaction, beside]);
    expect((await ask().query(`select n from ${table('mixed')}`)).map(({ n }) => n)).toEqual([2n]);
  });

  promise('isolation', 'sees what another session did only when that is done', async () => {
    await ask().run(`create table ${table('shared')} (n ${ask().state.type('bigint')})`);
    const other = await ask().another();
    const count = async (session: Warehouse): Promise<number> =>
      Number((await one(session, `select count(*) as c from ${table('shared')}`))['c']);
    try {
      await ask().transaction(async () => {
        await ask().run(`insert into ${table('shared')} values (1)`);
        expect([await count(ask()), await count(other)]).toEqual([1, 0]);
      });
      expect(await count(other)).toBe(1);
      // Whoever reads in a transaction sees the rows of one moment.
      if (ask().state.steadyReads)
        await ask().transaction(async () => {
          expect(await count(ask())).toBe(1);
          await other.run(`insert into ${table('shared')} values (2)`);
          expect(await count(ask())).toBe(1);
        });
      expect(await count(ask())).toBe(ask().state.steadyReads ? 2 : 1);
    } finally {
      await other.close();
    }
  });

  promise('interrupt', 'stops a statement that runs, and can be used again', async () => {
    await fill('slow', 100_000);
    const other = await ask().another();
    try {
      const slow = `select count(*) as c from ${table('slow')} as a cross join ${table('slow')} as b where a.n + b.n = -1`;
      const stopped = expect(ask().query(slow)).rejects.toMatchObject({
        kind: 'warehouse',
        code: 'statement-cancelled',
      });
      await other.query('select 1 as one');
      ask().interrupt();
      await stopped;
      expect(await ask().query('select 1 as one')).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  promise('error codes', 'tells in its own words what failed, with the vendor’s, and without values', async () => {
    const missing = await failure(ask().query('select * from no_such_table_at_all'));
    expect(missing).toMatchObject({ kind: 'warehouse', code: 'relation-missing' });
    expect(missing.message.toLowerCase()).toContain('no_such_table_at_all');
    expect(missing.fix).toContain('dbt build');
    const wrong = await failure(ask().query('select * frm nothing'));
    expect(wrong).toMatchObject({ kind: 'warehouse', code: 'statement-failed' });
    const { state } = ask();
    await ask().run(`create table ${table('people')} (t ${state.type('text')})`);
    await ask().append({ database: null, schema: ask.schema(), name: 'people' }, ['text'], [['jane@example.com']]);
    const bad = await failure(ask().query(`select cast(t as ${state.type('integer')}) as n from ${table('people')}`));
    expect(bad).toMatchObject({ kind: 'warehouse', code: 'statement-failed' });
    expect(bad.message).not.toContain('jane');
    expect(bad.message.length).toBeGreaterThan(20);
  });
}

async function failure(work: Promise<unknown>): Promise<Error & { readonly fix: string | null }> {
  const thrown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof Error)) throw new Error('it did not fail');
  return thrown as Error & { readonly fix: string | null }; // the matchers look
}

function swapped(name: string): string {
  return name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
}
