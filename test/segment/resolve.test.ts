import { expect, test } from 'vitest';
import { compileSegment } from '../../src/segment/compile.ts';
import { resolveRules } from '../../src/segment/resolve.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import { shop } from './shop.ts';
import { buildStore, dbtTarget, type SegmentSpec, types, type WorldSpec } from './world.ts';

const optins: SegmentSpec = { entity: 'customer', where: { attribute: 'is_subscribed', is_true: true } };

function storeOf(segment: SegmentSpec, entities: WorldSpec['entities'] = shop) {
  return buildStore({
    entities,
    segments: { asked: segment, optins, big_orders: { entity: 'order', where: { attribute: 'amount', gt: 100 } } },
  });
}

/** Findings of a segment of customers, as `code at place: message fix`. */
function findingsOf(where: unknown, more: Partial<SegmentSpec> = {}): string[] {
  const findings = resolveRules(storeOf({ entity: 'customer', where, ...more }));
  return findings.map(
    ({ code, location, message, fix }) => `${code} ${location?.file.split('#')[1]}: ${message} ${fix}`,
  );
}

const valid: readonly unknown[] = [
  { attribute: 'country', contains: '2024-01-01' },
  { attribute: 'country', eq: 'now' },
  { attribute: 'internal_note', is_null: true },
  { attribute: 'payload', is_null: true },
  { attribute: 'plan.vendor.name', in: ['a'] },
  { attribute: 'customer_id', gt: 2.5 },
  { attribute: 'lifetime_value', eq: 2.5 },
  { attribute: 'born_on', on_day: 'now' },
  { attribute: 'born_on', eq: { attribute: 'created_at' } },
  { attribute: 'created_at', gt: { attribute: 'last_seen_at' } },
  { attribute: 'created_at', in: ['2024-01-01', '2024-01-01T10:00:00.123456+02:00'] },
  { attribute: 'is_subscribed', in: [true, false] },
  { attribute: 'interests', contains_any: ['a'] },
  { attribute: 'mystery', is_null: false },
  { attribute: 'mystery', eq: 'FR' },
  { attribute: 'mystery', gte: 500 },
  { attribute: 'mystery', is_true: true },
  { attribute: 'mystery', contains_any: ['a'] },
  { attribute: 'mystery', lt: { attribute: 'score' } },
  { attribute: 'country', neq: { attribute: 'mystery' } },
  { relation: 'orders', first: { of: 'customer.country', neq: 'FR', is_null: false } },
  { relation: 'orders', max: { of: 'ordered_at', lt: { attribute: 'last_seen_at' } } },
  { relation: 'orders', count_distinct: { of: 'status', gt: 1 } },
  { relation: 'orders.lines.product', min: { of: 'released_on', before: { ago: 1, unit: 'month' } } },
  { segment: 'optins' },
  { relation: 'orders', exists: true, where: { segment: 'big_orders' } },
];

test.each(valid.map((rule) => [JSON.stringify(rule), rule]))('%s fits', (_, rule) => {
  expect(findingsOf(rule)).toEqual([]);
});

