import { notAnAcknowledgement, readArray, readCode, readCount, readObject, readText } from '../answer.ts';
import type { BatchOutcome, FieldValue, Job } from '../destination.ts';
import { renderJson } from '../json.ts';
import { type KlaviyoApi, withPause } from './api.ts';
import { type KlaviyoError, type Reading, type Refusal, readError } from './response.ts';

/** Errors of one page, and pages that are read of one job. */
const ERRORS_MAX = 100;
const PAGES_MAX = 100;

/** A small job may be done soon. */
const SMALL_JOB = 200;
const SMALL_JOB_POLL_MS = 300;

/**
 * `POST /api/profile-bulk-import-jobs`: profiles are made or updated by a job, and added to a list where one is given. `inRows`:
 * the profiles stand in the order of the batch's rows, one for each, so that an error's place names its row. It stands in the handle.
 */
export async function submitImport(
  api: KlaviyoApi,
  given: {
    readonly profiles: readonly FieldValue[];
    readonly listId: string | null;
    readonly inRows: boolean;
    readonly signal: AbortSignal;
  },
): Promise<BatchOutcome> {
  const lists = given.listId === null ? null : { lists: { data: [{ type: 'list', id: given.listId }] } };
  const data: { [name: string]: FieldValue } = {
    type: 'profile-bulk-import-job',
    attributes: { profiles: { data: given.profiles } },
    ...(lists === null ? {} : { relationships: lists }),
  };
  const body = renderJson({ data });
  const answer = await api.call({ method: 'POST', path: 'profile-bulk-import-jobs', body, signal: given.signal });
  if (answer.kind === 'outcome') return answer.outcome;
  const id = readText(readObject(answer.value['data'])?.['id']);
  if (id === null || !/^[\w.:-]{1,200}$/.test(id)) {
    return notAnAcknowledgement('Klaviyo answered without the id of the import job');
  }
  const pollAfterMs = given.profiles.length <= SMALL_JOB ? SMALL_JOB_POLL_MS : null;
  const outcome: BatchOutcome = { kind: 'submitted', handle: given.inRows ? id : `${id} *`, pollAfterMs };
  return withPause(outcome, answer.pauseMs);
}

/** What came of an import: the errors by row, or an outcome for the batch. */
export type ImportEnd =
  | {
      readonly kind: 'ended';
      /** By `seq`. */
      readonly faults: ReadonlyMap<number, KlaviyoError>;
      /** When Klaviyo took the job, by its own clock; null when it does not say. */
      readonly createdAt: string | null;
    }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/** `GET /api/profile-bulk-import-jobs/{id}`, and its import errors once it is complete. */
export async function readImport(api: KlaviyoApi, job: Job, signal: AbortSignal): Promise<ImportEnd> {
  const [id = '', mixed] = job.handle.split(' ');
  const path = `profile-bulk-import-jobs/${encodeURIComponent(id)}`;
  const answer = await api.call({ method: 'GET', path, signal });
  if (answer.kind === 'outcome') return { kind: 'outcome', outcome: jobOutcome(job, answer) };
  const attributes = readObject(readObject(answer.value['data'])?.['attributes']);
  const status = readText(attributes?.['status']);
  if (status === 'queued' || status === 'processing') {
    const again: BatchOutcome = { kind: 'submitted', handle: job.handle, pollAfterMs: null };
    return { kind: 'outcome', outcome: withPause(again, answer.pauseMs) };
  }
  if (status === 'cancelled')
    return { kind: 'outcome', outcome: unknownRows(job, 'job-cancelled', 'The import job was cancelled') };
  if (status !== 'complete') {
    return { kind: 'outcome', outcome: notAnAcknowledgement('Klaviyo does not say how the import job stands') };
  }
  const createdAt = readText(attributes?.['created_at']);
  const counted = readCount(attributes?.['failed_count']);
  if (counted === 0) return { kind: 'ended', faults: new Map(), createdAt };
  const errors = await readImportErrors(api, path, signal);
  if (errors.kind === 'outcome') return { kind: 'outcome', outcome: errors.outcome };
  // Where nothing is counted, the errors say how many failed.
  const failed = counted ?? errors.errors.length;
  if (failed === 0) return { kind: 'ended', faults: new Map(), createdAt };
  const faults = faultsOf(job, mixed === undefined ? errors.errors : [], failed);
  if (faults !== null) return { kind: 'ended', faults, createdAt };
  const first = errors.errors[0]?.error;
  const accepted = Math.max(0, job.rows.length - failed);
  const code = first?.code ?? 'import-errors';
  // Klaviyo does not say whose they are: the engine finds out by halves. Two rows may have stood for one profile.
  const short = { kind: 'counted', accepted: Math.min(accepted, job.rows.length - 1), code } as const;
  return {
    kind: 'outcome',
    outcome: { ...short, message: first?.message ?? 'Klaviyo refused some of the profiles' },
  };
}

interface ImportError {
  readonly error: KlaviyoError;
  /** The place of the profile in the job; null when it is not said. */
  readonly index: number | null;
}

/** `GET …/import-errors`, page by page. */
async function readImportErrors(
  api: KlaviyoApi,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly kind: 'errors'; readonly errors: readonly ImportError[] } | Refusal> {
  const errors: ImportError[] = [];
  let cursor: string | null = null;
  for (let page = 1; page <= PAGES_MAX; page++) {
    const query = new URLSearchParams({ 'page[size]': String(ERRORS_MAX) });
    if (cursor !== null) query.set('page[cursor]', cursor);
    const answer: Reading = await api.call({ method: 'GET', path: `${path}/import-errors?${query}`, signal });
    if (answer.kind === 'outcome') return answer;
    if (!Array.isArray(answer.value['data'])) return { ...NO_ERRORS, status: answer.status };
    for (const item of readArray(answer.value['data'])) {
      const error = readError(readObject(item)?.['attributes']);
      const index = /profiles\/data\/(\d+)(?:\/|$)/.exec(error.pointer ?? '')?.[1];
      errors.push({ error, index: index === undefined ? null : Number(index) });
    }
    cursor = cursorOf(readText(readObject(answer.value['links'])?.['next']));
    if (cursor === null) break;
  }
  return { kind: 'errors', errors };
}

const NO_ERRORS: Refusal = {
  kind: 'outcome',
  outcome: notAnAcknowledgement('Klaviyo answered without the errors of the import'),
  status: null,
  errors: [],
};

function cursorOf(link: string | null): string | null {
  return link !== null && URL.canParse(link) ? new URL(link).searchParams.get('page[cursor]') : null;
}

/** The errors by row; null unless they name as many rows as failed. */
function faultsOf(job: Job, errors: readonly ImportError[], failed: number): ReadonlyMap<number, KlaviyoError> | null {
  const faults = new Map<number, KlaviyoError>();
  for (const { error, index } of errors) {
    const row = index === null ? undefined : job.rows[index];
    if (row === undefined) return null;
    faults.set(row.seq, faults.get(row.seq) ?? error);
  }
  return faults.size >= failed ? faults : null;
}

/** A job that Klaviyo no longer knows has expired: nobody can tell any more. */
function jobOutcome(job: Job, answer: Refusal): BatchOutcome {
  if (answer.status === 404) return unknownRows(job, 'job-expired', 'Klaviyo no longer knows the import job');
  return answer.outcome;
}

function unknownRows({ rows }: Job, code: string, message: string): BatchOutcome {
  return {
    kind: 'receipts',
    receipts: rows.map(({ seq }) => ({ seq, status: 'unknown', code: readCode(code), message })),
  };
}
