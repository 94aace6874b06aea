import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, readJson, type SandboxRequest } from '../platform.ts';
import type { AudienceState } from '../sandbox-state.ts';
import { hubspotError, invalidRequest, notFound } from './hubspot-answer.ts';
import type { Records } from './records.ts';

const MEMBERSHIPS_MAX = 100_000;

/** Object types by the id that lists know them by. */
export const OBJECT_TYPES: Readonly<Record<string, string>> = {
  '0-1': 'contacts',
  '0-2': 'companies',
  '0-3': 'deals',
  '0-5': 'tickets',
  '0-7': 'products',
};

interface CrmList {
  readonly id: string;
  name: string;
  readonly objectTypeId: string;
  readonly processingType: string;
  added: number;
  removed: number;
  readonly members: Set<string>;
}

const savedList = z.object({
  ...{ id: z.string(), name: z.string(), objectTypeId: z.string(), processingType: z.string() },
  ...{ added: z.number(), removed: z.number(), members: z.array(z.string()) },
});
export const savedLists = z.object({ nextId: z.number(), lists: z.array(savedList) });

/** The lists of one portal (CRM lists API 2026-09). Members are record ids, nothing else. */
export class Lists {
  readonly #lists = new Map<string, CrmList>();
  readonly #records: Records;
  #nextId = 101;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Everything under `/crm/lists/2026-09`; `parts` is the rest of the path. */
  handle(parts: readonly string[], request: SandboxRequest, context: RequestContext): Answer {
    const [first, second, third, ...rest] = parts;
    const { method } = request;
    if (first === undefined && method === 'POST') return this.#create(request, context);
    if (first === 'search' && method === 'POST') return this.#search(request, context);
    if (first === 'object-type-id' && third === 'name' && method === 'GET') {
      const list = [...this.#lists.values()].find(
        (one) => one.objectTypeId === second && one.name === rest.map(decodeURIComponent).join('/'),
      );
      return list ? jsonAnswer(200, { list: describe(list) }) : missingList(context);
    }
    const list = this.#lists.get(first ?? '');
    if (!list) return missingList(context);
    if (second === undefined && method === 'GET') return jsonAnswer(200, { list: describe(list) });
    if (second === undefined && method === 'DELETE') {
      this.#lists.delete(list.id);
      return jsonAnswer(204, undefined);
    }
    if (second === 'update-list-name' && method === 'PUT') return this.#rename(list, request, context);
    if (second === 'memberships' && rest.length === 0) return this.#memberships(list, third ?? '', request, context);
    return notFound(context, 'No such operation on a list');
  }

