import { afterEach, describe, expect, it } from 'vitest';
import type { BatchOutcome, Job, OutgoingRow, ServiceContext } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { readContract } from '../published-contract.ts';
import { makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';

const CONTRACT = readContract('klaviyo');
afterEach(() => expect(CONTRACT.breaches()).toEqual([]));

const ACCOUNT: Scripted = { status: 200, body: { data: [{ type: 'account', id: 'AbC123' }] } };
const CONFIG: ServiceContext['config'] = { id_property: 'email', default_country: 'FR', delete_existing: false };
const SINCE = '2026-06-15T11:00:00+00:00';

const error = (status: number, code: string, extra: object = {}): Scripted => ({
  status,
  body: { errors: [{ id: '1', code, title: code, detail: `It is ${code}`, source: { pointer: '/data/' }, ...extra }] },
});
const profile = (id: string, status = 200, created = SINCE): Scripted => ({
  status,
  body: { data: { type: 'profile', id, attributes: { created } } },
});

async function open(answers: readonly Scripted[], part: Partial<ServiceContext> = {}) {
  const { http: scripted, asked } = scriptedHttp([ACCOUNT, ...answers]);
  const http = CONTRACT.watch(scripted);
  const service = await findService('klaviyo', 'objects');
  const session = await service.open(
    makeContext({ config: CONFIG, credentials: { api_key: 's3cr3t-k-e-y' }, changes: 1_000, http, ...part }),
  );
  const signal = new AbortController().signal;
  return {
    asked,
    session,
    send: (rows: readonly OutgoingRow[]) => session.send(makeBatch(rows), signal),
    poll: (job: Job): Promise<BatchOutcome> => {
      if (session.poll === undefined) throw new Error('it takes jobs');
      return session.poll(job, signal);
    },
    body: (index: number): unknown => JSON.parse(String(asked[index]?.body)),
  };
}

const row = (seq: number, fieldsJson: string, part: Partial<OutgoingRow> = {}): OutgoingRow =>
  makeRow({ seq, key: `p${seq}@shop.example`, fieldsJson, ...part });
const rows = (count: number, operation: OutgoingRow['operation'] = 'insert'): readonly OutgoingRow[] =>
  Array.from({ length: count }, (_, index) => row(index + 1, '{"first_name":"Ann"}', { operation }));
const jobOf = (batch: readonly OutgoingRow[], handle = 'job-1'): Job => ({
  handle,
  operation: batch[0]?.operation ?? 'insert',
  rows: batch,
});

describe('an import job', () => {
  it('carries profiles as Klaviyo words them, of the pinned revision, and gives its id as the handle', async () => {
    const { asked, send, body, session } = await open([
      { status: 202, body: { data: { type: 'profile-bulk-import-job', id: 'job-1' } } },
    ]);
    const fields =
      '{"first_name":"Ann","phone_number":"06 12 34 56 78","location.city":"Lyon","location.zip":69001,"plan":"gold","points":12345678901234567890,"old":null}';
    expect(await send([row(1, fields)])).toEqual({ kind: 'submitted', handle: 'job-1', pollAfterMs: 300 });
    expect(session.account).toBe('AbC123');
    expect(asked[1]).toMatchObject({
      method: 'POST',
      url: 'https://a.klaviyo.com/api/profile-bulk-import-jobs',
      headers: {
        authorization: 'Klaviyo-API-Key s3cr3t-k-e-y',
        revision: '2026-07-15',
        'content-type': 'application/vnd.api+json',
      },
    });
    expect(String(asked[1]?.body)).toContain('12345678901234567890');
    expect(body(1)).toMatchObject({
      data: {
        type: 'profile-bulk-import-job',
        attributes: {
          profiles: {
            data: [
              {
                type: 'profile',
                attributes: {
                  email: 'p1@shop.example',
                  first_name: 'Ann',
                  phone_number: '+33612345678',
                  location: { city: 'Lyon', zip: '69001' },
                  properties: { plan: 'gold' },
                },
                meta: { patch_properties: { unset: ['old'] } },
              },
            ],
          },
        },
      },
    });
  });

  it('is asked for until it ends, and what was made since it was taken is ours', async () => {
    const state = (status: string, failed = 0): Scripted => ({
      status: 200,
      body: { data: { id: 'job-1', attributes: { status, created_at: SINCE, total_count: 2, failed_count: failed } } },
    });
    const found = (n: number, created: string): object => ({
      id: `id-${n}`,
      attributes: { email: `P${n}@shop.example`, created },
    });
    const { poll, asked } = await open([
      state('queued'),
      state('complete'),
      { status: 200, body: { data: [found(1, '2026-06-15T11:00:01+00:00'), found(2, '2026-06-15T10:59:59+00:00')] } },
    ]);
    const job = jobOf(rows(2));
    expect(await poll(job)).toMatchObject({ kind: 'submitted', handle: 'job-1' });
    expect(await poll(job)).toMatchObject({
      kind: 'receipts',
      receipts: [
        { seq: 1, status: 'accepted', recordId: 'id-1', created: true },
        { seq: 2, status: 'accepted', recordId: 'id-2', created: false },
      ],
    });
    expect(new URL(asked[3]?.url ?? '').searchParams.get('filter')).toBe(
      'any(email,["p1@shop.example","p2@shop.example"])',
    );
  });

  it.each([
    [
      'by place, over two pages',
      3,
      [['2', '3'], ['4']],
      {
        kind: 'receipts',
        receipts: ['accepted', 'rejected', 'rejected', 'rejected', 'accepted'].map((status) => ({ status })),
      },
    ],
    ['without places', 2, [['x', 'y']], { kind: 'counted', accepted: 3, code: 'invalid' }],
    ['of too few', 2, [['2']], { kind: 'counted', accepted: 3 }],
  ] as const)('names the rows that it refused %s', async (_, failed, pages, outcome) => {
    const { poll } = await open([
      { status: 200, body: { data: { attributes: { status: 'complete', created_at: SINCE, failed_count: failed } } } },
      ...pages.map((places, page) => ({
        status: 200,
        body: {
          data: places.map((place) => ({
            attributes: {
              code: 'invalid',
              title: 'Invalid',
              detail: 'Invalid email',
              source: { pointer: `/data/attributes/profiles/data/${Number(place) - 1}` },
            },
          })),
          links: { next: page + 1 < pages.length ? 'https://a.klaviyo.com/x?page%5Bcursor%5D=abc' : null },
        },
      })),
    ]);
    expect(await poll(jobOf(rows(5, 'update')))).toMatchObject(outcome);
  });

  it.each([
    [
      'errors, which are asked for',
      [{ code: 'invalid', source: { pointer: '/data/attributes/profiles/data/1' } }],
      'rejected',
    ],
    ['no errors: all are taken', [], 'accepted'],
  ])('that is complete without a count of failures has %s', async (_, attributes, second) => {
    const { poll, asked } = await open([
      { status: 200, body: { data: { attributes: { status: 'complete', created_at: SINCE, failed_count: null } } } },
      { status: 200, body: { data: attributes.map((one) => ({ attributes: one })) } },
    ]);
    const outcome = await poll(jobOf(rows(2, 'update')));
    expect(asked.at(-1)?.url).toContain('/import-errors?');
    const statuses = outcome.kind === 'receipts' ? outcome.receipts.map(({ status }) => status) : [outcome.kind];
    expect(statuses).toEqual(second === 'rejected' ? ['accepted', 'rejected'] : ['accepted']);
  });

  it('does not take a broken page for no errors', async () => {
    const { poll } = await open([
      { status: 200, body: { data: { attributes: { status: 'complete', failed_count: 1 } } } },
      { status: 200, body: { message: 'ok' } },
    ]);
    expect(await poll(jobOf(rows(2, 'update')))).toMatchObject({ kind: 'retry' });
  });

  it('looks long keys up in addresses that a server takes', async () => {
    const long = rows(60).map((one, index) => ({ ...one, key: `${'é'.repeat(30)}${index}@shop.example` }));
    const none = { status: 200, body: { data: [] } };
    const complete = { status: 200, body: { data: { attributes: { status: 'complete', failed_count: 0 } } } };
    const { poll, asked } = await open([complete, ...Array.from({ length: 3 }, () => none)]);
    await poll(jobOf(long));
    const asks = asked.slice(2).map(({ url }) => new URL(url));
    expect(Math.max(...asks.map(({ href }) => href.length))).toBeLessThan(7_000);
    const values = asks.flatMap(({ searchParams }) => [...(searchParams.get('filter') ?? '').matchAll(/"([^"]+)"/g)]);
    expect(values.map(([, value]) => value)).toEqual(long.map(({ key }) => key));
  });

  it('is unknown when it has expired or was cancelled, and asked again when the question failed', async () => {
    const { poll } = await open([
      error(404, 'not_found'),
      { status: 200, body: { data: { attributes: { status: 'cancelled' } } } },
      { ...error(429, 'throttled'), headers: { 'retry-after': '7' } },
      { status: 200, body: '<html>' },
    ]);
    const job = jobOf(rows(1));
    expect(await poll(job)).toMatchObject({ receipts: [{ status: 'unknown', code: 'job-expired' }] });
    expect(await poll(job)).toMatchObject({ receipts: [{ status: 'unknown', code: 'job-cancelled' }] });
    expect(await poll(job)).toMatchObject({ kind: 'retry', throttled: true, afterMs: 7_000 });
    expect(await poll(job)).toMatchObject({ kind: 'retry' });
  });

  it('never carries a null, which it would leave out: rows that clear go by themselves', async () => {
    const service = await findService('klaviyo', 'objects');
    const clearing = row(1, '{"first_name":null}');
    expect(service.homogeneity?.(clearing)).not.toBe(service.homogeneity?.(row(2, '{"first_name":"Ann","plan":null}')));
    const { send, asked, body } = await open([profile('id-1')]);
    expect(await send(Array.from({ length: 51 }, () => clearing))).toMatchObject({ kind: 'too_large' });
    expect(asked).toHaveLength(1);
    expect(await send([clearing])).toMatchObject({
      receipts: [{ status: 'accepted', recordId: 'id-1', created: false }],
    });
    expect(asked[1]?.url).toBe('https://a.klaviyo.com/api/profile-import');
    expect(body(1)).toEqual({ data: { type: 'profile', attributes: { email: 'p1@shop.example', first_name: null } } });
  });
});

describe('a profile of its own request', () => {
  const moved = row(1, '{"first_name":"Ann"}', { operation: 'update', recordId: 'old', previousKey: 'a@shop.example' });

  it('is updated in place under its new key', async () => {
    const { send, body } = await open([profile('old')]);
    expect(await send([moved])).toMatchObject({ receipts: [{ status: 'accepted', recordId: 'old' }] });
    expect(body(1)).toMatchObject({ data: { id: 'old', attributes: { email: 'p1@shop.example' } } });
  });

  it.each([
    [undefined, true],
    [false, false],
  ])(
    'goes to the profile that has the new key (409), and the old one is deleted only if it may (%s)',
    async (mayDelete, deletes) => {
      const conflict = error(409, 'duplicate_profile', { meta: { duplicate_profile_id: 'other' } });
      const { send, asked, body } = await open([conflict, profile('other'), { status: 202 }]);
      const part = mayDelete === undefined ? moved : { ...moved, mayDelete };
      expect(await send([part])).toMatchObject({ receipts: [{ status: 'accepted', recordId: 'other' }] });
      expect(asked).toHaveLength(deletes ? 4 : 3);
      if (!deletes) return;
      expect(body(3)).toEqual({
        data: {
          type: 'data-privacy-deletion-job',
          attributes: { profile: { data: { type: 'profile', id: 'old', attributes: {} } } },
        },
      });
    },
  );

  it('is rejected for itself alone, and a limit in the middle is waited for', async () => {
    const { send, asked } = await open(
      [
        profile('1', 201),
        error(400, 'invalid'),
        { ...error(429, 'throttled'), headers: { 'retry-after': '2' } },
        profile('3', 201),
      ],
      { changes: 3 },
    );
    expect(await send(rows(3))).toMatchObject({
      receipts: [
        { status: 'accepted', created: true },
        { status: 'rejected', code: 'invalid' },
        { status: 'accepted' },
      ],
    });
    expect(asked).toHaveLength(5);
  });
});

describe('deletions', () => {
  it('are ordered where Klaviyo says 202, and by no 200', async () => {
    const leaver = row(1, '{}', { operation: 'delete', recordId: 'p1' });
    const { send } = await open([{ status: 200, body: {} }, { status: 202 }]);
    expect(await send([leaver])).toMatchObject({ kind: 'retry', applied: 'maybe' });
    expect(await send([leaver])).toMatchObject({ receipts: [{ status: 'accepted' }] });
  });

  it('are small rounds, leave older profiles alone, and take who is gone for deleted', async () => {
    const { send, asked } = await open([
      {
        status: 200,
        body: { data: [{ id: 'id-2', attributes: { email: 'p2@shop.example', created: '2020-01-01T00:00:00Z' } }] },
      },
      { status: 202 },
    ]);
    expect(await send(rows(21, 'delete'))).toMatchObject({ kind: 'too_large' });
    const leavers = [
      row(1, '{}', { operation: 'delete', recordId: 'id-1' }),
      row(2, '{}', { operation: 'delete', createdSince: SINCE }),
      row(3, '{}', { operation: 'delete' }),
    ];
    expect(await send(leavers)).toMatchObject({ receipts: leavers.map(() => ({ status: 'accepted' })) });
    expect(asked.slice(2).map(({ body }) => JSON.parse(String(body)).data.attributes.profile.data.id)).toEqual([
      'id-1',
    ]);
  });
});

describe('answers', () => {
  it.each([
    [
      { status: 401, body: { errors: [{ code: 'not_authenticated', detail: 'No' }] } },
      { kind: 'refused', code: 'not_authenticated' },
    ],
    [{ status: 403, body: { errors: [{ code: 'permission_denied', detail: 'No' }] } }, { kind: 'refused' }],
    [{ status: 410, body: { errors: [{ code: 'gone', detail: 'No' }] } }, { kind: 'refused' }],
    [{ status: 413, body: { errors: [{ code: 'payload_too_large', detail: 'No' }] } }, { kind: 'too_large' }],
    [
      { status: 429, headers: { 'retry-after': '1' }, body: { errors: [] } },
      { kind: 'retry', applied: 'no', throttled: true, afterMs: 1_000 },
    ],
    [
      { status: 500, body: { errors: [{ code: 'error' }] } },
      { kind: 'retry', applied: 'maybe' },
    ],
    [
      { status: 202, body: '' },
      { kind: 'retry', applied: 'maybe', code: 'not-an-acknowledgement' },
    ],
    [
      {
        status: 202,
        headers: { 'ratelimit-remaining': '0', 'ratelimit-reset': '42' },
        body: { data: { id: 'job-1' } },
      },
      { kind: 'submitted', pauseMs: 42_000 },
    ],
  ] satisfies readonly (readonly [Scripted, object])[])('%j', async (answer, outcome) => {
    const { send } = await open([answer]);
    expect(await send(rows(1))).toMatchObject(outcome);
  });
});

describe('what is not sent', () => {
  it.each([
    ['p@shop.example', '{}', null],
    ['nobody', '{}', 'invalid-email'],
    ['p@shop.example', '{"phone_number":"+33612345678"}', null],
    ['p@shop.example', '{"phone_number":"0612345678"}', null],
    ['p@shop.example', '{"phone_number":"020 7946 0958","location.country":"GB"}', null],
    ['p@shop.example', '{"phone_number":"12"}', 'invalid-phone'],
    ['p@shop.example', '{"phone_number":""}', null],
    ['p@shop.example', `{"bio":"${'x'.repeat(100_000)}"}`, 'profile-too-large'],
  ])('%s %s: %s', async (key, fieldsJson, code) => {
    const service = await findService('klaviyo', 'objects');
    const invalidity = service.validate?.(makeRow({ seq: 1, key, fieldsJson }), NOON, CONFIG) ?? null;
    expect(invalidity?.code ?? null).toBe(code);
  });

  it.each([
    ['+33612345678', null],
    ['06 12 34 56 78', 'invalid-phone'],
    ['+33 6 12 34 56 78', 'invalid-phone'],
  ])('a key that no look-up would find again: %s', async (key, code) => {
    const service = await findService('klaviyo', 'objects');
    const fieldsJson = '{"location.country":"FR"}';
    const config = { ...CONFIG, id_property: 'phone_number' };
    expect(service.validate?.(makeRow({ seq: 1, key, fieldsJson }), NOON, config)?.code ?? null).toBe(code);
  });

  it('by a job: an empty phone number, which clears', async () => {
    const service = await findService('klaviyo', 'objects');
    expect(service.homogeneity?.(row(1, '{"phone_number":""}'))).toBe('single');
  });
});
