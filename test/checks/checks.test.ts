import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ActivationBlock, Annotation, RelationshipBlock } from '../../src/artifacts/annotation.ts';
import type { DestinationBlock } from '../../src/artifacts/settings.ts';
import { CHECKS, FINDING_DOCS } from '../../src/checks/registry.ts';
import { runChecks } from '../../src/checks/run.ts';
import { compareFindings, type Finding } from '../../src/finding.ts';
import { buildKnowledgeStore } from '../../src/knowledge/build.ts';
import { resolveRules } from '../../src/segment/resolve.ts';
import {
  activationBlock,
  idOf,
  key,
  mappingOf,
  type NodeSpec,
  notNull,
  originOf,
  projectOf,
  refersTo,
  SERVICE_LOOKUP,
  segmentBlock,
  unique,
  type WorldSpec,
} from '../knowledge/world.ts';

/** Everything that `dinmo check` says of a world: what building it found and what the checks found. */
function check(spec: WorldSpec, targetNames: readonly string[] | null = null): readonly Finding[] {
  const project = projectOf(spec);
  const { checkable: store, findings } = buildKnowledgeStore(project, SERVICE_LOOKUP);
  const resolveFindings = resolveRules(store);
  const checks = runChecks({ store, project, services: SERVICE_LOOKUP, resolveFindings, targetNames });
  const all = [...findings, ...checks].sort(compareFindings);
  for (const finding of all) {
    const doc = FINDING_DOCS.find((candidate) => candidate.code === finding.code);
    expect(doc?.severity, `${finding.code} is documented`).toBe(finding.severity);
  }
  return all;
}

test('a column that is marked already is not to be marked: its kind was left out', () => {
  const activations = { it: activationBlock({ to: 'people', identifiers: ['first_name'] }) };
  const annotate = { email: { identifier: { kind: 'email', rank: 1 } } } as const;
  const spec = { ...customers, annotate, entity: { name: 'customer', activations } };
  const world = { models: { customers: spec, orders }, tests: TESTS, destinations: DESTINATIONS };
  const found = check(world).find(({ code }) => code === 'no-identifier');
  expect(found?.fix).toContain('`email` is that: add `email`');
});

test('a value that dbt misread is told once, with the advice to quote it', () => {
  const project = projectOf({
    models: {
      customers: {
        ...customers,
        entity: { name: 'customer', segments: { vip: segmentBlock({ attribute: 'country', in: [false, 3] }) } },
      },
    },
    tests: TESTS,
  });
  const { checkable: store } = buildKnowledgeStore(project, SERVICE_LOOKUP);
  const resolveFindings = resolveRules(store);
  const [first] = resolveFindings;
  const misread: Finding[] = first
    ? [{ ...first, code: 'yaml-1-1-value', message: 'The value `NO` is unquoted.' }]
    : [];
  const given = { store, services: SERVICE_LOOKUP, resolveFindings, targetNames: null };
  const codes = runChecks({ ...given, project: { ...project, findings: misread } }).map(({ code }) => code);
  expect(resolveFindings).toHaveLength(2);
  expect(codes).toEqual(['value-does-not-fit']);
});

const customers: NodeSpec = {
  columns: ['customer_id: INTEGER', 'email: VARCHAR', 'country: VARCHAR', 'note: VARCHAR'],
  entity: { name: 'customer' },
  annotate: { email: { identifier: { kind: 'email', rank: 1 } }, note: { hidden: true } },
};
const orders: NodeSpec = {
  columns: ['order_id: INTEGER', 'customer_id: INTEGER', 'ordered_at: TIMESTAMP', 'amount: DECIMAL(10,2)'],
  entity: { name: 'order', eventTime: 'ordered_at' },
};
const TESTS = [
  ...key('customers.customer_id'),
  ...key('orders.order_id'),
  refersTo('orders.customer_id', 'customers.customer_id'),
];
const DESTINATIONS: Readonly<Record<string, Partial<DestinationBlock>>> = {
  people: {},
  moments: { service: 'events' },
  crm: { platform: 'crm', service: 'objects', config: {} },
  folder: { platform: 'folder', service: 'objects', config: { path: 'out' }, credentials: {} },
};

interface Change {
  readonly customer?: NonNullable<NodeSpec['entity']>;
  readonly order?: NonNullable<NodeSpec['entity']>;
  /** An activation of the whole entity customer, named `it`. */
  readonly activation?: Partial<ActivationBlock>;
  /** One of order. */
  readonly event?: Partial<ActivationBlock>;
  readonly destinations?: WorldSpec['destinations'];
  readonly world?: WorldSpec;
}

