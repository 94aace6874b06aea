import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findService } from '../../../src/destinations/registry.ts';
import { makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';
import { OBJECTS, Orgs, SECRET, send, TOKEN, verdicts, withScript } from './org-bench.ts';

const done = (id: string, created = true): object => ({ id, success: true, errors: [], created });
const failed = (statusCode: string, message = 'no'): object => ({
  success: false,
  errors: [{ statusCode, message, fields: [] }],
});
const error = (status: number, errorCode: string, message = 'no'): Scripted => ({
  status,
  body: [{ message, errorCode }],
});
const ok = (body: unknown): Scripted => ({ status: 200, body });
const found = (...records: readonly object[]): Scripted => ok({ totalSize: records.length, done: true, records });
const row = (seq: number, part: object = {}) =>
  makeRow({ seq, key: `C-${seq}`, fieldsJson: '{"LastName":"Lee"}', ...part });

let orgs: Orgs;
beforeAll(async () => {
  orgs = await Orgs.start();
});
afterAll(() => orgs.close());

describe('a request of sObject Collections', () => {
  it('names the external id, keeps digits and types, nests parents, and sends null to clear', async () => {
    const columns = [
      { field: 'Customer_Id__c', dataType: 'BIGINT' },
      { field: 'Amount__c', dataType: 'DECIMAL(18,2)' },
      { field: 'Seen__c', dataType: 'TIMESTAMP' },
    ];
    const { session, told } = await withScript([ok([done('003A')])], { columns });
    const fieldsJson = `{"Customer_Id__c":7,"LastName":"O'Neil","Phone":null,"Amount__c":"120000000000000000.10","Big__c":12345678901234567890,
      "Seen__c":"2026-06-15T12:00:00.123456Z","Topics__c":["a","b"],"Account.Ext_Id__c":"A-1","Zip__c":"007"}`;
    expect(await send(session, [row(1, { key: '7', fieldsJson })])).toEqual({
      kind: 'receipts',
      receipts: [{ seq: 1, status: 'accepted', recordId: '003A', created: true }],
    });
    expect(session.account).toBe('00D000000000001AAA');
    const [{ method, path, body } = { method: '', path: '', body: '' }] = told();
    expect(`${method} ${path}`).toBe('PATCH composite/sobjects/Contact/Customer_Id__c');
    expect(body).toBe(
      `{"allOrNone":false,"records":[{"attributes":{"type":"Contact"},"Customer_Id__c":7,"LastName":"O'Neil","Phone":null,` +
        '"Amount__c":120000000000000000.10,"Big__c":12345678901234567890,"Seen__c":"2026-06-15T12:00:00.123Z",' +
        '"Topics__c":"a;b","Account":{"Ext_Id__c":"A-1"},"Zip__c":"007"}]}',
    );
  });

  it('succeeds with status 200 and fails rows by their place; values stay out of messages', async () => {
    const { session } = await withScript([
      ok([
        done('003A'),
        failed('INVALID_EMAIL_ADDRESS', 'Email: invalid email address: ann(at)shop'),
        done('003B', false),
      ]),
    ]);
    const rows = [row(1), row(2, { fieldsJson: '{"Email":"ann(at)shop"}' }), row(3)];
    expect(await send(session, rows)).toMatchObject({
      receipts: [
        { status: 'accepted', created: true },
        { status: 'rejected', code: 'INVALID_EMAIL_ADDRESS', message: expect.not.stringContaining('ann(at)') },
        { status: 'accepted', created: false },
      ],
    });
  });

  it('sends again the rows that somebody had locked, and only them, then leaves them to the next run', async () => {
    const locked = failed('UNABLE_TO_LOCK_ROW');
    const { session, told } = await withScript([
      ok([done('003A'), locked, locked]),
      ok([done('003B'), locked]),
      ok([locked]),
    ]);
    expect(verdicts(await send(session, [row(1), row(2), row(3)]))).toEqual([
      ...['accepted', 'accepted', 'deferred UNABLE_TO_LOCK_ROW'],
    ]);
    expect(told().map(({ body }) => body.match(/C-\d/g))).toEqual([['C-1', 'C-2', 'C-3'], ['C-2', 'C-3'], ['C-3']]);
  });

  it.each([
    ['fewer results than records', ok([done('003A')])],
    ['an empty list', ok([])],
    ['a result that says neither yes nor no', ok([{ id: '003A' }, { id: '003B' }])],
    ['a page', { status: 200, body: '<html>one moment</html>' }],
  ])('does not take %s for an answer', async (_name, answer) => {
    const { session } = await withScript([answer]);
    expect(await send(session, [row(1), row(2)])).toMatchObject({ kind: 'retry', applied: 'maybe' });
  });

  it.each([
    ['a field that is none', error(400, 'INVALID_FIELD', "No such column 'Foo__c'"), 'refused INVALID_FIELD'],
    [
      'the same of every row',
      ok([failed('INVALID_FIELD_FOR_INSERT_UPDATE')]),
      'refused INVALID_FIELD_FOR_INSERT_UPDATE',
    ],
    [
      'a parent that is not there',
      ok([failed('INVALID_FIELD', 'Foreign key external ID: x not found')]),
      'rejected INVALID_FIELD',
    ],
    ['a value that cannot be read', error(400, 'JSON_PARSER_ERROR'), 'narrow JSON_PARSER_ERROR'],
    [
      'a column of numbers for a field of text',
      error(400, 'JSON_PARSER_ERROR', 'Cannot deserialize instance of string from VALUE_NUMBER_INT value 5'),
      'refused JSON_PARSER_ERROR',
    ],
    [
      'a text that is no date',
      error(400, 'JSON_PARSER_ERROR', 'Cannot deserialize instance of date from VALUE_STRING value 2026-13-01'),
      'narrow JSON_PARSER_ERROR',
    ],
    ['an external id of several records', ok([failed('DUPLICATE_EXTERNAL_ID')]), 'rejected DUPLICATE_EXTERNAL_ID'],
    [
      'the calls of a day',
      error(403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'),
      'refused daily-limit',
    ],
    [
      'too many long requests',
      error(403, 'REQUEST_LIMIT_EXCEEDED', 'ConcurrentRequests Limit exceeded.'),
      'retry REQUEST_LIMIT_EXCEEDED',
    ],
    ['no right', error(403, 'INSUFFICIENT_ACCESS'), 'refused INSUFFICIENT_ACCESS'],
    ['an object that is none', error(404, 'NOT_FOUND'), 'refused NOT_FOUND'],
  ])('tells whose fault it is: %s', async (_name, answer, verdict) => {
    const { session } = await withScript([answer]);
    expect(verdicts(await send(session, [row(1)]))).toEqual([verdict]);
  });
});

describe('the org', () => {
  it('is where the token says it is, unless a base_url takes its place', async () => {
    const moved = {
      ...TOKEN,
      body: { ...(TOKEN.body as object), instance_url: 'https://acme--two.my.salesforce.com' },
    };
    const hosts = async (baseUrl: string | null): Promise<readonly string[]> => {
      const { http, asked } = scriptedHttp([moved, ok([done('003A')])]);
      const service = await findService('salesforce', 'objects');
      const session = await service.open(makeContext({ config: OBJECTS, credentials: SECRET, http, baseUrl }));
      await send(session, [row(1)]);
      return asked.map(({ url }) => new URL(url).host);
    };
    expect(await hosts(null)).toEqual(['acme.my.salesforce.com', 'acme--two.my.salesforce.com']);
    expect(await hosts('http://127.0.0.1:9')).toEqual(['127.0.0.1:9', '127.0.0.1:9']);
  });

  it('is never told a secret in clear', async () => {
    const opened = (instance_url: string) => orgs.make().open({ config: { ...OBJECTS, instance_url } });
    await expect(opened('http://acme.my.salesforce.com')).rejects.toMatchObject({ code: 'instance-url-not-https' });
    await expect(opened('acme.my.salesforce.com')).resolves.toMatchObject({ audienceId: null });
  });

  it('gives a token for a signed JWT', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().replaceAll('\n', '\\n');
    const org = orgs.make();
    const clock = { now: () => Date.now(), sleep: async () => {} };
    const config = { ...OBJECTS, username: 'sync@acme.example' };
    const session = await org.open({ config, credentials: { client_id: 'the-app', private_key: pem }, clock });
    expect(verdicts(await send(session, [row(1)]))).toEqual(['accepted']);
    await expect(org.open({ config, credentials: { client_id: 'the-app' } })).rejects.toMatchObject({
      code: 'no-credentials',
    });
  });

  it('ends a session, and is asked for a token once anew', async () => {
    const org = orgs.make({ sessionRequests: 2 });
    const session = await org.open();
    for (const seq of [1, 2, 3, 4, 5]) expect(verdicts(await send(session, [row(seq)]))).toEqual(['accepted']);
    expect(org.state().requests.statuses).toEqual({ 200: 8, 401: 2 });
  });

  it('is left calls for other integrations, by its own count', async () => {
    const org = orgs.make({ apiCallsMax: 10 });
    const session = await org.open({ config: { ...OBJECTS, api_percent_max: 20 } });
    const outcomes = [];
    for (const seq of [1, 2, 3, 4]) outcomes.push(...verdicts(await send(session, [row(seq)])));
    expect(outcomes).toEqual(['accepted', 'accepted', 'accepted', 'refused api-calls-reserved']);
    expect(org.state().requests.statuses).toEqual({ 200: 4 });
  });
});

describe('a row under a new key', () => {
  const moved = row(2, { operation: 'update', key: 'C-new', previousKey: 'C-old', recordId: '003OLD000000000AAA' });

  it('is updated in place, by its record id', async () => {
    const { session, told } = await withScript([ok([done('003OLD000000000AAA', false)])]);
    expect(verdicts(await send(session, [moved]))).toEqual(['accepted']);
    expect(told()).toMatchObject([{ method: 'PATCH', path: 'composite/sobjects' }]);
    expect(told()[0]?.body).toContain('"Id":"003OLD000000000AAA","LastName":"Lee","Customer_Id__c":"C-new"');
  });

  it.each([
    [['insert', 'update', 'delete'] as const, undefined, 3],
    [['insert', 'update', 'delete'] as const, false, 2],
    [['insert', 'update'] as const, undefined, 2],
  ])(
    'whose key another record holds is upserted, and the old one deleted where that is allowed (%s, %s)',
    async (operations, mayDelete, requests) => {
      const answers = [ok([failed('DUPLICATE_VALUE')]), ok([done('003NEW', false)]), ok([done('003OLD000000000AAA')])];
      const { session, told } = await withScript(answers.slice(0, requests), { operations });
      const outcome = await send(session, [{ ...moved, ...(mayDelete === undefined ? {} : { mayDelete }) }]);
      expect(outcome).toMatchObject({ receipts: [{ status: 'accepted', recordId: '003NEW' }] });
      expect(told()).toHaveLength(requests);
      if (requests === 3)
        expect(told()[2]).toMatchObject({
          method: 'DELETE',
          path: 'composite/sobjects?ids=003OLD000000000AAA&allOrNone=false',
        });
    },
  );
});

describe('deletions', () => {
  it('go by record id, which a query finds by external id; who is gone counts as deleted', async () => {
    const rows = [
      row(1, { operation: 'delete', recordId: '003KNOWN' }),
      row(2, { operation: 'delete', key: "O'Neil \\" }),
      row(3, { operation: 'delete' }),
    ];
    const { session, told } = await withScript([
      found({ Id: '003FOUND', Customer_Id__c: "o'neil \\", CreatedDate: '2026-06-01T00:00:00.000+0000' }),
      ok([failed('ENTITY_IS_DELETED'), done('003FOUND')]),
    ]);
    expect(verdicts(await send(session, rows))).toEqual(['accepted', 'accepted', 'accepted']);
    expect(told().map(({ path }) => path)).toEqual([
      "query?q=SELECT Id, Customer_Id__c, CreatedDate FROM Contact WHERE Customer_Id__c IN ('O\\'Neil \\\\','C-3')",
      'composite/sobjects?ids=003KNOWN,003FOUND&allOrNone=false',
    ]);
  });

  it('leave a record that was there before us, and do not take a broken answer for nobody', async () => {
    const createdSince = '2026-06-10T00:00:00Z';
    const rows = [row(1, { operation: 'delete', createdSince }), row(2, { operation: 'delete', createdSince })];
    const { session, told } = await withScript([
      ok({ records: [{ Id: '003A' }] }),
      found(
        { Id: '003OLD', Customer_Id__c: 'C-1', CreatedDate: '2026-06-01T00:00:00.000+0000' },
        { Id: '003OURS', Customer_Id__c: 'C-2', CreatedDate: '2026-06-11T00:00:00.000+0000' },
      ),
      ok([done('003OURS')]),
    ]);
    expect(await send(session, rows)).toMatchObject({ kind: 'retry', code: 'not-looked-up' });
    expect(verdicts(await send(session, rows))).toEqual(['accepted', 'accepted']);
    expect(told().at(-1)?.path).toBe('composite/sobjects?ids=003OURS&allOrNone=false');
  });

  it('do not read a page for ever that leads to itself', async () => {
    const page = ok({ done: false, records: [], nextRecordsUrl: '/services/data/v67.0/query/01g-2000' });
    const { session, told } = await withScript([page, page]);
    expect(await send(session, [row(1, { operation: 'delete' })])).toMatchObject({ code: 'not-looked-up' });
    expect(told()).toHaveLength(2);
  });

  it('ask in as many requests as the address allows, and read every page', async () => {
    const org = orgs.make();
    const session = await org.open();
    const many = Array.from({ length: 200 }, (_, index) => row(index + 1, { key: `${"'é".repeat(40)}-${index}` }));
    expect(new Set(verdicts(await send(session, many)))).toEqual(new Set(['accepted']));
    const leavers = many.map((one) => ({ ...one, operation: 'delete' as const, fields: () => null }));
    expect(new Set(verdicts(await send(session, leavers)))).toEqual(new Set(['accepted']));
    expect(org.state()).toMatchObject({ objects: [{ size: 0, deleted: 200 }], violations: { count: 0 } });
    expect(org.state().requests.statuses[200]).toBeGreaterThan(5);
  });
});

describe('write: update', () => {
  it.each(['collections', 'bulk'])('makes no record (%s)', async (api) => {
    const org = orgs.make({ records: { Contact: [{ LastName: 'Lee', Customer_Id__c: 'C-1' }] } });
    const session = await org.open({ config: { ...OBJECTS, write: 'update', api } });
    const rows = [row(1, { fieldsJson: '{"FirstName":"Ann"}' }), row(2)];
    const { sendAndWait } = await import('./org-bench.ts');
    expect(verdicts(await sendAndWait(session, rows))).toEqual(['accepted', 'rejected record-not-found']);
    expect(verdicts(await sendAndWait(session, [row(3)]))).toEqual(['rejected record-not-found']);
    expect(org.state().objects).toMatchObject([
      { size: 1, records: [{ fields: { FirstName: 'Ann', LastName: 'Lee' } }] },
    ]);
    expect(org.state().violations.latest).toEqual([]);
  });
});

describe('a record that was made although the answer to it was lost', () => {
  it.each([
    ['2026-06-15T12:00:01.000+0000', true],
    ['2026-06-15T11:00:00.000+0000', false],
  ])('is ours if it is younger than the first send (%s: %s)', async (CreatedDate, created) => {
    const { session } = await withScript([
      { status: 504, body: '' },
      ok([done('003A', false)]),
      found({ Id: '003A', CreatedDate }),
    ]);
    expect(await send(session, [row(1)])).toMatchObject({ kind: 'retry', applied: 'maybe' });
    const recordCreatedAt = new Date(Date.parse(CreatedDate)).toISOString();
    expect(await send(session, [row(1)])).toMatchObject({
      receipts: [{ status: 'accepted', created, recordCreatedAt }],
    });
    expect(NOON).toBe(Date.parse('2026-06-15T12:00:00Z'));
  });
});
