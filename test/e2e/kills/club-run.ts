import { createHash } from 'node:crypto';
import { builtOnce } from '../built.ts';
import { HubSpotPlatform } from '../platforms/hubspot.ts';
import { MetaPlatform, type Person } from '../platforms/meta.ts';
import {
  type Call,
  type Fault,
  type Platform,
  type PlatformServer,
  type Reply,
  readObject,
  startPlatform,
} from '../platforms/platform-server.ts';
import { WebhookPlatform } from '../platforms/webhook.ts';
import { CLUB_SECRETS, club, clubActivations, clubHook, clubPeople, clubPlatforms } from '../projects/club.ts';
import { must, type Workspace } from '../workspace.ts';

/** The club, generated and built by real dbt, with its own list of people. */
export async function buildClub(): Promise<Workspace> {
  const data = clubPeople(10);
  return await builtOnce({
    name: 'club',
    files: club(),
    env: CLUB_SECRETS,
    data,
    build: async (workspace) => {
      await workspace.sql(...data);
      await must(workspace.dbt('parse'));
      await must(workspace.dinmo('generate'));
      await must(workspace.dbt('build'));
    },
  });
}

/** A copy of the built club that talks to these platforms, and has these people. */
export async function moveClub(
  built: Workspace,
  platforms: ClubPlatforms,
  given: { readonly people: number; readonly every?: number; readonly attempts?: number },
): Promise<Workspace> {
  const copy = built.copy();
  const [hook, meta, hubspot] = platforms.servers.map(({ url }) => url);
  const settings = clubHook(hook ?? '', platforms.batchSize);
  if (meta !== undefined && hubspot !== undefined) {
    copy.write('dinmo.yml', settings + clubPlatforms({ meta, hubspot }));
    copy.write(
      'dinmo/members.yml',
      clubActivations(
        'meta_people: {audience: Members}',
        'contacts: {operations: [insert, update, delete], mapping: {email: email, firstname: name, city: country}}',
      ),
    );
  } else copy.write('dinmo.yml', settings);
  await copy.sql(...clubPeople(given.people, given.every));
  return copy;
}

/** What one request changed, item by item: what it is about, and what it says of it. */
type ReadItems = (call: Call) => readonly string[];

/** Notes what a platform applied, to tell what it is sent again. */
class Recorded implements Platform {
  readonly #platform: Platform;
  readonly #items: ReadItems;
  readonly #note: (items: readonly string[]) => void;

  constructor(platform: Platform, items: ReadItems, note: (items: readonly string[]) => void) {
    this.#platform = platform;
    this.#items = items;
    this.#note = note;
  }

  answer(call: Call): Reply {
    const reply = this.#platform.answer(call);
    if (reply.status < 300) this.#note(this.#items(call));
    return reply;
  }
}

/** One platform's account of the data as it stands: what it applied, and how much of that it was sent once more. */
export interface Account {
  readonly applied: Set<string>;
  again: number;
}

/** The club's platforms, running: a webhook, and if wanted an ad platform and a CRM. */
export class ClubPlatforms {
  readonly batchSize: number;
  readonly hook: WebhookPlatform;
  readonly meta = new MetaPlatform(CLUB_SECRETS.META_TOKEN);
  readonly hubspot = new HubSpotPlatform(CLUB_SECRETS.HS_TOKEN);
  readonly servers: PlatformServer[] = [];
  readonly accounts: Readonly<Record<'hook' | 'meta_people' | 'contacts', Account>> = {
    hook: { applied: new Set(), again: 0 },
    meta_people: { applied: new Set(), again: 0 },
    contacts: { applied: new Set(), again: 0 },
  };

  private constructor(batchSize: number) {
    this.batchSize = batchSize;
    this.hook = new WebhookPlatform({ batchSize, secret: CLUB_SECRETS.HOOK_SECRET });
  }

