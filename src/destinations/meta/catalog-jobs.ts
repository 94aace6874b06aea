import { type Logger, scrub } from '../../log.ts';
import { notAnAcknowledgement, readArray, readCount, readObject, readText } from '../answer.ts';
import type { Batch, BatchOutcome, Job, Receipt } from '../destination.ts';
import type { MetaApi } from './api.ts';

const HANDLE_MAX = 1_000;
const FIRST_POLL_MS = 1_000;
const HANDLE_PART = /^[\w-]{1,400}$/;

const REFUSED = { code: 'item-refused', message: 'Meta refused the item' } as const;

/**
 * The answer of `items_batch`: `handles` find the job again, `validation_status` names items that were refused at once, by
 * their id. The handle is `<handles, by dots>` or `<handles>:<places of refused rows, by commas>`.
 */
export function readSubmission(answer: Readonly<Record<string, unknown>>, batch: Batch): BatchOutcome {
  const handles = readArray(answer['handles']).flatMap((handle) => readText(handle) ?? []);
  const refused = readValidation(answer['validation_status']);
  const places = batch.rows.flatMap((row, place) => (refused.has(row.key) ? [place] : []));
  if (handles.length === 0) {
    if (places.length === 0) return notAnAcknowledgement('Meta answered without the handle of a job');
    return { kind: 'receipts', receipts: batch.rows.map((row) => unqueued(row, refused)) };
  }
  const base = handles.join('.');
  if (!handles.every((handle) => HANDLE_PART.test(handle)) || base.length > HANDLE_MAX)
    return notAnAcknowledgement('Meta answered with a handle that cannot be kept');
  const full = `${base}:${places.join(',')}`;
  // Where so many are refused that they cannot be noted, the job's own errors name them.
  const handle = places.length > 0 && full.length <= HANDLE_MAX ? full : base;
  return { kind: 'submitted', handle, pollAfterMs: FIRST_POLL_MS };
}

/** Without a handle nothing was queued: the rows that are not at fault go again. */
function unqueued({ seq, key }: Batch['rows'][number], refused: ReadonlyMap<string, string>): Receipt {
  const message = refused.get(key);
  return message === undefined
    ? { seq, status: 'deferred', code: 'not-queued', message: 'Meta queued nothing, for the sake of other items' }
    : { seq, status: 'rejected', code: REFUSED.code, message };
}

/** What `validation_status` says of items with errors, by id; warnings stop none. */
function readValidation(value: unknown): ReadonlyMap<string, string> {
  const refused = new Map<string, string>();
  for (const item of readArray(value)) {
    const status = readObject(item);
    const id = readText(status?.['retailer_id']);
    const errors = readArray(status?.['errors']);
    if (id === null || errors.length === 0) continue;
    refused.set(id, scrub(readText(readObject(errors[0])?.['message']) ?? REFUSED.message));
  }
  return refused;
}

interface Polling {
  readonly api: MetaApi;
  /** `/<catalog>` */
  readonly path: string;
  readonly logger: Logger;
}

/**
 * `GET /<catalog>/check_batch_request_status`: `finished` with its errors by item, which were not saved, `error` and `canceled`
 * with some items done and others not, anything else goes on. Meta shows a sample of the errors, and the ids of all of them
 * where they are asked for. A handle that it does not know any more leaves the rows unknown.
 */