test.each<[unknown, string]>([
  [
    { attribute: 'contry', eq: 'FR' },
    'unknown-property where.attribute: Entity customer has no property `contry`. Did you mean `country`?',
  ],
  [
    { attribute: 'orders', eq: 'FR' },
    'unknown-property where.attribute: `orders` is a relation of customer, not a property.',
  ],
  [
    { attribute: 'plann.name', eq: 'x' },
    'unknown-relation where.attribute: Entity customer has no relation `plann`. Did you mean `plan`?',
  ],
  [
    { attribute: 'country.name', eq: 'x' },
    'unknown-relation where.attribute: `country` is a property of customer, not a relation.',
  ],
  [
    { attribute: 'orders.status', eq: 'x' },
    'step-to-many where.attribute: `orders.status` goes over `orders`, which leads from a customer to many of order.',
  ],
  [
    { relation: 'ordrs', exists: true },
    'unknown-relation where.relation: Entity customer has no relation `ordrs`. Did you mean `orders`?',
  ],
  [{ segment: 'optin' }, 'unknown-segment where.segment: There is no segment `optin`. Did you mean `optins`?'],
  [
    { segment: 'big_orders' },
    'segment-of-other-entity where.segment: Segment big_orders is of entity order; here stands a condition on customer.',
  ],
  [
    { attribute: 'country', eq: 5 },
    'value-does-not-fit where.eq: The value does not fit `country`: `country` is text, the value is a number. Quote it.',
  ],
  [
    { attribute: 'lifetime_value', gte: '500' },
    'value-does-not-fit where.gte: The value does not fit `lifetime_value`: `lifetime_value` is a number, the value is text.',
  ],
  [
    { attribute: 'customer_id', eq: 2.5 },
    'value-does-not-fit where.eq: The value does not fit `customer_id`: `customer_id` is a whole number, the value is a number with decimals',
  ],
  [{ attribute: 'customer_id', in: [1, 2.5] }, 'value-does-not-fit where.in.1'],
  [{ attribute: 'customer_id', eq: 2 ** 60 }, 'value-does-not-fit where.eq'],
  [{ attribute: 'is_subscribed', eq: 'true' }, 'value-does-not-fit where.eq'],
  [
    { attribute: 'is_subscribed', gt: false },
    'operator-does-not-fit where.gt: `gt` does not fit `is_subscribed`, which is true or false. Use one of eq, neq',
  ],
  [{ attribute: 'country', before: '2024-01-01' }, 'operator-does-not-fit where.before'],
  [{ attribute: 'country', gt: { ago: 1, unit: 'day' } }, 'value-does-not-fit where.gt'],
  [{ attribute: 'score', contains: 'a' }, 'operator-does-not-fit where.contains'],
  [{ attribute: 'country', is_true: true }, 'operator-does-not-fit where.is_true'],
  [
    { attribute: 'interests', contains: 'a' },
    'operator-does-not-fit where.contains: `contains` does not fit `interests`, which is an array. Use one of contains_any',
  ],
  [{ attribute: 'interests', contains_any: [1] }, 'value-does-not-fit where.contains_any.0'],
  [{ attribute: 'payload', eq: 'x' }, 'operator-does-not-fit where.eq'],
  [{ attribute: 'born_on', eq: '2024-02-30' }, 'value-does-not-fit where.eq'],
  [
    { attribute: 'born_on', lt: '2024-01-01T00:00:00Z' },
    'value-does-not-fit where.lt: The value does not fit `born_on`: `born_on` is a date, the value is a timestamp. Write the date alone',
  ],
  [{ attribute: 'created_at', lt: '2024-01-01T25:00:00Z' }, 'value-does-not-fit where.lt'],
  [{ attribute: 'created_at', lt: '2024-01-01T10:00:00.1234567Z' }, 'value-does-not-fit where.lt'],
  [{ attribute: 'created_at', between: ['2024-01-01', 5] }, 'value-does-not-fit where.between.1'],
  [
    { attribute: 'country', eq: { attribute: 'score' } },
    'value-does-not-fit where.eq: The value does not fit `country`: `country` is text, the value is `score`, which is a number.',
  ],
  [{ attribute: 'country', eq: { attribute: 'scor' } }, 'unknown-property where.eq.attribute'],
  [
    { attribute: 'mystery', eq: '2024-01-01' },
    'unknown-type where.eq: What this condition means depends on the type of `mystery`, which is not known. State it as `data_type`',
  ],
  [{ attribute: 'mystery', before: '2024-01-01' }, 'unknown-type where.before'],
  [{ attribute: 'mystery', gt: 'now' }, 'unknown-type where.gt'],
  [{ attribute: 'mystery', within: { last: 1, unit: 'day' } }, 'unknown-type where.within'],
  [{ attribute: 'mystery', eq: { attribute: 'born_on' } }, 'unknown-type where.eq'],
  [{ attribute: 'mystery', in: ['a', 1] }, 'unknown-type where.in'],
  [{ attribute: 'mystery', eq: { attribute: 'nope' } }, 'unknown-property where.eq.attribute'],
  [
    { attribute: 'born_on', eq: { attribute: 'mystery' } },
    'unknown-type where.eq.attribute: What this condition means depends on the type of `mystery`',
  ],
  [
    { relation: 'orders', sum: { of: 'status', gt: 5 } },
    'aggregate-does-not-fit where.sum.of: `sum` takes a number; `status` is text.',
  ],
  [{ relation: 'orders', max: { of: 'is_test', eq: true } }, 'aggregate-does-not-fit where.max.of'],
  [
    { relation: 'orders', sum: { of: 'amont', gt: 5 } },
    'unknown-property where.sum.of: Entity order has no property `amont`. Did you mean `amount`?',
  ],
  [{ relation: 'orders', sum: { of: 'lines.quantity', gt: 5 } }, 'step-to-many where.sum.of'],
  [
    { relation: 'orders', count: { gt: 'many' } },
    'value-does-not-fit where.count.gt: The value does not fit `count`: `count` is a whole number, the value is text.',
  ],
  [{ relation: 'orders', count: { contains: 'a' } }, 'operator-does-not-fit where.count.contains'],
  [{ relation: 'orders', max: { of: 'ordered_at', gt: 5 } }, 'value-does-not-fit where.max.gt'],
  [
    { relation: 'orders', exists: true, where: { attribute: 'country', eq: 'x' } },
    'unknown-property where.where.attribute: Entity order has no property `country`.',
  ],
  [
    { relation: 'tags', last: { of: 'name', eq: 'x' } },
    'missing-event-time where.last: `last` goes by the time of the related rows, but entity tag states no event_time.',
  ],
  [{ relation: 'tags', exists: true, during: { last: 3, unit: 'day' } }, 'missing-event-time where.during'],
])('%j is reported', (rule, expected) => {
  const findings = findingsOf(rule);
  expect(findings).toHaveLength(1);
  expect(findings[0]).toContain(expected);
});

