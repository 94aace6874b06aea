import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { AudienceState } from '../sandbox-state.ts';
import { graphError, invalidParameter } from './graph-answer.ts';
import { People } from './people.ts';
import { type ReplaceSession, savedSession } from './replace-session.ts';

export interface Audience {
  readonly id: string;
  readonly account: string;
  name: string;
  description: string;
  readonly customerFileSource: string;
  /** Fixed by the first upload. */
  family: string | null;
  /** Calls that still answer 803, as the platform does right after the audience was made. */
  notReadyCalls: number;
  added: number;
  removed: number;
  people: People;
  /** Made for the values of its members, for life. */
  readonly isValueBased: boolean;
  session: ReplaceSession | null;
}

const SOURCES = ['USER_PROVIDED_ONLY', 'PARTNER_PROVIDED_ONLY', 'BOTH_USER_AND_PARTNER_PROVIDED'] as const;
const READABLE_FIELDS = new Set([
  ...[
    'id',
    'account_id',
    'name',
    'description',
    'subtype',
    'customer_file_source',
    'operation_status',
    'delivery_status',
  ],
  ...['approximate_count_lower_bound', 'approximate_count_upper_bound', 'is_value_based'],
]);

const savedAudience = z.object({
  id: z.string(),
  account: z.string(),
  name: z.string(),
  description: z.string(),
  customerFileSource: z.string(),
  family: z.string().nullable(),
  notReadyCalls: z.number(),
  added: z.number(),
  removed: z.number(),
  people: z.array(z.record(z.string(), z.array(z.string()))),
  isValueBased: z.boolean().default(false),
  session: savedSession.nullable().default(null),
});
export const savedAudiences = z.object({ nextId: z.number(), audiences: z.array(savedAudience) });

/** The custom audiences of all ad accounts of one simulated business. */
export class Audiences {
  readonly #audiences = new Map<string, Audience>();
  /** Audience ids and dataset ids share one space; ours are recognised by their beginning. */
  #nextId = 23_850_000_000_001;

  find(id: string): Audience | undefined {
    return this.#audiences.get(id);
  }

  /** Whether the id is one that only an audience can have. */
  owns(id: string): boolean {
    return /^2385\d{10}$/.test(id);
  }

  create(account: string, request: SandboxRequest, context: RequestContext): Answer {
    const wanted = z
      .object({
        name: z.string().min(1),
        subtype: z.string(),
        description: z.string().default(''),
        customer_file_source: z.string(),
        is_value_based: z.boolean().default(false),
      })
      .safeParse(readJson(request));
    if (!wanted.success) {
      const field = wanted.error.issues[0]?.path[0] ?? 'name';
      return invalidParameter(context, `The parameter ${String(field)} is required`);
    }
    const { name, subtype, description, customer_file_source: source, is_value_based: isValueBased } = wanted.data;
    if (subtype !== 'CUSTOM')
      return invalidParameter(context, 'Param subtype must be CUSTOM for a customer file audience');
    if (!SOURCES.some((known) => known === source)) {
      return invalidParameter(context, `Param customer_file_source must be one of {${SOURCES.join(', ')}}`);
    }
    const id = String(this.#nextId++);
    this.#audiences.set(id, {
      ...{ id, account, name, description, customerFileSource: source, family: null, added: 0, removed: 0 },
      notReadyCalls: context.notReadyCalls,
      people: new People(),
      ...{ isValueBased, session: null },
    });
    return jsonAnswer(200, { id });
  }

  list(account: string, request: SandboxRequest, context: RequestContext): Answer {
    const fields = readFields(request.query.get('fields'), context);
    if (!Array.isArray(fields)) return fields;
    const filter = readFilter(request.query.get('filtering'));
    if (filter === null)
      return invalidParameter(context, 'Param filtering must be an array of {field, operator, value}');
    const limit = Number(request.query.get('limit') ?? 25);
    if (!Number.isInteger(limit) || limit < 1)
      return invalidParameter(context, 'Param limit must be a positive integer');
    const found = [...this.#audiences.values()].filter((audience) => audience.account === account && filter(audience));
    const after = request.query.get('after');
    const start = after === null ? 0 : found.findIndex((audience) => audience.id === cursorId(after)) + 1;
    const page = found.slice(start, start + limit);
    const [first, last] = [page[0], page.at(-1)];
    if (!first || !last) return jsonAnswer(200, { data: [] });
    const next = new URLSearchParams(request.query);
    next.delete('access_token');
    next.set('after', cursorOf(last.id));
    const more = start + limit < found.length;
    return jsonAnswer(200, {
      data: page.map((audience) => describe(audience, fields)),
      paging: {
        cursors: { before: cursorOf(first.id), after: cursorOf(last.id) },
        ...(more ? { next: `${request.baseUrl}${request.path}?${next}` } : {}),
      },
    });
  }

  read(audience: Audience, request: SandboxRequest, context: RequestContext): Answer {
    const fields = readFields(request.query.get('fields'), context);
    return Array.isArray(fields) ? jsonAnswer(200, describe(audience, fields)) : fields;
  }

  rename(audience: Audience, request: SandboxRequest, context: RequestContext): Answer {
    const change = z.object({ name: z.string().min(1).optional(), description: z.string().optional() });
    const wanted = change.safeParse(readJson(request));
    if (!wanted.success) return invalidParameter(context, 'Param name must be text');
    audience.name = wanted.data.name ?? audience.name;
    audience.description = wanted.data.description ?? audience.description;
    return jsonAnswer(200, { success: true });
  }

  remove(audience: Audience): Answer {
    this.#audiences.delete(audience.id);
    return jsonAnswer(200, { success: true });
  }

  holdings(rowsMax: number): readonly AudienceState[] {
    return [...this.#audiences.values()].map((audience) => ({
      ...{ id: audience.id, name: audience.name, owner: audience.account },
      ...{ size: audience.people.size, added: audience.added, removed: audience.removed },
      members: audience.people.latest(rowsMax),
    }));
  }

  save(): z.infer<typeof savedAudiences> {
    const audiences = [...this.#audiences.values()].map((audience) => ({
      ...audience,
      people: audience.people.latest(Number.POSITIVE_INFINITY).map((person) => copyOf(person)),
    }));
    return { nextId: this.#nextId, audiences };
  }

  restore(saved: z.infer<typeof savedAudiences>): void {
    this.#nextId = saved.nextId;
    for (const audience of saved.audiences) {
      const people = new People();
      for (const person of audience.people) people.add(person);
      this.#audiences.set(audience.id, { ...audience, people });
    }
  }
}

