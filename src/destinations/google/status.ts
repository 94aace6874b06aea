import type { Clock } from '../../clock.ts';
import type { Logger } from '../../log.ts';
import { readArray, readCount, readObject, readText } from '../answer.ts';
import type { BatchOutcome, Job, Receipt } from '../destination.ts';
import type { GoogleApi } from './api.ts';
import { type RequestHandle, readHandle } from './handle.ts';
import { codeOf } from './response.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** So long a request that Google does not find may be too young to be found. The guide asks to wait half an hour before the first question. */
const YOUNG_MS = 30 * 60_000;

/** The conversion is there already, under our own id: the same event again. */
const ALREADY_THERE: ReadonlySet<string> = new Set(['PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID']);

/** Not the row's fault: the same row may be taken later, or once somebody has changed the account. */
const NOT_THE_ROWS =
  /INTERNAL_ERROR|TOO_RECENT|DESTINATION_TOO_RECENTLY_CREATED|TERMS_NOT_SIGNED|DECRYPTION|_KEK|_WIP|AWS_AUTH|CUSTOM_VARIABLE_NOT_ENABLED/;

/** What became of a request (`requestStatus:retrieve`, Data Manager API v1): the job's outcome, or `submitted` again. */
export async function askStatus(
  job: Job,
  signal: AbortSignal,
  given: { readonly api: GoogleApi; readonly clock: Clock; readonly logger: Logger },
): Promise<BatchOutcome> {
  const handle = readHandle(job.handle);
  if (handle === null) return unknown(job, 'google-unknown-request', 'the handle is none of ours');
  const path = `/requestStatus:retrieve?requestId=${encodeURIComponent(handle.requestId)}`;
  const answer = await given.api.call({ method: 'GET', path, signal });
  const again: BatchOutcome = { kind: 'submitted', handle: job.handle, pollAfterMs: null };
  if (answer.kind === 'items') return again;
  if (answer.kind === 'outcome') {
    const { outcome } = answer;
    const isLost = 'code' in outcome && /^google-(invalid-request-id|not-found)$/.test(outcome.code);
    if (!isLost) return outcome;
    if (given.clock.now() - handle.at < YOUNG_MS) return again;
    return unknown(job, outcome.code, 'Google no longer knows the request');
  }
  const status = readObject(readArray(answer.value['requestStatusPerDestination'])[0]);
  noteMatchRate(status, given.logger);
  switch (status?.['requestStatus']) {
    case 'SUCCESS':
      return receiptsOf(job, handle, () => null);
    case 'FAILED':
      return readFailures(job, handle, { status, whole: true });
    case 'PARTIAL_SUCCESS':
      return readFailures(job, handle, { status, whole: false });
    default:
      return again;
  }
}

interface Failure {
  readonly reason: string;
  readonly count: number;
  /** Places in the request; null where Google gives none. */
  readonly places: readonly number[] | null;
}

/**
 * Google counts by reason, and since the revision of November 2026 may name the places (`recordIndices`). Where the places are
 * as many as the count, each row has its own receipt; else the number is all that is known, and the engine narrows.
 */
function readFailures(
  job: Job,
  handle: RequestHandle,
  { status, whole }: { readonly status: JsonObject; readonly whole: boolean },
): BatchOutcome {
  const left = new Set(handle.left.map(([index]) => index));
  const sent = job.rows.map((_, index) => index).filter((index) => !left.has(index));
  const failures = readArray(readObject(status['errorInfo'])?.['errorCounts']).flatMap((item) =>
    readFailure(item, handle.aligned ? sent.length : null),
  );
  const first = failures[0];
  if (whole && new Set(failures.map(({ reason }) => reason)).size <= 1) {
    return receiptsOf(job, handle, () => first?.reason ?? 'FAILED');
  }
  if (failures.length > 0 && failures.every(({ places }) => places !== null)) {
    const reasons = new Map<number, string>();
    for (const { reason, places } of failures) {
      for (const place of places ?? []) reasons.set(sent[place] ?? -1, reason);
    }
    return receiptsOf(job, handle, (index) => reasons.get(index) ?? (whole ? (first?.reason ?? 'FAILED') : null));
  }
  const failed = failures.reduce((sum, { reason, count }) => sum + (ALREADY_THERE.has(reason) ? 0 : count), 0);
  const said = failures.map(({ reason, count }) => `${count} ${codeOf(reason)}`).join(', ');
  if (failed === 0 && !whole && failures.length > 0) return receiptsOf(job, handle, () => null);
  const code = codeOf(failures.find(({ reason }) => !ALREADY_THERE.has(reason))?.reason ?? 'FAILED');
  const message = `Google could not process some rows: ${said || 'no reason given'}`;
  // One member in several items, some of which are in the list by now: a later removal has to carry them all.
  if (!whole && !handle.aligned && job.rows.length === 1 && job.operation !== 'delete') {
    return unknown(job, code, message);
  }
  const least = whole || sent.length === 1 ? 0 : 1;
  return {
    kind: 'counted',
    accepted: whole ? 0 : Math.max(least, sent.length - Math.max(1, failed)),
    code,
    message,
  };
}

/** `rows`: how many the request had; null where its places are not those of rows. */
function readFailure(item: unknown, rows: number | null): readonly Failure[] {
  const error = readObject(item);
  const reason = readText(error?.['reason']);
  const count = readCount(error?.['recordCount']);
  if (reason === null || count === null) return [];
  const places = readArray(error?.['recordIndices']).flatMap((place) => readCount(place) ?? []);
  const isWhole = rows !== null && new Set(places).size === count && places.every((place) => place < rows);
  return [{ reason, count, places: isWhole ? places : null }];
}

/** A receipt for each row; `reasonOf` says why it failed, null for a row that was processed. */
function receiptsOf(job: Job, handle: RequestHandle, reasonOf: (index: number) => string | null): BatchOutcome {
  const left = new Map(handle.left);
  const receipts = job.rows.map(({ seq }, index): Receipt => {
    const code = left.get(index);
    if (code !== undefined) return { seq, status: 'rejected', code, message: 'Google does not take the row' };
    const reason = reasonOf(index);
    if (reason === null || ALREADY_THERE.has(reason)) return { seq, status: 'accepted' };
    const status = NOT_THE_ROWS.test(reason) ? 'deferred' : 'rejected';
    return { seq, status, code: codeOf(reason), message: `Google could not process the row (${codeOf(reason)})` };
  });
  return receipts.every(({ status }) => status === 'accepted') ? { kind: 'accepted' } : { kind: 'receipts', receipts };
}

function unknown({ rows }: Job, code: string, message: string): BatchOutcome {
  return { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, status: 'unknown', code, message })) };
}

function noteMatchRate(status: JsonObject | null, logger: Logger): void {
  const ingestion = readObject(status?.['audienceMembersIngestionStatus']);
  const range = readText(readObject(ingestion?.['userDataIngestionStatus'])?.['uploadMatchRateRange']);
  if (range !== null && /^MATCH_RATE_RANGE_\w{1,30}$/.test(range)) {
    logger.info('google.match_rate', { range: range.replace('MATCH_RATE_RANGE_', '').toLowerCase() });
  }
}
