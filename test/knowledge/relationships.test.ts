import { describe, expect, test } from 'vitest';
import type { RelationshipBlock } from '../../src/artifacts/annotation.ts';
import { buildKnowledgeStore } from '../../src/knowledge/build.ts';
import type { KnowledgeStore } from '../../src/knowledge/store.ts';
import { idOf, key, type NodeSpec, projectOf, refersTo, SERVICE_LOOKUP, type WorldSpec } from './world.ts';

const customers: NodeSpec = { columns: ['customer_id', 'country'], entity: { name: 'customer' } };
const orders: NodeSpec = { columns: ['order_id', 'customer_id', 'billing_customer_id'], entity: { name: 'order' } };
const keys = [...key('customers.customer_id'), ...key('orders.order_id')];

function way(block: Partial<RelationshipBlock> & Pick<RelationshipBlock, 'to' | 'type' | 'keys'>): RelationshipBlock {
  return { through: null, toKeys: null, ...block };
}

/** Every way of the store as one line: `customer.orders one_to_many order customer_id=customer_id`. */
function ways(store: KnowledgeStore): readonly string[] {
  return [...store.entities.values()].flatMap((entity) =>
    [...entity.relationships.values()].map((one) => {
      const pairs = [...one.keys, ...(one.through?.toKeys ?? [])].map((pair) => pair.join('='));
      return `${one.from}.${one.name} ${one.type} ${one.to} ${pairs.join(' ')}`;
    }),
  );
}

function build(spec: WorldSpec) {
  const { store, findings } = buildKnowledgeStore(
    projectOf({ ...spec, models: { customers, orders, ...spec.models }, tests: [...keys, ...(spec.tests ?? [])] }),
    SERVICE_LOOKUP,
  );
  return { store, ways: ways(store), findings, codes: findings.map((f) => f.code) };
}

describe('derived', () => {
  const both = [
    'customer.orders one_to_many order customer_id=customer_id',
    'order.customer many_to_one customer customer_id=customer_id',
  ];

  test('from a relationships test, both ways, named after the other side', () => {
    expect(build({ tests: [refersTo('orders.customer_id', 'customers.customer_id')] }).ways).toEqual(both);
  });

  test.each(["ref('customers')", "{{ ref('shop', 'customers') }}", '"db"."main"."customers"', 'DB.MAIN.CUSTOMERS'])(
    'from a foreign key to %s, as written after a parse or after a build',
    (to) => {
      const constraints = [{ type: 'foreign_key', columns: [], to, toColumns: ['customer_id'] }];
      const spec = { ...orders, column: { customer_id: { constraints } } };
      expect(build({ models: { orders: spec } }).ways).toEqual(both);
    },
  );

  test('from entities of semantic models', () => {
    const model = (name: string, type: 'primary' | 'foreign') => ({
      uniqueId: `semantic_model.shop.${name}`,
      name,
      node: idOf(name),
      entities: [{ name: 'customer', type, column: 'customer_id' }],
    });
    const built = build({ semanticModels: [model('customers', 'primary'), model('orders', 'foreign')] });
    expect(built.ways).toEqual(both);
    expect(built.store.entities.get('order')?.relationships.get('customer')?.provenance).toEqual({
      source: 'semantic_model',
      detail: 'semantic-model entity customer on orders.customer_id',
    });
  });

  test('a foreign key that is itself the key is one_to_one, and so is its way back', () => {
    const consents = { columns: ['customer_id'], entity: { name: 'consent' } };
    const tests = [...key('consents.customer_id'), refersTo('consents.customer_id', 'customers.customer_id')];
    expect(build({ models: { consents }, tests }).ways).toEqual([
      'customer.consent one_to_one consent customer_id=customer_id',
      'consent.customer one_to_one customer customer_id=customer_id',
    ]);
  });

  test('two to one entity: the foreign key named like the key keeps the name', () => {
    const tests = ['customer_id', 'billing_customer_id'].map((c) => refersTo(`orders.${c}`, 'customers.customer_id'));
    expect(build({ tests }).ways.map((line) => line.split(' ')[0])).toEqual([
      'customer.orders',
      'customer.orders_by_billing_customer_id',
      'order.customer',
      'order.customer_by_billing_customer_id',
    ]);
  });

  test('to itself, and the way back named by the plural', () => {
    const staff = { columns: ['employee_id', 'manager_id'], entity: { name: 'employee', plural: 'reports' } };
    const tests = [...key('staff.employee_id'), refersTo('staff.manager_id', 'staff.employee_id')];
    expect(build({ models: { staff }, tests }).ways).toEqual([
      'employee.employee many_to_one employee manager_id=employee_id',
      'employee.reports one_to_many employee employee_id=manager_id',
    ]);
  });

  test.each([
    ['has a where', refersTo('orders.customer_id', 'customers.customer_id', { where: 'x' })],
    ['is disabled', refersTo('orders.customer_id', 'customers.customer_id', { enabled: false })],
    ['leads to stg_customers, which is no entity', refersTo('orders.customer_id', 'stg_customers.customer_id')],
    ['does not lead to the key of customer', refersTo('orders.customer_id', 'customers.country')],
    ['leads to a node that cannot be told', refersTo('orders.customer_id', 'x.y', { targetNode: null })],
  ])('not from a test that %s, which is noted', (reason, fact) => {
    const { ways: found, store } = build({ models: { stg_customers: { columns: ['customer_id'] } }, tests: [fact] });
    expect(found).toEqual([]);
    expect(store.entities.get('order')?.notes).toEqual([
      { source: 'test', detail: `not used as a relationship: relationships test on orders.customer_id ${reason}` },
    ]);
  });

  test('two whose names cannot be told apart are neither, with a warning', () => {
    const returns = { columns: ['return_id', 'customer_id'], entity: { name: 'return', plural: 'orders' } };
    const tests = [
      ...key('returns.return_id'),
      refersTo('orders.customer_id', 'customers.customer_id'),
      refersTo('returns.customer_id', 'customers.customer_id'),
    ];
    const { ways: found, codes } = build({ models: { returns }, tests });
    expect(found.map((line) => line.split(' ')[0])).toEqual(['order.customer', 'return.customer']);
    expect(codes).toEqual(['relationship-name-taken']);
  });
});

