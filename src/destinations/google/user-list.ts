import { DinmoError } from '../../errors.ts';
import { readArray, readObject, readText, refused } from '../answer.ts';
import type { BatchOutcome, FieldValue, ServiceContext } from '../destination.ts';
import { type Step, untilSettled } from '../opening.ts';
import { accountName } from './account.ts';
import type { GoogleApi } from './api.ts';
import { MEMBERSHIP_DAYS_MAX } from './facts.ts';
import type { Reading } from './response.ts';

type Config = ServiceContext['config'];
type Context = Pick<
  ServiceContext,
  'config' | 'audienceId' | 'audienceName' | 'audienceNameBefore' | 'activation' | 'clock' | 'logger'
>;

const PAGES_MAX = 100;
const UPLOAD_KEYS: Readonly<Record<string, string>> = {
  contact: 'CONTACT_ID',
  mobile: 'MOBILE_ID',
  user_id: 'USER_ID',
};

/**
 * The id of the Customer Match list: the recorded one, whatever its name is by now; else the one of that name; else a new one.
 * Renames a recorded one whose wanted name has changed. Throws DinmoError when the account or list is out of reach.
 */
export async function openList(api: GoogleApi, context: Context): Promise<string> {
  const name = wantedName(context);
  if (context.audienceId !== null) {
    const before = context.audienceNameBefore;
    if (before !== null && before !== name) await renameList(api, context, { id: context.audienceId, name });
    return context.audienceId;
  }
  return untilSettled(context, 'Finding or creating the list', async () => {
    const found = await findList(api, context.config, name);
    if (found.kind === 'outcome') return found;
    return found.value === null ? createList(api, context) : { kind: 'value', value: found.value };
  });
}

export function wantedName(context: Pick<ServiceContext, 'audienceName' | 'activation'>): string {
  return context.audienceName ?? context.activation;
}

/** Whether the account would take a new list of this name (`validateOnly`): nothing is made. */
export function tryList(api: GoogleApi, config: Config, name: string): Promise<Reading> {
  return api.call({ method: 'POST', path: `${listsPath(config)}?validateOnly=true`, body: renderList(config, name) });
}

/** Asks Google for its time, where nothing else has been asked yet. */
export async function readList(api: GoogleApi, context: Context, id: string): Promise<void> {
  await untilSettled(context, 'Reading the list', async () =>
    step(await api.call({ method: 'GET', path: listPath(context.config, id) })),
  );
}

/** Throws DinmoError. A list that is gone already is no mistake. */
export async function deleteList(
  api: GoogleApi,
  context: Pick<ServiceContext, 'config' | 'clock' | 'logger'>,
  id: string,
): Promise<void> {
  await untilSettled<unknown>(context, 'Deleting the list', async () => {
    const answer = step(await api.call({ method: 'DELETE', path: listPath(context.config, id) }));
    const isGone = answer.kind === 'outcome' && 'code' in answer.outcome && answer.outcome.code === 'google-not-found';
    return isGone ? { kind: 'value', value: null } : answer;
  });
}

function listsPath(config: Config): string {
  return `/${accountName(config)}/userLists`;
}

function listPath(config: Config, id: string): string {
  return `${listsPath(config)}/${encodeURIComponent(id)}`;
}

function step(answer: Reading): Step<Readonly<Record<string, unknown>>> {
  if (answer.kind !== 'items') return answer;
  return { kind: 'outcome', outcome: itemsRefused(answer.items[0]?.message ?? 'no reason') };
}

function itemsRefused(message: string): BatchOutcome {
  return refused('google-invalid-argument', message, 'Correct the settings of the destination.');
}

/** A name that cannot be changed stops nothing: the list is known by its id. */
async function renameList(
  api: GoogleApi,
  context: Context,
  list: { readonly id: string; readonly name: string },
): Promise<void> {
  const path = `${listPath(context.config, list.id)}?updateMask=displayName`;
  const answer = await api.call({ method: 'PATCH', path, body: { displayName: list.name } });
  if (answer.kind === 'value') context.logger.info('audience.renamed', { audience: list.id });
  else context.logger.warn('audience.not_renamed', { audience: list.id });
}

