import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { notAnAcknowledgement, readArray, readText } from '../answer.ts';
import { readEmail } from '../contact-point.ts';
import type {
  Batch,
  BatchOutcome,
  Normaliser,
  OutgoingRow,
  Receipt,
  SentIdentifier,
  Service,
  ServiceContext,
  Session,
} from '../destination.ts';
import { createNormaliser } from '../identifier-rules.ts';
import { oneByOne, type RowEnd } from '../one-by-one.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type ZendeskApi } from './api.ts';
import { eraseUsers } from './erase.ts';
import { tagBatchesPerMinute } from './facts.ts';
import { readRecord } from './jobs.ts';
import type { Reading } from './response.ts';
import { findByEmail } from './users.ts';
import { verifyAccount } from './verify.ts';

/** E-mail addresses as Zendesk keeps them: trimmed, lower case, not hashed. */
const normaliser: Normaliser = createNormaliser(1, { email: readEmail });

export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser,
    limits: (config) => ({ requestsPerMinuteMax: tagBatchesPerMinute(Number(config['requests_per_minute'] ?? 180)) }),
    validate: null,
    async open(context) {
      const tag = context.audienceId ?? tagOf(context.audienceName ?? context.activation);
      const mayCreate = context.config['create_users'] !== false;
      return hideRowValues(createSession({ clock: context.clock, api: createApi(context), tag, mayCreate }));
    },
    erase: (context, people) =>
      eraseUsers(
        context,
        people.flatMap(({ identifiers }) => identifiers.map(({ value, recordId }) => ({ key: value, recordId }))),
        'email',
      ),
    verify: verifyAccount,
  };
}

/** The tag that a name becomes: lower case, without spaces and punctuation, which Zendesk would drop or split at. Throws DinmoError. */
export function tagOf(name: string): string {
  const tag = name
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_/:.-]+/gu, '_')
    .replaceAll(/^_+|_+$/g, '');
  if (tag !== '' && tag.length <= 255) return tag;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-audience-name',
    message: 'The audience’s name gives no tag of Zendesk: it has no letter or digit, or more than 255 characters',
    fix: 'Give it another name with `audience:`.',
  });
}

interface Tagging {
  readonly clock: ServiceContext['clock'];
  readonly api: ZendeskApi;
  readonly tag: string;
  readonly mayCreate: boolean;
}

function createSession(tagging: Tagging): Session {
  return {
    audienceId: tagging.tag,
    account: null,
    send: async (batch, signal) => tagging.api.withPause(await sendMembers(tagging, batch, signal)),
    finish: async () => {},
    abandon: async () => {},
  };
}

type Tagged =
  | { readonly kind: 'done'; readonly recordId: string | null }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/**
 * Member after member: an update of a user replaces all of its tags, so that only the tags' own endpoints leave those of others
 * alone. A member may be sent again; who was tagged already is not, where a later one fails: a user takes five updates a minute.
 */
function sendMembers(tagging: Tagging, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const steps = { clock: tagging.clock, signal, spacingMs: 0, repeatable: true };
  return oneByOne(batch.rows, steps, (row) => sendMember(tagging, { row, operation: batch.operation, signal }));
}

async function sendMember(
  tagging: Tagging,
  {
    row,
    operation,
    signal,
  }: { readonly row: OutgoingRow; readonly operation: Batch['operation']; readonly signal: AbortSignal },
): Promise<RowEnd> {
  const change = operation === 'delete' ? untag : tagOne;
  const recordIds: Record<string, string> = {};
  let refusal: Receipt | null = null;
  for (const identifier of row.identifiers.filter(({ kind }) => kind === 'email')) {
    const tagged = await change(tagging, identifier, signal);
    if (tagged.kind === 'done') {
      if (tagged.recordId !== null) recordIds[`email:${identifier.value}`] = tagged.recordId;
    } else if (tagged.outcome.kind !== 'narrow') return tagged;
    else refusal = { seq: row.seq, status: 'rejected', code: tagged.outcome.code, message: tagged.outcome.message };
  }
  const receipt: Receipt = refusal ?? { seq: row.seq, status: 'accepted', identifierRecordIds: recordIds };
  return { kind: 'receipt', receipt, pauseMs: null };
}

