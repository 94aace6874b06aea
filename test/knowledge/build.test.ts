import { describe, expect, test } from 'vitest';
import type { ActivationBlock, Annotation } from '../../src/artifacts/annotation.ts';
import { buildKnowledgeStore } from '../../src/knowledge/build.ts';
import { explainStore } from '../../src/knowledge/explain.ts';
import { printable } from '../../src/knowledge/print.ts';
import {
  accepted,
  activationBlock,
  idOf,
  key,
  mappingOf,
  type NodeSpec,
  originOf,
  projectOf,
  refersTo,
  SERVICE_LOOKUP,
  segmentBlock,
  type WorldSpec,
} from './world.ts';

const customers: NodeSpec = {
  columns: ['customer_id: INTEGER', 'email: VARCHAR', 'backup_email: VARCHAR', 'first_name', 'country', 'note'],
  entity: { name: 'customer' },
  annotate: {
    email: { identifier: { kind: 'email', rank: 1 } },
    backup_email: { identifier: { kind: 'email', rank: 2 } },
    first_name: { identifier: { kind: 'first_name', rank: 1 } },
    country: { identifier: { kind: 'country', rank: 1 }, label: 'Land' },
    note: { hidden: true },
  },
};
const orders: NodeSpec = {
  columns: ['order_id', 'customer_id', 'ordered_at: TIMESTAMP'],
  entity: { name: 'order', eventTime: 'ordered_at' },
};
const TESTS = [
  ...key('customers.customer_id'),
  ...key('orders.order_id'),
  refersTo('orders.customer_id', 'customers.customer_id'),
];

function build(spec: WorldSpec = {}) {
  const project = projectOf({
    ...spec,
    models: { customers, orders, ...spec.models },
    tests: [...TESTS, ...(spec.tests ?? [])],
  });
  const built = buildKnowledgeStore(project, SERVICE_LOOKUP);
  return { ...built, codes: built.findings.map((f) => `${f.code} ${f.location?.file}`) };
}

function customerWith(block: NonNullable<NodeSpec['entity']>): NodeSpec {
  return { ...customers, entity: { name: 'customer', ...block } };
}

