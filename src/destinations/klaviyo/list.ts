import { narrow, readArray, readObject, readText, refused } from '../answer.ts';
import type { ServiceContext } from '../destination.ts';
import { renderJson } from '../json.ts';
import { type Step, untilSettled } from '../opening.ts';
import type { KlaviyoApi } from './api.ts';

type Context = Pick<
  ServiceContext,
  'audienceId' | 'audienceName' | 'audienceNameBefore' | 'activation' | 'clock' | 'logger'
>;

/**
 * The id of the list: the recorded one, whatever its name is by now; else the only list of that name; else a new one. Renames
 * a recorded one whose wanted name has changed. Throws DinmoError when it is out of reach, or several lists have the name.
 */
export async function openList(api: KlaviyoApi, context: Context): Promise<string> {
  const name = context.audienceName ?? context.activation;
  if (context.audienceId !== null) {
    const id = context.audienceId;
    const before = context.audienceNameBefore;
    if (before !== null && before !== name) await renameList(api, context, { id, name });
    return id;
  }
  return untilSettled(context, 'Finding or creating the list', async () => {
    const query = new URLSearchParams({ filter: `equals(name,${JSON.stringify(name)})`, 'fields[list]': 'name' });
    const answer = await api.call({ method: 'GET', path: `lists?${query}` });
    if (answer.kind === 'outcome') return answer;
    const ids = readArray(answer.value['data']).flatMap((item) => {
      const list = readObject(item);
      return readText(readObject(list?.['attributes'])?.['name']) === name ? (readText(list?.['id']) ?? []) : [];
    });
    const [id, another] = ids;
    if (another !== undefined) return { kind: 'outcome', outcome: AMBIGUOUS };
    return id === undefined ? createList(api, name) : { kind: 'value', value: id };
  });
}

/** Klaviyo lets lists share a name. */
const AMBIGUOUS = refused(
  'list-name-ambiguous',
  'Several lists have that name',
  'Rename all but one of them in Klaviyo, or choose another name with `audience:`.',
);

/** `POST /api/lists`: 150 a day. The list's opt-in process is the account's default, and plays no part: nobody is subscribed. */
async function createList(api: KlaviyoApi, name: string): Promise<Step<string>> {
  const body = renderJson({ data: { type: 'list', attributes: { name } } });
  const answer = await api.call({ method: 'POST', path: 'lists', body });
  if (answer.kind === 'outcome') return answer;
  const id = readText(readObject(answer.value['data'])?.['id']);
  if (id !== null) return { kind: 'value', value: id };
  return { kind: 'outcome', outcome: narrow('list-without-id', 'Klaviyo answered without the id of the list') };
}

/** A name that cannot be changed stops nothing: the list is known by its id. */
async function renameList(
  api: KlaviyoApi,
  context: Context,
  { id, name }: { readonly id: string; readonly name: string },
): Promise<void> {
  const body = renderJson({ data: { type: 'list', id, attributes: { name } } });
  const answer = await api.call({ method: 'PATCH', path: `lists/${encodeURIComponent(id)}`, body });
  if (answer.kind === 'value') context.logger.info('audience.renamed', { audience: id });
  else context.logger.warn('audience.not_renamed', { audience: id });
}