/** A user that is gone since is looked for again, once. */
async function tagOne(tagging: Tagging, identifier: SentIdentifier, signal: AbortSignal): Promise<Tagged> {
  if (identifier.recordId !== null) {
    const tagged = await changeTag(tagging, { method: 'PUT', id: identifier.recordId }, signal);
    if (tagged.status !== 404) return settled(tagged, identifier.recordId, tagging.tag);
  }
  const user = await findOrCreate(tagging, identifier.value, signal);
  if (user.kind === 'outcome') return user;
  return settled(await changeTag(tagging, { method: 'PUT', id: user.id }, signal), user.id, tagging.tag);
}

/** Users that are not there have no tag. */
async function untag(tagging: Tagging, identifier: SentIdentifier, signal: AbortSignal): Promise<Tagged> {
  let id = identifier.recordId;
  if (id === null) {
    const found = await findByEmail(tagging.api, identifier.value, signal);
    if (found.kind === 'outcome') return found;
    id = found.record?.id ?? null;
  }
  if (id === null) return { kind: 'done', recordId: null };
  const untagged = await changeTag(tagging, { method: 'DELETE', id }, signal);
  if (untagged.kind === 'outcome') return untagged.status === 404 ? { kind: 'done', recordId: null } : untagged;
  // The answer lists what tags are left; 204 lists nothing.
  const { tags } = untagged.value;
  const isGone = untagged.status === 204 || (Array.isArray(tags) && !hasTag(tags, tagging.tag));
  if (isGone) return { kind: 'done', recordId: null };
  return {
    kind: 'outcome',
    outcome: notAnAcknowledgement('Zendesk answered 2xx without saying that the user has lost the tag'),
  };
}

/** `PUT` adds to a user's tags, `DELETE` takes from them: `/users/{id}/tags`. */
async function changeTag(
  { api, tag }: Tagging,
  { method, id }: { readonly method: 'PUT' | 'DELETE'; readonly id: string },
  signal: AbortSignal,
): Promise<Reading> {
  return await api.call({ method, path: `/users/${encodeURIComponent(id)}/tags`, body: { tags: [tag] }, signal });
}

function hasTag(tags: unknown, tag: string): boolean {
  return readArray(tags).some((item) => readText(item)?.toLowerCase() === tag.toLowerCase());
}

/** The answer lists the user's tags: where ours is not among them, tagging of users is switched off. */
function settled(answer: Reading, recordId: string, tag: string): Tagged {
  if (answer.kind === 'outcome') return answer;
  const { tags } = answer.value;
  if (!Array.isArray(tags))
    return { kind: 'outcome', outcome: notAnAcknowledgement('Zendesk answered 2xx without the tags of the user') };
  if (hasTag(tags, tag)) return { kind: 'done', recordId };
  return {
    kind: 'outcome',
    outcome: {
      kind: 'refused',
      code: 'tags-not-enabled',
      message: 'Zendesk did not keep the tag of the user',
      fix: 'Switch on tags of users and organizations in the Admin Center (People, Configuration, End users).',
    },
  };
}

/**
 * `POST /users/create_or_update` by e-mail address. Without a name it finds users and changes nothing; one that is not there
 * needs a name, which an existing user must not be given.
 */
async function findOrCreate(
  { api, mayCreate }: Tagging,
  email: string,
  signal: AbortSignal,
): Promise<
  { readonly kind: 'user'; readonly id: string } | { readonly kind: 'outcome'; readonly outcome: BatchOutcome }
> {
  if (!mayCreate) {
    const found = await findByEmail(api, email, signal);
    if (found.kind === 'outcome') return found;
    if (found.record !== null) return { kind: 'user', id: found.record.id };
    const outcome: BatchOutcome = {
      kind: 'narrow',
      code: 'user-not-found',
      message: 'Zendesk has no user of that address',
    };
    return { kind: 'outcome', outcome };
  }
  const user = { email, skip_verify_email: true };
  const path = '/users/create_or_update';
  const first = await api.call({ method: 'POST', path, body: { user }, signal });
  const needsName =
    first.kind === 'outcome' &&
    first.status === 422 &&
    'message' in first.outcome &&
    /\bname\b/i.test(first.outcome.message);
  const name = email.slice(0, email.lastIndexOf('@'));
  const answer = needsName
    ? await api.call({ method: 'POST', path, body: { user: { ...user, name } }, signal })
    : first;
  if (answer.kind === 'outcome') return answer;
  const record = readRecord(answer.value['user']);
  if (record !== null) return { kind: 'user', id: record.id };
  return { kind: 'outcome', outcome: notAnAcknowledgement('Zendesk answered 2xx without the user') };
}
