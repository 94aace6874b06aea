import { describe, expect, it } from 'vitest';
import type {
  BatchOutcome,
  OutgoingRow,
  SentIdentifier,
  ServiceContext,
  Session,
} from '../../../src/destinations/destination.ts';
import type { HttpRequest } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { makeBatch, makeContext, makeRow, type Scripted, scriptedHttp } from '../rows.ts';

const id = (kind: SentIdentifier['kind'], value: string, rank = 1): SentIdentifier => ({
  kind,
  value,
  rank,
  recordId: null,
});

const KINDS: ServiceContext['identifierKinds'] = [
  { kind: 'phone', rank: 1 },
  { kind: 'date_of_birth', rank: 1 },
  { kind: 'email', rank: 2 },
  { kind: 'email', rank: 1 },
];

async function openWith(
  answers: readonly Scripted[],
  part: Partial<ServiceContext> = {},
): Promise<{ readonly session: Session; readonly asked: readonly HttpRequest[] }> {
  const { http, asked } = scriptedHttp(answers);
  const service = await findService('meta', 'audiences');
  const session = await service.open(
    makeContext({
      config: { ad_account_id: 'act_42' },
      credentials: { access_token: 's3cr3t-token-of-meta' },
      audienceName: 'VIP',
      identifierKinds: KINDS,
      http,
      ...part,
    }),
  );
  return { session, asked };
}

const FOUND: Scripted = { status: 200, body: { data: [{ id: '7', name: 'VIP', subtype: 'CUSTOM' }] } };

async function sendOne(
  row: OutgoingRow,
  answer: Scripted,
): Promise<{ readonly outcome: BatchOutcome; readonly request: HttpRequest | undefined }> {
  const { session, asked } = await openWith([FOUND, answer]);
  const outcome = await session.send(makeBatch([row]), new AbortController().signal);
  return { outcome, request: asked[1] };
}

const counts = (received: number, invalid = 0): Scripted => ({
  status: 200,
  body: { audience_id: '7', num_received: received, num_invalid_entries: invalid },
});

describe('the audience', () => {
  it('is found by name over pages of custom audiences', async () => {
    const page = {
      data: [{ id: '5', name: 'VIP', subtype: 'LOOKALIKE' }],
      paging: { next: 'https://elsewhere', cursors: { after: 'c1' } },
    };
    const { session, asked } = await openWith([{ status: 200, body: page }, FOUND]);
    expect(session.audienceId).toBe('7');
    expect(asked.map((request) => request.url)).toEqual([
      'https://graph.facebook.com/v26.0/act_42/customaudiences?fields=id,name,subtype&limit=500',
      'https://graph.facebook.com/v26.0/act_42/customaudiences?fields=id,name,subtype&limit=500&after=c1',
    ]);
    expect(asked[0]?.headers).toMatchObject({ authorization: 'Bearer s3cr3t-token-of-meta' });
  });

  it('is not made a second time upon an answer that is no list, nor when only the address of a page says where it begins', async () => {
    const next = 'https://elsewhere/v26.0/act_42/customaudiences?limit=500&after=c%2F2';
    const page = { data: [{ id: '5', name: 'Other' }], paging: { next } };
    const { session, asked } = await openWith([{ status: 200, body: {} }, { status: 200, body: page }, FOUND]);
    expect(session.audienceId).toBe('7');
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET']);
    expect(asked[2]?.url).toBe(
      'https://graph.facebook.com/v26.0/act_42/customaudiences?fields=id,name,subtype&limit=500&after=c%2F2',
    );
  });

  it('is made when there is none, and looked for again when the answer is lost', async () => {
    const none = { status: 200, body: { data: [] } };
    const { session, asked } = await openWith([none, { status: 502 }, FOUND]);
    expect(session.audienceId).toBe('7');
    expect(asked[1]).toMatchObject({
      method: 'POST',
      body: '{"name":"VIP","subtype":"CUSTOM","description":"Made by dbt-dinmo","customer_file_source":"USER_PROVIDED_ONLY"}',
    });
  });

  it('is the recorded one, renamed when the wanted name has changed', async () => {
    const { session, asked } = await openWith([{ status: 200, body: { success: true } }], {
      audienceId: '9',
      audienceNameBefore: 'Old',
    });
    expect(session.audienceId).toBe('9');
    expect(asked[0]).toMatchObject({
      method: 'POST',
      url: 'https://graph.facebook.com/v26.0/9',
      body: '{"name":"VIP"}',
    });
  });

  it.each([
    [
      'two of one name',
      [
        {
          status: 200,
          body: {
            data: [
              { id: '1', name: 'VIP' },
              { id: '2', name: 'VIP' },
            ],
          },
        },
      ],
      'audience-ambiguous',
    ],
    [
      'terms not accepted',
      [
        { status: 200, body: { data: [] } },
        { status: 400, body: { error: { code: 2655, message: 'terms' } } },
      ],
      'meta-2655',
    ],
    [
      'an expired token',
      [{ status: 400, body: { error: { code: 190, error_subcode: 463, message: 'expired' } } }],
      'meta-190-463',
    ],
  ])('is refused with %s', async (_name, answers, code) => {
    await expect(openWith(answers)).rejects.toMatchObject({ code, kind: 'destination' });
  });
});

