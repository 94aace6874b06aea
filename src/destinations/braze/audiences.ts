import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { narrow } from '../answer.ts';
import type { Batch, BatchOutcome, FieldValue, Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { type BrazeApi, createApi, verifyKey } from './api.ts';
import { isAttributeName } from './attributes.ts';
import { eraseProfiles } from './deletion.ts';
import { IDENTIFIERS_MAX, isProfileField, objectsMax } from './facts.ts';
import {
  idFieldOf,
  personNormaliser,
  personValues,
  renderProfile,
  requireAliasLabel,
  withoutPerson,
} from './profile.ts';
import { paused, readTrack } from './response.ts';

const GROUP_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Which identifiers a subscription group takes. */
const GROUP_ARRAYS: Readonly<Record<string, string>> = {
  external_id: 'external_ids',
  email: 'emails',
  phone: 'phones',
};

export function createAudiences(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: personNormaliser,
    // 5,000 a minute are Braze’s, shared by both versions of the endpoint.
    limits: (config) =>
      isGroup(config)
        ? { rowsPerRequestMax: IDENTIFIERS_MAX, requestsPerSecondMax: null, requestsPerMinuteMax: 5_000 }
        : { rowsPerRequestMax: objectsMax(config) },
    validate: (row, _now, config) =>
      config === undefined || row.operation === 'delete' || personValues(row, config).length > 0
        ? null
        : withoutPerson(config),
    async open(context) {
      requireAliasLabel(context.config);
      const audience = context.audienceId ?? context.audienceName ?? context.activation;
      requireAudience(audience, context.config);
      return hideRowValues(createSession(createApi(context), context, audience));
    },
    erase: (context, people) =>
      eraseProfiles(
        context,
        people.flatMap((person) => personValues(person, context.config)),
      ),
    verify: (context) => verifyKey(context, isGroup(context.config) ? '/v2/subscription/status/set' : '/users/track'),
  };
}

function isGroup(config: ServiceContext['config']): boolean {
  return config['membership'] === 'subscription_group';
}

/** Throws DinmoError `not-a-subscription-group`, `profile-id-not-supported`, `attribute-name`. */
function requireAudience(audience: string, config: ServiceContext['config']): void {
  if (!isGroup(config)) {
    if (isAttributeName(audience) && !isProfileField(audience)) return;
    throw new DinmoError({
      kind: 'configuration',
      code: 'attribute-name',
      message: 'The audience’s name cannot be an attribute in Braze',
      fix: 'Choose a name of at most 255 characters that begins with neither $ nor _ and is no field of Braze’s own.',
    });
  }
  if (!GROUP_ID.test(audience)) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'not-a-subscription-group',
      message: 'The audience’s name is not the id of a subscription group',
      fix: 'Give the id (a UUID, from Audience, Subscriptions in Braze) with `audience:`.',
    });
  }
  if (GROUP_ARRAYS[idFieldOf(config)] !== undefined) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'profile-id-not-supported',
    message: `Subscription groups do not take ${idFieldOf(config)}`,
    fix: 'Set id_field to external_id, email or phone.',
  });
}

function createSession(api: BrazeApi, context: ServiceContext, audience: string): Session {
  const { config } = context;
  return {
    audienceId: audience,
    account: null,
    async send(batch, signal) {
      const people = new Map<string, number[]>();
      for (const row of batch.rows) {
        for (const value of personValues(row, config)) people.set(value, [...(people.get(value) ?? []), row.seq]);
      }
      const values = [...people.keys()];
      // A removal may carry nothing that the destination goes by: it never went there.
      if (values.length === 0) return { kind: 'accepted' };
      const most = isGroup(config) ? IDENTIFIERS_MAX : objectsMax(config);
      if (values.length > most) return tooMany(batch, values.length);
      const work = { api, config, audience, batch, signal };
      return isGroup(config) ? setSubscriptions(work, values) : setFlags(work, people);
    },
    finish: async () => {},
    abandon: async () => {},
  };
}

interface Work {
  readonly api: BrazeApi;
  readonly config: ServiceContext['config'];
  readonly audience: string;
  readonly batch: Batch;
  readonly signal: AbortSignal;
}

/** A member with two addresses is two objects. */
function tooMany(batch: Batch, count: number): BatchOutcome {
  const message = `${count} identifiers are more than one request takes`;
  if (batch.rows.length === 1) return narrow('too-many-identifiers', message);
  return { kind: 'too_large', code: 'too-many-identifiers', message };
}

/** True for members, false for who left; nobody gets a profile for having left. */
async function setFlags(work: Work, people: ReadonlyMap<string, readonly number[]>): Promise<BatchOutcome> {
  const { config, batch } = work;
  const isMember = batch.operation !== 'delete';
  const existingOnly = !isMember || config['update_existing_only'] === true;
  const attributes = [...people.keys()].map(
    (value): FieldValue => ({
      ...renderProfile(config, value, existingOnly),
      [work.audience]: isMember,
    }),
  );
  const answer = await work.api.post('/users/track', { attributes }, work.signal);
  if (answer.kind === 'outcome') return answer.outcome;
  const owners = [...people.values()];
  return readTrack(answer, { array: 'attributes', owners, rows: batch.rows, repeatable: true });
}

/** `/v2/subscription/status/set`: one group, one state, up to 50 people; taken or refused as a whole. */
async function setSubscriptions(work: Work, values: readonly string[]): Promise<BatchOutcome> {
  const { batch, config } = work;
  const group = {
    subscription_group_id: work.audience,
    subscription_state: batch.operation === 'delete' ? 'unsubscribed' : 'subscribed',
    [GROUP_ARRAYS[idFieldOf(config)] ?? 'external_ids']: values,
  };
  const answer = await work.api.post('/v2/subscription/status/set', { subscription_groups: [group] }, work.signal);
  if (answer.kind === 'outcome') return answer.outcome;
  if (!answer.isRefused && answer.errors.length + answer.unnamed === 0)
    return paused({ kind: 'accepted' }, answer.pauseMs);
  const message = answer.errors[0]?.message ?? 'Braze refused some of the people';
  return paused(narrow('refused-by-braze', message), answer.pauseMs);
}
