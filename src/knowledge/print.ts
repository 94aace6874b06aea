import type { ColumnType, Destination, Entity, KnowledgeStore, Property, Relationship } from './store.ts';

/** A value that JSON.stringify prints without loss. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The Knowledge Store as one JSON object, for `dinmo show`: in the store's own order, without places in files and without credentials. */
export function printable(store: KnowledgeStore): Json {
  return {
    project: store.project,
    timezone: store.timezone,
    adapter: store.adapterType,
    entities: mapped(store.entities, printEntity),
    segments: mapped(store.segments, ({ origin: _origin, at: _at, name: _name, definition, ...segment }) =>
      toJson({
        ...segment,
        definition:
          definition.kind === 'sql'
            ? { kind: 'sql', model: definition.node.uniqueId }
            : { kind: 'filter', where: withoutPlaces(definition.where) },
      }),
    ),
    activations: mapped(store.activations, ({ origin: _origin, at: _at, id: _id, mapping, consent, ...activation }) =>
      toJson({
        ...activation,
        mapping: mapping.map(({ origin: _from, ...field }) => field),
        consent: consent.map(({ path }) => path.join('.')),
      }),
    ),
    // Credentials are only the names of environment variables, but nobody needs them to read what a project sends where.
    destinations: mapped(store.destinations, ({ baseUrl, consent, defaultCountry, ...destination }) => {
      const { platform, service, config, exclude } = destination;
      const shown = { platform, service, config, base_url: baseUrl, exclude, consent: consentJson(consent) };
      return toJson({ ...shown, default_country: defaultCountry });
    }),
  };
}

/** As it is written: a list, or lists by entity. */
function consentJson(consent: Destination['consent']): Json {
  if (consent === null) return null;
  const list = (columns: readonly (readonly string[])[]): Json => columns.map((path) => path.join('.'));
  if (consent.kind === 'columns') return list(consent.columns);
  return Object.fromEntries(Object.entries(consent.entities).map(([entity, columns]) => [entity, list(columns)]));
}

function printEntity(entity: Entity): Json {
  return {
    model: entity.node.uniqueId,
    label: entity.label,
    plural: entity.plural,
    description: entity.description,
    type: entity.type,
    class: entity.class,
    primary_key: toJson(entity.primaryKey),
    event_time: entity.eventTime,
    where: toJson(withoutPlaces(entity.where)),
    properties: mapped(entity.properties, printProperty),
    relationships: mapped(entity.relationships, printRelationship),
  };
}

function printProperty(property: Property): Json {
  return {
    label: property.label,
    description: property.description,
    type: property.type === null ? null : typeName(property.type),
    data_type: property.dataType,
    identifier: toJson(property.identifier),
    categorical: property.categorical,
    values: toJson(property.values),
    hidden: property.hidden,
    custom_attribute: property.customAttribute === null ? null : property.customAttribute.node.uniqueId,
  };
}

function printRelationship(relationship: Relationship): Json {
  return {
    to: relationship.to,
    type: relationship.type,
    keys: Object.fromEntries(relationship.keys),
    through: relationship.through === null ? null : relationship.through.node.uniqueId,
    to_keys: relationship.through === null ? null : Object.fromEntries(relationship.through.toKeys),
    from: relationship.provenance.source,
  };
}

/** A column type in one word: `string`, `timestamp with time zone`, `array of integer`. */
export function typeName(type: ColumnType): string {
  if (type.kind === 'array') return `array of ${typeName(type.element)}`;
  if (type.kind === 'timestamp') return type.zoned ? 'timestamp with time zone' : 'timestamp';
  return type.kind;
}

function mapped<T>(map: ReadonlyMap<string, T>, print: (value: T) => Json): Json {
  return Object.fromEntries([...map].map(([name, value]) => [name, print(value)]));
}

/** A filter as it was written, without where it was written. */
function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).filter(([key]) => key !== 'at');
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutPlaces(inner)]));
}

/** Plain data to JSON: integers beyond 2^53 become text, whatever is undefined is left out. */
function toJson(value: unknown): Json {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object') return null;
  const kept = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(
    kept.map(([key, inner]) => [key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), toJson(inner)]),
  );
}
