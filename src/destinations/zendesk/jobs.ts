import { scrub } from '../../log.ts';
import { notAnAcknowledgement, readArray, readCode, readCount, readObject, readText } from '../answer.ts';
import type { BatchOutcome, Job, Receipt } from '../destination.ts';
import type { ZendeskApi } from './api.ts';
import { USERS_MAX } from './facts.ts';
import type { Reading } from './response.ts';

/** What finds a job again, in another process too. */
interface Handle {
  readonly job: string;
  /** Records that rows have left for others, as `<place of the row>-<id>`: each goes once its row was taken. */
  readonly abandoned: readonly string[];
}

const HANDLE_MAX = 1_000;
/** Small jobs end at once. */
const FIRST_POLL_MS = 500;
const HANDLE_PART = /^[\w-]{1,64}$/;
/** The job's id, as far as it may be known before there is a job. */
const JOB_ID_MAX = 64;

/** Whether a handle has room for so many records that were left. */
export function fitsHandle(abandoned: readonly string[]): boolean {
  return JOB_ID_MAX + 1 + abandoned.join(',').length <= HANDLE_MAX;
}

/** `<job>` or `<job>:<place>-<id>,<place>-<id>`; null where it would be too long, or the parts are not what Zendesk gives. */
function renderHandle({ job, abandoned }: Handle): string | null {
  const text = abandoned.length === 0 ? job : `${job}:${abandoned.join(',')}`;
  return text.length <= HANDLE_MAX && [job, ...abandoned].every((part) => HANDLE_PART.test(part)) ? text : null;
}

function readHandle(text: string): Handle {
  const [job = '', ids = ''] = text.split(':');
  return { job, abandoned: ids.split(',').filter((id) => id !== '') };
}

/** The outcome of a request that queues a job: its id, or what the answer means. */
export function submittedJob(answer: Reading, abandoned: readonly string[] = []): BatchOutcome {
  if (answer.kind === 'outcome') return answer.outcome;
  const id = readText(readObject(answer.value['job_status'])?.['id']);
  const handle = id === null ? null : renderHandle({ job: id, abandoned });
  if (handle === null) return notAnAcknowledgement('Zendesk answered 2xx without the id of a job');
  return { kind: 'submitted', handle, pollAfterMs: FIRST_POLL_MS };
}

/**
 * `GET /job_statuses/{id}` (queued, working, completed, failed, killed): what became of each row stands in the results of a
 * completed job, in the order of the request; `index` names the row where it is given. A job that Zendesk has forgotten (404,
 * after a day) leaves its rows unknown.
 */
export async function pollJob(
  { api, finish }: { readonly api: ZendeskApi; readonly finish: JobFinish },
  job: Job,
  signal: AbortSignal,
): Promise<BatchOutcome> {
  const handle = readHandle(job.handle);
  const answer = await api.call({ method: 'GET', path: `/job_statuses/${encodeURIComponent(handle.job)}`, signal });
  if (answer.kind === 'outcome')
    return answer.status === 404
      ? unsettled(job, 'unknown', 'job-expired', 'Zendesk does not know the job any more')
      : answer.outcome;
  const status = readObject(answer.value['job_status']);
  switch (status?.['status']) {
    case 'queued':
    case 'working':
      return { kind: 'submitted', handle: job.handle, pollAfterMs: null };
    case 'completed':
    case 'failed':
    case 'killed': {
      const list = readArray(status['results']).map((item) => readObject(item) ?? {});
      if (status['status'] !== 'completed' && list.length === 0)
        return unsettled(
          job,
          status['progress'] === 0 ? 'deferred' : 'unknown',
          'job-failed',
          'Zendesk gave the job up',
        );
      const all = list.flatMap((result) => readResult(result) ?? []);
      const isWhole = status['status'] === 'completed' && all.length === list.length;
      return await finish({ job, all, isWhole, results: orderResults(job, list), abandoned: handle.abandoned, signal });
    }
    default:
      return notAnAcknowledgement('Zendesk answered without the status of the job');
  }
}

/** What one service makes of an ended job's results. */
export type JobFinish = (ended: {
  readonly job: Job;
  /** As they came. */
  readonly all: readonly RowResult[];
  /** The job came to its end, and all of its results can be read. */
  readonly isWhole: boolean;
  /** For each row, in order; null: none. */
  readonly results: readonly (RowResult | null)[];
  readonly abandoned: readonly string[];
  readonly signal: AbortSignal;
}) => Promise<BatchOutcome>;

/** One row of a job's results. */
export interface RowResult {
  readonly kind: 'done' | 'failed';
  /** The record's id; null where it is not said. */
  readonly id: string | null;
  readonly created: boolean;
  readonly code: string;
  readonly message: string;
}

/**
 * Results by row: by their `index`, else by the address or external id that they repeat, else by their place. The `id` of a failed
 * one is no record: it is the index of the row. A list that is shorter than the rows, without any of that, says of none; two
 * results for one row that differ say nothing of it.
 */
function orderResults(
  { rows }: Job,
  results: readonly Readonly<Record<string, unknown>>[],
): readonly (RowResult | null)[] {
  const places = placesOf(rows, results);
  const byRow = new Map<number, RowResult | null>();
  for (const [position, result] of results.entries()) {
    const place = places[position];
    if (place === undefined) continue;
    const read = readResult(result);
    const before = byRow.get(place);
    const agrees = before === undefined || (before?.kind === read?.kind && before?.id === read?.id);
    byRow.set(place, agrees ? read : null);
  }
  return rows.map((_, position) => byRow.get(position) ?? null);
}

