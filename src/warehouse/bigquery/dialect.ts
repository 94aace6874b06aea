import { sql } from 'kysely';
import { chain, escapeControls, type Fragment, isBareIdentifier, type SqlDialect } from '../dialect.ts';

const INT64_MAX = 9_223_372_036_854_775_807n;

/** BigQuery's SQL (GoogleSQL). Instants are `timestamp`; a `datetime` has no zone and is read as UTC. */
export const bigqueryDialect: SqlDialect = {
  name: 'bigquery',

  quoteIdentifier: (name) =>
    isBareIdentifier(name) ? name : `\`${escapeControls(name.replaceAll('\\', '\\\\').replaceAll('`', '\\`'))}\``,
  // Names are told apart by more than their case.
  exactIdentifier: () => null,

  stringLiteral: (value) => `'${escapeControls(value.replaceAll('\\', '\\\\').replaceAll("'", "\\'"))}'`,
  numberLiteral(text, kind) {
    // A bare decimal literal is a float64, which would make the comparison one of floats.
    if (kind === 'decimal') return fitsNumeric(text) ? `numeric '${text}'` : `bignumeric '${text}'`;
    const isInteger = /^-?\d+$/.test(text);
    const magnitude = isInteger ? BigInt(text.replace('-', '')) : 0n;
    return isInteger && magnitude > INT64_MAX && kind !== 'float' ? `bignumeric '${text}'` : text;
  },
  dateLiteral: (iso) => `date '${iso}'`,
  timeLiteral: (iso) => `time '${iso}'`,
  instantLiteral: (utc) => `timestamp '${utc}+00'`,

  exactText: (value, cast) => (cast ? sql`collate(cast(${value} as string), '')` : sql`collate(${value}, '')`),
  contains: (text, part) => sql`(strpos(${text}, ${part}) > 0)`,
  startsWith: (text, part) => sql`starts_with(${text}, ${part})`,
  endsWith: (text, part) => sql`ends_with(${text}, ${part})`,

  textArray: (array) => array,
  arrayContainsAny: (array, items) => chain(within(array, items), 'or'),
  arrayContainsAll: (array, items) => chain(within(array, items), 'and'),

  instant: (timestamp, zoned) => (zoned ? timestamp : sql`timestamp(${timestamp}, 'UTC')`),
  localDate: (instant, zone) => sql`date(${instant}, ${zone})`,
  shift(instant, by, zone) {
    const amount = sql.raw(String(Math.abs(by.amount)));
    const unit = sql.raw(by.unit);
    const verb = sql.raw(by.amount < 0 ? 'sub' : 'add');
    if (by.unit === 'minute' || by.unit === 'hour') {
      return sql`timestamp_${verb}(${instant}, interval ${amount} ${unit})`;
    }
    return sql`timestamp(datetime_${verb}(datetime(${instant}, ${zone}), interval ${amount} ${unit}), ${zone})`;
  },

  anyValue: (value) => sql`any_value(${value})`,
  keyText(key, form) {
    if (form === 'timestamp') return sql`format_datetime('%Y-%m-%dT%H:%M:%E6SZ', ${key})`;
    if (form === 'zoned timestamp') return sql`format_timestamp('%Y-%m-%dT%H:%M:%E6SZ', ${key}, 'UTC')`;
    return sql`cast(${key} as string)`;
  },
  md5Bucket: (text, modulus) =>
    sql`mod(cast(concat('0x', substr(to_hex(md5(${text})), 1, 8)) as int64), ${sql.raw(String(modulus))})`,
};

function within(array: Fragment, items: readonly Fragment[]): Fragment[] {
  return items.map((item) => sql`${item} in unnest(${array})`);
}

function fitsNumeric(text: string): boolean {
  const [whole = '', fraction = ''] = text.replace('-', '').split('.');
  return whole.length <= 29 && fraction.length <= 9;
}
