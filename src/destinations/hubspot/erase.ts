import { notAnAcknowledgement, readObject, readText } from '../answer.ts';
import type { ErasedPerson, ServiceContext } from '../destination.ts';
import { untilSettled } from '../opening.ts';
import { createApi } from './api.ts';
import { archiveRecords, findRecords, objectPath } from './records.ts';

/**
 * Erases records for good, for `forget`. Contacts: `POST /crm/objects/2026-09/contacts/gdpr-delete {objectId}`, 204, which takes what is
 * associated with a contact, too. By record id only: an address that no contact has would be put on a blocklist. Records of
 * other types are archived, since HubSpot has nothing else for them. Who is gone already counts. Throws DinmoError.
 */
export async function eraseRecords(
  context: ServiceContext,
  people: readonly Pick<ErasedPerson, 'key' | 'recordId'>[],
  { type, idProperty }: { readonly type: string; readonly idProperty: string },
): Promise<{ readonly kind: 'erased'; readonly detail: string | null }> {
  const api = createApi(context);
  const signal = new AbortController().signal;
  const unknown = people.filter(({ recordId }) => recordId === null).map(({ key }) => key);
  const found = await untilSettled(context, 'Looking a record up', async () => {
    const looked = await findRecords({ api, type, idProperty, signal }, unknown);
    return looked.kind === 'outcome' ? looked : { kind: 'value', value: looked.ids };
  });
  const ids = [...new Set([...people.flatMap(({ recordId }) => recordId ?? []), ...found.values()])];
  if (!isContact(type)) {
    await untilSettled(context, 'Archiving a record', async () => {
      const refusal = await archiveRecords({ api, type, signal }, ids);
      return refusal === null ? { kind: 'value', value: null } : refusal;
    });
    return {
      kind: 'erased',
      detail: `HubSpot keeps what it archives of ${type} for 90 days, where it can be restored.`,
    };
  }
  for (const objectId of await existing(context, type, ids)) {
    await untilSettled(context, 'Erasing a contact', async () => {
      const path = `${objectPath(type)}/gdpr-delete`;
      const answer = await api.call({ method: 'POST', path, body: { objectId } });
      return answer.kind === 'value' ? { kind: 'value', value: null } : answer;
    });
  }
  return { kind: 'erased', detail: null };
}

/** Those of the ids that have a record still: so that a 404 to an erasure is never taken for a person who is gone. */
async function existing(context: ServiceContext, type: string, ids: readonly string[]): Promise<readonly string[]> {
  const api = createApi(context);
  return await untilSettled(context, 'Looking a record up', async () => {
    if (ids.length === 0) return { kind: 'value', value: [] };
    const body = { properties: [], inputs: ids.map((id) => ({ id })) };
    const answer = await api.call({ method: 'POST', path: `${objectPath(type)}/batch/read`, body });
    if (answer.kind === 'outcome') return answer;
    const { results } = answer.value;
    if (!Array.isArray(results)) return { kind: 'outcome', outcome: NOT_LOOKED_UP };
    const found = new Set(results.flatMap((item) => readText(readObject(item)?.['id']) ?? []));
    return { kind: 'value', value: ids.filter((id) => found.has(id)) };
  });
}

const NOT_LOOKED_UP = notAnAcknowledgement('HubSpot answered 2xx without saying which records there are');

function isContact(type: string): boolean {
  return ['contacts', 'contact', '0-1'].includes(type.toLowerCase());
}
