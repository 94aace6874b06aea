import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OutgoingRow, ServiceContext } from '../../../src/destinations/destination.ts';
import { eventId } from '../../../src/destinations/event-id.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { readContract } from '../published-contract.ts';
import { makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';

const CONTRACT = readContract('klaviyo');
afterEach(() => expect(CONTRACT.breaches()).toEqual([]));

const KEY = { api_key: 's3cr3t-a-good-key' };
const ACCOUNT: Scripted = { status: 200, body: { data: [{ type: 'account', id: 'AbC123' }] } };

type Given = readonly [kind: 'email' | 'phone' | 'external_id', value: string, recordId?: string | undefined];

const member = (seq: number, given: readonly Given[], operation: OutgoingRow['operation'] = 'insert'): OutgoingRow =>
  makeRow({
    seq,
    operation,
    identifiers: given.map(([kind, value, recordId = null], index) => ({ kind, value, rank: index + 1, recordId })),
  });

let sandbox: Sandbox;
let http: ClosableHttpClient;
beforeAll(async () => {
  sandbox = await startSandbox();
  http = CONTRACT.watch(createHttpClient());
});
afterAll(async () => {
  await http.close();
  await sandbox.close();
});

describe('lists', () => {
  const open = async (name: string, part: Partial<ServiceContext> = {}) => {
    const context = {
      credentials: KEY,
      config: { match_by: 'email' },
      http,
      baseUrl: sandbox.baseUrl('klaviyo', name),
    };
    const session = await (await findService('klaviyo', 'audiences')).open(
      makeContext({ ...context, audienceName: 'VIP "1"', ...part }),
    );
    return {
      session,
      send: (rows: readonly OutgoingRow[]) => session.send(makeBatch(rows), new AbortController().signal),
    };
  };
  const stateOf = (name: string) => sandbox.state().destinations.find((one) => one.destination === name);

  it('are made, found by name, known by id, renamed and deleted', async () => {
    const first = await open('named');
    expect((await open('named')).session.audienceId).toBe(first.session.audienceId);
    const { audienceId } = first.session;
    await open('named', { audienceId, audienceNameBefore: 'VIP "1"', audienceName: 'VIP 2' });
    expect(stateOf('named')?.audiences).toMatchObject([{ id: audienceId, name: 'VIP 2' }]);
    const service = await findService('klaviyo', 'audiences');
    const context = makeContext({ credentials: KEY, http, baseUrl: sandbox.baseUrl('klaviyo', 'named') });
    await service.deleteAudience?.(context, audienceId ?? '');
    await service.deleteAudience?.(context, audienceId ?? '');
    expect(stateOf('named')?.audiences).toEqual([]);
  });

  it('are refused where two share the name', async () => {
    const list = { type: 'list', id: 'a', attributes: { name: 'VIP "1"' } };
    const script = scriptedHttp([ACCOUNT, { status: 200, body: { data: [list, { ...list, id: 'b' }] } }]);
    await expect(open('x', { http: script.http, baseUrl: null })).rejects.toMatchObject({
      code: 'list-name-ambiguous',
    });
  });

  it('make profiles of the one kind that matches, and remove by the ids of the receipts, or by a look-up', async () => {
    const { send } = await open('members', { changes: 2 });
    const outcome = await send([
      member(1, [
        ['email', 'a1@shop.example'],
        ['email', 'a2@shop.example'],
        ['phone', '+33612345678'],
      ]),
      member(2, [['email', 'b@shop.example']]),
    ]);
    if (outcome.kind !== 'receipts' || outcome.receipts[0]?.status !== 'accepted') throw new Error('not accepted');
    const ids = outcome.receipts[0].identifierRecordIds ?? {};
    expect(Object.keys(ids)).toEqual(['email:a1@shop.example', 'email:a2@shop.example']);
    // A phone number says nothing of the list: the profile that has it may be anybody’s.
    await send([member(3, [['phone', '+33612345678']], 'delete')]);
    expect(stateOf('members')?.audiences).toMatchObject([{ size: 3 }]);
    await send([
      member(4, [['email', 'a2@shop.example', ids['email:a2@shop.example']]], 'delete'),
      member(
        5,
        [
          ['email', 'B@shop.example'.toLowerCase()],
          ['email', 'never@shop.example'],
        ],
        'delete',
      ),
    ]);
    expect(stateOf('members')?.audiences[0]?.members).toEqual([
      { profile_id: [ids['email:a1@shop.example']], email: ['a1@shop.example'] },
    ]);
    expect(stateOf('members')?.violations.latest).toEqual([]);
    expect(stateOf('members')?.log.some(({ path }) => path.includes('subscription'))).toBe(false);
  });

  it('take many members by a job, whose places are no rows where two rows share a profile', async () => {
    const { send, session } = await open('jobs', { changes: 100 });
    const plain = await send([member(1, [['email', 'a@shop.example']]), member(2, [['email', 'b@shop.example']])]);
    const shared = await send([member(3, [['email', 'a@shop.example']]), member(4, [['email', 'a@shop.example']])]);
    if (plain.kind !== 'submitted' || shared.kind !== 'submitted') throw new Error('no job');
    expect([plain.handle.endsWith('*'), shared.handle.endsWith('*')]).toEqual([false, true]);
    const job = {
      handle: shared.handle,
      operation: 'insert',
      rows: [
        { seq: 3, key: '3' },
        { seq: 4, key: '4' },
      ],
    } as const;
    expect(await session.poll?.(job, new AbortController().signal)).toMatchObject({ kind: 'accepted' });
    expect(stateOf('jobs')?.audiences).toMatchObject([{ size: 2 }]);
  });

  it('look a member up anew whose id is gone', async () => {
    const { http: scripted, asked } = scriptedHttp([
      ACCOUNT,
      { status: 404, body: { errors: [{ code: 'not_found', detail: 'A profile with that id does not exist' }] } },
      { status: 200, body: { data: [{ id: 'new', attributes: { email: 'a@shop.example' } }] } },
      { status: 204 },
    ]);
    const { send } = await open('x', { http: scripted, baseUrl: null, audienceId: 'L1' });
    expect(await send([member(1, [['email', 'a@shop.example', 'old']], 'delete')])).toMatchObject({ kind: 'receipts' });
    expect(asked.at(-1)).toMatchObject({ method: 'DELETE', body: '{"data":[{"type":"profile","id":"new"}]}' });
  });

  it('write no profile again when only the list has failed', async () => {
    const made = { status: 201, body: { data: { id: 'p1', attributes: {} } } };
    const { http: scripted, asked } = scriptedHttp([ACCOUNT, made, { status: 503 }, { status: 204 }]);
    const { send } = await open('x', { http: scripted, baseUrl: null, audienceId: 'L1' });
    const rows = [member(1, [['email', 'a@shop.example']])];
    expect(await send(rows)).toMatchObject({ kind: 'retry' });
    expect(await send(rows)).toMatchObject({ receipts: [{ identifierRecordIds: { 'email:a@shop.example': 'p1' } }] });
    expect(asked.filter(({ url }) => url.endsWith('profile-import'))).toHaveLength(1);
  });

  it('are changed where Klaviyo says 204, and by no other 2xx', async () => {
    for (const answer of [{ status: 200, body: {} }, { status: 207, body: { results: [] } }, { status: 202 }]) {
      const { http: scripted } = scriptedHttp([ACCOUNT, answer]);
      const { send } = await open('x', { http: scripted, baseUrl: null, audienceId: 'L1' });
      const leaver = member(1, [['email', 'a@shop.example', 'p1']], 'delete');
      expect(await send([leaver])).toMatchObject({ kind: 'retry', applied: 'maybe' });
    }
  });

  it('have no place for a row without the kind that matches', async () => {
    const service = await findService('klaviyo', 'audiences');
    expect(service.validate?.(member(1, [['phone', '+33612345678']]), NOON, { match_by: 'email' })).toMatchObject({
      code: 'no-identifier',
    });
    expect(service.validate?.(member(1, [['phone', '+33612345678']]), NOON, { match_by: 'phone' })).toBeNull();
  });
});

describe('events', () => {
  const event = (seq: number, fieldsJson: string, eventTime = '2026-06-15T10:00:00.000Z'): OutgoingRow =>
    makeRow({
      seq,
      key: `o-${seq}`,
      eventTime,
      fieldsJson,
      identifiers: [
        { kind: 'email', value: 'second@shop.example', rank: 2, recordId: null },
        { kind: 'email', value: 'a@shop.example', rank: 1, recordId: null },
        { kind: 'phone', value: '+33612345678', rank: 1, recordId: null },
      ],
    });
  const send = async (answers: readonly Scripted[], rows: readonly OutgoingRow[]) => {
    const { http: scripted, asked } = scriptedHttp([ACCOUNT, ...answers]);
    const config = { metric: 'Placed Order', backfill: true };
    const session = await (await findService('klaviyo', 'events')).open(
      makeContext({ credentials: KEY, config, http: CONTRACT.watch(scripted) }),
    );
    const outcome = await session.send(makeBatch(rows), new AbortController().signal);
    const bodies = asked.slice(1).map(({ body }) => JSON.parse(String(body)));
    return { outcome, bodies: bodies.map(({ data }) => data.attributes['events-bulk-create'].data) };
  };

  it('have a metric, a time, an id of their own for ever, a number for a value, and the first of each identifier', async () => {
    const { outcome, bodies } = await send(
      [{ status: 202 }],
      [event(1, '{"value":"12.50","value_currency":"eur","sku":"A","none":null}')],
    );
    expect(outcome).toEqual({ kind: 'accepted' });
    expect(bodies[0]).toEqual([
      {
        type: 'event-bulk-create',
        attributes: {
          profile: { data: { type: 'profile', attributes: { email: 'a@shop.example', phone_number: '+33612345678' } } },
          events: {
            data: [
              {
                type: 'event',
                attributes: {
                  properties: { sku: 'A' },
                  time: '2026-06-15T10:00:00.000Z',
                  metric: { data: { type: 'metric', attributes: { name: 'Placed Order' } } },
                  unique_id: eventId('vip.there', 'Placed Order', 'o-1'),
                  value: 12.5,
                  value_currency: 'EUR',
                },
              },
            ],
          },
          backfill: true,
        },
      },
    ]);
  });

  it('that were there before are taken, and the others go once more without them', async () => {
    const refusal = {
      status: 400,
      body: {
        errors: [
          {
            code: 'invalid',
            detail: 'unique_id is already in use',
            source: { pointer: '/data/attributes/events-bulk-create/data/0' },
          },
        ],
      },
    };
    const { outcome, bodies } = await send([refusal, { status: 202 }], [event(1, '{}'), event(2, '{}')]);
    expect(outcome).toEqual({ kind: 'accepted' });
    expect(bodies.map((entries) => entries.length)).toEqual([2, 1]);
    // Not told of whom: the engine narrows, and a single one is known.
    const nowhere = { ...refusal, body: { errors: [{ code: 'duplicate', detail: 'unique_id' }] } };
    expect((await send([nowhere], [event(1, '{}'), event(2, '{}')])).outcome).toMatchObject({ kind: 'narrow' });
    expect((await send([nowhere], [event(1, '{}')])).outcome).toEqual({ kind: 'accepted' });
  });

  it.each([
    ['{}', '2026-06-15T10:00:00Z', {}, 'event-without-name'],
    ['{"metric":"Lead"}', '2026-06-15T10:00:00Z', {}, null],
    [`{"metric":"${'m'.repeat(128)}"}`, '2026-06-15T10:00:00Z', {}, 'event-name-too-long'],
    ['{}', 'yesterday', { metric: 'Lead' }, 'event-without-time'],
    ['{}', '2000-05-01T00:00:00Z', { metric: 'Lead' }, 'event-too-old'],
    ['{}', '2027-07-01T00:00:00Z', { metric: 'Lead' }, 'event-in-future'],
    ['{"value":"much"}', '2026-06-15T10:00:00Z', { metric: 'Lead' }, 'value-not-a-number'],
    [`{"note":"${'x'.repeat(100_001)}"}`, '2026-06-15T10:00:00Z', { metric: 'Lead' }, 'text-too-large'],
  ])('%.40s of %s under %j: %s', async (fieldsJson, time, config, code) => {
    const service = await findService('klaviyo', 'events');
    expect(service.validate?.(event(1, fieldsJson, time), NOON, config)?.code ?? null).toBe(code);
  });
});

describe('the simulated account', () => {
  it('has two windows for each endpoint: the second is full first, and says when to come again', async () => {
    const url = `${sandbox.baseUrl('klaviyo', 'limits')}/api/accounts`;
    const headers = { authorization: 'Klaviyo-API-Key k', revision: '2026-07-15' };
    const first = await fetch(url, { headers });
    expect(Object.fromEntries(first.headers)).toMatchObject({ 'ratelimit-limit': '15', 'ratelimit-remaining': '14' });
    const second = await fetch(url, { headers });
    expect([second.status, second.headers.get('retry-after'), second.headers.get('ratelimit-limit')]).toEqual([
      429,
      '1',
      null,
    ]);
    expect((await fetch(url, { headers: { ...headers, revision: '2024-01-01' } })).status).toBe(400);
    expect(sandbox.state().destinations.find((one) => one.destination === 'limits')?.violations.count).toBe(1);
  });
});
