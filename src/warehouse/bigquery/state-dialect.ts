import { keyText } from '../key-text.ts';
import type { StateDialect, StateType, TypedExpression } from '../state-dialect.ts';
import { isArray, isInteger, isoText, jsonObject, quoted, textLiteral, valueJson } from './value-json.ts';

const TYPES: Readonly<Record<StateType, string>> = {
  text: 'string',
  bigint: 'int64',
  integer: 'int64',
  boolean: 'bool',
  timestamp: 'timestamp',
  fast_hash: 'int64',
  strong_hash: 'bytes',
};

/** Neighbours that are numbered by one worker. */
const STRIPE_ROWS = 1_000_000;

/** Among so many workers rows are numbered: one alone cannot hold the rows of a large first sync. */
const NUMBERERS = 256;

/**
 * GoogleSQL (BigQuery API v2). `farm_fingerprint` is the same for ever, so the fast fingerprint may last, too; the lasting one is
 * md5 over typed JSON. Temporary tables are those of a session: they bear bare names, are seen by nobody else, need no dataset (a plan
 * leaves nothing behind) and end with their session, at the latest a day after its last statement. What a session lacks, lasting DDL
 * inside a transaction, tables with a suffix would lack as well.
 */
export const bigqueryState: StateDialect = {
  name: 'bigquery',
  identifier: (name) => `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``,
  text: textLiteral,
  table: ({ database, schema, name }) =>
    [database, schema, name]
      .filter((part) => part !== null)
      .map(bigqueryState.identifier)
      .join('.'),
  type: (type) => TYPES[type],
  symbol: (expression) => `cast(${expression} as string)`,
  timestamp: (isoUtc) => `timestamp ${textLiteral(isoUtc)}`,
  now: 'current_timestamp()',
  fastHash: (expressions) =>
    `farm_fingerprint(to_json_string(struct(${expressions.map(({ sql }, index) => `${sql} as c${index}`).join(', ')})))`,
  keyHash: (keyText) => `farm_fingerprint(${keyText})`,
  hashMark:
    "farm_fingerprint(to_json_string(struct('dinmo' as c0, 1 as c1, 1.5 as c2, true as c3, date '2000-01-01' as c4)))",
  digest: (fastHash) => `bit_xor(${fastHash})`,
  stopsAtLimit: false,
  transactionsHold: 'rows',
  steadyReads: false,
  rowNumber: 'stored_n',
  firstRowNumber: 1,
  every: (condition) => `coalesce(logical_and(coalesce(${condition}, false)), false)`,
  // The separator of `string_agg` has to be a literal.
  joinTexts: (text, { separator, order }) =>
    `array_to_string(array_agg(${text} ignore nulls order by ${order}), ${separator})`,
  jsonText: quoted,
  strongHash: (texts) => `md5(array_to_string([${texts.join(', ')}], chr(31)))`,
  keyText: (columns) => keyText(columns, { plainText, textLiteral, valueJson }),
  keyJson: (keyText, columns) => {
    const [only] = columns;
    if (columns.length !== 1 || !only) return keyText;
    return isInteger(only.dataType) || /^BOOL(EAN)?$/i.test(only.dataType) ? keyText : quoted(keyText);
  },
  valueJson,
  jsonObject: (members) => jsonObject(members),
  lowerTrim: (expression) => `lower(trim(cast(${expression} as string)))`,
  rawText: (expression, dataType) =>
    isArray(dataType) ? valueJson(expression, dataType) : `cast(${expression} as string)`,
  isArray,
  createSchema: ({ database, schema }) =>
    `create schema if not exists ${[database, schema].flatMap((part) => (part === null ? [] : [bigqueryState.identifier(part)])).join('.')}`,
  createTable: (table, select) => `create or replace table ${bigqueryState.table(table)} as ${select}`,
  createTemporary: (name, select) => `create or replace temp table ${bigqueryState.identifier(name)} as ${select}`,
  createNumbered: (name, select) => {
    const table = bigqueryState.identifier(name);
    const rows = bigqueryState.identifier(`${name}_rows`);
    const sizes = `select row_part, count(*) as part_rows from ${rows} group by row_part`;
    return `create or replace temp table ${rows} as select cast(floor(rand() * ${NUMBERERS}) as int64) as row_part, made.* from (${select}) as made;
create or replace temp table ${table} cluster by stored_n as select p.rows_before + row_number() over (partition by made.row_part) as stored_n, made.* except (row_part)
from ${rows} as made join (select row_part, sum(part_rows) over (order by row_part) - part_rows as rows_before from (${sizes}) as sizes) as p on p.row_part = made.row_part;
drop table ${rows}`;
  },
  dropTemporary: (name) => `drop table if exists ${bigqueryState.identifier(name)}`,
  passingPlace: (storage) => storage,
  // It goes by itself where a process ended before it could drop it.
  createPassing: (table, select) =>
    `create or replace table ${bigqueryState.table(table)} options (expiration_timestamp = timestamp_add(current_timestamp(), interval 6 hour)) as ${select}`,
  // A window over all rows is the work of one worker, whose memory tens of millions of them exceed: each stripe has a window of its own.
  numbered: (
    select,
  ) => `with arranged as (select made.*, coalesce(div(n, ${STRIPE_ROWS}), -1) as stripe from (${select}) as made),
stripes as (select place, stripe, count(*) as stripe_rows from arranged group by place, stripe)
select p.rows_before + row_number() over (partition by a.place, a.stripe order by a.n) as seq, a.* except (stripe)
from arranged as a
join (select place, stripe, sum(stripe_rows) over (order by place, stripe) - stripe_rows as rows_before from stripes) as p on p.place = a.place and p.stripe = a.stripe`,
  tablesOf: ({ database, schema }) => {
    const place = [database, schema].filter((part) => part !== null).map(bigqueryState.identifier);
    return `select table_name from ${place.join('.')}.INFORMATION_SCHEMA.TABLES`;
  },
  expandRanges: (from, columns) =>
    `select ${['seq', ...columns].join(', ')} from ${from} cross join unnest(generate_array(lo, hi)) as seq`,
  minusSpan: (expression, amount, unit) => `timestamp_sub(${expression}, interval ${amount} ${unit})`,
  instant: (expression, dataType) => {
    // A project may have a time zone of its own.
    return dataType.toUpperCase() === 'TIMESTAMP' ? expression : `timestamp(${expression}, 'UTC')`;
  },
  instantText: (expression) => isoText(expression, 'TIMESTAMP'),
};

/** Timestamps as a key are ISO, in UTC, bytes base64. */
function plainText({ sql, dataType }: TypedExpression): string {
  const type = dataType.toUpperCase();
  if (isArray(type)) return valueJson(sql, dataType);
  if (type === 'TIMESTAMP' || type === 'DATETIME') return isoText(sql, type);
  return type === 'BYTES' ? `to_base64(${sql})` : `cast(${sql} as string)`;
}
