import { notAnAcknowledgement, readArray, readObject, readText } from '../answer.ts';
import type { BatchOutcome, OutgoingRow } from '../destination.ts';
import type { ZendeskApi } from './api.ts';
import { readRecord } from './jobs.ts';
import { type ObjectType, writtenKey } from './payload.ts';

/** One batch's work on records of one type. */
export interface RekeyWork {
  readonly api: ZendeskApi;
  readonly type: ObjectType;
  readonly idField: string;
  readonly signal: AbortSignal;
}

/** `moved`: the record has the row's new key now. `taken`: another record has it. `gone`: there is no such record any more. */
export type Rekeyed =
  | { readonly kind: 'moved' | 'taken' | 'gone' }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/**
 * Gives the record of a row its new key before the row is written by it. May be done twice. An external id is a field like any
 * other; an e-mail address that an update sends is only added beside the old one, which would go on to match: so the new one
 * becomes the primary identity, and the old one goes.
 */
export async function rekey(work: RekeyWork, row: OutgoingRow): Promise<Rekeyed> {
  return work.idField === 'email' ? await moveAddress(work, row) : await moveExternalId(work, row);
}

/** `PUT /{type}/{id}`; a value that another record has is 422. */
async function moveExternalId({ api, type, idField, signal }: RekeyWork, row: OutgoingRow): Promise<Rekeyed> {
  const one = type === 'users' ? 'user' : 'organization';
  const answer = await api.call({
    method: 'PUT',
    path: `/${type}/${encodeURIComponent(row.recordId ?? '')}`,
    body: { [one]: { external_id: writtenKey(idField, row) } },
    signal,
  });
  if (answer.kind === 'outcome') return refusal(answer.status, answer.outcome);
  if (readRecord(answer.value[one]) !== null) return { kind: 'moved' };
  return { kind: 'outcome', outcome: notAnAcknowledgement('Zendesk answered 2xx without the record') };
}

/** `GET`, `POST`, `PUT …/make_primary` and `DELETE` of /users/{id}/identities. https://developer.zendesk.com/api-reference/ticketing/users/user_identities/ */
async function moveAddress({ api, signal }: RekeyWork, row: OutgoingRow): Promise<Rekeyed> {
  const path = `/users/${encodeURIComponent(row.recordId ?? '')}/identities`;
  const listed = await api.call({ method: 'GET', path, signal });
  if (listed.kind === 'outcome') return refusal(listed.status, listed.outcome);
  if (!Array.isArray(listed.value['identities']))
    return { kind: 'outcome', outcome: notAnAcknowledgement('Zendesk answered 2xx without the identities') };
  const addresses = readArray(listed.value['identities']).flatMap(readAddress);
  const known = addresses.find(({ value }) => value === row.key);
  if (known === undefined) {
    const identity = { type: 'email', value: row.key, verified: true, primary: true, skip_verify_email: true };
    const added = await api.call({ method: 'POST', path, body: { identity }, signal });
    if (added.kind === 'outcome') return refusal(added.status, added.outcome);
    // Before the old address goes, the new one has to be there.
    if (readText(readObject(added.value['identity'])?.['id']) === null)
      return { kind: 'outcome', outcome: notAnAcknowledgement('Zendesk answered 2xx without the new address') };
  } else if (!known.primary) {
    const made = await api.call({ method: 'PUT', path: `${path}/${known.id}/make_primary`, signal });
    if (made.kind === 'outcome') return refusal(made.status, made.outcome);
  }
  // The same key twice: the record was looked for by its id, and no address of it is to go.
  const old = row.previousKey === row.key ? undefined : addresses.find(({ value }) => value === row.previousKey);
  if (old === undefined) return { kind: 'moved' };
  const removed = await api.call({ method: 'DELETE', path: `${path}/${old.id}`, signal });
  return removed.kind === 'outcome' && removed.status !== 404 ? removed : { kind: 'moved' };
}

function refusal(status: number | null, outcome: BatchOutcome): Rekeyed {
  if (status === 404) return { kind: 'gone' };
  return outcome.kind === 'narrow' ? { kind: 'taken' } : { kind: 'outcome', outcome };
}

function readAddress(
  item: unknown,
): readonly { readonly id: string; readonly value: string; readonly primary: boolean }[] {
  const identity = readObject(item);
  const id = readText(identity?.['id']);
  const value = readText(identity?.['value'])?.toLowerCase();
  if (identity?.['type'] !== 'email' || id === null || value === undefined) return [];
  return [{ id: encodeURIComponent(id), value, primary: identity['primary'] === true }];
}
