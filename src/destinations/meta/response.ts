import { scrub } from '../../log.ts';
import {
  foreignOutcome,
  narrow,
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
import { readUsage } from './usage.ts';

/** Meta's error object (Graph API v26.0, "Handling errors"). */
interface GraphError {
  readonly code: number;
  readonly subcode: number;
  readonly message: string;
  readonly transient: boolean;
}

/** The parts of a successful answer, or the outcome that the answer means. */
export type Reading =
  | { readonly kind: 'value'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/** Reads any answer of the Graph API. HTML, whatever its status, is a fault of Meta's, never an acknowledgement. */
export function readAnswer(response: HttpResponse, now: number): Reading {
  const body = readObject(response.json());
  const error = readObject(body?.['error']);
  if (error !== null) return { kind: 'outcome', outcome: errorOutcome(readError(error), response, now) };
  if (body === null) return { kind: 'outcome', outcome: foreignOutcome(response, now) };
  const byStatus = statusOutcome(response, now);
  if (byStatus !== null) return { kind: 'outcome', outcome: byStatus };
  return { kind: 'value', value: body };
}

function readError(error: Readonly<Record<string, unknown>>): GraphError {
  return {
    code: readCount(error['code']) ?? 0,
    subcode: readCount(error['error_subcode']) ?? 0,
    message: readText(error['error_user_msg']) ?? readText(error['message']) ?? 'no message',
    transient: error['is_transient'] === true,
  };
}

const THROTTLED: ReadonlySet<number> = new Set([4, 17, 32, 613]);
const TRANSIENT: ReadonlySet<number> = new Set([1, 2, 341, 368, 5000, 21009]);
const TOKEN: ReadonlySet<number> = new Set([102, 190, 463, 467]);
/** Rights (3, 10, 200–299, 294), the audience itself (2650 another schema, 2655 terms, 14873xx not shared or deleted). */
const REFUSED: ReadonlySet<number> = new Set([3, 10, 294, 2650, 2655, 1487301, 1487366, 1713230, 1870034, 1870090]);
const TERMS: ReadonlySet<number> = new Set([2655, 1870034, 1870090]);

function errorOutcome(error: GraphError, response: HttpResponse, now: number): BatchOutcome {
  const code = `meta-${error.code}${error.subcode === 0 ? '' : `-${error.subcode}`}`;
  const message = scrub(error.message);
  const afterMs = readUsage(response).regainMs ?? readRetryAfter(response, now);
  if (THROTTLED.has(error.code) || (error.code >= 80_000 && error.code <= 80_014) || response.status === 429) {
    return retry({ applied: 'no', throttled: true, afterMs, code, message });
  }
  if (TOKEN.has(error.code)) {
    return refused(code, message, 'Make a new access token for the system user and set it in the environment.');
  }
  if (error.code === 1 && (error.subcode === 99 || /reduce the amount of data/i.test(error.message))) {
    return { kind: 'too_large', code, message };
  }
  // 803: an audience that was just made cannot be written to yet ("some of the aliases you requested do not exist").
  if (error.code === 803) return retry({ applied: 'no', code, message });
  const isRefused = REFUSED.has(error.code) || REFUSED.has(error.subcode) || (error.code >= 200 && error.code <= 299);
  if (isRefused || (error.code === 100 && error.subcode === 33)) return refused(code, message, fixOf(error));
  if (TRANSIENT.has(error.code) || error.transient) {
    return retry({ applied: 'maybe', throttled: error.code === 368, afterMs, code, message });
  }
  const byStatus = statusOutcome(response, now);
  if (byStatus?.kind === 'retry' || byStatus?.kind === 'too_large') return byStatus;
  if (byStatus?.kind === 'refused') return refused(code, message, fixOf(error));
  return narrow(code, message);
}

function fixOf(error: GraphError): string {
  if (TERMS.has(error.code) || TERMS.has(error.subcode)) {
    return 'Accept the terms for custom audiences in Ads Manager, for this ad account.';
  }
  if (error.code === 2650 && /replac|in progress/i.test(error.message)) {
    return 'Another replacement of the audience goes on, or one that broke off has not expired: run the sync again in 90 minutes.';
  }
  if (error.code === 2650) return 'The audience holds other identifiers than these: make a new audience for them.';
  return 'Check in Ads Manager that the account or audience exists and that the token has the right to manage it.';
}
