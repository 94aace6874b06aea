import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FAULT_KINDS } from '../faults.ts';
import type {
  Answer,
  FailureKind,
  RequestContext,
  SandboxRequest,
  SimulatedDestination,
  SimulatedPlatform,
} from '../platform.ts';
import { nothingHeld } from '../platform.ts';
import { Events, savedEvents } from './events.ts';
import { ImportJobs, poisonValues, savedJobs } from './import-jobs.ts';
import { bareAnswer, dataAnswer, errorAnswer, invalid, notFound, readBody } from './klaviyo-answer.ts';
import { EndpointLimits } from './limits.ts';
import { Lists, savedLists } from './lists.ts';
import { type Profile, Profiles, profileInput, savedProfiles } from './profiles.ts';

const REVISION = '2026-07-15';

/**
 * Klaviyo, revision 2026-07-15: profiles one by one and in bulk jobs, lists, events, deletions. Any key is good but `invalid`
 * (401) and `forbidden` (403). A way to subscribe somebody is not there: whoever asks for one breaks a rule.
 */
export const klaviyo: SimulatedPlatform = {
  name: 'klaviyo',
  // A 2xx without a body is a good answer elsewhere.
  faults: ({ method, path }) =>
    FAULT_KINDS.filter(
      (kind) => kind !== 'empty' || (method === 'POST' && /^\/api\/profile-(?:bulk-)?import/.test(path)),
    ),
  htmlApplies: false,
  failure,
  open: (saved) => new Account(saved),
};

const savedAccount = z.object({ profiles: savedProfiles, lists: savedLists, jobs: savedJobs, events: savedEvents });

class Account implements SimulatedDestination {
  readonly #profiles = new Profiles();
  readonly #lists = new Lists(this.#profiles);
  readonly #jobs = new ImportJobs(this.#profiles, this.#lists);
  readonly #events = new Events(this.#profiles);
  readonly #limits = new EndpointLimits();

  constructor(saved: unknown) {
    if (saved === null) return;
    const state = savedAccount.parse(saved);
    this.#profiles.restore(state.profiles);
    this.#lists.restore(state.lists);
    this.#jobs.restore(state.jobs);
    this.#events.restore(state.events);
  }

  configure(): void {}

  handle(request: SandboxRequest, context: RequestContext): Answer {
    const refusal = keyProblem(request, context);
    if (refusal !== null) return refusal;
    const [api, area = '', ...rest] = request.path.split('/').filter((part) => part !== '');
    if (api !== 'api' || /subscription/.test(area)) {
      context.violate('unknown-request', `${request.method} on a path that nobody is to ask for`);
      return notFound(context, 'There is nothing at this path');
    }
    if (request.headers['revision'] !== REVISION) {
      context.violate('revision', `the revision is ${REVISION}`);
      return invalid(context, 'A valid revision header is required');
    }
    const taken = this.#limits.take(request.method, [area, ...rest.slice(1)].join('/'), context);
    if ('retryAfter' in taken) return throttled(context, taken.retryAfter);
    const answer = this.#route(area, rest, request, context);
    return { ...answer, headers: { ...answer.headers, ...taken.headers } };
  }

