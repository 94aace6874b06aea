import type { Path } from '../artifacts/position.ts';
import type { Comparison, Operand, Operator } from '../artifacts/rule.ts';
import type { ColumnType, Entity } from '../knowledge/store.ts';
import { describeForm, formOfProperty, inferForm, operatorsOf } from './form.ts';
import { formOfElement, resolveLiteral } from './resolve-literal.ts';
import { type Resolution, resolvePath } from './resolve-path.ts';
import type { Comparand, Form, ResolvedTest, ResolvedValue, TypedTest } from './resolved.ts';

/** The value that a comparison asks about, and the row whose attributes it may be compared with. */
export interface Subject {
  /** As a message names it: `country`, or `max of amount`. */
  readonly name: string;
  /** The column whose type decides; for messages about an unknown one. */
  readonly column: string;
  readonly form: Form | null;
  readonly type: ColumnType | null;
  /** The entity of the row that is asked about. */
  readonly row: Entity;
}

/** Types a comparison; null, and a problem, where operator or value does not fit. */
export function resolveComparison(resolution: Resolution, subject: Subject, comparison: Comparison): TypedTest | null {
  const form = subject.form ?? formFromComparison(resolution, subject, comparison);
  if (form === null) return null;
  const fitting = operatorsOf(form, subject.type);
  if (!fitting.includes(comparison.operator)) {
    return resolution.problem({
      code: 'operator-does-not-fit',
      at: comparison.at,
      message: `\`${comparison.operator}\` does not fit ${subject.name}, which is ${describeForm(form)}.`,
      fix: `Use one of ${fitting.join(', ')}.`,
    });
  }
  const test = resolveTest({ resolution, subject, form }, comparison);
  return test === null ? null : { form, test };
}

interface Place {
  readonly resolution: Resolution;
  readonly subject: Subject;
  readonly form: Form;
}

function resolveTest(place: Place, { operator, operand, at }: Comparison): ResolvedTest | null {
  switch (operand.kind) {
    case 'flag':
      return { kind: operator === 'is_null' ? 'is_null' : 'is_true', negated: !operand.value };
    case 'window':
      return { kind: 'window', window: operand.window, domain: place.form.kind === 'date' ? 'date' : 'instant' };
    case 'literals':
      return operator === 'contains_any' || operator === 'contains_all'
        ? resolveArray(place, operator, operand, at)
        : resolveIn(place, operator, operand, at);
    case 'range': {
      const from = resolveComparand(place, operand.from, [...at, 0]);
      const to = resolveComparand(place, operand.to, [...at, 1]);
      return from && to ? { kind: 'between', from, to } : null;
    }
    default:
      return resolveSingle(place, operator, operand, at);
  }
}

type TextMatch = Extract<ResolvedTest, { kind: 'text' }>['match'];
const TEXT_MATCHES: Readonly<Partial<Record<Operator, { match: TextMatch; negated: boolean }>>> = {
  contains: { match: 'contains', negated: false },
  not_contains: { match: 'contains', negated: true },
  starts_with: { match: 'starts_with', negated: false },
  ends_with: { match: 'ends_with', negated: false },
};

type Compare = Extract<ResolvedTest, { kind: 'compare' }>;
const COMPARES: Readonly<Partial<Record<Operator, Pick<Compare, 'operator' | 'negated'>>>> = {
  eq: { operator: '=', negated: false },
  neq: { operator: '=', negated: true },
  gt: { operator: '>', negated: false },
  gte: { operator: '>=', negated: false },
  lt: { operator: '<', negated: false },
  lte: { operator: '<=', negated: false },
  before: { operator: '<', negated: false },
  after: { operator: '>', negated: false },
  on_day: { operator: '=', negated: false },
};

function resolveSingle(place: Place, operator: Operator, operand: Operand, at: Path): ResolvedTest | null {
  const right = resolveComparand(place, operand, at);
  if (right === null) return null;
  const text = TEXT_MATCHES[operator];
  if (text) return { kind: 'text', ...text, right: right.value };
  const compare = COMPARES[operator];
  if (!compare) throw new Error(`No comparison for operator ${operator}`);
  if (compare.operator === '=' && operator !== 'on_day' && isFractionOfWhole(place.form, right.value)) {
    return misfit(place, at, 'a number with decimals, which a whole number never equals');
  }
  return { kind: 'compare', ...compare, right: operator === 'on_day' ? { ...right, domain: 'date' } : right };
}

function resolveIn(
  place: Place,
  operator: Operator,
  operand: Extract<Operand, { kind: 'literals' }>,
  at: Path,
): ResolvedTest | null {
  const values = operand.values.map((value, index) => {
    const comparand = resolveComparand(place, { kind: 'literal', value }, [...at, index]);
    if (comparand === null || !isFractionOfWhole(place.form, comparand.value)) return comparand;
    return misfit(place, [...at, index], 'a number with decimals, which a whole number never equals');
  });
  const complete = values.filter((value): value is Comparand => value !== null);
  return complete.length === values.length ? { kind: 'in', negated: operator === 'not_in', values: complete } : null;
}

