import { isFoldable } from '../dialect.ts';
import { keyText } from '../key-text.ts';
import type { StateDialect, StateType } from '../state-dialect.ts';
import {
  isArray,
  isInteger,
  isoText,
  jsonObject,
  naive,
  plainText,
  quoted,
  textLiteral,
  valueJson,
} from './value-json.ts';

const TYPES: Readonly<Record<StateType, string>> = {
  text: 'varchar',
  bigint: 'number(38,0)',
  integer: 'number(38,0)',
  boolean: 'boolean',
  timestamp: 'timestamp_ntz',
  fast_hash: 'number(38,0)',
  strong_hash: 'varchar(32)',
};

/** Numbers of one array: an array holds 16 MB. */
const SPAN = 100_000;

/**
 * Snowflake's SQL for the engine's tables. Instants are `timestamp_ntz` in UTC. `hash` is not promised to stay the same across
 * releases, so it is only the fast fingerprint; `md5` over typed JSON is the lasting one.
 */
export const snowflakeState: StateDialect = {
  name: 'snowflake',
  // dbt leaves names unquoted, so Snowflake folds them to upper case; quoting must name the same thing.
  identifier: (name) => `"${(isFoldable(name) ? name.toUpperCase() : name).replaceAll('"', '""')}"`,
  text: textLiteral,
  table: ({ database, schema, name }) =>
    [database, schema, name]
      .filter((part) => part !== null)
      .map(snowflakeState.identifier)
      .join('.'),
  type: (type) => TYPES[type],
  symbol: (expression) => `cast(${expression} as varchar)`,
  timestamp: (isoUtc) => `cast(${textLiteral(isoUtc.replace('T', ' ').replace(/Z$/, ''))} as timestamp_ntz)`,
  now: "to_timestamp_ntz(convert_timezone('UTC', current_timestamp()))",
  fastHash: (expressions) => `hash(${expressions.map(({ sql }) => sql).join(', ')})`,
  keyHash: (keyText) => `hash(${keyText})`,
  hashMark: "hash('dinmo', 1, 1.5::float, true, to_date('2000-01-01'))",
  // Hashed again: how the hash of several columns is made of theirs is not documented, and equal changes must not cancel out.
  digest: (fastHash) => `bitxor_agg(hash(${fastHash}))`,
  // LIMIT stands in no subquery but a scalar one.
  stopsAtLimit: false,
  transactionsHold: 'rows',
  steadyReads: false,
  rowNumber: 'dinmo_row',
  firstRowNumber: 1,
  every: (condition) => `coalesce(booland_agg(coalesce(${condition}, false)), false)`,
  joinTexts: (text, { separator, order }) => `listagg(${text}, ${separator}) within group (order by ${order})`,
  jsonText: quoted,
  // Its concat_ws gives NULL where any text is NULL.
  strongHash: (texts) => `md5(${texts.map((text) => `coalesce(${text} || chr(31), '')`).join(' || ')})`,
  keyText: (columns) =>
    keyText(columns, { plainText: ({ sql, dataType }) => plainText(sql, dataType), textLiteral, valueJson }),
  keyJson: (keyText, columns) => {
    const [only] = columns;
    if (columns.length !== 1 || !only) return keyText;
    return isInteger(only.dataType) || only.dataType.toLowerCase() === 'boolean' ? keyText : quoted(keyText);
  },
  valueJson,
  jsonObject,
  lowerTrim: (expression) => `lower(trim(cast(${expression} as varchar)))`,
  rawText: plainText,
  isArray,
  createSchema: ({ database, schema }) =>
    `create schema if not exists ${[database, schema].flatMap((part) => (part === null ? [] : [snowflakeState.identifier(part)])).join('.')}`,
  createTable: (table, select) => `create or replace table ${snowflakeState.table(table)} as ${select}`,
  createTemporary: (name, select) =>
    `create or replace temporary table ${snowflakeState.identifier(name)} as ${select}`,
  createNumbered: (name, select) =>
    snowflakeState.createTemporary(
      name,
      `select row_number() over (order by 1) as dinmo_row, made.* from (${select}) as made`,
    ),
  dropTemporary: (name) => `drop table if exists ${snowflakeState.identifier(name)}`,
  passingPlace: (storage) => storage,
  // Without Time Travel and Fail-safe nobody gets it back once it was dropped.
  createPassing: (table, select) =>
    `create or replace transient table ${snowflakeState.table(table)} data_retention_time_in_days = 0 as ${select}`,
  numbered: (select) =>
    `select row_number() over (order by place, n) as seq, arranged.* from (${select}) as arranged order by seq`,
  tablesOf: ({ database, schema }) => {
    const place = database === null ? '' : `${snowflakeState.identifier(database)}.`;
    const named = schema === null ? 'true' : `lower(table_schema) = lower(${textLiteral(schema)})`;
    return `select lower(table_name) as table_name from ${place}information_schema.tables where ${named}`;
  },
  expandRanges: (from, columns) => {
    const spans = `select spanned.*, lo + part.value::integer * ${SPAN} as span_lo, least(hi, lo + part.value::integer * ${SPAN} + ${SPAN - 1}) as span_hi from (select *, cast(floor((hi - lo) / ${SPAN}) as integer) as span_count from ${from}) as spanned, lateral flatten(input => array_generate_range(0, span_count + 1)) as part`;
    return `select ${['cast(step.value as number(38,0)) as seq', ...columns].join(', ')} from (${spans}) as spans, lateral flatten(input => array_generate_range(span_lo, span_hi + 1)) as step`;
  },
  minusSpan: (expression, amount, unit) => `dateadd(${unit}, -${amount}, ${expression})`,
  instant: naive,
  instantText: (expression) => isoText(expression, 'timestamp_ntz'),
};
