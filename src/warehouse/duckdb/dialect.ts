import { sql } from 'kysely';
import { escapeControls, type Fragment, hasControls, isBareIdentifier, list, type SqlDialect } from '../dialect.ts';

/** DuckDB's SQL, from 1.1 on. Time zones come from the ICU extension, which every build for Node and Python has built in. */
export const duckdbDialect: SqlDialect = {
  name: 'duckdb',

  quoteIdentifier: (name) => (isBareIdentifier(name) ? name : `"${name.replaceAll('"', '""')}"`),
  // Names are told apart by more than their case.
  exactIdentifier: () => null,

  stringLiteral(value) {
    const quoted = value.replaceAll("'", "''");
    return hasControls(value) ? `E'${escapeControls(quoted.replaceAll('\\', '\\\\'))}'` : `'${quoted}'`;
  },
  numberLiteral: (text) => text,
  dateLiteral: (iso) => `date '${iso}'`,
  timeLiteral: (iso) => `time '${iso}'`,
  instantLiteral: (utc) => `timestamptz '${utc}+00'`,

  // A column may have been declared with another collation, and an enum or uuid has none to take.
  exactText: (value, cast) => (cast ? sql`cast(${value} as varchar) collate c` : sql`${value} collate c`),
  contains: (text, part) => sql`contains(${text}, ${part})`,
  startsWith: (text, part) => sql`starts_with(${text}, ${part})`,
  endsWith: (text, part) => sql`ends_with(${text}, ${part})`,

  textArray: (array) => sql`cast(${array} as varchar[])`,
  arrayContainsAny: (array, items) => sql`list_has_any(${array}, [${list(items)}])`,
  arrayContainsAll: (array, items) => sql`list_has_all(${array}, [${list(items)}])`,

  instant: (timestamp, zoned) => (zoned ? timestamp : sql`timezone('UTC', ${timestamp})`),
  localDate: (instant, zone) => sql`cast(timezone(${zone}, ${instant}) as date)`,
  shift(instant, by, zone) {
    if (by.unit === 'minute' || by.unit === 'hour') return step(instant, by.amount, by.unit);
    return sql`timezone(${zone}, ${step(sql`timezone(${zone}, ${instant})`, by.amount, by.unit)})`;
  },

  anyValue: (value) => sql`any_value(${value})`,
  keyText(key, form) {
    if (form === 'timestamp') return sql`strftime(${key}, '%Y-%m-%dT%H:%M:%S.%fZ')`;
    if (form === 'zoned timestamp') return sql`strftime(timezone('UTC', ${key}), '%Y-%m-%dT%H:%M:%S.%fZ')`;
    return sql`cast(${key} as varchar)`;
  },
  md5Bucket: (text, modulus) => sql`cast('0x' || substr(md5(${text}), 1, 8) as bigint) % ${sql.raw(String(modulus))}`,
};

function step(time: Fragment, amount: number, unit: string): Fragment {
  return sql`(${time} ${sql.raw(amount < 0 ? '-' : '+')} interval ${sql.raw(String(Math.abs(amount)))} ${sql.raw(unit)})`;
}
