import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { Conversions } from './conversions.ts';
import { type IngestedEvent, readEvent } from './event-rules.ts';
import { googleError, invalidField } from './google-answer.ts';
import { addMember, type Lists, removeBefore, removeMember, type UserList } from './lists.ts';
import { consentShape, type Encoding, type ItemProblem, type Member, readMember } from './member-rules.ts';
import { gatherFailures, type RequestKind, type Requests } from './requests.ts';

export interface World {
  readonly lists: Lists;
  readonly conversions: Conversions;
  readonly requests: Requests;
}

const MEMBERS_MAX = 10_000;
const EVENTS_MAX = 2_000;
const EVENT_AGE_MS_MAX = 90 * 86_400_000;

const account = z.strictObject({
  accountType: z.enum(['GOOGLE_ADS', 'DISPLAY_VIDEO_ADVERTISER', 'DISPLAY_VIDEO_PARTNER']),
  accountId: z.string().regex(/^\d+$/),
});
const destination = z.strictObject({
  reference: z.string().optional(),
  operatingAccount: account,
  loginAccount: account.optional(),
  linkedAccount: account.optional(),
  productDestinationId: z.string().regex(/^\d+$/),
});
const shared = {
  destinations: z.array(destination).length(1),
  validateOnly: z.boolean().optional(),
};
const encoding = z.enum(['HEX', 'BASE64']);
const ingestShape = z.strictObject({
  ...shared,
  audienceMembers: z.array(z.unknown()),
  consent: consentShape.optional(),
  encoding,
  termsOfService: z.strictObject({ customerMatchTermsOfServiceStatus: z.enum(['ACCEPTED', 'REJECTED']) }).optional(),
});
const removeShape = z.strictObject({ ...shared, audienceMembers: z.array(z.unknown()), encoding });
const removeAllShape = z.strictObject({ ...shared, removeAsOfTime: z.iso.datetime({ offset: true }).optional() });
const eventsShape = z.strictObject({
  ...shared,
  events: z.array(z.unknown()),
  consent: consentShape.optional(),
  encoding,
});

interface Asked {
  readonly world: World;
  readonly request: SandboxRequest;
  readonly context: RequestContext;
}

/** `audienceMembers:ingest` and `:remove`: one bad member refuses the whole; what is taken is processed later. */
export function changeMembers(kind: 'ingest' | 'remove', asked: Asked): Answer {
  const { context, request, world } = asked;
  const body = (kind === 'ingest' ? ingestShape : removeShape).safeParse(readJson(request));
  if (!body.success) return malformed(asked, body.error);
  const { audienceMembers, destinations } = body.data;
  const rows = audienceMembers.length;
  if (kind === 'ingest' && !acceptsTerms(body.data)) {
    context.violate('terms', 'members without termsOfService');
    const said = { field: 'terms_of_service', reason: 'TERMS_AND_CONDITIONS_NOT_SIGNED', rows };
    return invalidField(context, { ...said, message: 'Required terms and conditions are not accepted.' });
  }
  const list = findList(world, destinations[0]);
  if (list === undefined) return noList(context, rows);
  const limit = tooMany(context, { rows, max: MEMBERS_MAX, reason: 'TOO_MANY_AUDIENCE_MEMBERS' });
  if (limit !== null) return limit;
  const members: { readonly member: Member; readonly isDenied: boolean }[] = [];
  const problems: (readonly [number, ItemProblem])[] = [];
  for (const [place, value] of audienceMembers.entries()) {
    const read = readMember(value, { encoding: body.data.encoding, keyType: list.keyType });
    if ('problem' in read) {
      context.violate('audience-member', read.problem.message);
      problems.push([place, read.problem]);
      continue;
    }
    const poison = context.poison(Object.values(read.member).flat());
    if (poison === 'refuse') return refuseAll(context, rows);
    if (poison === 'reject') problems.push([place, POISON]);
    members.push(read);
  }
  if (problems.length > 0) return refuseItems(context, { list: 'audience_members', problems, rows });
  if (body.data.validateOnly === true) return jsonAnswer(200, {}, { rows });
  const failed: (readonly [number, string])[] = [];
  for (const [place, { member, isDenied }] of members.entries()) {
    if (isDenied) failed.push([place, 'DENIED_CONSENT']);
    else if (context.unlucky()) failed.push([place, 'INVALID_FORMAT']);
    else if (kind === 'ingest') addMember(list, member, context.now);
    else removeMember(list, member);
  }
  return taken(asked, { kind, destination: destinations[0], rows, failed });
}

function acceptsTerms(body: object): boolean {
  const stated = z.object({ termsOfService: z.object({ customerMatchTermsOfServiceStatus: z.literal('ACCEPTED') }) });
  return stated.safeParse(body).success;
}

/** `audienceMembers:removeAll`: everybody, or whoever was last added before a time. */
export function removeEverybody(asked: Asked): Answer {
  const { context, request, world } = asked;
  const body = removeAllShape.safeParse(readJson(request));
  if (!body.success) return malformed(asked, body.error);
  const { destinations, removeAsOfTime, validateOnly } = body.data;
  const list = findList(world, destinations[0]);
  if (list === undefined) return noList(context, 0);
  const time = removeAsOfTime === undefined ? context.now + 1 : Date.parse(removeAsOfTime);
  if (removeAsOfTime !== undefined && time > context.now) {
    context.violate('remove-as-of-time', 'removeAsOfTime lies in the future');
    return invalidField(context, {
      field: 'remove_as_of_time',
      reason: 'INVALID_REMOVE_AS_OF_TIME',
      message: 'The time is in the future.',
    });
  }
  if (validateOnly === true) return jsonAnswer(200, {});
  removeBefore(list, time);
  return taken(asked, { kind: 'removeAll', destination: destinations[0], rows: 0, failed: [] });
}