/** A small sound project with one thing changed. */
function world({ customer, order, activation, event, destinations, world: more = {} }: Change): WorldSpec {
  const withActivation = (block: Partial<ActivationBlock> | undefined) =>
    block === undefined ? {} : { activations: { it: activationBlock(block) } };
  return {
    ...more,
    models: {
      customers: { ...customers, entity: { ...customers.entity, ...withActivation(activation), ...customer } },
      orders: { ...orders, entity: { ...orders.entity, ...withActivation(event), ...order } },
      ...more.models,
    },
    tests: [...TESTS, ...(more.tests ?? [])],
    destinations: { ...DESTINATIONS, ...destinations },
  };
}

/** `code place` of each finding. */
function told(change: Change, targetNames: readonly string[] | null = null): readonly string[] {
  return check(world(change), targetNames).map((finding) => `${finding.code} ${finding.location?.file}`);
}

const purchase = {
  event_name: { source: { kind: 'value', value: 'Purchase' }, nulls: null, write: 'always' },
} as const;
const byEmail = { ...purchase, ...mappingOf({ email: 'customer.email', value: 'amount' }) };

/** Customers whose e-mail addresses are only there as hashes. */
function hashedOnly(activations: Readonly<Record<string, ActivationBlock>>): NodeSpec {
  const email = { identifier: { kind: 'email', rank: 1, form: 'sha256' } } as const;
  return { ...customers, entity: { ...customers.entity, activations }, annotate: { ...customers.annotate, email } };
}

test('a sound project has nothing to report', () => {
  expect(told({ activation: { to: 'people' }, event: { to: 'moments', mapping: byEmail } })).toEqual([]);
  expect(told({ activation: { to: 'crm' }, event: { to: 'folder' } })).toEqual([]);
});

const link = (block: Partial<RelationshipBlock>): Record<string, RelationshipBlock> => ({
  way: {
    to: 'order',
    type: 'one_to_many',
    keys: { customer_id: 'customer_id' },
    through: null,
    toKeys: null,
    ...block,
  },
});
const vip = (activation: Partial<ActivationBlock>) => ({
  segments: {
    vip: segmentBlock(
      { attribute: 'country', eq: 'FR' },
      { at: ['segments', 'vip'], activations: { it: activationBlock(activation) } },
    ),
  },
});
const segmentOf = (name: string, where: unknown) => segmentBlock(where, { at: ['segments', name] });
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

