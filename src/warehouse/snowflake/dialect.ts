import { sql } from 'kysely';
import { chain, escapeControls, type Fragment, isBareIdentifier, isFoldable, type SqlDialect } from '../dialect.ts';

/**
 * Snowflake's SQL. Instants are `timestamp_ntz` in UTC: the other timestamp types depend on the session, or compare by the instant and show
 * the offset.
 */
export const snowflakeDialect: SqlDialect = {
  name: 'snowflake',

  quoteIdentifier(name) {
    if (isBareIdentifier(name)) return name;
    // dbt leaves names unquoted, so Snowflake folds them to upper case; quoting must name the same column.
    const folded = isFoldable(name) ? name.toUpperCase() : name;
    return `"${folded.replaceAll('"', '""')}"`;
  },
  exactIdentifier: (name) => (isFoldable(name) && name !== name.toUpperCase() ? `"${name}"` : null),

  stringLiteral: (value) => `'${escapeControls(value.replaceAll('\\', '\\\\').replaceAll("'", "''"))}'`,
  numberLiteral: (text) => text,
  dateLiteral: (iso) => `date '${iso}'`,
  timeLiteral: (iso) => `time '${iso}'`,
  instantLiteral: (utc) => `to_timestamp_ntz('${utc}')`,

  exactText: (value, cast) => (cast ? sql`collate(cast(${value} as varchar), 'utf8')` : sql`collate(${value}, 'utf8')`),
  contains: (text, part) => sql`contains(${text}, ${part})`,
  startsWith: (text, part) => sql`startswith(${text}, ${part})`,
  endsWith: (text, part) => sql`endswith(${text}, ${part})`,

  textArray: (array) => array,
  arrayContainsAny: (array, items) => chain(within(array, items), 'or'),
  arrayContainsAll: (array, items) => chain(within(array, items), 'and'),

  instant: (timestamp, zoned) => (zoned ? sql`to_timestamp_ntz(convert_timezone('UTC', ${timestamp}))` : timestamp),
  localDate: (instant, zone) => sql`to_date(convert_timezone('UTC', ${zone}, ${instant}))`,
  shift(instant, by, zone) {
    if (by.unit === 'minute' || by.unit === 'hour') return step(instant, by.amount, by.unit);
    const local = sql`convert_timezone('UTC', ${zone}, ${instant})`;
    return sql`convert_timezone(${zone}, 'UTC', ${step(local, by.amount, by.unit)})`;
  },

  anyValue: (value) => sql`any_value(${value})`,
  keyText(key, form) {
    const format = sql.raw(`'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"'`);
    if (form === 'timestamp') return sql`to_varchar(${key}, ${format})`;
    if (form === 'zoned timestamp') return sql`to_varchar(convert_timezone('UTC', ${key}), ${format})`;
    if (form === 'date') return sql`to_varchar(${key}, 'YYYY-MM-DD')`;
    return sql`to_varchar(${key})`;
  },
  md5Bucket: (text, modulus) =>
    sql`mod(to_number(substr(md5(${text}), 1, 8), 'XXXXXXXX'), ${sql.raw(String(modulus))})`,
};

function within(array: Fragment, items: readonly Fragment[]): Fragment[] {
  return items.map((item) => sql`array_contains(to_variant(${item}), ${array})`);
}

function step(time: Fragment, amount: number, unit: string): Fragment {
  return sql`dateadd(${sql.raw(unit)}, ${sql.raw(String(amount))}, ${time})`;
}
