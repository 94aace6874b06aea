import { scrub } from '../../log.ts';
import {
  foreignOutcome,
  narrow,
  notAnAcknowledgement,
  readArray,
  readCount,
  readObject,
  readRetryAfter,
  readText,
  refused,
  retry,
  statusOutcome,
} from '../answer.ts';
import type { BatchOutcome, Receipt } from '../destination.ts';
import type { HttpResponse } from '../http.ts';

/** The paths that are used, all of them POST. */
export type BrazePath = '/users/track' | '/users/delete' | '/v2/subscription/status/set';

/** One entry of `errors`: which object of the request it is about. */
export interface ObjectError {
  /** `attributes`, `events` or `purchases`. */
  readonly array: string;
  readonly index: number;
  readonly message: string;
}

/** What an answer of Braze's says; `pauseMs` as in BatchOutcome. */
export type Reading =
  | {
      readonly kind: 'answer';
      /** The whole request was refused (400): nothing of it was applied. */
      readonly isRefused: boolean;
      readonly body: Readonly<Record<string, unknown>>;
      readonly message: string;
      readonly errors: readonly ObjectError[];
      /** Entries of `errors` that name no object. */
      readonly unnamed: number;
      readonly pauseMs: number | null;
    }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

const PAUSE_MAX_MS = 15 * 60_000;

/**
 * Reads any answer of Braze's REST API ("API errors and responses"): `{message: "success"}` with 2xx, also with `errors` of
 * single objects, the others being applied; `queued` (202) while Braze is under maintenance; any other message is a failure,
 * whatever the status. The page of /users/delete has a count in place of the message. 400 with named objects is an answer
 * too: none of the request was applied.
 */
export function readAnswer(response: HttpResponse, now: number, path: BrazePath): Reading {
  const { status } = response;
  const pauseMs = readPause(response, now);
  const body = readObject(response.json());
  if (body === null) return { kind: 'outcome', outcome: paused(foreignOutcome(response, now), pauseMs) };
  const message = scrub(readText(body['message']) ?? '');
  const { errors, unnamed } = readErrors(body);
  const isCount = path === '/users/delete' && body['message'] === undefined && readCount(body['deleted']) !== null;
  const isDone = message === 'success' || message === 'queued' || isCount;
  const isTaken = status >= 200 && status < 300 && isDone;
  if (isTaken || (status === 400 && errors.length > 0)) {
    return { kind: 'answer', isRefused: !isTaken, body, message, errors, unnamed, pauseMs };
  }
  return { kind: 'outcome', outcome: paused(failure(response, { message, pauseMs, now }), pauseMs) };
}

function failure(
  response: HttpResponse,
  said: { readonly message: string; readonly pauseMs: number | null; readonly now: number },
): BatchOutcome {
  const { status } = response;
  const code = `http-${status}`;
  const message = said.message === '' ? `Braze answered ${status}` : said.message;
  if (status >= 200 && status < 300) return notAnAcknowledgement(`Braze answered ${status} without success`);
  if (status === 429) {
    // Braze says it in its own header; a gateway on the way says it in HTTP's.
    const afterMs = said.pauseMs ?? readRetryAfter(response, said.now);
    return retry({ applied: 'no', throttled: true, afterMs, code, message });
  }
  if (status === 401) return refused(code, message, 'Make a new REST API key in Braze and set it in the environment.');
  if (status === 403)
    return refused(code, message, 'Give the REST API key the permissions that the settings name, in Braze.');
  if (status === 404)
    return refused(code, message, 'Check config.rest_endpoint: a key is known to its own instance only.');
  if (status === 400 && /max input length|max number of/i.test(message)) return { kind: 'too_large', code, message };
  const byStatus = statusOutcome(response, said.now);
  return byStatus === null || byStatus.kind === 'narrow' ? narrow(code, message) : byStatus;
}

function readErrors(body: Readonly<Record<string, unknown>>): {
  readonly errors: readonly ObjectError[];
  readonly unnamed: number;
} {
  const entries = readArray(body['errors']);
  const errors = entries.flatMap((entry): readonly ObjectError[] => {
    const error = readObject(entry);
    const index = readCount(error?.['index']);
    const array = readText(error?.['input_array']);
    if (error === null || index === null || array === null) return [];
    return [{ array, index, message: scrub(readText(error['type']) ?? 'Refused by Braze') }];
  });
  return { errors, unnamed: entries.length - errors.length };
}

