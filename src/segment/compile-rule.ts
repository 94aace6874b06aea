import { sql } from 'kysely';
import { defineAggregate } from './aggregate.ts';
import { compileTestCondition } from './compile-test.ts';
import type { ResolvedRule } from './resolved.ts';
import type { Scope } from './scope.ts';
import type { Condition } from './select.ts';

/**
 * A rule as a condition on a scope's row. With `isStrict` it is true or false, never NULL: what stands under a negation needs that, so that
 * `not X` is exactly the rest. Elsewhere NULL stands for false.
 */
export function compileRule(scope: Scope, rule: ResolvedRule, isStrict: boolean): Condition {
  switch (rule.kind) {
    case 'all':
    case 'any':
      return { kind: rule.kind, conditions: rule.rules.map((inner) => compileRule(scope, inner, isStrict)) };
    case 'none':
      return {
        kind: 'not',
        condition: { kind: 'any', conditions: rule.rules.map((inner) => compileRule(scope, inner, true)) },
      };
    case 'not':
      return { kind: 'not', condition: compileRule(scope, rule.rule, true) };
    case 'attribute': {
      const { compilation } = scope;
      const value = scope.valueAt(rule.path);
      const subject = { compilation, value, valueAt: scope.valueAt.bind(scope) };
      return compileTestCondition(subject, rule.typed, isStrict);
    }
    case 'relation':
      return compileRelation(scope, rule, isStrict);
    case 'segment':
      return { kind: 'test', expression: scope.isMember(rule.segment) };
  }
}

function compileRelation(
  scope: Scope,
  rule: Extract<ResolvedRule, { kind: 'relation' }>,
  isStrict: boolean,
): Condition {
  const { compilation } = scope;
  const related = defineAggregate(compilation, rule.aggregate, compileRule);
  const alias = scope.joinGrouped(related.source, related.keys);
  const value = related.result(alias);
  const subject = {
    compilation,
    value: value.expression,
    isNeverNull: value.isNeverNull,
    valueAt: scope.valueAt.bind(scope),
  };
  if (rule.aggregate.aggregate === 'exists') {
    const [only] = rule.tests;
    const isNegated = only?.test.kind === 'is_true' && only.test.negated;
    return { kind: 'test', expression: sql`${value.expression} is ${sql.raw(isNegated ? 'null' : 'not null')}` };
  }
  const conditions = rule.tests.map((typed) => compileTestCondition(subject, typed, isStrict));
  return { kind: 'all', conditions };
}
