import { nearest } from '../finding.ts';
import { parseDottedPath, parseFlag, parseOperand, parseWindow } from './parse-operand.ts';
import type { Path } from './position.ts';
import { AGGREGATES, type Aggregate, type Comparison, OPERATORS, type Operator, type Rule } from './rule.ts';
import { describe, isMap, type ShapeProblems, shortened } from './shape.ts';

/** What a condition is about. */
export const CONDITIONS = ['all', 'any', 'none', 'not', 'attribute', 'relation', 'segment'] as const;
type Condition = (typeof CONDITIONS)[number];

/** How deep groups and nested filters may stand in each other; far beyond what a reader follows, and within what every warehouse's parser takes. */
const RULE_DEPTH_MAX = 30;

/** How many conditions a group may have: their SQL is a chain of operators, and warehouses limit its depth. */
export const GROUP_SIZE_MAX = 500;

type Map = Readonly<Record<string, unknown>>;

/** How the parser stands: where problems go, and how deep the condition stands. */
export interface Place {
  readonly problems: ShapeProblems;
  readonly depth: number;
}

/** One condition: a map with exactly one of all, any, none, not, attribute, relation, segment. Null, and problems, when its shape is wrong. */
export function parseCondition(value: unknown, at: Path, place: Place): Rule | null {
  const { problems } = place;
  if (place.depth > RULE_DEPTH_MAX) {
    return problems.add(
      'rule-too-deep',
      at,
      `Conditions stand more than ${RULE_DEPTH_MAX} deep in each other.`,
      'Make a segment of a part of it, and name that segment.',
    );
  }
  if (!isMap(value)) {
    const fix = Array.isArray(value)
      ? 'Put the list under `all:` or `any:`.'
      : 'Write a map, such as `{attribute: country, eq: FR}`.';
    return problems.add('invalid-rule', at, `A condition is a map, not ${describe(value)}.`, fix);
  }
  const present = CONDITIONS.filter((condition) => condition in value);
  const condition = present[0];
  if (condition === undefined) return missingCondition(value, at, problems);
  if (present.length > 1) {
    return problems.add(
      'invalid-rule',
      at,
      `A condition has exactly one of ${CONDITIONS.join(', ')}; this has ${present.join(' and ')}.`,
      'Make each a condition of its own, under `all:` or `any:`.',
    );
  }
  return parsePresent(condition, value, at, place);
}

function missingCondition(value: Map, at: Path, problems: ShapeProblems): null {
  const keys = Object.keys(value);
  const misspelt = keys.filter((key) => nearest(key, CONDITIONS) !== null);
  if (misspelt.length > 0) {
    for (const key of misspelt) problems.unknownKey(key, at, CONDITIONS);
    return null;
  }
  const has = keys.length === 0 ? 'is empty' : `has only ${keys.slice(0, 5).map(shortened).join(', ')}`;
  return problems.add(
    'invalid-rule',
    at,
    `A condition has exactly one of ${CONDITIONS.join(', ')}; this ${has}.`,
    'Write a condition such as `{attribute: country, eq: FR}`.',
  );
}

function parsePresent(condition: Condition, value: Map, at: Path, place: Place): Rule | null {
  switch (condition) {
    case 'all':
    case 'any':
    case 'none':
      return parseGroup(condition, value, at, place);
    case 'not': {
      onlyKeys(value, ['not'], at, place.problems);
      if (isNull(value['not'])) return emptyOperand('not', [...at, 'not'], place.problems);
      const rule = parseCondition(value['not'], [...at, 'not'], { ...place, depth: place.depth + 1 });
      return rule === null ? null : { kind: 'not', rule, at };
    }
    case 'segment':
      return parseSegmentCondition(value, at, place.problems);
    case 'attribute':
      return parseAttribute(value, at, place.problems);
    case 'relation':
      return parseRelation(value, at, place);
  }
}

function parseGroup(kind: 'all' | 'any' | 'none', value: Map, at: Path, place: Place): Rule | null {
  const { problems } = place;
  onlyKeys(value, [kind], at, problems);
  const items = value[kind];
  if (isNull(items) || (Array.isArray(items) && items.length === 0)) {
    return problems.add(
      'empty-group',
      [...at, kind],
      `The group \`${kind}\` is empty.`,
      'Give it at least one condition, or remove it.',
    );
  }
  if (!Array.isArray(items)) {
    return problems.add(
      'invalid-rule',
      [...at, kind],
      `\`${kind}\` takes a list of conditions, not ${describe(items)}.`,
      'Begin each condition with a dash.',
    );
  }
  if (items.length > GROUP_SIZE_MAX) {
    return problems.add(
      'rule-too-long',
      [...at, kind],
      `The group \`${kind}\` has ${items.length} conditions; at most ${GROUP_SIZE_MAX} are compiled.`,
      'Put values of one attribute into one `in`, or make segments of parts of it.',
    );
  }
  const rules = items.map((item, index) =>
    parseCondition(item, [...at, kind, index], { problems, depth: place.depth + 1 }),
  );
  const complete = rules.filter((rule): rule is Rule => rule !== null);
  return complete.length === rules.length ? { kind, rules: complete, at } : null;
}

function parseSegmentCondition(value: Map, at: Path, problems: ShapeProblems): Rule | null {
  onlyKeys(value, ['segment'], at, problems);
  const name = value['segment'];
  if (isNull(name)) return emptyOperand('segment', [...at, 'segment'], problems);
  if (typeof name !== 'string' || name === '') {
    return problems.add(
      'invalid-name',
      [...at, 'segment'],
      `\`segment\` takes a segment's name, not ${describe(name)}.`,
      'Write `{segment: newsletter_optins}`.',
    );
  }
  return { kind: 'segment', name, at };
}

