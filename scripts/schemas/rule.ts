import { CONDITIONS, GROUP_SIZE_MAX } from '../../src/artifacts/parse-condition.ts';
import { TIME_UNITS } from '../../src/artifacts/parse-operand.ts';
import { HOLDOUT_KEYS, LIMIT_KEYS } from '../../src/artifacts/parse-rule.ts';
import { AGGREGATES, type Aggregate, OPERATORS, type Operator } from '../../src/artifacts/rule.ts';
import { choice, flag, path, type Schema, text, type Vocabulary, whole } from './words.ts';

const OPERATOR_TEXTS: Readonly<Record<Operator, string>> = {
  eq: 'Equal. NULL equals nothing.',
  neq: 'Not equal: exactly the others, NULL among them.',
  in: 'One of these values.',
  not_in: 'None of these values: exactly the others, NULL among them.',
  gt: 'Greater than; a date against a timestamp: after that day.',
  gte: 'Greater than or equal.',
  lt: 'Less than; a date against a timestamp: before that day.',
  lte: 'Less than or equal.',
  between: 'From the first to the second, both included.',
  contains: 'The text contains this one, literally.',
  not_contains: 'The text does not contain this one: exactly the others, NULL among them.',
  starts_with: 'The text starts with this one, literally.',
  ends_with: 'The text ends with this one, literally.',
  is_null: 'NULL, or with `false` everything else.',
  is_true: 'True, or with `false` everything else, NULL among it.',
  before: 'Before this day or instant.',
  after: 'After this day or instant.',
  on_day: 'Within this day, in the project’s time zone.',
  within: 'Within the last or next N units of time.',
  contains_any: 'The array has at least one of these values.',
  contains_all: 'The array has all of these values.',
};

const AGGREGATE_TEXTS: Readonly<Record<Aggregate, string>> = {
  exists: 'Whether there is a related row.',
  count: 'How many related rows there are; 0 where there are none.',
  count_distinct: 'How many different values `of` has among the related rows.',
  sum: 'The sum of `of`; 0 where there are no related rows.',
  avg: 'The mean of `of`.',
  min: 'The least value of `of`.',
  max: 'The greatest value of `of`.',
  first: 'The value of `of` in the earliest related row.',
  last: 'The value of `of` in the latest related row.',
};

/** Conditions, operands and what limits a segment, as definitions that refer to one another. */
export function ruleDefinitions(words: Vocabulary): Readonly<Record<string, Schema>> {
  const unit = choice(TIME_UNITS, 'Unit of time.');
  const span = (directions: readonly [string, string], least: number): Schema => ({
    ...words.map(
      [...directions, 'unit'],
      {
        [directions[0]]: whole(`How many units, ${directions[0]}.`, { min: least }),
        [directions[1]]: whole(`How many units, ${directions[1]}.`, { min: least }),
        unit,
      },
      { required: ['unit'] },
    ),
    oneOf: directions.map((direction) => ({ required: [direction] })),
  });
  const scalar: Schema = { type: ['string', 'number', 'boolean'] };
  return {
    condition: { description: CONDITION, anyOf: conditions(words) },
    window: {
      description: 'A stretch of time up to now, or from now on.',
      examples: [{ last: 90, unit: 'day' }],
      ...span(['last', 'next'], 1),
    },
    operand: {
      description: 'A value, another property of the same row, an instant, or `now`.',
      anyOf: [
        { type: ['number', 'boolean'] },
        { type: 'string', examples: ['now'] },
        words.map(['attribute'], { attribute: path('Another property of the same row.') }, { required: ['attribute'] }),
        {
          description: 'An instant counted from now.',
          examples: [{ ago: 30, unit: 'day' }],
          ...span(['ago', 'ahead'], 0),
        },
      ],
    },
    values: { type: 'array', minItems: 1, items: words.value(scalar) },
    limit: {
      description: 'The first rows only, by a property. NULL comes last, ties go to the smallest key.',
      examples: [{ rows: 10000, by: 'lifetime_value', order: 'desc' }],
      ...words.map(
        LIMIT_KEYS,
        {
          rows: whole('How many rows.', { min: 1 }),
          percent: percent('How many of a hundred rows, rounded up.'),
          by: path('What decides which rows come first: a property, or a path to one.'),
          order: choice(['asc', 'desc'], 'Which end comes first.', { default: 'desc' }),
        },
        { required: ['by'] },
      ),
      oneOf: [{ required: ['rows'] }, { required: ['percent'] }],
    },
    holdout: {
      description: 'A control group, the same at each run, kept out of activations.',
      examples: [{ percent: 10, salt: 'spring' }],
      ...words.map(
        HOLDOUT_KEYS,
        {
          percent: percent('How many of a hundred members are held out.'),
          salt: text('A text that decides who is drawn.'),
        },
        { required: ['percent', 'salt'] },
      ),
    },
  };
}

