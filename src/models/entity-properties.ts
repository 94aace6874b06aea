import type { Entity, Property, Segment } from '../knowledge/store.ts';
import { MEMBER_COLUMN } from '../segment/compile-unmatched.ts';
import { isBareIdentifier, isFoldable } from '../warehouse/dialect.ts';
import { entityModelName, segmentModelName, unmatchedModelName } from './names.ts';
import { type ColumnProperties, keyTests, type ModelProperties, safeText, type YamlStyle } from './properties-yaml.ts';

/** What the properties of generated models are made with. */
export interface PropertiesContext {
  readonly style: YamlStyle;
  /** Writes a column's name in SQL. */
  readonly identifier: (column: string) => string;
  /** The type that the properties record; null where it is not known. */
  readonly dataType: (entity: Entity, property: Property) => string | null;
}

/** Docs, types and key tests of an entity's view. `columns` are those that the view has, in order. */
export function entityProperties(
  entity: Entity,
  columns: readonly string[],
  context: PropertiesContext,
): ModelProperties {
  const tests = keyTests(entity.primaryKey.map(context.identifier), context.style);
  return {
    name: entityModelName(entity.name),
    description: safeText(entity.description || `${entity.label}: the rows of ${entity.node.reference}.`),
    ...(tests.model.length === 0 ? {} : { data_tests: tests.model }),
    columns: columns.map((name) => columnProperties(name, entity, context)),
  };
}

/** The same for a segment's view: the same columns, for its members. */
export function segmentProperties(
  segment: Segment,
  entity: Entity,
  { columns, context }: { readonly columns: readonly string[]; readonly context: PropertiesContext },
): ModelProperties {
  const tests = keyTests(entity.primaryKey.map(context.identifier), context.style);
  const description = segment.description ? `${segment.label}. ${segment.description}` : segment.label;
  return {
    name: segmentModelName(segment.name),
    description: safeText(`${description.replace(/\.$/, '')}. A segment of ${entity.name}.`),
    ...(tests.model.length === 0 ? {} : { data_tests: tests.model }),
    columns: columns.map((name) =>
      name === 'dinmo_holdout' && !entity.properties.has(name)
        ? {
            name,
            description: 'True for the members of the control group: in the segment, and kept out of activations.',
            data_type: 'boolean',
          }
        : columnProperties(name, entity, context),
    ),
  };
}

/** What a SQL segment lists in vain, with a test that warns of it. */
export function unmatchedProperties(segment: Segment, entity: Entity, context: PropertiesContext): ModelProperties {
  const keys = entity.primaryKey.map((name) => {
    const { data_tests: _, ...column } = columnProperties(name, entity, context);
    return column;
  });
  return {
    name: unmatchedModelName(segment.name),
    description: `Keys that the model of segment ${segment.name} lists and that no row of ${entity.name} has, NULL among them. They are no members.`,
    columns: [
      ...keys,
      {
        name: MEMBER_COLUMN,
        description: `The row of ${entity.name} with this key: there is none.`,
        data_tests: [{ not_null: { config: { severity: 'warn' } } }],
      },
    ],
  };
}

function columnProperties(name: string, entity: Entity, context: PropertiesContext): ColumnProperties {
  const property = entity.properties.get(name);
  const type = property === undefined ? null : context.dataType(entity, property);
  const label = property === undefined || property.label === name ? '' : property.label;
  const description = property?.description || label;
  const written = nameInProperties(name, context);
  return {
    name: written.name,
    ...(description === '' ? {} : { description: safeText(description) }),
    ...(type === null ? {} : { data_type: safeText(type) }),
    ...(written.isQuoted ? { quote: true as const } : {}),
    ...(entity.primaryKey.includes(name) ? { data_tests: keyTests(entity.primaryKey, context.style).column } : {}),
  };
}

/** dbt quotes a name as it is written, or leaves it to the warehouse to fold: whichever, it has to be the name of the view's column. */
function nameInProperties(
  name: string,
  { identifier }: PropertiesContext,
): { readonly name: string; readonly isQuoted: boolean } {
  const written = identifier(name);
  if (written === name || isBareIdentifier(name.toLowerCase())) return { name, isQuoted: false };
  return { name: isFoldable(name) ? written.slice(1, -1) : name, isQuoted: true };
}
