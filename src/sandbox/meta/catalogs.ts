import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { ObjectSetState } from '../sandbox-state.ts';
import { graphError, invalidParameter } from './graph-answer.ts';
import { ITEM_TYPES, itemProblem, requestProblem } from './item-rules.ts';

const REQUESTS_MAX = 5_000;
const BYTES_MAX = 28_000_000;
/** Of the errors of a job, so many are shown; the ids of all are told to those who ask for them. */
const ERRORS_SHOWN = 10;
/** How long a handle is known is not documented: a day. */
const KEPT_MS = 24 * 3_600_000;

const savedSet = z.object({
  ...{ catalog: z.string(), type: z.string(), created: z.number(), updated: z.number(), deleted: z.number() },
  items: z.array(z.tuple([z.string(), z.record(z.string(), z.unknown())])),
});
const savedJob = z.object({
  ...{ handle: z.string(), catalog: z.string(), createdAt: z.number(), waits: z.number() },
  errors: z.array(z.object({ line: z.number(), id: z.string(), message: z.string() })),
});
export const savedCatalogs = z.object({ next: z.number(), sets: z.array(savedSet), jobs: z.array(savedJob) });

type Job = z.infer<typeof savedJob>;
interface ItemSet extends Omit<z.infer<typeof savedSet>, 'items'> {
  readonly items: Map<string, Readonly<Record<string, unknown>>>;
}

const batchShape = z.object({
  item_type: z.string(),
  allow_upsert: z.boolean().default(true),
  requests: z.array(z.object({ method: z.string(), data: z.record(z.string(), z.unknown()) })),
});
type ItemRequest = z.infer<typeof batchShape>['requests'][number];

/** Items of catalogs, by catalog and type, written by batches whose result is told later. Any number is a catalog. */
export class Catalogs {
  readonly #sets = new Map<string, ItemSet>();
  readonly #jobs = new Map<string, Job>();
  #next = 1;

  /** `POST /<catalog>/items_batch`. Each request is carried out or not, for itself. */
  write(catalog: string, request: SandboxRequest, context: RequestContext): Answer {
    const body = batchShape.safeParse(readJson(request));
    if (!body.success) {
      context.violate('items-shape', `the body is not {item_type, requests}: ${body.error.issues[0]?.path.join('.')}`);
      return invalidParameter(context, 'The parameter requests is required');
    }
    const { item_type: type, requests, allow_upsert: mayInsert } = body.data;
    const rows = requests.length;
    if (!ITEM_TYPES.has(type))
      return invalidParameter(context, `Param item_type must be one of {${[...ITEM_TYPES]}}`, rows);
    if (rows === 0 || rows > REQUESTS_MAX) {
      context.violate('too-many-rows', `${rows} requests at once`);
      return invalidParameter(context, `Param requests must have 1 to ${REQUESTS_MAX} elements`, rows);
    }
    if (Buffer.byteLength(request.body) > BYTES_MAX)
      return graphError(context, { code: 1, message: 'Please reduce the amount of data you are asking for', rows });
    const ids = requests.map(({ data }) => idOf(data));
    if (new Set(ids).size < ids.length) context.violate('item-twice', 'an item stands in a batch twice');
    if (ids.some((id) => context.poison([id]) === 'refuse'))
      return graphError(context, {
        ...{ code: 100, message: '(#100) Invalid parameter', rows },
        title: 'Invalid item',
      });
    const set = this.#setOf(catalog, type);
    const errors = requests.flatMap((item, line) => {
      const message = this.#apply(set, item, { mayInsert, context });
      return message === null ? [] : [{ line, id: ids[line] ?? '', message }];
    });
    const handle = createHash('sha256')
      .update(`${context.traceId} ${this.#next++}`)
      .digest('base64url');
    const { now: createdAt, notReadyCalls: waits } = context;
    this.#jobs.set(handle, { handle, catalog, createdAt, waits, errors });
    return jsonAnswer(200, { handles: [handle] }, { rows, rejected: errors.length });
  }

