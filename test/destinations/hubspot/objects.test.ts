import { afterEach, describe, expect, it } from 'vitest';
import type { BatchOutcome, OutgoingRow, ServiceContext } from '../../../src/destinations/destination.ts';
import { renderProperties } from '../../../src/destinations/hubspot/properties.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';
import { hubspotContract } from './published.ts';

afterEach(() => expect(hubspotContract.breaches()).toEqual([]));

const ACCOUNT: Scripted = { status: 200, body: { portalId: 1234 } };
const SCHEMA: Scripted = { status: 200, body: { results: [{ name: 'email', type: 'string', hasUniqueValue: false }] } };
const ann = makeRow({ seq: 1, key: 'ann@shop.example', fieldsJson: '{"firstname":"Ann","email":"Ann@Shop.example"}' });
const moved = makeRow({
  seq: 2,
  operation: 'update',
  key: 'new@shop.example',
  previousKey: 'old@shop.example',
  recordId: '50',
  fieldsJson: '{"firstname":"Bo"}',
});

interface Told {
  readonly method: string;
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: the assertions say what it holds
  readonly body: any;
}

async function run(
  batches: readonly (readonly OutgoingRow[])[],
  answers: readonly Scripted[],
  part: Partial<ServiceContext> = {},
): Promise<{
  readonly outcomes: readonly BatchOutcome[];
  readonly told: readonly Told[];
  readonly account: string | null;
}> {
  const { http: scripted, asked } = scriptedHttp([ACCOUNT, SCHEMA, ...answers]);
  const http = hubspotContract.watch(scripted);
  const service = await findService('hubspot', 'objects');
  const context = makeContext({
    config: { object_type: 'contacts', id_property: 'email' },
    credentials: { access_token: 'key' },
    http,
    ...part,
  });
  const session = await service.open(context);
  const outcomes: BatchOutcome[] = [];
  for (const rows of batches) outcomes.push(await session.send(makeBatch(rows), new AbortController().signal));
  const told = asked.slice(2).map((request) => ({
    method: request.method,
    path: new URL(request.url).pathname,
    body: request.body === undefined ? null : JSON.parse(String(request.body)),
  }));
  expect(told).toHaveLength(answers.length);
  return { outcomes, told, account: session.account };
}

const made = (seq: number, id: string, more: object = {}): object => ({
  id,
  objectWriteTraceId: `row-${seq}`,
  ...more,
});
const refusedRow = (seq: number, category: string, message = 'no'): object => ({
  status: 'error',
  category,
  message,
  context: { objectWriteTraceId: [`row-${seq}`] },
});

