import { type EntitySpec, types } from './world.ts';

/** The entities of a shop, with every kind of relationship, for the tests that read SQL or findings. */
export const shop: Readonly<Record<string, EntitySpec>> = {
  customer: {
    key: ['customer_id'],
    columns: {
      customer_id: types.integer,
      email: types.string,
      country: types.string,
      is_subscribed: types.boolean,
      born_on: types.date,
      created_at: types.naive,
      last_seen_at: types.zoned,
      score: types.float,
      interests: types.strings,
      plan_id: types.integer,
      internal_note: types.string,
      payload: types.json,
      mystery: null,
    },
    hidden: ['internal_note', 'plan_id', 'payload'],
    customAttributes: {
      lifetime_value: { table: 'customer_ltv', key: 'customer_id', value: 'ltv', type: types.decimal },
    },
    relationships: {
      orders: { to: 'order', type: 'one_to_many', keys: { customer_id: 'customer_id' } },
      plan: { to: 'plan', type: 'many_to_one', keys: { plan_id: 'plan_id' } },
      tags: {
        to: 'tag',
        type: 'many_to_many',
        keys: { customer_id: 'customer_id' },
        through: 'customer_tags',
        toKeys: { tag_id: 'tag_id' },
      },
    },
  },
  order: {
    key: ['order_id'],
    eventTime: 'ordered_at',
    columns: {
      order_id: types.integer,
      customer_id: types.integer,
      status: types.string,
      amount: types.decimal,
      ordered_at: types.zoned,
      is_test: types.boolean,
    },
    hidden: ['is_test'],
    where: { attribute: 'is_test', is_true: false },
    relationships: {
      customer: { to: 'customer', type: 'many_to_one', keys: { customer_id: 'customer_id' } },
      lines: { to: 'line', type: 'one_to_many', keys: { order_id: 'order_id' } },
    },
  },
  line: {
    key: ['order_id', 'line_number'],
    columns: {
      order_id: types.integer,
      line_number: types.integer,
      sku: types.string,
      quantity: types.integer,
    },
    relationships: {
      order: { to: 'order', type: 'many_to_one', keys: { order_id: 'order_id' } },
      product: { to: 'product', type: 'many_to_one', keys: { sku: 'sku' } },
    },
  },
  product: {
    key: ['sku'],
    columns: { sku: types.string, category: types.string, price: types.decimal, released_on: types.date },
  },
  plan: {
    key: ['plan_id'],
    columns: { plan_id: types.integer, name: types.string, price: types.decimal, vendor_id: types.integer },
    relationships: { vendor: { to: 'vendor', type: 'many_to_one', keys: { vendor_id: 'vendor_id' } } },
  },
  vendor: { key: ['vendor_id'], columns: { vendor_id: types.integer, name: types.string } },
  tag: {
    key: ['tag_id'],
    columns: { tag_id: types.integer, name: types.string },
    relationships: {
      customers: {
        to: 'customer',
        type: 'many_to_many',
        keys: { tag_id: 'tag_id' },
        through: 'customer_tags',
        toKeys: { customer_id: 'customer_id' },
      },
    },
  },
};

/** DuckDB tables of the shop, without rows. */
export const shopTables: readonly string[] = [
  `create table customers (customer_id bigint, email varchar, country varchar, is_subscribed boolean, born_on date,
    created_at timestamp, last_seen_at timestamptz, score double, interests varchar[], plan_id bigint,
    internal_note varchar, payload json, mystery varchar)`,
  'create table customer_ltv (customer_id bigint, ltv decimal(18, 2))',
  `create table orders (order_id bigint, customer_id bigint, status varchar, amount decimal(18, 2),
    ordered_at timestamptz, is_test boolean)`,
  'create table lines (order_id bigint, line_number integer, sku varchar, quantity integer)',
  'create table products (sku varchar, category varchar, price decimal(18, 2), released_on date)',
  'create table plans (plan_id bigint, name varchar, price decimal(18, 2), vendor_id bigint)',
  'create table vendors (vendor_id bigint, name varchar)',
  'create table tags (tag_id bigint, name varchar)',
  'create table customer_tags (customer_id bigint, tag_id bigint)',
  'create table big_lines (order_id bigint, line_number integer)',
  'create table churned_customers (customer_id bigint)',
];
