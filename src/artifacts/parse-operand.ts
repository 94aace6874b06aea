import { nearest } from '../finding.ts';
import type { Path } from './position.ts';
import type { Literal, Operand, Operator, TimeUnit, Window } from './rule.ts';
import { describe, isMap, type ShapeProblems } from './shape.ts';

export const TIME_UNITS = ['minute', 'hour', 'day', 'week', 'month', 'year'] as const satisfies readonly TimeUnit[];

/** The most that a window or a relative instant may reach: a thousand years, inside what every warehouse's calendar holds. */
const AMOUNT_MAX: Readonly<Record<TimeUnit, number>> = {
  minute: 525_960_000,
  hour: 8_766_000,
  day: 365_250,
  week: 52_178,
  month: 12_000,
  year: 1_000,
};

/** A dotted path of names. Null, and a problem, when it is anything else. */
export function parseDottedPath(value: unknown, at: Path, problems: ShapeProblems): readonly string[] | null {
  if (value === null || value === undefined) {
    return problems.add(
      'null-operand',
      at,
      'The name is missing.',
      'Write the name of a property or a path, such as `plan.price`.',
    );
  }
  if (typeof value !== 'string') {
    return problems.add(
      'invalid-name',
      at,
      `A name is expected here, not ${describe(value)}.`,
      'Write the name as text; quote it if it looks like a number.',
    );
  }
  const names = value.split('.');
  if (names.some((name) => name.trim() === '')) {
    return problems.add(
      'invalid-name',
      at,
      `\`${value}\` is not a path of names.`,
      'Write names joined by single dots, such as `plan.price`.',
    );
  }
  return names;
}

/** `{last|next: N, unit: …}`. Null, and a problem, when it is anything else. */
export function parseWindow(value: unknown, at: Path, problems: ShapeProblems): Window | null {
  const example = 'Write `{last: 30, unit: day}` or `{next: 30, unit: day}`.';
  const span = parseSpan(value, { at, problems, directions: ['last', 'next'], amountMin: 1, example, what: 'window' });
  return span === null ? null : { direction: span.direction, amount: span.amount, unit: span.unit };
}

/** What an operator of an attribute or of an aggregate is given. Null, and problems, when its shape is wrong. */
export function parseOperand(operator: Operator, value: unknown, at: Path, problems: ShapeProblems): Operand | null {
  if (value === null || value === undefined) {
    return problems.add(
      'null-operand',
      at,
      `\`${operator}\` has no value.`,
      'Give it a value; to look for NULL, use `is_null: true`.',
    );
  }
  switch (operator) {
    case 'is_null':
    case 'is_true':
      return parseFlag(operator, value, at, problems);
    case 'within': {
      const window = parseWindow(value, at, problems);
      return window === null ? null : { kind: 'window', window };
    }
    case 'in':
    case 'not_in':
    case 'contains_any':
    case 'contains_all':
      return parseLiterals(operator, value, at, problems);
    case 'between':
      return parseRange(value, at, problems);
    default:
      return parseScalar(operator, value, at, problems);
  }
}

/** true or false, for `is_null`, `is_true` and `exists`. */
export function parseFlag(key: string, value: unknown, at: Path, problems: ShapeProblems): Operand | null {
  if (typeof value === 'boolean') return { kind: 'flag', value };
  return problems.add(
    'invalid-operand',
    at,
    `\`${key}\` takes true or false, not ${describe(value)}.`,
    `Write \`${key}: true\` or \`${key}: false\`.`,
  );
}

function parseLiterals(operator: Operator, value: unknown, at: Path, problems: ShapeProblems): Operand | null {
  if (!Array.isArray(value)) {
    return problems.add(
      'invalid-operand',
      at,
      `\`${operator}\` takes a list, not ${describe(value)}.`,
      `Write \`${operator}: [a, b]\`.`,
    );
  }
  if (value.length === 0) {
    return problems.add('empty-list', at, `The list of \`${operator}\` is empty.`, 'Give at least one value.');
  }
  const values = value.map((item, index) => parseLiteral(operator, item, [...at, index], problems));
  const complete = values.filter((item): item is Literal => item !== null);
  return complete.length === values.length ? { kind: 'literals', values: complete } : null;
}

function parseRange(value: unknown, at: Path, problems: ShapeProblems): Operand | null {
  if (!Array.isArray(value) || value.length !== 2) {
    const given = Array.isArray(value) ? `a list of ${value.length}` : describe(value);
    return problems.add(
      'invalid-operand',
      at,
      `\`between\` takes a list of two ends, not ${given}.`,
      'Write `between: [low, high]`; both ends are included.',
    );
  }
  const [from, to] = value.map((end, index) => parseOperandOrNull('between', end, [...at, index], problems));
  return from && to ? { kind: 'range', from, to } : null;
}

function parseOperandOrNull(operator: Operator, value: unknown, at: Path, problems: ShapeProblems): Operand | null {
  if (value === null || value === undefined) {
    return problems.add(
      'null-operand',
      at,
      `A value of \`${operator}\` is null.`,
      'Give it a value; to look for NULL, use `is_null: true`.',
    );
  }
  return parseScalar(operator, value, at, problems);
}

function parseScalar(operator: Operator, value: unknown, at: Path, problems: ShapeProblems): Operand | null {
  if (value === 'now') return { kind: 'now' };
  if (isMap(value)) return parseOperandMap(value, at, problems);
  const literal = parseLiteral(operator, value, at, problems);
  return literal === null ? null : { kind: 'literal', value: literal };
}

