import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { BatchOutcome, OutgoingRow, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { apiNameOf } from '../../../src/destinations/selligent/audiences.ts';
import { registerSecret } from '../../../src/log.ts';
import type { DestinationSetup } from '../../../src/sandbox/platform.ts';
import type { DestinationState } from '../../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { secret } from '../../privacy/canaries.ts';
import { fieldsOf, identify, makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';

const SECRET = secret('selligent');
registerSecret(SECRET);
const PLACE = { host: 'shop.slgnt.eu', organization: 'My Shop', list: 'CUSTOMERS', id_field: 'MAIL' };
const credentials = { api_key: 's3cr3t-key-1', api_secret: SECRET };
const { signal } = new AbortController();

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

function stateOf(name: string): DestinationState {
  const found = sandbox.state().destinations.find((one) => one.destination === name);
  if (found === undefined) throw new Error(`${name} was never reached`);
  expect(found.violations.latest).toEqual([]);
  return found;
}

async function open(service: ServiceKind, part: Partial<ServiceContext>): Promise<Session> {
  const found = await findService('selligent', service);
  const operations = found.facts.defaultOperations;
  return found.open(makeContext({ config: PLACE, credentials, http, operations, audienceName: 'VIP France', ...part }));
}

/** A session at the simulated platform, which is told first what there is. */
async function there(name: string, service: ServiceKind, setup: DestinationSetup, part: Partial<ServiceContext> = {}) {
  sandbox.configure('selligent', name, setup);
  return open(service, { baseUrl: sandbox.baseUrl('selligent', name), ...part });
}

async function person(
  seq: number,
  email: string,
  operation: OutgoingRow['operation'] = 'insert',
): Promise<OutgoingRow> {
  const { normaliser } = await findService('selligent', 'audiences');
  if (normaliser === null) throw new Error('audiences match people');
  return makeRow({ seq, operation, identifiers: identify(normaliser, [['email', email]]) });
}

const FIELDS: Scripted = { status: 200, body: [{ name: 'MAIL' }, { name: 'NAME' }, { name: 'POINTS' }] };
const TAKEN: Scripted = { status: 200, body: { processed: 1, failed: 0 } };
const ann = makeRow({
  seq: 1,
  key: 'ann@shop.example',
  fieldsJson: '{"MAIL":"Ann@Shop.example","NAME":"Ann","POINTS":7}',
});
const bob = makeRow({
  seq: 2,
  key: 'bob@shop.example',
  fieldsJson: '{"MAIL":"bob@shop.example","NAME":null,"POINTS":0}',
});

/** What the answer to a load of these rows comes to. */
async function load(
  rows: readonly OutgoingRow[],
  answer: Scripted,
  config: ServiceContext['config'] = {},
): Promise<{ readonly outcome: BatchOutcome; readonly asked: readonly (readonly unknown[])[] }> {
  const { http: scripted, asked } = scriptedHttp([FIELDS, answer]);
  const session = await open('objects', { config: { ...PLACE, ...config }, http: scripted });
  const outcome = await session.send(makeBatch(rows), signal);
  const told = asked.map(({ method, url, headers, body }) => [
    `${method} ${decodeURIComponent(url)}`,
    headers?.['x-apikey'],
    body === undefined ? null : JSON.parse(String(body)),
  ]);
  return { outcome, asked: told };
}

describe('records', () => {
  it('go to the list by the key field, values in the order of the fields, NULL as null', async () => {
    const { outcome, asked } = await load([ann, bob], TAKEN);
    const list = 'https://shop.slgnt.eu/Portal/Api/organizations/My Shop/lists/CUSTOMERS';
    expect(asked).toEqual([
      [`GET ${list}/fields`, `s3cr3t-key-1:${SECRET}`, null],
      [
        `POST ${list}/data/load?keyFields=MAIL&fields=MAIL,NAME,POINTS&mode=Sync`,
        `s3cr3t-key-1:${SECRET}`,
        [
          ['ann@shop.example', 'Ann', 7],
          ['bob@shop.example', null, 0],
        ],
      ],
    ]);
    expect(outcome).toEqual({ kind: 'accepted' });
  });

  it('keep every digit', async () => {
    const { http: scripted, asked } = scriptedHttp([FIELDS, TAKEN]);
    const session = await open('objects', { http: scripted });
    await session.send(
      makeBatch([makeRow({ seq: 1, fieldsJson: fieldsOf({ POINTS: 12345678901234567890n }) })]),
      signal,
    );
    expect(asked[1]?.body).toBe('[["1",12345678901234567890]]');
  });

  it('with other fields go in a load of their own', async () => {
    const { homogeneity } = await findService('selligent', 'objects');
    const cal = makeRow({ seq: 3, key: 'cal@shop.example', fieldsJson: '{"MAIL":"cal@shop.example","POINTS":3}' });
    expect(new Set([ann, bob, cal].map((row) => homogeneity?.(row))).size).toBe(2);
    const { http: scripted, asked } = scriptedHttp([FIELDS]);
    const session = await open('objects', { http: scripted });
    expect(await session.send(makeBatch([ann, cal]), signal)).toMatchObject({ kind: 'too_large' });
    expect(asked).toHaveLength(1);
  });

  it('are deleted by key, with the key in the body, and only where those of others may be', async () => {
    await expect(open('objects', { operations: ['insert', 'delete'] })).rejects.toMatchObject({
      code: 'delete-needs-delete-existing',
    });
    const config = { ...PLACE, delete_existing: true };
    const session = await there('leaving', 'objects', {}, { config, operations: ['insert', 'delete'] });
    await session.send(makeBatch([ann, bob]), signal);
    const leaving = [ann, bob].map(({ seq, key }) => makeRow({ seq, key, operation: 'delete' }));
    const older = { ...leaving[1], createdSince: '2026-01-01T00:00:00Z' } as OutgoingRow;
    expect(await session.send(makeBatch([leaving[0] ?? ann, older]), signal)).toEqual({ kind: 'accepted' });
    expect(stateOf('leaving').objects).toMatchObject([{ size: 1, deleted: 1 }]);
    expect(
      stateOf('leaving')
        .log.map(({ path }) => path)
        .join(),
    ).not.toContain('ann');
  });

  test.each([
    ['an unknown field', { columns: [{ field: 'PONITS', dataType: 'INTEGER' }] }, 'field-missing'],
    ['a field with a comma', { columns: [{ field: 'NAME,MAIL', dataType: 'VARCHAR' }] }, 'invalid-field-name'],
    ['another host', { config: { ...PLACE, host: 'slgnt.eu.example.com' } }, 'invalid-setting'],
    ['a host with a path', { config: { ...PLACE, host: 'shop.slgnt.eu/x' } }, 'invalid-setting'],
  ])('%s is told before anything is sent', async (_name, part, code) => {
    const { http: scripted } = scriptedHttp([FIELDS]);
    await expect(open('objects', { http: scripted, ...part })).rejects.toMatchObject({ code });
  });

  it.each([401, 403, 404])('are sent although the fields may not be read (%i)', async (status) => {
    const { http: scripted } = scriptedHttp([{ status, body: { message: 'no' } }, TAKEN]);
    const columns = [{ field: 'NAME', dataType: 'VARCHAR' }];
    const session = await open('objects', { http: scripted, columns });
    expect(await session.send(makeBatch([ann]), signal)).toEqual({ kind: 'accepted' });
  });

  it('hold one value a field, and an address where the key is one', async () => {
    const { validate } = await findService('selligent', 'objects');
    const verdict = (key: string, fields: object, config = PLACE) =>
      validate?.(makeRow({ seq: 1, key, fieldsJson: JSON.stringify(fields) }), NOON, config)?.code ?? null;
    expect(verdict('ann@shop.example', { NAME: null, POINTS: 1 })).toBeNull();
    expect(verdict('ann@shop.example', { NAME: ['a'] })).toBe('nested-value');
    expect(verdict('ann@shop.example', { NAME: { a: 1 } })).toBe('nested-value');
    expect(verdict('c-1', {})).toBe('invalid-email');
    expect(verdict('c-1', {}, { ...PLACE, id_field: 'CUSTOMER_ID' })).toBeNull();
  });
});

describe('an answer', () => {
  const quota = { 'x-ratelimit-limit': '2500, 2500;w=60', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '5' };
  test.each<readonly [string, Scripted, object]>([
    [
      'that tells of no error is an acknowledgement',
      { status: 200, body: { inserted: 1, updated: 1, errors: [] } },
      { kind: 'accepted' },
    ],
    [
      'that names the option of errors is none',
      { status: 200, body: { errorHandling: 'Skip', count: 2 } },
      { kind: 'accepted' },
    ],
    [
      'that counts failures makes a count',
      { status: 200, body: { processed: 1, failed: 1 } },
      { kind: 'counted', accepted: 1 },
    ],
    [
      'that lists errors makes a count',
      { status: 200, body: { data: { errors: ['x', 'y'] } } },
      { kind: 'counted', accepted: 0 },
    ],
    [
      'that says it was no success makes a count',
      { status: 200, body: { success: false } },
      { kind: 'counted', accepted: 1 },
    ],
    ['with the status of an error makes a count', { status: 200, body: { status: 'Failed' } }, { accepted: 1 }],
    ['of the number 0 is no acknowledgement', { status: 200, body: 0 }, { kind: 'retry', applied: 'maybe' }],
    ['of nothing is no acknowledgement', { status: 200 }, { kind: 'retry', applied: 'maybe' }],
    ['of an empty object is none either', { status: 200, body: {} }, { kind: 'retry', applied: 'maybe' }],
    ['of a page is none', { status: 200, body: '<html>sign in</html>' }, { kind: 'retry', applied: 'maybe' }],
    [
      'of the quota slows everything down, until the minute ends',
      { status: 429, body: 'API calls quota exceeded! The maximum allowed is 2500 per minute', headers: quota },
      { kind: 'retry', applied: 'no', throttled: true, afterMs: 5_000, pauseMs: 5_000, code: 'http-429' },
    ],
    [
      'of a busy list is about that list',
      {
        status: 429,
        body: { message: 'A bulk operation is in progress' },
        headers: { 'x-ratelimit-remaining': '2400' },
      },
      { kind: 'retry', applied: 'no', throttled: 'request', afterMs: 5_000, code: 'list-busy' },
    ],
    ['with the last request of the minute pauses', { ...TAKEN, headers: quota }, { kind: 'accepted', pauseMs: 5_000 }],
    [
      'of the index guard stops the activation, and halves nothing',
      { status: 400, body: { message: 'No unique index covers the specified keyFields' } },
      { kind: 'refused', code: 'key-field-without-index', fix: expect.stringContaining('businesskey') },
    ],
    [
      '400 is narrowed down',
      { status: 400, body: { message: 'Invalid date' } },
      { kind: 'narrow', message: 'Invalid date' },
    ],
    ['422 is narrowed down', { status: 422, body: '"cannot be created"' }, { kind: 'narrow' }],
    ['401 says what to look at', { status: 401 }, { kind: 'refused', fix: expect.stringContaining('endpoints') }],
    ['404 says what to look at', { status: 404 }, { kind: 'refused', fix: expect.stringContaining('config.host') }],
    ['408 may have been applied', { status: 408 }, { kind: 'retry', applied: 'maybe' }],
    ['503 may have been applied', { status: 503, headers: { 'retry-after': '2' } }, { kind: 'retry', afterMs: 2_000 }],
  ])('%s', async (_name, answer, wanted) => {
    expect((await load([ann, bob], answer)).outcome).toMatchObject(wanted);
  });

  it('that is empty counts where the environment always answers so; a page never does', async () => {
    const config = { acknowledge_by: 'status' };
    expect((await load([ann], { status: 204 }, config)).outcome).toEqual({ kind: 'accepted' });
    expect((await load([ann], { status: 200, body: '<html>' }, config)).outcome).toMatchObject({ kind: 'retry' });
    expect((await load([ann], { status: 200, body: { failed: 1 } }, config)).outcome).toMatchObject({ accepted: 0 });
  });

  it('that repeats the secret is cut nowhere in the middle of it', async () => {
    const { outcome } = await load([ann], {
      status: 400,
      body: { message: `${'x'.repeat(190)} s3cr3t-key-1:${SECRET}`.repeat(9) },
    });
    const said = JSON.stringify(outcome);
    for (let length = 8; length < SECRET.length; length++) expect(said).not.toContain(SECRET.slice(0, length));
  });

  it('that repeats a value does not carry it on', async () => {
    const { outcome } = await load([ann], { status: 400, body: { message: 'Ann@shop.example: Ann is no date' } });
    expect(JSON.stringify(outcome)).not.toMatch(/ann@|Ann\b/i);
  });
});

describe('a static segment', () => {
  it('takes contacts of the list only, and is left without their leaving it', async () => {
    const setup = { selligent: { segments: ['VIP_France'], contacts: ['ann@shop.example', 'bob@shop.example'] } };
    const session = await there('known', 'audiences', setup);
    expect(session.audienceId).toBe('VIP_France');
    const rows = [
      await person(1, ' Ann@shop.example'),
      await person(2, 'bob@shop.example'),
      await person(3, 'no@shop.example'),
    ];
    expect(await session.send(makeBatch(rows), signal)).toEqual({ kind: 'accepted' });
    await session.send(makeBatch([await person(4, 'bob@shop.example', 'delete')]), signal);
    expect(stateOf('known')).toMatchObject({
      audiences: [{ id: 'VIP_France', size: 1, added: 2, removed: 1, members: [{ MAIL: ['ann@shop.example'] }] }],
      objects: [{ size: 0, deleted: 0 }],
    });
  });

  it('that is not there is an error, unless it may be made: by one member, once, and looked for after a lost answer', async () => {
    const setup = { selligent: { segments: [] } };
    await expect(there('missing', 'audiences', setup)).rejects.toMatchObject({ code: 'segment-missing' });
    const session = await there('made', 'audiences', setup, { config: { ...PLACE, create_segment: true } });
    expect(await session.send(makeBatch([await person(9, 'bob@shop.example', 'delete')]), signal)).toEqual({
      kind: 'accepted',
    });
    sandbox.setFaults({ next: [{ kind: 'reset_after', times: 1, destination: 'made', method: 'POST' }] });
    const rows = [await person(1, 'ann@shop.example'), await person(2, 'bob@shop.example')];
    expect(await session.send(makeBatch(rows), signal)).toMatchObject({ kind: 'retry', applied: 'maybe' });
    expect(await session.send(makeBatch(rows), signal)).toEqual({ kind: 'accepted' });
    expect(stateOf('made')).toMatchObject({
      audiences: [{ id: 'VIP_France', name: 'VIP France', size: 2 }],
      objects: [{ size: 1, created: 1 }],
    });
  });

  it('is known by its recorded API name, and shared identifiers go once', async () => {
    const session = await there('renamed', 'audiences', { selligent: { segments: ['OLD'] } }, { audienceId: 'OLD' });
    const rows = [await person(1, 'ann@shop.example'), await person(2, 'ANN@shop.example')];
    expect(await session.send(makeBatch(rows), signal)).toEqual({ kind: 'accepted' });
    expect(stateOf('renamed').audiences).toMatchObject([{ id: 'OLD', size: 1 }]);
  });

  it('counts contacts, which are not rows where two share one', async () => {
    const { http: scripted } = scriptedHttp([
      FIELDS,
      { status: 200, body: { type: 'Static' } },
      { status: 200, body: { failed: 1 } },
    ]);
    const session = await open('audiences', { http: scripted });
    const rows = [
      await person(1, 'ann@shop.example'),
      await person(2, 'ann@shop.example'),
      await person(3, 'bob@shop.example'),
    ];
    expect(await session.send(makeBatch(rows), signal)).toMatchObject({ kind: 'counted', accepted: 0 });
  });

  test.each([
    ['that follows a filter', [FIELDS, { status: 200, body: { type: 'DynamicSegment' } }], {}, 'segment-not-static'],
    ['that cannot be read', [FIELDS, { status: 200, body: 'yes' }], {}, 'segment-unreadable'],
    ['by external id in the field of addresses', [], { match_by: 'external_id' }, 'invalid-setting'],
  ])('%s is an error', async (_name, answers, more, code) => {
    const { http: scripted } = scriptedHttp(answers);
    const config = { ...PLACE, ...more };
    await expect(open('audiences', { http: scripted, config })).rejects.toMatchObject({ code });
  });

  it('is found by an API name', () => {
    expect(['VIP France', '  Été – 2026! ', 'a__b'].map(apiNameOf)).toEqual(['VIP_France', 'Ete_2026', 'a__b']);
    for (const name of ['…', 'x'.repeat(101)]) expect(() => apiNameOf(name)).toThrow('API name');
  });

  it('leaves a row without the identifier that it goes by', async () => {
    const { validate } = await findService('selligent', 'audiences');
    const config = { ...PLACE, match_by: 'external_id', id_field: 'CUSTOMER_ID' };
    expect(validate?.(await person(1, 'a@shop.example'), NOON, config)).toMatchObject({
      code: 'no-contact-id',
      leaves: true,
    });
    expect(validate?.(await person(1, 'a@shop.example', 'delete'), NOON, config)).toBeNull();
  });
});

describe('whoever', () => {
  it('is forgotten leaves the list and its segments, and may be forgotten again', async () => {
    const session = await there('forgotten', 'audiences', { selligent: { segments: ['VIP_France'] } });
    await session.send(makeBatch([await person(1, 'ann@shop.example'), await person(2, 'bob@shop.example')]), signal);
    const { erase } = await findService('selligent', 'audiences');
    const context = makeContext({
      config: PLACE,
      credentials,
      http,
      baseUrl: sandbox.baseUrl('selligent', 'forgotten'),
    });
    const { identifiers } = await person(1, 'ann@shop.example');
    for (const _again of [1, 2])
      expect(await erase?.(context, [{ key: '1', recordId: null, identifiers }])).toEqual({
        kind: 'erased',
        detail: null,
      });
    expect(stateOf('forgotten').audiences).toMatchObject([{ size: 1, members: [{ MAIL: ['bob@shop.example'] }] }]);
  });

  it('runs doctor learns whether the key reads the list', async () => {
    const { verify } = await findService('selligent', 'objects');
    const context = makeContext({ config: PLACE, credentials, http, baseUrl: sandbox.baseUrl('selligent', 'checked') });
    expect(await verify(context)).toMatchObject({ ok: true });
    expect(await verify({ ...context, credentials: { ...credentials, api_secret: 'invalid' } })).toMatchObject({
      ok: false,
    });
    expect(await verify({ ...context, config: { ...PLACE, host: 'example.com' } })).toMatchObject({ ok: false });
  });
});
