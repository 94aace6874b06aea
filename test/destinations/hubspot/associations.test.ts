import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type {
  BatchOutcome,
  FieldValue,
  OutgoingRow,
  ServiceContext,
  Session,
} from '../../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { readAssociationField } from '../../../src/destinations/hubspot/associations.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { DestinationSetup } from '../../../src/sandbox/platform.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { fieldsOf, makeBatch, makeContext, makeRow, type Scripted, scriptedHttp } from '../rows.ts';
import { hubspotContract } from './published.ts';

afterEach(() => expect(hubspotContract.breaches()).toEqual([]));

const TOKEN = { access_token: 's3cr3t-a-good-key' };
const COMPANY = 'association.companies.account_key';
const PETS: DestinationSetup = {
  objectTypes: {
    pet: {
      id: '2-4711',
      properties: {
        chip: { unique: true },
        name: {},
        kind: { options: ['cat', 'dog'] },
        born: { type: 'date' },
        age: { type: 'number', readOnly: true },
      },
      associates: ['contacts'],
    },
  },
};

let sandbox: Sandbox;
let http: ClosableHttpClient;
let count = 0;
beforeAll(async () => {
  sandbox = await startSandbox();
  http = hubspotContract.watch(createHttpClient());
});
afterAll(async () => {
  await http.close();
  await sandbox.close();
});
beforeEach(() => {
  count += 1;
  sandbox.setFaults({ rate: 0, next: [], poison: [], poisonAnswer: 'reject' });
});

const named = (): string => `portal${count}`;
const open = async (
  config: Partial<Record<'object_type' | 'id_property', string>> & { readonly replace_associations?: boolean },
  fields: readonly string[],
  part: Partial<ServiceContext> = {},
): Promise<Session> =>
  (await findService('hubspot', 'objects')).open(
    makeContext({
      config: { object_type: 'contacts', id_property: 'email', replace_associations: true, ...config },
      credentials: TOKEN,
      http,
      baseUrl: sandbox.baseUrl('hubspot', named()),
      columns: fields.map((field) => ({ field, dataType: 'text' })),
      ...part,
    }),
  );
const send = (session: Session, rows: readonly OutgoingRow[]): Promise<BatchOutcome> =>
  session.send(makeBatch(rows), new AbortController().signal);
const row = (seq: number, key: string, fields: Readonly<Record<string, FieldValue>>): OutgoingRow =>
  makeRow({ seq, key, fieldsJson: fieldsOf(fields) });
const state = () => sandbox.state().destinations.find(({ destination }) => destination === named());
const held = (type: string) => state()?.objects.find((set) => set.type === type)?.records ?? [];
const companiesOf = (email: string): readonly unknown[] => {
  const ids = String(
    held('contacts').find(({ fields }) => fields['email'] === email)?.fields['association.companies'] ?? '',
  );
  return held('companies')
    .filter(({ id }) => ids.split(';').includes(id))
    .map(({ fields }) => fields['name']);
};
const companies = async (...names: readonly string[]): Promise<void> => {
  const session = await open({ object_type: 'companies', id_property: 'account_key' }, ['account_key', 'name']);
  await send(
    session,
    names.map((name, index) => row(index + 1, name.toLowerCase(), { name })),
  );
};
const contacts = (config: { readonly replace_associations?: boolean } = {}) => open(config, ['email', COMPANY]);
const ann = (company: FieldValue, seq = 1) => row(seq, 'ann@shop.example', { [COMPANY]: company });

