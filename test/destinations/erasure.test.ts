import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ErasedPerson, SentIdentifier, ServiceContext } from '../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../src/destinations/http.ts';
import { findService, serviceLookup } from '../../src/destinations/registry.ts';
import { DinmoError } from '../../src/errors.ts';
import { erasureOf } from '../../src/knowledge/service-facts.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/start.ts';
import { secret } from '../privacy/canaries.ts';
import { hubspotContract } from './hubspot/published.ts';
import { readContract } from './published-contract.ts';
import { makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp, virtualClock } from './rows.ts';

const TOKEN = secret('erasure');

const CONTRACTS = { klaviyo: readContract('klaviyo'), hubspot: hubspotContract, braze: null, zendesk: null };
afterEach(() => expect(Object.values(CONTRACTS).flatMap((contract) => contract?.breaches() ?? [])).toEqual([]));

interface Place {
  readonly platform: 'braze' | 'klaviyo' | 'hubspot' | 'zendesk';
  readonly service: 'objects' | 'audiences';
  readonly context: Partial<ServiceContext>;
}

const BRAZE = { rest_endpoint: 'rest.fra-01.braze.eu', id_field: 'email' };
const CRM = { object_type: 'contacts', id_property: 'email' };
const DESK = { subdomain: 'shop', object_type: 'users', id_field: 'email', requests_per_minute: 180 };
const key = { api_key: TOKEN };
const token = { access_token: TOKEN };
const PLACES = {
  brazeUsers: { platform: 'braze', service: 'objects', context: { config: BRAZE, credentials: key } },
  brazeList: { platform: 'braze', service: 'audiences', context: { config: BRAZE, credentials: key } },
  profiles: {
    platform: 'klaviyo',
    service: 'objects',
    context: { config: { id_property: 'email' }, credentials: key },
  },
  list: { platform: 'klaviyo', service: 'audiences', context: { config: { match_by: 'phone' }, credentials: key } },
  contacts: { platform: 'hubspot', service: 'objects', context: { config: CRM, credentials: token } },
  deals: {
    platform: 'hubspot',
    service: 'objects',
    context: { config: { object_type: 'deals', id_property: 'number' }, credentials: token },
  },
  segment: { platform: 'hubspot', service: 'audiences', context: { config: {}, credentials: token } },
  users: { platform: 'zendesk', service: 'objects', context: { config: DESK, credentials: token } },
  tags: { platform: 'zendesk', service: 'audiences', context: { config: DESK, credentials: token } },
} as const satisfies Readonly<Record<string, Place>>;

const person = (part: Partial<ErasedPerson> = {}): ErasedPerson => ({
  ...{ key: 'p1@shop.example', recordId: null, identifiers: [] },
  ...part,
});
const byEmail: SentIdentifier = { kind: 'email', rank: 1, value: 'p1@shop.example', recordId: null };
const byPhone: SentIdentifier = { kind: 'phone', rank: 1, value: '+12025550100', recordId: null };

/** What was asked, and what became of it; a refusal as its code. */
async function erase(place: Place, answers: readonly Scripted[], people: readonly ErasedPerson[]) {
  const { http: scripted, asked } = scriptedHttp(answers);
  const http = CONTRACTS[place.platform]?.watch(scripted) ?? scripted;
  const service = await findService(place.platform, place.service);
  const context = makeContext({ ...place.context, http, clock: virtualClock(NOON) });
  const ended = await service.erase?.(context, people).catch((thrown: unknown) => {
    if (thrown instanceof DinmoError) return { kind: thrown.code };
    throw thrown;
  });
  const told = asked.map(({ method, url, body }) => {
    const { pathname } = new URL(url);
    return [`${method} ${pathname}`, ...(body === undefined ? [] : [JSON.parse(String(body))])];
  });
  return { kind: ended?.kind, told };
}

