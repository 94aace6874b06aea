import { bearer, type Call, isObject, type Platform, type Reply, readObject } from './platform-server.ts';

const HASHED = new Set([
  'EMAIL',
  'PHONE',
  'GEN',
  'DOBY',
  'DOBM',
  'DOBD',
  'LN',
  'FN',
  'FI',
  'CT',
  'ST',
  'ZIP',
  'COUNTRY',
]);
const CLEAR = new Set(['EXTERN_ID', 'MADID']);
const PERSONAL = ['EMAIL', 'PHONE', 'EXTERN_ID', 'MADID'];
const SHA256 = /^[0-9a-f]{64}$/;
const WEEK_S = 7 * 86_400;

export type Person = Readonly<Record<string, string>>;

interface Audience {
  readonly name: string;
  schema: string | null;
  members: Person[];
}

/** Meta's Graph API v26.0 as far as custom audiences and the Conversions API go. */
export class MetaPlatform implements Platform {
  readonly violations: string[] = [];
  readonly audiences = new Map<string, Audience>();
  /** event_name and event_id → event */
  readonly events = new Map<string, Record<string, unknown>>();
  /** Events received, repeated ones too. */
  eventsReceived = 0;
  /** Hashes that count as invalid entries in whatever request they come. */
  readonly poison = new Set<string>();
  readonly #token: string;
  #next = 6_000_000_001;

  constructor(token: string) {
    this.#token = token;
  }

  /** Members of the one audience of that name. */
  members(name: string): readonly Person[] {
    const found = [...this.audiences.values()].filter((audience) => audience.name === name);
    if (found.length > 1) this.violations.push(`${found.length} audiences named ${name}`);
    return found[0]?.members ?? [];
  }

  answer(call: Call): Reply {
    if ((bearer(call) ?? call.query.get('access_token')) !== this.#token) return graphError(401, 190, 'Invalid token');
    const audiences = /^\/v26\.0\/act_(\d+)\/customaudiences$/.exec(call.path);
    if (audiences) return this.#customAudiences(call);
    const users = /^\/v26\.0\/(\d+)\/users$/.exec(call.path);
    if (users) return this.#users(call, users[1] ?? '');
    const events = /^\/v26\.0\/(\d+)\/events$/.exec(call.path);
    if (events && call.method === 'POST') return this.#events(call);
    const node = /^\/v26\.0\/(\d+)$/.exec(call.path);
    const audience = this.audiences.get(node?.[1] ?? '');
    if (node && audience && call.method === 'GET')
      return { status: 200, body: { id: node[1], name: audience.name, operation_status: { code: 200 } } };
    if (node && audience && call.method === 'POST') {
      const name = readObject(call.body)?.['name'];
      if (typeof name === 'string') this.audiences.set(node[1] ?? '', { ...audience, name });
      return { status: 200, body: { success: true } };
    }
    return this.#refuse(`${call.method} ${call.path} does not exist`, 33);
  }

  #customAudiences(call: Call): Reply {
    if (call.method === 'GET') {
      const all = [...this.audiences].map(([id, { name }]) => ({ id, name }));
      const start = Number(call.query.get('after') ?? 0);
      const data = all.slice(start, start + 2); // small pages, so that following them is needed
      const more = start + 2 < all.length;
      const paging = { cursors: { before: String(start), after: String(start + 2) }, ...(more ? { next: 'yes' } : {}) };
      return { status: 200, body: { data, paging } };
    }
    const body = readObject(call.body);
    if (call.method !== 'POST' || typeof body?.['name'] !== 'string') return this.#refuse('audience without name');
    if (body['subtype'] !== 'CUSTOM') return this.#refuse('audience without subtype CUSTOM');
    if (!/^(USER|PARTNER|BOTH)/.test(String(body['customer_file_source'])))
      return this.#refuse('audience without customer_file_source');
    const id = String(this.#next++);
    this.audiences.set(id, { name: body['name'], schema: null, members: [] });
    return { status: 200, body: { id } };
  }

  #users(call: Call, id: string): Reply {
    const audience = this.audiences.get(id);
    if (!audience) return this.#refuse(`audience ${id} does not exist`, 33);
    const payload = readObject(call.body)?.['payload'] ?? call.query.get('payload');
    const { schema, data } = (isObject(payload) ? payload : (readObject(String(payload)) ?? {})) as {
      schema?: unknown;
      data?: unknown;
    };
    if (!Array.isArray(schema) || !Array.isArray(data)) return this.#refuse('payload without schema or data');
    if (data.length === 0 || data.length > 10_000) return this.#refuse(`${data.length} rows in a request`);
    const odd = schema.find((key) => !HASHED.has(String(key)) && !CLEAR.has(String(key)));
    if (odd !== undefined) return this.#refuse(`unknown schema key ${String(odd)}`);
    if (!schema.some((key) => PERSONAL.includes(String(key))))
      return this.#refuse('schema without anything to match on');
    let invalid = 0;
    for (const cells of data) {
      const person = readPerson(schema as string[], cells);
      if (typeof person === 'string') return this.#refuse(person);
      if (Object.values(person).some((value) => this.poison.has(value))) invalid += 1;
      else if (call.method === 'POST') add(audience, person);
      else audience.members = audience.members.filter((member) => !sharesIdentifier(member, person));
    }
    return {
      status: 200,
      body: {
        audience_id: id,
        session_id: '1',
        num_received: data.length,
        num_invalid_entries: invalid,
        invalid_entry_samples: {},
      },
    };
  }

