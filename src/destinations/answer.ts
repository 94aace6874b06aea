import { scrub } from '../log.ts';
import type { BatchOutcome } from './destination.ts';
import { type HttpClient, type HttpRequest, type HttpResponse, TransportError } from './http.ts';

/** A request's result, as every platform's reader takes it: an answer, or an outcome that the connection alone decides. */
export type Exchange =
  | { readonly kind: 'answer'; readonly response: HttpResponse }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

const RETRY_AFTER_MAX_MS = 15 * 60_000;

/** Sends a request and turns a failed connection into the outcome that it means. Never throws. */
export async function exchange(http: HttpClient, request: HttpRequest): Promise<Exchange> {
  try {
    return { kind: 'answer', response: await http.request(request) };
  } catch (thrown) {
    return { kind: 'outcome', outcome: transportOutcome(thrown) };
  }
}

function transportOutcome(thrown: unknown): BatchOutcome {
  if (thrown instanceof TransportError) {
    if (thrown.code === 'invalid-url')
      return refused('invalid-url', thrown.message, 'Correct the address in dinmo.yml.');
    return retry({
      applied: thrown.applied,
      code: thrown.code.toLowerCase().replaceAll('_', '-'),
      message: thrown.message,
    });
  }
  return retry({ applied: 'maybe', code: 'connection-failed', message: 'The request failed' });
}

/** `retry`, not throttled and without a wanted delay unless said. */
export function retry(detail: {
  readonly applied: 'no' | 'maybe';
  readonly code: string;
  readonly message: string;
  readonly throttled?: boolean | 'request';
  readonly afterMs?: number | null;
}): BatchOutcome {
  return {
    kind: 'retry',
    applied: detail.applied,
    throttled: detail.throttled ?? false,
    afterMs: detail.afterMs ?? null,
    code: detail.code,
    message: scrub(detail.message),
  };
}

export function refused(code: string, message: string, fix: string): BatchOutcome {
  return { kind: 'refused', code, message: scrub(message), fix };
}

export function narrow(code: string, message: string): BatchOutcome {
  return { kind: 'narrow', code: readCode(code), message: scrub(message) };
}

/**
 * What HTTP alone says, where the platform's own body says nothing better: 408, 425, 429 and 5xx try again, 413 halves,
 * 401 and 403 stop the activation, a redirect too (they are not followed); other 4xx narrow. null for 2xx.
 */
export function statusOutcome(response: HttpResponse, now: number): BatchOutcome | null {
  const { status } = response;
  const afterMs = readRetryAfter(response, now);
  const code = `http-${status}`;
  const message = `The platform answered ${status}`;
  if (status >= 200 && status < 300) return null;
  if (status === 429) return retry({ applied: 'no', throttled: 'request', afterMs, code, message });
  if (status === 503)
    return retry({ applied: 'maybe', throttled: afterMs === null ? false : 'request', afterMs, code, message });
  if (status >= 500 || status === 408 || status === 425) return retry({ applied: 'maybe', afterMs, code, message });
  if (status === 401 || status === 403) return refused(code, message, 'Check the credentials and their rights.');
  if (status < 400) return refused(code, `${message}: a redirect, which is not followed`, 'Give the final address.');
  if (status === 413) return { kind: 'too_large', code, message };
  return narrow(code, message);
}

/** An answer that looks like success and says nothing we can rely on: the rows may have been taken. */
export function notAnAcknowledgement(detail: string): BatchOutcome {
  return retry({ applied: 'maybe', code: 'not-an-acknowledgement', message: detail });
}

/** An answer whose body is not the JSON that the platform speaks: what its status says, but HTML in place of a 4xx is a fault on the way. */
export function foreignOutcome(response: HttpResponse, now: number): BatchOutcome {
  const byStatus = statusOutcome(response, now);
  const isHtml = response.body.trimStart().startsWith('<');
  if (byStatus !== null && !(byStatus.kind === 'narrow' && isHtml)) return byStatus;
  return notAnAcknowledgement('The platform answered with something other than its JSON');
}

/**
 * `Retry-After` in milliseconds (RFC 9110: seconds or an HTTP date), between 0 and 15 minutes; null when absent or unreadable.
 */
export function readRetryAfter(response: Pick<HttpResponse, 'headers'>, now: number): number | null {
  const text = response.headers['retry-after']?.trim();
  if (text === undefined || text === '') return null;
  const wanted = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(wanted) ? Math.min(Math.max(Math.ceil(wanted), 0), RETRY_AFTER_MAX_MS) : null;
}

/** A code from outside, fit to be stored: no personal data, at most 64 characters. */
export function readCode(code: unknown): string {
  const text = typeof code === 'number' ? String(code) : typeof code === 'string' ? code.trim() : '';
  return /^[\w.:-]{1,64}$/.test(text) && scrub(text) === text ? text : 'rejected';
}

/** Text or a number from outside, as text; null for anything else: what is nested or odd says nothing. */
export function readText(value: unknown): string | null {
  // Half a surrogate pair can stand in JSON, but not in a URL.
  return typeof value === 'string' || typeof value === 'number' ? String(value).toWellFormed() : null;
}

/** A count from outside, as a number or its digits; null when it is no whole number from 0. */
export function readCount(value: unknown): number | null {
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null;
}

/** The members of a JSON object from outside; null when it is something else. */
export function readObject(value: unknown): Readonly<Record<string, unknown>> | null {
  // The cast only names what was tested: an object that is no array has string keys.
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

/** The items of a JSON array from outside; empty when it is something else. */
export function readArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
