import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';
import type { Jobs } from './jobs.ts';
import { type Records, type RecordType, renderRecord, type ZendeskRecord } from './records.ts';
import { findRecord, type Write, writeRecord } from './writes.ts';
import { notFound, recordInvalid, throttled, zendeskError } from './zendesk-answer.ts';

const MANY_MAX = 100;
/** Updates of one user or organization in a minute. https://developer.zendesk.com/api-reference/introduction/rate-limits/ */
const UPDATES = { requestsMax: 5, windowMs: 60_000 };

/** One account, and the request that it is asked. */
export interface Desk {
  readonly records: Records;
  readonly jobs: Jobs;
  readonly updates: Map<number, RollingWindow>;
  /** Keys of custom fields that exist; null: any does. */
  readonly customFields: ReadonlySet<string> | null;
}

/** Everything under `/api/v2`. `parts` is the rest of the path. */
export function route(desk: Desk, parts: readonly string[], request: SandboxRequest, context: RequestContext): Answer {
  const [area = '', second = '', third, ...rest] = parts;
  const { method } = request;
  if (area === 'job_statuses' && method === 'GET' && third === undefined) return jobStatus(desk, second, context);
  if (/^(user|organization)_fields$/.test(area) && method === 'GET' && second === '') return listFields(desk, area);
  if (area === 'deleted_users' && third === undefined) return ofDeleted(desk, second, request, context);
  if ((area !== 'users' && area !== 'organizations') || rest.length > 2) return unknownRequest(request, context);
  const write: Write = { records: desk.records, type: area, context };
  const verb = `${method} ${third === undefined ? second.replace(/^\d+$/, ':id') : `:id/${third}`}`;
  switch (verb) {
    case 'GET me':
      return jsonAnswer(200, { user: { id: 1, role: 'admin', email: 'agent@shop.example' } });
    case 'GET search':
      return jsonAnswer(200, { [area]: search(desk.records, area, request).map(renderRecord) });
    case 'GET show_many':
      return showMany(write, request);
    case 'POST create_or_update':
      return createOrUpdate(desk, write, request);
    case 'POST create_or_update_many':
      return area === 'users' ? upsertMany(desk, write, request) : unknownRequest(request, context);
    case 'DELETE destroy_many':
      return destroyMany(desk, write, request);
    default:
      return ofOne(desk, write, { request, id: second, verb, rest });
  }
}

function jobStatus({ jobs }: Desk, id: string, context: RequestContext): Answer {
  const status = jobs.status(id, context.now);
  return status === null ? notFound() : jsonAnswer(200, { job_status: status });
}

function listFields({ customFields }: Desk, area: string): Answer {
  const fields = [...(customFields ?? [])].map((key, index) => ({ id: index + 1, key, type: 'text' }));
  return jsonAnswer(200, { [area]: fields, meta: { has_more: false } });
}

function unknownRequest(request: SandboxRequest, context: RequestContext): Answer {
  context.violate('unknown-request', `${request.method} is nothing that this path of API v2 has`);
  return zendeskError(404, 'InvalidEndpoint', 'Not found');
}

/** By address (users), or by one external id, whatever it holds. */
function search(records: Records, type: RecordType, request: SandboxRequest): readonly ZendeskRecord[] {
  const externalId = request.query.get('external_id');
  if (externalId !== null) return [records.byExternalId(type, externalId)].flatMap((one) => one ?? []);
  const email = /email:"?([^"\s]+)"?/.exec(request.query.get('query') ?? '')?.[1];
  const found = email === undefined ? undefined : records.byEmail(email);
  return found === undefined ? [] : [found];
}

function showMany({ records, type }: Write, request: SandboxRequest): Answer {
  const ids = listed(request, 'ids').flatMap((id) => records.get(type, id) ?? []);
  const externalIds = listed(request, 'external_ids').flatMap((id) => records.byExternalId(type, id) ?? []);
  return jsonAnswer(200, { [type]: [...ids, ...externalIds].map(renderRecord) });
}

function listed(request: SandboxRequest, name: string): readonly string[] {
  return (request.query.get(name) ?? '').split(',').filter((part) => part !== '');
}

const NAMES: Readonly<Record<RecordType, string>> = { users: 'user', organizations: 'organization' };

function bodyOf(write: Write, request: SandboxRequest): Readonly<Record<string, unknown>> | null {
  const body = z.record(z.string(), z.unknown()).safeParse(readJson(request));
  const one = z.record(z.string(), z.unknown()).safeParse(body.data?.[NAMES[write.type]]);
  if (!one.success) write.context.violate('body-shape', `the body has no object ${NAMES[write.type]}`);
  return one.success ? one.data : null;
}