const deleted = (count: number): Scripted => ({ status: 200, body: { deleted: count } });
const nothing: Scripted = { status: 204 };
const gone: Scripted = { status: 404, body: { error: 'RecordNotFound', message: 'gone' } };
const found = (...ids: readonly string[]): Scripted => ({
  status: 200,
  body: { status: 'COMPLETE', results: ids.map((id) => ({ id, properties: { email: 'p1@shop.example' } })) },
});
const profile = { id: 'P1', attributes: { email: 'p1@shop.example', phone_number: '+12025550100' } };
const order = (id: string) => [
  'POST /api/data-privacy-deletion-jobs',
  {
    data: {
      type: 'data-privacy-deletion-job',
      attributes: { profile: { data: { type: 'profile', id, attributes: {} } } },
    },
  },
];
const read = 'POST /crm/objects/2026-09/contacts/batch/read';
const purge = (objectId: string) => ['POST /crm/objects/2026-09/contacts/gdpr-delete', { objectId }];

describe('the erasure of a platform', () => {
  test('is there where the facts say so, and nowhere else', async () => {
    const lookup = serviceLookup();
    const services = lookup.platforms.flatMap((name) => lookup.services(name).map((one) => findService(name, one)));
    for (const service of await Promise.all(services)) {
      const { kind, stays } = erasureOf(service.facts);
      expect([service.facts.title, service.erase !== undefined]).toEqual([service.facts.title, kind === 'profile']);
      if (kind === 'none') expect(stays).toMatch(/\.$/);
      if (kind === 'member') expect(service.facts.operations).toContain('delete');
    }
  });

  const email = { email: 'p1@shop.example', prioritization: ['identified', 'most_recently_updated'] };
  test.each<readonly [string, Place, readonly Scripted[], readonly ErasedPerson[], string, readonly unknown[]]>([
    [
      'Braze, by key',
      PLACES.brazeUsers,
      [deleted(1)],
      [person()],
      'asked',
      [['POST /users/delete', { email_addresses: [email] }]],
    ],
    [
      'Braze, by identifier',
      PLACES.brazeList,
      [deleted(0)],
      [person({ identifiers: [byEmail] })],
      'asked',
      [['POST /users/delete', { email_addresses: [email] }]],
    ],
    [
      'Braze, again after a fault',
      PLACES.brazeUsers,
      [{ status: 500, body: { message: 'x' } }, deleted(1)],
      [person()],
      'asked',
      [expect.anything(), expect.anything()],
    ],
    [
      'Braze, refused',
      PLACES.brazeUsers,
      [{ status: 401, body: { message: 'Invalid API key' } }],
      [person()],
      'http-401',
      [expect.anything()],
    ],
    [
      'Braze, a 2xx that says nothing',
      PLACES.brazeUsers,
      Array.from({ length: 5 }, () => ({ status: 200, body: { message: 'success' } })),
      [person()],
      'not-an-acknowledgement',
      Array.from({ length: 5 }, () => expect.anything()),
    ],
    ['Klaviyo, by id', PLACES.profiles, [{ status: 202 }], [person({ recordId: 'P9' })], 'asked', [order('P9')]],
    [
      'Klaviyo, looked up',
      PLACES.profiles,
      [{ status: 200, body: { data: [profile] } }, { status: 202 }],
      [person()],
      'asked',
      [['GET /api/profiles'], order('P1')],
    ],
    [
      'Klaviyo, nobody',
      PLACES.profiles,
      [{ status: 200, body: { data: [] } }],
      [person()],
      'erased',
      [['GET /api/profiles']],
    ],
    [
      'Klaviyo, the kind that the list goes by',
      PLACES.list,
      [{ status: 200, body: { data: [profile] } }, { status: 202 }],
      [person({ identifiers: [byEmail, byPhone] })],
      'asked',
      [['GET /api/profiles'], order('P1')],
    ],
    [
      'HubSpot, by id',
      PLACES.contacts,
      [found('7'), nothing],
      [person({ recordId: '7' })],
      'erased',
      [[read, { properties: [], inputs: [{ id: '7' }] }], purge('7')],
    ],
    [
      'HubSpot, never by an address',
      PLACES.contacts,
      [found('7'), found('7'), nothing],
      [person()],
      'erased',
      [[read, expect.objectContaining({ idProperty: 'email' })], [read, expect.anything()], purge('7')],
    ],
    [
      'HubSpot, gone already',
      PLACES.segment,
      [found()],
      [person({ identifiers: [{ ...byEmail, recordId: '7' }] })],
      'erased',
      [[read, expect.anything()]],
    ],
    [
      'HubSpot, a contact that cannot be erased',
      PLACES.contacts,
      [found('7'), { status: 404, body: { message: 'no such path' } }],
      [person({ recordId: '7' })],
      'rejected',
      [expect.anything(), purge('7')],
    ],
    [
      'HubSpot, another type',
      PLACES.deals,
      [nothing],
      [person({ recordId: '7' })],
      'erased',
      [['POST /crm/objects/2026-09/deals/batch/archive', { inputs: [{ id: '7' }] }]],
    ],
    [
      'Zendesk, in two steps',
      PLACES.users,
      [
        { status: 200, body: { user: { id: 7 } } },
        { status: 200, body: { deleted_user: { id: 7 } } },
      ],
      [person({ recordId: '7' })],
      'asked',
      [['DELETE /api/v2/users/7'], ['DELETE /api/v2/deleted_users/7']],
    ],
    [
      'Zendesk, after a death between them',
      PLACES.users,
      [
        { status: 422, body: { error: 'RecordInvalid' } },
        { status: 200, body: { deleted_user: { id: 7 } } },
        { status: 200, body: { deleted_user: { id: 7 } } },
      ],
      [person({ recordId: '7' })],
      'asked',
      [['DELETE /api/v2/users/7'], ['GET /api/v2/deleted_users/7'], ['DELETE /api/v2/deleted_users/7']],
    ],
    [
      'Zendesk, who has open tickets',
      PLACES.users,
      [{ status: 422, body: { error: 'RecordInvalid', description: 'is requester on 1 ticket' } }, gone],
      [person({ recordId: '7' })],
      'RecordInvalid',
      [['DELETE /api/v2/users/7'], ['GET /api/v2/deleted_users/7']],
    ],
    [
      'Zendesk, nobody',
      PLACES.tags,
      [{ status: 200, body: { users: [] } }],
      [person({ identifiers: [byEmail] })],
      'erased',
      [['GET /api/v2/users/search']],
    ],
  ])('%s', async (...[, place, answers, people, kind, told]) => {
    expect(await erase(place, answers, people)).toEqual({ kind, told });
  });
});