/**
 * Milliseconds until the window of the rate limit ends, where nothing is left of it: `X-RateLimit-Remaining` 0 and
 * `X-RateLimit-Reset` in UTC epoch seconds, measured by the clock of the answer itself (`Date`), at most 15 minutes. null: go on.
 */
export function readPause(response: Pick<HttpResponse, 'headers' | 'status'>, now: number): number | null {
  const remaining = response.headers['x-ratelimit-remaining'];
  const reset = readCount(response.headers['x-ratelimit-reset']);
  const isSpent = response.status === 429 || (remaining !== undefined && readCount(remaining) === 0);
  if (!isSpent || reset === null) return null;
  const sentAt = Date.parse(response.headers['date'] ?? '');
  const waitMs = reset * 1000 - (Number.isNaN(sentAt) ? now : sentAt);
  return waitMs > 0 ? Math.min(waitMs, PAUSE_MAX_MS) : null;
}

/** The outcome with what the headers ask for. */
export function paused(outcome: BatchOutcome, pauseMs: number | null): BatchOutcome {
  return pauseMs === null ? outcome : { ...outcome, pauseMs };
}

/**
 * What became of the rows of one /users/track request. `owners`: for each object of the array, in order, the `seq` of the rows it stands for;
 * `rows`: every row of the batch, those without an object included. `repeatable`: whether objects may be sent again.
 */
export function readTrack(
  reading: Extract<Reading, { kind: 'answer' }>,
  sent: {
    readonly array: string;
    readonly owners: readonly (readonly number[])[];
    readonly rows: readonly { readonly seq: number }[];
    readonly repeatable: boolean;
  },
): BatchOutcome {
  const { owners, rows, array } = sent;
  const faults = new Map<number, string>();
  let lost = reading.unnamed;
  for (const error of reading.errors) {
    const stoodFor = error.array === array ? owners[error.index] : undefined;
    if (stoodFor === undefined) lost += 1;
    for (const seq of stoodFor ?? []) faults.set(seq, error.message);
  }
  if (!reading.isRefused && !sent.repeatable) lost += uncounted(reading, sent, lost);
  const rejected = (seq: number, message: string): Receipt => ({ seq, status: 'rejected', code: REJECTED, message });
  const judged = (seq: number, other: Receipt): Receipt => {
    const fault = faults.get(seq);
    return fault === undefined ? other : rejected(seq, fault);
  };
  if (reading.isRefused) {
    const all = rows.every(({ seq }) => faults.has(seq));
    // Nothing was applied, and not every row is at fault.
    if (!all) return paused(narrow(REJECTED, reading.message), reading.pauseMs);
  } else if (lost > 0 && sent.repeatable) {
    const message = `Braze refused ${lost} objects without saying which`;
    const accepted = Math.max(0, rows.length - faults.size - lost);
    return paused({ kind: 'counted', accepted, code: REJECTED, message }, reading.pauseMs);
  }
  const receipts = rows.map(({ seq }) => judged(seq, lost > 0 ? withoutVerdict(seq) : { seq, status: 'accepted' }));
  return paused({ kind: 'receipts', receipts }, reading.pauseMs);
}

const REJECTED = 'refused-by-braze';

/**
 * Events that Braze neither counts (`events_processed`, `purchases_processed`) nor names in an error. Attributes are counted by
 * external id, so that a count of them says nothing of other profiles.
 */
function uncounted(
  { body, errors }: Extract<Reading, { kind: 'answer' }>,
  { array, owners }: { readonly array: string; readonly owners: readonly unknown[] },
  lost: number,
): number {
  const counted = readCount(body[`${array}_processed`]);
  if (counted === null) return 0;
  const named = new Set(errors.filter((error) => error.array === array).map(({ index }) => index)).size;
  return Math.max(0, owners.length - named - lost - counted);
}

function withoutVerdict(seq: number): Receipt {
  return {
    seq,
    status: 'unknown',
    code: 'no-verdict',
    message: 'Braze did not take some object, without saying which',
  };
}
