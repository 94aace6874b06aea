import type { IdentifierKind } from '../../artifacts/annotation.ts';
import type { OutgoingRow } from '../destination.ts';

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

type Schema = readonly (typeof KEYS)[number][];

/**
 * The schema for identifiers of these kinds: always an array of keys, never a single one, since Meta refuses an audience
 * another family of schema than its first (2650).
 */
export function schemaOf(identifiers: readonly { readonly kind: IdentifierKind }[]): Schema {
  const kinds = new Set(identifiers.map(({ kind }) => kind));
  return KEYS.filter(([, kind]) => kinds.has(kind));
}

/**
 * The data rows of one change: the n-th holds the n-th identifier of each kind, `""` where there is none. Hints stand in
 * every row of an add; a removal carries matching identifiers only.
 */
export function renderMember(row: OutgoingRow, schema: Schema): readonly (readonly string[])[] {
  const byKind = new Map<IdentifierKind, string[]>();
  const sorted = [...row.identifiers].sort((a, b) => a.rank - b.rank);
  for (const { kind, value } of sorted) {
    if (row.operation === 'delete' && !MATCHING.has(kind)) continue;
    byKind.set(kind, [...(byKind.get(kind) ?? []), value]);
  }
  const counts = schema.map(([, kind]) => (MATCHING.has(kind) ? (byKind.get(kind)?.length ?? 0) : 0));
  return Array.from({ length: Math.max(0, ...counts) }, (_, index) =>
    schema.map(([, kind, part]) => {
      const value = byKind.get(kind)?.[MATCHING.has(kind) ? index : 0] ?? '';
      return kind === 'date_of_birth' ? (value.split('.')[part] ?? '') : value;
    }),
  );
}

/** `{payload: {schema, data}}` of `/<audience>/users`. */
export function renderMembers(schema: Schema, data: readonly (readonly string[])[]): string {
  return JSON.stringify({ payload: { schema: schema.map(([key]) => key), data } });
}
