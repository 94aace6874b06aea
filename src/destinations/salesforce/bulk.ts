import { notAnAcknowledgement, readCount, readObject, readText, refused } from '../answer.ts';
import type { BatchOutcome, Job, Receipt } from '../destination.ts';
import type { SalesforceApi } from './connection.ts';
import { parseCsv } from './csv.ts';
import { JOB_BYTES_MAX } from './facts.ts';
import { commonFault, faultReceipt, type Reading, type RowFault } from './response.ts';

/** What a job does with the rows of its CSV. */
export interface Ingest {
  readonly object: string;
  readonly keyField: string;
  readonly operation: 'upsert' | 'update';
}

const INGEST = 'jobs/ingest';

/**
 * Bulk API 2.0 (67.0): makes a job, uploads its CSV, and says that the upload is complete. Nothing of a job is applied before
 * that. From the upload on the job is the answer, also where nothing came back to the last request: `pollJob` says it again.
 */
export async function submitJob(
  api: SalesforceApi,
  ingest: Ingest,
  { csv, signal }: { readonly csv: string; readonly signal: AbortSignal },
): Promise<BatchOutcome> {
  if (Buffer.byteLength(csv) > JOB_BYTES_MAX)
    return { kind: 'too_large', code: 'job-too-large', message: `The CSV is larger than ${JOB_BYTES_MAX} bytes` };
  const { object, operation, keyField } = ingest;
  const external = operation === 'upsert' ? { externalIdFieldName: keyField } : {};
  const wanted = { object, operation, ...external, contentType: 'CSV', lineEnding: 'LF', columnDelimiter: 'COMMA' };
  const made = await api.call({ method: 'POST', path: INGEST, body: JSON.stringify(wanted), signal });
  if (made.kind === 'outcome') return jobRefusal(made.outcome);
  const id = readText(readObject(made.json)?.['id']);
  if (id === null || id === '') return notAnAcknowledgement('Salesforce answered 2xx without the id of the job');
  const path = `${INGEST}/${encodeURIComponent(id)}`;
  const uploaded = await api.call({ method: 'PUT', path: `${path}/batches`, body: csv, isCsv: true, signal });
  if (uploaded.kind === 'outcome') {
    await api.call({ method: 'PATCH', path, body: '{"state":"Aborted"}', signal });
    return uploaded.outcome;
  }
  await completeUpload(api, path, signal);
  return { kind: 'submitted', handle: operation === 'update' ? `${id} update` : id, pollAfterMs: null };
}

/** No row was looked at yet: what is refused is object, field or right. */
function jobRefusal(outcome: BatchOutcome): BatchOutcome {
  if (outcome.kind !== 'narrow') return outcome;
  return refused(outcome.code, outcome.message, 'Check config.object, config.external_id_field and the user’s rights.');
}

async function completeUpload(api: SalesforceApi, path: string, signal: AbortSignal): Promise<Reading> {
  return await api.call({ method: 'PATCH', path, body: '{"state":"UploadComplete"}', signal });
}

/**
 * Asks for a job, and for its results once it has ended. Jobs are deleted seven days after they ended. Results repeat what was
 * sent, in an order of their own: rows are known by their external id.
 */
export async function pollJob(
  api: SalesforceApi,
  keyField: string,
  given: {
    readonly job: Job;
    readonly signal: AbortSignal;
    /** Told of a fault of mapping or account that failed the whole job, so that no further one is made. */
    readonly noteFault: (fault: RowFault) => void;
  },
): Promise<BatchOutcome> {
  const { job, signal } = given;
  const [id = '', operation] = job.handle.split(' ');
  const path = `${INGEST}/${encodeURIComponent(id)}`;
  const answer = await api.call({ method: 'GET', path, signal });
  if (answer.kind === 'outcome') {
    if (answer.status !== 404) return answer.outcome;
    return { kind: 'receipts', receipts: job.rows.map(({ seq }) => ({ seq, status: 'unknown', ...EXPIRED })) };
  }
  const info = readObject(answer.json);
  const state = readText(info?.['state']);
  const waiting: BatchOutcome = { kind: 'submitted', handle: job.handle, pollAfterMs: null };
  if (state === 'Open') {
    const completed = await completeUpload(api, path, signal);
    if (completed.kind !== 'outcome') return waiting;
    // A job that is complete by now says that its state cannot change: it is none that failed.
    return completed.outcome.kind === 'retry' || completed.outcome.kind === 'refused' ? completed.outcome : waiting;
  }
  if (state === 'UploadComplete' || state === 'InProgress') return waiting;
  if (state !== 'JobComplete' && state !== 'Failed' && state !== 'Aborted')
    return notAnAcknowledgement('Salesforce did not say in which state the job is');
  const ended: Ended = {
    job,
    keyField,
    isWhole: state === 'JobComplete',
    isUpdate: operation === 'update',
    error: readText(info?.['errorMessage']),
    processed: readCount(info?.['numberRecordsProcessed']) ?? Number.POSITIVE_INFINITY,
    failed: readCount(info?.['numberRecordsFailed']) ?? 0,
  };
  return await readResults(api, path, { ended, ...given });
}

const EXPIRED = {
  code: 'job-expired',
  message: 'Salesforce does not know the job any more: its results were kept for 7 days',
};

