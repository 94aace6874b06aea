import { describe, expect, test } from 'vitest';
import { parseHoldout, parseRule, parseSegmentLimit } from '../../src/artifacts/parse-rule.ts';

/** What is wrong, as `code at path`. */
function problemsOf(value: unknown): string[] {
  const { rule, problems } = parseRule(value, ['where']);
  expect(rule === null).toBe(problems.length > 0);
  for (const problem of problems) expect(problem.message + problem.fix).not.toContain('undefined');
  return problems.map((problem) => `${problem.code} ${problem.path.join('.')}`);
}

test('a rule keeps where each part of it stands', () => {
  const { rule } = parseRule({ all: [{ not: { attribute: 'plan.price', gte: 5 } }] }, ['segments', 'x', 'where']);
  expect(rule).toEqual({
    kind: 'all',
    at: ['segments', 'x', 'where'],
    rules: [
      {
        kind: 'not',
        at: ['segments', 'x', 'where', 'all', 0],
        rule: {
          kind: 'attribute',
          path: ['plan', 'price'],
          at: ['segments', 'x', 'where', 'all', 0, 'not'],
          comparison: {
            operator: 'gte',
            operand: { kind: 'literal', value: 5 },
            at: ['segments', 'x', 'where', 'all', 0, 'not', 'gte'],
          },
        },
      },
    ],
  });
});

test.each<[string, unknown, string[]]>([
  ['nothing', null, ['invalid-rule where']],
  ['a list', [{ attribute: 'a', eq: 1 }], ['invalid-rule where']],
  ['an empty map', {}, ['invalid-rule where']],
  ['two conditions in one map', { all: [{ segment: 'a' }], segment: 'b' }, ['invalid-rule where']],
  ['an empty group', { any: [] }, ['empty-group where.any']],
  ['a group of nothing', { none: null }, ['empty-group where.none']],
  ['a group that is no list', { all: { segment: 'a' } }, ['invalid-rule where.all']],
  ['a misspelt condition', { atribute: 'a', eq: 1 }, ['unknown-key where.atribute']],
  ['a misspelt operator', { attribute: 'a', equals: 1 }, ['unknown-key where.equals']],
  ['no operator', { attribute: 'a' }, ['invalid-rule where']],
  ['two operators', { attribute: 'a', gt: 1, lt: 3 }, ['invalid-rule where']],
  ['a null operand', { attribute: 'a', eq: null }, ['null-operand where.eq']],
  ['a null in a list', { attribute: 'a', in: ['x', null] }, ['null-operand where.in.1']],
  ['an empty list', { attribute: 'a', not_in: [] }, ['empty-list where.not_in']],
  ['a list where one value belongs', { attribute: 'a', eq: ['x'] }, ['invalid-operand where.eq']],
  ['one value where a list belongs', { attribute: 'a', in: 'x' }, ['invalid-operand where.in']],
  ['between of one', { attribute: 'a', between: [1] }, ['invalid-operand where.between']],
  ['between with a null end', { attribute: 'a', between: [1, null] }, ['null-operand where.between.1']],
  ['is_null of text', { attribute: 'a', is_null: 'yes' }, ['invalid-operand where.is_null']],
  ['not a number', { attribute: 'a', eq: Number.NaN }, ['invalid-operand where.eq']],
  ['a NUL character', { attribute: 'a', eq: 'a\0b' }, ['invalid-operand where.eq']],
  ['half of a character', { attribute: 'a', contains: '\ud83d' }, ['invalid-operand where.contains']],
  ['a window without unit', { attribute: 'a', within: { last: 3 } }, ['invalid-window where.within']],
  [
    'a window both ways',
    { attribute: 'a', within: { last: 3, next: 3, unit: 'day' } },
    ['invalid-window where.within'],
  ],
  ['a window of nothing', { attribute: 'a', within: { last: 0, unit: 'day' } }, ['invalid-window where.within.last']],
  ['a window of a half', { attribute: 'a', within: { last: 1.5, unit: 'day' } }, ['invalid-window where.within.last']],
  [
    'a window of an age',
    { attribute: 'a', within: { last: 1001, unit: 'year' } },
    ['invalid-window where.within.last'],
  ],
  ['a unit in the plural', { attribute: 'a', within: { last: 3, unit: 'days' } }, ['invalid-window where.within.unit']],
  ['an instant of a window', { attribute: 'a', gt: { last: 3, unit: 'day' } }, ['unknown-key where.gt.last']],
  ['an attribute with more', { attribute: 'a', gt: { attribute: 'b', plus: 1 } }, ['unknown-key where.gt.plus']],
  ['a path with a hole', { attribute: 'a..b', eq: 1 }, ['invalid-name where.attribute']],
  ['a name that is a number', { segment: 1 }, ['invalid-name where.segment']],
  ['no aggregate', { relation: 'orders' }, ['invalid-rule where']],
  ['a misspelt aggregate', { relation: 'orders', exist: true }, ['unknown-key where.exist']],
  ['two aggregates', { relation: 'orders', exists: true, count: { gt: 1 } }, ['invalid-rule where']],
  ['an aggregate without operator', { relation: 'orders', count: {} }, ['invalid-rule where.count']],
  ['an aggregate that is a number', { relation: 'orders', count: 3 }, ['invalid-rule where.count']],
  ['a sum of nothing', { relation: 'orders', sum: { gt: 3 } }, ['missing-key where.sum']],
  ['a count of something', { relation: 'orders', count: { of: 'a', gt: 3 } }, ['invalid-rule where.count.of']],
  ['exists of text', { relation: 'orders', exists: 'yes' }, ['invalid-operand where.exists']],
  ['a nested filter of nothing', { relation: 'orders', exists: true, where: null }, ['null-operand where.where']],
  ['a nested problem', { relation: 'o', exists: true, where: { any: [] } }, ['empty-group where.where.any']],
  ['a window of during', { relation: 'o', exists: true, during: 'week' }, ['invalid-window where.during']],
  ['an unknown key of a segment condition', { segment: 'a', limit: 3 }, ['unknown-key where.limit']],
])('%s is a problem of shape', (_, value, expected) => {
  expect(problemsOf(value)).toEqual(expected);
});

