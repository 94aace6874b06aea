import type { Rule } from '../artifacts/rule.ts';
import type { Entity } from '../knowledge/store.ts';
import { describeForm, formOfAggregate, formOfProperty, misfitOfAggregate } from './form.ts';
import { resolveComparison } from './resolve-comparison.ts';
import { type Resolution, resolvePath, resolveSteps } from './resolve-path.ts';
import type { Form, ResolvedAggregate, ResolvedPath, ResolvedRule, TypedTest } from './resolved.ts';

type RelationRule = Extract<Rule, { kind: 'relation' }>;

interface RelationToResolve {
  readonly rule: RelationRule;
  /** For the nested `where`: the caller's own, since rules stand in rules. */
  readonly resolveRule: (resolution: Resolution, entity: Entity, rule: Rule) => ResolvedRule | null;
}

/** A condition on related rows. `row` is the entity of the row that is asked about. */
export function resolveRelation(
  resolution: Resolution,
  row: Entity,
  { rule, resolveRule }: RelationToResolve,
): ResolvedRule | null {
  const reached = resolveSteps(resolution, { entity: row, at: [...rule.at, 'relation'] }, rule.path);
  if (reached === null) return null;
  const { steps, entity } = reached;
  const before = resolution.findings.length;
  const of = rule.of && resolveOf(resolution, entity, rule, rule.of);
  const where = rule.where && resolveRule(resolution, entity, rule.where);
  const during = resolveDuring(resolution, entity, rule);
  if ((rule.aggregate === 'first' || rule.aggregate === 'last') && entity.eventTime === null) {
    missingEventTime(resolution, entity, rule, rule.aggregate);
  }
  // Without `of` there is no result to compare.
  if (rule.of !== null && of === null) return null;
  const aggregate: ResolvedAggregate = { steps, entity, aggregate: rule.aggregate, of, where, during };
  const tests = resolveTests(resolution, row, { rule, of });
  return resolution.findings.length > before ? null : { kind: 'relation', aggregate, tests };
}

interface Of {
  readonly path: ResolvedPath;
  readonly form: Form;
}

const UNKNOWN: Form = { kind: 'number', number: 'unknown' };

function resolveOf(resolution: Resolution, entity: Entity, rule: RelationRule, of: readonly string[]): Of | null {
  const at = [...rule.at, rule.aggregate, 'of'];
  const path = resolvePath(resolution, { entity, at }, of);
  if (path === null) return null;
  const form = formOfProperty(path.property);
  const wanted = misfitOfAggregate(rule.aggregate, form);
  if (wanted === null) return { path, form: form ?? formOfUnknown(rule) };
  return resolution.problem({
    code: 'aggregate-does-not-fit',
    at,
    message: `\`${rule.aggregate}\` takes ${wanted}; \`${of.join('.')}\` is ${form === null ? 'not' : describeForm(form)}.`,
    fix: `Name another property of ${entity.name}, or use another aggregate.`,
  });
}

/** A column of unknown type that is compared with text is taken as text before it is ordered. */
function formOfUnknown(rule: RelationRule): Form {
  const isText = rule.comparisons.some(({ operand }) => {
    if (operand.kind === 'literal') return typeof operand.value === 'string';
    if (operand.kind === 'literals') return operand.values.some((value) => typeof value === 'string');
    return false;
  });
  return isText ? { kind: 'string', cast: true } : UNKNOWN;
}

function resolveTests(
  resolution: Resolution,
  row: Entity,
  { rule, of }: { readonly rule: RelationRule; readonly of: Of | null },
): TypedTest[] {
  const property = of?.path.property ?? null;
  const form = formOfAggregate(rule.aggregate, property && formOfProperty(property));
  const ofName = rule.of?.join('.') ?? '';
  const subject = {
    name: ofName === '' ? `\`${rule.aggregate}\`` : `\`${rule.aggregate}\` of \`${ofName}\``,
    column: ofName,
    form,
    type: ['min', 'max', 'first', 'last'].includes(rule.aggregate) ? (property?.type ?? null) : null,
    row,
  };
  return rule.comparisons
    .map((comparison) => resolveComparison(resolution, subject, comparison))
    .filter((test): test is TypedTest => test !== null);
}

function resolveDuring(resolution: Resolution, entity: Entity, rule: RelationRule): ResolvedAggregate['during'] {
  if (rule.during === null) return null;
  const at = [...rule.at, 'during'];
  if (entity.eventTime === null) return missingEventTime(resolution, entity, rule, 'during');
  const path = resolvePath(resolution, { entity, at }, [entity.eventTime]);
  if (path === null) return null;
  const typed = resolveComparison(
    resolution,
    {
      name: `the event_time \`${entity.eventTime}\` of ${entity.name}`,
      column: entity.eventTime,
      form: formOfProperty(path.property),
      type: path.property.type,
      row: entity,
    },
    { operator: 'within', operand: { kind: 'window', window: rule.during }, at },
  );
  return typed && { path, typed };
}

function missingEventTime(resolution: Resolution, entity: Entity, rule: RelationRule, what: string): null {
  return resolution.problem({
    code: 'missing-event-time',
    at: [...rule.at, what],
    message: `\`${what}\` goes by the time of the related rows, but entity ${entity.name} states no event_time.`,
    fix: `Add \`event_time:\` to entity ${entity.name}.`,
  });
}
