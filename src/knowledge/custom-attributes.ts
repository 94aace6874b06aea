import type { CustomAttributeBlock } from '../artifacts/annotation.ts';
import type { ManifestNode } from '../artifacts/manifest.ts';
import { nearest } from '../finding.ts';
import { hasRelation } from './entities.ts';
import { type BuildContext, type EntityDraft, findColumn } from './entity-draft.ts';
import { meant } from './finding-doc.ts';
import { describedColumns, inOrderOfTrust, recordedColumns } from './learned-columns.ts';
import { isLatestVersion, nodeLabel, toEntityNode } from './node.ts';
import { NodeColumns } from './node-columns.ts';

/** Adds the attributes that two-column models compute to their entities. */
export function addCustomAttributes(context: BuildContext, drafts: ReadonlyMap<string, EntityDraft>): void {
  const { project, findings } = context;
  for (const annotation of project.annotations) {
    if (annotation.kind !== 'custom_attribute') continue;
    const { block, origin } = annotation;
    const node = project.manifest.nodes.get(annotation.node);
    if (node === undefined || !isLatestVersion(node) || !hasRelation(context, node, origin)) continue;
    const draft = drafts.get(block.entity);
    if (draft === undefined) {
      reportUnknownEntity(context, drafts, {
        entity: block.entity,
        what: nodeLabel(node),
        location: origin.locate(['entity']),
      });
      continue;
    }
    const what = `custom attribute \`${block.name}\``;
    const columns = new NodeColumns(project, node, learnedColumns(context, node, block));
    const key = findColumn(context, columns, { name: block.key, what, place: { origin, at: ['key'] } });
    const value = findColumn(context, columns, { name: block.value, what, place: { origin, at: ['value'] } });
    if (key === null || value === null) continue;
    if (draft.primaryKey.length > 1) {
      findings.add('invalid-custom-attribute', {
        message: `The custom attribute \`${block.name}\` has one key column, but the key of entity \`${draft.name}\` is ${draft.primaryKey.length} columns.`,
        location: origin.locate(['key']),
        node: node.uniqueId,
      });
      continue;
    }
    if (draft.customAttributes.has(block.name) || draft.columns.get(block.name)?.listed) {
      findings.add('duplicate-property', {
        message: `Entity \`${draft.name}\` already has a property \`${block.name}\`.`,
        location: origin.locate(['name']),
        node: node.uniqueId,
      });
      continue;
    }
    draft.customAttributes.set(block.name, {
      name: block.name,
      node: toEntityNode(node, project.manifest.metadata.projectName),
      columns,
      key,
      value,
      label: block.label,
      categorical: block.categorical,
      origin,
    });
  }
}

/** The type of the value is that of the attribute in the entity's view, where `generate` recorded it. */
function learnedColumns(context: BuildContext, node: ManifestNode, block: CustomAttributeBlock) {
  const recorded = recordedColumns(context, block.entity)
    .filter((column) => column.name === block.name)
    .map((column) => ({ ...column, name: block.value }));
  return inOrderOfTrust(context, describedColumns(context, node), recorded);
}

/** One finding for a name that no entity has; none where the entity exists and is itself broken, which is said elsewhere. */
export function reportUnknownEntity(
  context: BuildContext,
  drafts: ReadonlyMap<string, EntityDraft>,
  unknown: {
    readonly entity: string;
    readonly what: string;
    readonly location: ReturnType<EntityDraft['origin']['locate']>;
  },
): void {
  const annotated = context.project.annotations.some(
    (other) =>
      other.kind === 'entity' &&
      (other.block.name ?? context.project.manifest.nodes.get(other.node)?.name) === unknown.entity,
  );
  if (annotated) return;
  const near = nearest(unknown.entity, drafts.keys());
  context.findings.add('unknown-entity', {
    message: `${unknown.what} names the entity \`${unknown.entity}\`, which does not exist${meant(near)}`,
    location: unknown.location,
  });
}
