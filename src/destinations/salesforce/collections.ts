import { notAnAcknowledgement, readArray, readCode, readObject, readText } from '../answer.ts';
import type { SalesforceApi } from './connection.ts';
import { COLLECTION_MAX } from './facts.ts';
import type { Refusal, RowFault } from './response.ts';

/** What became of one record. */
export type Result =
  | { readonly kind: 'done'; readonly id: string; readonly created: boolean }
  | ({ readonly kind: 'fault' } & RowFault);

export type Results = { readonly kind: 'results'; readonly results: readonly Result[] } | Refusal;

/** What is written: new records, records by `Id`, or records by the value of an external id field. */
export type Target =
  | { readonly verb: 'insert' | 'update' }
  | { readonly verb: 'upsert'; readonly type: string; readonly field: string };

/**
 * sObject Collections (REST API 67.0): `POST` or `PATCH composite/sobjects`, `PATCH composite/sobjects/{object}/{field}`, up to 200
 * records a request, `allOrNone: false`. Results come in the order of the records, with status 200 also where rows fail.
 */
export async function writeRecords(
  api: SalesforceApi,
  work: { readonly target: Target; readonly records: readonly string[]; readonly signal: AbortSignal },
): Promise<Results> {
  const { target, records, signal } = work;
  const path =
    target.verb === 'upsert'
      ? `composite/sobjects/${encodeURIComponent(target.type)}/${encodeURIComponent(target.field)}`
      : 'composite/sobjects';
  return await inParts(records, async (part) => {
    const body = `{"allOrNone":false,"records":[${part.join(',')}]}`;
    return await api.call({ method: target.verb === 'insert' ? 'POST' : 'PATCH', path, body, signal });
  });
}

/** `DELETE composite/sobjects?ids=…`: records go to the recycle bin. Those that are gone already count as deleted. */
export async function deleteRecords(api: SalesforceApi, ids: readonly string[], signal: AbortSignal): Promise<Results> {
  const answer = await inParts(ids, async (part) => {
    const path = `composite/sobjects?ids=${part.map(encodeURIComponent).join(',')}&allOrNone=false`;
    return await api.call({ method: 'DELETE', path, signal });
  });
  if (answer.kind === 'outcome') return answer;
  const results = answer.results.map((result, index): Result => {
    const isGone = result.kind === 'fault' && isGoneCode(result.code);
    return isGone ? { kind: 'done', id: ids[index] ?? '', created: false } : result;
  });
  return { kind: 'results', results };
}

/** The record is not there (any more). */
export function isGoneCode(code: string): boolean {
  return ['ENTITY_IS_DELETED', 'NOT_FOUND', 'INVALID_CROSS_REFERENCE_KEY'].includes(code);
}

async function inParts(
  items: readonly string[],
  send: (part: readonly string[]) => ReturnType<SalesforceApi['call']>,
): Promise<Results> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += COLLECTION_MAX) {
    const part = items.slice(start, start + COLLECTION_MAX);
    const answer = await send(part);
    if (answer.kind === 'outcome') return answer;
    const read = readArray(answer.json).map(readResult);
    const whole = read.flatMap((result) => result ?? []);
    if (whole.length !== part.length) return { kind: 'outcome', outcome: NO_VERDICTS, status: answer.status };
    results.push(...whole);
  }
  return { kind: 'results', results };
}

const NO_VERDICTS = notAnAcknowledgement('Salesforce answered 2xx without saying of every record what became of it');

/** `{id, success, created?, errors: [{statusCode, message, fields}]}`; null for anything else. */
function readResult(value: unknown): Result | null {
  const result = readObject(value);
  const id = readText(result?.['id']);
  if (result?.['success'] === true)
    return id === null || id === '' ? null : { kind: 'done', id, created: result['created'] === true };
  if (result?.['success'] !== false) return null;
  const error = readObject(readArray(result['errors'])[0]);
  const message = readText(error?.['message']) ?? 'Refused by Salesforce';
  return { kind: 'fault', code: readCode(error?.['statusCode']), message };
}
