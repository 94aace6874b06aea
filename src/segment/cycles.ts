import type { Finding } from '../finding.ts';
import type { Entity, Relationship } from '../knowledge/store.ts';
import type { ResolvedPath, ResolvedRule, ResolvedSegment, ResolvedValue, TypedTest } from './resolved.ts';

/** What is generated from rules, and so may come to depend on itself. */
interface Rules {
  readonly entities: readonly { readonly entity: Entity; readonly where: ResolvedRule | null }[];
  readonly segments: readonly ResolvedSegment[];
}

interface Node {
  readonly label: string;
  readonly needs: ReadonlySet<string>;
  finding(cycle: string): Finding;
}

/**
 * Views that would need themselves: a segment that uses itself over others, or an entity whose `where` looks at rows of an entity that in
 * the end looks back at its own. Each cycle is reported once, and printed.
 */
export function findCycles(rules: Rules): Finding[] {
  const nodes = new Map<string, Node>();
  for (const { entity, where } of rules.entities) nodes.set(`entity ${entity.name}`, entityNode(entity, where));
  for (const resolved of rules.segments) nodes.set(`segment ${resolved.segment.name}`, segmentNode(resolved));
  const done = new Set<string>();
  const findings: Finding[] = [];
  for (const start of nodes.keys()) visit(start, { nodes, done, trail: [], findings });
  return findings;
}

interface Walk {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly done: Set<string>;
  readonly trail: readonly string[];
  readonly findings: Finding[];
}

function visit(name: string, walk: Walk): void {
  const node = walk.nodes.get(name);
  if (!node || walk.done.has(name)) return;
  const seen = walk.trail.indexOf(name);
  if (seen >= 0) {
    const cycle = [...walk.trail.slice(seen), name];
    walk.findings.push(node.finding(cycle.map((step) => walk.nodes.get(step)?.label ?? step).join(' → ')));
    return;
  }
  for (const need of node.needs) visit(need, { ...walk, trail: [...walk.trail, name] });
  walk.done.add(name);
}

function segmentNode({ segment, entity, where, limit }: ResolvedSegment): Node {
  const needs = new Set([`entity ${entity.name}`]);
  if (where !== null) addRule(needs, where);
  if (limit !== null) addPath(needs, limit.by);
  return {
    label: segment.name,
    needs,
    finding: (cycle) => ({
      code: 'segment-cycle',
      severity: 'error',
      message: `Segment ${segment.name} uses itself: ${cycle}.`,
      fix: 'Remove one of these uses.',
      location: segment.origin.locate([...segment.at, 'where']),
    }),
  };
}

function entityNode(entity: Entity, where: ResolvedRule | null): Node {
  const needs = new Set<string>();
  if (where !== null) addRule(needs, where);
  return {
    label: `where of ${entity.name}`,
    needs,
    finding: (cycle) => ({
      code: 'entity-cycle',
      severity: 'error',
      message: `Which rows entity ${entity.name} has depends on itself: ${cycle}.`,
      fix: `Let the \`where\` of ${entity.name} name its own columns only, or leave those rows out in its dbt model.`,
      location: entity.origin.locate(entity.where?.at ?? []),
    }),
  };
}

function addRule(needs: Set<string>, rule: ResolvedRule): void {
  switch (rule.kind) {
    case 'all':
    case 'any':
    case 'none':
      for (const inner of rule.rules) addRule(needs, inner);
      return;
    case 'not':
      addRule(needs, rule.rule);
      return;
    case 'attribute':
      addPath(needs, rule.path);
      addTest(needs, rule.typed);
      return;
    case 'relation':
      addSteps(needs, rule.aggregate.steps);
      if (rule.aggregate.of) addPath(needs, rule.aggregate.of.path);
      if (rule.aggregate.where) addRule(needs, rule.aggregate.where);
      for (const test of rule.tests) addTest(needs, test);
      return;
    case 'segment':
      needs.add(`segment ${rule.segment.name}`);
  }
}

function addTest(needs: Set<string>, { test }: TypedTest): void {
  if (test.kind === 'compare') addValue(needs, test.right.value);
  if (test.kind === 'text') addValue(needs, test.right);
  if (test.kind === 'between') {
    addValue(needs, test.from.value);
    addValue(needs, test.to.value);
  }
}

function addValue(needs: Set<string>, value: ResolvedValue): void {
  if (value.kind === 'path') addPath(needs, value.path);
}

function addPath(needs: Set<string>, path: ResolvedPath): void {
  addSteps(needs, path.steps);
}

function addSteps(needs: Set<string>, steps: readonly Relationship[]): void {
  for (const step of steps) needs.add(`entity ${step.to}`);
}
