import { DinmoError } from '../../errors.ts';
import { notAnAcknowledgement, readObject, readText, refused } from '../answer.ts';
import type { ServiceContext } from '../destination.ts';
import { type Step, untilSettled } from '../opening.ts';
import type { MetaApi } from './api.ts';

/** Pages of an account's audiences that are read at most: 100 of 500. */
const PAGES_MAX = 100;

type Context = Pick<
  ServiceContext,
  'config' | 'audienceId' | 'audienceName' | 'audienceNameBefore' | 'activation' | 'clock' | 'logger'
>;

/** In the description of an audience: it was made here, and nobody else's members are lost when it is replaced. */
export const MADE_HERE = 'Made by dbt-dinmo';

/** What the activation asks of its audience. */
export interface AudienceWishes {
  /** Members have values: the audience has to be value-based, which it is made as, for life. */
  readonly valued: boolean;
  /** Its members are replaced, so that it has to be one that was made here. */
  readonly replaced: boolean;
}

/**
 * The id of the audience: the recorded one, whatever its name is by now; else the one custom audience of that name; else a
 * new one. Renames a recorded one whose wanted name has changed. Throws DinmoError when the account or audience is out of
 * reach, or is not what the activation needs (`audience-not-value-based`, `audience-not-made-here`).
 */
export async function openAudience(api: MetaApi, context: Context, wishes: AudienceWishes): Promise<string> {
  const name = context.audienceName ?? context.activation;
  if (context.audienceId !== null) {
    const id = context.audienceId;
    const before = context.audienceNameBefore;
    if (before !== null && before !== name) await renameAudience(api, context, { id, name });
    await requireFit(api, context, { id, wishes });
    return id;
  }
  let made = false;
  const id = await untilSettled(context, 'Finding or creating the audience', async () => {
    const found = await findAudience(api, context, name);
    if (found.kind === 'outcome') return found;
    if (found.value !== null) return { kind: 'value', value: found.value };
    made = true;
    return createAudience(api, context, { name, valued: wishes.valued });
  });
  if (!made) await requireFit(api, context, { id, wishes });
  return id;
}

/** Looks at the audience, where the activation needs one of a special kind. */
async function requireFit(
  api: MetaApi,
  context: Context,
  { id, wishes }: { readonly id: string; readonly wishes: AudienceWishes },
): Promise<void> {
  if (!wishes.valued && !wishes.replaced) return;
  const path = `/${encodeURIComponent(id)}?fields=description,is_value_based`;
  const audience = await untilSettled(context, 'Reading the audience', () => api.call({ method: 'GET', path }));
  if (wishes.valued && audience['is_value_based'] !== true)
    throw new DinmoError({
      kind: 'configuration',
      code: 'audience-not-value-based',
      message: 'The audience was made without values, and Meta cannot change that: `value` is mapped',
      fix: 'Make a new activation with another `audience:`, or take `value` out of the mapping.',
    });
  if (wishes.replaced && !(readText(audience['description']) ?? '').includes(MADE_HERE))
    throw new DinmoError({
      kind: 'configuration',
      code: 'audience-not-made-here',
      message: 'replace: session removes whoever is not in the segment, and the audience was not made here',
      fix: `Leave out replace, choose a new \`audience:\`, or write “${MADE_HERE}” into its description in Ads Manager.`,
    });
}

/**
 * Deletes the audience (`DELETE /<audience>`, Marketing API v26.0), with the ad sets' use of it. One that is gone already is
 * fine: Meta says the same of one that is out of reach, so the account has to be readable then. Throws DinmoError.
 */
export async function deleteAudience(
  api: MetaApi,
  context: Pick<ServiceContext, 'config' | 'clock' | 'logger'>,
  audienceId: string,
): Promise<void> {
  await untilSettled(context, 'Deleting the audience', async () => {
    const answer = await api.call({ method: 'DELETE', path: `/${encodeURIComponent(audienceId)}` });
    if (answer.kind === 'value' && answer.value['success'] === false) {
      return { kind: 'outcome', outcome: notAnAcknowledgement('Meta answered that it did not delete the audience') };
    }
    if (answer.kind === 'value' || !('code' in answer.outcome) || answer.outcome.code !== 'meta-100-33') return answer;
    return api.call({ method: 'GET', path: `${accountPath(context.config)}/customaudiences?fields=id&limit=1` });
  });
}

