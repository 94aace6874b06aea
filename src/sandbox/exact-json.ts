/** A JSON value with all digits of its integers: those beyond 2^53 are bigint. */
export type ExactJson =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly ExactJson[]
  | { readonly [key: string]: ExactJson };

type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

// Node 22 and later pass the source text to the reviver and have rawJSON; the compiler's library does not know either yet.
const parseWithSource = JSON.parse as (text: string, reviver: SourceReviver) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** Reads JSON text without rounding an integer. Throws SyntaxError where the text is not JSON. */
export function parseExact(text: string): ExactJson {
  const parsed = parseWithSource(text, (_key, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
      ? BigInt(source)
      : value,
  );
  // The reviver adds bigint to what JSON.parse can return, nothing else.
  return parsed as ExactJson;
}

/** Writes JSON text; a bigint becomes a number with all its digits. */
export function printExact(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? rawJson(String(inner)) : inner));
}

/** The same text for the same value, however its object keys were ordered. */
export function canonicalText(value: ExactJson): string {
  if (value === null || typeof value !== 'object') return printExact(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalText(inner)}`).join(',')}}`;
}
