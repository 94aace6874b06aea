import { readArray, readObject, readText, retry } from '../answer.ts';
import type { SalesforceApi } from './connection.ts';
import type { Refusal } from './response.ts';

/** Characters of a query in an address, encoded: Salesforce takes 16,384 of the address as a whole. */
const QUERY_CHARACTERS_MAX = 12_000;

/** One row of a query’s answer. */
export type Found = Readonly<Record<string, unknown>>;

/** A text as SOQL literal. */
export function soqlText(text: string): string {
  const escaped = text.toWellFormed().replaceAll(/[\\'"\n\r\t]/g, (character) => ESCAPES[character] ?? character);
  return `'${escaped}'`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/**
 * Rows of `SELECT … FROM … WHERE field IN (values) more`, in as many requests as the address allows. `isNumber`: the field is one
 * of numbers, whose literals have no quotes. Whoever is not found counts as not there, so an answer that is not whole is none.
 */
export async function findWhere(
  api: SalesforceApi,
  query: {
    readonly select: readonly string[];
    readonly from: string;
    readonly field: string;
    readonly values: readonly string[];
    readonly isNumber?: boolean;
    readonly and?: string;
  },
  signal?: AbortSignal,
): Promise<{ readonly kind: 'found'; readonly rows: readonly Found[] } | Refusal> {
  const { select, from, field, and, isNumber } = query;
  const rows: Found[] = [];
  const known = isNumber === true ? query.values.filter((value) => /^-?\d+(\.\d+)?$/.test(value)) : query.values;
  const literals = [...new Set(known)].map((value) => (isNumber === true ? value : soqlText(value)));
  for (const part of inParts(literals)) {
    const rest = and === undefined ? '' : ` AND ${and}`;
    const answer = await ask(
      api,
      `SELECT ${select.join(', ')} FROM ${from} WHERE ${field} IN (${part})${rest}`,
      signal,
    );
    if (answer.kind === 'outcome') return answer;
    rows.push(...answer.rows);
  }
  return { kind: 'found', rows };
}

function inParts(literals: readonly string[]): readonly string[] {
  const parts: string[] = [];
  let part = '';
  let length = 0;
  for (const literal of literals) {
    const size = encodeURIComponent(literal).length + 3;
    if (part !== '' && length + size > QUERY_CHARACTERS_MAX) {
      parts.push(part);
      part = '';
      length = 0;
    }
    part += part === '' ? literal : `,${literal}`;
    length += size;
  }
  return part === '' ? parts : [...parts, part];
}

/** One query with all its pages (`GET query?q=…`, then `nextRecordsUrl`). */
export async function ask(
  api: SalesforceApi,
  soql: string,
  signal?: AbortSignal,
): Promise<{ readonly kind: 'found'; readonly rows: readonly Found[] } | Refusal> {
  const rows: Found[] = [];
  let path: string | null = `query?q=${encodeURIComponent(soql)}`;
  while (path !== null) {
    const answer = await api.call({ method: 'GET', path, signal });
    if (answer.kind === 'outcome') return answer;
    const body = readObject(answer.json);
    const records = readArray(body?.['records']).map(readObject);
    const whole = records.filter((record) => record !== null);
    if (body === null || !Array.isArray(body['records']) || whole.length < records.length) return NOT_LOOKED_UP;
    rows.push(...whole);
    if (body['done'] === true) return { kind: 'found', rows };
    const next: string | null =
      /\/services\/data\/v[\d.]+\/(query\/.+)$/.exec(readText(body['nextRecordsUrl']) ?? '')?.[1] ?? null;
    // A page that leads to itself has no end.
    path = next === path ? null : next;
  }
  return NOT_LOOKED_UP;
}

const NOT_LOOKED_UP: Refusal = {
  kind: 'outcome',
  outcome: retry({
    applied: 'maybe',
    code: 'not-looked-up',
    message: 'Salesforce answered 2xx without saying of every record whether it is there',
  }),
  status: null,
};
