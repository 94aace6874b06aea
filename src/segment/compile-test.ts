import { sql } from 'kysely';
import type { Window } from '../artifacts/rule.ts';
import { chain, type Fragment, list } from '../warehouse/dialect.ts';
import type { Compilation } from './compilation.ts';
import type { Comparand, Domain, Form, ResolvedPath, ResolvedTest, ResolvedValue, TypedTest } from './resolved.ts';
import type { Condition } from './select.ts';

/** The value that is asked about, and how to reach the other values of its row. */
export interface TestSubject {
  readonly compilation: Compilation;
  readonly value: Fragment;
  /** It is never NULL: a count, or a sum. */
  readonly isNeverNull?: boolean;
  valueAt(path: ResolvedPath): Fragment;
}

/**
 * A test as an SQL expression. With `isStrict` it is never NULL; without, NULL stands for false, which is enough wherever nothing negates it
 * and keeps the SQL plain.
 */
function compileTest(subject: TestSubject, typed: TypedTest, isStrict: boolean): Fragment {
  const { test, form } = typed;
  switch (test.kind) {
    case 'is_null':
      return test.negated ? sql`${subject.value} is not null` : sql`${subject.value} is null`;
    case 'is_true':
      if (test.negated) return sql`not coalesce(${subject.value}, false)`;
      return isStrict ? sql`coalesce(${subject.value}, false)` : subject.value;
    case 'array':
      return strictly(compileArray(subject, form, test), isStrict);
    case 'text':
      return compileText(subject, form, test, isStrict);
    case 'window':
      return strictly(chain(windowEnds(subject, form, test), 'and'), isStrict);
    case 'in':
      return compileIn(subject, form, test, isStrict);
    case 'between':
      return strictly(compileBetween(subject, form, test), isStrict);
    case 'compare':
      return compileCompare(subject, form, test, isStrict);
  }
}

/** The same as a condition: the two ends of a window stand on lines of their own where nothing negates them. */
export function compileTestCondition(subject: TestSubject, typed: TypedTest, isStrict: boolean): Condition {
  const { test, form } = typed;
  if (test.kind !== 'window' || isStrict) return { kind: 'test', expression: compileTest(subject, typed, isStrict) };
  const ends = windowEnds(subject, form, test);
  return { kind: 'all', conditions: ends.map((expression) => ({ kind: 'test', expression })) };
}

type Test<Kind extends ResolvedTest['kind']> = Extract<ResolvedTest, { kind: Kind }>;

function strictly(expression: Fragment, isStrict: boolean): Fragment {
  return isStrict ? sql`coalesce(${expression}, false)` : expression;
}

function compileCompare(subject: TestSubject, form: Form, test: Test<'compare'>, isStrict: boolean): Fragment {
  const left = express(subject, { form, value: subject.value }, test.right.domain);
  const right = compileValue(subject, test.right);
  const expression = sql`${left} ${sql.raw(test.negated ? '<>' : test.operator)} ${right}`;
  if (subject.isNeverNull && test.right.value.kind !== 'path') return expression;
  return test.negated ? sql`coalesce(${expression}, true)` : strictly(expression, isStrict);
}

function compileIn(subject: TestSubject, form: Form, test: Test<'in'>, isStrict: boolean): Fragment {
  const domains = [...new Set(test.values.map((value) => value.domain))];
  const word = sql.raw(test.negated ? 'not in' : 'in');
  const parts = domains.map((domain) => {
    const left = express(subject, { form, value: subject.value }, domain);
    const values = test.values.filter((value) => value.domain === domain).map((value) => compileValue(subject, value));
    return sql`${left} ${word} (${list(values)})`;
  });
  const expression = chain(parts, test.negated ? 'and' : 'or');
  if (subject.isNeverNull) return expression;
  return test.negated ? sql`coalesce(${expression}, true)` : strictly(expression, isStrict);
}

function compileBetween(subject: TestSubject, form: Form, test: Test<'between'>): Fragment {
  const { from, to } = test;
  const low = express(subject, { form, value: subject.value }, from.domain);
  // DuckDB does not parse a collation among the ends of a `between`.
  if (from.domain === to.domain && from.value.kind !== 'path' && to.value.kind !== 'path') {
    return sql`(${low} between ${compileValue(subject, from)} and ${compileValue(subject, to)})`;
  }
  const high = express(subject, { form, value: subject.value }, to.domain);
  return sql`(${low} >= ${compileValue(subject, from)} and ${high} <= ${compileValue(subject, to)})`;
}

