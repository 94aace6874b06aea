import { type RawBuilder, sql } from 'kysely';
import type { TimeUnit } from '../artifacts/rule.ts';
import type { ColumnType } from '../knowledge/store.ts';
import { RESERVED_WORDS } from './reserved-words.ts';

/** A piece of SQL: an expression, safe to stand in another one where a name, a literal or a call stands. */
export type Fragment = RawBuilder<unknown>;

/** How a key's part is stored, for its text: anything that is not one of these is cast to text as the warehouse does it. */
export type KeyForm = 'date' | 'timestamp' | 'zoned timestamp' | 'other';

/** A step in time from an instant: negative amounts lead back. */
export interface Shift {
  readonly amount: number;
  readonly unit: TimeUnit;
}

/**
 * What a warehouse's SQL looks like where warehouses differ. Values of time are of two kinds: *dates*, and *instants*, which every dialect
 * represents in one type of its own choice, so that any two compare (`timestamptz`, `timestamp`, or in Snowflake `timestamp_ntz` in UTC).
 * `zone` is a literal with an IANA name. The functions that return `string` give finished SQL text; the others take and give fragments.
 */
export interface SqlDialect {
  readonly name: string;

  /** The name as it stands in SQL: bare where the warehouse reads it as written, else quoted. */
  quoteIdentifier(name: string): string;
  /** The name as it stands in SQL where its case counts; null where `quoteIdentifier` names the same column. */
  exactIdentifier(name: string): string | null;

  /** Text, safe against quotes, backslashes, control characters; none of them stands raw in the result. */
  stringLiteral(value: string): string;
  /** `text` is plain decimal digits, with sign and point. */
  numberLiteral(text: string, kind: NumberKind): string;
  /** `iso` is YYYY-MM-DD. */
  dateLiteral(iso: string): string;
  /** `iso` is HH:MM:SS, with up to six decimals. */
  timeLiteral(iso: string): string;
  /** `utc` is YYYY-MM-DD HH:MM:SS in UTC, with up to six decimals. */
  instantLiteral(utc: string): string;

  /** The text such that comparisons and orders of it go by its bytes. `cast`: the value is stored as something else than text. */
  exactText(value: Fragment, cast: boolean): Fragment;
  contains(text: Fragment, part: Fragment): Fragment;
  startsWith(text: Fragment, part: Fragment): Fragment;
  endsWith(text: Fragment, part: Fragment): Fragment;

  /** An array of uuids, enums or the like, as an array of text. */
  textArray(array: Fragment): Fragment;
  /** Whether the array has one, or all, of the items; NULL or false where the array is NULL. */
  arrayContainsAny(array: Fragment, items: readonly Fragment[]): Fragment;
  arrayContainsAll(array: Fragment, items: readonly Fragment[]): Fragment;

  /** A column's timestamp as an instant; one without zone is read as UTC. */
  instant(timestamp: Fragment, zoned: boolean): Fragment;
  /** The calendar day on which the instant falls in the zone. */
  localDate(instant: Fragment, zone: Fragment): Fragment;
  /** Minutes and hours are durations; days and longer step the zone's calendar and keep the local time. */
  shift(instant: Fragment, by: Shift, zone: Fragment): Fragment;

  /** An aggregate that gives the value of a group of one row, of any type. `kind` is null where nobody says which. */
  anyValue(value: Fragment, kind: ColumnType['kind'] | null): Fragment;
  /** Numbers in digits, dates ISO, UUIDs lower case, timestamps ISO in UTC with six decimals and Z. */
  keyText(key: Fragment, form: KeyForm): Fragment;
  /** The first 8 hex digits of the md5 of a text as a number, modulo `modulus`. */
  md5Bucket(text: Fragment, modulus: number): Fragment;
}

/** `unknown`: a number, nobody says of which kind. */
export type NumberKind = 'integer' | 'decimal' | 'float' | 'unknown';

/** Whether every warehouse reads the name, unquoted, as the one that dbt wrote unquoted. */
export function isBareIdentifier(name: string): boolean {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED_WORDS.has(name);
}

/** Whether a name is one that warehouses fold when it stands unquoted. */
export function isFoldable(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** Items joined by commas. */
export function list(items: readonly Fragment[]): Fragment {
  return sql.join([...items], sql.raw(', '));
}

/** Items joined by an operator that is the same in every warehouse, in parentheses where there are several. */
export function chain(items: readonly Fragment[], operator: 'and' | 'or' | '||'): Fragment {
  const joined = sql.join([...items], sql.raw(` ${operator} `));
  return items.length > 1 ? sql`(${joined})` : joined;
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' };

/** Replaces control characters by the escapes that BigQuery, Snowflake and the `E''` strings of PostgreSQL and DuckDB share. */
export function escapeControls(text: string): string {
  return text.replace(
    CONTROLS,
    (control) => ESCAPES[control] ?? `\\x${(control.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\u0001-\u001f\u007f]/g;

/** Whether a text holds characters that must not stand raw in a file of SQL: an editor, git or Jinja may change them. */
export function hasControls(text: string): boolean {
  return text.search(CONTROLS) >= 0;
}
