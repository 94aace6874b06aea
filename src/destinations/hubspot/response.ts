import { scrub } from '../../log.ts';
import {
  foreignOutcome,
  narrow,
  notAnAcknowledgement,
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

/** A successful answer's members (of 204 a `status` of ours), or the outcome that the answer means. */
export type Reading =
  | { readonly kind: 'value'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome; readonly status: number | null };

/** What 204 says, in the words of the answers to batches (PENDING, PROCESSING, CANCELED, COMPLETE). */
const DONE: Readonly<Record<string, unknown>> = { status: 'COMPLETE' };

/** Whether an answer says that the work was done. */
export function saysDone(answer: Readonly<Record<string, unknown>>): boolean {
  return answer['status'] === DONE['status'];
}

/** Reads any answer of HubSpot's CRM API (date version 2026-09). */
export function readAnswer(response: HttpResponse, now: number): Reading {
  const { status } = response;
  if (status === 204) return { kind: 'value', value: DONE };
  const body = readObject(response.json());
  if (body === null) return { kind: 'outcome', outcome: foreignOutcome(response, now), status };
  if (status >= 200 && status < 300 && body['status'] !== 'error') return { kind: 'value', value: body };
  if (status < 300) {
    return { kind: 'outcome', outcome: notAnAcknowledgement('HubSpot answered 2xx with an error'), status };
  }
  return { kind: 'outcome', outcome: errorOutcome(body, response, now), status };
}

function errorOutcome(body: Readonly<Record<string, unknown>>, response: HttpResponse, now: number): BatchOutcome {
  const { status } = response;
  const code = readCode(readText(body['subCategory']) ?? body['category']);
  const message = scrub(readText(body['message']) ?? `HubSpot answered ${status}`);
  if (status === 401) return refused(code, message, 'Make a new service key in HubSpot and set it in the environment.');
  if (status === 403) return refused(code, message, 'Give the key the scopes that the message names.');
  if (status === 429) return throttled(body, response, { code, message, now });
  if (status === 423) return retry({ applied: 'no', code, message });
  if (status === 404) return refused(code, message, 'Check config.object_type, and that the list was not deleted.');
  if (namesMissingProperty(message)) return missingProperty(message);
  const byStatus = statusOutcome(response, now);
  return byStatus === null || byStatus.kind === 'narrow' ? narrow(code, message) : byStatus;
}

/** HubSpot's word for a property that nobody made: the fault of the mapping, not of a row. */
export function namesMissingProperty(message: string): boolean {
  return /PROPERTY_DOESNT_EXIST|property ["'\w]+ does not exist/i.test(message);
}

export function missingProperty(message: string): BatchOutcome {
  return refused('property-missing', message, 'Create the property in HubSpot, or take the field out of the mapping.');
}

/**
 * 429 comes without Retry-After. `policyName` says which limit: the daily one resets at midnight in the portal's time zone,
 * so there is no point in waiting for it; the rolling ones let go within seconds.
 */
function throttled(
  body: Readonly<Record<string, unknown>>,
  response: HttpResponse,
  said: { readonly code: string; readonly message: string; readonly now: number },
): BatchOutcome {
  const policy = (readText(body['policyName']) ?? '').toUpperCase();
  const dailyLeft = response.headers['x-hubspot-ratelimit-daily-remaining'];
  const { code, message } = said;
  if (policy === 'DAILY' || (policy === '' && dailyLeft !== undefined && Number(dailyLeft) <= 0)) {
    return refused(
      'daily-limit',
      message,
      'The daily limit of the HubSpot account is used up: run the sync again tomorrow.',
    );
  }
  const afterMs = readRetryAfter(response, said.now) ?? (policy.startsWith('TEN_SECONDLY') ? 2_000 : 1_000);
  return retry({ applied: 'no', throttled: true, afterMs, code, message });
}
