import type { ErasedPerson, ServiceContext } from '../destination.ts';
import { type Step, untilSettled } from '../opening.ts';
import { createApi, type ZendeskApi } from './api.ts';
import { showMany } from './jobs.ts';
import type { Reading } from './response.ts';
import { findByEmail } from './users.ts';

type Person = Pick<ErasedPerson, 'key' | 'recordId'>;

/**
 * Erases users for good, for `forget`: `DELETE /users/{id}`, then `DELETE /deleted_users/{id}` (700 in ten minutes; an administrator's
 * token), after which Zendesk keeps nothing of them but closed tickets without a name. Zendesk refuses who has tickets that are
 * not closed. Who is gone already counts. https://developer.zendesk.com/api-reference/ticketing/users/users/. Throws DinmoError.
 */
export async function eraseUsers(
  context: ServiceContext,
  people: readonly Person[],
  idField: string,
): Promise<{ readonly kind: 'erased' | 'asked'; readonly detail: string | null }> {
  const api = createApi(context);
  let erased = 0;
  for (const person of people) {
    const id =
      person.recordId ?? (await untilSettled(context, 'Looking a user up', () => findId(api, person, idField)));
    if (id === null) continue;
    const path = encodeURIComponent(id);
    await untilSettled(context, 'Deleting a user', () => softly(api, path));
    await untilSettled(context, 'Erasing a user', async () => done(await destroy(api, `/deleted_users/${path}`)));
    erased += 1;
  }
  if (erased === 0) return { kind: 'erased', detail: null };
  return { kind: 'asked', detail: 'Zendesk has deleted the user, and takes its time to blank what it kept.' };
}

/** Organizations, by `DELETE /organizations/{id}`. */
export async function eraseOrganizations(
  context: ServiceContext,
  people: readonly Person[],
): Promise<{ readonly kind: 'erased'; readonly detail: null }> {
  const api = createApi(context);
  for (const { key, recordId } of people) {
    const asked = { type: 'organizations', by: 'external_ids', values: [key] } as const;
    const id =
      recordId ??
      (await untilSettled(context, 'Looking an organization up', () => idOf(showMany(api, asked, NEVER), key)));
    if (id === null) continue;
    const path = `/organizations/${encodeURIComponent(id)}`;
    await untilSettled(context, 'Deleting an organization', async () => done(await destroy(api, path)));
  }
  return { kind: 'erased', detail: null };
}

const NEVER = new AbortController().signal;

function destroy(api: ZendeskApi, path: string): Promise<Reading> {
  return api.call({ method: 'DELETE', path });
}

function done(answer: Reading): Step<null> {
  return answer.kind === 'value' || answer.status === 404 ? { kind: 'value', value: null } : answer;
}

/** A user whom an earlier call deleted, and did not get to erase, is there among the deleted ones. */
async function softly(api: ZendeskApi, id: string): Promise<Step<null>> {
  const deleted = await destroy(api, `/users/${id}`);
  if (deleted.kind === 'value' || deleted.outcome.kind !== 'narrow') return done(deleted);
  const known = await api.call({ method: 'GET', path: `/deleted_users/${id}` });
  return known.kind === 'value' ? { kind: 'value', value: null } : deleted;
}

async function findId(api: ZendeskApi, { key }: Person, idField: string): Promise<Step<string | null>> {
  if (idField === 'external_id')
    return idOf(showMany(api, { type: 'users', by: 'external_ids', values: [key] }, NEVER), key);
  const found = await findByEmail(api, key, NEVER);
  return found.kind === 'outcome' ? found : { kind: 'value', value: found.record?.id ?? null };
}

async function idOf(asked: ReturnType<typeof showMany>, key: string): Promise<Step<string | null>> {
  const found = await asked;
  if (found.kind === 'outcome') return found;
  const record = found.records.find(({ externalId }) => externalId?.toLowerCase() === key.toLowerCase());
  return { kind: 'value', value: record?.id ?? null };
}