  holdings(rowsMax: number) {
    const [profiles, lists] = [this.#profiles.holdings(rowsMax), this.#lists.holdings(rowsMax)];
    return { ...nothingHeld, objects: profiles, audiences: lists, events: this.#events.holdings(rowsMax) };
  }

  save(): z.infer<typeof savedAccount> {
    const [profiles, lists] = [this.#profiles.save(), this.#lists.save()];
    return { profiles, lists, jobs: this.#jobs.save(), events: this.#events.save() };
  }

  #route(area: string, rest: readonly string[], request: SandboxRequest, context: RequestContext): Answer {
    const isPost = request.method === 'POST' && rest.length === 0;
    const isGet = request.method === 'GET' && rest.length === 0;
    if (area === 'lists') return this.#lists.handle(rest, request, context);
    if (area === 'profile-bulk-import-jobs') return this.#jobs.handle(rest, request, context);
    if (area === 'profile-import' && isPost) return this.#import(request, context);
    if (area === 'event-bulk-create-jobs' && isPost) return this.#events.create(request, context);
    if (area === 'data-privacy-deletion-jobs' && isPost) return this.#delete(request, context);
    if (area === 'profiles' && isGet) return this.#find(request, context);
    if (area === 'metrics' && isGet) {
      return dataAnswer(200, {
        data: this.#events.metrics().map((name) => ({ type: 'metric', id: name, attributes: { name } })),
      });
    }
    if (area === 'accounts' && isGet) {
      return dataAnswer(200, { data: [{ type: 'account', id: accountId(context.destination), attributes: {} }] });
    }
    context.violate('unknown-request', `${request.method} on a path that revision ${REVISION} does not have`);
    return notFound(context, 'There is nothing at this path');
  }

  /** `POST /api/profile-import`: 201 made, 200 changed; null clears. */
  #import(request: SandboxRequest, context: RequestContext): Answer {
    const body = z.strictObject({ data: profileInput }).safeParse(readBody(request));
    if (!body.success) {
      context.violate('profile-shape', body.error.issues[0]?.path.join('.') ?? 'body');
      return invalid(context, 'The payload provided in the request is invalid.', { rows: 1 });
    }
    const input = body.data.data;
    if (context.poison(poisonValues(input)) !== null) return invalid(context, 'The profile is invalid.', { rows: 1 });
    const problem = this.#profiles.problem(input);
    if (problem !== null) return errorAnswer(context, [{ ...problem, pointer: `/data${problem.pointer}` }], 1);
    const { profile, isNew } = this.#profiles.write(input, context.now, 'clear');
    return dataAnswer(isNew ? 201 : 200, { data: describe(profile) }, 1);
  }

  /** `GET /api/profiles?filter=any(email,["a@b.c"])`. */
  #find(request: SandboxRequest, context: RequestContext): Answer {
    const size = Number(request.query.get('page[size]') ?? 20);
    if (!Number.isInteger(size) || size < 1 || size > 100) return invalid(context, 'page[size] must be from 1 to 100');
    const filter = request.query.get('filter');
    const [, name = '', list = '[]'] = /^any\((email|phone_number|external_id),(\[.*\])\)$/s.exec(filter ?? '') ?? [];
    if (filter !== null && name === '') return invalid(context, `Invalid filter provided: ${filter}`);
    const values = z.array(z.string()).parse(JSON.parse(list));
    const found =
      filter === null ? this.#profiles.all() : values.flatMap((value) => this.#profiles.find(name, value) ?? []);
    const page = [...new Set(found)].slice(0, size);
    return dataAnswer(200, {
      data: page.map(describe),
      links: { self: `${request.baseUrl}/api/profiles`, next: null },
    });
  }

  /** `POST /api/data-privacy-deletion-jobs`: by exactly one identifier; whether somebody has it or not, 202. */
  #delete(request: SandboxRequest, context: RequestContext): Answer {
    const profile = z.strictObject({
      data: z.strictObject({ type: z.literal('profile'), id: z.string().min(1), attributes: z.strictObject({}) }),
    });
    const data = z.strictObject({
      type: z.literal('data-privacy-deletion-job'),
      attributes: z.strictObject({ profile }),
    });
    const body = z.strictObject({ data }).safeParse(readBody(request));
    if (!body.success) {
      context.violate('deletion-shape', body.error.issues[0]?.path.join('.') ?? 'body');
      return invalid(context, 'Exactly one identifier is required.', { rows: 1 });
    }
    const { id } = body.data.data.attributes.profile.data;
    this.#profiles.delete(id);
    this.#lists.forget(id);
    return bareAnswer(202, 1);
  }
}

function describe({ id, createdAt, updatedAt, values }: Profile): Record<string, unknown> {
  const attributes = Object.fromEntries([...values].filter(([name]) => !name.includes('.')));
  const times = { created: new Date(createdAt).toISOString(), updated: new Date(updatedAt).toISOString() };
  return { type: 'profile', id, attributes: { ...attributes, ...times }, links: { self: `/api/profiles/${id}` } };
}

/** The public id of the account: one per destination, whatever the key. */
function accountId(destination: string): string {
  return createHash('sha256').update(destination).digest('base64url').replace(/[-_]/g, 'x').slice(0, 6);
}

function keyProblem(request: SandboxRequest, context: RequestContext): Answer | null {
  const key = /^Klaviyo-API-Key +(.+)$/.exec(request.headers['authorization'] ?? '')?.[1] ?? 'invalid';
  if (key === 'forbidden') {
    const detail = 'The API key specified does not have the required scopes.';
    return errorAnswer(context, [
      { status: 403, code: 'permission_denied', title: 'Missing or invalid scopes', detail },
    ]);
  }
  if (key !== 'invalid') return null;
  const said = { title: 'Authentication credentials were not provided.', detail: 'Missing or invalid private key.' };
  return errorAnswer(context, [{ status: 401, code: 'not_authenticated', ...said }]);
}

/** A 429 has Retry-After in seconds, and none of the RateLimit headers. */
function throttled(context: RequestContext, seconds: number): Answer {
  const said = {
    title: 'Request was throttled.',
    detail: `Request was throttled. Expected available in ${seconds} seconds.`,
  };
  const answer = errorAnswer(context, [{ status: 429, code: 'throttled', ...said }]);
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(seconds) } };
}

function failure(kind: FailureKind, context: RequestContext): Answer {
  if (kind === 'throttled') return throttled(context, context.retryAfterSeconds);
  if (kind === 'empty') return dataAnswer(200, { data: null });
  const status = { server_error: 500, unavailable: 503, timeout_after: 504 }[kind];
  return errorAnswer(context, [
    { status, code: 'error', title: 'A server error occurred.', detail: 'A server error occurred.' },
  ]);
}
