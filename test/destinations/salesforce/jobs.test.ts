import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findService } from '../../../src/destinations/registry.ts';
import { parseCsv, renderCsvRow } from '../../../src/destinations/salesforce/csv.ts';
import { makeRow, type Scripted } from '../rows.ts';
import { OBJECTS, Orgs, send, sendAndWait, verdicts, wait, withScript } from './org-bench.ts';

const BULK = { ...OBJECTS, api: 'bulk' };
const row = (seq: number, fields: object = {}, part: object = {}) =>
  makeRow({ seq, key: `C-${seq}`, fieldsJson: JSON.stringify({ LastName: 'Lee', ...fields }), ...part });
const ok = (body: unknown): Scripted => ({ status: 200, body });
const JOB = ok({ id: '750A', state: 'Open' });

let orgs: Orgs;
beforeAll(async () => {
  orgs = await Orgs.start();
});
afterEach(() => orgs.sandbox.setFaults({ next: [], poison: [] }));
afterAll(() => orgs.close());

describe('CSV', () => {
  it('comes back as it went, whatever the cells hold', () => {
    const cells = ['plain', '', 'a,b', 'say "hi"', 'two\nlines', ' kept ', '""', ',', 'é𝄞', '#N/A', ''];
    expect(parseCsv(renderCsvRow(cells))).toEqual([cells]);
    expect(parseCsv(`${renderCsvRow(cells)}${renderCsvRow(cells)}`)).toEqual([cells, cells]);
    expect(parseCsv('"a","b"\r\n"c",\r\n')).toEqual([
      ['a', 'b'],
      ['c', ''],
    ]);
  });

  it.each(['"open', '"a" b,c', 'a"b'])('that is not whole is none: %s', (text) => {
    expect(parseCsv(text)).toBeNull();
  });
});