const CONDITION = 'A condition: exactly one of all, any, none, not, attribute, relation and segment.';

function percent(description: string): Schema {
  return { description, type: 'number', exclusiveMinimum: 0, maximum: 100 };
}

function conditions(words: Vocabulary): readonly Schema[] {
  const condition = words.ref('condition');
  const group = (kind: (typeof CONDITIONS)[number], description: string): Schema =>
    words.map(
      [kind],
      { [kind]: { description, type: 'array', minItems: 1, maxItems: GROUP_SIZE_MAX, items: words.value(condition) } },
      { required: [kind] },
    );
  const operators = Object.fromEntries(OPERATORS.map((operator) => [operator, operatorSchema(operator, words)]));
  const aggregates = Object.fromEntries(AGGREGATES.map((each) => [each, aggregateSchema(each, operators, words)]));
  const byKind: Readonly<Record<(typeof CONDITIONS)[number], Schema>> = {
    all: group('all', 'All of these hold.'),
    any: group('any', 'At least one of these holds.'),
    none: group('none', 'None of these holds.'),
    not: words.map(
      ['not'],
      { not: { description: 'This does not hold: always exactly the others.', allOf: [condition] } },
      { required: ['not'] },
    ),
    attribute: words.map(
      ['attribute', ...OPERATORS],
      { attribute: path('A property, or one reached over relations to one: `plan.price`.'), ...operators },
      { required: ['attribute'], minProperties: 2, maxProperties: 2 },
    ),
    relation: {
      ...words.map(
        ['relation', ...AGGREGATES, 'where', 'during'],
        {
          relation: path('The way to related rows: `orders`, or several hops: `orders.lines`.'),
          ...aggregates,
          where: { description: 'Which of the related rows count.', allOf: [condition] },
          during: { description: 'When the related rows happened, by their event_time.', allOf: [words.ref('window')] },
        },
        { required: ['relation'] },
      ),
      oneOf: AGGREGATES.map((aggregate) => ({ required: [aggregate] })),
    },
    segment: words.map(
      ['segment'],
      { segment: text('The row is in this segment of the same entity.') },
      { required: ['segment'] },
    ),
  };
  return CONDITIONS.map((kind) => byKind[kind]);
}

function operatorSchema(operator: Operator, words: Vocabulary): Schema {
  const description = OPERATOR_TEXTS[operator];
  switch (operator) {
    case 'is_null':
    case 'is_true':
      return flag(description);
    case 'within':
      return { description, allOf: [words.ref('window')] };
    case 'in':
    case 'not_in':
    case 'contains_any':
    case 'contains_all':
      return { description, allOf: [words.ref('values')] };
    case 'between':
      return { description, type: 'array', minItems: 2, maxItems: 2, items: words.ref('operand') };
    default:
      return { description, allOf: [words.ref('operand')] };
  }
}

function aggregateSchema(aggregate: Aggregate, operators: Readonly<Record<string, Schema>>, words: Vocabulary): Schema {
  const description = AGGREGATE_TEXTS[aggregate];
  if (aggregate === 'exists') return flag(description);
  if (aggregate === 'count') return { description, ...words.map(OPERATORS, operators, { minProperties: 1 }) };
  const of = path('The property that is taken, or a path over relations to one.');
  return {
    description,
    ...words.map(['of', ...OPERATORS], { of, ...operators }, { required: ['of'], minProperties: 2 }),
  };
}
