import { MATCHING_KEYS, type Person } from './people.ts';

/**
 * The payload of `/<audience>/users` (Marketing API v26.0): a schema and up to 10,000 rows.
 * Cells are "" or what the key wants: a lower-case hexadecimal SHA-256, raw text for EXTERN_ID, MADID and LOOKALIKE_VALUE.
 */
export const USER_ROWS_MAX = 10_000;

const SINGLE_KEYS: Readonly<Record<string, string>> = {
  EMAIL_SHA256: 'EMAIL',
  PHONE_SHA256: 'PHONE',
  MOBILE_ADVERTISER_ID: 'MADID',
};
const MULTI_KEYS = new Set(
  'EXTERN_ID EMAIL PHONE GEN DOBY DOBM DOBD LN FN FI CT ST ZIP MADID COUNTRY LOOKALIKE_VALUE DATA_PROCESSING_OPTIONS'.split(
    ' ',
  ),
);
/** Up to three of each may stand in one schema. */
const REPEATABLE_KEYS = new Set(['EMAIL', 'PHONE']);
const NOT_ABOUT_PEOPLE = new Set(['DATA_PROCESSING_OPTIONS']);
const SHA256 = /^[0-9a-f]{64}$/;
const ADVERTISING_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** SHA-256 of the empty text: what comes of hashing a value that is not there. */
const HASH_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export interface UserSchema {
  /** Fixed by an audience's first upload: `multi`, or the single key. */
  readonly family: string;
  readonly keys: readonly string[];
}

/** The schema, or what is wrong with it. */
export function readSchema(schema: unknown): UserSchema | string {
  if (typeof schema === 'string') {
    const key = SINGLE_KEYS[schema];
    return key ? { family: schema, keys: [key] } : `Param payload[schema] must be one of ${Object.keys(SINGLE_KEYS)}`;
  }
  if (!Array.isArray(schema) || schema.length === 0) return 'Param payload[schema] must be a key or an array of keys';
  const keys: string[] = [];
  for (const key of schema) {
    if (typeof key !== 'string' || !MULTI_KEYS.has(key))
      return `Param payload[schema] has an unknown key: ${String(key)}`;
    const seen = keys.filter((other) => other === key).length;
    if (seen >= (REPEATABLE_KEYS.has(key) ? 3 : 1)) return `Param payload[schema] has ${key} too often`;
    keys.push(key);
  }
  return { family: 'multi', keys };
}

export type UserRow =
  | { readonly kind: 'person'; readonly person: Person }
  | { readonly kind: 'invalid'; readonly violation: string | null }
  /** The whole request is wrong. */
  | { readonly kind: 'malformed'; readonly message: string };

/** One row of `data`, by its schema. An invalid row is counted and left out; the others are applied. */
export function readUserRow(schema: UserSchema, row: unknown): UserRow {
  const cells = schema.family !== 'multi' && !Array.isArray(row) ? [row] : row;
  if (!Array.isArray(cells) || cells.length !== schema.keys.length) {
    return { kind: 'malformed', message: `Each row of payload[data] must have ${schema.keys.length} values` };
  }
  const person: Record<string, string[]> = {};
  for (const [index, key] of schema.keys.entries()) {
    const cell: unknown = cells[index];
    const problem = cellProblem(key, cell);
    if (problem !== null) return { kind: 'invalid', violation: problem.violation };
    if (cell === '' || NOT_ABOUT_PEOPLE.has(key)) continue;
    const values = person[key] ?? [];
    if (!values.includes(String(cell))) values.push(String(cell));
    person[key] = values.sort();
  }
  if (Object.keys(person).every((key) => key === 'LOOKALIKE_VALUE'))
    return { kind: 'invalid', violation: 'row-without-identifier' };
  return { kind: 'person', person };
}

/** Whether the row has an identifier that a removal can go by. */
export function hasMatchingKey(person: Person): boolean {
  return Object.keys(person).some((key) => MATCHING_KEYS.has(key));
}

function cellProblem(key: string, cell: unknown): { readonly violation: string | null } | null {
  if (key === 'DATA_PROCESSING_OPTIONS') {
    const fine = Array.isArray(cell) && cell.every((option) => option === 'LDU');
    return fine ? null : { violation: 'data-processing-options' };
  }
  if (key === 'LOOKALIKE_VALUE') {
    const fine = typeof cell === 'number' && cell >= 0;
    return fine ? null : { violation: 'lookalike-value' };
  }
  if (typeof cell !== 'string') return { violation: 'cell-not-text' };
  if (cell === '') return null;
  if (key === 'EXTERN_ID') return null;
  if (key === 'MADID') return ADVERTISING_ID.test(cell) ? null : { violation: null };
  if (cell === HASH_OF_NOTHING) return { violation: 'hash-of-nothing' };
  return SHA256.test(cell) ? null : { violation: 'not-hashed' };
}