  static async start(batchSize: number, which: 'webhook' | 'all' = 'webhook'): Promise<ClubPlatforms> {
    const club = new ClubPlatforms(batchSize);
    const all = [club.#recorded('hook', club.hook, hookItems)];
    if (which === 'all') {
      all.push(club.#recorded('meta_people', club.meta, metaItems));
      all.push(club.#recorded('contacts', club.hubspot, contactItems));
    }
    for (const platform of all) club.servers.push(await startPlatform(platform));
    return club;
  }

  #recorded(name: keyof ClubPlatforms['accounts'], platform: Platform, items: ReadItems): Platform {
    const account = this.accounts[name];
    return new Recorded(platform, items, (list) => {
      for (const item of list) {
        if (account.applied.has(item)) account.again += 1;
        account.applied.add(item);
      }
    });
  }

  get server(): PlatformServer {
    const [first] = this.servers;
    if (first === undefined) throw new Error('not started');
    return first;
  }

  /** Rules of a platform that were broken since the last time. */
  takeViolations(): readonly string[] {
    const { hook, meta, hubspot } = this;
    const unknown = [...hubspot.unknownPaths].map((path) => `unknown path ${path}`);
    hubspot.unknownPaths.clear();
    return [hook, meta, hubspot].flatMap(({ violations }) => violations.splice(0)).concat(unknown);
  }

  /** Requests so far. */
  get requests(): number {
    return this.servers.reduce((sum, { calls }) => sum + calls.length, 0);
  }

  slow(milliseconds: number): void {
    for (const server of this.servers) server.latencyMs = milliseconds;
  }

  trouble(fault: (call: Call) => Fault): void {
    for (const server of this.servers) server.fault = fault;
  }

  /** The data changed: what was sent before says nothing about what is sent now. */
  newPage(): void {
    for (const account of Object.values(this.accounts)) {
      account.applied.clear();
      account.again = 0;
    }
    for (const server of this.servers) server.calls.length = 0;
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
  }
}

/** Keys of a webhook request, as JSON text. */
export function keysOf(call: Call): readonly string[] {
  const rows = readObject(call.body)?.['rows'];
  return Array.isArray(rows) ? rows.map((row: Record<string, unknown>) => JSON.stringify(row['key'])) : [];
}

function hookItems(call: Call): readonly string[] {
  const rows = readObject(call.body)?.['rows'] as readonly Record<string, unknown>[]; // the platform has read it
  return rows.map((row) => JSON.stringify([row['key'], row['fields'] ?? null]));
}

function metaItems(call: Call): readonly string[] {
  if (!call.path.endsWith('/users')) return [];
  const payload = readObject(call.body)?.['payload'] as { readonly data: readonly unknown[] };
  return payload.data.map((cells) => JSON.stringify([call.method, cells]));
}

function contactItems(call: Call): readonly string[] {
  const action = /\/batch\/(upsert|update|archive)$/.exec(call.path)?.[1];
  if (action === undefined) return [];
  const inputs = readObject(call.body)?.['inputs'] as readonly Record<string, unknown>[];
  return inputs.map(({ id, properties }) => {
    const given = { ...(properties as Record<string, string> | undefined) };
    const { email = id, ...rest } = given;
    return JSON.stringify(action === 'archive' ? [id] : [email, Object.entries(rest).sort()]);
  });
}

interface Row {
  readonly id: string;
  readonly email: string;
  readonly phone: string;
  readonly name: string;
  readonly country: string;
}

/** What is wrong at the platforms, row by row, by the raw table alone: rows missing, left over, or not as they are now. */
export async function differences(workspace: Workspace, platforms: ClubPlatforms): Promise<readonly string[]> {
  const rows = (await workspace.sql(
    'select id, email, phone, name, country from raw.people where active order by id',
  )) as unknown as readonly Row[];
  const found = compare(
    'hook',
    Object.entries(platforms.hook.table('members.hook')),
    rows.map(({ id, email, name, country }) => [id, { mail: email, name, country }]),
  );
  if (platforms.servers.length === 1) return found;
  const members = platforms.meta.members('Members');
  const people = rows.map(({ email, phone }) => ({ EMAIL: sha256(email), PHONE: sha256(phone.replace(/\D/g, '')) }));
  const audience = [
    ...compare('meta identifier', identifiersOf(members), identifiersOf(people)),
    ...compare('meta', rowsOf(members), rowsOf(people)).filter((line) => !line.endsWith(LEFT_OVER)),
  ];
  const contacts = compare(
    'hubspot',
    Object.entries(platforms.hubspot.byEmail()).map(([email, all]) => [email, inOrder(all)]),
    rows.map(({ email, name, country }) => [email, inOrder({ email, firstname: name, city: country })]),
  );
  return [...found, ...audience, ...contacts];
}

const LEFT_OVER = ': left over';

function identifiersOf(people: readonly Person[]): readonly Pair[] {
  return people.flatMap((person) => Object.values(person).map((value): Pair => [value, '']));
}

/** Two members who swap an address leave the rows of before behind: none of their identifiers is a stranger's. */
function rowsOf(people: readonly Person[]): readonly Pair[] {
  return people.map((person) => [JSON.stringify(Object.entries(person).sort()), '']);
}

type Pair = readonly [key: string, value: unknown];

function compare(where: string, held: readonly Pair[], wanted: readonly Pair[]): string[] {
  const text = (pairs: readonly Pair[]): Map<string, string> =>
    new Map(pairs.map(([key, value]) => [key, JSON.stringify(value)]));
  const [has, should] = [text(held), text(wanted)];
  const wrong = [...should].filter(([key, value]) => has.get(key) !== value);
  const extra = [...has].filter(([key]) => !should.has(key));
  return [
    ...wrong.map(([key, value]) => `${where} ${key}: ${has.get(key) ?? 'missing'} instead of ${value}`),
    ...extra.map(([key]) => `${where} ${key}${LEFT_OVER}`),
  ];
}

function inOrder(all: Readonly<Record<string, string>>): unknown {
  return Object.entries(all).sort(([one], [other]) => (one < other ? -1 : 1));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
