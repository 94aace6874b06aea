import { scrub } from '../../log.ts';
import {
  foreignOutcome,
  narrow,
  notAnAcknowledgement,
  readArray,
  readCode,
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

/** One of the errors of an answer (JSON:API). */
export interface KlaviyoError {
  readonly code: string;
  readonly message: string;
  /** Where in the request: `/data/attributes/email`; null when it is not said. */
  readonly pointer: string | null;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** A successful answer (of 202 and 204 without a body an empty one), or the outcome that the answer means with what it said. */
export type Reading =
  | {
      readonly kind: 'value';
      readonly value: Readonly<Record<string, unknown>>;
      readonly status: number;
      /** Milliseconds until the next request of this endpoint may start: nothing of its minute is left. */
      readonly pauseMs: number | null;
    }
  | Refusal;

export interface Refusal {
  readonly kind: 'outcome';
  readonly outcome: BatchOutcome;
  /** null: no answer came. */
  readonly status: number | null;
  readonly errors: readonly KlaviyoError[];
}

/** Reads any answer of Klaviyo's API (revision 2026-07-15). */
export function readAnswer(response: HttpResponse, now: number): Reading {
  const { status } = response;
  const pauseMs = readPause(response);
  const isDone = (status === 202 || status === 204) && response.body.trim() === '';
  if (isDone) return { kind: 'value', value: {}, status, pauseMs };
  const body = readObject(response.json());
  if (body === null) return { kind: 'outcome', outcome: foreignOutcome(response, now), status, errors: [] };
  const errors = readArray(body['errors']).map(readError);
  if (status >= 200 && status < 300 && errors.length === 0) return { kind: 'value', value: body, status, pauseMs };
  return { kind: 'outcome', outcome: errorOutcome(errors, response, now), status, errors };
}

/** A 2xx that Klaviyo does not document for the request. */
export function withoutWord(status: number, what: string): Refusal {
  const outcome = notAnAcknowledgement(`Klaviyo answered ${status} without saying ${what}`);
  return { kind: 'outcome', outcome, status, errors: [] };
}

/**
 * `RateLimit-Remaining` and `RateLimit-Reset` (seconds) speak of the minute; on 429 there is only `Retry-After`.
 * https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
 */
function readPause(response: Pick<HttpResponse, 'headers'>): number | null {
  const left = numberOf(response.headers['ratelimit-remaining']);
  const reset = numberOf(response.headers['ratelimit-reset']);
  return left !== null && left <= 0 && reset !== null ? Math.min(reset, 60) * 1_000 : null;
}

/** The first number of a header: some gateways write one for each window. */
function numberOf(text: string | undefined): number | null {
  return readCount(/^\s*(\d+)/.exec(text ?? '')?.[1]);
}

export function readError(item: unknown): KlaviyoError {
  const error = readObject(item) ?? {};
  const text = readText(error['detail']) ?? readText(error['title']) ?? 'Refused by Klaviyo';
  return {
    code: readCode(error['code']),
    message: scrub(text),
    pointer: readText(readObject(error['source'])?.['pointer']),
    meta: readObject(error['meta']) ?? {},
  };
}

function errorOutcome(errors: readonly KlaviyoError[], response: HttpResponse, now: number): BatchOutcome {
  const { status } = response;
  const first = errors[0];
  const code = first?.code ?? `http-${status}`;
  const message = first?.message ?? `Klaviyo answered ${status}`;
  if (status === 401)
    return refused(code, message, 'Make a new private API key in Klaviyo and set it in the environment.');
  if (status === 403)
    return refused(code, message, 'Give the API key the scopes that docs/platforms/klaviyo.md lists.');
  if (status === 410) return refused(code, message, 'The revision of the API is retired: update dbt-dinmo.');
  if (status === 404) return refused(code, message, 'Check in Klaviyo that the list was not deleted.');
  if (status === 429) {
    // Limits are of the account, each endpoint with its own.
    return retry({ applied: 'no', throttled: true, afterMs: readRetryAfter(response, now), code, message });
  }
  const byStatus = statusOutcome(response, now);
  if (byStatus === null) return retry({ applied: 'maybe', code, message: `Klaviyo answered ${status} with an error` });
  return byStatus.kind === 'narrow' ? narrow(code, message) : byStatus;
}