/** The row of each result; undefined: nothing says which. */
function placesOf(
  rows: Job['rows'],
  results: readonly Readonly<Record<string, unknown>>[],
): readonly (number | undefined)[] {
  const indexes = results.map((result) => readCount(result['index']) ?? undefined);
  if (indexes.some((index) => index !== undefined)) return indexes;
  const keys = new Map(rows.map(({ key }, place) => [key.toLowerCase(), place]));
  const echoed = results.map(({ email, external_id: externalId }) => {
    const names = [externalId, email].map((value) => readText(value)?.toLowerCase());
    return names.flatMap((name) => (name === undefined ? [] : (keys.get(name) ?? [])))[0];
  });
  const isWhole = results.length === rows.length;
  // Where each that names a row stands in its place, so do the others.
  const isInOrder = echoed.every((place, position) => place === undefined || place === position);
  return isWhole && isInOrder ? rows.map((_, position) => position) : echoed;
}

function readResult(result: Readonly<Record<string, unknown>>): RowResult | null {
  const { status, success, error, details } = result;
  const id = readText(result['id']) || null;
  const failed =
    /^failed$/i.test(readText(status) ?? '') ||
    success === false ||
    (error !== undefined && error !== null) ||
    (readText(result['errors']) ?? '') !== '';
  if (failed) {
    const said = [readText(details) ?? readText(result['errors']) ?? '', readText(error) ?? ''].filter(
      (text) => text !== '',
    );
    const message = scrub(said.join(' ') || 'Zendesk refused the row');
    return { kind: 'failed', id: null, created: false, code: readCode(error ?? status), message };
  }
  const word = readText(status);
  // A word that nobody documents is no success, whatever the id.
  const done = word === null ? success === true || id !== null : /^(created|updated|deleted|success)$/i.test(word);
  if (!done) return null;
  const created = /^created?$/i.test(readText(status) ?? '') || /^create$/i.test(readText(result['action']) ?? '');
  return { kind: 'done', id, created, code: '', message: '' };
}

/** A failure that passes, and has nothing to do with the row's data. */
export function isTransient({ code, message }: RowResult): boolean {
  return /rate limit|conflict|timeout|timed out|temporar|lock/i.test(`${code} ${message}`);
}

/** Nothing says what became of the row. */
export function noVerdict(seq: number): Receipt {
  return { seq, status: 'unknown', code: 'no-verdict', message: 'The results of Zendesk’s job do not name the row' };
}

function unsettled({ rows }: Job, status: 'deferred' | 'unknown', code: string, message: string): BatchOutcome {
  return { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, status, code, message })) };
}

/**
 * Records with their ids and ages, `GET /{type}/show_many`, 100 a request. Its list is separated by commas: an external id that
 * holds one is asked for alone, `GET /{type}/search?external_id=`.
 */
export async function showMany(
  api: ZendeskApi,
  asked: { readonly type: string; readonly by: 'ids' | 'external_ids'; readonly values: readonly string[] },
  signal: AbortSignal,
): Promise<
  { readonly kind: 'found'; readonly records: readonly FoundRecord[] } | Extract<Reading, { kind: 'outcome' }>
> {
  const records: FoundRecord[] = [];
  for (const path of lookupPaths(asked)) {
    const answer = await api.call({ method: 'GET', path, signal });
    if (answer.kind === 'outcome') return answer;
    const list = answer.value[asked.type];
    if (!Array.isArray(list)) return { kind: 'outcome', outcome: NOT_LOOKED_UP, status: null };
    records.push(...list.flatMap((item) => readRecord(item) ?? []));
  }
  return { kind: 'found', records };
}

function lookupPaths({
  type,
  by,
  values,
}: {
  readonly type: string;
  readonly by: string;
  readonly values: readonly string[];
}): readonly string[] {
  const isAlone = (value: string): boolean => by === 'external_ids' && value.includes(',');
  const encoded = (value: string): string => encodeURIComponent(value.toWellFormed());
  const listed = values.filter((value) => !isAlone(value)).map(encoded);
  const paths = values.filter(isAlone).map((value) => `/${type}/search?external_id=${encoded(value)}`);
  for (let start = 0; start < listed.length; start += USERS_MAX)
    paths.push(`/${type}/show_many?${by}=${listed.slice(start, start + USERS_MAX).join(',')}`);
  return paths;
}

/** Whoever is not found counts as gone: nothing was changed yet, so the question is asked again. */
export const NOT_LOOKED_UP: BatchOutcome = {
  kind: 'retry',
  applied: 'no',
  throttled: false,
  afterMs: null,
  code: 'not-looked-up',
  message: 'Zendesk answered 2xx without a list of records',
};

export interface FoundRecord {
  readonly id: string;
  readonly email: string | null;
  readonly externalId: string | null;
  /** ISO timestamp of Zendesk's clock. */
  readonly createdAt: string | null;
}

export function readRecord(item: unknown): FoundRecord | null {
  const record = readObject(item);
  const id = readText(record?.['id']);
  if (record === null || id === null || id === '') return null;
  return {
    id,
    email: readText(record['email']),
    externalId: readText(record['external_id']),
    createdAt: readText(record['created_at']),
  };
}