/** What is changed, and everything that is then said. */
const CASES: Readonly<Record<string, readonly [Change, readonly string[]]>> = {
  'a mode that the service lacks': [
    { activation: { to: 'people', mode: 'incremental' } },
    ['mode-not-supported customers#activations.it.mode'],
  ],
  'incremental on a dimension': [
    { activation: { to: 'folder', mode: 'incremental' } },
    ['incremental-on-dimension customers#activations.it.mode'],
  ],
  'incremental on a fact': [{ event: { to: 'folder', mode: 'incremental' } }, []],
  'a full replace without delete': [
    { activation: { to: 'folder', mode: 'full' } },
    ['full-replace-needs-delete customers#activations.it.operations'],
  ],
  'a full replace with delete': [
    { activation: { to: 'folder', mode: 'full', operations: ['insert', 'update', 'delete'] } },
    [],
  ],
  'no operation': [
    { activation: { to: 'people', operations: [] } },
    ['no-operation customers#activations.it.operations'],
  ],
  'an audience of a service without': [
    { activation: { to: 'crm', audience: 'VIP' } },
    ['audience-not-supported customers#activations.it.audience'],
  ],
  'events of a dimension, without mapping': [
    { activation: { to: 'moments' } },
    ['events-need-fact customers#activations.it', 'mapping-required customers#activations.it.mapping'],
  ],
  'events of a fact without a time': [
    { order: { eventTime: null, type: 'fact' }, event: { to: 'moments', mapping: byEmail } },
    ['events-need-fact orders#activations.it', 'fact-without-event-time orders#type'],
  ],
  'since on objects': [
    { activation: { to: 'crm', since: '2026-01-01' } },
    ['since-not-supported customers#activations.it.since'],
  ],
  'a lookback beyond the limit': [
    { event: { to: 'moments', mapping: byEmail, lookback: { last: 2, unit: 'week' } } },
    ['lookback-beyond-limit orders#activations.it.lookback'],
  ],
  'an unknown field, and a required one missing': [
    { event: { to: 'moments', mapping: mappingOf({ email: 'customer.email', valeu: 'amount' }) } },
    ['missing-field orders#activations.it.mapping', 'unknown-field orders#activations.it.mapping.valeu'],
  ],
  'a mapping of a column that is not there, one over many, one hidden': [
    {
      activation: { to: 'crm', mapping: mappingOf({ a: 'contry', b: 'orders.amount', c: 'note', d: 'order.amount' }) },
    },
    [
      'unknown-property customers#activations.it.mapping.a',
      'step-to-many customers#activations.it.mapping.b',
      'hidden-column-mapped customers#activations.it.mapping.c',
      'unknown-relation customers#activations.it.mapping.d',
    ],
  ],
  'an identifier led over a relation that is not there': [
    { event: { to: 'moments', mapping: { ...purchase, ...mappingOf({ email: 'buyer.email' }) } } },
    ['unknown-relation orders#activations.it.mapping.email'],
  ],
  'membership of a segment that does not exist, and of another entity': [
    {
      activation: {
        to: 'crm',
        mapping: {
          a: { source: { kind: 'segment', segment: 'bigg' }, nulls: null, write: 'always' },
          b: { source: { kind: 'segment', segment: 'big' }, nulls: null, write: 'always' },
        },
      },
      order: { segments: { big: segmentOf('big', { attribute: 'amount', gt: 3 }) } },
    },
    [
      'unknown-segment customers#activations.it.mapping.a',
      'segment-of-other-entity customers#activations.it.mapping.b',
    ],
  ],
  'records without their key': [
    { event: { to: 'crm', mapping: mappingOf({ total: 'amount' }) } },
    ['destination-key-not-mapped orders#activations.it.mapping'],
  ],
  'no identifier to match on': [{ event: { to: 'people' } }, ['no-identifier orders#activations.it']],
  'identifiers that the service does not take, or the entity does not have': [
    { activation: { to: 'people', identifiers: ['email', 'phone', 'gclid'] } },
    [
      'identifier-not-accepted customers#activations.it.identifiers',
      'identifier-not-available customers#activations.it.identifiers',
    ],
  ],
  'a hashed column where the value itself is needed': [
    {
      activation: { to: 'people' },
      event: { to: 'moments', mapping: byEmail },
      world: { models: { customers: hashedOnly({ it: activationBlock({ to: 'people' }) }) } },
    },
    [
      'identifier-needed-in-clear customers#activations.it',
      'identifier-needed-in-clear orders#activations.it.mapping.email',
    ],
  ],
  'a hashed column in a field for the value': [
    { world: { models: { customers: hashedOnly({ it: activationBlock({ to: 'crm' }) }) } } },
    ['identifier-needed-in-clear customers#activations.it'],
  ],
  'a country where no phone numbers are read': [
    { destinations: { folder: { ...DESTINATIONS['folder'], defaultCountry: 'FR' }, people: { defaultCountry: 'FR' } } },
    ['default-country-unused dinmo.yml#destinations.folder.default_country'],
  ],
  'defaults that fit nobody': [
    {
      activation: { to: 'people' },
      destinations: {
        people: {
          defaults: { identifiers: ['email', 'gclid'], attributes: ['contry'], schedule: '61 * * * *', attempts: null },
        },
      },
    },
    [
      'default-attribute-not-used dinmo.yml#destinations.people.defaults.attributes',
      'identifier-not-accepted dinmo.yml#destinations.people.defaults.identifiers',
      'invalid-schedule dinmo.yml#destinations.people.defaults.schedule',
    ],
  ],
  'settings that are unknown, missing, of a wrong type or choice': [
    {
      destinations: {
        people: { config: { acount: '1', batch_size: 'many', region: 'eue' }, credentials: { tokn: 'x' } },
      },
    },
    [
      'missing-setting dinmo.yml#destinations.people.config',
      'unknown-setting dinmo.yml#destinations.people.config.acount',
      'invalid-setting dinmo.yml#destinations.people.config.batch_size',
      'invalid-setting dinmo.yml#destinations.people.config.region',
      'missing-setting dinmo.yml#destinations.people.credentials',
      'unknown-setting dinmo.yml#destinations.people.credentials.tokn',
    ],
  ],
  'settings from the environment': [
    {
      destinations: {
        people: { config: { account: 1, batch_size: "{{ env_var('N') }}", region: "{{ env_var('R') }}" } },
      },
    },
    [],
  ],
  'two audiences that are one, of two destinations with one account': [
    {
      activation: { to: 'people', audience: 'VIP' },
      customer: {
        ...vip({ to: 'people_too', audience: 'VIP', enabled: false }),
        activations: { it: activationBlock({ to: 'people', audience: 'VIP' }) },
      },
      destinations: { people_too: { credentials: { token: "{{ env_var('OTHER') }}" } } },
    },
    ['audience-shared customers#segments.vip.activations.it.audience'],
  ],
  'two audiences of one name in two accounts': [
    {
      customer: {
        ...vip({ to: 'people_too', audience: 'VIP' }),
        activations: { it: activationBlock({ to: 'people', audience: 'VIP' }) },
      },
      destinations: { people_too: { config: { account: '2' } } },
    },
    [],
  ],
  'two that write one field of the same records': [
    {
      customer: {
        ...vip({ to: 'crm', mapping: mappingOf({ land: 'country' }) }),
        activations: { it: activationBlock({ to: 'crm', mapping: mappingOf({ land: 'country' }) }) },
      },
    },
    ['field-shared customers#segments.vip.activations.it.mapping'],
  ],
  'consent: unknown, not boolean, of an unknown entity, of one that is not named, without delete': [
    {
      customer: vip({ to: 'folder', consent: { kind: 'columns', columns: [['countri'], ['country']] } }),
      event: { to: 'folder' },
      destinations: {
        folder: {
          ...DESTINATIONS['folder'],
          consent: { kind: 'by_entity', entities: { customr: [['country']] } },
        },
      },
    },
    [
      'unknown-property customers#segments.vip.activations.it.consent.0',
      'consent-not-boolean customers#segments.vip.activations.it.consent.1',
      'consent-without-delete customers#segments.vip.activations.it.operations',
      'unknown-entity dinmo.yml#destinations.folder.consent.customr',
      'consent-does-not-cover orders#activations.it.consent',
    ],
  ],
  'exclusions: unknown, of an entity not sent, without delete, and what is not protected': [
    {
      customer: vip({ to: 'folder' }),
      order: { segments: { big: segmentOf('big', { attribute: 'amount', gt: 3 }) } },
      event: { to: 'folder' },
      destinations: {
        folder: { ...DESTINATIONS['folder'], exclude: ['vipp', 'vip'] },
        people: { exclude: ['big'] },
      },
      activation: { to: 'people' },
    },
    [
      'exclude-without-delete customers#segments.vip.activations.it.operations',
      'unknown-segment dinmo.yml#destinations.folder.exclude.0',
      'exclude-does-not-protect dinmo.yml#destinations.folder.exclude.1',
      'exclude-without-activation dinmo.yml#destinations.people.exclude.0',
    ],
  ],
  'a relation whose one side is not unique': [
    { customer: { relationships: link({ keys: { country: 'customer_id' } }) } },
    ['relationship-not-unique customers#relationships.way'],
  ],
  'a relation to a column that a unique test holds': [
    {
      order: { relationships: link({ to: 'customer', type: 'many_to_one', keys: { customer_id: 'email' } }) },
      world: { tests: [unique('customers.email')] },
    },
    [],
  ],
  'a relation said to be one_to_one from a foreign key that is not unique': [
    { order: { relationships: link({ to: 'customer', type: 'one_to_one', keys: { customer_id: 'customer_id' } }) } },
    ['relationship-not-unique orders#relationships.way'],
  ],
  'a custom attribute whose key nothing tests': [
    { world: { annotations: [ltv], models: { ltv: { columns: ['customer_id', 'ltv'] } } } },
    ['custom-attribute-key-not-unique ltv#key'],
  ],
  'columns annotated on a model that is no entity': [
    { world: { models: { stg: { columns: ['email'], annotate: { email: { categorical: true } } } } } },
    ['annotation-without-entity stg.email#'],
  ],
  'segments in a circle': [
    {
      customer: {
        segments: {
          a: segmentOf('a', { segment: 'b' }),
          b: segmentOf('b', { not: { segment: 'a' } }),
        },
      },
    },
    ['segment-cycle customers#segments.a.where'],
  ],
  'models with names of generated ones, not those generated themselves': [
    {
      customer: { segments: { vip: segmentOf('vip', { attribute: 'country', eq: 'FR' }) } },
      world: {
        models: {
          segment_vip: { columns: [] },
          sync_runs: { columns: [] },
          entity_customer: { columns: [], node: { originalFilePath: 'models/dinmo/entities/entity_customer.sql' } },
        },
      },
    },
    ['generated-name-taken customers#segments.vip', 'generated-name-taken models/sync_runs.sql'],
  ],
  'a private model used from another group': [
    {
      world: {
        annotations: [ltv],
        tests: key('ltv.customer_id'),
        models: { ltv: { columns: ['customer_id', 'ltv'], node: { access: 'private', group: 'finance' } } },
      },
    },
    ['private-model ltv#'],
  ],
  'a schedule that is none': [
    { activation: { to: 'people', schedule: '0 25 * * *' } },
    ['invalid-schedule customers#activations.it.schedule'],
  ],
  'a rename from what still exists': [
    { activation: { to: 'people', was: 'customer.it' } },
    ['was-still-there customers#activations.it.was'],
  ],
  'a key test that does not hold the key': [
    { world: { tests: [notNull('customers.customer_id', { severity: 'warn' })] } },
    ['key-test-not-counted customers#'],
  ],
};