/** Answers 803 while a new audience is not usable yet: a real trap, to be met by trying again. */
export function notReadyYet(audience: Audience, context: RequestContext): Answer | null {
  if (audience.notReadyCalls === 0) return null;
  audience.notReadyCalls -= 1;
  return graphError(context, {
    ...{ code: 803, type: 'OAuthException', status: 404 },
    message: '(#803) Some of the aliases you requested do not exist: users',
  });
}

function copyOf(person: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(person).map(([key, values]) => [key, [...values]]));
}

function describe(audience: Audience, fields: readonly string[]): Record<string, unknown> {
  const known = Math.max(audience.people.size, 1000);
  const all: Readonly<Record<string, unknown>> = {
    ...{ account_id: audience.account, name: audience.name, description: audience.description, subtype: 'CUSTOM' },
    customer_file_source: audience.customerFileSource,
    approximate_count_lower_bound: known,
    approximate_count_upper_bound: Math.ceil(known * 1.2),
    operation_status: { code: 200, description: 'Normal' },
    is_value_based: audience.isValueBased,
    delivery_status: { code: 200, description: 'This audience is ready for use.' },
  };
  const wanted = fields.filter((field) => field !== 'id').map((field) => [field, all[field]]);
  return { ...Object.fromEntries(wanted), id: audience.id };
}

function readFields(text: string | null, context: RequestContext): string[] | Answer {
  const fields = (text ?? 'id').split(',').map((field) => field.trim());
  const unknown = fields.find((field) => !READABLE_FIELDS.has(field));
  if (unknown === undefined) return fields;
  return invalidParameter(context, `Tried accessing nonexisting field (${unknown}) on node type (CustomAudience)`);
}

/** The filter on names, or null where it is malformed. */
function readFilter(text: string | null): ((audience: Audience) => boolean) | null {
  if (text === null) return () => true;
  const shape = z.array(
    z.object({
      field: z.literal('name'),
      operator: z.enum(['EQUAL', 'CONTAIN', 'IN']),
      value: z.union([z.string(), z.array(z.string())]),
    }),
  );
  try {
    const filters = shape.parse(JSON.parse(text));
    return (audience) =>
      filters.every(({ operator, value }) => {
        const values = typeof value === 'string' ? [value] : value;
        if (operator === 'CONTAIN')
          return values.every((part) => audience.name.toLowerCase().includes(part.toLowerCase()));
        return values.includes(audience.name);
      });
  } catch {
    return null;
  }
}

function cursorOf(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function cursorId(cursor: string): string {
  return Buffer.from(cursor, 'base64url').toString();
}