describe('properties', () => {
  test('are those listed, then those that something uses, then custom attributes', () => {
    const where = {
      all: [
        { attribute: 'city', eq: 'Lyon' },
        { relation: 'orders', sum: { of: 'amount', gt: 3 }, where: { attribute: 'customer.zip', eq: '1' } },
        { attribute: 'signed_up', gt: { attribute: 'born_on' } },
      ],
    };
    const ltv: Annotation = {
      kind: 'custom_attribute',
      node: idOf('ltv'),
      block: {
        entity: 'customer',
        name: 'lifetime_value',
        key: 'customer_id',
        value: 'ltv',
        label: null,
        categorical: null,
      },
      origin: originOf('ltv'),
    };
    const segments = {
      vip: segmentBlock(where, {
        at: ['segments', 'vip'],
        limit: { rows: 1, percent: null, by: ['lifetime_value'], order: 'desc' },
      }),
    };
    const { store, findings } = build({
      models: { customers: customerWith({ segments }), ltv: { columns: ['customer_id', 'ltv: DECIMAL(10,2)'] } },
      annotations: [ltv],
    });
    expect([...(store.entities.get('customer')?.properties.keys() ?? [])].slice(5)).toEqual([
      'note',
      'born_on',
      'city',
      'signed_up',
      'zip',
      'lifetime_value',
    ]);
    expect(store.entities.get('customer')?.properties.get('lifetime_value')?.type).toEqual({ kind: 'decimal' });
    expect(store.entities.get('order')?.properties.has('amount')).toBe(true);
    expect(findings.map((f) => [f.code, f.location?.file])).toContainEqual([
      'unverified-column',
      'customers#segments.vip.where.all.1.where',
    ]);
  });

  test('an annotated column that nothing lists is said to be unproven', () => {
    const annotate = { ...customers.annotate, newsletter: { label: 'Newsletter' } };
    const { store, codes } = build({ models: { customers: { ...customers, annotate } } });
    expect(store.entities.get('customer')?.properties.get('newsletter')?.label).toBe('Newsletter');
    expect(codes.map((code) => code.split(' ')[0])).toEqual(['unverified-column']);
  });

  test('a column that the warehouse was asked about and does not have is not to be asked for again', () => {
    const project = projectOf({
      models: { customers: { columns: ['id'], entity: { name: 'customer', primaryKey: ['customer_key'] } } },
    });
    const described = new Map([[idOf('customers'), new Map([['id', 'BIGINT']])]]);
    const { findings } = buildKnowledgeStore(project, SERVICE_LOOKUP, described);
    const found = findings.find(({ code }) => code === 'unverified-column');
    expect(found?.message).toContain('what dbt has built does not have it');
    expect(found?.fix).not.toContain('dinmo generate');
  });

  test('a mistyped name of a filter becomes no property: the segment room reports it', () => {
    const segments = { vip: segmentBlock({ attribute: 'contry', eq: 'FR' }) };
    const { store, codes } = build({ models: { customers: customerWith({ segments }) } });
    expect(store.entities.get('customer')?.properties.has('contry')).toBe(false);
    expect(codes).toEqual([]);
  });

  test('`columns: all` takes the catalog’s order, or what generate recorded without the custom attributes', () => {
    const all = customerWith({ columns: 'all' });
    const fromCatalog = build({
      models: { customers: all },
      catalog: { customers: { zip: 'VARCHAR', email: 'VARCHAR' } },
    });
    expect([...(fromCatalog.store.entities.get('customer')?.properties.keys() ?? [])].slice(0, 2)).toEqual([
      'zip',
      'email',
    ]);
    const recorded = { columns: ['email: VARCHAR', 'zip: BIGINT'] };
    // A column that the warehouse has no more is gone, though an earlier record has it.
    const project = projectOf({ models: { customers: all, entity_customer: recorded }, tests: TESTS });
    const described = new Map([
      [
        idOf('customers'),
        new Map([
          ['city', 'VARCHAR'],
          ['email', 'VARCHAR'],
        ]),
      ],
    ]);
    const now = buildKnowledgeStore(project, SERVICE_LOOKUP, described).store.entities.get('customer');
    expect([...(now?.properties.keys() ?? [])].slice(0, 2)).toEqual(['city', 'email']);
    expect(now?.properties.has('zip')).toBe(false);
    const stored = new Map([
      [
        idOf('customers'),
        new Map([
          ['EMAIL', 'TEXT'],
          ['CITY', 'TEXT'],
          ['odd Name', 'TEXT'],
        ]),
      ],
    ]);
    const snowflake = { ...project.manifest, metadata: { ...project.manifest.metadata, adapterType: 'snowflake' } };
    const folded = buildKnowledgeStore({ ...project, manifest: snowflake }, SERVICE_LOOKUP, stored).store;
    expect([...(folded.entities.get('customer')?.properties.keys() ?? [])].slice(0, 3)).toEqual([
      'email',
      'city',
      'odd Name',
    ]);
    const fromRecord = build({ models: { customers: all, entity_customer: recorded } });
    expect(fromRecord.store.entities.get('customer')?.properties.get('zip')).toMatchObject({
      type: { kind: 'integer' },
      typeFrom: { source: 'generated' },
    });
  });

  test('the type is taken from YAML before the catalog before the record', () => {
    const { store } = build({
      models: { entity_customer: { columns: ['customer_id: DATE', 'first_name: DATE', 'country: DATE'] } },
      catalog: { customers: { customer_id: 'DOUBLE', first_name: 'VARCHAR' } },
    });
    const types = ['customer_id', 'first_name', 'country'].map((name) => {
      const property = store.entities.get('customer')?.properties.get(name);
      return `${property?.type?.kind} ${property?.typeFrom?.source}`;
    });
    expect(types).toEqual(['integer data_type', 'string catalog', 'date generated']);
  });

  test('what the warehouse says now comes before the record, but not where several adapters share it', () => {
    const spec = {
      models: { customers, orders, entity_customer: { columns: ['first_name: DATE', 'country: DATE'] } },
      tests: TESTS,
    };
    const described = new Map([
      [
        idOf('customers'),
        new Map([
          ['FIRST_NAME', 'VARCHAR'],
          ['zip', 'BIGINT'],
        ]),
      ],
    ]);
    const types = (settings: WorldSpec['settings']) => {
      const project = projectOf({ ...spec, ...(settings && { settings }) });
      const { store, findings } = buildKnowledgeStore(project, SERVICE_LOOKUP, described);
      const entity = store.entities.get('customer');
      // That the warehouse lacks what the project lists proves nothing: dbt may not have built it yet.
      expect(findings).toEqual([]);
      return ['first_name', 'country'].map((name) => entity?.properties.get(name)?.type?.kind);
    };
    expect(types(undefined)).toEqual(['string', 'date']);
    expect(types({ adapters: ['duckdb', 'snowflake'] })).toEqual(['date', 'date']);
  });

  test('a custom attribute has the type that generate recorded in the entity’s view', () => {
    const seen: Annotation = {
      kind: 'custom_attribute',
      node: idOf('visits'),
      block: { entity: 'customer', name: 'last_seen', key: 'cid', value: 'seen', label: null, categorical: null },
      origin: originOf('models/visits.yml'),
    };
    const { store } = build({
      models: { visits: { columns: ['cid', 'seen'] }, entity_customer: { columns: ['last_seen: TIMESTAMPTZ'] } },
      annotations: [seen],
    });
    expect(store.entities.get('customer')?.properties.get('last_seen')?.type).toEqual({
      kind: 'timestamp',
      zoned: true,
    });
  });

  test('accepted_values make a property categorical, unless the user says no', () => {
    const tests = [accepted('customers.country', ['FR', 'DE']), accepted('customers.first_name', [1, true])];
    const { store } = build({
      tests,
      models: { customers: { ...customers, annotate: { first_name: { categorical: false } } } },
    });
    const of = (name: string) => store.entities.get('customer')?.properties.get(name);
    expect([of('country')?.categorical, of('country')?.values]).toEqual([true, ['FR', 'DE']]);
    expect([of('first_name')?.categorical, of('first_name')?.values]).toEqual([false, ['1', 'true']]);
  });

  test('two identifiers of one kind need a rank', () => {
    const annotate = {
      email: { identifier: { kind: 'email', rank: 1 } },
      note: { identifier: { kind: 'email', rank: 1, form: 'sha256' } },
    } as const;
    const project = projectOf({ models: { customers: { ...customers, annotate } } });
    const { findings, checkable: store } = buildKnowledgeStore(project, SERVICE_LOOKUP);
    // Who writes what the message says keeps the form of the column.
    expect(findings.filter(({ code }) => code === 'identifier-rank').map(({ fix }) => fix)).toEqual([
      'Write `identifier: {kind: email, rank: 2, form: sha256}` on the second.',
    ]);
    expect(store.entities.get('customer')?.properties.get('note')?.identifier).toBeNull();
  });
});