function parseOperandMap(value: Readonly<Record<string, unknown>>, at: Path, problems: ShapeProblems): Operand | null {
  if ('attribute' in value) {
    const extra = Object.keys(value).filter((key) => key !== 'attribute');
    for (const key of extra) problems.unknownKey(key, at, ['attribute']);
    const path = parseDottedPath(value['attribute'], [...at, 'attribute'], problems);
    return path === null || extra.length > 0 ? null : { kind: 'attribute', path };
  }
  const example = 'Write a value, `{attribute: name}`, `{ago: 30, unit: day}`, `{ahead: 30, unit: day}` or `now`.';
  const span = parseSpan(value, {
    at,
    problems,
    directions: ['ago', 'ahead'],
    amountMin: 0,
    example,
    what: 'relative instant',
    alsoValid: ['attribute'],
  });
  return span === null ? null : { kind: 'instant', direction: span.direction, amount: span.amount, unit: span.unit };
}

function parseLiteral(operator: Operator, value: unknown, at: Path, problems: ShapeProblems): Literal | null {
  if (value === null || value === undefined) {
    return problems.add(
      'null-operand',
      at,
      `A value of \`${operator}\` is null.`,
      'Remove it; to look for NULL, use `is_null: true`.',
    );
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return problems.add('invalid-operand', at, `\`${operator}\` takes finite numbers only.`, 'Write a number.');
  }
  if (typeof value === 'string' && value.includes('\0')) {
    return problems.add(
      'invalid-operand',
      at,
      'The text holds a NUL character, which no warehouse stores.',
      'Remove it.',
    );
  }
  if (typeof value === 'string' && !value.isWellFormed()) {
    return problems.add(
      'invalid-operand',
      at,
      'The text holds half of a surrogate pair.',
      'Write the whole character.',
    );
  }
  if (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean'
  ) {
    return value;
  }
  return problems.add(
    'invalid-operand',
    at,
    `\`${operator}\` takes a single value here, not ${describe(value)}.`,
    'Write text, a number, true or false.',
  );
}

interface SpanShape<Direction extends string> {
  readonly at: Path;
  readonly problems: ShapeProblems;
  readonly directions: readonly [Direction, Direction];
  readonly amountMin: number;
  readonly example: string;
  readonly what: string;
  readonly alsoValid?: readonly string[];
}

interface Span<Direction extends string> {
  readonly direction: Direction;
  readonly amount: number;
  readonly unit: TimeUnit;
}

function parseSpan<Direction extends string>(value: unknown, shape: SpanShape<Direction>): Span<Direction> | null {
  const { at, problems, example } = shape;
  if (!isMap(value)) {
    return problems.add('invalid-window', at, `A ${shape.what} is expected here, not ${describe(value)}.`, example);
  }
  const before = problems.list.length;
  const valid = [...shape.directions, 'unit', ...(shape.alsoValid ?? [])];
  for (const key of Object.keys(value)) if (!valid.includes(key)) problems.unknownKey(key, at, valid);
  const present = shape.directions.filter((direction) => direction in value);
  const direction = present[0];
  if (direction === undefined || present.length > 1) {
    if (problems.list.length > before) return null;
    const wrong = present.length > 1 ? 'both' : 'neither';
    return problems.add(
      'invalid-window',
      at,
      `A ${shape.what} needs exactly one of ${shape.directions.join(' and ')}; this has ${wrong}.`,
      example,
    );
  }
  const unit = parseUnit(value['unit'], at, shape);
  const amount = parseAmount(value[direction], unit, [...at, direction], shape);
  return problems.list.length > before || unit === null || amount === null ? null : { direction, amount, unit };
}

function parseUnit(value: unknown, at: Path, shape: SpanShape<string>): TimeUnit | null {
  const unit = TIME_UNITS.find((candidate) => candidate === value);
  if (unit !== undefined) return unit;
  if (value === undefined || value === null) {
    return shape.problems.add(
      'invalid-window',
      at,
      `The ${shape.what} has no unit.`,
      `Add \`unit:\` with one of ${TIME_UNITS.join(', ')}.`,
    );
  }
  const near = typeof value === 'string' ? nearest(value, TIME_UNITS) : null;
  const fix = near === null ? `Use one of ${TIME_UNITS.join(', ')}.` : `Did you mean \`${near}\`?`;
  return shape.problems.add('invalid-window', [...at, 'unit'], 'The unit of time is not known.', fix);
}

function parseAmount(value: unknown, unit: TimeUnit | null, at: Path, shape: SpanShape<string>): number | null {
  const amount = typeof value === 'bigint' ? Number(value) : value;
  if (typeof amount !== 'number' || !Number.isInteger(amount) || amount < shape.amountMin) {
    return shape.problems.add(
      'invalid-window',
      at,
      `A whole number of at least ${shape.amountMin} is expected here.`,
      shape.example,
    );
  }
  const most = AMOUNT_MAX[unit ?? 'minute'];
  if (amount > most) {
    return shape.problems.add(
      'invalid-window',
      at,
      `The ${shape.what} reaches further than a thousand years.`,
      `Use at most ${most}${unit === null ? '' : ` with unit ${unit}`}.`,
    );
  }
  return amount;
}