function compileText(subject: TestSubject, form: Form, test: Test<'text'>, isStrict: boolean): Fragment {
  const { dialect } = subject.compilation;
  const text = express(subject, { form, value: subject.value }, 'string');
  const part = compileValue(subject, { value: test.right, domain: 'string' });
  const find = { contains: dialect.contains, starts_with: dialect.startsWith, ends_with: dialect.endsWith }[test.match];
  const expression = find(text, part);
  return test.negated ? sql`not coalesce(${expression}, false)` : strictly(expression, isStrict);
}

function compileArray(subject: TestSubject, form: Form, test: Test<'array'>): Fragment {
  const { dialect } = subject.compilation;
  const items = test.values.map((value) => compileLiteral(subject.compilation, value));
  const array = form.kind === 'array' && form.cast ? dialect.textArray(subject.value) : subject.value;
  return test.match === 'any' ? dialect.arrayContainsAny(array, items) : dialect.arrayContainsAll(array, items);
}

function windowEnds(subject: TestSubject, form: Form, test: Test<'window'>): Fragment[] {
  const { compilation } = subject;
  const left = express(subject, { form, value: subject.value }, test.domain);
  const now = compileMoment(compilation, { kind: 'moment', by: { amount: 0, unit: 'minute' } }, test.domain);
  const far = compileMoment(compilation, { kind: 'moment', by: shiftOf(test.window) }, test.domain);
  const [after, upTo] = test.window.direction === 'last' ? [far, now] : [now, far];
  return [sql`${left} > ${after}`, sql`${left} <= ${upTo}`];
}

function shiftOf({ direction, amount, unit }: Window): Extract<ResolvedValue, { kind: 'moment' }>['by'] {
  return { amount: direction === 'last' ? -amount : amount, unit };
}

/** A column or an aggregate as what it is compared as. */
function express(
  { compilation }: TestSubject,
  { form, value }: { readonly form: Form; readonly value: Fragment },
  domain: Domain,
): Fragment {
  const { dialect } = compilation;
  if (form.kind === 'string') return dialect.exactText(value, form.cast);
  if (form.kind !== 'instant') return value;
  const instant = dialect.instant(value, form.zoned);
  return domain === 'date' ? dialect.localDate(instant, compilation.zone) : instant;
}

function compileValue(subject: TestSubject, { value, domain }: Comparand): Fragment {
  if (value.kind === 'path') {
    return express(subject, { form: value.form, value: subject.valueAt(value.path) }, domain);
  }
  if (value.kind === 'moment') return compileMoment(subject.compilation, value, domain);
  if (value.kind === 'timestamp' && domain === 'date') {
    const { compilation } = subject;
    return compilation.dialect.localDate(compileLiteral(compilation, value), compilation.zone);
  }
  return compileLiteral(subject.compilation, value);
}

function compileMoment(
  compilation: Compilation,
  { by }: Extract<ResolvedValue, { kind: 'moment' }>,
  domain: Domain,
): Fragment {
  const { dialect, now, zone } = compilation;
  const instant = by.amount === 0 ? now : dialect.shift(now, by, zone);
  return domain === 'date' ? dialect.localDate(instant, zone) : instant;
}

function compileLiteral(compilation: Compilation, value: ResolvedValue): Fragment {
  const { dialect } = compilation;
  switch (value.kind) {
    case 'string':
      return compilation.text(value.text);
    case 'number':
      return compilation.literal(dialect.numberLiteral(value.text, value.number));
    case 'boolean':
      return sql.raw(String(value.value));
    case 'date':
      return compilation.literal(dialect.dateLiteral(value.text));
    case 'time':
      return compilation.literal(dialect.timeLiteral(value.text));
    case 'timestamp':
      return compilation.literal(dialect.instantLiteral(value.text));
    case 'path':
    case 'moment':
      throw new Error(`Not a literal: ${value.kind}`);
  }
}