describe('segments', () => {
  const file = (name: string, entity: string): Annotation => ({
    kind: 'segment',
    name,
    entity,
    block: segmentBlock(null, { activations: { people: activationBlock() } }),
    origin: originOf(`dinmo/${name}.yml`),
  });

  test('stand in the entity, in files and on models, and have one name each', () => {
    const sql: Annotation = {
      kind: 'sql_segment',
      node: idOf('churned'),
      block: {
        name: null,
        entity: 'customer',
        label: null,
        description: null,
        limit: null,
        holdout: null,
        materialized: 'view',
        activations: {},
      },
      origin: originOf('churned'),
    };
    const { store, codes } = build({
      models: { customers: customerWith({ segments: { vip: segmentBlock() } }), churned: { columns: ['customer_id'] } },
      annotations: [file('fresh', 'customer'), file('vip', 'customer'), file('lost', 'custmer'), sql],
      destinations: { people: {} },
    });
    expect([...store.segments.values()].map((s) => [s.name, s.definition.kind, s.at.join('.')])).toEqual([
      ['vip', 'filter', 'segments.vip'],
      ['fresh', 'filter', ''],
      ['churned', 'sql', ''],
    ]);
    expect([...store.activations.values()].map((a) => [a.id, a.at.join('.')])).toEqual([
      ['fresh.people', 'activations.people'],
    ]);
    expect(codes).toEqual(['unknown-entity dinmo/lost.yml#entity', 'duplicate-segment dinmo/vip.yml#']);
  });
});