describe('upserts', () => {
  it('go by the id property, with a trace for each row, and the key as the property’s value', async () => {
    const { outcomes, told, account } = await run(
      [[ann]],
      [{ status: 200, body: { results: [made(1, '77', { new: true, createdAt: '2026-06-15T12:00:00Z' })] } }],
    );
    expect(account).toBe('1234');
    expect(told).toEqual([
      {
        method: 'POST',
        path: '/crm/objects/2026-09/contacts/batch/upsert',
        body: {
          inputs: [
            {
              id: 'ann@shop.example',
              idProperty: 'email',
              properties: { firstname: 'Ann', email: 'ann@shop.example' },
              objectWriteTraceId: 'row-1',
            },
          ],
        },
      },
    ]);
    expect(outcomes).toEqual([
      {
        kind: 'receipts',
        receipts: [
          { seq: 1, status: 'accepted', recordId: '77', created: true, recordCreatedAt: '2026-06-15T12:00:00Z' },
        ],
      },
    ]);
  });

  it('have texts for values, an empty one to clear, and every digit', () => {
    expect(renderProperties({ a: null, b: 12345678901234567890n, c: true, d: ['x', 'y'], e: 1.5, f: '12.50' })).toEqual(
      {
        ...{ a: '', b: '12345678901234567890', c: 'true', d: 'x;y', e: '1.5', f: '12.50' },
      },
    );
  });

  it('give each row its own verdict, and none to a row that the answer does not name', async () => {
    const rows = [1, 2, 3].map((seq) => makeRow({ seq, key: `p${seq}@shop.example` }));
    const body = {
      results: [made(1, '11', { new: false })],
      errors: [refusedRow(2, 'VALIDATION_ERROR', 'p2@shop.example is bad')],
    };
    const { outcomes } = await run([rows], [{ status: 207, body }]);
    expect(outcomes[0]).toMatchObject({
      receipts: [
        { seq: 1, status: 'accepted', created: false },
        { seq: 2, status: 'rejected', code: 'VALIDATION_ERROR', message: '<email> is bad' },
        { seq: 3, status: 'unknown' },
      ],
    });
  });

  it.each([
    [
      'nothing at all in a 2xx',
      { status: 200, body: { status: 'COMPLETE', results: [] } },
      { kind: 'retry', applied: 'maybe' },
    ],
    [
      'an error that names no row of several',
      { status: 200, body: { results: [], errors: [{ category: 'VALIDATION_ERROR', message: 'no' }] } },
      { kind: 'narrow' },
    ],
    [
      'an error that names no row, beside a row that was written',
      { status: 207, body: { results: [made(1, '11')], errors: [{ category: 'VALIDATION_ERROR', message: 'no' }] } },
      { kind: 'counted', accepted: 1 },
    ],
    [
      'a refused request',
      { status: 400, body: { category: 'VALIDATION_ERROR', message: 'no' } },
      { kind: 'narrow', code: 'VALIDATION_ERROR' },
    ],
    [
      'a property that nobody made',
      { status: 400, body: { category: 'VALIDATION_ERROR', message: 'PROPERTY_DOESNT_EXIST: plan' } },
      { kind: 'refused', code: 'property-missing' },
    ],
    [
      'a rolling limit',
      { status: 429, body: { category: 'RATE_LIMITS', policyName: 'TEN_SECONDLY_ROLLING' } },
      { kind: 'retry', applied: 'no', throttled: true, afterMs: 2000 },
    ],
    [
      'the daily limit',
      { status: 429, body: { category: 'RATE_LIMITS', policyName: 'DAILY' } },
      { kind: 'refused', code: 'daily-limit' },
    ],
    [
      'missing scopes',
      { status: 403, body: { category: 'MISSING_SCOPES', message: 'no' } },
      { kind: 'refused', code: 'MISSING_SCOPES' },
    ],
    ['an unknown object type', { status: 404, body: { message: 'Unable to infer object type' } }, { kind: 'refused' }],
    ['a lock', { status: 423, body: { message: 'locked' } }, { kind: 'retry', applied: 'no' }],
    ['a gateway’s page', { status: 502, body: '<html>' }, { kind: 'retry', applied: 'maybe' }],
  ])('answered with %s', async (_name, answer, expected) => {
    const rows = [ann, makeRow({ seq: 9, key: 'z@shop.example' })];
    expect((await run([rows], [answer])).outcomes[0]).toMatchObject(expected);
  });

  it('know a record of their own whose first answer was lost, and not one that was there before', async () => {
    const bob = makeRow({ seq: 2, key: 'bob@shop.example' });
    const young = new Date(NOON).toISOString();
    const results = [
      made(1, '77', { new: false, createdAt: young }),
      made(2, '8', { new: false, createdAt: '2020-01-01T00:00:00Z' }),
    ];
    const { outcomes } = await run(
      [
        [ann, bob],
        [ann, bob],
      ],
      [{ status: 504 }, { status: 200, body: { results } }],
    );
    expect(outcomes[1]).toMatchObject({ receipts: [{ created: true }, { created: false }] });
    const alone = await run(
      [[ann]],
      [{ status: 200, body: { results: [made(1, '77', { new: false, createdAt: young })] } }],
    );
    expect(alone.outcomes[0]).toMatchObject({ receipts: [{ created: false }] });
  });
});

describe('a changed key', () => {
  it('is one update in place, by record id', async () => {
    const { outcomes, told } = await run([[moved]], [{ status: 200, body: { results: [made(2, '50')] } }]);
    expect(told).toMatchObject([
      {
        path: '/crm/objects/2026-09/contacts/batch/update',
        body: {
          inputs: [
            { id: '50', properties: { firstname: 'Bo', email: 'new@shop.example' }, objectWriteTraceId: 'row-2' },
          ],
        },
      },
    ]);
    expect(told[0]?.body.inputs[0]).not.toHaveProperty('idProperty');
    expect(outcomes[0]).toMatchObject({ receipts: [{ seq: 2, status: 'accepted', recordId: '50', created: false }] });
  });

  const conflicts: readonly (readonly [string, Scripted])[] = [
    ['row by row', { status: 207, body: { results: [], errors: [refusedRow(2, 'CONFLICT', 'exists')] } }],
    ['as a whole', { status: 409, body: { category: 'CONFLICT', message: 'Contact already exists. Existing ID: 60' } }],
  ];
  it.each(conflicts)(
    'that another record holds is upserted there, and the old record archived (%s)',
    async (_name, conflict) => {
      const upserted = { status: 200, body: { results: [made(2, '60', { new: false })] } };
      const { outcomes, told } = await run([[moved]], [conflict, upserted, { status: 204 }]);
      expect(told.slice(1)).toMatchObject([
        { path: '/crm/objects/2026-09/contacts/batch/upsert', body: { inputs: [{ id: 'new@shop.example' }] } },
        { path: '/crm/objects/2026-09/contacts/batch/archive', body: { inputs: [{ id: '50' }] } },
      ]);
      expect(outcomes[0]).toMatchObject({ receipts: [{ status: 'accepted', recordId: '60', created: false }] });
    },
  );

  it('leaves the old record where deleting is not allowed, or it was there before us', async () => {
    const conflict = { status: 207, body: { results: [], errors: [refusedRow(2, 'CONFLICT')] } };
    const upserted = { status: 200, body: { results: [made(2, '60', { new: false })] } };
    await run([[moved]], [conflict, upserted], { operations: ['insert', 'update'] });
    await run([[{ ...moved, mayDelete: false }]], [conflict, upserted]);
  });
});

