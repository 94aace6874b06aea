import { keyText } from '../key-text.ts';
import type { StateDialect, StateType, TypedSql } from '../state-dialect.ts';
import { isInteger, isoText, isZoned, jsonObject, quoted, textLiteral, valueJson } from './value-json.ts';

const TYPES: Readonly<Record<StateType, string>> = {
  text: 'text',
  bigint: 'bigint',
  integer: 'integer',
  boolean: 'boolean',
  timestamp: 'timestamp with time zone',
  fast_hash: 'bigint',
  strong_hash: 'uuid',
};

/** Types that have no hash of their own. */
const UNHASHABLE = /^(json|xml|point|line|lseg|box|path|polygon|circle|tsvector|tsquery)\b/i;

/**
 * PostgreSQL from 14 on. `hash_record_extended` may change between major versions, so it is only the fast fingerprint; `md5` over
 * typed JSON is the lasting one, kept as a uuid.
 */
export const postgresState: StateDialect = {
  name: 'postgres',
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
  text: textLiteral,
  table: ({ database, schema, name }) =>
    [database, schema ?? 'pg_temp', name]
      .filter((part) => part !== null)
      .map(postgresState.identifier)
      .join('.'),
  type: (type) => TYPES[type],
  symbol: (expression) => `cast(${expression} as text)`,
  timestamp: (isoUtc) => `timestamptz ${textLiteral(isoUtc)}`,
  now: 'now()',
  fastHash: (expressions) => `hash_record_extended(row(${expressions.map(hashable).join(', ')}), 0)`,
  keyHash: (keyText) => `hashtextextended(${keyText}, 0)`,
  hashMark: "hash_record_extended(row(cast('dinmo' as text), 1, cast(1.5 as float8), true, date '2000-01-01'), 0)",
  // Hashed again: that of a row is a sum of its columns', and equal changes of a column could cancel out.
  digest: (fastHash) => `bit_xor(hashint8extended(${fastHash}, 0))`,
  stopsAtLimit: true,
  transactionsHold: 'tables',
  steadyReads: true,
  rowNumber: 'stored_n',
  firstRowNumber: 1,
  every: (condition) => `coalesce(bool_and(coalesce(${condition}, false)), false)`,
  joinTexts: (text, { separator, order }) => `string_agg(${text}, ${separator} order by ${order})`,
  jsonText: quoted,
  strongHash: (texts) => `cast(md5(concat_ws(chr(31), ${texts.join(', ')})) as uuid)`,
  keyText: (columns) => keyText(columns, { plainText, textLiteral, valueJson }),
  keyJson: (keyText, columns) => {
    const [only] = columns;
    if (columns.length !== 1 || !only) return keyText;
    return isInteger(only.dataType) || only.dataType.toLowerCase() === 'boolean' ? keyText : quoted(keyText);
  },
  valueJson,
  jsonObject,
  lowerTrim: (expression) => `lower(trim(cast(${expression} as text)))`,
  rawText: (expression, dataType) =>
    postgresState.isArray(dataType) ? valueJson(expression, dataType) : `cast(${expression} as text)`,
  isArray: (dataType) => dataType.endsWith('[]'),
  // Of the session's own database; another session may make it at the same moment.
  createSchema: ({ schema }) => {
    const name = schema ?? 'public';
    return `do $do$ begin
  if not exists (select from pg_catalog.pg_namespace where nspname = ${textLiteral(name)}) then create schema ${postgresState.identifier(name)}; end if;
exception when duplicate_schema or unique_violation then null;
end $do$`;
  },
  createTable: (table, select) => {
    const name = postgresState.table(table);
    return `drop table if exists ${name}; create table ${name} as ${select}`;
  },
  // The planner knows nothing of a new table until it is looked at.
  createTemporary: (name, select) => {
    const table = temporary(name);
    return `drop table if exists ${table}; create temporary table ${postgresState.identifier(name)} as ${select}; analyze ${table}`;
  },
  createNumbered: (name, select) =>
    `${postgresState.createTemporary(name, `select row_number() over () as stored_n, made.* from (${select}) as made`)}; create unique index on ${temporary(name)} (stored_n)`,
  dropTemporary: (name) => `drop table if exists ${temporary(name)}`,
  passingPlace: (storage) => storage,
  // Not logged: it is in no backup and on no replica.
  createPassing: (table, select) => {
    const name = postgresState.table(table);
    return `create unlogged table ${name} as ${select}; analyze ${name}`;
  },
  numbered: (select) =>
    `select row_number() over (order by place, n) as seq, arranged.* from (${select}) as arranged order by place, n`,
  tablesOf: ({ database, schema }) => {
    const named = (column: string, name: string | null): string =>
      name === null ? 'true' : `lower(${column}) = lower(${textLiteral(name)})`;
    return `select table_name from information_schema.tables where ${named('table_schema', schema)} and ${named('table_catalog', database)}`;
  },
  expandRanges: (from, columns) => `select ${['generate_series(lo, hi) as seq', ...columns].join(', ')} from ${from}`,
  minusSpan: (expression, amount, unit) => `(${expression} - interval '${amount} ${unit}')`,
  instant: (expression, dataType) =>
    isZoned(dataType) ? expression : `timezone('UTC', cast(${expression} as timestamp without time zone))`,
  instantText: (expression) => isoText(expression, 'timestamp with time zone'),
};

function temporary(name: string): string {
  return `pg_temp.${postgresState.identifier(name)}`;
}

function hashable({ sql, dataType }: TypedSql): string {
  return UNHASHABLE.test(dataType) ? `cast(${sql} as text)` : sql;
}

/** Timestamps have a text that depends on the session and on their kind: as a key they are ISO, in UTC. */
function plainText({ sql, dataType }: TypedSql): string {
  if (postgresState.isArray(dataType)) return valueJson(sql, dataType);
  if (dataType.toLowerCase().startsWith('timestamp')) return isoText(sql, dataType);
  return `cast(${sql} as text)`;
}