/** Five updates of one record a minute; one that changes nothing counts for none. */
function isUpdatedTooOften(desk: Desk, record: ZendeskRecord, now: number): boolean {
  const window = desk.updates.get(record.id) ?? new RollingWindow();
  desk.updates.set(record.id, window);
  return window.used(UPDATES, now) >= UPDATES.requestsMax;
}

function tooOften(record: ZendeskRecord): Answer {
  const email = record.identities[0]?.value ?? '';
  return throttled(27, `You have exceeded the rate limit for updating a single unique user. user email: ${email}`);
}

function createOrUpdate(desk: Desk, write: Write, request: SandboxRequest): Answer {
  const body = bodyOf(write, request);
  if (body === null) return zendeskError(400, 'InvalidValue', 'The body is not valid');
  const found = findRecord(write, body);
  if (found !== undefined && isUpdatedTooOften(desk, found, write.context.now)) return tooOften(found);
  const written = writeRecord(write, body);
  if (written.kind === 'problem') return recordInvalid(written.problem);
  if (found !== undefined && written.changed) desk.updates.get(found.id)?.take(UPDATES, write.context.now);
  const one = { [NAMES[write.type]]: renderRecord(written.record) };
  return jsonAnswer(written.created ? 201 : 200, one, { rows: 1 });
}

function upsertMany(desk: Desk, write: Write, request: SandboxRequest): Answer {
  const { context } = write;
  const body = z.object({ users: z.array(z.record(z.string(), z.unknown())) }).safeParse(readJson(request));
  if (!body.success) {
    context.violate('body-shape', 'the body has no list of users');
    return zendeskError(400, 'InvalidValue', 'The body is not valid');
  }
  const { users } = body.data;
  const rows = users.length;
  if (rows === 0 || rows > MANY_MAX) {
    context.violate('too-many-rows', `1 to ${MANY_MAX} users are taken, not ${rows}`);
    return zendeskError(422, 'TooManyValues', `Accepts up to ${MANY_MAX} users`, { rows });
  }
  if (users.some((user) => user['skip_verify_email'] !== true && user['email'] !== undefined))
    context.violate('mail-to-users', 'users would get a mail to verify their address');
  if (users.some((user) => context.poison([String(user['email']), String(user['external_id'])]) === 'refuse'))
    return zendeskError(422, 'RecordInvalid', 'One of the users is not valid', { rows });
  if (desk.jobs.isFull(context.now)) return tooManyJobs(context);
  const results = users.map((user, index) => {
    const problem = { error: 'InvalidValue', field: 'base', description: 'Try another value' };
    const written = context.unlucky() ? ({ kind: 'problem', problem } as const) : writeRecord(write, user);
    // The id of a failed one is its index.
    if (written.kind === 'problem')
      return { id: index, error: 'UserUpdateError', details: written.problem.description, status: 'Failed' };
    const email = written.record.identities.find(({ primary }) => primary)?.value ?? null;
    return { id: written.record.id, status: written.created ? 'Created' : 'Updated', email };
  });
  const rejected = results.filter((result) => result.status === 'Failed').length;
  const job = desk.jobs.queue('Bulk User Create Or Update', results, context);
  return jsonAnswer(200, { job_status: job }, { rows, rejected });
}

function tooManyJobs(context: RequestContext): Answer {
  return throttled(context.retryAfterSeconds, 'Too many jobs are queued or running for this account');
}

function destroyMany(desk: Desk, write: Write, request: SandboxRequest): Answer {
  const { records, type, context } = write;
  const ids = listed(request, 'ids');
  const rows = ids.length;
  if (rows === 0 || rows > MANY_MAX) {
    context.violate('too-many-rows', `1 to ${MANY_MAX} ids are taken, not ${rows}`);
    return zendeskError(400, 'InvalidValue', 'ids are missing, or too many');
  }
  if (desk.jobs.isFull(context.now)) return tooManyJobs(context);
  const results = ids.map((id) => {
    const record = records.get(type, id);
    if (record === undefined)
      return { id: Number(id), error: `${NAMES[type]}NotFound`, success: false, status: 'Failed' };
    records.remove(record);
    return { id: record.id, action: 'delete', status: 'Deleted', success: true };
  });
  return jsonAnswer(200, { job_status: desk.jobs.queue('Bulk Delete', results, context) }, { rows });
}

