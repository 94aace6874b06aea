import type { IdentifierKind } from '../../artifacts/annotation.ts';
import type { Invalidity, OutgoingRow } from '../destination.ts';

/** Meta's schema keys in the order that every request of ours uses, with the identifier kind that fills each. */
const KEYS: readonly (readonly [key: string, kind: IdentifierKind, part: number])[] = [
  ['EXTERN_ID', 'external_id', 0],
  ['EMAIL', 'email', 0],
  ['PHONE', 'phone', 0],
  ['GEN', 'gender', 0],
  ['DOBY', 'date_of_birth', 0],
  ['DOBM', 'date_of_birth', 1],
  ['DOBD', 'date_of_birth', 2],
  ['LN', 'last_name', 0],
  ['FN', 'first_name', 0],
  ['CT', 'city', 0],
  ['ST', 'state', 0],
  ['ZIP', 'zip', 0],
  ['MADID', 'mobile_advertising_id', 0],
  ['COUNTRY', 'country', 0],
];

const MATCHING: ReadonlySet<IdentifierKind> = new Set(['external_id', 'email', 'phone', 'mobile_advertising_id']);

/** What a data row of an audience consists of. */
export interface MemberSchema {
  readonly columns: readonly (typeof KEYS)[number][];
  /** Each row ends with the member's value (`LOOKALIKE_VALUE`): audiences that were made `is_value_based`. */
  readonly valued: boolean;
}

/** A data row: texts, `""` where there is nothing, and the value of a value-based audience as a number. */
export type MemberCells = readonly (string | number)[];

/** The field of the mapping that feeds `LOOKALIKE_VALUE`. */
export const VALUE_FIELD = 'value';

/**
 * The schema for identifiers of these kinds: always an array of keys, never a single one, since Meta refuses an audience
 * another family of schema than its first (2650).
 */
export function schemaOf(identifiers: readonly { readonly kind: IdentifierKind }[], valued = false): MemberSchema {
  const kinds = new Set(identifiers.map(({ kind }) => kind));
  return { columns: KEYS.filter(([, kind]) => kinds.has(kind)), valued };
}

/**
 * The data rows of one change: the n-th holds the n-th identifier of each kind, `""` where there is none. Hints stand in
 * every row of an add; a removal carries matching identifiers only. A member without a value is worth 0.
 */
export function renderMember(row: OutgoingRow, { columns, valued }: MemberSchema): readonly MemberCells[] {
  const byKind = new Map<IdentifierKind, string[]>();
  const sorted = [...row.identifiers].sort((a, b) => a.rank - b.rank);
  for (const { kind, value } of sorted) {
    if (row.operation === 'delete' && !MATCHING.has(kind)) continue;
    byKind.set(kind, [...(byKind.get(kind) ?? []), value]);
  }
  const counts = columns.map(([, kind]) => (MATCHING.has(kind) ? (byKind.get(kind)?.length ?? 0) : 0));
  const value = valued ? [Number(row.fields()?.[VALUE_FIELD] ?? 0)] : [];
  return Array.from({ length: Math.max(0, ...counts) }, (_, index) => [
    ...columns.map(([, kind, part]) => {
      const text = byKind.get(kind)?.[MATCHING.has(kind) ? index : 0] ?? '';
      return kind === 'date_of_birth' ? (text.split('.')[part] ?? '') : text;
    }),
    ...value,
  ]);
}

/** A value that Meta would not take (Value-Based Lookalikes, Marketing API v26.0: any number from 0). */
export function validateMember(row: OutgoingRow): Invalidity | null {
  if (row.fieldsJson === null || row.fieldsJson === '{}') return null;
  const value = row.fields()?.[VALUE_FIELD] ?? null;
  if (value === null) return null;
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string';
  const number = isNumber && value !== '' ? Number(value) : Number.NaN;
  if (Number.isFinite(number) && number >= 0) return null;
  return { code: 'invalid-value', message: 'The value of a member has to be a number from 0' };
}

/** What a request says of the replacement that it is part of (`session` of `/<audience>/usersreplace`). */
export interface SessionPart {
  readonly session_id: number;
  readonly batch_seq: number;
  readonly last_batch_flag: boolean;
  readonly estimated_num_total: number;
}

/** `{payload: {schema, data}}` of `/<audience>/users`, with `session` that of `/<audience>/usersreplace`. */
export function renderMembers(
  { columns, valued }: MemberSchema,
  data: readonly MemberCells[],
  session?: SessionPart,
): string {
  const schema = [...columns.map(([key]) => key), ...(valued ? ['LOOKALIKE_VALUE'] : [])];
  return JSON.stringify({ ...(session === undefined ? {} : { session }), payload: { schema, data } });
}
