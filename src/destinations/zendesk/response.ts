import { scrub } from '../../log.ts';
import {
  foreignOutcome,
  narrow,
  readArray,
  readCode,
  readObject,
  readRetryAfter,
  readText,
  refused,
  retry,
  statusOutcome,
} from '../answer.ts';
import type { BatchOutcome } from '../destination.ts';
import type { HttpResponse } from '../http.ts';

/** A successful answer's members (of 204 none), or the outcome that the answer means. `status` is null where the connection failed. */
export type Reading =
  | { readonly kind: 'value'; readonly value: Readonly<Record<string, unknown>>; readonly status: number }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome; readonly status: number | null };

/** Where a 429 says nothing of how long. */
const THROTTLED_MS = 10_000;

/** Reads any answer of the Ticketing API (v2). */
export function readAnswer(response: HttpResponse, now: number): Reading {
  const { status } = response;
  if (status === 429) return { kind: 'outcome', outcome: throttled(response, now), status };
  if (status === 204) return { kind: 'value', value: {}, status };
  const body = readObject(response.json());
  if (body === null) return { kind: 'outcome', outcome: foreignOutcome(response, now), status };
  if (status >= 200 && status < 300) return { kind: 'value', value: body, status };
  return { kind: 'outcome', outcome: errorOutcome(body, response, now), status };
}

/**
 * 429 comes as text or as JSON, so that only the status is trusted. The limit of five updates a minute for one user speaks of
 * that user alone ("… for updating a single unique user"), every other of the account.
 */
function throttled(response: HttpResponse, now: number): BatchOutcome {
  const ofOneRecord = /single unique/i.test(response.body);
  const ofJobs = /job/i.test(response.body);
  const code = ofOneRecord ? 'record-rate-limit' : ofJobs ? 'too-many-jobs' : 'http-429';
  const message = ofOneRecord
    ? 'Zendesk takes five updates of one record a minute'
    : ofJobs
      ? 'Zendesk has 30 jobs of the account queued already'
      : 'Zendesk’s requests of this minute are used up';
  const afterMs = readRetryAfter(response, now) ?? THROTTLED_MS;
  return retry({ applied: 'no', throttled: ofOneRecord ? 'request' : true, afterMs, code, message });
}

function errorOutcome(body: Readonly<Record<string, unknown>>, response: HttpResponse, now: number): BatchOutcome {
  const { status } = response;
  const { code, message } = readFault(body, status);
  if (status === 401)
    return refused(code, message, 'Check credentials.email and credentials.api_token, and that token access is on.');
  if (/data imports are not enabled/i.test(message))
    return refused('imports-not-enabled', message, 'Ask Zendesk Support to enable imports of users for the account.');
  if (status === 403)
    return refused(code, message, 'Take a token of an administrator, or of an agent who may edit users.');
  if (status === 404) return refused(code, message, 'Check config.subdomain, and that the account is active.');
  if (status === 409) return retry({ applied: 'no', code, message });
  const byStatus = statusOutcome(response, now);
  return byStatus === null || byStatus.kind === 'narrow' ? narrow(code, message) : byStatus;
}

/** `error` is a word, or an object with a title; `details` names fields, with a description for each. */
function readFault(
  body: Readonly<Record<string, unknown>>,
  status: number,
): { readonly code: string; readonly message: string } {
  const nested = readObject(body['error']);
  const code = readCode(nested === null ? body['error'] : nested['title']);
  const details = Object.values(readObject(body['details']) ?? {})
    .flatMap(readArray)
    .flatMap((detail) => readText(readObject(detail)?.['description']) ?? []);
  const said = readText(body['description']) ?? readText(body['message']) ?? readText(nested?.['message']);
  return { code, message: scrub([said ?? `Zendesk answered ${status}`, ...details].join('; ')) };
}

/**
 * How long the headers ask to wait: nothing remains of the account's minute (`ratelimit-remaining`, `ratelimit-reset`), or of an
 * endpoint's own (`zendesk-ratelimit-…: total=100; remaining=0; resets=41`). Seconds there, milliseconds here; null: not at all.
 */
export function readPause(response: Pick<HttpResponse, 'headers'>): number | null {
  const { headers } = response;
  const waits: number[] = [];
  const remaining = headers['ratelimit-remaining'] ?? headers['x-rate-limit-remaining'];
  if (remaining?.trim() === '0') waits.push(Number(headers['ratelimit-reset'] ?? Number.NaN));
  for (const [name, text] of Object.entries(headers)) {
    if (!name.startsWith('zendesk-ratelimit-') || !/remaining=0\b/.test(text)) continue;
    waits.push(Number(/resets=(\d+)/.exec(text)?.[1] ?? Number.NaN));
  }
  const seconds = Math.max(0, ...waits.filter((wait) => Number.isFinite(wait) && wait >= 0));
  return seconds > 0 ? Math.min(seconds, 120) * 1000 : null;
}
