import { scrub } from '../../log.ts';
import {
  foreignOutcome,
  narrow,
  notAnAcknowledgement,
  readCount,
  readObject,
  readRetryAfter,
  readText,
  refused,
  retry,
  statusOutcome,
} from '../answer.ts';
import type { BatchOutcome } from '../destination.ts';
import type { HttpResponse } from '../http.ts';

/** What an answer says; `status` is null where the connection failed, `pauseMs` as in BatchOutcome. */
export type Reading =
  | { readonly kind: 'answer'; readonly value: unknown; readonly pauseMs: number | null }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome; readonly status: number | null };

const PAUSE_MAX_MS = 120_000;
/** Nothing says how long another load takes; a request has 15 seconds. */
const BUSY_MS = 5_000;
const DEPTH_MAX = 4;

/**
 * Reads any answer of the REST API (v1). Statuses are conventional, and only they are documented: 401 is also what an endpoint
 * answers that the service account was not given. https://developers.meetmarigold.com/engage/api/smc-v1, "Errors"
 */
export function readAnswer(response: HttpResponse, now: number): Reading {
  const { status } = response;
  const pauseMs = readPause(response);
  if (status >= 200 && status < 300 && !response.body.trimStart().startsWith('<'))
    return { kind: 'answer', value: response.body.trim() === '' ? null : response.json(), pauseMs };
  const outcome = failure(response, now);
  return { kind: 'outcome', outcome: paused(outcome, pauseMs), status };
}

function failure(response: HttpResponse, now: number): BatchOutcome {
  const { status } = response;
  const code = `http-${status}`;
  const message = saidIn(response) ?? `Selligent answered ${status}`;
  if (status === 429) return throttled(response, now);
  if (status === 401 || status === 403)
    return refused(
      code,
      message,
      'Check key and secret, the day the service account ends, and that its endpoints include loading and deleting data of lists and segments.',
    );
  if (status === 404)
    return refused(
      code,
      message,
      'Check config.host, config.organization, and the API names of the list and the segment.',
    );
  if ((status === 400 || status === 422) && /unique index|business ?key/i.test(message))
    return refused(
      'key-field-without-index',
      message,
      'Give the list a unique index on config.id_field: PUT /organizations/{organization}/lists/{list}/businesskey, or ask who runs its database.',
    );
  if (status === 400 || status === 422) return narrow(code, message);
  return statusOutcome(response, now) ?? foreignOutcome(response, now);
}

/**
 * 429 is the key's quota of a minute, whose headers say how long it lasts, or another load of the same list that has not ended,
 * which says nothing of other lists.
 */
function throttled(response: HttpResponse, now: number): BatchOutcome {
  const isQuota = /quota/i.test(response.body) || readPause(response) !== null;
  const message = isQuota ? 'Selligent’s requests of this minute are used up' : 'Another load of this list is running';
  const afterMs = readRetryAfter(response, now) ?? (isQuota ? resetMs(response) : BUSY_MS);
  const code = isQuota ? 'http-429' : 'list-busy';
  return retry({ applied: 'no', throttled: isQuota ? true : 'request', afterMs, code, message });
}

/** `X-RateLimit-Reset`: seconds left of the window of a minute. */
function resetMs({ headers }: Pick<HttpResponse, 'headers'>): number | null {
  const seconds = readCount(headers['x-ratelimit-reset']);
  return seconds === null ? null : Math.min(seconds * 1000, PAUSE_MAX_MS);
}

/** Milliseconds until the minute ends, where `X-RateLimit-Remaining` is 0; null: go on. */
function readPause(response: Pick<HttpResponse, 'headers'>): number | null {
  const isSpent = response.headers['x-ratelimit-remaining']?.trim() === '0';
  const waitMs = isSpent ? resetMs(response) : null;
  return waitMs !== null && waitMs > 0 ? waitMs : null;
}

function paused(outcome: BatchOutcome, pauseMs: number | null): BatchOutcome {
  return pauseMs === null ? outcome : { ...outcome, pauseMs };
}

/**
 * What became of the rows of a load or deletion. What a 2xx holds is described to customers only: JSON that tells of no error
 * is an acknowledgement, and one that tells of some makes a count, which the engine narrows down. `byStatus`: an empty 2xx is one, too.
 */
export function readWritten(
  { value, pauseMs }: Extract<Reading, { kind: 'answer' }>,
  rows: number,
  byStatus: boolean,
): BatchOutcome {
  if (isSilent(value)) {
    if (byStatus) return paused({ kind: 'accepted' }, pauseMs);
    const detail = 'Selligent answered 2xx without saying anything; where it always does, set acknowledge_by: status';
    return paused(notAnAcknowledgement(detail), pauseMs);
  }
  const failures = failuresIn(value, DEPTH_MAX);
  if (failures === 0) return paused({ kind: 'accepted' }, pauseMs);
  const message = firstText(value) ?? `Selligent told of errors in ${Math.min(failures, rows)} of the rows`;
  const accepted = Math.max(0, rows - failures);
  return paused({ kind: 'counted', accepted, code: 'refused-by-selligent', message: scrub(message) }, pauseMs);
}

/** Nothing, text that is no JSON, and JSON without anything in it. */
function isSilent(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false || value === 0) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** How many failures an answer tells of: members whose names speak of them, and `success` that is not. */
function failuresIn(value: unknown, depth: number): number {
  if (depth === 0 || typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + failuresIn(item, depth - 1), 0);
  return Object.entries(value).reduce((most, [name, member]) => {
    const isSuccess = /^(is_?)?succe(ss|eded)$/i.test(name);
    const isVerdict = /^(status|state|result)$/i.test(name) && typeof member === 'string';
    if (isSuccess || isVerdict) return member === false || isBad(member) ? Math.max(most, 1) : most;
    const said = /err|fail|reject|invalid|exception/i.test(name) ? failuresOf(name, member) : 0;
    return Math.max(most, said, failuresIn(member, depth - 1));
  }, 0);
}

const isBad = (member: unknown): boolean => typeof member === 'string' && /err|fail|invalid/i.test(member);

function failuresOf(name: string, member: unknown): number {
  if (typeof member === 'number') return member > 0 ? Math.ceil(Math.min(member, Number.MAX_SAFE_INTEGER)) : 0;
  if (typeof member === 'boolean') return member ? 1 : 0;
  if (Array.isArray(member)) return member.length;
  // The option that the request was sent with is no error.
  if (typeof member === 'string') return member.trim() === '' || member === '0' || /handling/i.test(name) ? 0 : 1;
  return member === null || member === undefined ? 0 : Math.min(Object.keys(member).length, 1);
}

/** What is said in an error's body: JSON of the usual names, or plain text. */
function saidIn(response: HttpResponse): string | null {
  const value = response.json();
  if (value === undefined) {
    const text = response.body.trim();
    return text === '' || text.startsWith('<') ? null : scrub(text);
  }
  const said = firstText(value);
  return said === null ? null : scrub(said);
}

/** The text that an answer tells first, uncut: what is cut may be half a secret, which nobody knows any more. */
function firstText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const item = Array.isArray(value) ? value[0] : value;
  if (typeof item === 'string') return item;
  const body = readObject(item);
  if (body === null) return null;
  const names = new Map(Object.entries(body).map(([name, member]) => [name.toLowerCase().replaceAll('_', ''), member]));
  for (const name of ['message', 'errormessage', 'detail', 'title', 'error', 'errors']) {
    const member = names.get(name);
    const text = Array.isArray(member) ? readText(member[0]) : readText(member);
    if (text !== null && text.trim() !== '') return text;
  }
  return null;
}