describe('one thing changed:', () => {
  test.each(Object.entries(CASES))('%s', (_, [change, expected]) => {
    expect(told(change)).toEqual(expected);
  });
});

test('targets of the profile', () => {
  const stated = (targets: readonly string[]): Change => ({ world: { settings: { targets } } });
  expect(told({}, ['dev', 'prod'])).toEqual(['targets-not-stated dinmo.yml#']);
  expect(told({}, ['dev'])).toEqual([]);
  expect(told(stated(['prod']), ['dev', 'prod'])).toEqual([]);
  expect(told(stated(['dev', 'prd']), ['dev', 'prod'])).toEqual(['unknown-target dinmo.yml#targets.1']);
});

test('the registry is the folder', () => {
  const others = ['account', 'check', 'mark-column', 'reading-findings', 'registry', 'rule-docs', 'run'];
  const files = readdirSync(new URL('../../src/checks', import.meta.url)).map((file) => file.replace(/\.ts$/, ''));
  expect(CHECKS.map((one) => one.name).sort()).toEqual(files.filter((file) => !others.includes(file)).sort());
});

test('every kind of finding is documented once, in whole sentences', () => {
  const codes = FINDING_DOCS.map((doc) => doc.code);
  expect(codes).toEqual([...new Set(codes)]);
  for (const doc of FINDING_DOCS) {
    expect(doc.code).toMatch(/^[a-z]+(-[a-z]+)+$/);
    expect(doc.why, doc.code).toMatch(/\.$/);
    expect(doc.fix, doc.code).toMatch(/\.$|\)$/);
    expect(doc.title, doc.code).not.toMatch(/\.$/);
  }
});

