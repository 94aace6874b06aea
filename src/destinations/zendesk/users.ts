import { readArray } from '../answer.ts';
import type { Batch, BatchOutcome, OutgoingRow, Receipt } from '../destination.ts';
import type { ZendeskApi } from './api.ts';
import {
  type FoundRecord,
  fitsHandle,
  isTransient,
  type JobFinish,
  NOT_LOOKED_UP,
  noVerdict,
  type RowResult,
  readRecord,
  showMany,
  submittedJob,
} from './jobs.ts';
import { renderRecord } from './payload.ts';
import { rekey } from './rekey.ts';

/** What a sync does to the users of one account. */
export interface UserWork {
  readonly api: ZendeskApi;
  readonly idField: string;
  /** `delete` is among the operations. */
  readonly mayDelete: boolean;
}

/**
 * `POST /users/create_or_update_many` (100 users, matched by e-mail address or external id), as a job. Rows under a new key
 * are given it first; a record that a row has left for another goes when the job has ended.
 */
export async function submitUsers(work: UserWork, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const abandoned: string[] = [];
  for (const row of batch.rows.filter((one) => one.previousKey !== null && one.recordId !== null)) {
    const moved = await rekey({ ...work, type: 'users', signal }, row);
    if (moved.kind === 'outcome') return moved.outcome;
    if (moved.kind === 'taken' && work.mayDelete && row.mayDelete !== false && row.recordId !== null)
      abandoned.push(`${batch.rows.indexOf(row)}-${row.recordId}`);
  }
  // The rows have their keys by now, and may be given them again.
  if (!fitsHandle(abandoned)) return TOO_MANY_LEFT;
  const users = batch.rows.map((row) => renderRecord('users', work.idField, row));
  const body = `{"users":[${users.join(',')}]}`;
  return submittedJob(
    await work.api.call({ method: 'POST', path: '/users/create_or_update_many', body, signal }),
    abandoned,
  );
}

const TOO_MANY_LEFT: BatchOutcome = {
  kind: 'too_large',
  code: 'too-many-records-left',
  message: 'More rows have left their records for others than one job can note',
};

/** Receipts of an upsert. Where a record that should be new was there, its age tells whether an unanswered request of ours made it. */
export function finishUpsert(api: ZendeskApi): JobFinish {
  return async ({ job, results, abandoned, signal }) => {
    const met = results.flatMap((result) =>
      job.operation === 'insert' && result?.kind === 'done' && !result.created && result.id !== null ? [result.id] : [],
    );
    const ages = met.length === 0 ? null : await showMany(api, { type: 'users', by: 'ids', values: met }, signal);
    if (ages?.kind === 'outcome') return askAgain(ages.outcome);
    const createdAt = new Map(ages?.records.map((record) => [record.id, record.createdAt]));
    const left = leftRecords(abandoned, results);
    if (left.length > 0) {
      const deleted = await api.call({ method: 'DELETE', path: `/users/destroy_many?ids=${left.join(',')}`, signal });
      if (deleted.kind === 'outcome' && deleted.status !== 404) return askAgain(deleted.outcome);
    }
    const receipts = job.rows.map(({ seq }, index): Receipt => {
      const result = results[index] ?? null;
      if (result === null) return noVerdict(seq);
      if (result.kind === 'failed') return failedReceipt(seq, result);
      const recordCreatedAt = (result.id === null ? null : createdAt.get(result.id)) ?? null;
      return { seq, status: 'accepted', recordId: result.id, created: result.created, recordCreatedAt };
    });
    return { kind: 'receipts', receipts };
  };
}

/** The records whose rows another one has taken. */
function leftRecords(abandoned: readonly string[], results: readonly (RowResult | null)[]): readonly string[] {
  return abandoned.flatMap((text) => {
    const [place = '', id = ''] = text.split('-');
    return results[Number(place)]?.kind === 'done' ? [encodeURIComponent(id)] : [];
  });
}

/** A question about an ended job that failed is asked again; the job itself is not at fault. */
function askAgain(outcome: BatchOutcome): BatchOutcome {
  return outcome.kind === 'retry' || outcome.kind === 'refused' ? outcome : NOT_LOOKED_UP;
}