/** `events:ingest`. */
export function takeEvents(asked: Asked): Answer {
  const { context, request, world } = asked;
  const body = eventsShape.safeParse(readJson(request));
  if (!body.success) return malformed(asked, body.error);
  const { destinations, events } = body.data;
  const rows = events.length;
  const limit = tooMany(context, { rows, max: EVENTS_MAX, reason: 'TOO_MANY_EVENTS' });
  if (limit !== null) return limit;
  const read = readEvents(events, { encoding: body.data.encoding, context });
  if (read === 'refused') return refuseAll(context, rows);
  if (read.problems.length > 0) return refuseItems(context, { list: 'events', problems: read.problems, rows });
  if (body.data.validateOnly === true) return jsonAnswer(200, {}, { rows });
  const failed: (readonly [number, string])[] = [];
  for (const [place, event] of read.events.entries()) {
    if (event.consent?.adUserData === 'CONSENT_DENIED') failed.push([place, 'DENIED_CONSENT']);
    else if (context.now - Date.parse(event.eventTimestamp) > EVENT_AGE_MS_MAX) failed.push([place, 'EVENT_TOO_OLD']);
    else if (context.unlucky()) failed.push([place, 'CLICK_NOT_FOUND']);
    else world.conversions.take(destinations[0]?.productDestinationId ?? '', event);
  }
  return taken(asked, { kind: 'events', destination: destinations[0], rows, failed });
}

const POISON: ItemProblem = { field: '', reason: 'INVALID_FORMAT', message: 'The item cannot be taken.' };

function readEvents(
  values: readonly unknown[],
  { encoding: how, context }: { readonly encoding: Encoding; readonly context: RequestContext },
):
  | 'refused'
  | { readonly events: readonly IngestedEvent[]; readonly problems: readonly (readonly [number, ItemProblem])[] } {
  const events: IngestedEvent[] = [];
  const problems: (readonly [number, ItemProblem])[] = [];
  for (const [place, value] of values.entries()) {
    const read = readEvent(value, { encoding: how, now: context.now });
    if ('problem' in read) {
      context.violate('event', read.problem.message);
      problems.push([place, read.problem]);
      continue;
    }
    const poison = context.poison([read.event.transactionId]);
    if (poison === 'refuse') return 'refused';
    if (poison === 'reject') problems.push([place, POISON]);
    events.push(read.event);
  }
  return { events, problems };
}

function findList(world: World, to: z.infer<typeof destination> | undefined): UserList | undefined {
  if (to === undefined) return undefined;
  const { accountType, accountId } = to.operatingAccount;
  return world.lists.find(`accountTypes/${accountType}/accounts/${accountId}`, to.productDestinationId);
}

function noList(context: RequestContext, rows: number): Answer {
  const field = 'destinations[0].product_destination_id';
  return googleError(context, {
    ...{
      status: 'INVALID_ARGUMENT',
      message: 'There was a problem with the request.',
      reason: 'INVALID_USER_LIST_ID',
      rows,
    },
    violations: [{ field, description: 'User list is not valid.', reason: 'INVALID_USER_LIST_ID' }],
  });
}

function tooMany(
  context: RequestContext,
  { rows, max, reason }: { readonly rows: number; readonly max: number; readonly reason: string },
): Answer | null {
  if (rows > 0 && rows <= max) return null;
  context.violate(rows === 0 ? 'empty-request' : 'too-many-rows', `${rows} items in one request`);
  return googleError(context, { status: 'INVALID_ARGUMENT', message: `1 to ${max} items are allowed.`, reason, rows });
}

/** As the API answers a request with a name that it does not know. */
function malformed({ context }: Asked, error: z.ZodError): Answer {
  const issue = error.issues[0];
  context.violate('request-shape', `${issue?.path.join('.') ?? ''} ${issue?.code ?? ''}`.trim());
  const message = 'Invalid JSON payload received.';
  return googleError(context, {
    status: 'INVALID_ARGUMENT',
    message,
    violations: [{ field: issue?.path.join('.') ?? '', description: message }],
  });
}

function refuseAll(context: RequestContext, rows: number): Answer {
  const message = 'There was a problem with the request.';
  return googleError(context, { status: 'INVALID_ARGUMENT', message, reason: 'INVALID_ARGUMENT', rows });
}

/** Only some of the bad items may be named. */
const NAMED_MAX = 50;

function refuseItems(
  context: RequestContext,
  given: {
    readonly list: string;
    readonly problems: readonly (readonly [number, ItemProblem])[];
    readonly rows: number;
  },
): Answer {
  const violations = given.problems.slice(0, NAMED_MAX).map(([place, { field, reason, message }]) => ({
    field: `${given.list}[${place}]${field}`,
    description: message,
    reason,
  }));
  const { rows } = given;
  return googleError(context, {
    status: 'INVALID_ARGUMENT',
    message: 'There was a problem with the request.',
    reason: 'INVALID_ARGUMENT',
    violations,
    rows,
  });
}

function taken(
  { context, world }: Asked,
  given: {
    readonly kind: RequestKind;
    readonly destination: unknown;
    readonly rows: number;
    readonly failed: readonly (readonly [number, string])[];
  },
): Answer {
  const { destination: to, failed, kind, rows } = given;
  const failures = gatherFailures(failed);
  const requestId = world.requests.take(context, { kind, destination: to, count: rows, failures });
  return jsonAnswer(200, { requestId }, { rows, rejected: failed.length });
}