function resolveArray(
  place: Place,
  operator: 'contains_any' | 'contains_all',
  operand: Extract<Operand, { kind: 'literals' }>,
  at: Path,
): ResolvedTest | null {
  if (place.form.kind !== 'array') throw new Error(`${operator} of something that is not an array`);
  const element = formOfElement(place.form.element, operand.values[0]);
  if (element === null) {
    return place.resolution.problem({
      code: 'operator-does-not-fit',
      at,
      message: `\`${operator}\` does not fit ${place.subject.name}: its elements are not text, numbers, dates, or true or false.`,
      fix: 'Expose them as an array of text.',
    });
  }
  const inside: Place = {
    ...place,
    form: element,
    subject: { ...place.subject, name: `an element of ${place.subject.name}` },
  };
  const values = operand.values.map((value, index) =>
    resolveComparand(inside, { kind: 'literal', value }, [...at, index]),
  );
  const complete = values.filter((value): value is Comparand => value !== null);
  if (complete.length !== values.length) return null;
  return {
    kind: 'array',
    match: operator === 'contains_any' ? 'any' : 'all',
    values: complete.map(({ value }) => value),
  };
}

/** The right side of a comparison, and whether the two meet as dates, as instants, or plainly. */
function resolveComparand(place: Place, operand: Operand, at: Path): Comparand | null {
  const { form } = place;
  switch (operand.kind) {
    case 'attribute':
      return resolveAttribute(place, operand.path, at);
    case 'now':
      // Only a date or a timestamp can be now; for a text it is the word.
      if (form.kind === 'string') return { value: { kind: 'string', text: 'now' }, domain: 'string' };
      return resolveMoment(place, { kind: 'moment', by: { amount: 0, unit: 'minute' } }, at);
    case 'instant': {
      const amount = operand.direction === 'ago' ? -operand.amount : operand.amount;
      return resolveMoment(place, { kind: 'moment', by: { amount, unit: operand.unit } }, at);
    }
    case 'literal': {
      const literal = resolveLiteral(form, operand.value);
      return 'misfit' in literal ? misfit(place, at, literal.misfit, literal.fix) : literal;
    }
    default:
      throw new Error(`No single value: ${operand.kind}`);
  }
}

function resolveMoment(place: Place, value: ResolvedValue, at: Path): Comparand | null {
  if (place.form.kind === 'date' || place.form.kind === 'instant') return { value, domain: place.form.kind };
  return misfit(place, at, 'a moment in time');
}

function resolveAttribute(place: Place, path: readonly string[], at: Path): Comparand | null {
  const { subject, form } = place;
  const found = resolvePath(place.resolution, { entity: subject.row, at: [...at, 'attribute'] }, path);
  if (found === null) return null;
  const other = formOfProperty(found.property) ?? formLike(form);
  if (other === null) return unknownType(place.resolution, path.join('.'), [...at, 'attribute']);
  const value: ResolvedValue = { kind: 'path', path: found, form: other };
  const isTime = (kind: Form['kind']): kind is 'date' | 'instant' => kind === 'date' || kind === 'instant';
  if (isTime(form.kind) && isTime(other.kind)) {
    return { value, domain: form.kind === 'instant' && other.kind === 'instant' ? 'instant' : 'date' };
  }
  const domain = form.kind === other.kind && form.kind !== 'array' && form.kind !== 'opaque' ? form.kind : null;
  return domain === null
    ? misfit(place, at, `\`${path.join('.')}\`, which is ${describeForm(other)}`)
    : { value, domain };
}

/** A column of unknown type, compared with one of these, can only be of the same kind. */
function formLike(form: Form): Form | null {
  if (form.kind === 'string') return { kind: 'string', cast: true };
  if (form.kind === 'number') return { kind: 'number', number: 'unknown' };
  return form.kind === 'boolean' ? form : null;
}

/** An unknown type takes its meaning from the condition where that leaves no doubt; null where it does, and a problem. */
function formFromComparison(resolution: Resolution, subject: Subject, comparison: Comparison): Form | null {
  const { operator, operand, at } = comparison;
  const inferred = inferForm(operator, operand);
  if (inferred !== null) return inferred;
  if (operand.kind === 'attribute' && !['before', 'after', 'on_day'].includes(operator)) {
    const found = resolvePath(resolution, { entity: subject.row, at: [...at, 'attribute'] }, operand.path);
    if (found === null) return null;
    const form = formOfProperty(found.property);
    const alike = form && formLike(form);
    if (alike) return alike;
  }
  return unknownType(resolution, subject.column, at);
}

function isFractionOfWhole(form: Form, value: ResolvedValue): boolean {
  return form.kind === 'number' && form.number === 'integer' && value.kind === 'number' && value.text.includes('.');
}

function misfit(place: Place, at: Path, value: string, fix?: string): null {
  return place.resolution.problem({
    code: 'value-does-not-fit',
    at,
    message: `The value does not fit ${place.subject.name}: ${place.subject.name} is ${describeForm(place.form)}, the value is ${value}.`,
    fix: fix ?? `Compare it with ${describeForm(place.form)}.`,
  });
}

/** The error that a condition hangs on a type that nothing states. */
function unknownType(resolution: Resolution, column: string, at: Path): null {
  return resolution.problem({
    code: 'unknown-type',
    at,
    message: `What this condition means depends on the type of \`${column}\`, which is not known.`,
    fix: `State it as \`data_type\` of the column in its dbt YAML, or run \`dinmo generate\`, which reads it from the warehouse.`,
  });
}