/** Digits of an ad account, however they are written. */
export function accountPath(config: ServiceContext['config']): string {
  return `/act_${encodeURIComponent(String(config['ad_account_id']).trim().replace(/^act_/, '').toWellFormed())}`;
}

/** A name that cannot be changed stops nothing: the audience is known by its id. */
async function renameAudience(
  api: MetaApi,
  context: Context,
  audience: { readonly id: string; readonly name: string },
): Promise<void> {
  const body = JSON.stringify({ name: audience.name });
  const answer = await api.call({ method: 'POST', path: `/${encodeURIComponent(audience.id)}`, body });
  if (answer.kind === 'value') context.logger.info('audience.renamed', { audience: audience.id });
  else context.logger.warn('audience.not_renamed', { audience: audience.id });
}

async function findAudience(api: MetaApi, context: Context, name: string): Promise<Step<string | null>> {
  const ids: string[] = [];
  let after: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const cursor: string = after === null ? '' : `&after=${encodeURIComponent(after)}`;
    const path = `${accountPath(context.config)}/customaudiences?fields=id,name,subtype&limit=500${cursor}`;
    const answer = await api.call({ method: 'GET', path });
    // An account whose audiences cannot be listed may still take a new one; whatever is wrong with it shows there.
    if (answer.kind === 'outcome') return answer.outcome.kind === 'narrow' ? { kind: 'value', value: null } : answer;
    if (!Array.isArray(answer.value['data'])) {
      // Taken for an empty page, it would make a second audience of the name.
      return { kind: 'outcome', outcome: notAnAcknowledgement('Meta answered without the account’s audiences') };
    }
    for (const item of answer.value['data']) {
      const audience = readObject(item);
      const isCustom = audience?.['subtype'] === undefined || audience['subtype'] === 'CUSTOM';
      const id = readText(audience?.['id']);
      if (id !== null && audience?.['name'] === name && isCustom) ids.push(id);
    }
    after = nextCursor(readObject(answer.value['paging']));
    if (after === null) break;
  }
  if (ids.length <= 1) return { kind: 'value', value: ids[0] ?? null };
  const message = `The ad account has ${ids.length} custom audiences of the name that is wanted`;
  const fix = 'Rename all but one of them in Ads Manager, or choose another name with `audience:`.';
  return { kind: 'outcome', outcome: refused('audience-ambiguous', message, fix) };
}

/** Where the next page begins; null after the last one. The address of the next page is never asked as it stands: it may be anywhere. */
function nextCursor(paging: Readonly<Record<string, unknown>> | null): string | null {
  const next = readText(paging?.['next']);
  if (next === null) return null;
  const after = readText(readObject(paging?.['cursors'])?.['after']);
  return after ?? (URL.canParse(next) ? new URL(next).searchParams.get('after') : null);
}

async function createAudience(
  api: MetaApi,
  context: Context,
  { name, valued }: { readonly name: string; readonly valued: boolean },
): Promise<Step<string>> {
  const answer = await api.call({
    method: 'POST',
    path: `${accountPath(context.config)}/customaudiences`,
    body: JSON.stringify({
      ...{ name, subtype: 'CUSTOM', description: MADE_HERE, customer_file_source: 'USER_PROVIDED_ONLY' },
      ...(valued ? { is_value_based: true } : {}),
    }),
  });
  if (answer.kind === 'outcome') return answer;
  const id = readText(answer.value['id']);
  if (id !== null) return { kind: 'value', value: id };
  const message = 'Meta answered the creation of the audience without its id';
  return { kind: 'outcome', outcome: refused('audience-without-id', message, 'Run the sync again.') };
}
