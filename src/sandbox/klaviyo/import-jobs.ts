import { z } from 'zod';
import type { Answer, RequestContext, SandboxRequest } from '../platform.ts';
import { dataAnswer, invalid, notFound, readBody } from './klaviyo-answer.ts';
import type { Lists } from './lists.ts';
import { IDENTIFIERS, type ProfileFault, type ProfileInput, type Profiles, profileInput } from './profiles.ts';

const PROFILES_MAX = 10_000;
const BYTES_MAX = 5_000_000;
const PROFILE_BYTES_MAX = 100_000;
/** A job of more is still processing when it is first asked for. */
const PROFILES_AT_ONCE = 1_000;
const LIFETIME_MS = 7 * 24 * 60 * 60_000;

const jobBody = z.strictObject({
  data: z.strictObject({
    type: z.literal('profile-bulk-import-job'),
    attributes: z.strictObject({ profiles: z.strictObject({ data: z.array(z.unknown()).min(1) }) }),
    relationships: z
      .strictObject({
        lists: z.strictObject({ data: z.array(z.strictObject({ type: z.literal('list'), id: z.string() })) }),
      })
      .optional(),
  }),
});

const savedError = z.object({ code: z.string(), title: z.string(), detail: z.string(), pointer: z.string() });
const savedJob = z.object({
  ...{ id: z.string(), createdAt: z.number(), polls: z.number(), total: z.number() },
  errors: z.array(savedError),
});
export const savedJobs = z.object({ nextId: z.number(), jobs: z.array(savedJob) });
type ImportJob = z.infer<typeof savedJob>;

/** Bulk profile imports: what they do is done at once, and said when they are complete. */
export class ImportJobs {
  readonly #profiles: Profiles;
  readonly #lists: Lists;
  readonly #jobs = new Map<string, ImportJob>();
  #nextId = 1;

  constructor(profiles: Profiles, lists: Lists) {
    this.#profiles = profiles;
    this.#lists = lists;
  }

  /** Everything under `/api/profile-bulk-import-jobs`; `parts` is the rest of the path. */
  handle(parts: readonly string[], request: SandboxRequest, context: RequestContext): Answer {
    const [id, errors, ...rest] = parts;
    if (id === undefined && request.method === 'POST') return this.#submit(request, context);
    const job = this.#jobs.get(id ?? '');
    if (request.method !== 'GET' || rest.length > 0) return notFound(context, 'There is nothing at this path');
    if (!job || context.now >= job.createdAt + LIFETIME_MS)
      return notFound(context, 'A bulk import job with that id does not exist.');
    if (errors === undefined) {
      job.polls += 1;
      return dataAnswer(200, { data: describe(job, request.baseUrl) });
    }
    return errors === 'import-errors'
      ? listErrors(job, request, context)
      : notFound(context, 'There is nothing at this path');
  }