describe('a request of members', () => {
  it('has one schema for the life of the audience, and a row for each identifier of a kind', async () => {
    const identifiers = [id('email', 'E2', 2), id('email', 'E1'), id('phone', 'P1'), id('date_of_birth', 'Y.M.D')];
    const { outcome, request } = await sendOne(makeRow({ seq: 1, identifiers }), counts(2));
    expect(outcome).toMatchObject({ kind: 'counted', accepted: 1 });
    expect(request).toMatchObject({ method: 'POST', url: 'https://graph.facebook.com/v26.0/7/users' });
    expect(JSON.parse(String(request?.body ?? ''))).toEqual({
      payload: {
        schema: ['EMAIL', 'PHONE', 'DOBY', 'DOBM', 'DOBD'],
        data: [
          ['E1', 'P1', 'Y', 'M', 'D'],
          ['E2', '', 'Y', 'M', 'D'],
        ],
      },
    });
  });

  it('removes by the identifiers it was given, and never by a hint', async () => {
    const identifiers = [id('email', 'E1'), id('date_of_birth', 'Y.M.D')];
    const { request } = await sendOne(makeRow({ seq: 1, operation: 'delete', identifiers }), counts(1));
    expect(request).toMatchObject({ method: 'DELETE' });
    expect(JSON.parse(String(request?.body ?? '')).payload.data).toEqual([['E1', '', '', '', '']]);
  });

  it('counts data rows against the limit, before a request', async () => {
    const { session, asked } = await openWith([FOUND]);
    const row = (seq: number): OutgoingRow =>
      makeRow({ seq, identifiers: [id('email', `a${seq}`), id('email', `b${seq}`, 2)] });
    const rows = Array.from({ length: 5001 }, (_, seq) => row(seq));
    expect(await session.send(makeBatch(rows), new AbortController().signal)).toMatchObject({ kind: 'too_large' });
    expect(asked).toHaveLength(1);
  });
});

