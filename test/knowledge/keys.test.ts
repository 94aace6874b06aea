import { describe, expect, test } from 'vitest';
import { buildKnowledgeStore } from '../../src/knowledge/build.ts';
import { findUnstableFunction } from '../../src/knowledge/unstable-key.ts';
import {
  combination,
  key,
  type NodeSpec,
  notNull,
  projectOf,
  SERVICE_LOOKUP,
  unique,
  type WorldSpec,
} from './world.ts';

function build(model: NodeSpec, more: WorldSpec = {}) {
  const spec = { columns: ['id', 'email', 'tenant'], entity: { name: 'customer' }, ...model };
  const built = buildKnowledgeStore(projectOf({ models: { customers: spec }, ...more }), SERVICE_LOOKUP);
  return { ...built, customer: built.store.entities.get('customer'), codes: built.findings.map((f) => f.code) };
}

describe('the key that dbt states', () => {
  test('is the only column with unique and not_null tests', () => {
    const { customer, findings } = build({}, { tests: [...key('customers.id'), unique('customers.email')] });
    expect(customer?.primaryKey).toEqual(['id']);
    expect(customer?.primaryKeyFrom).toEqual({ source: 'test', detail: 'unique and not_null tests on customers.id' });
    expect(findings).toEqual([]);
  });

  test('is a primary_key constraint before any test, composite in its own order', () => {
    const constraint = { type: 'primary_key', columns: ['tenant', 'id'], to: null, toColumns: [] };
    const { customer } = build({ node: { constraints: [constraint] } }, { tests: key('customers.email') });
    expect(customer?.primaryKey).toEqual(['tenant', 'id']);
    expect(customer?.notes.map((note) => note.detail)).toContain(
      'not used as a key: unique and not_null tests on customers.email',
    );
    const stated = build({ entity: { name: 'customer', primaryKey: ['email'] } }, { tests: key('customers.id') });
    expect(stated.customer?.notes.map((note) => note.detail)).toEqual([
      'not used as a key: unique and not_null tests on customers.id',
    ]);
  });

  test('is one combination over not_null columns', () => {
    const tests = [combination('customers', ['tenant', 'id']), notNull('customers.tenant'), notNull('customers.id')];
    expect(build({}, { tests }).customer?.primaryKey).toEqual(['tenant', 'id']);
    expect(build({}, { tests: tests.slice(0, 2) }).codes).toEqual(['primary-key-missing']);
  });

  test.each([
    ['unique without not_null', [unique('customers.id')], 'stands without a not_null test on id.'],
    ['a test with a where', [unique('customers.id', { where: 'id > 0' }), notNull('customers.id')], 'has a where.'],
    ['a disabled test', [unique('customers.id', { enabled: false }), notNull('customers.id')], 'is disabled.'],
    [
      'a test of that name in another package',
      [unique('customers.id', { namespace: 'x' }), notNull('customers.id')],
      'has no primary key.',
    ],
    [
      'a unique test on an expression',
      [unique('customers.id', { columnName: "id || 'x'" }), notNull('customers.id')],
      'is on an expression.',
    ],
    [
      'a combination of columns that may be NULL',
      [combination('customers', ['tenant', 'id']), notNull('customers.id')],
      'the unique test on tenant, id stands without a not_null test on tenant.',
    ],
  ])('is not %s, and the message says so', (_, tests, reason) => {
    const { codes, store, checkable, findings } = build({ node: { primaryKey: ['id'] } }, { tests });
    expect(codes).toEqual(['primary-key-missing']);
    expect(findings[0]?.message.endsWith(reason), findings[0]?.message).toBe(true);
    expect(store.entities.size).toBe(0);
    expect(checkable.entities.get('customer')?.primaryKey).toEqual([]);
  });

  test('is asked for where two columns are each unique: their list is no composite key', () => {
    const { codes, findings } = build(
      { node: { primaryKey: ['id', 'email'] } },
      { tests: [...key('customers.id'), ...key('customers.email')] },
    );
    expect(codes).toEqual(['primary-key-ambiguous']);
    expect(findings[0]?.message).toContain('`id` (unique and not_null tests on customers.id) and `email`');
  });
});