test('a project in which everything is broken says all of it at once, each thing where it stands', async () => {
  const findings = check(
    world({
      customer: {
        primaryKey: ['custmer_id'],
        relationships: link({ to: 'odrer' }),
        segments: {
          vip: segmentBlock(
            { all: [{ attribute: 'contry', eq: 'FR' }, { relation: 'ordrs', exists: true }, { segment: 'lost' }] },
            {
              at: ['segments', 'vip'],
              activations: {
                people: activationBlock({ mode: 'incremental', operations: ['insert'] }),
                nowhere: activationBlock(),
              },
            },
          ),
          lost: segmentOf('lost', { segment: 'vip' }),
        },
      },
      event: { to: 'moments', mapping: mappingOf({ valeu: 'amuont' }), schedule: 'daily' },
      destinations: {
        people: { config: { acount: '1' }, exclude: ['nobody'] },
        odd: { platform: 'peolpe' },
      },
      world: {
        models: {
          tags: { columns: ['tag_id'], entity: { name: 'tag' } },
          both: { columns: ['a', 'b'], entity: { name: 'both' } },
          gone: { columns: ['id'], entity: { name: 'gone' }, node: { materialized: 'ephemeral', relationName: null } },
        },
        tests: [...key('both.a'), ...key('both.b')],
      },
    }),
    ['dev', 'prod'],
  );
  const text = findings
    .map((f) => `${f.location?.file}\n  ${f.severity} ${f.code}: ${f.message}\n  ${f.fix}\n`)
    .join('');
  await expect(text).toMatchFileSnapshot('golden/broken-project.txt');
});
