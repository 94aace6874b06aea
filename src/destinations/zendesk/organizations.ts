import { notAnAcknowledgement } from '../answer.ts';
import type { Batch, BatchOutcome, OutgoingRow, Receipt } from '../destination.ts';
import { readRecord, showMany } from './jobs.ts';
import { renderRecord } from './payload.ts';
import { rekey } from './rekey.ts';
import { idToDelete, type UserWork } from './users.ts';

type Answer =
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/** One after the other: Zendesk upserts organizations one at a time only. A request that fails as a whole ends the batch; all of it may be sent again. */
export async function sendOrganizations(work: UserWork, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const receipts: Receipt[] = [];
  for (const row of batch.rows) {
    const answer = batch.operation === 'delete' ? await remove(work, row, signal) : await upsert(work, row, signal);
    if (answer.kind === 'receipt') receipts.push(answer.receipt);
    else if (answer.outcome.kind !== 'narrow') return answer.outcome;
    else
      receipts.push({ seq: row.seq, status: 'rejected', code: answer.outcome.code, message: answer.outcome.message });
  }
  return { kind: 'receipts', receipts };
}

/** `POST /organizations/create_or_update` by external id: 201 for a new one, 200 else. Names never match, and are unique themselves. */
async function upsert(work: UserWork, row: OutgoingRow, signal: AbortSignal): Promise<Answer> {
  const isMoved = row.previousKey !== null && row.recordId !== null;
  const moved = isMoved ? await rekey({ ...work, type: 'organizations', signal }, row) : null;
  if (moved?.kind === 'outcome') return moved;
  const body = `{"organization":${renderRecord('organizations', work.idField, row)}}`;
  const answer = await work.api.call({ method: 'POST', path: '/organizations/create_or_update', body, signal });
  if (answer.kind === 'outcome') return answer;
  const record = readRecord(answer.value['organization']);
  if (record === null)
    return { kind: 'outcome', outcome: notAnAcknowledgement('Zendesk answered 2xx without the organization') };
  if (moved?.kind === 'taken' && work.mayDelete && row.mayDelete !== false && row.recordId !== null) {
    const left = await destroy(work, row.recordId, signal);
    if (left !== null) return { kind: 'outcome', outcome: left };
  }
  const { id: recordId, createdAt: recordCreatedAt } = record;
  const created = answer.status === 201;
  return { kind: 'receipt', receipt: { seq: row.seq, status: 'accepted', recordId, created, recordCreatedAt } };
}

async function remove(work: UserWork, row: OutgoingRow, signal: AbortSignal): Promise<Answer> {
  const accepted: Answer = { kind: 'receipt', receipt: { seq: row.seq, status: 'accepted' } };
  if (row.recordId !== null) {
    const refusal = await destroy(work, row.recordId, signal);
    return refusal === null ? accepted : { kind: 'outcome', outcome: refusal };
  }
  const found = await showMany(work.api, { type: 'organizations', by: 'external_ids', values: [row.key] }, signal);
  if (found.kind === 'outcome') return found;
  const record = found.records.find(({ externalId }) => externalId?.toLowerCase() === row.key.toLowerCase());
  const id = idToDelete(row, record);
  const refusal = id === null ? null : await destroy(work, id, signal);
  return refusal === null ? accepted : { kind: 'outcome', outcome: refusal };
}

/** `DELETE /organizations/{id}`, 204; one that is gone already counts. null: done. */
async function destroy({ api }: UserWork, id: string, signal: AbortSignal): Promise<BatchOutcome | null> {
  const answer = await api.call({ method: 'DELETE', path: `/organizations/${encodeURIComponent(id)}`, signal });
  if (answer.kind === 'outcome') return answer.status === 404 ? null : answer.outcome;
  return answer.status === 204
    ? null
    : notAnAcknowledgement('Zendesk answered 2xx without saying that it deleted the organization');
}