describe('on the simulated platforms', () => {
  let sandbox: Sandbox;
  let http: ClosableHttpClient;
  beforeAll(async () => {
    sandbox = await startSandbox();
    http = createHttpClient();
  });
  afterAll(async () => {
    await http.close();
    await sandbox.close();
  });

  test.each(['brazeUsers', 'contacts', 'users'] as const)(
    '%s: one of two is left, and no rule is broken',
    async (name) => {
      const { platform, service, context: part } = PLACES[name];
      const found = await findService(platform, service);
      const baseUrl = sandbox.baseUrl(platform, name.toLowerCase());
      const context = makeContext({ ...part, http, baseUrl, operations: ['insert'], destinationKeyField: 'email' });
      const session = await found.open(context);
      const rows = [1, 2].map((seq) =>
        makeRow({ seq, key: `p${seq}@shop.example`, fieldsJson: `{"email":"p${seq}@shop.example","name":"N"}` }),
      );
      const { signal } = new AbortController();
      const batch = makeBatch(rows);
      const sent = await session.send(batch, signal);
      // Zendesk keeps who is there by a job, which ends at once.
      if (sent.kind === 'submitted') await session.poll?.({ handle: sent.handle, operation: 'insert', rows }, signal);
      for (const _again of [1, 2]) await found.erase?.(context, [person()]);
      const state = sandbox.state().destinations.find(({ destination }) => destination === name.toLowerCase());
      expect(state?.violations.latest).toEqual([]);
      expect(state?.objects).toMatchObject([{ size: 1, created: 2 }]);
    },
  );
});