test('no finding repeats a value of the rule: it may be personal data', () => {
  const secret = 'jane@example.com';
  const rules = [
    { attribute: 'score', eq: secret },
    { attribute: 'born_on', before: secret },
    { attribute: 'customer_id', in: [1, secret] },
  ];
  for (const rule of rules) expect(findingsOf(rule).join()).toMatch(/^(?!.*jane).+does-not-fit/);
});

test('all findings of all segments come at once', () => {
  const where = { all: [{ attribute: 'a', eq: 1 }, { any: [{ segment: 'b' }, { relation: 'c', exists: true }] }] };
  const limit = { rows: 5, by: 'orders.amount' };
  expect(findingsOf(where, { limit }).map((finding) => finding.split(':')[0])).toEqual([
    'step-to-many limit.by',
    'unknown-property where.all.0.attribute',
    'unknown-segment where.all.1.any.0.segment',
    'unknown-relation where.all.1.any.1.relation',
  ]);
});

test('a limit cannot go by what has no order', () => {
  expect(findingsOf(undefined, { limit: { rows: 5, by: 'interests' } })[0]).toContain('operator-does-not-fit limit.by');
  expect(findingsOf(undefined, { limit: { rows: 5, by: 'mystery' } })).toEqual([]);
});

test('a cycle of segments is one error that prints it', () => {
  const store = buildStore({
    entities: shop,
    segments: {
      a: { entity: 'customer', where: { not: { segment: 'b' } } },
      b: { entity: 'customer', where: { any: [{ relation: 'orders', exists: true, where: { segment: 'c' } }] } },
      c: { entity: 'order', where: { relation: 'customer', exists: true, where: { segment: 'a' } } },
      outside: { entity: 'customer', where: { segment: 'a' } },
    },
  });
  const findings = resolveRules(store);
  expect(findings.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    'segment-cycle: Segment a uses itself: a → b → c → a.',
  ]);
});

test('a segment that names itself is a cycle', () => {
  const store = buildStore({ entities: shop, segments: { a: { entity: 'customer', where: { segment: 'a' } } } });
  expect(resolveRules(store)[0]?.message).toBe('Segment a uses itself: a → a.');
});

test('an entity whose rows depend on itself is an error, and is not compiled', () => {
  const looking = {
    ...shop,
    customer: { ...shop['customer'], where: { relation: 'orders', exists: true } },
    order: { ...shop['order'], where: { attribute: 'customer.country', neq: 'XX' } },
  } as typeof shop;
  const store = storeOf({ entity: 'customer', where: { attribute: 'internal_note', eq: 'x' } }, looking);
  expect(resolveRules(store).map((finding) => finding.message)).toEqual([
    'Which rows entity customer has depends on itself: where of customer → where of order → where of customer.',
  ]);
});

test('the where of an entity is checked like any rule, and a segment in it is a cycle', () => {
  const wrong = { ...shop, customer: { ...shop['customer'], where: { attribute: 'nope', eq: 1 } } } as typeof shop;
  expect(resolveRules(storeOf({ entity: 'customer' }, wrong))[0]?.location?.file).toBe('customer#where.attribute');
  const circular = { ...shop, customer: { ...shop['customer'], where: { not: { segment: 'optins' } } } } as typeof shop;
  expect(resolveRules(storeOf({ entity: 'customer' }, circular))[0]?.code).toBe('entity-cycle');
});

test('compiling what does not resolve is an error of configuration with the place, not a crash', () => {
  const store = storeOf({ entity: 'customer', where: { attribute: 'contry', eq: 'FR' } });
  const segment = store.segments.get('asked');
  if (!segment) throw new Error('asked');
  expect(() => compileSegment(store, segment, duckdbDialect, dbtTarget)).toThrowError(
    expect.objectContaining({ kind: 'configuration', code: 'invalid-segment', fix: 'Did you mean `country`?' }),
  );
});

test('a property named like the column of a holdout is reported', () => {
  const taken = {
    ...shop,
    tag: { key: ['tag_id'], columns: { tag_id: types.integer, dinmo_holdout: types.boolean } },
  } as typeof shop;
  const store = storeOf({ entity: 'tag', holdout: { percent: 1, salt: 's' } }, taken);
  expect(resolveRules(store).map((finding) => finding.code)).toEqual(['reserved-name']);
});