describe('an association', () => {
  it('is asked for by a field of its own', () => {
    expect(readAssociationField(COMPANY)).toEqual({ field: COMPANY, type: 'companies', property: 'account_key' });
    expect(readAssociationField('association.2-12')).toMatchObject({ type: '2-12', property: null });
    expect(readAssociationField('association.deals.hs_object_id')).toMatchObject({ type: 'deals', property: null });
    for (const field of ['associations', 'association', 'association.a.b.c', 'company']) {
      expect(readAssociationField(field)).toBeNull();
    }
  });

  it('comes with the record, changes with it, and ends where the field is cleared', async () => {
    await companies('Acme', 'Bolt');
    const first = await send(await contacts(), [
      ann('ACME'),
      row(2, 'bob@shop.example', { [COMPANY]: ['bolt', 'acme'] }),
    ]);
    expect(first).toMatchObject({ receipts: [{ status: 'accepted', created: true }, { status: 'accepted' }] });
    // Each further request is one that the account has less.
    expect(first.pauseMs).toBeGreaterThan(200);
    expect([companiesOf('ann@shop.example'), companiesOf('bob@shop.example')]).toEqual([['Acme'], ['Acme', 'Bolt']]);
    expect(held('contacts')[0]?.fields).not.toHaveProperty(COMPANY);
    await send(await contacts(), [ann('bolt'), row(2, 'bob@shop.example', { firstname: 'Bob' })]);
    expect([companiesOf('ann@shop.example'), companiesOf('bob@shop.example')]).toEqual([['Bolt'], ['Acme', 'Bolt']]);
    await send(await contacts(), [ann(null)]);
    expect(companiesOf('ann@shop.example')).toEqual([]);
    expect(state()?.violations.latest).toEqual([]);
  });

  it('with a record that nobody made is told of its row, and made up for later; the one before stays until then', async () => {
    await companies('Acme');
    await send(await contacts(), [ann('acme')]);
    const missing = await send(await contacts(), [ann('bolt'), row(2, 'bob@shop.example', { firstname: 'Bob' })]);
    expect(missing).toMatchObject({
      receipts: [
        { seq: 1, status: 'unknown', code: 'association-missing' },
        { seq: 2, status: 'accepted' },
      ],
    });
    expect(JSON.stringify(missing)).not.toMatch(/bolt|ann@/);
    expect(held('contacts')).toHaveLength(2);
    expect(companiesOf('ann@shop.example')).toEqual(['Acme']);
    await companies('Bolt');
    expect(await send(await contacts(), [ann('bolt')])).toMatchObject({ receipts: [{ status: 'accepted' }] });
    expect(companiesOf('ann@shop.example')).toEqual(['Bolt']);
  });

  it('leaves alone those of others: companies without the property, and all of them where it must not replace', async () => {
    await companies('Acme', 'Bolt');
    const bare = await open({ object_type: 'companies', id_property: 'other_key' }, ['other_key', 'name']);
    await send(bare, [row(1, 'x', { name: 'Mine' })]);
    const mine = held('companies').find(({ fields }) => fields['name'] === 'Mine')?.id ?? '';
    await send(await contacts(), [ann('acme')]);
    const byId = await open({}, ['email', 'association.companies']);
    await send(byId, [row(1, 'ann@shop.example', { 'association.companies': Number(mine) })]);
    expect(companiesOf('ann@shop.example')).toEqual(['Acme', 'Mine']);
    await send(await contacts(), [ann('bolt')]);
    expect(companiesOf('ann@shop.example')).toEqual(['Bolt', 'Mine']);
    await send(await contacts({ replace_associations: false }), [ann('acme')]);
    expect(companiesOf('ann@shop.example')).toEqual(['Acme', 'Bolt', 'Mine']);
  });

  it('that HubSpot refuses is told of its row, though it refuses all of the request', async () => {
    await companies('Acme', 'Bolt');
    const session = await contacts();
    const bolt = held('companies').find(({ fields }) => fields['name'] === 'Bolt')?.id ?? '';
    sandbox.setFaults({ rate: 0, next: [], poison: [bolt], poisonAnswer: 'reject' });
    const outcome = await send(session, [ann('acme'), row(2, 'bob@shop.example', { [COMPANY]: 'bolt' })]);
    expect(outcome).toMatchObject({
      receipts: [{ status: 'accepted' }, { status: 'unknown', code: 'OBJECT_NOT_FOUND' }],
    });

    const written = {
      results: [1, 2].map((seq) => ({ id: String(seq), new: true, objectWriteTraceId: `row-${seq}` })),
    };
    const refused: Scripted = { status: 400, body: { category: 'VALIDATION_ERROR', message: 'too many' } };
    const done: Scripted = { status: 200, body: { results: [{ from: { id: '901' }, to: { id: '1' } }] } };
    const { http: scripted } = scriptedHttp([
      ...[
        { status: 200, body: { portalId: 1 } },
        { status: 403, body: {} },
        { status: 403, body: {} },
      ],
      ...[{ status: 200, body: written }, refused, done, refused],
    ]);
    const narrowed = await open({}, ['association.companies'], { http: scripted });
    const two = ['901', '902'].map((id, n) => row(n + 1, `${n}@shop.example`, { 'association.companies': id }));
    expect(await send(narrowed, two)).toMatchObject({
      receipts: [
        { seq: 1, status: 'accepted' },
        { seq: 2, status: 'unknown', code: 'VALIDATION_ERROR' },
      ],
    });
  });

  it('whose request had no answer may be there: the batch goes out again', async () => {
    const written = { results: [{ id: '1', new: true, objectWriteTraceId: 'row-1' }] };
    const opening = [
      { status: 200, body: { portalId: 1 } },
      { status: 403, body: {} },
      { status: 403, body: {} },
    ];
    const lost = async (answer: Scripted) => {
      const { http: scripted } = scriptedHttp([...opening, { status: 200, body: written }, answer]);
      const session = await open({}, ['association.companies'], { http: scripted });
      return await send(session, [row(1, 'ann@shop.example', { 'association.companies': '901' })]);
    };
    expect(await lost({ status: 429, body: { policyName: 'TEN_SECONDLY_ROLLING' } })).toMatchObject({
      ...{ kind: 'retry', applied: 'maybe', throttled: true },
    });
    expect(await lost({ status: 403, body: { category: 'MISSING_SCOPES', message: 'no' } })).toMatchObject({
      receipts: [{ status: 'unknown', code: 'MISSING_SCOPES' }],
    });
    expect(await lost({ status: 200, body: { status: 'COMPLETE', results: [] } })).toMatchObject({
      receipts: [{ status: 'unknown', code: 'association-not-confirmed' }],
    });
  });
});

