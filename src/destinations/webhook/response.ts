import { scrub } from '../../log.ts';
import { narrow, notAnAcknowledgement, readCode, readObject, refused, statusOutcome } from '../answer.ts';
import type { Batch, BatchOutcome, FieldValue, OutgoingRow, Receipt } from '../destination.ts';
import type { HttpResponse } from '../http.ts';
import { canonicalJson, parseJson } from '../json.ts';

interface Rejection {
  /** Canonical JSON text; null when the entry names none. */
  readonly key: string | null;
  readonly code: string;
  readonly message: string;
}

/** Statuses that no row can be the cause of: how the request is made, or the way to the endpoint, is what they are about. */
const NO_ROWS_FAULT = new Set([405, 406, 407, 411, 415, 417, 421, 426, 431, 511]);
/** Above, a plain text is a page or a trace and no acknowledgement. */
const PLAIN_LENGTH_MAX = 1_000;

/**
 * Reads an endpoint's answer.
 *
 * - 2xx: accepted, less the rows of `{"rejected": [{"key", "code", "message"}]}`. An empty body, JSON without `rejected`
 *   and a short plain text (`ok`) are acknowledgements. HTML and broken JSON are not: the batch is sent again.
 * - An entry of `rejected` whose key is none of the batch's leaves open which row is meant: the batch is narrowed down,
 *   and on a single row the entry can only mean that row.
 * - 429 and 5xx are tried again, 401, 403 and statuses about the request's form stop the activation, every other 4xx narrows
 *   down to the rows at fault.
 */
export function readAnswer(response: HttpResponse, batch: Batch, now: number): BatchOutcome {
  const outcome = statusOutcome(response, now);
  if (outcome?.kind === 'refused' && response.status < 400) {
    return refused(outcome.code, outcome.message, 'Put the address that the redirect leads to in config.url.');
  }
  if (NO_ROWS_FAULT.has(response.status)) {
    const message = `The endpoint answered ${response.status}: it does not take POST requests with JSON here`;
    return refused(
      `http-${response.status}`,
      message,
      'Correct config.url, or what stands between here and the endpoint.',
    );
  }
  if (outcome?.kind === 'narrow') return narrow(outcome.code, readComplaint(response) ?? outcome.message);
  if (outcome !== null) return outcome;
  const rejections = readRejections(response);
  if (rejections === null) return notAnAcknowledgement('The endpoint answered 2xx with a body that is not an answer');
  return settle(batch, rejections);
}

function settle(batch: Batch, rejections: readonly Rejection[]): BatchOutcome {
  if (rejections.length === 0) return { kind: 'accepted' };
  const byKey = new Map(rejections.map((rejection) => [rejection.key, rejection]));
  const receipts = batch.rows.map((row): Receipt => {
    const key = keysOf(row).find((candidate) => byKey.has(candidate));
    const rejection = key === undefined ? undefined : byKey.get(key);
    if (rejection === undefined) return { seq: row.seq, status: 'accepted' };
    return { seq: row.seq, status: 'rejected', code: rejection.code, message: rejection.message };
  });
  const known = new Set(batch.rows.flatMap(keysOf));
  const stray = rejections.find((rejection) => rejection.key === null || !known.has(rejection.key));
  return stray === undefined ? { kind: 'receipts', receipts } : narrow(stray.code, stray.message);
}

/** How an endpoint may name a row: by its key as it was sent, or by the key's text. */
function keysOf(row: OutgoingRow): readonly string[] {
  return [canonicalJson(parseJson(row.keyJson)), JSON.stringify(row.key)];
}

/** null: the body is not an answer. */
function readRejections(response: HttpResponse): readonly Rejection[] | null {
  const text = response.body.trim();
  if (text === '') return [];
  const body = parse(text);
  if (body === undefined) {
    const isHtml = text.startsWith('<') || (response.headers['content-type'] ?? '').includes('html');
    // What was packed in a way that nobody asked for stands here as it came.
    const isBinary = /(?![\t\r\n])\p{Cc}|\ufffd/u.test(text);
    return isHtml || isBinary || text.length > PLAIN_LENGTH_MAX || /^["[{]/.test(text) ? null : [];
  }
  const rejected = readObject(body)?.['rejected'];
  if (rejected === undefined || rejected === null) return [];
  return Array.isArray(rejected) ? rejected.map(readRejection) : null;
}

function readRejection(entry: FieldValue): Rejection {
  const members = readObject(entry) ?? {};
  // Parsed by parseJson, so every member is a FieldValue.
  const key = (members['key'] ?? null) as FieldValue;
  const message = typeof members['message'] === 'string' ? members['message'] : 'Rejected by the endpoint';
  return { key: key === null ? null : canonicalJson(key), code: readCode(members['code']), message: scrub(message) };
}

/** What the endpoint says of a refusal, where it says it in the usual members. */
function readComplaint(response: HttpResponse): string | null {
  const body = readObject(response.json());
  const said = body?.['message'] ?? readObject(body?.['error'])?.['message'] ?? body?.['error'] ?? body?.['detail'];
  return typeof said === 'string' && said !== '' ? said : null;
}

function parse(text: string): FieldValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