  save(): z.infer<typeof savedJobs> {
    return { nextId: this.#nextId, jobs: [...this.#jobs.values()] };
  }

  restore(saved: z.infer<typeof savedJobs>): void {
    this.#nextId = saved.nextId;
    for (const job of saved.jobs) this.#jobs.set(job.id, { ...job });
  }

  #submit(request: SandboxRequest, context: RequestContext): Answer {
    const body = jobBody.safeParse(readBody(request));
    if (!body.success) {
      context.violate('job-shape', body.error.issues[0]?.path.join('.') ?? 'body');
      return invalid(context, 'The payload provided in the request is invalid.');
    }
    const items = body.data.data.attributes.profiles.data;
    if (items.length > PROFILES_MAX || Buffer.byteLength(request.body) > BYTES_MAX) {
      context.violate('job-too-large', `more than ${PROFILES_MAX} profiles or ${BYTES_MAX} bytes`);
      return invalid(context, 'The payload is too large.', { rows: items.length });
    }
    const lists = (body.data.data.relationships?.lists.data ?? []).map(({ id }) => id);
    if (lists.some((id) => !this.#lists.has(id))) return notFound(context, 'A list with that id does not exist.');
    const inputs = items.map((item) => profileInput.safeParse(item).data ?? null);
    if (inputs.some((input) => input !== null && context.poison(poisonValues(input)) === 'refuse')) {
      return invalid(context, 'The payload provided in the request is invalid.', { rows: items.length });
    }
    const errors = inputs.flatMap((input, index) => {
      const fault = this.#import(input, lists, context);
      if (fault === null) return [];
      const { code, title, detail, pointer } = fault;
      return [{ code, title, detail, pointer: `/data/attributes/profiles/data/${index}${pointer}` }];
    });
    const id = `sandbox-job-${this.#nextId++}`;
    const job: ImportJob = { id, createdAt: context.now, polls: 0, total: items.length, errors };
    this.#jobs.set(id, job);
    const answer = dataAnswer(202, { data: describe(job, request.baseUrl) }, items.length);
    return { ...answer, rejected: errors.length };
  }

  #import(input: ProfileInput | null, lists: readonly string[], context: RequestContext): ProfileFault | null {
    if (input === null) {
      context.violate('profile-shape', 'a profile has type, attributes, id, meta and nothing else');
      return INVALID;
    }
    if (JSON.stringify(input).length > PROFILE_BYTES_MAX) {
      context.violate('profile-too-large', 'a profile has more than 100 KB');
      return INVALID;
    }
    if (context.poison(poisonValues(input)) !== null || context.unlucky()) return INVALID;
    const problem = this.#profiles.problem(input);
    if (problem !== null) return problem;
    const { profile } = this.#profiles.write(input, context.now, 'ignore');
    for (const id of lists) this.#lists.add(id, [profile.id]);
    return null;
  }
}

const INVALID: ProfileFault = {
  ...{ status: 400, code: 'invalid', title: 'Invalid input', pointer: '' },
  detail: 'The payload provided in the request is invalid.',
};

/** What of a profile can be named as poison: its identifiers. */
export function poisonValues({ attributes }: ProfileInput): readonly string[] {
  return IDENTIFIERS.flatMap((name) => (typeof attributes[name] === 'string' ? [attributes[name]] : []));
}

function describe(job: ImportJob, baseUrl: string): Record<string, unknown> {
  const isDone = job.polls > (job.total > PROFILES_AT_ONCE ? 1 : 0);
  const status = isDone ? 'complete' : job.polls === 0 ? 'queued' : 'processing';
  const time = new Date(job.createdAt).toISOString();
  return {
    ...{ type: 'profile-bulk-import-job', id: job.id },
    attributes: {
      ...{ status, created_at: time, total_count: job.total },
      ...{ completed_count: isDone ? job.total : 0, failed_count: isDone ? job.errors.length : 0 },
      completed_at: isDone ? time : null,
      expires_at: new Date(job.createdAt + LIFETIME_MS).toISOString(),
    },
    links: { self: `${baseUrl}/api/profile-bulk-import-jobs/${job.id}` },
  };
}

/** Up to 100 a page; the cursor is a place. */
function listErrors(job: ImportJob, request: SandboxRequest, context: RequestContext): Answer {
  const size = Number(request.query.get('page[size]') ?? 20);
  if (!Number.isInteger(size) || size < 1 || size > 100) return invalid(context, 'page[size] must be from 1 to 100');
  const start = Number(request.query.get('page[cursor]') ?? 0);
  const end = start + size;
  const self = `${request.baseUrl}/api/profile-bulk-import-jobs/${job.id}/import-errors`;
  const data = job.errors.slice(start, end).map(({ pointer, ...said }, index) => ({
    ...{ type: 'import-error', id: `${job.id}-${start + index}` },
    attributes: { ...said, source: { pointer }, original_payload: null },
  }));
  const next = end < job.errors.length ? `${self}?${new URLSearchParams({ 'page[cursor]': String(end) })}` : null;
  return dataAnswer(200, { data, links: { self, next } });
}
