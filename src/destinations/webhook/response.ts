import { scrub } from '../../log.ts';
import { narrow, notAnAcknowledgement, readCode, readObject, refused, statusOutcome } from '../answer.ts';
import type { Batch, BatchOutcome, FieldValue, Receipt } from '../destination.ts';
import type { HttpResponse } from '../http.ts';
import { canonicalJson, parseJson } from '../json.ts';

interface Rejection {
  /** Canonical JSON texts that the entry's key may be meant as. */
  readonly keys: readonly string[];
  readonly code: string;
  readonly message: string;
}

/**
 * Reads an endpoint's answer.
 *
 * - 2xx: accepted, less the rows of `{"rejected": [{"key", "code", "message"}]}`. An empty body, JSON without `rejected`
 *   and a short plain text (`ok`) are acknowledgements. HTML and broken JSON are not: the batch is sent again.
 * - An entry of `rejected` whose key is none of the batch's leaves open which row is meant: the batch is narrowed down,
 *   and on a single row the entry can only mean that row.
 * - 429 and 5xx are tried again, 401 and 403 stop the activation, every other 4xx narrows down to the rows at fault.
 */
export function readAnswer(response: HttpResponse, batch: Batch, now: number): BatchOutcome {
  const outcome = statusOutcome(response, now);
  if (outcome?.kind === 'refused' && response.status < 400) {
    return refused(outcome.code, outcome.message, 'Put the address that the redirect leads to in config.url.');
  }
  if (outcome?.kind === 'narrow') return narrow(outcome.code, readComplaint(response) ?? outcome.message);
  if (outcome !== null) return outcome;
  const rejections = readRejections(response);
  if (rejections === null) return notAnAcknowledgement('The endpoint answered 2xx with a body that is not an answer');
  return settle(batch, rejections);
}

function settle(batch: Batch, rejections: readonly Rejection[]): BatchOutcome {
  const byKey = new Map<string, Rejection>();
  for (const rejection of rejections) for (const key of rejection.keys) byKey.set(key, rejection);
  const matched = new Set<Rejection>();
  const receipts = batch.rows.map((row): Receipt => {
    const rejection = byKey.get(canonicalJson(parseJson(row.keyJson))) ?? byKey.get(JSON.stringify(row.key));
    if (rejection === undefined) return { seq: row.seq, status: 'accepted' };
    matched.add(rejection);
    return { seq: row.seq, status: 'rejected', code: rejection.code, message: rejection.message };
  });
  const stray = rejections.find((rejection) => !matched.has(rejection));
  if (stray === undefined) return { kind: 'receipts', receipts };
  return narrow(stray.code, stray.message);
}

/** null: the body is not an answer. */
function readRejections(response: HttpResponse): readonly Rejection[] | null {
  const text = response.body.trim();
  if (text === '') return [];
  const body = parse(text);
  if (body === undefined) {
    const isHtml = text.startsWith('<') || (response.headers['content-type'] ?? '').includes('html');
    return isHtml || /^["[{]/.test(text) ? null : [];
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
  // A typed key may come back as text.
  const keys = key === null ? [] : [canonicalJson(key)];
  return { keys, code: readCode(members['code']), message: scrub(message) };
}

/** What the endpoint says of a refusal, where it says it in the usual members. */
function readComplaint(response: HttpResponse): string | null {
  const body = readObject(response.json());
  const said = body?.['message'] ?? body?.['error'] ?? body?.['detail'];
  return typeof said === 'string' && said !== '' ? said : null;
}

function parse(text: string): FieldValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