export async function pollItems({ api, path, logger }: Polling, job: Job, signal: AbortSignal): Promise<BatchOutcome> {
  const [base = '', noted = ''] = job.handle.split(':');
  const failed = new Failures();
  for (const place of noted.split(',').filter((text) => text !== ''))
    failed.add(job.rows[Number(place)]?.key, REFUSED.message);
  let broken = false;
  let warnings = 0;
  for (const handle of base.split('.')) {
    const answer = await api.call({
      method: 'GET',
      path: `${path}/check_batch_request_status?${queryOf(handle)}`,
      signal,
    });
    if (answer.kind === 'outcome')
      return isQuestion(answer.outcome) ? answer.outcome : unknown(job, 'job-expired', EXPIRED);
    if (!Array.isArray(answer.value['data']))
      return notAnAcknowledgement('Meta answered without the status of the job');
    const status = readObject(answer.value['data'][0]);
    if (status === null) return unknown(job, 'job-expired', EXPIRED);
    const word = readText(status['status'])?.toLowerCase();
    if (word === undefined) return notAnAcknowledgement('Meta answered without the status of the job');
    const isOver = word === 'finished' || word === 'error' || word === 'canceled';
    if (!isOver) return { kind: 'submitted', handle: job.handle, pollAfterMs: null };
    broken ||= word !== 'finished';
    warnings += readCount(status['warnings_total_count']) ?? readArray(status['warnings']).length;
    failed.read(job, status);
  }
  if (warnings > 0) logger.info('meta.items_warned', { warnings });
  return settle(job, failed, broken);
}

const EXPIRED = 'Meta does not know the job any more';

function queryOf(handle: string): string {
  const fields = 'handle,status,errors,errors_total_count,warnings_total_count,ids_of_invalid_requests';
  return `handle=${encodeURIComponent(handle)}&load_ids_of_invalid_requests=true&fields=${fields}`;
}

/** Whether the question failed, not the job. */
function isQuestion({ kind }: BatchOutcome): boolean {
  return kind === 'retry' || kind === 'refused';
}

/** The items of one job that were not saved. */
class Failures {
  readonly #messages = new Map<string, string>();
  /** Errors that name no item of the job. */
  unattributed = 0;

  add(id: string | undefined, message: string): void {
    if (id !== undefined && !this.#messages.has(id)) this.#messages.set(id, message);
  }

  messageOf(id: string): string | undefined {
    return this.#messages.get(id);
  }

  read({ rows }: Job, status: Readonly<Record<string, unknown>>): void {
    const keys = new Set(rows.map(({ key }) => key));
    const errors = readArray(status['errors']).map((item) => readObject(item) ?? {});
    const named = errors.filter((error) => {
      const id = readText(error['id']) ?? readText(error['retailer_id']);
      if (id === null || !keys.has(id)) return false;
      this.add(id, scrub(readText(error['message']) ?? REFUSED.message));
      return true;
    });
    const ids = readArray(status['ids_of_invalid_requests']).flatMap((item) => readText(item) ?? []);
    const known = ids.filter((id) => keys.has(id));
    for (const id of known) this.add(id, REFUSED.message);
    const total = Math.max(errors.length, readCount(status['errors_total_count']) ?? 0);
    // The list of ids is whole; the errors are a sample, and each of those that are not shown may be another item's.
    if (known.length === 0) this.unattributed += total - named.length;
  }
}

function settle(job: Job, failed: Failures, broken: boolean): BatchOutcome {
  // Errors that name nobody: halves tell who is meant.
  if (!broken && failed.unattributed > 0)
    return { kind: 'narrow', code: 'items-refused', message: `Meta counted ${failed.unattributed} errors` };
  const receipts = job.rows.map(({ seq, key }): Receipt => {
    const message = failed.messageOf(key);
    if (message !== undefined && !(job.operation === 'delete' && isGone(message)))
      return { seq, status: 'rejected', code: REFUSED.code, message };
    if (message === undefined && broken)
      return { seq, status: 'unknown', code: 'job-failed', message: 'Meta gave the job up' };
    return { seq, status: 'accepted' };
  });
  return { kind: 'receipts', receipts };
}

/** Whoever is not there is gone. */
function isGone(message: string): boolean {
  return /not (exist|found)|no such|cannot be found|can't be found|doesn't exist/i.test(message);
}

function unknown({ rows }: Job, code: string, message: string): BatchOutcome {
  return { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, status: 'unknown', code, message })) };
}
