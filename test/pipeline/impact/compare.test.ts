import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ImpactChange } from '../../../src/index.ts';
import { ImpactWorld } from './impact-world.ts';
import { SmallDbt, type SmallTarget } from './small-dbt.ts';

const PROD: SmallTarget = { adapter: 'duckdb', database: 'shop', schema: 'prod' };
const CI: SmallTarget = { ...PROD, schema: 'ci' };
const FILE = '{type: duckdb, path: nowhere.duckdb}';

describe('impact without a warehouse', () => {
  const world = new ImpactWorld({ prod: FILE, ci: FILE });
  beforeAll(() => world.parse(world.base, PROD));
  beforeEach(() => world.fork());
  afterAll(() => world.remove());

  /** The changes of an edited branch, less those of files that `generate` writes. */
  async function changes(state = world.base): Promise<readonly ImpactChange[]> {
    new SmallDbt(world.branch).parse(CI);
    const report = await world.impact({ state });
    return report.changes.filter(({ code }) => !['generated-stale', 'exposure-drift'].includes(code));
  }

  it('finds nothing where only the target, comments and descriptions differ', async () => {
    world.edit('models/customers.sql', 'select *', '-- as they come\nselect *');
    world.edit('dinmo/segments.yml', 'entity: customer', 'entity: customer\n    description: In France');
    new SmallDbt(world.branch).parse(CI);
    const report = await world.impact();
    expect([report.changes, report.exitCode]).toEqual([[], 0]);
  });

  it.each<[string, readonly (readonly [string, string, string])[], object]>([
    [
      'a narrower rule',
      [
        [
          'dinmo/segments.yml',
          'where: {attribute: country, eq: FR}',
          'where: {all: [{attribute: country, eq: FR}, {attribute: spend, gt: 1}]}',
        ],
      ],
      {
        code: 'filter-changed',
        severity: 'attention',
        effect: 'It asks for more: members who do not meet it leave, and nobody enters.',
        before: ['country eq FR'],
        after: ['all of', '  country eq FR', '  spend gt 1'],
        segments: ['french', 'idle'],
        activations: ['french.lists'],
      },
    ],
    [
      'a wider rule',
      [
        [
          'dinmo/segments.yml',
          'where: {attribute: country, eq: FR}',
          'where: {any: [{attribute: country, eq: FR}, {attribute: spend, gt: 1}]}',
        ],
      ],
      { code: 'filter-changed', effect: 'It asks for less: others enter, and nobody leaves.' },
    ],
    [
      'a limit',
      [['dinmo/segments.yml', 'where: {segment: french}', 'where: {segment: french}\n    limit: {rows: 5, by: spend}']],
      { code: 'limit-changed', effect: 'Those who no longer fit in leave; nobody enters for it.' },
    ],
    [
      'consent that is asked for',
      [['dinmo/segments.yml', 'attempts: 5', 'consent: [country]']],
      {
        code: 'consent-changed',
        severity: 'attention',
        effect: 'Members whose country is not true are not sent any more, and are removed, under the guards.',
        before: [],
        after: ['country'],
        activations: ['french.lists'],
      },
    ],
    [
      'another constant',
      [['dinmo/segments.yml', 'tier: {value: gold}', 'tier: {value: silver}']],
      {
        code: 'mapping-source-changed',
        column: 'tier',
        effect:
          'Every row differs from what was acknowledged, so that the next sync sends all of loyal again, as updates.',
      },
    ],
    [
      'another column under the same field',
      [['dinmo/segments.yml', 'spend: spend, tier', 'spend: customer_id, tier']],
      {
        code: 'mapping-source-changed',
        effect: 'Rows whose value differs between the two are sent again, as updates.',
      },
    ],
    [
      'an operation less',
      [['dinmo/segments.yml', 'operations: [insert, update, delete]', 'operations: [insert, update]']],
      { code: 'operations-changed', effect: 'Who leaves stays at the destination.' },
    ],
    [
      'another destination',
      [['dinmo/segments.yml', '      contacts:\n', '      contacts:\n        to: lists\n        # elsewhere\n']],
      { code: 'activation-to-changed', severity: 'breaks' },
    ],
    [
      'another folder',
      [['dinmo.yml', '/contacts', '/people']],
      { code: 'destination-core-changed', severity: 'breaks', activations: ['customer.contacts', 'loyal.contacts'] },
    ],
    [
      'a looser guard',
      [['dinmo.yml', 'max_delete_percent: 20', 'max_delete_percent: 90']],
      { code: 'guards-changed', severity: 'attention', before: ['max_delete_percent: 20'] },
    ],
    [
      'a rename with `was:`',
      [['dinmo/segments.yml', '      lists:\n', '      people:\n        to: lists\n        was: french.lists\n']],
      { code: 'activation-renamed', severity: 'note' },
    ],
    [
      'a column that is gone from SQL and YAML',
      [
        ['models/customers.sql', 'spend, phone)', 'spent_total, phone)'],
        ['models/customers.sql', 'select *', 'select customer_id, email, country, phone'],
        ['models/schema.yml', '      - {name: spend, data_type: integer}\n', ''],
      ],
      { code: 'column-dropped', severity: 'breaks', column: 'spend', segments: ['loyal'] },
    ],
    [
      'a column that was probably renamed',
      [
        ['models/customers.sql', 'spend, phone)', 'spend_total, phone)'],
        ['models/schema.yml', 'name: spend,', 'name: spend_total,'],
      ],
      { code: 'column-renamed', severity: 'breaks', guess: true, before: ['spend'], after: ['spend_total'] },
    ],
    [
      'another type',
      [['models/schema.yml', 'name: spend, data_type: integer', 'name: spend, data_type: varchar']],
      { code: 'column-retyped', before: ['integer'], after: ['varchar'] },
    ],
    [
      'SQL that changed',
      [['models/customers.sql', "'FR', 900", "'FR', 950"]],
      { code: 'model-modified', activations: ['customer.contacts', 'french.lists', 'loyal.contacts'] },
    ],
    [
      'another key',
      [
        [
          'models/schema.yml',
          '            type: dimension',
          '            type: dimension\n            primary_key: email',
        ],
      ],
      { code: 'primary-key-changed', severity: 'breaks', before: ['customer_id'], after: ['email'] },
    ],
    [
      'a test of the key that is gone',
      [
        [
          'models/schema.yml',
          '            type: dimension',
          '            type: dimension\n            primary_key: customer_id',
        ],
        ['models/schema.yml', 'data_tests: [unique, not_null]', 'data_tests: [unique]'],
      ],
      { code: 'test-removed', column: 'customer_id' },
    ],
    [
      'the place of the state',
      [['dinmo.yml', 'version: 1', 'version: 1\nschemas: {delta_storage: ELSEWHERE}']],
      { code: 'delta-storage-changed', severity: 'breaks' },
    ],
  ])('tells %s and what follows', async (_, edits, expected) => {
    for (const edit of edits) world.edit(...edit);
    expect(await changes()).toContainEqual(expect.objectContaining(expected));
  });

  it('says what removed and added ones leave or send, and that a twin may be a rename', async () => {
    world.edit('dinmo/segments.yml', '      lists:\n', '      people:\n        to: lists\n');
    const found = await changes();
    expect(found.find(({ code }) => code === 'activation-removed')).toMatchObject({
      subject: { name: 'french.lists' },
      effect: expect.stringContaining('What it sent stays at lists'),
    });
    expect(found.find(({ code }) => code === 'activation-added')?.effect).toContain(
      '(a guess), write `was: french.lists`',
    );
  });

  it('a country of phone numbers is no news where none are read', async () => {
    world.edit('dinmo.yml', 'version: 1', 'version: 1\ndefault_country: BE');
    expect(await changes()).toEqual([]);
  });

  it('lists what check finds now and did not find before', async () => {
    world.edit('dinmo/segments.yml', 'attribute: country, eq: FR', 'attribute: contry, eq: FR');
    const [first] = await changes();
    expect(first).toMatchObject({ code: 'check-error', severity: 'breaks', location: { file: 'dinmo/segments.yml' } });
  });

  it('compares what a manifest alone holds, and says what it does not', async () => {
    world.edit('dinmo/segments.yml', 'where: {attribute: country, eq: FR}', 'where: {attribute: country, eq: BE}');
    world.edit('dinmo/segments.yml', 'operations: [insert, update, delete]', 'operations: [insert, update]');
    world.edit('models/schema.yml', 'mapping: {email: email, spend: spend}', 'mapping: {email: email, total: spend}');
    world.edit('dinmo.yml', 'max_delete_percent: 20', 'max_delete_percent: 90');
    const found = await changes(`${world.base}/target`);
    // `idle` reads the view of `french`, whose SQL it does not repeat.
    expect(found.map(({ code, subject }) => `${code} ${subject.name}`).sort()).toEqual([
      'filter-changed french',
      'mapping-field-added customer.contacts',
      'mapping-field-removed customer.contacts',
      'operations-changed loyal.contacts',
    ]);
    const { notCompared } = await world.impact({ state: `${world.base}/target` });
    expect(notCompared.join()).toMatch(
      /Settings of destinations.*rules of french, loyal and idle.*french\.lists and loyal\.contacts/,
    );
  });
});