  /** An archived record is in no list any more. */
  forget(recordId: string): void {
    for (const list of this.#lists.values()) if (list.members.delete(recordId)) list.removed += 1;
  }

  holdings(rowsMax: number): readonly AudienceState[] {
    return [...this.#lists.values()].map((list) => {
      const members = [...list.members].slice(Math.max(0, list.members.size - rowsMax)).map((id) => {
        const email = this.#records.get(typeName(list.objectTypeId), id)?.properties.get('email');
        return email === undefined ? { record_id: [id] } : { record_id: [id], email: [email] };
      });
      const { id, name, objectTypeId: owner, added, removed } = list;
      return { id, name, owner, size: list.members.size, added, removed, members };
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

  #create(request: SandboxRequest, context: RequestContext): Answer {
    const wanted = z
      .object({
        name: z.string().min(1).max(200),
        objectTypeId: z.string(),
        processingType: z.enum(['MANUAL', 'SNAPSHOT', 'DYNAMIC']),
      })
      .safeParse(readJson(request));
    if (!wanted.success) {
      context.violate('list-shape', 'a list needs name, objectTypeId and processingType');
      return invalidRequest(context, 'Invalid input JSON: name, objectTypeId and processingType are required');
    }
    const { name, objectTypeId, processingType } = wanted.data;
    if (!(objectTypeId in OBJECT_TYPES) && !/^2-\d+$/.test(objectTypeId)) {
      return invalidRequest(context, `There is no object type ${objectTypeId}`);
    }
    if (this.#named(name)) return duplicateName(context);
    const list = {
      id: String(this.#nextId++),
      name,
      objectTypeId,
      processingType,
      added: 0,
      removed: 0,
      members: new Set<string>(),
    };
    this.#lists.set(list.id, list);
    return jsonAnswer(200, { list: describe(list) });
  }

  #search(request: SandboxRequest, context: RequestContext): Answer {
    const shape = z.object({
      query: z.string().default(''),
      offset: z.int().min(0).default(0),
      count: z.int().min(1).max(500).default(20),
      processingTypes: z.array(z.string()).optional(),
      listIds: z.array(z.string()).optional(),
    });
    const wanted = shape.safeParse(readJson(request));
    if (!wanted.success) return invalidRequest(context, 'Invalid input JSON');
    const { query, offset, count, processingTypes, listIds } = wanted.data;
    const found = [...this.#lists.values()].filter(
      (list) =>
        list.name.toLowerCase().includes(query.toLowerCase()) &&
        (processingTypes?.includes(list.processingType) ?? true) &&
        (listIds?.includes(list.id) ?? true),
    );
    const page = found.slice(offset, offset + count);
    const end = offset + page.length;
    return jsonAnswer(200, {
      lists: page.map(describe),
      total: found.length,
      offset: end,
      hasMore: end < found.length,
    });
  }

  #rename(list: CrmList, request: SandboxRequest, context: RequestContext): Answer {
    const name = request.query.get('listName') ?? '';
    if (name === '') return invalidRequest(context, 'listName is required');
    const holder = this.#named(name);
    if (holder && holder !== list) return duplicateName(context);
    list.name = name;
    return jsonAnswer(200, { updatedList: describe(list) });
  }

  #memberships(list: CrmList, verb: string, request: SandboxRequest, context: RequestContext): Answer {
    if (verb === '' && request.method === 'GET') return listMembers(list, request, context);
    const asked = readMemberships(verb, request);
    if (asked === null) {
      context.violate('memberships-shape', 'the body is not a list of record ids');
      return invalidRequest(context, 'Invalid input JSON: record ids are text of digits');
    }
    const rows = asked.add.length + asked.remove.length;
    if (list.processingType === 'DYNAMIC')
      return invalidRequest(context, 'The list is DYNAMIC: its members cannot be set', rows);
    if (rows > MEMBERSHIPS_MAX) {
      context.violate('too-many-rows', `more than ${MEMBERSHIPS_MAX} record ids`);
      return invalidRequest(context, `The request has more than ${MEMBERSHIPS_MAX} record ids`, rows);
    }
    if (verb === '' && request.method === 'DELETE') {
      list.removed += list.members.size;
      list.members.clear();
      return jsonAnswer(204, undefined);
    }
    const type = typeName(list.objectTypeId);
    const cannot = (id: string): boolean =>
      !this.#records.get(type, id) || context.poison([id]) !== null || context.unlucky();
    const missing = new Set([...asked.add, ...asked.remove].filter(cannot));
    const added = asked.add.filter((id) => !missing.has(id) && !list.members.has(id));
    const removed = asked.remove.filter((id) => !missing.has(id) && list.members.has(id));
    for (const id of added) list.members.add(id);
    for (const id of removed) list.members.delete(id);
    list.added += added.length;
    list.removed += removed.length;
    const answer = { recordsIdsAdded: added, recordIdsRemoved: removed, recordIdsMissing: [...missing] };
    return jsonAnswer(200, answer, { rows, rejected: missing.size });
  }

  #named(name: string): CrmList | undefined {
    return [...this.#lists.values()].find((list) => list.name === name);
  }
}

interface Memberships {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

function readMemberships(verb: string, request: SandboxRequest): Memberships | null {
  if (verb === '' && request.method === 'DELETE') return { add: [], remove: [] };
  if (request.method !== 'PUT') return null;
  const ids = z.array(z.string().regex(/^\d+$/)).transform((list) => [...new Set(list)]);
  const body = readJson(request);
  if (verb === 'add-and-remove') {
    const both = z.object({ recordIdsToAdd: ids.default([]), recordIdsToRemove: ids.default([]) }).safeParse(body);
    return both.success ? { add: both.data.recordIdsToAdd, remove: both.data.recordIdsToRemove } : null;
  }
  const one = ids.safeParse(body);
  if (!one.success) return null;
  if (verb === 'add') return { add: one.data, remove: [] };
  return verb === 'remove' ? { add: [], remove: one.data } : null;
}

function listMembers(list: CrmList, request: SandboxRequest, context: RequestContext): Answer {
  const limit = Number(request.query.get('limit') ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > 250)
    return invalidRequest(context, 'limit must be from 1 to 250');
  const ids = [...list.members].sort((a, b) => Number(a) - Number(b));
  const after = Number(request.query.get('after') ?? 0);
  const rest = ids.filter((id) => Number(id) > after);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return jsonAnswer(200, {
    results: page.map((recordId) => ({ recordId })),
    total: ids.length,
    ...(last !== undefined && rest.length > limit ? { paging: { next: { after: last } } } : {}),
  });
}

function duplicateName(context: RequestContext): Answer {
  return hubspotError(context, {
    ...{ status: 400, category: 'VALIDATION_ERROR', subCategory: 'ILS.DUPLICATE_LIST_NAMES' },
    message: 'List already exists with that name.',
  });
}

function missingList(context: RequestContext): Answer {
  return notFound(context, 'List does not exist.', 'ILS.LIST_NOT_FOUND');
}

function typeName(objectTypeId: string): string {
  return OBJECT_TYPES[objectTypeId] ?? objectTypeId;
}

function describe(list: CrmList): Record<string, unknown> {
  return {
    ...{ listId: list.id, name: list.name, objectTypeId: list.objectTypeId, processingType: list.processingType },
    ...{ processingStatus: 'COMPLETE', size: list.members.size },
    additionalProperties: { hs_list_size: String(list.members.size) },
  };
}
