import type { Path } from '../artifacts/position.ts';
import type { Rule } from '../artifacts/rule.ts';
import { DinmoError } from '../errors.ts';
import { compareFindings, type Finding } from '../finding.ts';
import type { Entity, KnowledgeStore, Segment } from '../knowledge/store.ts';
import { findCycles } from './cycles.ts';
import { formOfProperty } from './form.ts';
import { resolveRelation } from './resolve-aggregate.ts';
import { resolveComparison } from './resolve-comparison.ts';
import { Resolution, resolvePath, suggest } from './resolve-path.ts';
import type { ResolvedRule, ResolvedSegment } from './resolved.ts';

/** The column that a segment's view adds to its entity's where the segment has a holdout. */
export const HOLDOUT_COLUMN = 'dinmo_holdout';

/** What was found of a block of rules: the tree, or what is wrong with it. */
export interface Resolved<Tree> {
  /** null when anything is wrong. */
  readonly tree: Tree | null;
  readonly findings: readonly Finding[];
}

/** Checks the rules of all segments and of all entities' `where`: names, types, cycles. Every problem is in the answer, in file order. */
export function resolveRules(store: KnowledgeStore): Finding[] {
  const entities = [...store.entities.values()].map((entity) => ({ entity, ...resolveEntityWhere(store, entity) }));
  const segments = [...store.segments.values()].map((segment) => ({ segment, ...resolveSegment(store, segment) }));
  const findings = [...entities, ...segments].flatMap((resolved) => resolved.findings);
  const cycles = findCycles({
    entities: entities.map(({ entity, tree }) => ({ entity, where: tree })),
    segments: segments.flatMap(({ tree }) => (tree === null ? [] : [tree])),
  });
  return [...findings, ...cycles].sort(compareFindings);
}

/** The rows of an entity that never count are left out by its `where`; a null tree without findings is an entity without one. */
export function resolveEntityWhere(store: KnowledgeStore, entity: Entity): Resolved<ResolvedRule> {
  if (entity.where === null) return { tree: null, findings: [] };
  const resolution = new Resolution(store, entity.origin);
  const tree = resolveRule(resolution, entity, entity.where);
  return { tree: resolution.findings.length > 0 ? null : tree, findings: resolution.findings };
}

/** A segment's filter and limit. Cycles are not looked for here. */
export function resolveSegment(store: KnowledgeStore, segment: Segment): Resolved<ResolvedSegment> {
  const resolution = new Resolution(store, segment.origin);
  const entity = store.entities.get(segment.entity);
  if (!entity) {
    resolution.problem({
      code: 'unknown-entity',
      at: [...segment.at, 'entity'],
      message: `Segment ${segment.name} is of entity \`${segment.entity}\`, which does not exist.`,
      fix: suggest(segment.entity, [...store.entities.keys()], 'entities'),
    });
    return { tree: null, findings: resolution.findings };
  }
  const rule = segment.definition.kind === 'filter' ? segment.definition.where : null;
  const where = rule && resolveRule(resolution, entity, rule);
  const limit = segment.limit && resolveLimit(resolution, entity, segment);
  if (segment.holdout !== null) checkHoldout(resolution, entity, segment);
  const tree = resolution.findings.length > 0 ? null : { segment, entity, where, limit };
  return { tree, findings: resolution.findings };
}

/**
 * The resolved segment, for compiling.
 * @throws DinmoError `invalid-segment` with the first problem, where `resolveRules` was not asked or not heard.
 */
export function requireSegment(store: KnowledgeStore, segment: Segment): ResolvedSegment {
  const { tree, findings } = resolveSegment(store, segment);
  if (tree === null) throw invalid(`Segment ${segment.name}`, findings);
  return tree;
}

/**
 * The resolved `where` of an entity, for compiling; null where it has none.
 * @throws DinmoError `invalid-segment` with the first problem.
 */
export function requireEntityWhere(store: KnowledgeStore, entity: Entity): ResolvedRule | null {
  const { tree, findings } = resolveEntityWhere(store, entity);
  if (findings.length > 0) throw invalid(`The \`where\` of entity ${entity.name}`, findings);
  return tree;
}

