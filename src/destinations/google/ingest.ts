import type { Clock } from '../../clock.ts';
import type { Logger } from '../../log.ts';
import { narrow, notAnAcknowledgement, readArray, readObject, readText } from '../answer.ts';
import type { Batch, BatchOutcome, FieldValue, OutgoingRow, Receipt } from '../destination.ts';
import type { GoogleApi } from './api.ts';
import { HANDLE_LENGTH_MAX, writeHandle } from './handle.ts';
import type { NamedItem } from './response.ts';

export type JsonObject = { readonly [name: string]: FieldValue };

/** One kind of request that carries rows: members to add or remove, events. */
export interface Ingestion {
  /** `/audienceMembers:ingest`. */
  readonly path: string;
  /** What a row is in the request: usually one item, several where it has more identifiers than one item takes, none where it has nothing to say. */
  items(row: OutgoingRow): readonly JsonObject[];
  body(items: readonly JsonObject[]): JsonObject;
  readonly itemsMax: number;
  /** Rows count as accepted only when Google has processed the request. */
  readonly waits: boolean;
}

/** What is written down and asked for later: a word of a line's length. */
const REQUEST_ID = /^[\w.:/=+~-]{1,150}$/;

/** Rows that Google names are left out, and the rest is sent again, at most so often: then the batch is halved. */
const ROUNDS_MAX = 8;

/**
 * Sends a batch. Google takes a request whole or not at all; the rows that it names are rejected, and the others go out without
 * them. What was taken is a job, unless the destination is content with that (`confirm: taken`).
 */
export async function ingest(
  batch: Batch,
  ingestion: Ingestion,
  given: { readonly api: GoogleApi; readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<BatchOutcome> {
  const rendered = batch.rows.map((row) => ingestion.items(row));
  const left = new Map<number, NamedItem>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const sent = rendered.flatMap((items, index) => (left.has(index) ? [] : items.map((item) => ({ index, item }))));
    if (sent.length === 0) return settled(batch, left);
    if (sent.length > ingestion.itemsMax) return tooMany(batch, sent.length);
    const body = ingestion.body(sent.map(({ item }) => item));
    const answer = await given.api.call({ method: 'POST', path: ingestion.path, body, signal: given.signal });
    if (answer.kind === 'outcome') return answer.outcome;
    if (answer.kind === 'value') {
      const requestId = readText(answer.value['requestId']);
      if (requestId === null || !REQUEST_ID.test(requestId)) {
        return notAnAcknowledgement('Google answered without a request id');
      }
      noteWarnings(answer.value, given.logger);
      if (!ingestion.waits) return settled(batch, left);
      const aligned = rendered.every((items) => items.length === 1);
      const codes = [...left].map(([index, { code }]) => [index, code] as const);
      const handle = writeHandle({ requestId, at: given.clock.now(), left: codes, aligned });
      return { kind: 'submitted', handle, pollAfterMs: null };
    }
    const named = answer.items.flatMap((item) => {
      const row = sent[item.index]?.index;
      return row === undefined ? [] : [{ ...item, row }];
    });
    if (named.length === 0) return narrow('google-unreadable-error', 'Google names rows that were not sent');
    for (const { row, ...item } of named) left.set(row, item);
    if (!fitsHandle(left)) return narrow(named[0]?.code ?? 'google-invalid', `Google does not take ${left.size} rows`);
  }
  return narrow('google-many-invalid', 'Google names ever more rows that it does not take');
}

/** Each row that was left out takes some 60 characters of the handle, whose other parts take 200 at most. */
function fitsHandle(left: ReadonlyMap<number, NamedItem>): boolean {
  const codes = [...left].map(([index, { code }]) => [index, code] as const);
  return JSON.stringify(codes).length < HANDLE_LENGTH_MAX - 200;
}

function settled(batch: Batch, left: ReadonlyMap<number, NamedItem>): BatchOutcome {
  if (left.size === 0) return { kind: 'accepted' };
  const receipts = batch.rows.map(({ seq }, index): Receipt => {
    const item = left.get(index);
    if (item === undefined) return { seq, status: 'accepted' };
    return { seq, status: 'rejected', code: item.code, message: item.message };
  });
  return { kind: 'receipts', receipts };
}

/**
 * Asks with `validateOnly` whether Google would take the rows: nothing is applied. It says only what a request is refused for at
 * once; what the processing finds later it does not say.
 */
export async function validate(
  rows: readonly OutgoingRow[],
  ingestion: Pick<Ingestion, 'path' | 'items' | 'body'>,
  api: GoogleApi,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const items = rows.flatMap((row) => ingestion.items(row));
  if (items.length === 0) return { ok: true, detail: 'nothing of it is sent' };
  const body = { ...ingestion.body(items), validateOnly: true };
  const answer = await api.call({ method: 'POST', path: ingestion.path, body });
  if (answer.kind === 'value') return { ok: true, detail: `${rows.length} shown to ${ingestion.path}` };
  if (answer.kind === 'outcome') {
    return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
  }
  // Google's own words may repeat a value of the row.
  const codes = [...new Set(answer.items.map(({ code }) => code))].join(', ');
  return { ok: false, detail: `${answer.items.length} of the ${rows.length} shown to ${ingestion.path} (${codes})` };
}

/** One row may be several items. */
function tooMany(batch: Batch, count: number): BatchOutcome {
  const message = `${count} items are more than one request takes`;
  return batch.rows.length === 1
    ? narrow('too-many-identifiers', message)
    : { kind: 'too_large', code: 'too-many-items', message };
}

/** Optional fields that Google took no notice of: the reasons with their numbers, no values. */
function noteWarnings(answer: Readonly<Record<string, unknown>>, logger: Logger): void {
  const reasons: Record<string, number> = {};
  for (const warning of readArray(answer['fieldWarnings'])) {
    const reason = readText(readObject(warning)?.['reason']);
    if (reason !== null && /^\w{1,80}$/.test(reason)) reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  for (const [reason, count] of Object.entries(reasons)) logger.warn('google.field_warning', { reason, count });
}
