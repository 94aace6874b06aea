import { keyText } from '../key-text.ts';
import type { StateDialect, StateType, TypedExpression, TypedSql } from '../state-dialect.ts';
import { jsonObject } from './json-object.ts';
import { isInteger, isoText, valueJson } from './value-json.ts';

const TYPES: Readonly<Record<StateType, string>> = {
  text: 'varchar',
  bigint: 'bigint',
  integer: 'integer',
  boolean: 'boolean',
  timestamp: 'timestamp with time zone',
  fast_hash: 'ubigint',
  strong_hash: 'uhugeint',
};

/** A database in memory, beside the file. */
const PASSING = 'dinmo_passing';

/** DuckDB 1.x. `hash()` is not stable across versions, so it is only the fast fingerprint; `md5` over typed JSON is the lasting one. */
export const duckdbState: StateDialect = {
  name: 'duckdb',
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
  text: (value) => `'${value.replaceAll("'", "''")}'`,
  table: ({ database, schema, name }) =>
    [database, schema, name]
      .filter((part) => part !== null)
      .map(duckdbState.identifier)
      .join('.'),
  type: (type) => TYPES[type],
  symbol: (expression, among) => `cast(${expression} as enum(${among.map(duckdbState.text).join(', ')}))`,
  timestamp: (isoUtc) => `timestamptz ${duckdbState.text(isoUtc)}`,
  now: 'now()',
  fastHash: (expressions) => `hash(${expressions.flatMap(hashed).join(', ')})`,
  keyHash: (keyText) => `hash(${keyText})`,
  hashMark: "hash('dinmo', 1, 1.5::double, true, date '2000-01-01')",
  // Hashed again: that of several columns is made by exclusive or, so that two equal changes of one column would cancel out.
  digest: (fastHash) => `bit_xor(hash(${fastHash}))`,
  stopsAtLimit: true,
  transactionsHold: 'tables',
  steadyReads: true,
  rowNumber: 'rowid',
  firstRowNumber: null,
  strongHash: (texts) => `md5_number(concat_ws(chr(31), ${texts.join(', ')}))`,
  keyText: (columns) => keyText(columns, { plainText, textLiteral: duckdbState.text, valueJson }),
  keyJson: (keyText, columns) => {
    const [only] = columns;
    if (columns.length !== 1 || !only) return keyText;
    return isInteger(only.dataType) || only.dataType.toUpperCase() === 'BOOLEAN'
      ? keyText
      : `to_json(${keyText})::varchar`;
  },
  valueJson,
  jsonObject,
  lowerTrim: (expression) => `lower(trim(cast(${expression} as varchar)))`,
  rawText: (expression, dataType) =>
    duckdbState.isArray(dataType) ? `to_json(${expression})::varchar` : `cast(${expression} as varchar)`,
  isArray: (dataType) => dataType.endsWith(']'),
  every: (condition) => `coalesce(bool_and(coalesce(${condition}, false)), false)`,
  joinTexts: (text, { separator, order }) => `string_agg(${text}, ${separator} order by ${order})`,
  jsonText: (text) => `to_json(cast(${text} as varchar))::varchar`,
  createSchema: ({ database, schema }) =>
    `create schema if not exists ${[database, schema].flatMap((part) => (part === null ? [] : [duckdbState.identifier(part)])).join('.')}`,
  createTable: (table, select) => `create or replace table ${duckdbState.table(table)} as ${select}`,
  createNumbered: (name, select) => duckdbState.createTemporary(name, select),
  // Sorted first: a window without order numbers what comes, and is faster than one with an order.
  numbered: (select) =>
    `select row_number() over () as seq, arranged.* from (select * from (${select}) as unordered order by place, n) as arranged`,
  tablesOf: ({ database, schema }) => {
    const named = (column: string, name: string | null): string =>
      name === null ? 'true' : `lower(${column}) = lower(${duckdbState.text(name)})`;
    return `select table_name from information_schema.tables where ${named('table_schema', schema)} and ${named('table_catalog', database)}`;
  },
  createTemporary: (name, select) => `create or replace temporary table ${duckdbState.identifier(name)} as ${select}`,
  dropTemporary: (name) => `drop table if exists temp.main.${duckdbState.identifier(name)}`,
  // Seen by every connection of the process, spilled like a temporary table, and never in the file.
  passingPlace: () => ({ database: PASSING, schema: 'main' }),
  createPassing: (table, select) =>
    `attach if not exists ':memory:' as ${PASSING}; ${duckdbState.createTable(table, select)}`,
  expandRanges: (from, columns) =>
    `select ${['unnest(generate_series(lo, hi)) as seq', ...columns].join(', ')} from ${from}`,
  minusSpan: (expression, amount, unit) => `(${expression} - interval '${amount} ${unit}')`,
  instant: (expression, dataType) => {
    const type = dataType.toUpperCase();
    if (type === 'TIMESTAMP WITH TIME ZONE') return expression;
    return `timezone('UTC', cast(${expression} as timestamp))`;
  },
  instantText: (expression) => isoText(expression, 'TIMESTAMP WITH TIME ZONE'),
};

/** `hash()` is the same of NULL and of a list without elements, and of a struct whose members are NULL. */
function hashed({ sql, dataType }: TypedSql): readonly string[] {
  if (!/^(STRUCT|MAP)\(|\]$/i.test(dataType)) return [sql];
  return /^\w+(\([\d, ]+\))?\[\d*\]$/.test(dataType) ? [sql, `len(${sql})`] : [`to_json(${sql})::varchar`];
}

/** Timestamps have a text that depends on the session and on their kind: as a key they are ISO, in UTC. */
function plainText({ sql, dataType }: TypedExpression): string {
  return dataType.toUpperCase().startsWith('TIMESTAMP') && !dataType.endsWith(']')
    ? isoText(sql, dataType)
    : `cast(${sql} as varchar)`;
}