function failedReceipt(seq: number, result: RowResult): Receipt {
  const { code, message } = result;
  return { seq, status: isTransient(result) ? 'deferred' : 'rejected', code, message };
}

/** `DELETE /users/destroy_many` by id, as a job. Users are soft-deleted; those that are not there, or have to stay, are accepted at once. */
export async function deleteUsers(work: UserWork, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const looked = await findUsers(
    work,
    batch.rows.filter(({ recordId }) => recordId === null),
    signal,
  );
  if (looked.kind === 'outcome') return looked.outcome;
  const ids = batch.rows.map((row) => row.recordId ?? idToDelete(row, looked.records.get(row.key.toLowerCase())));
  const some = [...new Set(ids.filter((id) => id !== null))];
  if (some.length === 0) return { kind: 'accepted' };
  const path = `/users/destroy_many?ids=${some.map(encodeURIComponent).join(',')}`;
  return submittedJob(await work.api.call({ method: 'DELETE', path, signal }));
}

/** Its results name users by id, and users that are gone already fail: what is deleted, or not there, is accepted. */
export const finishDelete: JobFinish = async ({ job, all, isWhole }) => {
  const failed = all.find(
    (result) => result.kind === 'failed' && !/not.?found|deleted|inactive/i.test(`${result.code} ${result.message}`),
  );
  // What the job did not come to is deleted once more: who is gone by then counts.
  if (!isWhole) return { kind: 'receipts', receipts: job.rows.map(({ seq }) => noVerdict(seq)) };
  if (failed === undefined) return { kind: 'accepted' };
  if (job.rows.length > 1) return { kind: 'narrow', code: failed.code, message: failed.message };
  return { kind: 'receipts', receipts: job.rows.map(({ seq }) => failedReceipt(seq, failed)) };
};

/** A record that may have been there before us stays if it is older than our first word of it. */
export function idToDelete(row: OutgoingRow, record: FoundRecord | undefined): string | null {
  if (record === undefined) return null;
  const { createdAt } = record;
  const stays =
    row.createdSince != null && createdAt !== null && !(Date.parse(createdAt) >= Date.parse(row.createdSince));
  return stays ? null : record.id;
}

/** Users by key, in lower case. Those that nobody finds are left out. */
async function findUsers(
  { api, idField }: UserWork,
  rows: readonly OutgoingRow[],
  signal: AbortSignal,
): Promise<
  | { readonly kind: 'found'; readonly records: ReadonlyMap<string, FoundRecord> }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome }
> {
  const records = new Map<string, FoundRecord>();
  if (idField === 'external_id') {
    const found = await showMany(
      api,
      { type: 'users', by: 'external_ids', values: rows.map(({ key }) => key) },
      signal,
    );
    if (found.kind === 'outcome') return found;
    for (const record of found.records)
      if (record.externalId !== null) records.set(record.externalId.toLowerCase(), record);
    return { kind: 'found', records };
  }
  for (const { key } of rows) {
    const found = await findByEmail(api, key, signal);
    if (found.kind === 'outcome') return found;
    if (found.record !== null) records.set(key.toLowerCase(), found.record);
  }
  return { kind: 'found', records };
}

/** `GET /users/search`: the search matches loosely and lags behind by minutes, so that only the very address counts. */
export async function findByEmail(
  api: ZendeskApi,
  email: string,
  signal: AbortSignal,
): Promise<
  | { readonly kind: 'found'; readonly record: FoundRecord | null }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome }
> {
  const query = encodeURIComponent(`email:"${email.toWellFormed().replaceAll('"', '')}"`);
  const answer = await api.call({ method: 'GET', path: `/users/search?query=${query}`, signal });
  if (answer.kind === 'outcome') return answer;
  if (!Array.isArray(answer.value['users'])) return { kind: 'outcome', outcome: NOT_LOOKED_UP };
  const records = readArray(answer.value['users']).flatMap((item) => readRecord(item) ?? []);
  return {
    kind: 'found',
    record: records.find((record) => record.email?.toLowerCase() === email.toLowerCase()) ?? null,
  };
}