describe('an answer about members', () => {
  const row = makeRow({ seq: 1, identifiers: [id('email', 'E1')] });
  const error = (code: number, subcode = 0, more: object = {}): Scripted => ({
    status: 400,
    body: { error: { code, error_subcode: subcode, message: 'said so', ...more } },
  });

  it.each([
    ['all taken', counts(1), { kind: 'counted', accepted: 1 }],
    ['one invalid', counts(1, 1), { kind: 'counted', accepted: 0, code: 'invalid-entries' }],
    ['fewer received', counts(0), { kind: 'counted', accepted: 0 }],
    ['told to wait by a proxy', { status: 503, headers: { 'retry-after': '7' }, body: '' }, { afterMs: 7_000 }],
    [
      'told to wait in an error',
      { ...error(2, 0), headers: { 'retry-after': 'Mon, 15 Jun 2026 12:00:30 GMT' } },
      { kind: 'retry', applied: 'maybe', afterMs: 30_000 },
    ],
    ['no counts', { status: 200, body: {} }, { kind: 'retry', applied: 'maybe' }],
    ['HTML', { status: 200, body: '<html>' }, { kind: 'retry', applied: 'maybe' }],
    ['HTML 400', { status: 400, body: '<html>' }, { kind: 'retry', applied: 'maybe' }],
    ['unknown error', error(1), { kind: 'retry', applied: 'maybe', throttled: false }],
    ['too much data', error(1, 99), { kind: 'too_large' }],
    ['rate limit', error(80_003), { kind: 'retry', applied: 'no', throttled: true }],
    ['not ready yet', error(803), { kind: 'retry', applied: 'no' }],
    ['transient', error(999, 0, { is_transient: true }), { kind: 'retry', applied: 'maybe' }],
    ['another schema', error(2650), { kind: 'refused', code: 'meta-2650' }],
    ['no rights', error(200), { kind: 'refused' }],
    ['gone', error(100, 33), { kind: 'refused', code: 'meta-100-33' }],
    ['bad parameter', error(100), { kind: 'narrow', code: 'meta-100' }],
    ['server error', { status: 500, body: '' }, { kind: 'retry', applied: 'maybe' }],
  ] as const)('means what it says: %s', async (_name, answer, expected) => {
    expect((await sendOne(row, answer as Scripted)).outcome).toMatchObject(expected);
  });

  it('that takes some of a member’s identifiers leaves the member in doubt: a removal has to carry them all', async () => {
    const two = (seq: number, operation: OutgoingRow['operation'] = 'insert'): OutgoingRow =>
      makeRow({ seq, operation, identifiers: [id('email', `a${seq}`), id('email', `b${seq}`, 2)] });
    expect((await sendOne(two(1), counts(2, 1))).outcome).toMatchObject({
      kind: 'receipts',
      receipts: [{ seq: 1, status: 'unknown', code: 'invalid-entries' }],
    });
    expect((await sendOne(two(1), counts(2, 2))).outcome).toMatchObject({ kind: 'counted', accepted: 0 });
    expect((await sendOne(two(1, 'delete'), counts(2, 1))).outcome).toMatchObject({ kind: 'counted', accepted: 0 });
    const { session } = await openWith([FOUND, counts(4, 2)]);
    const both = makeBatch([two(1), two(2)]);
    expect(await session.send(both, new AbortController().signal)).toMatchObject({ kind: 'counted', accepted: 1 });
  });

  it('that takes a part of a request keeps its number in a replacement', async () => {
    const { session, asked } = await openWith(
      [FOUND, { status: 200, body: { description: 'Made by dbt-dinmo' } }, counts(2, 1), counts(1)],
      { mode: 'full', config: { ad_account_id: '42', replace: 'session' } },
    );
    const identifiers = [id('email', 'a'), id('email', 'b', 2)];
    for (const batch of [makeBatch([makeRow({ seq: 1, identifiers })]), makeBatch([{ ...row, seq: 2 }])])
      await session.send(batch, new AbortController().signal);
    const numbers = asked.slice(2).map((request) => JSON.parse(String(request.body)).session.batch_seq);
    expect(numbers).toEqual([1, 2]);
  });

  it('that says an audience was not deleted is not taken for a deletion', async () => {
    const service = await findService('meta', 'audiences');
    const answer = { status: 200, body: { success: false } };
    const { http } = scriptedHttp(Array.from({ length: 5 }, () => answer));
    const context = makeContext({ config: { ad_account_id: '42' }, credentials: { access_token: 'x' }, http });
    await expect(service.deleteAudience?.(context, '7')).rejects.toMatchObject({ code: 'not-an-acknowledgement' });
  });

  it('slows down when the quota is nearly used, without wasting a request', async () => {
    const usage = {
      '42': [
        {
          type: 'custom_audience',
          call_count: 100,
          total_cputime: 1,
          total_time: 1,
          estimated_time_to_regain_access: 2,
        },
      ],
    };
    const clock = makeContext().clock;
    const { session, asked } = await openWith(
      [FOUND, { ...counts(1), headers: { 'x-business-use-case-usage': JSON.stringify(usage) } }, counts(1)],
      { clock },
    );
    const send = (): Promise<BatchOutcome> => session.send(makeBatch([row]), new AbortController().signal);
    expect(await send()).toMatchObject({ kind: 'counted', accepted: 1 });
    expect(await send()).toMatchObject({ kind: 'retry', applied: 'no', throttled: true, afterMs: 120_000 });
    expect(asked).toHaveLength(2);
    await clock.sleep(120_000);
    expect(await send()).toMatchObject({ kind: 'counted', accepted: 1 });
  });
});