/** `GET` and `DELETE /deleted_users/{id}`: of users who were deleted before, whatever was kept of them. */
function ofDeleted({ records }: Desk, id: string, request: SandboxRequest, context: RequestContext): Answer {
  if (request.method !== 'GET' && request.method !== 'DELETE') return unknownRequest(request, context);
  if (records.get('users', id) !== undefined) {
    context.violate('erase-before-delete', 'a user has to be deleted first');
    return notFound();
  }
  const isThere = request.method === 'GET' ? records.isDeleted(Number(id)) : records.erase(Number(id));
  return isThere ? jsonAnswer(200, { deleted_user: { id: Number(id), active: false } }, { rows: 1 }) : notFound();
}

interface Asked {
  readonly request: SandboxRequest;
  readonly id: string;
  readonly verb: string;
  /** What follows `identities`. */
  readonly rest: readonly string[];
}

/** What is done to one record that its id names. */
function ofOne(desk: Desk, write: Write, asked: Asked): Answer {
  const { records, type, context } = write;
  const { request, verb } = asked;
  const record = records.get(type, asked.id);
  if (record === undefined) return notFound();
  switch (verb) {
    case 'PUT :id': {
      if (isUpdatedTooOften(desk, record, context.now)) return tooOften(record);
      const written = writeRecord(write, { ...bodyOf(write, request), id: record.id });
      desk.updates.get(record.id)?.take(UPDATES, context.now);
      if (written.kind === 'problem') return recordInvalid(written.problem);
      return jsonAnswer(200, { [NAMES[type]]: renderRecord(record) }, { rows: 1 });
    }
    case 'DELETE :id':
      records.remove(record);
      return type === 'organizations'
        ? jsonAnswer(204, undefined, { rows: 1 })
        : jsonAnswer(200, { user: renderRecord(record) }, { rows: 1 });
    case 'PUT :id/tags':
    case 'DELETE :id/tags':
      return changeTags(write, record, request);
    default:
      return type === 'users' ? identities(write, record, asked) : unknownRequest(request, context);
  }
}

function changeTags({ records, context }: Write, record: ZendeskRecord, request: SandboxRequest): Answer {
  const body = z.object({ tags: z.array(z.string().min(1).max(255)) }).safeParse(readJson(request));
  if (!body.success) {
    context.violate('body-shape', 'the body has no list of tags');
    return zendeskError(400, 'InvalidValue', 'The body is not valid');
  }
  for (const tag of body.data.tags) {
    if (/[\s,]/.test(tag) || tag !== tag.toLowerCase()) context.violate('tag-shape', 'a tag has spaces or capitals');
    if (request.method === 'PUT') records.tag(record, tag.toLowerCase());
    else records.untag(record, tag.toLowerCase());
  }
  return jsonAnswer(200, { tags: [...record.tags] }, { rows: 1 });
}

function identities(write: Write, record: ZendeskRecord, { request, verb, rest }: Asked): Answer {
  const { records, context } = write;
  const [id, made] = rest;
  const known = record.identities.find((one) => String(one.id) === id);
  const render = () => record.identities.map((one) => ({ ...one, type: 'email', user_id: record.id, verified: true }));
  if (verb === 'GET :id/identities' && id === undefined) return jsonAnswer(200, { identities: render() });
  if (verb === 'POST :id/identities' && id === undefined) {
    const shape = z.object({
      identity: z.object({ type: z.literal('email'), value: z.string(), primary: z.boolean().default(false) }),
    });
    const body = shape.safeParse(readJson(request));
    if (!body.success) return zendeskError(400, 'InvalidValue', 'The body is not valid');
    const { value, primary } = body.data.identity;
    if (records.byEmail(value) !== undefined) {
      const description = `Value: ${value} is already being used by another user`;
      return recordInvalid({ error: 'DuplicateValue', field: 'value', description });
    }
    return jsonAnswer(201, { identity: { ...records.addEmail(record, value, primary), type: 'email' } });
  }
  if (known === undefined) return notFound();
  if (verb === 'PUT :id/identities' && made === 'make_primary') {
    for (const one of record.identities) one.primary = one === known;
    return jsonAnswer(200, { identities: render() });
  }
  if (verb === 'DELETE :id/identities' && made === undefined) {
    if (known.primary) return zendeskError(422, 'RecordInvalid', 'The primary identity cannot be deleted');
    record.identities.splice(record.identities.indexOf(known), 1);
    return jsonAnswer(204, undefined);
  }
  return unknownRequest(request, context);
}
