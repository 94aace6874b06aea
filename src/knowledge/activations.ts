import type { ActivationBlock, Guards } from '../artifacts/annotation.ts';
import type { Origin, Path } from '../artifacts/position.ts';
import { nearest } from '../finding.ts';
import { consentColumns } from './consent.ts';
import type { DestinationDraft } from './destinations.ts';
import type { BuildContext } from './entity-draft.ts';
import { meant } from './finding-doc.ts';
import { buildIdentifiers, buildMapping } from './mapping.ts';
import type { SegmentDraft } from './segments.ts';
import { eventAgeDaysMax } from './service-facts.ts';
import type { Activation, Entity, Property } from './store.ts';
import { isWritten } from './written.ts';

/** Guards of an activation for which neither it nor its destination says anything else. */
export const DEFAULT_GUARDS: Required<Guards> = {
  max_delete_percent: 20,
  max_delete_rows: 50_000,
  min_delete_rows: 100,
  key_churn_percent: 50,
  allow_empty: false,
};

export const DEFAULT_SCHEDULE = 'after_dbt';
export const DEFAULT_ATTEMPTS = 5;

/** An activation as it was written, with whom it belongs to. */
export interface ActivationSource {
  readonly name: string;
  readonly block: ActivationBlock;
  readonly parent: Activation['parent'];
  readonly entity: string;
  readonly origin: Origin;
  readonly at: Path;
}

/** Every activation of the project as it was written: of entities, then of segments. */
export function activationSources(
  entities: Iterable<{
    readonly name: string;
    readonly origin: Origin;
    readonly activations: Readonly<Record<string, ActivationBlock>>;
  }>,
  segments: Iterable<SegmentDraft>,
): readonly ActivationSource[] {
  const ofEntities = [...entities].flatMap(({ name: entity, origin, activations }) =>
    Object.entries(activations).map(([name, block]) => ({
      name,
      block,
      parent: { kind: 'entity' as const, name: entity },
      entity,
      origin,
      at: ['activations', name],
    })),
  );
  const ofSegments = [...segments].flatMap(({ segment, activations }) =>
    Object.entries(activations).map(([name, block]) => ({
      name,
      block,
      parent: { kind: 'segment' as const, name: segment.name },
      entity: segment.entity,
      origin: segment.origin,
      at: [...segment.at, 'activations', name],
    })),
  );
  return [...ofEntities, ...ofSegments];
}

/** The activations with every default applied, by id. */
export function buildActivations(
  context: BuildContext,
  parts: {
    readonly sources: readonly ActivationSource[];
    readonly entities: ReadonlyMap<string, Entity>;
    readonly destinations: ReadonlyMap<string, DestinationDraft>;
  },
): ReadonlyMap<string, Activation> {
  const activations = new Map<string, Activation>();
  for (const source of parts.sources) {
    const target = findTarget(context, source, parts.destinations);
    const entity = parts.entities.get(source.entity);
    if (target === null || entity === undefined) continue;
    const activation = buildActivation(source, target, { entity, entities: parts.entities });
    if (activations.has(activation.id)) {
      context.findings.add('duplicate-activation', {
        message: `There are two activations \`${activation.id}\`.`,
        location: source.origin.locate(source.at),
      });
      continue;
    }
    activations.set(activation.id, activation);
  }
  return activations;
}

function findTarget(
  context: BuildContext,
  source: ActivationSource,
  destinations: ReadonlyMap<string, DestinationDraft>,
): DestinationDraft | null {
  const name = source.block.to ?? source.name;
  const target = destinations.get(name);
  if (target !== undefined) return target;
  // A destination of which something is wrong has its own finding.
  const { settings } = context.project;
  if (settings.isUnreadable || settings.destinations.has(name) || isWritten(settings.origin, ['destinations', name]))
    return null;
  const near = nearest(name, settings.destinations.keys());
  context.findings.add('unknown-destination', {
    message: `The activation \`${source.parent.name}.${source.name}\` sends to \`${name}\`, which is no destination${meant(near)}`,
    location: source.origin.locate(source.block.to === null ? source.at : [...source.at, 'to']),
  });
  return null;
}

function buildActivation(
  source: ActivationSource,
  target: DestinationDraft,
  { entity, entities }: { readonly entity: Entity; readonly entities: ReadonlyMap<string, Entity> },
): Activation {
  const { block, name, parent, origin, at } = source;
  const { facts, block: settings, destination } = target;
  const propertyAt = (path: readonly string[]): Property | null => findProperty(entities, entity, path);
  const input = { block, target, properties: entity.properties, propertyAt, origin };
  const ageDaysMax = eventAgeDaysMax(facts, destination.config);
  return {
    id: `${parent.name}.${name}`,
    name,
    parent,
    entity: entity.name,
    destination: destination.name,
    mode: block.mode ?? facts.defaultMode,
    operations: block.operations ?? facts.defaultOperations,
    audience: facts.audience === null ? null : (block.audience ?? parent.name),
    mapping: buildMapping(input),
    identifiers: buildIdentifiers(input),
    consent: consentColumns(source, settings),
    schedule: block.schedule ?? settings.defaults.schedule ?? DEFAULT_SCHEDULE,
    guards: { ...DEFAULT_GUARDS, ...settings.guards, ...block.guards },
    attempts: block.attempts ?? settings.defaults.attempts ?? DEFAULT_ATTEMPTS,
    since: block.since,
    lookback: block.lookback ?? (ageDaysMax === null ? null : { last: ageDaysMax, unit: 'day' }),
    was: block.was,
    enabled: block.enabled,
    origin,
    at,
  };
}

/** Where a path of relations and, at its end, a property leads; null where it leads nowhere. */
function findProperty(entities: ReadonlyMap<string, Entity>, start: Entity, path: readonly string[]): Property | null {
  let entity: Entity | undefined = start;
  for (const step of path.slice(0, -1)) entity = entities.get(entity?.relationships.get(step)?.to ?? '');
  return entity?.properties.get(path.at(-1) ?? '') ?? null;
}
