import { bearer, type Call, isObject, type Platform, type Reply, readObject } from './platform-server.ts';

const OBJECTS = '/crm/objects/2026-09/contacts';
const LISTS = '/crm/lists/2026-09';

export interface Contact {
  readonly id: string;
  /** As HubSpot's objects API tells it with every record. */
  readonly createdAt: string;
  properties: Record<string, string>;
}

interface List {
  readonly name: string;
  readonly members: Set<string>;
}

/** HubSpot's contacts and lists, API 2026-09. */
export class HubSpotPlatform implements Platform {
  readonly violations: string[] = [];
  readonly contacts = new Map<string, Contact>();
  readonly lists = new Map<string, List>();
  /** Addresses whose upsert is refused, row by row. */
  readonly poison = new Set<string>();
  /** Requests to paths that this simulation does not have. */
  readonly unknownPaths = new Set<string>();
  readonly #token: string;
  #next = 101;

  constructor(token: string) {
    this.#token = token;
  }

  /** A contact that somebody else made. */
  own(properties: Record<string, string>): Contact {
    const contact = { id: String(this.#next++), createdAt: new Date().toISOString(), properties: { ...properties } };
    this.contacts.set(contact.id, contact);
    return contact;
  }

  byEmail(): Record<string, Record<string, string>> {
    const entries = [...this.contacts.values()].map(
      ({ properties }) => [properties['email'] ?? '', properties] as const,
    );
    if (new Set(entries.map(([email]) => email)).size !== entries.length)
      this.violations.push('two contacts share an email');
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Addresses of the members of the list of that name. */
  listMembers(name: string): readonly string[] {
    const found = [...this.lists.values()].filter((list) => list.name === name);
    if (found.length > 1) this.violations.push(`${found.length} lists named ${name}`);
    return [...(found[0]?.members ?? [])]
      .map((id) => this.contacts.get(id)?.properties['email'] ?? `gone:${id}`)
      .sort();
  }

  answer(call: Call): Reply {
    if (bearer(call) !== this.#token)
      return error(401, 'INVALID_AUTHENTICATION', 'Authentication credentials not found');
    if (call.path.startsWith('/account-info/'))
      return { status: 200, body: { portalId: 4711, accountType: 'STANDARD' } };
    if (call.path.startsWith('/crm/properties/2026-09/contacts')) return this.#properties(call);
    if (call.path.startsWith(`${OBJECTS}/batch/`) && call.method === 'POST')
      return this.#batch(call, call.path.slice(OBJECTS.length + 7));
    if (call.path === `${OBJECTS}/gdpr-delete` && call.method === 'POST') return this.#erase(call);
    if (call.path.startsWith(LISTS)) return this.#listCall(call, call.path.slice(LISTS.length));
    return this.#unknown(call);
  }

  #properties(call: Call): Reply {
    const name = call.path.split('/')[5];
    const one = (property: string) => ({ name: property, type: 'string', hasUniqueValue: property === 'email' });
    if (call.method !== 'GET') return this.#unknown(call);
    if (name) return { status: 200, body: one(name) };
    return { status: 200, body: { results: ['email', 'phone', 'firstname', 'lastname', 'company', 'city'].map(one) } };
  }

  #batch(call: Call, action: string): Reply {
    const inputs = readObject(call.body)?.['inputs'];
    if (!Array.isArray(inputs) || inputs.length === 0 || inputs.length > 100)
      return this.#refuse(`${Array.isArray(inputs) ? inputs.length : 'no'} inputs`);
    const ids = inputs.map((input: Record<string, unknown>) => String(input['id']));
    if (new Set(ids.map((id) => id.toLowerCase())).size !== ids.length) return this.#refuse('one id twice in a batch');
    if (action === 'archive') {
      for (const id of ids) this.#remove(id);
      return { status: 204 };
    }
    if (action === 'read') return this.#read(call, ids);
    if (action === 'upsert' || action === 'update') return this.#write(action, inputs as Record<string, unknown>[]);
    return this.#unknown(call);
  }

  /** For good. An address that nobody has would be blocked, so that only ids are taken here. */
  #erase(call: Call): Reply {
    const id = readObject(call.body)?.['objectId'];
    if (typeof id !== 'string' || !this.contacts.has(id)) return this.#refuse('an erasure of no contact');
    this.#remove(id);
    return { status: 204 };
  }

  #remove(id: string): void {
    if (!this.contacts.delete(id) && !/^\d+$/.test(id))
      this.violations.push('archive by something that is no record id');
    for (const list of this.lists.values()) list.members.delete(id);
  }