describe('deletions', () => {
  const gone = (seq: number, recordId: string | null): OutgoingRow =>
    makeRow({ seq, operation: 'delete', key: `p${seq}@shop.example`, recordId });

  it('and remembers what it made there when the old record could not be archived', async () => {
    const there: Scripted = { status: 200, body: { results: [], errors: [refusedRow(2, 'CONFLICT')] } };
    const upserted = (isNew: boolean): Scripted => ({
      status: 200,
      body: { results: [made(2, '60', { new: isNew })] },
    });
    const limited: Scripted = { status: 429, body: { category: 'RATE_LIMITS', policyName: 'TEN_SECONDLY_ROLLING' } };
    const noRight: Scripted = { status: 403, body: { category: 'MISSING_SCOPES', message: 'no' } };
    const { outcomes } = await run(
      [[moved], [moved], [moved, ann]],
      [
        ...[there, upserted(true), limited],
        ...[there, upserted(false), { status: 204 }],
        ...[there, { status: 200, body: { results: [made(1, '77'), made(2, '60')] } }, noRight],
      ],
    );
    expect(outcomes).toMatchObject([
      { kind: 'retry', applied: 'maybe' },
      { receipts: [{ status: 'accepted', recordId: '60', created: true }] },
      {
        receipts: [
          { seq: 2, status: 'unknown', code: 'MISSING_SCOPES' },
          { seq: 1, status: 'accepted' },
        ],
      },
    ]);
  });

  it('archive the record of each value, where values differ in case only', async () => {
    const rows = ['abc', 'ABC', 'Xyz'].map((key, seq) => makeRow({ seq, key, operation: 'delete' }));
    const record = (id: string, account_key: string) => ({ id, properties: { account_key } });
    const found = [record('1', 'ABC'), record('2', 'abc'), record('3', 'XYZ')];
    const property: Scripted = { status: 200, body: { name: 'account_key', type: 'string', hasUniqueValue: true } };
    const { told } = await run([rows], [property, { status: 200, body: { results: found } }, { status: 204 }], {
      config: { object_type: 'contacts', id_property: 'account_key' },
      columns: [],
    });
    expect(told[2]?.body).toEqual({ inputs: [{ id: '2' }, { id: '1' }, { id: '3' }] });
  });

  it('archive by record id, look up what has none, and take a record that is gone for deleted', async () => {
    const found = {
      status: 207,
      body: {
        results: [{ id: '12', properties: { email: 'P2@shop.example' } }],
        errors: [{ category: 'OBJECT_NOT_FOUND' }],
      },
    };
    const { outcomes, told } = await run([[gone(1, '11'), gone(2, null), gone(3, null)]], [found, { status: 204 }]);
    expect(told).toEqual([
      {
        method: 'POST',
        path: '/crm/objects/2026-09/contacts/batch/read',
        body: {
          idProperty: 'email',
          properties: ['email'],
          inputs: [{ id: 'p2@shop.example' }, { id: 'p3@shop.example' }],
        },
      },
      {
        method: 'POST',
        path: '/crm/objects/2026-09/contacts/batch/archive',
        body: { inputs: [{ id: '11' }, { id: '12' }] },
      },
    ]);
    expect(outcomes[0]).toMatchObject({ receipts: [1, 2, 3].map((seq) => ({ seq, status: 'accepted' })) });
    const alone = await run(
      [[gone(1, '11')]],
      [{ status: 404, body: { category: 'OBJECT_NOT_FOUND', message: 'gone' } }],
    );
    expect(alone.outcomes[0]).toMatchObject({ receipts: [{ seq: 1, status: 'accepted' }] });
  });

  it('leave a record that was there before us, where only its age tells', async () => {
    const since = '2026-03-01T12:00:00.000Z';
    const found = {
      status: 200,
      body: {
        results: [
          { id: '11', properties: { email: 'p1@shop.example' }, createdAt: '2026-03-01T11:59:59.000Z' },
          { id: '12', properties: { email: 'p2@shop.example' }, createdAt: '2026-03-01T12:00:05.000Z' },
        ],
      },
    };
    const rows = [1, 2].map((seq) => ({ ...gone(seq, null), createdSince: since }));
    const { outcomes, told } = await run([rows], [found, { status: 204 }]);
    expect(told[1]?.body).toEqual({ inputs: [{ id: '12' }] });
    expect(outcomes[0]).toMatchObject({ receipts: [1, 2].map((seq) => ({ seq, status: 'accepted' })) });
  });
});
