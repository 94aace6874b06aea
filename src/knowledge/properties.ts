import type { ColumnBlock } from '../artifacts/annotation.ts';
import type { Origin } from '../artifacts/position.ts';
import { parseColumnType } from './column-type.ts';
import { humanName } from './entities.ts';
import type { BuildContext, CustomAttributeDraft, EntityDraft } from './entity-draft.ts';
import { isBuiltIn } from './keys.ts';
import { nodeLabel } from './node.ts';
import type { NodeColumn, NodeColumns } from './node-columns.ts';
import type { Property } from './store.ts';

/** The properties of an entity: the columns listed and those that something uses, then the custom attributes. */
export function buildProperties(context: BuildContext, draft: EntityDraft): ReadonlyMap<string, Property> {
  const names = draft.block.columns === 'all' ? draft.columns.allNames : draft.columns.listedNames;
  const more = [...draft.used].filter((name) => !names.includes(name)).sort();
  const taken = new Map<string, string>();
  const properties = new Map<string, Property>();
  for (const name of [...names, ...more]) {
    const property = columnProperty(context, draft, name);
    const identifier = soundIdentifier(context, { draft, property, taken });
    properties.set(name, { ...property, identifier });
  }
  for (const custom of draft.customAttributes.values()) {
    properties.set(custom.name, customProperty(context, custom));
  }
  return properties;
}

function columnProperty(context: BuildContext, draft: EntityDraft, name: string): Property {
  const column = draft.columns.get(name);
  const annotated = draft.columnBlocks.get(column?.name ?? name) ?? null;
  const block = annotated?.block ?? null;
  const values = acceptedValues(context, draft.columns, name);
  if (column?.listed && draft.columns.isMissingInCatalog(name) && block?.hidden !== true) {
    reportMissing(context, { draft, name, origin: annotated?.origin ?? draft.origin });
  }
  return {
    name,
    identifier: block?.identifier ?? null,
    ...typeOf(context, column),
    categorical: block?.categorical ?? values !== null,
    values,
    label: block?.label ?? humanName(name),
    description: block?.description ?? column?.listed?.description ?? '',
    hidden: block?.hidden ?? false,
    customAttribute: null,
    origin: annotated?.origin ?? null,
  };
}

function customProperty(context: BuildContext, custom: CustomAttributeDraft): Property {
  const column = custom.columns.get(custom.value);
  const values = acceptedValues(context, custom.columns, custom.value);
  return {
    name: custom.name,
    identifier: null,
    ...typeOf(context, column),
    categorical: custom.categorical ?? values !== null,
    values,
    label: custom.label ?? humanName(custom.name),
    description: column?.listed?.description ?? '',
    hidden: false,
    customAttribute: { node: custom.node, key: custom.key, value: custom.value },
    origin: custom.origin,
  };
}

function typeOf(context: BuildContext, column: NodeColumn | null): Pick<Property, 'type' | 'dataType' | 'typeFrom'> {
  const { adapterType } = context.project.manifest.metadata;
  if (column === null || column.dataType === null) return { type: null, dataType: null, typeFrom: null };
  return {
    type: parseColumnType(adapterType, column.dataType),
    dataType: column.dataType,
    typeFrom: column.typeFrom,
  };
}

/** The values of an accepted_values test that looks at every row, in their order. */
function acceptedValues(context: BuildContext, columns: NodeColumns, name: string): readonly string[] | null {
  const tests = context.tests.get(columns.node.uniqueId) ?? [];
  for (const test of tests) {
    if (test.testName !== 'accepted_values' || !isBuiltIn(test) || !test.enabled || test.where !== null) continue;
    const column = test.columnName ?? test.kwargs['column_name'];
    const values = test.kwargs['values'];
    if (typeof column !== 'string' || columns.fold(column) !== columns.fold(name) || !Array.isArray(values)) continue;
    return values.map(String);
  }
  return null;
}

function reportMissing(
  context: BuildContext,
  column: { readonly draft: EntityDraft; readonly name: string; readonly origin: Origin },
): void {
  const { draft, name } = column;
  context.findings.add('column-not-in-relation', {
    message: `${nodeLabel(draft.node)} lists the column \`${name}\`, but the catalog has no such column.`,
    location: column.origin.locate([]),
    node: draft.node.uniqueId,
  });
}

/** The property's identifier, unless another has its kind and rank. */
function soundIdentifier(
  context: BuildContext,
  given: { readonly draft: EntityDraft; readonly property: Property; readonly taken: Map<string, string> },
): ColumnBlock['identifier'] {
  const { draft, property, taken } = given;
  const { identifier } = property;
  if (identifier === null || property.hidden) return identifier;
  const key = `${identifier.kind} ${identifier.rank}`;
  const other = taken.get(key);
  if (other === undefined) {
    taken.set(key, property.name);
    return identifier;
  }
  const form = identifier.form === 'sha256' ? ', form: sha256' : '';
  context.findings.add('identifier-rank', {
    message: `\`${other}\` and \`${property.name}\` of entity \`${draft.name}\` are both ${identifier.kind} of rank ${identifier.rank}.`,
    fix: `Write \`identifier: {kind: ${identifier.kind}, rank: ${identifier.rank + 1}${form}}\` on the second.`,
    location: property.origin?.locate(['identifier']) ?? draft.origin.locate([]),
    node: draft.node.uniqueId,
  });
  return null;
}
