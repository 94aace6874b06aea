import type { FindingDoc } from '../knowledge/finding-doc.ts';

type Row = readonly [code: string, title: string, why: string, fix: string, bad: string, good: string];

const ROWS: readonly Row[] = [
  [
    'unknown-property',
    'The entity has no such property',
    'A filter, a limit or a mapping names it, and the generated SQL would fail.',
    "Correct the name; or, if the column exists, list it under the model's `columns:`.",
    'where: {attribute: contry, eq: FR}',
    'where: {attribute: country, eq: FR}',
  ],
  [
    'unknown-relation',
    'The entity has no such relation',
    'A condition can only look at rows to which a relationship leads.',
    'Correct the name; `dinmo show` lists the relations of each entity.',
    'where: {relation: order, count: {gte: 3}}',
    'where: {relation: orders, count: {gte: 3}}',
  ],
  [
    'step-to-many',
    'A dotted path goes over a relation to many',
    'There would be several values where one is needed.',
    'Ask about the many with `relation:` and an aggregate.',
    'where: {attribute: orders.amount, gt: 100}',
    'where: {relation: orders, max: {of: amount, gt: 100}}',
  ],
  [
    'unknown-segment',
    'No segment has this name',
    'Membership of something that does not exist cannot be computed.',
    'Correct the name.',
    'where: {segment: newsleter}',
    'where: {segment: newsletter}',
  ],
  [
    'segment-of-other-entity',
    'A segment of another entity is used',
    'A row can only be a member of a segment of its own entity.',
    'Take a segment of the same entity, or ask about related rows with `relation:`.',
    'where: {segment: big_orders}   # in a segment of customers',
    'where: {relation: orders, exists: true, where: {segment: big_orders}}',
  ],
  [
    'operator-does-not-fit',
    'The operator does not fit the type of the column',
    'Warehouses would answer with an error, or each in its own way.',
    'Take an operator of the column’s type.',
    'where: {attribute: age, contains: 3}',
    'where: {attribute: age, gte: 30}',
  ],
  [
    'value-does-not-fit',
    'The value does not fit the type of the column',
    'The comparison could never hold, or would fail in the warehouse.',
    'Write a value of the column’s type; quote texts that look like numbers.',
    'where: {attribute: age, gt: old}',
    'where: {attribute: age, gt: 60}',
  ],
  [
    'unknown-type',
    'The type of a column is not known, and the condition hangs on it',
    'Whether `2024-01-01` is a text or a day changes the answer.',
    'Add `data_type:` to the column in YAML, or build the model and run `dinmo generate`, which asks the warehouse.',
    'columns: [{name: born_on}]',
    'columns: [{name: born_on, data_type: date}]',
  ],
  [
    'aggregate-does-not-fit',
    'The aggregate does not fit the type of the column',
    'A sum of texts has no meaning.',
    'Take another aggregate, or another property in `of`.',
    'where: {relation: orders, sum: {of: status, gt: 3}}',
    'where: {relation: orders, sum: {of: amount, gt: 3}}',
  ],
  [
    'missing-event-time',
    'A window over an entity without an event time',
    '`during`, `first` and `last` need to know when a row happened.',
    'Add `event_time:` to the entity.',
    'where: {relation: visits, count: {gte: 1}, during: {last: 7, unit: day}}   # visits have no event_time',
    'entity: {name: visit, type: fact, event_time: visited_at}',
  ],
  [
    'segment-cycle',
    'Segments use each other in a circle',
    'Each would need the other’s rows first, so neither view could be built.',
    'Remove one of the uses.',
    'a: {where: {segment: b}}, b: {where: {segment: a}}',
    'a: {where: {segment: b}}, b: {where: {attribute: country, eq: FR}}',
  ],
  [
    'entity-cycle',
    'The `where` of an entity depends on itself',
    'Which rows count would hang on which rows count.',
    'Let the `where` of the entity name its own columns only.',
    'customer: {where: {relation: orders, exists: true}}, order: {where: {attribute: customer.is_test, eq: false}}',
    'customer: {where: {attribute: is_test, eq: false}}',
  ],
  [
    'reserved-name',
    'A column has a name that the tool needs',
    'A segment with a holdout adds a column of this name.',
    'Rename the column.',
    'columns: [{name: dinmo_holdout}]   # and a segment with a holdout',
    'columns: [{name: holdout}]',
  ],
];

/** What is found while rules and paths are resolved. */
export const RULE_DOCS: readonly FindingDoc[] = ROWS.map(([code, title, why, fix, bad, good]) => ({
  code,
  severity: 'error',
  title,
  why,
  fix,
  bad,
  good,
}));

/** The documentation of one of them. */
export function ruleDoc(code: string): FindingDoc {
  const doc = RULE_DOCS.find((candidate) => candidate.code === code);
  if (doc === undefined) throw new TypeError(`no documentation of ${code}`);
  return doc;
}
