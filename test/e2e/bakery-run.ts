import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { builtOnce } from './built.ts';
import { HubSpotPlatform } from './platforms/hubspot.ts';
import { MetaPlatform, type Person } from './platforms/meta.ts';
import { type Call, type Fault, type PlatformServer, startPlatform } from './platforms/platform-server.ts';
import { WebhookPlatform } from './platforms/webhook.ts';
import { BAKERY_SECRETS, type BakeryPlaces, bakery, bakeryData } from './projects/bakery.ts';
import { must, type Workspace } from './workspace.ts';

/** The bakery's platforms, running. */
export class BakeryPlatforms {
  readonly hook = new WebhookPlatform({ batchSize: 7, secret: BAKERY_SECRETS.HOOK_SECRET });
  readonly meta = new MetaPlatform(BAKERY_SECRETS.META_TOKEN);
  readonly hubspot = new HubSpotPlatform(BAKERY_SECRETS.HS_TOKEN);
  readonly servers: readonly PlatformServer[];

  private constructor(servers: (platforms: BakeryPlatforms) => readonly PlatformServer[]) {
    this.servers = servers(this);
  }

  static async start(): Promise<BakeryPlatforms> {
    const started: PlatformServer[] = [];
    const platforms = new BakeryPlatforms(() => started);
    for (const platform of [platforms.hook, platforms.meta, platforms.hubspot])
      started.push(await startPlatform(platform));
    return platforms;
  }

  get places(): BakeryPlaces {
    const [webhook = '', meta = '', hubspot = ''] = this.servers.map(({ url }) => url);
    return { webhook, meta, hubspot };
  }

  get calls(): readonly Call[] {
    return this.servers.flatMap(({ calls }) => calls);
  }

  get violations(): readonly string[] {
    return [...this.hook.violations, ...this.meta.violations, ...this.hubspot.violations, ...this.hubspot.unknownPaths];
  }

  trouble(fault: (call: Call) => Fault): void {
    for (const server of this.servers) server.fault = fault;
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
  }
}

/** The bakery, generated and built by real dbt, with these people; its platforms are nowhere until it moves. */
export async function buildBakery(people: number): Promise<Workspace> {
  const nowhere = 'http://127.0.0.1:9';
  const workspace = await builtOnce({
    name: 'bakery',
    files: bakery({ webhook: nowhere, meta: nowhere, hubspot: nowhere }),
    env: BAKERY_SECRETS,
    data: bakeryData(40),
    build: async (fresh) => {
      await fresh.sql(...bakeryData(40));
      await must(fresh.dbt('parse'));
      await must(fresh.dinmo('check'));
      await must(fresh.dinmo('generate'));
      await must(fresh.dbt('build'));
    },
  });
  if (people !== 40) await workspace.sql(...bakeryData(people));
  return workspace;
}

