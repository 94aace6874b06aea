import type { ColumnType } from './store.ts';

type PlainKind = Exclude<ColumnType['kind'], 'timestamp' | 'array'>;

/** Names that mean one thing in every warehouse that has them. Sizes in brackets are cut off before the look-up. */
const PLAIN_KINDS: ReadonlyMap<string, PlainKind> = new Map(
  Object.entries({
    string:
      'varchar char character text string bpchar nvarchar nchar nvarchar2 charvarying character_varying char_varying nchar_varying ntext citext name enum uuid guid',
    integer:
      'int integer bigint smallint tinyint hugeint mediumint int1 int2 int4 int8 int16 int32 int64 int128 byteint long short signed serial bigserial smallserial serial2 serial4 serial8 ubigint uinteger usmallint utinyint uhugeint bignum varint oid',
    float: 'float double real float4 float8 float64 double_precision',
    decimal: 'decimal numeric number dec bignumeric bigdecimal money fixed',
    boolean: 'boolean bool logical',
    date: 'date',
    time: 'time timetz time_without_time_zone time_with_time_zone',
    json: 'json jsonb variant object struct record map union',
    binary: 'blob bytea binary varbinary bytes bit_varying',
  } satisfies Partial<Record<PlainKind, string>>).flatMap(([kind, names]) =>
    // The keys of the literal above are checked by `satisfies`; Object.entries forgets them.
    names.split(' ').map((name): [string, PlainKind] => [name, kind as PlainKind]),
  ),
);

/** Time zone of the timestamp types that every warehouse spells alike; `timestamp` and `datetime` differ by warehouse. */
const TIMESTAMPS: ReadonlyMap<string, boolean> = new Map([
  ['timestamp_ntz', false],
  ['timestampntz', false],
  ['timestamp_without_time_zone', false],
  ['timestamp_s', false],
  ['timestamp_ms', false],
  ['timestamp_us', false],
  ['timestamp_ns', false],
  ['datetime', false],
  ['timestamptz', true],
  ['timestamp_tz', true],
  ['timestamp_ltz', true],
  ['timestampltz', true],
  ['timestamp_with_time_zone', true],
  ['timestamp_with_local_time_zone', true],
]);

/** A fixed-point type without a size: how many digits follow the point decides whether it is an integer. */
function isIntegerWithoutSize(adapterType: string, name: string): boolean {
  // Snowflake: NUMBER is NUMBER(38, 0). DuckDB's is (18, 3), BigQuery's (38, 9), Postgres keeps any scale.
  return adapterType === 'snowflake' && name !== 'money';
}

/**
 * What a column of this warehouse type holds. `dataType` is the warehouse's own name, from YAML, the catalog or the
 * warehouse: `NUMERIC(10, 2)`, `INTEGER[]`, `ARRAY<STRING>`, `timestamp(3) without time zone`. Never throws: a name that
 * is not known gives `other`.
 *
 * Sources: DuckDB 1.5 data types; BigQuery GoogleSQL data types; Snowflake data types (NUMBER defaults to scale 0,
 * TIMESTAMP to TIMESTAMP_NTZ); PostgreSQL 18 chapter 8.
 */
export function parseColumnType(adapterType: string, dataType: string): ColumnType {
  const text = dataType.trim().replace(/\s+/g, ' ');
  const element = arrayElement(text);
  if (element !== null) {
    return { kind: 'array', element: element === '' ? { kind: 'other' } : parseColumnType(adapterType, element) };
  }
  const { name, sizes } = splitSizes(text);
  if (name === 'timestamp') return { kind: 'timestamp', zoned: adapterType === 'bigquery' };
  const zoned = TIMESTAMPS.get(name);
  // BigQuery has no others: what another warehouse calls so is a `timestamp` there.
  if (zoned !== undefined)
    return { kind: 'timestamp', zoned: zoned || (adapterType === 'bigquery' && name !== 'datetime') };
  const kind = PLAIN_KINDS.get(name);
  if (kind === undefined) return { kind: 'other' };
  if (kind !== 'decimal') return { kind };
  return { kind: isWhole(adapterType, name, sizes) ? 'integer' : 'decimal' };
}

function isWhole(adapterType: string, name: string, sizes: readonly string[] | null): boolean {
  if (sizes === null) return isIntegerWithoutSize(adapterType, name);
  return sizes.length === 1 || Number(sizes[1]) <= 0;
}

/** The element type's text of an array type, '' where the type does not say it, null where it is no array. */
function arrayElement(text: string): string | null {
  const suffixed = /^(.*?)\s*\[\d*\]$/s.exec(text);
  if (suffixed !== null) return suffixed[1] ?? '';
  const wrapped = /^(?:array|list)\s*[<(](.*)[>)]$/is.exec(text);
  // Snowflake writes `ARRAY(VARCHAR NOT NULL)`.
  if (wrapped !== null) return (wrapped[1] ?? '').replace(/\s+not null$/i, '').trim();
  const postgres = /^_([a-z]\w*)$/.exec(text);
  if (postgres !== null) return postgres[1] ?? '';
  const standard = /^(.+)\s+array$/i.exec(text);
  if (standard !== null) return standard[1] ?? '';
  return /^(array|list)$/i.test(text) ? '' : null;
}

/** `timestamp(3) without time zone` → `timestamp_without_time_zone` and its sizes; `"char"` → `char`. */
function splitSizes(text: string): { name: string; sizes: readonly string[] | null } {
  const open = text.search(/[(<]/);
  const close = Math.max(text.lastIndexOf(')'), text.lastIndexOf('>'));
  const outside = open === -1 ? text : `${text.slice(0, open)} ${text.slice(close + 1)}`;
  const name = outside
    .toLowerCase()
    .replace(/\bnot null\b|\bcollate\b.*$|"/g, '')
    .trim()
    .replace(/\s+/g, '_')
    .replace(/^(u?(?:big|small|tiny|huge|medium)?int(?:eger)?\d*)_(?:un)?signed$/, '$1');
  if (open === -1) return { name, sizes: null };
  const sizes = text
    .slice(open + 1, close)
    .split(',')
    .map((size) => size.trim());
  return { name, sizes };
}
