import type { Settings } from '../artifacts/settings.ts';
import type { Activation, Entity, KnowledgeStore } from '../knowledge/store.ts';
import { entityModelName, exposureName, segmentModelName } from './names.ts';
import { type ExposureProperties, safeText, type YamlStyle } from './properties-yaml.ts';

/** One dbt exposure per activation, so that dbt's docs and `--select +exposure:*` know what leaves the warehouse, and from where. */
export function activationExposures(
  store: KnowledgeStore,
  settings: Settings,
  style: YamlStyle,
): readonly ExposureProperties[] {
  return [...store.activations.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((activation) => exposure(activation, store, { settings, style }));
}

function exposure(
  activation: Activation,
  store: KnowledgeStore,
  { settings, style }: { readonly settings: Settings; readonly style: YamlStyle },
): ExposureProperties {
  const destination = store.destinations.get(activation.destination);
  const parent =
    activation.parent.kind === 'segment'
      ? store.segments.get(activation.parent.name)
      : store.entities.get(activation.parent.name);
  const label = parent?.label ?? activation.parent.name;
  const meta = {
    dinmo: {
      activation: activation.id,
      destination: activation.destination,
      ...(destination === undefined ? {} : { platform: destination.platform, service: destination.service }),
      mode: activation.mode,
      operations: [...activation.operations],
      columns: [...activationColumns(activation, store)],
    },
  };
  const sentTo = destination === undefined ? '' : ` (${destination.platform} ${destination.service})`;
  return {
    name: exposureName(activation.id),
    label: safeText(`${label} to ${activation.destination}`),
    type: 'application',
    description: safeText(
      `Activation ${activation.id}: ${activation.parent.kind} ${activation.parent.name}, sent to ${activation.destination}${sentTo} in ${activation.mode} mode.`,
    ),
    owner: owner(settings, store.project),
    depends_on: activationModels(activation, store).map((model) => `ref('${model}')`),
    ...(style.exposureConfig ? { config: { meta } } : { meta }),
  };
}

function owner(settings: Settings, project: string): Readonly<Record<string, string>> {
  const name = settings.owner?.name ?? null;
  const email = settings.owner?.email ?? null;
  return {
    ...(name !== null || email === null ? { name: safeText(name ?? project) } : {}),
    ...(email === null ? {} : { email: safeText(email) }),
  };
}

/** The columns that an activation reads, as paths from its entity: the key, what it maps, its identifiers, and what says who has agreed. Sorted. */
export function activationColumns(activation: Activation, store: KnowledgeStore): readonly string[] {
  const entity = store.entities.get(activation.entity);
  const isEvents = store.destinations.get(activation.destination)?.service === 'events';
  const time = isEvents && entity?.eventTime != null ? [entity.eventTime] : [];
  const mapped = columnPaths(activation).map((path) => path.join('.'));
  return [...new Set([...(entity?.primaryKey ?? []), ...time, ...mapped])].sort();
}

/** The generated models that an activation reads: its own, those of its mapping, the segments that its destination excludes, and the entity that says who has agreed. */
export function activationModels(activation: Activation, store: KnowledgeStore): readonly string[] {
  const { parent } = activation;
  const own = parent.kind === 'segment' ? segmentModelName(parent.name) : entityModelName(parent.name);
  const others = new Set<string>();
  for (const path of columnPaths(activation)) {
    for (const entity of entitiesOnPath(path, activation.entity, store)) others.add(entityModelName(entity));
  }
  for (const { source } of activation.mapping) {
    if (source.kind === 'segment') others.add(segmentModelName(source.segment));
  }
  if (activation.consent.length > 0) others.add(entityModelName(activation.entity));
  for (const name of store.destinations.get(activation.destination)?.exclude ?? []) {
    if (store.segments.get(name)?.entity === activation.entity) others.add(segmentModelName(name));
  }
  others.delete(own);
  return [own, ...[...others].sort()];
}

function columnPaths(activation: Activation): readonly (readonly string[])[] {
  const mapped = activation.mapping.flatMap(({ source }) => (source.kind === 'column' ? [source.path] : []));
  return [...mapped, ...[...activation.identifiers, ...activation.consent].map(({ path }) => path)];
}

function entitiesOnPath(path: readonly string[], start: string, store: KnowledgeStore): readonly string[] {
  const passed: string[] = [];
  let entity: Entity | undefined = store.entities.get(start);
  for (const step of path.slice(0, -1)) {
    const way = entity?.relationships.get(step);
    if (way === undefined) return passed;
    passed.push(way.to);
    entity = store.entities.get(way.to);
  }
  return passed;
}
