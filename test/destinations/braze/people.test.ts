import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { BatchOutcome, OutgoingRow, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { DestinationState } from '../../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { fieldsOf, makeBatch, makeContext, makeRow, NOON, scriptedHttp } from '../rows.ts';

const CONFIG = { rest_endpoint: 'rest.fra-01.braze.eu', id_field: 'external_id', update_existing_only: false };
const GROUP = '7ff593a3-cda8-4a98-98b2-0c5b2e9a4b11';

const person = (seq: number, ids: Readonly<Record<string, string>>, more: Partial<OutgoingRow> = {}): OutgoingRow =>
  makeRow({
    seq,
    identifiers: Object.entries(ids).map(([name, value]) => ({
      kind: name.replace(/_\d$/, '').replace('id', 'external_id') as 'email',
      value,
      rank: Number(/\d$/.exec(name)?.[0] ?? 1),
      recordId: null,
    })),
    ...more,
  });

describe('people in Braze', () => {
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

  const open = async (name: string, service: ServiceKind, part: Partial<ServiceContext>): Promise<Session> =>
    (await findService('braze', service)).open(
      makeContext({
        ...{ credentials: { api_key: 'key' }, http, baseUrl: sandbox.baseUrl('braze', name), audienceName: 'vip' },
        ...part,
      }),
    );
  const send = (session: Session, rows: readonly OutgoingRow[]): Promise<BatchOutcome> =>
    session.send(makeBatch(rows), new AbortController().signal);
  const stateOf = (name: string): DestinationState => {
    const found = sandbox.state().destinations.find((one) => one.destination === name);
    if (found === undefined) throw new Error('never reached');
    expect(found.violations.latest).toEqual([]);
    return found;
  };

  it('are in an audience by a flag that is true, and false for who left; nobody gets a profile for leaving', async () => {
    const session = await open('flags', 'audiences', { config: { ...CONFIG, membership: 'attribute' } });
    expect(session.audienceId).toBe('vip');
    await send(session, [person(1, { id: 'c-1', email: 'a@shop.example' }), person(2, { id_1: 'c-2', id_2: 'c-3' })]);
    await send(session, [
      person(3, { id: 'c-1' }, { operation: 'delete' }),
      person(4, { id: 'c-9' }, { operation: 'delete' }),
    ]);
    const { audiences, objects } = stateOf('flags');
    expect(audiences).toMatchObject([{ id: 'vip', owner: 'attribute', size: 2, added: 3, removed: 1 }]);
    // By its external id alone: another profile may have the e-mail address.
    expect(objects[0]?.records.map(({ fields }) => fields)).toEqual([
      { external_id: 'c-1', vip: false },
      { external_id: 'c-2', vip: true },
      { external_id: 'c-3', vip: true },
    ]);
  });

  it('share an identifier without being flagged twice, and each row has its own verdict', async () => {
    const { http: scripted, asked } = scriptedHttp([
      { status: 201, body: { message: 'success', errors: [{ type: 'no', input_array: 'attributes', index: 0 }] } },
    ]);
    const session = await open('shared', 'audiences', { config: CONFIG, http: scripted });
    const rows = [person(1, { id: 'x' }), person(2, { id: 'x' }), person(3, { id: 'y' })];
    expect(await send(session, rows)).toMatchObject({
      receipts: [{ status: 'rejected' }, { status: 'rejected' }, { status: 'accepted' }],
    });
    expect(JSON.parse(String(asked[0]?.body)).attributes).toHaveLength(2);
  });

  it('with more identifiers than a request takes are sent in two', async () => {
    const session = await open('many', 'audiences', { config: CONFIG, http: scriptedHttp([]).http });
    const rows = Array.from({ length: 75 }, (_, n) => person(n + 1, { id_1: `a${n}`, id_2: `b${n}` }));
    expect(await send(session, rows)).toMatchObject({ kind: 'too_large' });
    expect(await send(session, [person(1, { email: 'only@shop.example' }, { operation: 'delete' })])).toEqual({
      kind: 'accepted',
    });
  });

  it('are in a subscription group, 50 a request, where they have a profile', async () => {
    const profiles = await open('groups', 'objects', { config: CONFIG, operations: ['insert'] });
    await send(
      profiles,
      ['a@shop.example', 'b@shop.example'].map((email, n) =>
        makeRow({ seq: n, key: `c-${n}`, fieldsJson: fieldsOf({ email }) }),
      ),
    );
    const config = { ...CONFIG, membership: 'subscription_group', id_field: 'email' };
    const service = await findService('braze', 'audiences');
    expect(service.limits?.(config)).toMatchObject({ rowsPerRequestMax: 50, requestsPerMinuteMax: 5_000 });
    const session = await open('groups', 'audiences', { config, audienceName: GROUP });
    const rows = ['a@shop.example', 'b@shop.example', 'nobody@shop.example'].map((email, n) => person(n, { email }));
    expect(await send(session, rows)).toEqual({ kind: 'accepted' });
    await send(session, [person(9, { email: 'a@shop.example' }, { operation: 'delete' })]);
    expect(stateOf('groups').audiences).toMatchObject([
      { id: GROUP, owner: 'subscription_group', size: 1, members: [{ external_id: ['c-1'] }] },
    ]);
    expect(stateOf('groups').objects[0]?.size).toBe(2);
  });

  it.each([
    ['a name that is no id of a group', { membership: 'subscription_group' }, 'vip', 'not-a-subscription-group'],
    [
      'a group by alias',
      { membership: 'subscription_group', id_field: 'user_alias', alias_label: 'x' },
      GROUP,
      'profile-id-not-supported',
    ],
    ['a field of Braze’s own as the flag', {}, 'email', 'attribute-name'],
    ['a name that steers the request', {}, '_update_existing_only', 'attribute-name'],
  ])('%s is a configuration error', async (_name, config, audienceName, code) => {
    const opened = open('config', 'audiences', { config: { ...CONFIG, ...config }, audienceName });
    await expect(opened).rejects.toMatchObject({ kind: 'configuration', code });
  });

  it('without the identifier that the destination goes by are invalid, but for their removal', async () => {
    const { validate } = await findService('braze', 'audiences');
    const config = { ...CONFIG, id_field: 'phone' };
    expect(validate?.(person(1, { email: 'a@shop.example' }), NOON, config)).toMatchObject({
      code: 'no-profile-id',
      leaves: true,
    });
    expect(validate?.(person(1, { phone: '+33612345678' }), NOON, config)).toBeNull();
    expect(validate?.(person(1, { email: 'a@shop.example' }, { operation: 'delete' }), NOON, config)).toBeNull();
  });

  it('do things, with a time, a name and properties', async () => {
    const config = { ...CONFIG, send_as: 'events', event_name: 'ordered', app_id: 'app-1' };
    const columns = [{ field: 'total', dataType: 'DECIMAL(10,2)' }];
    const session = await open('events', 'events', { config, columns });
    const eventTime = '2026-06-15T11:00:00.000Z';
    const fieldsJson = fieldsOf({ total: '12.50', coupon: null, lines: [{ sku: 'a', gift: null }] });
    await send(session, [
      person(1, { id: 'c-1' }, { eventTime, fieldsJson }),
      person(2, { id: 'c-1' }, { eventTime, fieldsJson: fieldsOf({ event_name: 'paid' }) }),
    ]);
    const common = { external_id: 'c-1', _update_existing_only: false, app_id: 'app-1', time: eventTime };
    expect(stateOf('events').events).toMatchObject([
      {
        id: 'events',
        events: [
          { ...common, name: 'ordered', properties: { total: 12.5, lines: [{ sku: 'a' }] } },
          { ...common, name: 'paid' },
        ],
      },
    ]);
    expect(stateOf('events').events[0]?.events[1]).not.toHaveProperty('properties');
  });

  it('buy things, with a number for the price', async () => {
    const session = await open('purchases', 'events', { config: { ...CONFIG, send_as: 'purchases' } });
    const fieldsJson = fieldsOf({ product_id: 'shoes', currency: 'eur', price: '99.90', quantity: 2, size: 42 });
    await send(session, [person(1, { id: 'c-1' }, { eventTime: '2026-06-15T11:00:00Z', fieldsJson })]);
    expect(stateOf('purchases').events).toMatchObject([
      {
        id: 'purchases',
        events: [{ product_id: 'shoes', currency: 'EUR', price: 99.9, quantity: 2, properties: { size: 42 } }],
      },
    ]);
  });

  it('do nothing twice: an event without a verdict is unknown, never narrowed down', async () => {
    const { http: scripted } = scriptedHttp([{ status: 201, body: { message: 'success', errors: ['minor'] } }]);
    const session = await open('unknown', 'events', { config: { ...CONFIG, event_name: 'x' }, http: scripted });
    const rows = [1, 2].map((seq) => person(seq, { id: `c-${seq}` }, { eventTime: '2026-06-15T11:00:00Z' }));
    expect(await send(session, rows)).toMatchObject({ receipts: [{ status: 'unknown' }, { status: 'unknown' }] });
    expect((await findService('braze', 'events')).facts.deduplicates).toBe(false);
  });

  it.each([
    [{ events_processed: 3 }, ['accepted', 'accepted', 'accepted'], 0],
    [{}, ['accepted', 'accepted', 'accepted'], 0],
    [{ events_processed: '1' }, ['unknown', 'unknown', 'unknown'], 0],
    [{ events_processed: 2 }, ['accepted', 'rejected', 'accepted'], 1],
    [{ events_processed: 1 }, ['unknown', 'rejected', 'unknown'], 1],
  ])('are taken as far as Braze counts: %j', async (counts, verdicts, errors) => {
    const named = [{ type: 'bad', input_array: 'events', index: 1 }].slice(0, errors);
    const body = { message: 'success', ...counts, errors: named };
    const session = await open('counted', 'events', {
      config: { ...CONFIG, event_name: 'x' },
      http: scriptedHttp([{ status: 201, body }]).http,
    });
    const rows = [1, 2, 3].map((seq) => person(seq, { id: `c-${seq}` }, { eventTime: '2026-06-15T11:00:00Z' }));
    expect(await send(session, rows)).toMatchObject({ receipts: verdicts.map((status) => ({ status })) });
  });

  const event = { event_name: 'x' };
  const purchase = { product_id: 'p', currency: 'EUR', price: '1' };
  it.each([
    ['event-without-name', 'events', {}, '2026-06-15T11:00:00Z'],
    ['event-without-time', 'events', event, null],
    ['event-in-future', 'events', event, '2026-06-15T13:00:00Z'],
    ['reserved-property', 'events', { ...event, time: 'noon' }, '2026-06-15T11:00:00Z'],
    ['purchase-without-product', 'purchases', { ...purchase, product_id: null }, '2026-06-15T11:00:00Z'],
    ['purchase-without-currency', 'purchases', { ...purchase, currency: 'euro' }, '2026-06-15T11:00:00Z'],
    ['purchase-without-price', 'purchases', { ...purchase, price: 'free' }, '2026-06-15T11:00:00Z'],
    ['purchase-quantity', 'purchases', { ...purchase, quantity: 101 }, '2026-06-15T11:00:00Z'],
    [null, 'events', event, '2026-06-15T11:00:00Z'],
    [null, 'purchases', purchase, '2026-06-15T11:00:00Z'],
  ])('%s: %s', async (code, send_as, fields, eventTime) => {
    const { validate } = await findService('braze', 'events');
    const row = person(1, { id: 'c-1' }, { eventTime, fieldsJson: fieldsOf(fields) });
    expect(validate?.(row, NOON, { ...CONFIG, send_as })?.code ?? null).toBe(code);
  });
});