describe('annotated', () => {
  const toOrders = way({ to: 'order', type: 'one_to_many', keys: { customer_id: 'customer_id' } });
  const withWays = (relationships: Record<string, RelationshipBlock>): NodeSpec => ({
    ...customers,
    entity: { name: 'customer', relationships },
  });

  test('gives its way back, and the derived one over the same columns is that one', () => {
    const built = build({
      models: { customers: withWays({ purchases: toOrders }) },
      tests: [refersTo('orders.customer_id', 'customers.customer_id')],
    });
    expect(built.ways).toEqual([
      'customer.purchases one_to_many order customer_id=customer_id',
      'order.customer many_to_one customer customer_id=customer_id',
    ]);
    expect(built.store.entities.get('order')?.relationships.get('customer')?.provenance.detail).toBe(
      'the way back of customer.purchases',
    );
  });

  test('keeps its name before a derived one over other columns', () => {
    const billing = way({ to: 'order', type: 'one_to_many', keys: { customer_id: 'billing_customer_id' } });
    const built = build({
      models: { customers: withWays({ orders: billing }) },
      tests: [refersTo('orders.customer_id', 'customers.customer_id')],
    });
    expect(built.ways.map((line) => line.split(' ')[0])).toEqual([
      'customer.orders',
      'customer.orders_by_customer_id',
      'order.customer',
      'order.customer_by_billing_customer_id',
    ]);
  });

  test('on both sides is one relationship; where the types exclude each other that is an error', () => {
    const side = (type: RelationshipBlock['type']) => ({
      customers: withWays({ orders: toOrders }),
      orders: {
        ...orders,
        entity: {
          name: 'order',
          relationships: { buyer: way({ to: 'customer', type, keys: { customer_id: 'customer_id' } }) },
        },
      },
    });
    const agreed = build({ models: side('many_to_one') });
    expect(agreed.ways.map((line) => line.split(' ')[0])).toEqual(['customer.orders', 'order.buyer']);
    expect(agreed.codes).toEqual([]);
    expect(build({ models: side('one_to_one') }).codes).toEqual(['relationship-conflict']);
  });

  test('many_to_many leads through a third model, both ways', () => {
    const tags = way({
      to: 'tag',
      type: 'many_to_many',
      through: 'customer_tags',
      keys: { customer_id: 'member_id' },
      toKeys: { label_id: 'tag_id' },
    });
    const models = {
      customers: withWays({ tags }),
      tags: { columns: ['tag_id'], entity: { name: 'tag' } },
      customer_tags: { columns: ['member_id', 'label_id'] },
    };
    const built = build({ models, tests: key('tags.tag_id') });
    expect(built.ways).toEqual([
      'customer.tags many_to_many tag customer_id=member_id label_id=tag_id',
      'tag.customers many_to_many customer tag_id=label_id member_id=customer_id',
    ]);
    const broken = withWays({ tags: { ...tags, through: 'customer_tag', keys: { nowhere_at_all: 'member_id' } } });
    expect(build({ models: { ...models, customers: broken }, tests: key('tags.tag_id') }).codes).toEqual([
      'unknown-model',
    ]);
    const incomplete = withWays({ tags: { ...tags, toKeys: null } });
    expect(build({ models: { ...models, customers: incomplete }, tests: key('tags.tag_id') }).codes).toEqual([
      'invalid-relationship',
    ]);
  });

  test('names what does not exist with its place and the nearest name', () => {
    const relationships = {
      a: way({ to: 'ordr', type: 'one_to_many', keys: { customer_id: 'customer_id' } }),
      b: way({ to: 'order', type: 'one_to_many', keys: { custmer_id: 'custmer_id' } }),
    };
    const { findings } = build({ models: { customers: withWays(relationships) } });
    expect(findings.map((f) => `${f.code} ${f.location?.file} ${/`(\w+)`\?/.exec(f.message)?.[1]}`)).toEqual([
      'unknown-entity customers#relationships.a.to order',
      'unknown-column customers#relationships.b.keys.custmer_id customer_id',
      'unknown-column customers#relationships.b.keys.custmer_id customer_id',
    ]);
  });

  test('in which something is wrong is no relationship, but what is said over it can still be checked', () => {
    const customer = withWays({ a: way({ to: 'ordr', type: 'one_to_many', keys: { customer_id: 'customer_id' } }) });
    const project = projectOf({ models: { customers: customer, orders }, tests: keys });
    const { store, checkable } = buildKnowledgeStore(project, SERVICE_LOOKUP);
    expect(ways(store)).toEqual([]);
    expect(ways(checkable)).toEqual(['customer.a one_to_many order customer_id=customer_id']);
  });

  test('to an entity whose own key is broken is not an unknown entity', () => {
    const tags = { columns: ['tag_id'], entity: { name: 'tag' } };
    const relationships = { tags: way({ to: 'tag', type: 'one_to_many', keys: { customer_id: 'tag_id' } }) };
    const built = build({ models: { tags, customers: withWays(relationships) } });
    expect(built.codes).toEqual(['primary-key-missing']);
    expect(built.ways).toEqual([]);
  });
});