describe('activations', () => {
  function activation(block: Partial<ActivationBlock>, spec: WorldSpec = {}) {
    const built = build({
      destinations: {
        people: {},
        crm: { platform: 'crm', service: 'objects', config: {} },
        folder: { platform: 'folder', service: 'objects', config: { path: 'out' } },
        moments: { service: 'events' },
      },
      ...spec,
      models: { customers: customerWith({ activations: { it: activationBlock(block) } }), ...spec.models },
    });
    const made = built.store.activations.get('customer.it');
    const mapping = made?.mapping.map((f) =>
      f.source.kind === 'column' ? `${f.field}=${f.source.path.join('.')}` : f.field,
    );
    const sent = made?.identifiers.map(
      (i) => `${i.kind}${i.rank}=${i.path.join('.')}${i.form ? ' hashed' : ''}${i.hintOnly ? ' read' : ''}`,
    );
    return { ...built, made, mapping, sent };
  }

  test('take what the service and the destination say where they say nothing', () => {
    const { made, sent, mapping } = activation(
      { to: 'people', guards: { allow_empty: true } },
      {
        destinations: {
          people: {
            guards: { max_delete_percent: 5, allow_empty: false },
            defaults: { identifiers: null, attributes: null, schedule: '0 6 * * *', attempts: 2 },
          },
        },
      },
    );
    expect(made).toMatchObject({
      mode: 'delta',
      audience: 'customer',
      schedule: '0 6 * * *',
      attempts: 2,
      lookback: null,
    });
    expect(made?.guards).toEqual({
      max_delete_percent: 5,
      max_delete_rows: 50_000,
      min_delete_rows: 100,
      key_churn_percent: 50,
      allow_empty: true,
    });
    expect(sent).toEqual(['email1=email', 'email2=backup_email', 'first_name1=first_name', 'country1=country']);
    expect(mapping).toEqual([]);
  });

  test('send the kinds they state, and a mapping may lead an identifier over a relationship', () => {
    expect(activation({ to: 'people', identifiers: ['email'] }).sent).toEqual(['email1=email', 'email2=backup_email']);
    const orderWith = (block: Partial<ActivationBlock>): NodeSpec => ({
      ...orders,
      entity: { name: 'order', eventTime: 'ordered_at', activations: { it: activationBlock(block) } },
    });
    const mapping = { ...mappingOf({ email: 'customer.email', value: 'amount' }) };
    const { store } = activation({}, { models: { orders: orderWith({ to: 'moments', mapping }) } });
    const made = store.activations.get('order.it');
    expect(made?.identifiers).toEqual([{ kind: 'email', rank: 1, path: ['customer', 'email'] }]);
    expect(made?.mapping.map((field) => field.field)).toEqual(['value']);
    expect(made).toMatchObject({ mode: 'incremental', audience: null, lookback: { last: 7, unit: 'day' } });
  });

  test('hashed columns go where they can be used, and a country is read beside phones that are sent without it', () => {
    const annotate = {
      ...customers.annotate,
      email: { identifier: { kind: 'email', rank: 1, form: 'sha256' } },
      first_name: { identifier: { kind: 'phone', rank: 1 } },
    } as const;
    const models = (block: Partial<ActivationBlock>): WorldSpec['models'] => ({
      customers: { ...customerWith({ activations: { it: activationBlock(block) } }), annotate },
    });
    const sent = (block: Partial<ActivationBlock>) => activation(block, { models: models(block) ?? {} });
    // The service needs addresses in clear: another column has them.
    expect(sent({ to: 'people', identifiers: ['email', 'phone'] }).sent).toEqual([
      'email2=backup_email',
      'phone1=first_name',
      'country1=country read',
    ]);
    expect(sent({ to: 'people' }).sent).toEqual(['email2=backup_email', 'phone1=first_name', 'country1=country']);
    expect(sent({ to: 'people', mapping: mappingOf({ email: 'email' }) }).sent?.[0]).toBe('email1=email hashed');
    expect(sent({ to: 'crm' }).mapping).toEqual(['email=backup_email']);
  });

  test('where a setting names the kind that people are matched on, no other is sent', () => {
    const facts: typeof SERVICE_LOOKUP.facts = (platform, service) => {
      const found = SERVICE_LOOKUP.facts(platform, service);
      return found?.identifiers ? { ...found, identifiers: { ...found.identifiers, chosenBy: 'match_by' } } : found;
    };
    const annotate = { ...customers.annotate, note: { identifier: { kind: 'phone', rank: 1 } } } as const;
    const customer = { ...customerWith({ activations: { it: activationBlock({ to: 'people' }) } }), annotate };
    const destinations = { people: { config: { account: '1', match_by: 'phone' } } };
    const project = projectOf({ models: { customers: customer }, tests: TESTS, destinations });
    const { store } = buildKnowledgeStore(project, { ...SERVICE_LOOKUP, facts });
    const kinds = store.activations.get('customer.it')?.identifiers.map(({ kind }) => kind);
    expect(kinds).toEqual(['phone', 'first_name', 'country']);
  });

  test('the country of phone numbers is the destination’s, else the project’s', () => {
    const { store } = build({
      destinations: { people: {}, swiss: { defaultCountry: 'CH' } },
      settings: { defaultCountry: 'FR' },
    });
    const of = (name: string) => store.destinations.get(name)?.defaultCountry;
    expect([of('people'), of('swiss')]).toEqual(['FR', 'CH']);
  });

  test('a service that takes anything gets every visible property, as null where empty', () => {
    const { mapping, made, sent } = activation({ to: 'folder' });
    expect(mapping).toEqual(['customer_id', 'email', 'backup_email', 'first_name', 'country'].map((n) => `${n}=${n}`));
    expect(made?.mapping[0]?.nulls).toBe('null');
    expect(sent).toEqual([]);
    expect(activation({ to: 'folder', attributes: ['customer_id'], identifiers: ['email'] }).mapping).toEqual([
      'customer_id=customer_id',
      'email=email',
      'backup_email=backup_email',
    ]);
  });

  test('records are filled by identifier kind; a stated mapping is all that is sent, but for the key', () => {
    expect(activation({ to: 'crm' }).mapping).toEqual(['email=email', 'firstname=first_name']);
    expect(activation({ to: 'crm', mapping: mappingOf({ land: 'country' }) }).mapping).toEqual([
      'land=country',
      'email=email',
    ]);
    const byCode = { crm: { platform: 'crm', service: 'objects', config: { id_property: 'code' } } } as const;
    expect(
      activation({ to: 'crm', mapping: mappingOf({ land: 'country' }) }, { destinations: byCode }).mapping,
    ).toEqual(['land=country']);
  });

  test('need a destination that exists', () => {
    expect(activation({ to: 'peple' }).findings[0]).toMatchObject({
      code: 'unknown-destination',
      message: 'The activation `customer.it` sends to `peple`, which is no destination; did you mean `people`?',
      location: { file: 'customers#activations.it.to' },
    });
    // A block that could not be read is there all the same: what is wrong with it is said where it stands.
    const { findings } = activation(
      { to: 'unread' },
      { destinations: { people: {} }, settings: { origin: originOf('dinmo.yml') } },
    );
    expect(findings).toEqual([]);
    const broken = { a: { platform: 'peeple' }, b: { platform: 'crm' } };
    expect(activation({ to: 'a' }, { destinations: broken }).codes).toEqual([
      'unknown-platform dinmo.yml#destinations.a.platform',
      'unknown-service dinmo.yml#destinations.b.service',
    ]);
  });
});

test('everything can be printed and explained, without a credential', () => {
  const segments = {
    vip: segmentBlock({ attribute: 'customer_id', gt: 2n ** 60n }, { activations: { people: activationBlock() } }),
  };
  const { store } = build({ models: { customers: customerWith({ segments }) }, destinations: { people: {} } });
  const text = JSON.stringify(printable(store));
  expect(text).toContain('"1152921504606846976"');
  expect(text).not.toContain('TOKEN');
  expect(text).not.toContain('"at"');
  const [customer] = explainStore(store);
  expect(customer?.facts[0]).toEqual({
    subject: 'primary key',
    value: 'customer_id',
    from: { source: 'test', detail: 'unique and not_null tests on customers.customer_id' },
    location: null,
  });
  expect(customer?.facts.at(-1)).toMatchObject({ subject: 'relationship orders', from: { source: 'test' } });
});