test('all problems are reported at once, each at its place', () => {
  const rule = {
    all: [
      { attribute: 'a', eq: null },
      { any: [{ relation: 'orders', count: {} }, { not: {} }] },
      { atribute: 'a', eq: 1 },
    ],
  };
  expect(problemsOf(rule)).toEqual([
    'null-operand where.all.0.eq',
    'invalid-rule where.all.1.any.0.count',
    'invalid-rule where.all.1.any.1.not',
    'unknown-key where.all.2.atribute',
  ]);
});

test('an unknown key names the nearest valid one', () => {
  const { problems } = parseRule({ relation: 'orders', exsts: true }, []);
  expect(problems[0]?.fix).toBe('Did you mean `exists`?');
});

test('nesting has an end, and so has a group', () => {
  const deep = Array.from({ length: 40 }).reduce((inner) => ({ not: inner }), { segment: 'a' } as unknown);
  expect(problemsOf(deep)[0]).toContain('rule-too-deep');
  expect(problemsOf({ any: Array.from({ length: 501 }, () => ({ segment: 'a' })) })).toEqual([
    'rule-too-long where.any',
  ]);
});

describe('limit', () => {
  test('takes rows or percent, and orders downwards unless told', () => {
    expect(parseSegmentLimit({ rows: 10n, by: 'plan.price' }, []).limit).toEqual({
      rows: 10,
      percent: null,
      by: ['plan', 'price'],
      order: 'desc',
    });
    expect(parseSegmentLimit({ percent: 12.5, by: 'a', order: 'asc' }, []).limit?.percent).toBe(12.5);
  });

  test.each<[unknown, string]>([
    [10, 'invalid-limit '],
    [{ rows: 10 }, 'invalid-limit '],
    [{ by: 'a' }, 'invalid-limit '],
    [{ rows: 1, percent: 1, by: 'a' }, 'invalid-limit '],
    [{ rows: 0, by: 'a' }, 'invalid-limit rows'],
    [{ percent: 101, by: 'a' }, 'invalid-percent percent'],
    [{ rows: 1, by: 'a', order: 'down' }, 'invalid-limit order'],
    [{ rows: 1, by: null }, 'null-operand by'],
    [{ rows: 1, by: 'a', ordr: 'asc' }, 'unknown-key ordr'],
  ])('%j is a problem', (value, expected) => {
    const { limit, problems } = parseSegmentLimit(value, []);
    expect(limit).toBeNull();
    expect(problems.map((problem) => `${problem.code} ${problem.path.join('.')}`)).toEqual([expected]);
  });
});

describe('holdout', () => {
  test('needs percent and salt', () => {
    expect(parseHoldout({ percent: 10n, salt: 'spring' }, []).holdout).toEqual({ percent: 10, salt: 'spring' });
    for (const value of [{ percent: 10 }, { percent: 10, salt: '' }, { percent: 10, salt: 7 }, { salt: 'x' }, null]) {
      expect(parseHoldout(value, []).holdout).toBeNull();
      expect(parseHoldout(value, []).problems).toHaveLength(1);
    }
  });
});
