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

type JsonObject = Readonly<Record<string, unknown>>;

/** An item of a request that Google will not take: its place in the list that was sent, from 0. */
export interface NamedItem {
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

/** The body of a successful answer; the items for whose sake a request was refused, nothing of it applied; or an outcome. */
export type Reading =
  | { readonly kind: 'value'; readonly value: JsonObject }
  | { readonly kind: 'items'; readonly items: readonly NamedItem[] }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/**
 * Reads any answer of the Data Manager API v1: JSON of the method, or google.rpc.Status under `error`. One bad required field
 * refuses a whole request (“fast-fail”), and `BadRequest.fieldViolations` names it: `audience_members[3].user_data…`.
 */
export function readAnswer(response: HttpResponse, now: number): Reading {
  const body = readObject(response.json());
  const error = readObject(body?.['error']);
  if (body === null) return { kind: 'outcome', outcome: foreignOutcome(response, now) };
  if (error === null) {
    const byStatus = statusOutcome(response, now);
    return byStatus === null ? { kind: 'value', value: body } : { kind: 'outcome', outcome: byStatus };
  }
  const said = readError(error, readRetryAfter(response, now));
  if (response.status === 400 && !isOfAccount(said.reason) && !isOfRequest(said)) {
    const items = namedItems(said);
    if (items.length > 0) return { kind: 'items', items };
  }
  return { kind: 'outcome', outcome: errorOutcome(said, response, now) };
}

interface ApiError {
  /** ErrorInfo.reason where there is one, else the canonical status. */
  readonly reason: string;
  readonly status: string;
  readonly message: string;
  readonly violations: readonly JsonObject[];
  readonly retryMs: number | null;
  readonly quotaLimit: string;
}

/** `afterMs`: what the header says, where the body does not. */
function readError(error: JsonObject, afterMs: number | null): ApiError {
  const details = readArray(error['details']).map(readObject);
  const all = (type: string): readonly JsonObject[] =>
    details.flatMap((detail) => (String(detail?.['@type']).endsWith(`google.rpc.${type}`) ? [detail ?? {}] : []));
  const of = (type: string): JsonObject => all(type)[0] ?? {};
  const violations = all('BadRequest').flatMap((detail) => readArray(detail['fieldViolations']));
  const status = readText(error['status']) ?? 'UNKNOWN';
  const info = of('ErrorInfo');
  const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(String(of('RetryInfo')['retryDelay'])) ?? [];
  return {
    reason: readText(info['reason']) ?? status,
    status,
    message: scrub(readText(error['message']) ?? 'no message'),
    violations: violations.map((violation) => readObject(violation) ?? {}),
    retryMs: seconds === undefined ? afterMs : Math.ceil(Number(seconds) * 1000),
    quotaLimit: readText(readObject(info['metadata'])?.['quota_limit']) ?? '',
  };
}

/** The first place in a path that counts members or events; names are in snake case or as in JSON. */
const ITEM_PATH = /\b(?:audience_?members|events)\[(\d{1,6})\]/i;

/** Empty unless every violation is about an item: one of the request itself cannot be met by leaving items out. */
function namedItems({ violations, reason }: ApiError): readonly NamedItem[] {
  const named = new Map<number, NamedItem>();
  for (const violation of violations) {
    const [, digits] = ITEM_PATH.exec(readText(violation['field']) ?? '') ?? [];
    if (digits === undefined) return [];
    const index = Number(digits);
    const code = codeOf(readText(violation['reason']) ?? reason);
    const message = scrub(readText(violation['description']) ?? 'Google does not take the row');
    if (!named.has(index)) named.set(index, { index, code, message });
  }
  return [...named.values()];
}

/** Members of a request beside its rows: what is wrong with one is wrong for every row. */
const OF_REQUEST = /^(destinations|encoding|encryption_?info|terms_?of_?service|consent|validate_?only)\b/i;

function isOfRequest({ violations }: ApiError): boolean {
  return violations.some((violation) => OF_REQUEST.test(readText(violation['field']) ?? ''));
}

/** `INVALID_HEX_ENCODING` → `google-invalid-hex-encoding`. */
export function codeOf(reason: string): string {
  const word = reason.replace(/^PROCESSING_ERROR_(REASON_)?/, '').toLowerCase();
  return readCode(`google-${word.replaceAll('_', '-')}`.slice(0, 64));
}

/** Faults of the account, the list or the conversion action: no row can do anything about them. */
const REFUSED: ReadonlySet<string> = new Set([
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
  'SERVICE_DISABLED',
  'NOT_FOUND',
  'NOT_ALLOWLISTED',
  'INVALID_DESTINATION',
  'INVALID_USER_LIST_ID',
  'INVALID_USER_LIST_TYPE',
  'INVALID_CONVERSION_ACTION_ID',
  'INVALID_CONVERSION_ACTION_TYPE',
  'OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH',
  'TERMS_AND_CONDITIONS_NOT_SIGNED',
  'EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED',
  'MULTIPLE_DATA_TYPES_NOT_ALLOWED',
  'INVALID_PROPERTY_TYPE',
  'INVALID_STREAM_TYPE',
]);

/** Families of them; Google adds to the list (ErrorReason “is not frozen”). */
const REFUSED_FAMILIES =
  /^(DESTINATION_ACCOUNT|UNSUPPORTED_(OPERATING|LINKED)_ACCOUNT|LINKED_ACCOUNT|DATA_PARTNER|DIFFERENT_LOGIN_ACCOUNTS)_|_TOO_RECENTLY_CREATED$|_DISABLED$/;

function isOfAccount(reason: string): boolean {
  return REFUSED.has(reason) || REFUSED_FAMILIES.test(reason);
}

const TOO_LARGE: ReadonlySet<string> = new Set(['TOO_MANY_AUDIENCE_MEMBERS', 'TOO_MANY_EVENTS']);

/** google.rpc.Code: which of them say that another try may do better. */
const TRANSIENT: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL', 'ABORTED', 'UNKNOWN']);

function errorOutcome(error: ApiError, response: HttpResponse, now: number): BatchOutcome {
  const { message, reason, status, retryMs } = error;
  const code = codeOf(reason);
  if (status === 'RESOURCE_EXHAUSTED' || response.status === 429) {
    const perDay = /PerDay/i.test(error.quotaLimit) ? ' (the quota of the day is used)' : '';
    return retry({ applied: 'no', throttled: true, afterMs: retryMs, code, message: `${message}${perDay}` });
  }
  if (TOO_LARGE.has(reason)) return { kind: 'too_large', code, message };
  const byStatus = statusOutcome(response, now);
  const isOfAll = response.status === 400 && isOfRequest(error);
  if (isOfAccount(reason) || isOfAccount(status) || isOfAll || byStatus?.kind === 'refused') {
    return refused(code, message, fixOf(reason, status));
  }
  if (byStatus?.kind === 'too_large') return { kind: 'too_large', code, message };
  if (TRANSIENT.has(status) || byStatus?.kind === 'retry') {
    return retry({ applied: 'maybe', afterMs: retryMs, code, message });
  }
  return narrow(code, message);
}

function fixOf(reason: string, status: string): string {
  if (reason === 'TERMS_AND_CONDITIONS_NOT_SIGNED') return 'Accept the Customer Match terms in the Google Ads account.';
  if (reason === 'SERVICE_DISABLED')
    return 'Enable the Data Manager API in the Google Cloud project of the credentials.';
  if (reason === 'EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED')
    return 'Declare in Google Ads whether the account runs political advertising in the EU.';
  if (reason.includes('ENHANCED_CONVERSIONS'))
    return 'Switch on enhanced conversions in the Google Ads account, and accept their terms.';
  if (status === 'UNAUTHENTICATED')
    return 'Make new credentials with the scope datamanager, and set them in the environment.';
  return 'Check customer_id, login_customer_id and the list or conversion action, and that the credentials’ user has access to them in Google Ads.';
}