  #read(call: Call, ids: readonly string[]): Reply {
    const property = readObject(call.body)?.['idProperty'];
    const found = ids.flatMap((id) => {
      const contact = property === 'email' ? this.#findByEmail(id) : this.contacts.get(id);
      return contact ? [describeContact(contact)] : [];
    });
    const missing = ids.length - found.length;
    const errors =
      missing > 0 ? { numErrors: missing, errors: [{ category: 'OBJECT_NOT_FOUND', message: 'gone' }] } : {};
    return { status: missing > 0 ? 207 : 200, body: { status: 'COMPLETE', results: found, ...errors } };
  }

  #write(action: string, inputs: readonly Record<string, unknown>[]): Reply {
    const results: unknown[] = [];
    const errors: unknown[] = [];
    for (const input of inputs) {
      const properties = input['properties'];
      if (!isObject(properties)) return this.#refuse('an input without properties');
      const odd = Object.entries(properties).find(([, value]) => typeof value !== 'string');
      if (odd) return this.#refuse(`property ${odd[0]} is no text`);
      const trace = input['objectWriteTraceId'];
      const failed = (category: string, message: string) =>
        errors.push({ status: 'error', category, message, context: { objectWriteTraceId: [trace] } });
      const email = String(properties['email'] ?? (action === 'upsert' ? input['id'] : '')).toLowerCase();
      if (this.poison.has(email)) {
        failed('VALIDATION_ERROR', 'Property values were not valid');
        continue;
      }
      const outcome = action === 'upsert' ? this.#upsert(input, email) : this.#update(input, email);
      if (typeof outcome === 'string') failed(outcome, 'not possible');
      else results.push({ ...outcome, objectWriteTraceId: trace });
    }
    const failures = errors.length > 0 ? { numErrors: errors.length, errors } : {};
    return { status: errors.length > 0 ? 207 : 200, body: { status: 'COMPLETE', results, ...failures } };
  }

  #upsert(input: Record<string, unknown>, email: string): object | string {
    if (input['idProperty'] !== 'email') this.violations.push('upsert without idProperty email');
    const id = String(input['id']).toLowerCase();
    if (!/^[^@\s]+@[^@\s]+$/.test(id)) return 'VALIDATION_ERROR';
    if (email !== id) this.violations.push('upsert whose id is not its email');
    const found = this.#findByEmail(id);
    const contact = found ?? this.own({ email: id });
    contact.properties = { ...contact.properties, ...(input['properties'] as Record<string, string>), email: id };
    return { ...describeContact(contact), new: found === undefined };
  }

  #update(input: Record<string, unknown>, email: string): object | string {
    const contact = this.contacts.get(String(input['id']));
    if (!contact) return 'OBJECT_NOT_FOUND';
    const other = email === '' ? undefined : this.#findByEmail(email);
    if (other && other.id !== contact.id) return 'CONFLICT';
    contact.properties = {
      ...contact.properties,
      ...(input['properties'] as Record<string, string>),
      ...(email ? { email } : {}),
    };
    return describeContact(contact);
  }

  #findByEmail(email: string): Contact | undefined {
    return [...this.contacts.values()].find(({ properties }) => properties['email'] === email.toLowerCase());
  }

  #listCall(call: Call, rest: string): Reply {
    const body = call.body === '' ? null : (JSON.parse(call.body) as unknown);
    if (call.method === 'POST' && (rest === '' || rest === '/')) return this.#createList(body);
    const byName = /^\/object-type-id\/0-1\/name\/(.+)$/.exec(rest);
    if (call.method === 'GET' && byName) {
      const name = decodeURIComponent(byName[1] ?? '');
      const found = [...this.lists].find(([, list]) => list.name.toLowerCase() === name.toLowerCase());
      if (!found) return error(404, 'OBJECT_NOT_FOUND', 'List does not exist');
      return { status: 200, body: { list: describeList(found) } };
    }
    const [, id = '', action = ''] = /^\/(\d+)(\/.*)?$/.exec(rest) ?? [];
    const list = this.lists.get(id);
    if (!list) return id === '' ? this.#unknown(call) : error(404, 'OBJECT_NOT_FOUND', 'List does not exist');
    if (call.method === 'GET' && action === '') return { status: 200, body: { list: describeList([id, list]) } };
    if (call.method === 'PUT') return this.#memberships(call, list, { action, body });
    return this.#unknown(call);
  }

  #memberships(call: Call, list: List, { action, body }: { readonly action: string; readonly body: unknown }): Reply {
    const changes = isObject(body) ? body : {};
    const none: readonly unknown[] = [];
    const pick = (name: string, key: string): readonly unknown[] =>
      action === `/memberships/${name}` && Array.isArray(body)
        ? body
        : Array.isArray(changes[key])
          ? changes[key]
          : none;
    if (!/^\/memberships\/(add|remove|add-and-remove)$/.test(action)) return this.#unknown(call);
    const adds = pick('add', 'recordIdsToAdd').map(String);
    const removals = pick('remove', 'recordIdsToRemove').map(String);
    const missing = [...adds, ...removals].filter((id) => !this.contacts.has(id));
    for (const id of adds) if (this.contacts.has(id)) list.members.add(id);
    for (const id of removals) list.members.delete(id);
    return {
      status: 200,
      body: {
        recordsIdsAdded: adds.filter((id) => !missing.includes(id)),
        recordIdsRemoved: removals.filter((id) => !missing.includes(id)),
        recordIdsMissing: missing,
      },
    };
  }

  #createList(body: unknown): Reply {
    if (!isObject(body) || typeof body['name'] !== 'string') return this.#refuse('list without name');
    if (body['objectTypeId'] !== '0-1') return this.#refuse('list of another object type');
    if (!['MANUAL', 'SNAPSHOT'].includes(String(body['processingType'])))
      return this.#refuse('list that takes no members');
    if ([...this.lists.values()].some(({ name }) => name === body['name']))
      return {
        status: 400,
        body: {
          status: 'error',
          category: 'VALIDATION_ERROR',
          subCategory: 'ILS.DUPLICATE_LIST_NAMES',
          message: 'exists',
        },
      };
    const id = String(this.#next++);
    const list = { name: body['name'], members: new Set<string>() };
    this.lists.set(id, list);
    return { status: 200, body: { list: describeList([id, list]) } };
  }

  #unknown(call: Call): Reply {
    this.unknownPaths.add(`${call.method} ${call.path}`);
    return error(404, 'NOT_FOUND', 'resource not found');
  }

  #refuse(problem: string): Reply {
    this.violations.push(problem);
    return error(400, 'VALIDATION_ERROR', problem);
  }
}

function error(status: number, category: string, message: string): Reply {
  return { status, body: { status: 'error', category, message, correlationId: 'c' } };
}

function describeList([listId, { name, members }]: readonly [string, List]): object {
  return {
    listId,
    name,
    objectTypeId: '0-1',
    processingType: 'MANUAL',
    additionalProperties: { hs_list_size: String(members.size) },
  };
}

function describeContact({ id, createdAt, properties }: Contact): object {
  return { id, createdAt, updatedAt: createdAt, archived: false, properties };
}
