import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import { brazeError } from './braze-answer.ts';
import type { Profile, ProfileName, Profiles } from './profiles.ts';

/** Identifiers of one request (of one group, where there are groups). */
const IDENTIFIERS_MAX = 50;

const prioritization = z.array(z.enum(['identified', 'unidentified', 'most_recently_updated'])).min(1);
const deletion = z.strictObject({
  external_ids: z.array(z.string()).optional(),
  user_aliases: z.array(z.object({ alias_name: z.string(), alias_label: z.string() })).optional(),
  braze_ids: z.array(z.string()).optional(),
  email_addresses: z.array(z.object({ email: z.string(), prioritization })).optional(),
  phone_numbers: z.array(z.object({ phone: z.string(), prioritization })).optional(),
});

/** POST /users/delete: answers with how many profiles it queued. */
export function deleteProfiles(profiles: Profiles, request: SandboxRequest, context: RequestContext): Answer {
  const body = deletion.safeParse(readJson(request));
  if (!body.success) {
    context.violate('delete-shape', 'the body is not one list of identifiers');
    return brazeError(400, 'Bad syntax');
  }
  const { external_ids, user_aliases, braze_ids, email_addresses, phone_numbers } = body.data;
  const lists: readonly (readonly ProfileName[])[] = [
    (external_ids ?? []).map((value) => ({ kind: 'external_id', value })),
    (braze_ids ?? []).map((value) => ({ kind: 'braze_id', value })),
    (user_aliases ?? []).map((one) => ({ kind: 'user_alias', label: one.alias_label, value: one.alias_name })),
    (email_addresses ?? []).map((one) => ({ kind: 'email', value: one.email })),
    (phone_numbers ?? []).map((one) => ({ kind: 'phone', value: one.phone })),
  ];
  const stated = lists.filter((list) => list.length > 0);
  const names = stated[0] ?? [];
  if (names.length === 0) return brazeError(400, 'No user identifiers were provided');
  if (stated.length > 1 || names.length > IDENTIFIERS_MAX) {
    context.violate(stated.length > 1 ? 'several-kinds' : 'too-many-rows', 'more than one request takes');
    return brazeError(400, 'The max number of ids per request was exceeded', { rows: names.length });
  }
  if (names.some(({ value }) => context.poison([value]) !== null))
    return brazeError(400, 'Bad Request', { rows: names.length });
  let deleted = 0;
  for (const name of names) {
    const profile = profiles.find(name);
    if (profile === null) continue;
    profiles.delete(profile);
    deleted += 1;
  }
  return jsonAnswer(200, { deleted }, { rows: names.length });
}

const GROUP_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const people = z.array(z.string()).min(1);
const subscriptions = z.object({
  subscription_groups: z
    .array(
      z.object({
        subscription_group_id: z.string(),
        subscription_state: z.enum(['subscribed', 'unsubscribed']),
        ...{ external_ids: people.optional(), emails: people.optional(), phones: people.optional() },
      }),
    )
    .min(1),
});

/** POST /v2/subscription/status/set: taken or refused as a whole. Whoever has no profile is passed over in silence. */
export function setSubscriptions(profiles: Profiles, request: SandboxRequest, context: RequestContext): Answer {
  const body = subscriptions.safeParse(readJson(request));
  if (!body.success) return brazeError(400, 'Invalid subscription_groups');
  const changes: { readonly group: string; readonly isMember: boolean; readonly found: readonly Profile[] }[] = [];
  let rows = 0;
  for (const one of body.data.subscription_groups) {
    const { external_ids = [], emails = [], phones = [] } = one;
    const count = external_ids.length + emails.length + phones.length;
    rows += count;
    const isBoth = emails.length > 0 && phones.length > 0;
    if (isBoth || count > IDENTIFIERS_MAX) {
      context.violate(isBoth ? 'emails-and-phones' : 'too-many-rows', 'more than one group of a request takes');
      return brazeError(400, 'The max number of ids per request was exceeded', { rows });
    }
    const isPhone = phones.every((phone) => /^\+\d{6,15}$/.test(phone));
    if (!GROUP_ID.test(one.subscription_group_id) || !isPhone) {
      context.violate(isPhone ? 'group-id' : 'phone-format', 'not an id of a group, or not a phone in E.164');
      return brazeError(400, 'Subscription group could not be updated', { rows });
    }
    if ([...external_ids, ...emails, ...phones].some((value) => context.poison([value]) !== null))
      return brazeError(400, 'Bad Request', { rows });
    const found = [
      ...external_ids.flatMap((value) => profiles.find({ kind: 'external_id', value }) ?? []),
      ...emails.flatMap((value) => profiles.sharing({ kind: 'email', value })),
      ...phones.flatMap((value) => profiles.sharing({ kind: 'phone', value })),
    ];
    changes.push({ group: one.subscription_group_id, isMember: one.subscription_state === 'subscribed', found });
  }
  for (const { group, isMember, found } of changes)
    for (const profile of found) profiles.subscribe(group, profile, isMember);
  return jsonAnswer(201, { message: 'success' }, { rows });
}