/** Names are unique among the lists that an account owns; lists that are shared with it are not ours to fill. */
export async function findList(api: GoogleApi, config: Config, name: string): Promise<Step<string | null>> {
  const filter = `display_name = "${name.replace(/[\\"]/g, '\\$&')}"`;
  let token = '';
  for (let page = 0; page < PAGES_MAX; page++) {
    const query = new URLSearchParams({ filter, pageSize: '1000', ...(token === '' ? {} : { pageToken: token }) });
    const answer = step(await api.call({ method: 'GET', path: `${listsPath(config)}?${query}` }));
    if (answer.kind === 'outcome') return answer;
    for (const item of readArray(answer.value['userLists'])) {
      const list = readObject(item);
      if (list === null || list['displayName'] !== name || !isOurs(list)) continue;
      return readFound(list, config);
    }
    token = readText(answer.value['nextPageToken']) ?? '';
    if (token === '') break;
  }
  return { kind: 'value', value: null };
}

function isOurs(list: Readonly<Record<string, unknown>>): boolean {
  return (list['accessReason'] === undefined || list['accessReason'] === 'OWNED') && list['readOnly'] !== true;
}

function readFound(list: Readonly<Record<string, unknown>>, config: Config): Step<string | null> {
  const id = idOf(list);
  const keys = readArray(readObject(list['ingestedUserListInfo'])?.['uploadKeyTypes']);
  const fix = 'Choose another name with `audience:`, or rename the list in Google Ads.';
  if (id === null) return outcome('audience-without-id', 'Google names the list without its id', 'Run the sync again.');
  if (!keys.includes(UPLOAD_KEYS[String(config['list_type'])])) {
    return outcome(
      'audience-of-another-type',
      `The list of that name is no Customer Match list of list_type ${String(config['list_type'])}`,
      fix,
    );
  }
  if (list['membershipStatus'] === 'CLOSED') {
    return outcome(
      'audience-closed',
      'The list of that name is closed: it takes no new members',
      'Open it in Google Ads, or choose another name with `audience:`.',
    );
  }
  return { kind: 'value', value: id };
}

function outcome(code: string, message: string, fix: string): Step<never> {
  return { kind: 'outcome', outcome: refused(code, message, fix) };
}

async function createList(api: GoogleApi, context: Context): Promise<Step<string>> {
  const body = renderList(context.config, wantedName(context));
  const answer = step(await api.call({ method: 'POST', path: listsPath(context.config), body }));
  if (answer.kind === 'outcome') return answer;
  const id = idOf(answer.value);
  if (id !== null) return { kind: 'value', value: id };
  return outcome(
    'audience-without-id',
    'Google answered the creation of the list without its id',
    'Run the sync again.',
  );
}

function idOf(list: Readonly<Record<string, unknown>>): string | null {
  const id = readText(list['id']) ?? readText(list['name'])?.split('/').at(-1) ?? '';
  return /^\d{1,20}$/.test(id) ? id : null;
}

/** `UserList` of a Customer Match list of our own data. Throws DinmoError `google-list-settings`. */
function renderList(config: Config, name: string): { readonly [name: string]: FieldValue } {
  const source = { dataSourceType: 'DATA_SOURCE_TYPE_FIRST_PARTY' };
  const days = Math.min(Number(config['membership_days'] ?? MEMBERSHIP_DAYS_MAX), MEMBERSHIP_DAYS_MAX);
  const type = String(config['list_type']);
  const info = (): { readonly [name: string]: FieldValue } => {
    if (type === 'user_id') return { userIdInfo: source };
    if (type !== 'mobile') return { contactIdInfo: source };
    const [appId, keySpace] = [config['app_id'], config['key_space']];
    if (typeof appId !== 'string' || typeof keySpace !== 'string') throw mobileSettings();
    return { mobileIdInfo: { ...source, appId, keySpace } };
  };
  return {
    displayName: name,
    membershipDuration: `${days * 86_400}s`,
    ingestedUserListInfo: { uploadKeyTypes: [UPLOAD_KEYS[type] ?? 'CONTACT_ID'], ...info() },
  };
}

function mobileSettings(): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'google-list-settings',
    message: 'Google: a list of mobile advertising ids needs to know the app',
    fix: 'Add app_id and key_space (IOS or ANDROID) under config.',
  });
}
