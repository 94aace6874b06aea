import { scrub } from '../../log.ts';
import {
  foreignOutcome,
  narrow,
  readArray,
  readCode,
  readObject,
  readText,
  refused,
  retry,
  statusOutcome,
} from '../answer.ts';
import type { BatchOutcome, Receipt } from '../destination.ts';
import type { HttpResponse } from '../http.ts';

/** An answer to be read, or the outcome that it means. */
export type Reading =
  | { readonly kind: 'answer'; readonly status: number; readonly json: unknown; readonly text: string }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome; readonly status: number | null };

export type Refusal = Extract<Reading, { kind: 'outcome' }>;

/** Reads any answer of the REST API and Bulk API 2.0: errors are `[{message, errorCode, fields}]` (“Status Codes and Error Responses”, 67.0). */
export function readAnswer(response: HttpResponse, now: number): Reading {
  const { status } = response;
  const json = response.json();
  if (status >= 200 && status < 300) {
    if (response.body.trimStart().startsWith('<'))
      return { kind: 'outcome', outcome: foreignOutcome(response, now), status };
    return { kind: 'answer', status, json, text: response.body };
  }
  const error = readObject(readArray(json)[0]) ?? readObject(json);
  const outcome = error === null ? foreignOutcome(response, now) : errorOutcome(error, response, now);
  return { kind: 'outcome', outcome, status };
}

function errorOutcome(error: Readonly<Record<string, unknown>>, response: HttpResponse, now: number): BatchOutcome {
  const { status } = response;
  const code = readCode(error['errorCode'] ?? error['error']);
  const message = scrub(readText(error['message']) ?? `Salesforce answered ${status}`);
  if (code === 'REQUEST_LIMIT_EXCEEDED') return limitReached(message);
  if (isConfigurationFault({ code, message })) return configurationFault({ code, message });
  if (isTransient(code) && status < 500) return retry({ applied: 'no', code, message });
  if (code === 'JSON_PARSER_ERROR' && OF_A_COLUMN.test(message))
    return refused(
      code,
      message,
      'A column and its field differ in type, in every row: cast the column to what the field is (a number to text, say), or set api: bulk.',
    );
  if (code === 'EXCEEDED_ID_LIMIT') return { kind: 'too_large', code, message };
  if (status === 401)
    return refused(
      code,
      message,
      'Check the external client app, its run-as user and the credentials in the environment.',
    );
  if (status === 403)
    return refused(
      code,
      message,
      'Give the user the right that the message names: API Enabled, and rights on object and fields.',
    );
  if (status === 404)
    return refused(code, message, 'Check the names of object and fields, and that the user may see them.');
  const byStatus = statusOutcome(response, now);
  return byStatus === null || byStatus.kind === 'narrow' ? narrow(code, message) : byStatus;
}

/** A number or a boolean where the field is of another type: that is the column’s type, whatever the row. A text may be the row’s own fault. */
const OF_A_COLUMN = /\bfrom VALUE_(?:NUMBER|TRUE|FALSE)/;

/**
 * 403 without Retry-After. Too many long requests at once end by themselves; the calls of 24 hours do not within a run.
 */
function limitReached(message: string): BatchOutcome {
  if (/Concurrent/i.test(message))
    return retry({ applied: 'no', throttled: true, afterMs: 5_000, code: 'REQUEST_LIMIT_EXCEEDED', message });
  return refused('daily-limit', message, 'The org’s API calls of 24 hours are used up: run the sync again later.');
}

/** Codes that are the mapping’s or the account’s fault, whatever the row. */
const CONFIGURATION_CODES = new Set([
  'INVALID_FIELD',
  'INVALID_FIELD_FOR_INSERT_UPDATE',
  'INVALID_TYPE',
  'INVALIDENTITY',
  'INSUFFICIENT_ACCESS_OR_READONLY',
  'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY_TYPE',
  'API_DISABLED_FOR_ORG',
  'FUNCTIONALITY_NOT_ENABLED',
  'FEATURENOTENABLED',
]);

/** A parent that is not there has the code of a field that is not there, and is the row’s own fault. */
function isConfigurationFault({ code, message }: RowFault): boolean {
  return CONFIGURATION_CODES.has(code) && !/foreign key external id/i.test(message);
}

export function configurationFault({ code, message }: RowFault): BatchOutcome {
  return refused(
    code,
    message,
    'Check the names of object and fields in config and mapping, and the user’s rights on them.',
  );
}

/** Codes that pass by themselves. */
const TRANSIENT_CODES = new Set([
  'UNABLE_TO_LOCK_ROW',
  'REQUEST_RUNNING_TOO_LONG',
  'SERVER_UNAVAILABLE',
  'QUERY_TIMEOUT',
  'CONCURRENT_REQUESTS_LIMIT_EXCEEDED',
]);

export function isTransient(code: string): boolean {
  return TRANSIENT_CODES.has(code);
}

/** What Salesforce said against one row. */
export interface RowFault {
  readonly code: string;
  readonly message: string;
}

export function faultReceipt(seq: number, fault: RowFault): Receipt {
  const status = isTransient(fault.code) ? 'deferred' : 'rejected';
  return { seq, status, code: readCode(fault.code), message: scrub(fault.message) };
}

/** The fault of mapping or account that every row met alike; else null. */
export function commonFault(faults: readonly RowFault[], rowCount: number): RowFault | null {
  const [first] = faults;
  if (first === undefined || faults.length < rowCount) return null;
  if (!isConfigurationFault(first) || faults.some(({ code }) => code !== first.code)) return null;
  return { code: readCode(first.code), message: scrub(first.message) };
}