describe('an object type', () => {
  beforeEach(() => sandbox.configure('hubspot', named(), PETS));
  const pets = (type: string, fields: readonly string[], idProperty = 'chip') =>
    open({ object_type: type, id_property: idProperty }, fields);

  it.each(['2-4711', 'p_pet', 'p123_pet'])('can be a custom object (%s)', async (type) => {
    const session = await pets(type, ['chip', 'born', 'association.contacts']);
    const people = await open({}, ['email']);
    await send(people, [row(1, 'ann@shop.example', {})]);
    const owner = held('contacts')[0]?.id ?? '';
    const fields = { name: 'Rex', born: '2020-05-01T22:00:00.000Z', 'association.contacts': owner };
    expect(await send(session, [row(1, 'c-1', fields)])).toMatchObject({ receipts: [{ status: 'accepted' }] });
    // A property of type date takes days.
    expect(held('2-4711')[0]?.fields).toEqual({
      chip: 'c-1',
      name: 'Rex',
      born: '2020-05-01',
      'association.contacts': owner,
    });
  });

  it('rejects a row whose value is none of the options, and sends the others', async () => {
    const session = await pets('p_pet', ['chip', 'kind']);
    const outcome = await send(session, [row(1, 'c-1', {}), row(2, 'c-2', { kind: 'cow' })]);
    expect(outcome).toMatchObject({
      receipts: [
        { seq: 1, status: 'accepted' },
        { seq: 2, status: 'rejected', code: 'option-unknown' },
      ],
    });
    expect(JSON.stringify(outcome)).toContain('cat, dog');
    const service = await findService('hubspot', 'objects');
    const context = makeContext({
      config: { object_type: 'p_pet', id_property: 'chip' },
      ...{ credentials: TOKEN, http, baseUrl: sandbox.baseUrl('hubspot', named()) },
      columns: ['chip', 'kind'].map((field) => ({ field, dataType: 'text' })),
    });
    expect(await service.validateRemote?.(context, [row(1, 'c-1', { kind: 'cow' })])).toMatchObject({ ok: false });
    expect(await service.validateRemote?.(context, [row(1, 'c-1', { kind: 'dog' })])).toMatchObject({ ok: true });
    expect(held('2-4711')).toHaveLength(1);
  });

  const refusals: readonly (readonly [code: string, says: RegExp, session: () => Promise<Session>])[] = [
    ['object-type-unknown', /horse/, () => pets('horse', ['chip'])],
    ['property-missing', /no property owner, colour of p_pet/, () => pets('p_pet', ['chip', 'owner', 'colour'])],
    ['property-not-unique', /name of p_pet/, () => pets('p_pet', ['name'], 'name')],
    ['property-read-only', /age/, () => pets('p_pet', ['chip', 'age'])],
    ['association-undefined', /p_pet and deals/, () => pets('p_pet', ['chip', 'association.deals'])],
    ['property-not-unique', /domain of companies/, () => open({}, ['email', 'association.companies.domain'])],
  ];
  it.each(refusals)('is refused before anything is sent: %s, %s', async (code, says, session) => {
    await expect(session()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says),
      fix: expect.any(String),
    });
    expect(state()?.objects ?? []).toEqual([]);
  });
});
