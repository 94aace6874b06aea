import type { FieldValue } from './destination.ts';

/** What JSON.parse passes a reviver since V8 11.4; the compiler's library does not know it yet. */
interface ReviverContext {
  readonly source?: string;
}

/**
 * Parses JSON without losing digits: integers beyond 2^53 become bigint. Throws SyntaxError.
 */
export function parseJson(text: string): FieldValue {
  const revive = (_key: string, value: unknown, context?: ReviverContext): unknown => {
    if (typeof value !== 'number' || Number.isSafeInteger(value) || context?.source === undefined) return value;
    return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
  };
  // The cast adds the third parameter that the library's type of a reviver lacks.
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

/** The JSON text of a value, bigint with all its digits. */
export function renderJson(value: FieldValue | undefined): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(renderJson).join(',')}]`;
  if (typeof value === 'object') {
    const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${renderJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** One text for equal values, whatever the order of their keys: for comparing keys. */
export function canonicalJson(value: FieldValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
  }
  return renderJson(value);
}