function parseAttribute(value: Map, at: Path, problems: ShapeProblems): Rule | null {
  const path = parseDottedPath(value['attribute'], [...at, 'attribute'], problems);
  const given = OPERATORS.filter((operator) => operator in value);
  const known = onlyKeys(value, ['attribute', ...OPERATORS], at, problems);
  const operator = given[0];
  // A misspelt operator is one problem, not two.
  if (operator === undefined && !known) return null;
  if (operator === undefined || given.length > 1) {
    const has = given.length > 1 ? `has ${given.join(' and ')}` : 'has none';
    return problems.add(
      'invalid-rule',
      at,
      `A condition on an attribute has exactly one operator; this ${has}.`,
      given.length > 1 ? 'Make each a condition of its own, under `all:`.' : `Add one of ${OPERATORS.join(', ')}.`,
    );
  }
  const comparison = parseComparison(operator, value[operator], [...at, operator], problems);
  return path === null || comparison === null ? null : { kind: 'attribute', path, comparison, at };
}

function parseComparison(operator: Operator, value: unknown, at: Path, problems: ShapeProblems): Comparison | null {
  const operand = parseOperand(operator, value, at, problems);
  return operand === null ? null : { operator, operand, at };
}

function parseRelation(value: Map, at: Path, place: Place): Rule | null {
  const { problems } = place;
  const path = parseDottedPath(value['relation'], [...at, 'relation'], problems);
  const where = parseNestedWhere(value, at, place);
  const during = 'during' in value ? parseWindow(value['during'], [...at, 'during'], problems) : null;
  const known = onlyKeys(value, ['relation', ...AGGREGATES, 'where', 'during'], at, problems);
  const given = AGGREGATES.filter((aggregate) => aggregate in value);
  const aggregate = given[0];
  if (aggregate === undefined && !known) return null;
  if (aggregate === undefined || given.length > 1) {
    const has = given.length > 1 ? `has ${given.join(' and ')}` : 'has none';
    return problems.add(
      'invalid-rule',
      at,
      `A condition on a relation has exactly one aggregate; this ${has}.`,
      given.length > 1
        ? 'Make each a condition of its own, under `all:`.'
        : `Add one of ${AGGREGATES.join(', ')}, such as \`exists: true\`.`,
    );
  }
  const measured = parseAggregate(aggregate, value[aggregate], [...at, aggregate], problems);
  if (path === null || measured === null) return null;
  return { kind: 'relation', path, aggregate, ...measured, where, during, at };
}

function parseNestedWhere(value: Map, at: Path, place: Place): Rule | null {
  if (!('where' in value)) return null;
  if (isNull(value['where'])) return emptyOperand('where', [...at, 'where'], place.problems);
  return parseCondition(value['where'], [...at, 'where'], { ...place, depth: place.depth + 1 });
}

interface Measured {
  readonly of: readonly string[] | null;
  readonly comparisons: readonly Comparison[];
}

function parseAggregate(aggregate: Aggregate, value: unknown, at: Path, problems: ShapeProblems): Measured | null {
  if (isNull(value)) return emptyOperand(aggregate, at, problems);
  if (aggregate === 'exists') {
    const operand = parseFlag('exists', value, at, problems);
    return operand === null ? null : { of: null, comparisons: [{ operator: 'is_true', operand, at }] };
  }
  const example = aggregate === 'count' ? 'Write `count: {gte: 3}`.' : `Write \`${aggregate}: {of: amount, gt: 200}\`.`;
  if (!isMap(value)) {
    return problems.add(
      'invalid-rule',
      at,
      `\`${aggregate}\` takes a map of operators, not ${describe(value)}.`,
      example,
    );
  }
  const takesOf = aggregate !== 'count';
  if (!takesOf && 'of' in value) {
    return problems.add(
      'invalid-rule',
      [...at, 'of'],
      '`count` counts rows and takes no `of`.',
      'Remove `of`, or use `count_distinct`.',
    );
  }
  const known = onlyKeys(value, takesOf ? ['of', ...OPERATORS] : OPERATORS, at, problems);
  if (takesOf && !('of' in value)) {
    return problems.add('missing-key', at, `\`${aggregate}\` needs \`of\`: the property that it takes.`, example);
  }
  const of = takesOf ? parseDottedPath(value['of'], [...at, 'of'], problems) : null;
  const given = OPERATORS.filter((operator) => operator in value);
  if (given.length === 0) {
    if (!known) return null;
    return problems.add('invalid-rule', at, `\`${aggregate}\` needs at least one operator.`, example);
  }
  const comparisons = given.map((operator) => parseComparison(operator, value[operator], [...at, operator], problems));
  const complete = comparisons.filter((comparison): comparison is Comparison => comparison !== null);
  return complete.length === comparisons.length && (of !== null || !takesOf) ? { of, comparisons: complete } : null;
}

/** Reports the other keys; true when there are none. */
export function onlyKeys(value: Map, valid: readonly string[], at: Path, problems: ShapeProblems): boolean {
  const unknown = Object.keys(value).filter((key) => !valid.includes(key));
  for (const key of unknown) problems.unknownKey(key, at, valid);
  return unknown.length === 0;
}

function isNull(value: unknown): boolean {
  return value === null || value === undefined;
}

function emptyOperand(key: string, at: Path, problems: ShapeProblems): null {
  return problems.add('null-operand', at, `\`${key}\` has no value.`, 'Give it a value, or remove it.');
}
