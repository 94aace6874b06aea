import { sql } from 'kysely';
import {
  chain,
  escapeControls,
  type Fragment,
  hasControls,
  isBareIdentifier,
  isFoldable,
  type SqlDialect,
} from '../dialect.ts';

/** PostgreSQL's SQL, from 12 on. */
export const postgresDialect: SqlDialect = {
  name: 'postgres',

  quoteIdentifier(name) {
    if (isBareIdentifier(name)) return name;
    // dbt leaves names unquoted, so PostgreSQL folds them to lower case; quoting must name the same column.
    const folded = isFoldable(name) ? name.toLowerCase() : name;
    return `"${folded.replaceAll('"', '""')}"`;
  },
  exactIdentifier: (name) => (isFoldable(name) && name !== name.toLowerCase() ? `"${name}"` : null),

  stringLiteral(value) {
    const quoted = value.replaceAll("'", "''");
    // An E string means the same whatever standard_conforming_strings says.
    const escaped = hasControls(value) || value.includes('\\');
    return escaped ? `E'${escapeControls(quoted.replaceAll('\\', '\\\\'))}'` : `'${quoted}'`;
  },
  numberLiteral: (text) => text,
  dateLiteral: (iso) => `date '${iso}'`,
  timeLiteral: (iso) => `time '${iso}'`,
  instantLiteral: (utc) => `timestamptz '${utc}+00'`,

  // The cast takes the padding from char(n) and the case folding from citext.
  exactText: (value) => sql`cast(${value} as text) collate "C"`,
  contains: (text, part) => sql`(strpos(${text}, ${part}) > 0)`,
  startsWith: (text, part) => sql`starts_with(${text}, ${part})`,
  endsWith: (text, part) => sql`(right(${text}, length(${part})) = ${part})`,

  textArray: (array) => sql`cast(${array} as text[])`,
  // The overlap operators want both arrays of one type exactly; this lets each item be cast.
  arrayContainsAny: (array, items) => chain(within(array, items), 'or'),
  arrayContainsAll: (array, items) => chain(within(array, items), 'and'),

  instant: (timestamp, zoned) => (zoned ? timestamp : sql`(${timestamp} at time zone 'UTC')`),
  localDate: (instant, zone) => sql`cast(${instant} at time zone ${zone} as date)`,
  shift(instant, by, zone) {
    if (by.unit === 'minute' || by.unit === 'hour') return step(instant, by.amount, by.unit);
    return sql`(${step(sql`(${instant} at time zone ${zone})`, by.amount, by.unit)} at time zone ${zone})`;
  },

  // any_value came with 16. min has no boolean, an array of arrays has no element that is one, and JSON has no order.
  anyValue(value, kind) {
    if (kind === 'array') return sql`min(${value})`;
    return kind === null || kind === 'other'
      ? sql`mode() within group (order by ${value})`
      : sql`(array_agg(${value}))[1]`;
  },
  keyText(key, form) {
    const format = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;
    if (form === 'timestamp') return sql`to_char(${key}, ${sql.raw(format)})`;
    if (form === 'zoned timestamp') return sql`to_char(${key} at time zone 'UTC', ${sql.raw(format)})`;
    if (form === 'date') return sql`to_char(${key}, 'YYYY-MM-DD')`;
    return sql`cast(${key} as text)`;
  },
  md5Bucket: (text, modulus) =>
    sql`cast(cast('x' || substr(md5(${text}), 1, 8) as bit(32)) as bigint) % ${sql.raw(String(modulus))}`,
};

function within(array: Fragment, items: readonly Fragment[]): Fragment[] {
  return items.map((item) => sql`${item} = any(${array})`);
}

function step(time: Fragment, amount: number, unit: string): Fragment {
  return sql`(${time} ${sql.raw(amount < 0 ? '-' : '+')} interval '${sql.raw(String(Math.abs(amount)))} ${sql.raw(unit)}')`;
}
