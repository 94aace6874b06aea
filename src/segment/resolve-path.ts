import type { Origin, Path } from '../artifacts/position.ts';
import { type Finding, nearest } from '../finding.ts';
import { type Entity, isToOne, type KnowledgeStore, type Property, type Relationship } from '../knowledge/store.ts';
import type { ResolvedPath } from './resolved.ts';

/** Names of one block of annotations becoming things: what they are looked up in, and what was found wrong. */
export class Resolution {
  readonly store: KnowledgeStore;
  readonly findings: Finding[] = [];
  readonly #origin: Origin;

  constructor(store: KnowledgeStore, origin: Origin) {
    this.store = store;
    this.#origin = origin;
  }

  /** Records an error at a place of the block; returns null, so that a resolver can end with it. */
  problem(problem: { code: string; at: Path; message: string; fix: string }): null {
    const { code, at, message, fix } = problem;
    this.findings.push({ code, severity: 'error', message, fix, location: this.#origin.locate(at) });
    return null;
  }
}

/** A property of the entity, or one reached over to-one steps. */
export function resolvePath(
  resolution: Resolution,
  from: { readonly entity: Entity; readonly at: Path },
  path: readonly string[],
): ResolvedPath | null {
  const steps: Relationship[] = [];
  let entity = from.entity;
  for (const name of path.slice(0, -1)) {
    const step = resolveStep(resolution, { entity, at: from.at }, name);
    if (step === null) return null;
    if (!isToOne(step.relationship)) {
      return resolution.problem({
        code: 'step-to-many',
        at: from.at,
        message: `\`${path.join('.')}\` goes over \`${name}\`, which leads from a ${entity.name} to many of ${step.entity.name}.`,
        fix: `Ask about the many with \`relation: ${name}\` and an aggregate.`,
      });
    }
    steps.push(step.relationship);
    entity = step.entity;
  }
  const property = resolveProperty(resolution, { entity, at: from.at }, path.at(-1) ?? '');
  return property === null ? null : { steps, entity, property };
}

/** The relationships of a dotted path, of any type, and the entity to which they lead. */
export function resolveSteps(
  resolution: Resolution,
  from: { readonly entity: Entity; readonly at: Path },
  path: readonly string[],
): { readonly steps: readonly Relationship[]; readonly entity: Entity } | null {
  const steps: Relationship[] = [];
  let entity = from.entity;
  for (const name of path) {
    const step = resolveStep(resolution, { entity, at: from.at }, name);
    if (step === null) return null;
    steps.push(step.relationship);
    entity = step.entity;
  }
  return { steps, entity };
}

function resolveStep(
  resolution: Resolution,
  from: { readonly entity: Entity; readonly at: Path },
  name: string,
): { readonly relationship: Relationship; readonly entity: Entity } | null {
  const { entity, at } = from;
  const relationship = entity.relationships.get(name);
  const target = relationship && resolution.store.entities.get(relationship.to);
  if (relationship && target) return { relationship, entity: target };
  const isProperty = entity.properties.has(name);
  return resolution.problem({
    code: 'unknown-relation',
    at,
    message: isProperty
      ? `\`${name}\` is a property of ${entity.name}, not a relation.`
      : `Entity ${entity.name} has no relation \`${name}\`.`,
    fix: suggest(name, [...entity.relationships.keys()], 'relations'),
  });
}

function resolveProperty(
  resolution: Resolution,
  from: { readonly entity: Entity; readonly at: Path },
  name: string,
): Property | null {
  const { entity, at } = from;
  const property = entity.properties.get(name);
  if (property) return property;
  const isRelation = entity.relationships.has(name);
  return resolution.problem({
    code: 'unknown-property',
    at,
    message: isRelation
      ? `\`${name}\` is a relation of ${entity.name}, not a property.`
      : `Entity ${entity.name} has no property \`${name}\`.`,
    fix: isRelation
      ? `Name a property behind it, \`${name}.<property>\`, or ask about the related rows with \`relation: ${name}\`.`
      : suggest(name, [...entity.properties.keys()], 'properties'),
  });
}

/** "Did you mean": the nearest name, else the first of those that there are. */
export function suggest(typed: string, names: readonly string[], what: string): string {
  const near = nearest(typed, names);
  if (near !== null) return `Did you mean \`${near}\`?`;
  if (names.length === 0) return `There are no ${what} here.`;
  const shown = names.slice(0, 12).join(', ');
  return `The ${what} here are ${shown}${names.length > 12 ? ' …' : ''}.`;
}