  #events(call: Call): Reply {
    const data = readObject(call.body)?.['data'];
    if (!Array.isArray(data) || data.length === 0) return this.#refuse('no data');
    if (data.length > 1_000) return this.#refuse(`${data.length} events in a request`);
    for (const event of data as Record<string, unknown>[]) {
      const problem = problemOfEvent(event);
      if (problem !== null) return this.#refuse(problem);
      if (
        Object.values(event['user_data'] as object)
          .flat()
          .some((value) => this.poison.has(String(value)))
      )
        return graphError(400, 100, 'Invalid parameter'); // one bad event refuses the request
    }
    for (const event of data as Record<string, unknown>[]) {
      this.eventsReceived += 1;
      this.events.set(`${String(event['event_name'])} ${String(event['event_id'])}`, event);
    }
    return { status: 200, body: { events_received: data.length, messages: [], fbtrace_id: 'A' } };
  }

  #refuse(problem: string, subcode = 0): Reply {
    this.violations.push(problem);
    return graphError(400, 100, problem, subcode);
  }
}

function graphError(status: number, code: number, message: string, subcode = 0): Reply {
  return {
    status,
    body: { error: { message, type: 'OAuthException', code, error_subcode: subcode, fbtrace_id: 'A' } },
  };
}

function readPerson(schema: readonly string[], cells: unknown): Person | string {
  if (!Array.isArray(cells) || cells.length !== schema.length) return 'a row that does not fit the schema';
  const person: Record<string, string> = {};
  for (const [index, key] of schema.entries()) {
    const value = cells[index] as unknown;
    if (typeof value !== 'string') return `a cell of ${key} that is no text`;
    if (value === '') continue;
    if (HASHED.has(key) && !SHA256.test(value)) return `${key} not hashed`;
    person[key] = value;
  }
  return PERSONAL.some((key) => person[key] !== undefined) ? person : 'a row without anything to match on';
}

function add(audience: Audience, person: Person): void {
  const text = JSON.stringify(person);
  if (!audience.members.some((member) => JSON.stringify(member) === text)) audience.members.push(person);
}

function sharesIdentifier(one: Person, other: Person): boolean {
  return PERSONAL.some((key) => one[key] !== undefined && one[key] === other[key]);
}

function problemOfEvent(event: Record<string, unknown>): string | null {
  const { event_name: name, event_id: id, event_time: time, action_source: source, user_data: user } = event;
  if (typeof name !== 'string' || name === '') return 'event without event_name';
  if (typeof id !== 'string' || id === '') return 'event without event_id';
  if (!Number.isInteger(time)) return 'event_time is not whole seconds';
  const age = Date.now() / 1000 - Number(time);
  if (age > (source === 'physical_store' ? 62 * 86_400 : WEEK_S) || age < -60) return `event ${Math.round(age)} s old`;
  if (typeof source !== 'string') return 'event without action_source';
  if (!isObject(user)) return 'event without user_data';
  for (const key of ['em', 'ph', 'external_id', 'fn', 'ln', 'ct', 'zp', 'country']) {
    const values = user[key] === undefined ? [] : [user[key]].flat();
    if (values.some((value) => !SHA256.test(String(value)))) return `user_data.${key} not hashed`;
  }
  if (Object.keys(user).length === 0) return 'event without anything to match on';
  const custom = event['custom_data'];
  if (name === 'Purchase' && !(isObject(custom) && custom['currency'] !== undefined && custom['value'] !== undefined))
    return 'Purchase without currency and value';
  return null;
}