  /** Carries one request out; what is wrong with it otherwise. */
  #apply(
    set: ItemSet,
    { method, data }: ItemRequest,
    { mayInsert, context }: { readonly mayInsert: boolean; readonly context: RequestContext },
  ): string | null {
    const id = idOf(data);
    const malformed = requestProblem(method, data, id);
    if (malformed !== null) {
      context.violate('item-request', malformed);
      return malformed;
    }
    if (context.poison([id]) !== null || context.unlucky()) return `The item with id ${id} cannot be processed`;
    const known = set.items.get(id);
    if (method === 'DELETE') {
      if (known === undefined) return `Item with id ${id} does not exist`;
      set.items.delete(id);
      set.deleted += 1;
      return null;
    }
    if (known === undefined && method === 'UPDATE' && !mayInsert) return `Item with id ${id} does not exist`;
    const item = { ...known };
    for (const [name, value] of Object.entries(data)) {
      if (value === null) context.violate('null-field', 'null does not unset a field');
      else if (value === '') delete item[name];
      else item[name] = value;
    }
    const problem = itemProblem(set.type, item);
    if (problem !== null) return problem;
    set.items.set(id, item);
    if (known === undefined) set.created += 1;
    else set.updated += 1;
    return null;
  }

  /** `GET /<catalog>/check_batch_request_status`. */
  status(catalog: string, request: SandboxRequest, context: RequestContext): Answer {
    const job = this.#jobs.get(request.query.get('handle') ?? '');
    if (job === undefined || job.catalog !== catalog || context.now - job.createdAt > KEPT_MS)
      return invalidParameter(context, 'Invalid batch handle');
    const { handle, errors } = job;
    if (job.waits > 0) {
      job.waits -= 1;
      return jsonAnswer(200, {
        data: [{ handle, status: 'started', errors_total_count: 0, errors: [], warnings: [] }],
      });
    }
    const all = request.query.get('load_ids_of_invalid_requests') === 'true';
    const status = {
      ...{ handle, status: 'finished', errors: errors.slice(0, ERRORS_SHOWN), warnings: [] },
      ...{ errors_total_count: errors.length, warnings_total_count: 0 },
      ids_of_invalid_requests: all ? errors.map(({ id }) => id) : [],
    };
    return jsonAnswer(200, { data: [status] });
  }

  #setOf(catalog: string, type: string): ItemSet {
    const key = `${catalog} ${type}`;
    const found = this.#sets.get(key) ?? { catalog, type, created: 0, updated: 0, deleted: 0, items: new Map() };
    this.#sets.set(key, found);
    return found;
  }

  holdings(rowsMax: number): readonly ObjectSetState[] {
    return [...this.#sets.values()].map(({ type, items, created, updated, deleted }) => ({
      ...{ type, size: items.size, created, updated, deleted },
      records: [...items].slice(Math.max(0, items.size - rowsMax)).map(([id, fields]) => ({ id, key: id, fields })),
    }));
  }

  save(): z.infer<typeof savedCatalogs> {
    const sets = [...this.#sets.values()].map((set) => ({ ...set, items: [...set.items].map(copyOf) }));
    return { next: this.#next, sets, jobs: [...this.#jobs.values()] };
  }

  restore(saved: z.infer<typeof savedCatalogs>): void {
    this.#next = saved.next;
    for (const set of saved.sets) this.#sets.set(`${set.catalog} ${set.type}`, { ...set, items: new Map(set.items) });
    for (const job of saved.jobs) this.#jobs.set(job.handle, { ...job });
  }
}

function copyOf([id, fields]: readonly [string, Readonly<Record<string, unknown>>]): [string, Record<string, unknown>] {
  return [id, { ...fields }];
}

/** Products are known by `id`; other types by the field whose name ends in it. */
function idOf(data: Readonly<Record<string, unknown>>): string {
  const [, value] = Object.entries(data).find(([name]) => name === 'id') ??
    Object.entries(data).find(([name]) => name.endsWith('_id')) ?? ['', ''];
  return typeof value === 'string' ? value : '';
}
