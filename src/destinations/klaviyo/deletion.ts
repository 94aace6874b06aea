import type { ErasedPerson, ServiceContext } from '../destination.ts';
import { renderJson } from '../json.ts';
import { untilSettled } from '../opening.ts';
import { createApi, type KlaviyoApi } from './api.ts';
import { findProfiles } from './lookup.ts';
import { type Refusal, withoutWord } from './response.ts';

/** Between two orders: 3 a second and 60 a minute are allowed. */
export const DELETION_SPACING_MS = 1_000;

/** `POST /api/data-privacy-deletion-jobs`: taken now, carried out later, for good. null: taken, or there is no such profile. */
export async function requestDeletion(
  api: KlaviyoApi,
  { id }: { readonly id: string | null },
  signal?: AbortSignal,
): Promise<Refusal | null> {
  const profile = { data: { type: 'profile', id, attributes: {} } };
  const body = renderJson({ data: { type: 'data-privacy-deletion-job', attributes: { profile } } });
  const answer = await api.call({
    method: 'POST',
    path: 'data-privacy-deletion-jobs',
    body,
    ...(signal === undefined ? {} : { signal }),
  });
  if (answer.kind === 'outcome') return answer.status === 404 ? null : answer;
  return answer.status === 202 || answer.status === 204
    ? null
    : withoutWord(answer.status, 'that it deletes the profile');
}

/**
 * Orders the deletion of profiles, for `forget` (scope `data-privacy:write`): by their ids, which are looked up by `attribute` where
 * they are not known. https://developers.klaviyo.com/en/reference/data_privacy_api_overview. Throws DinmoError.
 */
export async function eraseProfiles(
  context: ServiceContext,
  profiles: readonly Pick<ErasedPerson, 'key' | 'recordId'>[],
  attribute: string,
): Promise<{ readonly kind: 'erased' | 'asked'; readonly detail: string | null }> {
  const api = createApi(context);
  const { clock } = context;
  const ids = new Set(profiles.flatMap(({ recordId }) => recordId ?? []));
  const unknown = profiles.filter(({ recordId }) => recordId === null).map(({ key }) => key);
  await untilSettled(context, 'Looking a profile up', async () => {
    const lookup = { api, clock, attribute, signal: new AbortController().signal };
    const found = await findProfiles(lookup, unknown);
    if (found.kind === 'outcome') return found;
    for (const { id } of found.profiles.values()) ids.add(id);
    return { kind: 'value', value: null };
  });
  for (const [index, id] of [...ids].entries()) {
    if (index > 0) await clock.sleep(DELETION_SPACING_MS);
    await untilSettled(context, 'Erasing a profile', async () => {
      const refusal = await requestDeletion(api, { id });
      return refusal === null ? { kind: 'value', value: null } : refusal;
    });
  }
  // Nobody has such a profile any more.
  if (ids.size === 0) return { kind: 'erased', detail: null };
  return { kind: 'asked', detail: 'Klaviyo has taken the order to delete the profile, and carries it out later.' };
}