describe('a job', () => {
  it('leaves alone what a row does not say, clears what is null, and keeps any text', async () => {
    const held = { LastName: 'Old', FirstName: 'Kept', Phone: '1', Title: 'x' };
    const org = orgs.make({
      records: {
        Contact: [
          { ...held, Customer_Id__c: 'C-1' },
          { ...held, Customer_Id__c: 'C-2' },
        ],
      },
    });
    const session = await org.open({ config: BULK });
    const text = 'a "quoted", text\r\nof two lines ';
    const rows = [row(1, { Description: text, Phone: null }), row(2, { Title: '', 'Account.Ext_Id__c': null })];
    expect(verdicts(await sendAndWait(session, rows))).toEqual(['accepted', 'accepted']);
    const [first, second] = org.state().objects[0]?.records ?? [];
    expect(first?.fields).toEqual({
      ...{ Customer_Id__c: 'C-1', LastName: 'Lee', FirstName: 'Kept', Title: 'x' },
      Description: 'a "quoted", text\nof two lines ',
    });
    expect(second?.fields).toEqual({ Customer_Id__c: 'C-2', LastName: 'Lee', FirstName: 'Kept', Phone: '1' });
    expect(org.state().violations.latest).toEqual([]);
  });

  it('answers for each row by its external id, in whatever order results come', async () => {
    const org = orgs.make({ records: { Contact: [{ LastName: 'x', Customer_Id__c: 'C-2' }] } });
    const session = await org.open({ config: BULK });
    const rows = [
      row(1),
      row(2),
      row(3, { Email: 'no address' }),
      row(4, { 'Account.Ext_Id__c': 'nobody' }),
      row(5, {}, { key: 'c-1' }),
    ];
    const outcome = await sendAndWait(session, rows);
    // Of two keys that differ in case only, one is refused: Salesforce compares without.
    expect([...verdicts(outcome)].sort()).toEqual([
      ...[
        'accepted',
        'accepted',
        'rejected DUPLICATE_VALUE',
        'rejected INVALID_EMAIL_ADDRESS',
        'rejected INVALID_FIELD',
      ],
    ]);
    expect(outcome).toMatchObject({
      receipts: expect.arrayContaining([expect.objectContaining({ seq: 2, created: false })]),
    });
    expect(JSON.stringify(outcome)).not.toMatch(/no address|nobody/);
  });

  it('finds a key again that the file changed a little', async () => {
    const session = await orgs.make().open({ config: BULK });
    const rows = ['a\r\nb', 'tab\t', '"q", c'].map((key, index) => row(index + 1, {}, { key }));
    expect(verdicts(await sendAndWait(session, rows))).toEqual(['accepted', 'accepted', 'accepted']);
  });

  it('leaves rows that were locked to the next run', async () => {
    const org = orgs.make();
    const session = await org.open({ config: BULK });
    orgs.sandbox.setFaults({ next: [{ kind: 'partial', destination: org.name, method: 'PATCH' }] });
    expect(verdicts(await sendAndWait(session, [row(1)]))).toEqual(['deferred UNABLE_TO_LOCK_ROW']);
  });

  it('that failed for a field that is none says so of every row, and no other job is made', async () => {
    const org = orgs.make({ properties: ['Customer_Id__c'] });
    const session = await org.open({ config: BULK });
    const outcome = await sendAndWait(session, [row(1, { Nobody__c: 1 }), row(2)]);
    expect(outcome).toMatchObject({
      receipts: [1, 2].map(() => ({
        status: 'deferred',
        code: 'job-failed',
        message: expect.stringContaining('Nobody__c'),
      })),
    });
    expect(await send(session, [row(3)])).toMatchObject({ kind: 'refused', code: 'job-failed' });
    expect(org.state().requests.total).toBe(9);
  });

  it('is found again by another process, also when nothing came back to the last request', async () => {
    const org = orgs.make();
    const session = await org.open({ config: BULK });
    orgs.sandbox.setFaults({ next: [{ kind: 'reset_before', destination: org.name, method: 'PATCH' }] });
    const sent = await send(session, [row(1), row(2)]);
    if (sent.kind !== 'submitted') throw new Error(sent.kind);
    expect(org.state().objects).toEqual([]);
    // Open still: whoever asks says that the upload is complete.
    const later = await org.open({ config: { ...BULK, api: 'collections' } });
    expect(verdicts(await wait(later, sent.handle, [row(1), row(2)]))).toEqual(['accepted', 'accepted']);
    expect(org.state()).toMatchObject({ objects: [{ size: 2 }], violations: { count: 0 } });
  });

  it('whose upload failed is aborted: nothing of it was applied, and it may be made again', async () => {
    const { session, told } = await withScript([JOB, { status: 503, body: '' }, ok({ state: 'Aborted' })], {
      config: BULK,
    });
    expect(await send(session, [row(1)])).toMatchObject({ kind: 'retry' });
    expect(told().map(({ method, path }) => `${method} ${path}`)).toEqual([
      ...['POST jobs/ingest', 'PUT jobs/ingest/750A/batches', 'PATCH jobs/ingest/750A'],
    ]);
    expect(JSON.parse(told()[0]?.body ?? '')).toEqual({
      ...{ object: 'Contact', operation: 'upsert', externalIdFieldName: 'Customer_Id__c' },
      ...{ contentType: 'CSV', lineEnding: 'LF', columnDelimiter: 'COMMA' },
    });
    expect(told()[1]?.body).toBe('Customer_Id__c,LastName\nC-1,Lee\n');
  });

  it.each([
    [
      'was forgotten',
      [{ status: 404, body: [{ errorCode: 'NOT_FOUND', message: 'x' }] }],
      ['unknown job-expired', 'unknown job-expired'],
    ],
    [
      'was aborted half-way',
      [
        ok({ state: 'Aborted' }),
        ok('"sf__Id","sf__Created","CUSTOMER_ID__C"\n"003A","true","C-2"\n'),
        ok('"sf__Id","sf__Error","Customer_Id__c"\n'),
        ok('"Customer_Id__c"\n"C-1"\n'),
      ],
      ['deferred not-processed', 'accepted'],
    ],
    [
      'has results that do not name a row',
      [
        ok({ state: 'JobComplete' }),
        ok('"sf__Id","sf__Created","Customer_Id__c"\n'),
        ok('"sf__Id","sf__Error","Customer_Id__c"\n"","DUPLICATE_VALUE:twice:Customer_Id__c --","C-1"\n'),
        ok('"Customer_Id__c"\n'),
      ],
      ['rejected DUPLICATE_VALUE', 'unknown no-verdict'],
    ],
    [
      'has results that are cut off',
      [ok({ state: 'JobComplete' }), ok('"sf__Id","sf__Created","Customer_Id__c"\n"003A","tr')],
      ['retry not-an-acknowledgement'],
    ],
    [
      'was open, and is complete by now',
      [
        ok({ state: 'Open' }),
        { status: 400, body: [{ errorCode: 'INVALIDJOBSTATE', message: 'Job is not open' }] },
        ok({ state: 'JobComplete' }),
        ok('"sf__Id","sf__Created","Customer_Id__c"\n"003A","true","C-1"\n"003B","true","C-2"\n'),
      ],
      ['accepted', 'accepted'],
    ],
    ['has a state that is none', [ok({})], ['retry not-an-acknowledgement']],
    [
      'is asked for while the org has no calls left',
      [{ status: 403, body: [{ errorCode: 'REQUEST_LIMIT_EXCEEDED', message: 'TotalRequests' }] }],
      ['refused daily-limit'],
    ],
  ])('that %s', async (_name, answers, wanted) => {
    const { session } = await withScript(answers, { config: BULK });
    expect(verdicts(await wait(session, '750A', [row(1), row(2)]))).toEqual(wanted);
  });

  it.each([
    [2, 'unknown no-verdict'],
    [1, 'rejected record-not-found'],
  ])(
    'of updates that looked at %s rows has no record for one that it does not name, only where it names all of them',
    async (numberRecordsProcessed, second) => {
      const { session } = await withScript(
        [
          ok({ state: 'JobComplete', numberRecordsProcessed, numberRecordsFailed: 0 }),
          ok('"sf__Id","sf__Created","Customer_Id__c"\n"003A","false","C-1"\n'),
          ok('"sf__Id","sf__Error","Customer_Id__c"\n'),
          ok('"Customer_Id__c"\n'),
        ],
        { config: { ...BULK, write: 'update' } },
      );
      expect(verdicts(await wait(session, '750A update', [row(1), row(2)]))).toEqual(['accepted', second]);
    },
  );

  it('takes no row whose values a CSV cannot carry: those go by requests', async () => {
    const { homogeneity } = await findService('salesforce', 'objects');
    const texts = [
      row(1),
      row(2, { Description: '#N/A' }),
      row(3, { Description: 'x'.repeat(32_001) }),
      row(4, {}, { operation: 'update', previousKey: 'C-0', recordId: '003A' }),
      row(5, { Description: 'x'.repeat(31_900), Title: 'y'.repeat(200) }),
    ].map((one) => homogeneity?.(one));
    expect(texts).toEqual(['', 'collections', 'collections', 'collections', '']);
    const org = orgs.make();
    const session = await org.open({ config: BULK });
    expect(verdicts(await send(session, [row(2, { Description: '#N/A' })]))).toEqual(['accepted']);
    expect(org.state().objects[0]?.records[0]?.fields).toMatchObject({ Description: '#N/A' });
  });

  it('is too large above its bytes', async () => {
    const { session } = await withScript([], { config: BULK });
    const rows = Array.from({ length: 400 }, (_, index) => row(index + 1, { Description: 'é'.repeat(16_000) }));
    expect(await send(session, rows)).toMatchObject({ kind: 'too_large' });
  });
});

describe('the interface', () => {
  it.each([
    ['auto', 1_999, 200],
    ['auto', 2_000, 10_000],
    ['bulk', 1, 10_000],
    ['collections', 1_000_000, 200],
  ])('is chosen by the number of changes (%s, %d)', async (api, changes, rows) => {
    const service = await findService('salesforce', 'objects');
    const config = { ...OBJECTS, api, bulk_from: 2_000 };
    expect({ ...service.facts.limits, ...service.limits?.(config, changes) }.rowsPerRequestMax).toBe(rows);
    const script =
      rows === 200 ? [ok([{ id: '003A', success: true }])] : [JOB, { status: 201 }, ok({ state: 'UploadComplete' })];
    const { session } = await withScript(script, { config, changes });
    expect((await send(session, [row(1)])).kind).toBe(rows === 200 ? 'receipts' : 'submitted');
  });
});
