import { describe, expect, it } from 'vitest';
import type { BatchOutcome, Job, OutgoingRow, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { tagOf } from '../../../src/destinations/zendesk/audiences.ts';
import { readPause } from '../../../src/destinations/zendesk/response.ts';
import { fieldsOf, makeBatch, makeContext, makeRow, type Scripted, scriptedHttp } from '../rows.ts';

const CREDENTIALS = { email: 'agent@shop.example', api_token: 's3cr3t-a-token' };
const USERS = { subdomain: 'shop', object_type: 'users', id_field: 'email', requests_per_minute: 180 };
const SIGNAL = new AbortController().signal;

interface World {
  readonly session: Session;
  /** Method, path and body of each request so far. */
  told(): readonly (readonly [request: string, body: unknown])[];
  readonly hosts: ReadonlySet<string>;
}

async function open(
  answers: readonly Scripted[],
  part: Partial<ServiceContext> = {},
  service: 'objects' | 'audiences' = 'objects',
): Promise<World> {
  const { http, asked } = scriptedHttp(answers);
  const context = makeContext({ config: USERS, credentials: CREDENTIALS, http, ...part });
  const session = await (await findService('zendesk', service)).open(context);
  const hosts = new Set<string>();
  return {
    session,
    hosts,
    told: () =>
      asked.map(({ method, url, body }) => {
        const { host, pathname, search } = new URL(url);
        hosts.add(host);
        return [
          `${method} ${pathname}${decodeURIComponent(search)}`,
          body === undefined ? null : JSON.parse(String(body)),
        ];
      }),
  };
}

const user = (seq: number, part: Partial<OutgoingRow> = {}): OutgoingRow => {
  const { fields: _read, ...rest } = part;
  const key = `p${seq}@shop.example`;
  return makeRow({ seq, key, fieldsJson: fieldsOf({ name: `N${seq}`, email: `P${seq}@Shop.example` }), ...rest });
};
const queued: Scripted = { status: 200, body: { job_status: { id: 'abc123', status: 'queued', results: null } } };
const ended = (results: unknown, status = 'completed', progress = 1): Scripted => ({
  status: 200,
  body: { job_status: { id: 'abc123', status, progress, results } },
});
const jobOf = (rows: readonly OutgoingRow[], handle = 'abc123'): Job => ({
  handle,
  operation: rows[0]?.operation ?? 'insert',
  rows,
});

/** What a job with these results means for rows 1 to `count`. */
async function poll(
  answers: readonly Scripted[],
  rows: readonly OutgoingRow[],
  handle?: string,
): Promise<BatchOutcome> {
  const { session } = await open(answers);
  const outcome = await session.poll?.(jobOf(rows, handle), SIGNAL);
  if (outcome === undefined) throw new Error('users are written by jobs');
  return outcome;
}

describe('users', () => {
  it('go as one job of the account’s host, with no mail to them, custom fields apart, and every digit', async () => {
    const fields = {
      name: 'Ann',
      email: 'P1@Shop.example',
      plan: 'gold',
      'user_fields.score': 12345678901234567890n,
      notes: null,
    };
    const columns = Object.keys(fields).map((field) => ({ field, dataType: 'VARCHAR' }));
    const known = {
      status: 200,
      body: { user_fields: [{ key: 'plan' }, { key: 'score' }], meta: { has_more: false } },
    };
    const { session, told, hosts } = await open([known, queued], { columns });
    const outcome = await session.send(makeBatch([user(1, { fieldsJson: fieldsOf(fields) })]), SIGNAL);
    expect(outcome).toMatchObject({ kind: 'submitted', handle: 'abc123' });
    expect(told()[1]).toEqual([
      'POST /api/v2/users/create_or_update_many',
      {
        users: [
          {
            ...{ skip_verify_email: true, name: 'Ann', email: 'p1@shop.example', notes: null },
            user_fields: { plan: 'gold', score: 12345678901234567000 },
          },
        ],
      },
    ]);
    expect([...hosts]).toEqual(['shop.zendesk.com']);
  });

  it('are not sent with a custom field that nobody made: Zendesk would drop it without a word', async () => {
    const columns = [{ field: 'plam', dataType: 'VARCHAR' }];
    const answers = [{ status: 200, body: { user_fields: [{ key: 'plan' }], meta: { has_more: false } } }];
    await expect(open(answers, { columns })).rejects.toMatchObject({
      code: 'field-missing',
      message: expect.stringContaining('plam'),
    });
  });

  it('keep the case of an external id, by which they match in any', async () => {
    const { session, told } = await open([queued], { config: { ...USERS, id_field: 'external_id' } });
    const row = user(1, { key: 'c-1a', fieldsJson: fieldsOf({ name: 'Ann', external_id: 'C-1A' }) });
    await session.send(makeBatch([row]), SIGNAL);
    expect(told()[0]?.[1]).toMatchObject({ users: [{ external_id: 'C-1A' }] });
    expect((await findService('zendesk', 'objects')).facts.destinationKey?.normalise).toBe('lower');
  });

  it('get a receipt each by their place in the results, where the id of a failed one is no record', async () => {
    const results = [
      { id: 501, status: 'Created' },
      {
        id: 1,
        error: 'UserUpdateError',
        details: 'Email: p2@shop.example is not properly formatted',
        status: 'Failed',
      },
      { id: 503, status: 'Updated' },
      { id: 3, error: 'UserUpdateError', details: 'rate limit for updating a single unique user', status: 'Failed' },
    ];
    const created = { status: 200, body: { users: [{ id: 503, created_at: '2026-06-15T12:00:00Z' }] } };
    const outcome = await poll(
      [ended(results), created],
      [1, 2, 3, 4].map((seq) => user(seq)),
    );
    expect(outcome).toMatchObject({
      receipts: [
        { seq: 1, status: 'accepted', recordId: '501', created: true },
        { seq: 2, status: 'rejected', code: 'UserUpdateError' },
        { seq: 3, status: 'accepted', created: false, recordCreatedAt: '2026-06-15T12:00:00Z' },
        { seq: 4, status: 'deferred' },
      ],
    });
    expect(JSON.stringify(outcome)).not.toContain('p2@shop');
  });

  it.each([
    [
      'an index for each, in any order',
      [
        ended([
          { index: 1, id: 12, status: 'Created' },
          { index: 0, id: 11, status: 'Created' },
        ]),
      ],
      { receipts: [{ recordId: '11' }, { recordId: '12' }] },
    ],
    [
      'an index for each, as text',
      [
        ended([
          { index: '1', id: 12, status: 'Created' },
          { index: '0', id: 11, status: 'Created' },
        ]),
      ],
      { receipts: [{ recordId: '11' }, { recordId: '12' }] },
    ],
    [
      'the address of each, in another order',
      [
        ended([
          { id: 12, status: 'Created', email: 'P2@shop.example' },
          { id: 11, status: 'Created', email: 'p1@shop.example' },
        ]),
      ],
      { receipts: [{ recordId: '11' }, { recordId: '12' }] },
    ],
    [
      'the address of one row alone',
      [ended([{ id: 12, status: 'Created', email: 'p2@shop.example' }])],
      { receipts: [{ status: 'unknown' }, { recordId: '12' }] },
    ],
    [
      'two ends of one row',
      [
        ended([
          { index: 0, id: 11, status: 'Created' },
          { index: 0, error: 'UserUpdateError', status: 'Failed' },
          { index: 1, id: 12, status: 'Created' },
        ]),
      ],
      { receipts: [{ status: 'unknown' }, { recordId: '12' }] },
    ],
    [
      'a word that nobody knows, and errors beside an id',
      [
        ended([
          { id: 11, status: 'Skipped' },
          { id: 12, errors: 'Email is taken' },
        ]),
      ],
      { receipts: [{ status: 'unknown' }, { status: 'rejected' }] },
    ],
    [
      'fewer results than rows',
      [ended([{ id: 11, status: 'Created' }])],
      { receipts: [{ status: 'unknown' }, { status: 'unknown' }] },
    ],
    ['a job that is under way', [ended(null, 'working')], { kind: 'submitted', handle: 'abc123' }],
    [
      'a job that failed before its first row',
      [ended(null, 'failed', 0)],
      { receipts: [{ status: 'deferred' }, { status: 'deferred' }] },
    ],
    [
      'a job that was killed on its way',
      [ended(null, 'killed', 1)],
      { receipts: [{ status: 'unknown' }, { status: 'unknown' }] },
    ],
    [
      'a job that is forgotten after a day',
      [{ status: 404, body: { error: 'RecordNotFound', description: 'Not found' } }],
      { receipts: [{ status: 'unknown', code: 'job-expired' }, { status: 'unknown' }] },
    ],
    ['a page in place of the status', [{ status: 200, body: '<html>' }], { kind: 'retry' }],
    ['a status without a word', [{ status: 200, body: {} }], { kind: 'retry' }],
  ] as const)('whose job tells of %s', async (_name, answers, expected) => {
    expect(await poll(answers, [user(1), user(2)])).toMatchObject(expected);
  });

  const PER_USER =
    'You have exceeded the rate limit for updating a single unique user. user email: p1@shop.example id: external_id:';
  it.each([
    [
      'the limit of one user, in plain text',
      { status: 429, headers: { 'retry-after': '27', 'content-type': 'text/plain' }, body: PER_USER },
      { kind: 'retry', applied: 'no', throttled: 'request', afterMs: 27_000, code: 'record-rate-limit' },
    ],
    [
      'the limit of the account',
      { status: 429, headers: { 'retry-after': '9' }, body: 'Number of allowed API requests per minute exceeded' },
      { kind: 'retry', applied: 'no', throttled: true, afterMs: 9_000 },
    ],
    [
      '30 jobs already',
      { status: 429, body: { error: 'TooManyJobs', description: 'no' } },
      { kind: 'retry', applied: 'no', throttled: true, code: 'too-many-jobs', afterMs: 10_000 },
    ],
    [
      'imports that are not enabled',
      { status: 403, body: { error: 'Forbidden', description: 'Data imports are not enabled' } },
      { kind: 'refused', code: 'imports-not-enabled' },
    ],
    [
      'a right that is missing',
      { status: 403, body: { error: { title: 'Forbidden', message: 'You do not have access' } } },
      { kind: 'refused', code: 'Forbidden' },
    ],
    [
      'a conflict',
      { status: 409, body: { error: 'DatabaseConflict', description: 'Database collision' } },
      { kind: 'retry', applied: 'no' },
    ],
    [
      'no account of that name',
      { status: 404, body: { error: { title: 'No help desk', message: 'There is no help desk' } } },
      { kind: 'refused' },
    ],
    ['no job at all', { status: 200, body: {} }, { kind: 'retry', applied: 'maybe' }],
    [
      'a request that is not valid',
      {
        status: 422,
        body: {
          error: 'RecordInvalid',
          description: 'no',
          details: { base: [{ description: 'p1@shop.example is bad' }] },
        },
      },
      { kind: 'narrow', code: 'RecordInvalid' },
    ],
  ] as const)('answered with %s', async (_name, answer, expected) => {
    const { session } = await open([answer]);
    const outcome = await session.send(makeBatch([user(1)]), SIGNAL);
    expect(outcome).toMatchObject(expected);
    expect(JSON.stringify(outcome)).not.toContain('p1@shop');
  });

  it('wait where the headers say that nothing is left', async () => {
    expect(readPause({ headers: { 'ratelimit-remaining': '0', 'ratelimit-reset': '41' } })).toBe(41_000);
    expect(readPause({ headers: { 'ratelimit-remaining': '1', 'ratelimit-reset': '41' } })).toBeNull();
    expect(readPause({ headers: { 'zendesk-ratelimit-users-x': 'total=5; remaining=0; resets=12' } })).toBe(12_000);
    const { session } = await open([{ ...queued, headers: { 'x-rate-limit-remaining': '0', 'ratelimit-reset': '7' } }]);
    expect(await session.send(makeBatch([user(1)]), SIGNAL)).toMatchObject({ kind: 'submitted', pauseMs: 7_000 });
  });
});

describe('a user under a new address', () => {
  const moved = user(1, {
    key: 'new@shop.example',
    previousKey: 'old@shop.example',
    recordId: '50',
    operation: 'update',
  });
  const identities = (...values: readonly (readonly [id: number, value: string, primary: boolean])[]): Scripted => ({
    status: 200,
    body: { identities: values.map(([id, value, primary]) => ({ id, value, primary, type: 'email' })) },
  });

  it('gets it as the primary one, and loses the old one, which would go on to match', async () => {
    const answers = [
      identities([7, 'old@shop.example', true]),
      { status: 201, body: { identity: { id: 8 } } },
      { status: 204 },
      queued,
    ];
    const { session, told } = await open(answers);
    expect(await session.send(makeBatch([moved]), SIGNAL)).toMatchObject({ kind: 'submitted', handle: 'abc123' });
    expect(told().map(([request]) => request)).toEqual([
      'GET /api/v2/users/50/identities',
      'POST /api/v2/users/50/identities',
      'DELETE /api/v2/users/50/identities/7',
      'POST /api/v2/users/create_or_update_many',
    ]);
    expect(told()[1]?.[1]).toMatchObject({
      identity: { value: 'new@shop.example', primary: true, skip_verify_email: true },
    });
  });

  it('is half done once, and goes on from there', async () => {
    const answers = [
      identities([7, 'old@shop.example', true], [8, 'new@shop.example', false]),
      { status: 200, body: { identities: [] } },
      { status: 204 },
      queued,
    ];
    const { session, told } = await open(answers);
    await session.send(makeBatch([moved]), SIGNAL);
    expect(told()[1]?.[0]).toBe('PUT /api/v2/users/50/identities/8/make_primary');
  });

  const taken = {
    status: 422,
    body: { error: 'RecordInvalid', description: 'no', details: { value: [{ description: 'taken' }] } },
  };
  it.each([
    ['goes when the job has ended well', {}, {}, 'abc123:0-50'],
    ['stays without delete', {}, { operations: ['insert', 'update'] as const }, 'abc123'],
    ['stays where it was there before us', { mayDelete: false }, {}, 'abc123'],
  ])('that another user has is written there, and the old record %s', async (_name, row, part, handle) => {
    const { session } = await open([identities([7, 'old@shop.example', true]), taken, queued], part);
    expect(await session.send(makeBatch([{ ...moved, ...row }]), SIGNAL)).toMatchObject({ handle });
  });

  it('is not done by an answer without it: the old address stays', async () => {
    const { session, told } = await open([identities([7, 'old@shop.example', true]), { status: 200, body: {} }]);
    expect(await session.send(makeBatch([moved]), SIGNAL)).toMatchObject({ kind: 'retry', applied: 'maybe' });
    expect(told()).toHaveLength(2);
  });

  it('that more records are left for than a job’s handle holds is sent in halves, before there is a job', async () => {
    const rows = Array.from({ length: 70 }, (_, index) => ({
      ...user(index + 1, { previousKey: `o${index}@shop.example` }),
      recordId: `90${String(index).padStart(12, '0')}`,
    }));
    const answers = rows.flatMap(() => [identities([7, 'old@shop.example', true]), taken]);
    const { session } = await open(answers);
    expect(await session.send(makeBatch(rows), SIGNAL)).toMatchObject({ kind: 'too_large' });
  });

  it('leaves the old record for a later process to delete', async () => {
    const { session, told } = await open([ended([{ id: 60, status: 'Updated' }]), queued]);
    const outcome = await session.poll?.(jobOf([moved], 'abc123:0-50'), SIGNAL);
    expect(outcome).toMatchObject({ receipts: [{ status: 'accepted', recordId: '60' }] });
    expect(told()[1]?.[0]).toBe('DELETE /api/v2/users/destroy_many?ids=50');
  });
});

describe('deletions of users', () => {
  const gone = (seq: number, part: Partial<OutgoingRow> = {}): OutgoingRow =>
    user(seq, { operation: 'delete', ...part });

  it('go by id, look up what has none, and leave who was there before us', async () => {
    const found = (id: number, email: string): Scripted => ({
      status: 200,
      body: {
        users: [
          { id, email, created_at: '2026-01-01T00:00:00Z' },
          { id: 99, email: 'else@shop.example' },
        ],
      },
    });
    const rows = [gone(1, { recordId: '11' }), gone(2), gone(3, { createdSince: '2026-03-01T00:00:00Z' }), gone(4)];
    const answers = [
      found(12, 'P2@shop.example'),
      found(13, 'p3@shop.example'),
      { status: 200, body: { users: [] } },
      queued,
    ];
    const { session, told } = await open(answers);
    expect(await session.send(makeBatch(rows), SIGNAL)).toMatchObject({ kind: 'submitted' });
    expect(told()[0]?.[0]).toBe('GET /api/v2/users/search?query=email:"p2@shop.example"');
    expect(told().at(-1)?.[0]).toBe('DELETE /api/v2/users/destroy_many?ids=11,12');
  });

  it('ask alone for an external id that holds a comma, which separates the others', async () => {
    const config = { ...USERS, id_field: 'external_id' };
    const one = { status: 200, body: { users: [{ id: 7, external_id: '{"a":1,"b":2}' }] } };
    const none = { status: 200, body: { users: [] } };
    const rows = [gone(1, { key: '{"a":1,"b":2}' }), gone(2, { key: 'x' }), gone(3, { key: 'y' })];
    const { session, told } = await open([one, none, queued], { config });
    expect(await session.send(makeBatch(rows), SIGNAL)).toMatchObject({ kind: 'submitted' });
    expect(told().map(([request]) => request)).toEqual([
      'GET /api/v2/users/search?external_id={"a":1,"b":2}',
      'GET /api/v2/users/show_many?external_ids=x,y',
      'DELETE /api/v2/users/destroy_many?ids=7',
    ]);
  });

  it('count who is gone already, and narrow down to who cannot go', async () => {
    const results = [
      { id: 11, status: 'Deleted', success: true },
      { id: 12, error: 'UserNotFound', success: false },
    ];
    expect(await poll([ended(results)], [gone(1), gone(2)])).toEqual({ kind: 'accepted' });
    const failed = [...results, { id: 13, error: 'PermissionDenied', details: 'is an owner', success: false }];
    expect(await poll([ended(failed)], [gone(1), gone(2), gone(3)])).toMatchObject({
      kind: 'narrow',
      code: 'PermissionDenied',
    });
    expect(await poll([ended(failed.slice(2))], [gone(3)])).toMatchObject({ receipts: [{ status: 'rejected' }] });
  });

  it.each([
    ['killed', [{ id: 11, status: 'Deleted', success: true }]],
    [
      'completed',
      [
        { id: 11, status: 'Deleted' },
        { id: 12, status: 'Postponed' },
      ],
    ],
  ])('do not count who a job did not come to: %s', async (status, results) => {
    expect(await poll([ended(results, status)], [gone(1), gone(2)])).toMatchObject({
      receipts: [{ status: 'unknown' }, { status: 'unknown' }],
    });
  });
});

describe('organizations', () => {
  it('are deleted where Zendesk says 204, and by no other answer', async () => {
    const leaver = user(1, { key: 'a-1', operation: 'delete', recordId: '70' });
    const { session } = await open([{ status: 200, body: {} }, { status: 204 }], {
      config: { ...USERS, object_type: 'organizations', id_field: 'external_id' },
    });
    expect(await session.send(makeBatch([leaver]), SIGNAL)).toMatchObject({ kind: 'retry', applied: 'maybe' });
    expect(await session.send(makeBatch([leaver]), SIGNAL)).toMatchObject({ receipts: [{ status: 'accepted' }] });
  });

  const config = { ...USERS, object_type: 'organizations', id_field: 'external_id' };
  const acme = user(1, { key: 'a-1', fieldsJson: fieldsOf({ name: 'Acme', external_id: 'A-1', tier: 'gold' }) });

  it('are upserted by external id, and a name that another one has is the row’s fault', async () => {
    const made = { status: 201, body: { organization: { id: 70, created_at: '2026-06-15T12:00:00Z' } } };
    const taken = {
      status: 422,
      body: {
        error: 'RecordInvalid',
        description: 'no',
        details: { name: [{ description: 'Name: Acme has already been taken' }] },
      },
    };
    const { session, told } = await open([made, taken], { config });
    expect(await session.send(makeBatch([acme]), SIGNAL)).toMatchObject({
      receipts: [{ status: 'accepted', recordId: '70', created: true }],
    });
    expect(await session.send(makeBatch([acme]), SIGNAL)).toMatchObject({
      receipts: [{ status: 'rejected', code: 'RecordInvalid' }],
    });
    expect(told()[0]).toEqual([
      'POST /api/v2/organizations/create_or_update',
      { organization: { name: 'Acme', external_id: 'A-1', organization_fields: { tier: 'gold' } } },
    ]);
    expect((await findService('zendesk', 'objects')).limits?.(config, 1)).toMatchObject({ rowsPerRequestMax: 1 });
  });

  it('have no address to be known by', async () => {
    await expect(open([], { config: { ...config, id_field: 'email' } })).rejects.toMatchObject({
      code: 'invalid-setting',
    });
  });
});

describe('tags', () => {
  const member = (recordId: string | null): OutgoingRow =>
    makeRow({ seq: 1, identifiers: [{ kind: 'email', value: 'ann@shop.example', rank: 1, recordId }] });
  const tagged: Scripted = { status: 200, body: { tags: ['other', 'vip_france'] } };
  const found: Scripted = { status: 200, body: { user: { id: 5 } } };

  it.each([
    ['VIP France', 'vip_france'],
    [' Été 2026, à Lyon! ', 'été_2026_à_lyon'],
    ['a/b:c-d.e', 'a/b:c-d.e'],
  ])('of the name %j is %j', (name, tag) => {
    expect(tagOf(name)).toBe(tag);
  });

  it('are added by the user’s own tags, so that those of others stay, and a new user alone gets a name', async () => {
    const needsName = {
      status: 422,
      body: {
        error: 'RecordInvalid',
        description: 'no',
        details: { name: [{ description: 'Name: is too short (minimum one character)' }] },
      },
    };
    const { session, told } = await open([needsName, found, tagged], { audienceName: 'VIP France' }, 'audiences');
    expect(session.audienceId).toBe('vip_france');
    expect(await session.send(makeBatch([member(null)]), SIGNAL)).toMatchObject({
      receipts: [{ status: 'accepted', identifierRecordIds: { 'email:ann@shop.example': '5' } }],
    });
    expect(told()).toEqual([
      ['POST /api/v2/users/create_or_update', { user: { email: 'ann@shop.example', skip_verify_email: true } }],
      [
        'POST /api/v2/users/create_or_update',
        { user: { email: 'ann@shop.example', skip_verify_email: true, name: 'ann' } },
      ],
      ['PUT /api/v2/users/5/tags', { tags: ['vip_france'] }],
    ]);
  });

  it('reach a user that is gone since by its address, and are refused where Zendesk keeps none', async () => {
    const { session } = await open(
      [{ status: 404, body: { error: 'RecordNotFound' } }, found, tagged],
      { audienceId: 'vip_france' },
      'audiences',
    );
    expect(await session.send(makeBatch([member('4')]), SIGNAL)).toMatchObject({ receipts: [{ status: 'accepted' }] });
    const off = await open([{ status: 200, body: { tags: [] } }], { audienceId: 'vip_france' }, 'audiences');
    expect(await off.session.send(makeBatch([member('4')]), SIGNAL)).toMatchObject({
      kind: 'refused',
      code: 'tags-not-enabled',
    });
  });

  it.each([
    ['nothing of the tags', { status: 200, body: {} }, { kind: 'retry', applied: 'maybe' }],
    ['the tag among those that are left', tagged, { kind: 'retry', applied: 'maybe' }],
    ['the others', { status: 200, body: { tags: ['other'] } }, { receipts: [{ status: 'accepted' }] }],
    ['no body', { status: 204 }, { receipts: [{ status: 'accepted' }] }],
    ['no such user', { status: 404, body: { error: 'RecordNotFound' } }, { receipts: [{ status: 'accepted' }] }],
  ] as const)('are taken away where Zendesk says so: %s', async (_name, answer, expected) => {
    const { session } = await open([answer], { audienceId: 'vip_france' }, 'audiences');
    const leaver: OutgoingRow = { ...member('4'), operation: 'delete' };
    expect(await session.send(makeBatch([leaver]), SIGNAL)).toMatchObject(expected);
  });

  it('are not added twice where a later member fails: those before it keep their receipts', async () => {
    const broken = { status: 503, body: '<html>' };
    const members = ['1', '2', '3'].map((id, index) => ({ ...member(id), seq: index + 1 }));
    const world = (answers: readonly Scripted[]) => open(answers, { audienceId: 'vip_france' }, 'audiences');
    const once = await world([tagged, broken, tagged, tagged]);
    expect(await once.session.send(makeBatch(members), SIGNAL)).toMatchObject({
      receipts: [{ status: 'accepted' }, { status: 'accepted' }, { status: 'accepted' }],
    });
    expect(once.told().map(([request]) => request.replace('PUT /api/v2/users/', ''))).toEqual([
      ...['1/tags', '2/tags', '2/tags', '3/tags'],
    ]);
    const down = await world([tagged, broken, broken, broken]);
    expect(await down.session.send(makeBatch(members), SIGNAL)).toMatchObject({
      receipts: [{ status: 'accepted' }, { status: 'unknown' }, { status: 'deferred' }],
    });
  });

  it('make no user where that is not wanted', async () => {
    const config = { ...USERS, create_users: false };
    const { session } = await open([{ status: 200, body: { users: [] } }], { config, audienceId: 'vip' }, 'audiences');
    expect(await session.send(makeBatch([member(null)]), SIGNAL)).toMatchObject({
      receipts: [{ status: 'rejected', code: 'user-not-found' }],
    });
  });
});

describe('the account', () => {
  it.each(['evil.example/', 'shop.evil', 'a@b', ''])('is never another host: %j', async (subdomain) => {
    await expect(open([], { config: { ...USERS, subdomain } })).rejects.toMatchObject({ code: 'invalid-setting' });
  });

  it('never tells the token, not in base64 either, when an answer repeats it', async () => {
    const basic = Buffer.from(`${CREDENTIALS.email}/token:${CREDENTIALS.api_token}`).toString('base64');
    const { session } = await open([{ status: 401, body: { error: 'Unauthorized', description: `Basic ${basic}` } }]);
    const outcome = await session.send(makeBatch([user(1)]), SIGNAL);
    expect(outcome).toMatchObject({ kind: 'refused', message: 'Basic ***' });
  });

  it('takes a token with its agent, or an OAuth token, and says who they are', async () => {
    await expect(open([], { credentials: { email: 'agent@shop.example' } })).rejects.toMatchObject({
      code: 'missing-credential',
    });
    const verify = async (answer: Scripted) => {
      const { http, asked } = scriptedHttp([answer]);
      const { ok } = await (await findService('zendesk', 'objects')).verify(
        makeContext({ config: USERS, credentials: CREDENTIALS, http }),
      );
      return [ok, asked[0]?.headers?.['authorization']];
    };
    const basic = `Basic ${Buffer.from('agent@shop.example/token:s3cr3t-a-token').toString('base64')}`;
    expect(await verify({ status: 200, body: { user: { id: 1, role: 'agent' } } })).toEqual([true, basic]);
    // Who is not logged in is an anonymous user, and no error.
    expect(await verify({ status: 200, body: { user: { id: null, role: 'end-user' } } })).toEqual([false, basic]);
  });
});
