import { DinmoError } from '../../errors.ts';
import { narrow, readArray, readObject, readText, refused } from '../answer.ts';
import type { ServiceContext } from '../destination.ts';
import { type Step, untilSettled } from '../opening.ts';
import type { HubspotApi } from './api.ts';
import type { Reading } from './response.ts';

/** HubSpot's id of the object type contacts. */
const CONTACTS = '0-1';

type Context = Pick<
  ServiceContext,
  'audienceId' | 'audienceName' | 'audienceNameBefore' | 'activation' | 'clock' | 'logger'
>;

/**
 * The id of the list: the recorded one, whatever its name is by now; else the list of contacts of that name; else a new
 * MANUAL one. Renames a recorded one whose wanted name has changed. Throws DinmoError when it is out of reach, or DYNAMIC.
 */
export async function openList(api: HubspotApi, context: Context): Promise<string> {
  const name = context.audienceName ?? context.activation;
  if (context.audienceId !== null) {
    const id = context.audienceId;
    const before = context.audienceNameBefore;
    if (before !== null && before !== name) await renameList(api, context, { id, name });
    return id;
  }
  return untilSettled(context, 'Finding or creating the list', async () => {
    const path = `/crm/lists/{version}/object-type-id/${CONTACTS}/name/${encodeURIComponent(name.toWellFormed())}`;
    const answer = await api.call({ method: 'GET', path });
    if (answer.kind === 'outcome' && (answer.status === 404 || answer.outcome.kind === 'narrow'))
      return createList(api, name);
    const found = readList(answer);
    return found.kind === 'outcome' ? found : { kind: 'value', value: found.value.id };
  });
}

interface FoundList {
  readonly id: string;
  readonly name: string | null;
}

function readList(answer: Reading): Step<FoundList> {
  if (answer.kind === 'outcome') return answer;
  const list = readObject(answer.value['list']) ?? answer.value;
  const id = readText(list['listId']);
  if (id === null) {
    const outcome = refused('list-without-id', 'HubSpot answered without the id of the list', 'Run the sync again.');
    return { kind: 'outcome', outcome };
  }
  if (list['processingType'] === 'DYNAMIC') {
    const fix = 'Choose another name with `audience:`: the members of an active list follow its filters.';
    return { kind: 'outcome', outcome: refused('list-is-dynamic', 'The list of that name is an active list', fix) };
  }
  const name = list['name'];
  return { kind: 'value', value: { id, name: typeof name === 'string' ? name : null } };
}

async function createList(api: HubspotApi, name: string): Promise<Step<string>> {
  const answer = await api.call({
    method: 'POST',
    path: '/crm/lists/{version}',
    body: { name, objectTypeId: CONTACTS, processingType: 'MANUAL' },
  });
  if (
    answer.kind === 'outcome' &&
    answer.outcome.kind === 'narrow' &&
    /DUPLICATE_LIST_NAMES/.test(answer.outcome.code)
  ) {
    return searchList(api, name);
  }
  const created = readList(answer);
  return created.kind === 'outcome' ? created : { kind: 'value', value: created.value.id };
}

/** Names are unique over all object types, and differ in more than case: a list of the name may be one of companies. */
async function searchList(api: HubspotApi, name: string): Promise<Step<string>> {
  const answer = await api.call({
    method: 'POST',
    path: '/crm/lists/{version}/search',
    body: { query: name, count: 500, processingTypes: ['MANUAL', 'SNAPSHOT'] },
  });
  if (answer.kind === 'outcome') return answer;
  for (const item of readArray(answer.value['lists'])) {
    const list = readObject(item);
    const fits = list?.['objectTypeId'] === undefined || list['objectTypeId'] === CONTACTS;
    if (list?.['name'] !== name || !fits) continue;
    const found = readList({ kind: 'value', value: list });
    return found.kind === 'outcome' ? found : { kind: 'value', value: found.value.id };
  }
  return {
    kind: 'outcome',
    outcome: narrow('list-name-taken', 'Another list has that name: choose one with `audience:`'),
  };
}

/** A name that cannot be changed stops nothing: the list is known by its id. */
async function renameList(
  api: HubspotApi,
  context: Context,
  list: { readonly id: string; readonly name: string },
): Promise<void> {
  const path = `/crm/lists/{version}/${encodeURIComponent(list.id)}/update-list-name?listName=${encodeURIComponent(list.name.toWellFormed())}`;
  const answer = await api.call({ method: 'PUT', path });
  if (answer.kind === 'value') context.logger.info('audience.renamed', { audience: list.id });
  else context.logger.warn('audience.not_renamed', { audience: list.id });
}

/** `DELETE /crm/lists/2026-09/{list}`: HubSpot can restore it for 90 days. One that is gone is deleted. Throws DinmoError. */
export async function deleteList(api: HubspotApi, id: string): Promise<void> {
  const answer = await api.call({ method: 'DELETE', path: `/crm/lists/{version}/${encodeURIComponent(id)}` });
  if (answer.kind === 'value' || answer.status === 404) return;
  const said = 'code' in answer.outcome ? answer.outcome : { code: 'unexpected-answer', message: 'no answer' };
  throw new DinmoError({
    kind: 'destination',
    code: said.code,
    message: `Deleting the list: ${said.message}`,
    fix: 'Delete the list in HubSpot, or run the command again later.',
  });
}