/** A copy of a built bakery that talks to other platforms. */
export function moveBakery(workspace: Workspace, places: BakeryPlaces): Workspace {
  const copy = workspace.copy();
  copy.write('dinmo.yml', bakery(places)['dinmo.yml'] ?? '');
  return copy;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The filter of the segment `loyal`, written by hand. */
export const LOYAL = `country in ('FR', 'GB') and (spend >= 100 or
  (select count(*) from raw.purchases p where p.person_id = people.id) >= 2)`;

interface Row {
  readonly id: number;
  readonly email: string | null;
  readonly phone: string | null;
  readonly first_name: string;
  readonly country: string;
  readonly spend: string;
  readonly points: string;
  readonly opted_out: boolean | null;
  readonly seen: string;
}

/** What the rows in the raw tables say the platforms should hold; nothing of the program is asked. */
export async function expectedStates(workspace: Workspace, loyal = LOYAL) {
  const members = (await workspace.sql(`select id, email, phone, first_name, country, spend, points, opted_out,
    strftime(seen_at, '%Y-%m-%dT%H:%M:%SZ') as seen from raw.people where ${loyal} order by id`)) as unknown as Row[];
  const top = (await workspace.sql(`select id, email from raw.people where spend > 20
    order by spend desc, id limit 15`)) as unknown as Pick<Row, 'id' | 'email'>[];
  const bought = await workspace.sql(`select purchase_id, amount, person_id, buyer_email,
    bought_at >= (now() at time zone 'UTC') - interval 62 day as young from raw.purchases where amount > 5`);
  const sent = members.filter(({ opted_out }) => opted_out !== true);
  const bySmallestKey = new Map<string, Row>();
  for (const row of members) {
    const email = cleanEmail(row.email);
    if (email !== null && !bySmallestKey.has(email)) bySmallestKey.set(email, row);
  }
  return {
    hook: Object.fromEntries(
      members.map((row) => [
        row.id,
        { mail: row.email, country: row.country, spend: row.spend, points: Number(row.points), seen: row.seen },
      ]),
    ),
    control: Object.fromEntries(
      top.filter(({ id }) => !isHeldOut('spring', id, 30)).map(({ id, email }) => [id, { mail: email }]),
    ),
    people: sent.map(personOf).filter((person) => Object.keys(person).length > 0),
    list: [...new Set(sent.map(({ email }) => cleanEmail(email)).filter((email) => email !== null))].sort(),
    contacts: Object.fromEntries(
      [...bySmallestKey].map(([email, row]) => [email, { email, firstname: row.first_name, city: row.country }]),
    ),
    hookEvents: Object.fromEntries(
      bought.map((row) => [row['purchase_id'], { amount: row['amount'], who: row['person_id'] }]),
    ),
    metaEvents: bought.filter((row) => row['buyer_email'] !== null && row['young']).length,
  };
}

function cleanEmail(email: string | null): string | null {
  return email === null ? null : email.trim().toLowerCase();
}

function personOf({ email, phone }: Row): Person {
  const clean = cleanEmail(email);
  return {
    ...(clean === null ? {} : { EMAIL: sha256(clean) }),
    ...(phone === null ? {} : { PHONE: sha256(phone.replace(/\D/g, '')) }),
  };
}

export function isHeldOut(salt: string, key: number | string, percent: number): boolean {
  const hex = createHash('md5').update(`${salt}:${key}`).digest('hex').slice(0, 8);
  return Number.parseInt(hex, 16) % 10_000 < percent * 100;
}

/** The platforms hold exactly what the raw tables say. */
export async function expectEqual(
  workspace: Workspace,
  platforms: BakeryPlatforms,
  kinds: readonly string[] = ['email', 'phone'],
): Promise<void> {
  const expected = await expectedStates(workspace);
  const { hook, meta, hubspot } = platforms;
  expect(platforms.violations).toEqual([]);
  expect(byNumber(hook.table('loyal.hook'))).toEqual(expected.hook);
  expect(byNumber(hook.table('control.hook'))).toEqual(expected.control);
  expectPeople(
    meta.members('Loyal buyers'),
    expected.people.map((person) => withKinds(person, kinds)).filter((person) => Object.keys(person).length > 0),
  );
  expect(hubspot.listMembers('Loyal list')).toEqual(expected.list);
  expect(hubspot.byEmail()).toEqual(expected.contacts);
}

/** Events are kept for ever, so they are compared where none was taken away. */
export async function expectEvents(workspace: Workspace, { hook, meta }: BakeryPlatforms): Promise<void> {
  const expected = await expectedStates(workspace);
  expect(byNumber(hook.table('bought.hook_events'))).toEqual(expected.hookEvents);
  expect(meta.events.size).toBe(expected.metaEvents);
}

/** Exactly the identifiers of the expected, and each of them whole. */
export function expectPeople(held: readonly Person[], expected: readonly Person[]): void {
  const identifiers = (people: readonly Person[]) =>
    [...new Set(people.flatMap((person) => Object.values(person)))].sort();
  expect(identifiers(held)).toEqual(identifiers(expected));
  const rows = new Set(held.map(text));
  expect(expected.map(text).filter((person) => !rows.has(person))).toEqual([]);
}

function withKinds(person: Person, kinds: readonly string[]): Person {
  return Object.fromEntries(Object.entries(person).filter(([key]) => kinds.includes(key.toLowerCase())));
}

function text(person: Person): string {
  return JSON.stringify(Object.entries(person).sort());
}

function byNumber(table: Record<string, Record<string, unknown>>): Record<string, Record<string, unknown>> {
  return Object.fromEntries(Object.entries(table).sort(([a], [b]) => Number(a) - Number(b)));
}
