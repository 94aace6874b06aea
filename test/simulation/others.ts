import { isByKey, type World } from './history.ts';
import { sha256 } from './model.ts';
import type { Network } from './network.ts';
import { AUDIENCE } from './subject.ts';

export function foreignEmail(group: number): string {
  return `foreign${group}@x.test`;
}

/** A record that was there before us bears an address that a history may come to use. */
export function recordEmail(group: number): string {
  return `b${group}@x.test`;
}

/** What somebody else has put at the destination; the ids of the records (objects), which must never go. */
export function settleOthers({ kind, foreign }: World, network: Network): readonly string[] {
  if (foreign.length === 0 || isByKey(kind)) return [];
  if (kind === 'meta list') {
    const made = network.direct('POST', '/v26.0/act_77/customaudiences', {
      name: AUDIENCE,
      subtype: 'CUSTOM',
      customer_file_source: 'USER_PROVIDED_ONLY',
    });
    const { id } = JSON.parse(made.body) as { id: string };
    const data = foreign.map((group) => [sha256(foreignEmail(group)), '']);
    const add = () => network.direct('POST', `/v26.0/${id}/users`, { payload: { schema: ['EMAIL', 'PHONE'], data } });
    while (add().status !== 200);
    return [];
  }
  const emails = foreign.map(kind === 'hubspot list' ? foreignEmail : recordEmail);
  const inputs = emails.map((email) => ({
    id: email,
    idProperty: 'email',
    properties: { email },
    objectWriteTraceId: email,
  }));
  const written = network.direct('POST', '/crm/objects/2026-09/contacts/batch/upsert', { inputs });
  const ids = (JSON.parse(written.body) as { results: { id: string }[] }).results.map(({ id }) => id);
  if (kind === 'hubspot objects') return ids;
  const list = network.direct('POST', '/crm/lists/2026-09', {
    name: AUDIENCE,
    objectTypeId: '0-1',
    processingType: 'MANUAL',
  });
  const { listId } = (JSON.parse(list.body) as { list: { listId: string } }).list;
  network.direct('PUT', `/crm/lists/2026-09/${listId}/memberships/add`, ids);
  return [];
}
