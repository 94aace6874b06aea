import { z } from 'zod';
import type { Answer, RequestContext, SandboxRequest } from '../platform.ts';
import type { AudienceState } from '../sandbox-state.ts';
import { bareAnswer, dataAnswer, invalid, notFound, readBody } from './klaviyo-answer.ts';
import { IDENTIFIERS, type Profiles } from './profiles.ts';

const MEMBERS_MAX = 1_000;
const PAGE = 10;

interface ProfileList {
  readonly id: string;
  name: string;
  added: number;
  removed: number;
  readonly members: Set<string>;
}

const savedList = z.object({
  ...{ id: z.string(), name: z.string(), added: z.number(), removed: z.number(), members: z.array(z.string()) },
});
export const savedLists = z.object({ nextId: z.number(), lists: z.array(savedList) });

const listBody = z.object({
  data: z.object({
    type: z.literal('list'),
    id: z.string().optional(),
    attributes: z.strictObject({ name: z.string().min(1) }),
  }),
});
const membersBody = z.strictObject({
  data: z.array(z.strictObject({ type: z.literal('profile'), id: z.string().min(1) })),
});

/** The lists of one account. Names need not differ. */
export class Lists {
  readonly #profiles: Profiles;
  readonly #lists = new Map<string, ProfileList>();
  #nextId = 1;

  constructor(profiles: Profiles) {
    this.#profiles = profiles;
  }

  has(id: string): boolean {
    return this.#lists.has(id);
  }

  add(id: string, members: readonly string[]): void {
    const list = this.#lists.get(id);
    for (const member of members) {
      if (!list || list.members.has(member)) continue;
      list.members.add(member);
      list.added += 1;
    }
  }

  /** A deleted profile is in no list any more. */
  forget(profileId: string): void {
    for (const list of this.#lists.values()) if (list.members.delete(profileId)) list.removed += 1;
  }

  /** Everything under `/api/lists`; `parts` is the rest of the path. */
  handle(parts: readonly string[], request: SandboxRequest, context: RequestContext): Answer {
    const [id, relationships, profiles, ...rest] = parts;
    const { method } = request;
    if (id === undefined && method === 'GET') return this.#search(request, context);
    if (id === undefined && method === 'POST') return this.#create(request, context);
    const list = this.#lists.get(id ?? '');
    if (!list) return notFound(context, `A list with id ${id} does not exist.`);
    if (relationships === undefined) return this.#change(list, request, context);
    const isMembers = relationships === 'relationships' && profiles === 'profiles' && rest.length === 0;
    if (isMembers && (method === 'POST' || method === 'DELETE')) return this.#members(list, request, context);
    context.violate('unknown-request', `${method} on a path that lists do not have`);
    return notFound(context, 'There is nothing at this path');
  }

  holdings(rowsMax: number): readonly AudienceState[] {
    return [...this.#lists.values()].map((list) => {
      const members = [...list.members].slice(Math.max(0, list.members.size - rowsMax)).map((id) => {
        const values = this.#profiles.get(id)?.values;
        const known = IDENTIFIERS.flatMap((name) => {
          const value = values?.get(name);
          return value === undefined ? [] : [[name, [String(value)]] as const];
        });
        return { profile_id: [id], ...Object.fromEntries(known) };
      });
      const { id, name, added, removed } = list;
      return { id, name, owner: 'profiles', size: list.members.size, added, removed, members };
    });
  }

  save(): z.infer<typeof savedLists> {
    return {
      nextId: this.#nextId,
      lists: [...this.#lists.values()].map((list) => ({ ...list, members: [...list.members] })),
    };
  }

  restore(saved: z.infer<typeof savedLists>): void {
    this.#nextId = saved.nextId;
    for (const list of saved.lists) this.#lists.set(list.id, { ...list, members: new Set(list.members) });
  }

  #search(request: SandboxRequest, context: RequestContext): Answer {
    const filter = request.query.get('filter');
    const name = /^equals\(name,(".*")\)$/s.exec(filter ?? '')?.[1];
    if (filter !== null && name === undefined) return invalid(context, `Invalid filter provided: ${filter}`);
    const wanted: unknown = name === undefined ? null : JSON.parse(name);
    const found = [...this.#lists.values()].filter((list) => wanted === null || list.name === wanted).slice(0, PAGE);
    return dataAnswer(200, { data: found.map(describe), links: { self: `${request.baseUrl}/api/lists`, next: null } });
  }

  #create(request: SandboxRequest, context: RequestContext): Answer {
    const body = listBody.safeParse(readBody(request));
    if (!body.success) {
      context.violate('list-shape', 'a list needs a name');
      return invalid(context, 'The payload provided in the request is invalid.');
    }
    const id = `SbL${String(this.#nextId++).padStart(3, '0')}`;
    const list: ProfileList = { id, name: body.data.data.attributes.name, added: 0, removed: 0, members: new Set() };
    this.#lists.set(id, list);
    return dataAnswer(201, { data: describe(list) });
  }

  #change(list: ProfileList, request: SandboxRequest, context: RequestContext): Answer {
    if (request.method === 'GET') return dataAnswer(200, { data: describe(list) });
    if (request.method === 'DELETE') {
      this.#lists.delete(list.id);
      return bareAnswer(204);
    }
    const body = listBody.safeParse(readBody(request));
    if (request.method !== 'PATCH' || !body.success || body.data.data.id !== list.id) {
      context.violate('list-shape', 'a change of a list has its id and a name');
      return invalid(context, 'The payload provided in the request is invalid.');
    }
    list.name = body.data.data.attributes.name;
    return dataAnswer(200, { data: describe(list) });
  }

  #members(list: ProfileList, request: SandboxRequest, context: RequestContext): Answer {
    const body = membersBody.safeParse(readBody(request));
    if (!body.success || body.data.data.length > MEMBERS_MAX) {
      context.violate('members-shape', `the body is not a list of at most ${MEMBERS_MAX} profile ids`);
      return invalid(context, 'The payload provided in the request is invalid.');
    }
    const ids = body.data.data.map(({ id }) => id);
    if (request.method === 'DELETE') {
      for (const id of ids) if (list.members.delete(id)) list.removed += 1;
      return bareAnswer(204, ids.length);
    }
    const unknown = ids.find((id) => !this.#profiles.get(id));
    if (unknown !== undefined) return notFound(context, `A profile with id ${unknown} does not exist.`);
    this.add(list.id, ids);
    return bareAnswer(204, ids.length);
  }
}

function describe({ id, name }: ProfileList): Record<string, unknown> {
  return {
    type: 'list',
    id,
    attributes: { name, opt_in_process: 'double_opt_in' },
    links: { self: `/api/lists/${id}` },
  };
}