function invalid(what: string, findings: readonly Finding[]): DinmoError {
  const [first] = findings;
  return new DinmoError({
    kind: 'configuration',
    code: 'invalid-segment',
    message: `${what} cannot be compiled. ${first?.message ?? ''}`.trim(),
    fix: first?.fix ?? 'Run `dinmo check`.',
    location: first?.location ?? null,
  });
}

function resolveRule(resolution: Resolution, entity: Entity, rule: Rule): ResolvedRule | null {
  switch (rule.kind) {
    case 'all':
    case 'any':
    case 'none': {
      const rules = rule.rules.map((inner) => resolveRule(resolution, entity, inner));
      const complete = rules.filter((inner): inner is ResolvedRule => inner !== null);
      return complete.length === rules.length ? { kind: rule.kind, rules: complete } : null;
    }
    case 'not': {
      const inner = resolveRule(resolution, entity, rule.rule);
      return inner && { kind: 'not', rule: inner };
    }
    case 'attribute': {
      const path = resolvePath(resolution, { entity, at: [...rule.at, 'attribute'] }, rule.path);
      if (path === null) return null;
      const name = `\`${rule.path.join('.')}\``;
      const { property } = path;
      const form = formOfProperty(property);
      const subject = { name, column: rule.path.join('.'), form, type: property.type, row: entity };
      const typed = resolveComparison(resolution, subject, rule.comparison);
      return typed && { kind: 'attribute', path, typed };
    }
    case 'relation':
      return resolveRelation(resolution, entity, { rule, resolveRule });
    case 'segment':
      return resolveSegmentName(resolution, entity, rule);
  }
}

function resolveSegmentName(
  resolution: Resolution,
  entity: Entity,
  rule: Extract<Rule, { kind: 'segment' }>,
): ResolvedRule | null {
  const at: Path = [...rule.at, 'segment'];
  const segment = resolution.store.segments.get(rule.name);
  if (!segment) {
    const own = [...resolution.store.segments.values()].filter((candidate) => candidate.entity === entity.name);
    return resolution.problem({
      code: 'unknown-segment',
      at,
      message: `There is no segment \`${rule.name}\`.`,
      fix: suggest(
        rule.name,
        own.map((candidate) => candidate.name),
        `segments of ${entity.name}`,
      ),
    });
  }
  if (segment.entity !== entity.name) {
    return resolution.problem({
      code: 'segment-of-other-entity',
      at,
      message: `Segment ${segment.name} is of entity ${segment.entity}; here stands a condition on ${entity.name}.`,
      fix: `Use a segment of ${entity.name}, or put this condition into the \`where\` of a relation that leads to ${segment.entity}.`,
    });
  }
  return { kind: 'segment', segment };
}

function resolveLimit(resolution: Resolution, entity: Entity, segment: Segment): ResolvedSegment['limit'] {
  if (segment.limit === null) return null;
  const { rows, percent, order } = segment.limit;
  const at: Path = [...segment.at, 'limit', 'by'];
  const by = resolvePath(resolution, { entity, at }, segment.limit.by);
  if (by === null) return null;
  const form = formOfProperty(by.property) ?? { kind: 'number', number: 'unknown' };
  if (form.kind === 'array' || form.kind === 'opaque') {
    return resolution.problem({
      code: 'operator-does-not-fit',
      at,
      message: `\`${segment.limit.by.join('.')}\` has no order, so a limit cannot go by it.`,
      fix: 'Order by a number, a text, a date or a timestamp.',
    });
  }
  return { rows, percent, by, form, order };
}

function checkHoldout(resolution: Resolution, entity: Entity, segment: Segment): void {
  if (!entity.properties.has(HOLDOUT_COLUMN)) return;
  resolution.problem({
    code: 'reserved-name',
    at: [...segment.at, 'holdout'],
    message: `Entity ${entity.name} has a property \`${HOLDOUT_COLUMN}\`, which is the name of the column that a holdout adds.`,
    fix: 'Rename the column.',
  });
}