describe('the key that the user states', () => {
  test('wins over what dbt states, with a warning where that disagrees', () => {
    const { customer, codes } = build(
      { entity: { name: 'customer', primaryKey: ['email'] } },
      { tests: key('customers.id') },
    );
    expect(customer?.primaryKey).toEqual(['email']);
    expect(codes).toEqual(['primary-key-conflict']);
  });

  test.each([[['id']], [['tenant', 'id']]])('agrees with a proven key it contains: %s', (primaryKey) => {
    expect(build({ entity: { name: 'customer', primaryKey } }, { tests: key('customers.id') }).codes).toEqual([]);
  });

  test('is named as the user lists it, whatever case it is written in', () => {
    expect(build({ entity: { name: 'customer', primaryKey: ['ID'] } }).customer?.primaryKey).toEqual(['id']);
  });

  test('names an unlisted column that the catalog has, upper-cased by Snowflake', () => {
    const { customer, codes } = build(
      { columns: [], entity: { name: 'customer', primaryKey: ['customer_id'] } },
      { adapter: 'snowflake', catalog: { customers: { CUSTOMER_ID: 'NUMBER(38,0)', EMAIL: 'TEXT' } } },
    );
    expect(codes).toEqual([]);
    expect([...(customer?.properties.values() ?? [])].map((p) => [p.name, p.type, p.typeFrom?.source])).toEqual([
      ['customer_id', { kind: 'integer' }, 'catalog'],
    ]);
  });

  test.each([
    ['a column that the catalog does not have', 'customer_key', { id: 'INTEGER' }, 'unknown-column'],
    ['a probable typo, even without a catalog', 'emial', null, 'unknown-column'],
    ['a column that nothing speaks of', 'customer_key', null, 'unverified-column'],
    ['a numbered sister of a listed column', 'email2', null, 'unverified-column'],
  ])('names %s', (_, name, catalog, code) => {
    const more = catalog === null ? {} : { catalog: { customers: catalog } };
    const built = build({ entity: { name: 'customer', primaryKey: [name] } }, more);
    expect(built.codes.filter((found) => found !== 'column-not-in-relation')).toEqual([code]);
    expect(built.findings[0]?.location?.file).toBe('customers#primary_key');
    expect(built.store.entities.has('customer')).toBe(code === 'unverified-column');
  });
});

describe('a key made anew at each build', () => {
  test.each([
    ['select row_number() over (partition by a, b order by c) as id, x from t', 'row_number'],
    ['select x, gen_random_uuid()::text as "id" from t', 'gen_random_uuid'],
    ['select\n  cast(uuid_string() as varchar) AS id\nfrom t', 'uuid_string'],
    ['select row_number() over (order by b) as position, id from t', null],
    ['select md5(email) as id, row_number() over (order by b) as n from t', null],
    ['-- row_number() as id\nselect customer_id as id from t', null],
    ['select count(*) as n, random() as id_sample from t', null],
  ])('%s', (sql, expected) => {
    expect(findUnstableFunction(sql, 'id')).toBe(expected);
  });

  test('is a warning', () => {
    const rawCode = 'select row_number() over (order by email) as id, email from raw';
    const { codes, customer } = build({ node: { rawCode } }, { tests: key('customers.id') });
    expect(codes).toEqual(['primary-key-unstable']);
    expect(customer?.primaryKey).toEqual(['id']);
  });
});

test('an ephemeral model, an older version and a second model of one name are no entities', () => {
  const entity = { name: 'customer', primaryKey: ['id'] };
  const built = buildKnowledgeStore(
    projectOf({
      models: {
        a: { columns: ['id'], entity, node: { version: '1', latestVersion: '2' } },
        b: { columns: ['id'], entity, node: { version: '2', latestVersion: '2', name: 'people' } },
        c: { columns: ['id'], entity },
        d: { columns: ['id'], entity: { primaryKey: ['id'] }, node: { materialized: 'ephemeral', relationName: null } },
        E: { columns: ['id'], entity: { primaryKey: ['id'] } },
      },
    }),
    SERVICE_LOOKUP,
  );
  expect(built.store.entities.get('customer')?.node.reference).toBe("ref('people', v=2)");
  expect(built.findings.map((f) => `${f.code} ${f.node}`)).toEqual([
    'duplicate-entity model.shop.c',
    'ephemeral-model model.shop.d',
    'invalid-name undefined',
  ]);
});