/** A job that ended. */
interface Ended {
  readonly job: Job;
  readonly keyField: string;
  readonly isWhole: boolean;
  readonly isUpdate: boolean;
  readonly error: string | null;
  /** Rows that were looked at, and of them those that failed. */
  readonly processed: number;
  readonly failed: number;
}

/** A key as its cell may come back: spaces around it taken off, line ends as the file has them. */
function cellOf(key: string): string {
  return key.replaceAll(/\r\n?/g, '\n').toWellFormed().trim();
}

/** A file without a header has no rows, where the job says that it has none to name. */
function mayBeEmpty({ isWhole, processed, failed }: Ended, file: string): boolean {
  if (!isWhole || file === 'unprocessedrecords') return true;
  return file === 'failedResults' ? failed === 0 : processed <= failed;
}

/** The three files of results, the latter two where rows are left: each row stands in one of them. */
async function readResults(
  api: SalesforceApi,
  path: string,
  { ended, signal, noteFault }: Pick<Parameters<typeof pollJob>[2], 'signal' | 'noteFault'> & { readonly ended: Ended },
): Promise<BatchOutcome> {
  const { job, keyField } = ended;
  const receipts = new Map<string, Receipt>();
  const seqs = new Map(job.rows.map(({ key, seq }) => [cellOf(key), seq]));
  const faults: RowFault[] = [];
  for (const file of ['successfulResults', 'failedResults', 'unprocessedrecords'] as const) {
    if (receipts.size === seqs.size) break;
    const answer = await api.call({ method: 'GET', path: `${path}/${file}`, signal });
    if (answer.kind === 'outcome') return answer.outcome;
    const table = readTable(answer.text, file === 'unprocessedrecords' ? [keyField] : ['sf__Id', keyField]);
    if (table === null && answer.text.trim() === '' && mayBeEmpty(ended, file)) continue;
    if (table === null) return notAnAcknowledgement(`Salesforce answered without the job’s ${file}`);
    for (const row of table) {
      const key = cellOf(row(keyField));
      const seq = seqs.get(key);
      if (seq === undefined || receipts.has(key)) continue;
      const fault = file === 'failedResults' ? readFault(row('sf__Error')) : null;
      if (fault !== null) faults.push(fault);
      receipts.set(key, receiptOf(seq, { file, fault, row, error: ended.error }));
    }
  }
  const done = [...receipts.values()].some(({ status }) => status === 'accepted');
  const fault =
    ended.isWhole || done || !isJobFault(ended.error) ? null : { code: 'job-failed', message: ended.error ?? '' };
  const common = fault ?? commonFault(faults, seqs.size);
  if (common !== null) {
    // Nothing was applied, and no row is at fault: all of them are for a run after the mapping was corrected.
    noteFault(common);
    return { kind: 'receipts', receipts: job.rows.map(({ seq }) => ({ seq, status: 'deferred', ...common })) };
  }
  return {
    kind: 'receipts',
    receipts: job.rows.map(({ key, seq }) => receipts.get(cellOf(key)) ?? missing(seq, ended, receipts.size)),
  };
}

/** A job of updates has no line for a record that is not there, where its results are whole. */
function missing(seq: number, { isUpdate, processed }: Ended, named: number): Receipt {
  if (isUpdate && named >= processed) return { seq, status: 'rejected', ...NO_RECORD };
  return { seq, status: 'unknown', code: 'no-verdict', message: 'The job’s results do not name the row' };
}

export const NO_RECORD = {
  code: 'record-not-found',
  message: 'Salesforce has no record of that external id, and config.write is update',
} as const;

function receiptOf(
  seq: number,
  given: {
    readonly file: string;
    readonly fault: RowFault | null;
    readonly row: (column: string) => string;
    readonly error: string | null;
  },
): Receipt {
  const { file, fault, row, error } = given;
  if (fault !== null) return faultReceipt(seq, fault);
  if (file === 'unprocessedrecords')
    return { seq, status: 'deferred', code: 'not-processed', message: error ?? 'Salesforce did not process the row' };
  return {
    seq,
    status: 'accepted',
    recordId: row('sf__Id') || null,
    created: row('sf__Created').toLowerCase() === 'true',
  };
}

/** The job as a whole was wrong: a column that is no field, a file that is no CSV. */
function isJobFault(error: string | null): boolean {
  return /^(InvalidBatch|InvalidJob|ClientInputError|FeatureNotEnabled)/i.test(error ?? '');
}

/** `CODE:message:fields --`. */
function readFault(text: string): RowFault {
  const [, code, message] = /^([A-Z][A-Z0-9_]*):([\s\S]*)$/.exec(text.trim()) ?? [];
  if (code === undefined || message === undefined) return { code: 'rejected', message: text };
  return { code, message: message.replace(/:[\w.,\s]*--$/, '') };
}

/** Rows as functions of a column’s name, whatever its case; null where the text is not a table with these columns. */
function readTable(text: string, columns: readonly string[]): readonly ((column: string) => string)[] | null {
  const [header, ...rows] = parseCsv(text.replace(/^\uFEFF/, '')) ?? [];
  if (header === undefined) return null;
  const places = new Map(header.map((name, index) => [name.toLowerCase(), index]));
  if (columns.some((column) => !places.has(column.toLowerCase()))) return null;
  if (rows.some((row) => row.length !== header.length)) return null;
  return rows.map((row) => (column) => row[places.get(column.toLowerCase()) ?? -1] ?? '');
}
