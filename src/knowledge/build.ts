import type { CatalogColumns, Project } from '../artifacts/project.ts';
import { ReferenceIndex } from '../artifacts/reference.ts';
import type { Rule } from '../artifacts/rule.ts';
import type { Finding } from '../finding.ts';
import { type ActivationSource, activationSources, buildActivations } from './activations.ts';
import { consentColumns } from './consent.ts';
import { addCustomAttributes } from './custom-attributes.ts';
import { buildDestinations, type DestinationDraft } from './destinations.ts';
import { draftEntities, humanName, typeOfEntity } from './entities.ts';
import { type BuildContext, type EntityDraft, type Place, useIfThere } from './entity-draft.ts';
import { Findings } from './findings.ts';
import { indexTests } from './keys.ts';
import { toEntityNode } from './node.ts';
import { buildProperties } from './properties.ts';
import { addRelationships, isUnread } from './relationships.ts';
import { propertyUses } from './rule-uses.ts';
import { buildSegments, type SegmentDraft } from './segments.ts';
import type { ServiceLookup } from './service-facts.ts';
import type { Entity, KnowledgeStore } from './store.ts';

export interface BuiltKnowledge {
  /** Sound things only: what generate, plan and sync work on. */
  readonly store: KnowledgeStore;
  /** The same with the entities whose key is not known (`primaryKey` empty) and relationships that are incomplete, so that checks can look at what hangs on them. */
  readonly checkable: KnowledgeStore;
  readonly findings: readonly Finding[];
}

/**
 * Derives the Knowledge Store from what dbt said and the user wrote. Pure: reads no disk and no clock, and never throws
 * for what a user wrote; whatever is broken leaves a finding and is left out of the store. `described` are the columns
 * that the warehouse has now, by unique_id, where it was asked: they add columns and types, and prove nothing missing,
 * since dbt may not have built yet what the project says.
 */
export function buildKnowledgeStore(
  project: Project,
  services: ServiceLookup,
  described: ReadonlyMap<string, CatalogColumns> = new Map(),
): BuiltKnowledge {
  const findings = new Findings();
  const { manifest } = project;
  const context: BuildContext = {
    project,
    services,
    described,
    findings,
    tests: indexTests(manifest),
    references: new ReferenceIndex(manifest.nodes, manifest.metadata.projectName),
  };
  const drafts = draftEntities(context);
  addCustomAttributes(context, drafts);
  addRelationships(context, drafts);
  const segments = buildSegments(context, drafts);
  const destinations = buildDestinations(context);
  const owners = [...drafts.values()].map(({ name, origin, block }) => ({
    name,
    origin,
    activations: block.activations,
  }));
  const sources = activationSources(owners, segments.values());
  addUses(context, { drafts, segments, sources, destinations });
  const entities = new Map([...drafts.values()].map((draft) => [draft.name, buildEntity(context, draft)]));
  const checkable: KnowledgeStore = {
    project: project.name,
    timezone: project.settings.timezone,
    adapterType: manifest.metadata.adapterType,
    entities,
    segments: new Map([...segments.values()].map(({ segment }) => [segment.name, segment])),
    activations: buildActivations(context, { sources, entities, destinations }),
    destinations: new Map([...destinations.values()].map(({ destination }) => [destination.name, destination])),
  };
  const broken = new Set([...drafts.values()].filter((draft) => draft.broken).map((draft) => draft.name));
  return { store: withoutEntities(checkable, broken), checkable, findings: findings.list };
}

/** A column is a property when a filter, a limit, a mapping or a consent names it, though YAML does not list it. */
function addUses(
  context: BuildContext,
  parts: {
    readonly drafts: ReadonlyMap<string, EntityDraft>;
    readonly segments: ReadonlyMap<string, SegmentDraft>;
    readonly sources: readonly ActivationSource[];
    readonly destinations: ReadonlyMap<string, DestinationDraft>;
  },
): void {
  const { drafts, segments, sources, destinations } = parts;
  const follow = (entity: string, path: readonly string[]): string | null => followPath(drafts, entity, path);
  const use = (entity: string, path: readonly string[], place: Place) => {
    const last = path.at(-1);
    const draft = drafts.get(follow(entity, path.slice(0, -1)) ?? '');
    if (last !== undefined && draft !== undefined) useIfThere(context, draft, { name: last, place });
  };
  const useRule = (rule: Rule | null, entity: string, origin: Place['origin']) => {
    for (const found of rule === null ? [] : propertyUses(rule, entity, follow)) {
      use(found.entity, found.path, { origin, at: found.at });
    }
  };
  for (const draft of drafts.values()) useRule(draft.block.where, draft.name, draft.origin);
  for (const { segment } of segments.values()) {
    if (segment.definition.kind === 'filter') useRule(segment.definition.where, segment.entity, segment.origin);
    if (segment.limit === null) continue;
    use(segment.entity, segment.limit.by, { origin: segment.origin, at: [...segment.at, 'limit', 'by'] });
  }
  for (const source of sources) {
    const { block, entity, origin, at } = source;
    const settings = destinations.get(block.to ?? source.name)?.block;
    for (const column of settings === undefined ? [] : consentColumns(source, settings))
      use(entity, column.path, column);
    for (const [field, mapped] of Object.entries(block.mapping ?? {})) {
      if (mapped.source.kind !== 'column') continue;
      use(entity, mapped.source.path, { origin, at: [...at, 'mapping', field] });
    }
    for (const name of block.attributes ?? []) use(entity, name.split('.'), { origin, at: [...at, 'attributes'] });
  }
}

function followPath(drafts: ReadonlyMap<string, EntityDraft>, entity: string, path: readonly string[]): string | null {
  let current: string | null = entity;
  for (const step of path) current = drafts.get(current ?? '')?.relationships.get(step)?.to ?? null;
  return current;
}

function buildEntity(context: BuildContext, draft: EntityDraft): Entity {
  const { block, node } = draft;
  return {
    name: draft.name,
    plural: draft.plural,
    label: block.label ?? humanName(draft.name),
    description: block.description ?? node.description,
    type: typeOfEntity(block),
    class: block.class ?? 'other',
    node: toEntityNode(node, context.project.manifest.metadata.projectName),
    primaryKey: draft.primaryKey,
    primaryKeyFrom: draft.primaryKeyFrom,
    eventTime: draft.eventTime,
    where: block.where,
    properties: buildProperties(context, draft),
    relationships: draft.relationships,
    origin: draft.origin,
    notes: draft.notes,
  };
}

/** The store without these entities and whatever stands on them, and without relationships in which something is wrong. */
function withoutEntities(store: KnowledgeStore, names: ReadonlySet<string>): KnowledgeStore {
  const kept = <T>(map: ReadonlyMap<string, T>, keep: (value: T) => boolean) =>
    new Map([...map].filter(([, value]) => keep(value)));
  const entities = kept(store.entities, (entity) => !names.has(entity.name));
  return {
    ...store,
    entities: new Map(
      [...entities].map(([name, entity]) => [
        name,
        { ...entity, relationships: kept(entity.relationships, (one) => !names.has(one.to) && !isUnread(one)) },
      ]),
    ),
    segments: kept(store.segments, (segment) => !names.has(segment.entity)),
    activations: kept(store.activations, (activation) => !names.has(activation.entity)),
  };
}
