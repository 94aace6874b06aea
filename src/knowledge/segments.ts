import type { ActivationBlock, SegmentBlock } from '../artifacts/annotation.ts';
import type { Origin, Path } from '../artifacts/position.ts';
import { reportUnknownEntity } from './custom-attributes.ts';
import { hasRelation, humanName, isValidName } from './entities.ts';
import type { BuildContext, EntityDraft } from './entity-draft.ts';
import { isLatestVersion, nodeLabel, toEntityNode } from './node.ts';
import { NodeColumns } from './node-columns.ts';
import type { Segment } from './store.ts';

/** A segment with the activations that its block holds. */
export interface SegmentDraft {
  readonly segment: Segment;
  readonly activations: Readonly<Record<string, ActivationBlock>>;
}

/** Every segment of the project, by name: of entity blocks, of files, and of models of the user's own. */
export function buildSegments(
  context: BuildContext,
  drafts: ReadonlyMap<string, EntityDraft>,
): ReadonlyMap<string, SegmentDraft> {
  const segments = new Map<string, SegmentDraft>();
  for (const draft of [...statedSegments(context, drafts), ...sqlSegments(context, drafts)]) {
    const { segment } = draft;
    const other = segments.get(segment.name);
    if (other === undefined) {
      segments.set(segment.name, draft);
      continue;
    }
    const { file, line } = other.segment.origin.locate(other.segment.at);
    context.findings.add('duplicate-segment', {
      message: `There is another segment \`${segment.name}\`, in ${file}:${line}.`,
      location: segment.origin.locate(segment.at),
    });
  }
  return segments;
}

function* statedSegments(context: BuildContext, drafts: ReadonlyMap<string, EntityDraft>): Iterable<SegmentDraft> {
  for (const draft of drafts.values()) {
    for (const [name, block] of Object.entries(draft.block.segments)) {
      yield filterSegment({ name, entity: draft.name, block, origin: draft.origin, at: ['segments', name] });
    }
  }
  for (const annotation of context.project.annotations) {
    if (annotation.kind !== 'segment') continue;
    const { name, entity, block, origin } = annotation;
    if (drafts.has(entity)) yield filterSegment({ name, entity, block, origin, at: [] });
    else {
      const location = origin.locate(['entity']);
      reportUnknownEntity(context, drafts, { entity, what: `The segment \`${name}\``, location });
    }
  }
}

function filterSegment(stated: {
  readonly name: string;
  readonly entity: string;
  readonly block: SegmentBlock;
  readonly origin: Origin;
  readonly at: Path;
}): SegmentDraft {
  const { name, entity, block, origin, at } = stated;
  const { limit, holdout, materialized, activations } = block;
  return {
    segment: {
      name,
      entity,
      label: block.label ?? humanName(name),
      description: block.description ?? '',
      definition: { kind: 'filter', where: block.where },
      limit,
      holdout,
      materialized,
      origin,
      at,
    },
    activations,
  };
}

function* sqlSegments(context: BuildContext, drafts: ReadonlyMap<string, EntityDraft>): Iterable<SegmentDraft> {
  const { manifest } = context.project;
  for (const annotation of context.project.annotations) {
    if (annotation.kind !== 'sql_segment') continue;
    const { block, origin } = annotation;
    const node = manifest.nodes.get(annotation.node);
    if (node === undefined || !isLatestVersion(node) || !hasRelation(context, node, origin)) continue;
    const name = block.name ?? node.name;
    if (block.name === null && !isValidName(context, name, origin)) continue;
    const draft = drafts.get(block.entity);
    if (draft === undefined) {
      const location = origin.locate(['entity']);
      reportUnknownEntity(context, drafts, { entity: block.entity, what: `The segment \`${name}\``, location });
      continue;
    }
    if (!exposesKey(context, { draft, columns: new NodeColumns(context.project, node), origin, name })) continue;
    const { limit, holdout, materialized, activations } = block;
    yield {
      segment: {
        name,
        entity: draft.name,
        label: block.label ?? humanName(name),
        description: block.description ?? node.description,
        definition: { kind: 'sql', node: toEntityNode(node, manifest.metadata.projectName) },
        limit,
        holdout,
        materialized,
        origin,
        at: [],
      },
      activations,
    };
  }
}

function exposesKey(
  context: BuildContext,
  model: { readonly draft: EntityDraft; readonly columns: NodeColumns; readonly origin: Origin; readonly name: string },
): boolean {
  const { draft, columns, origin, name } = model;
  // Without a catalog, a model that lists no column tells nothing, and one that lists some need not list all.
  if (!columns.complete) return true;
  const missing = draft.primaryKey.filter((column) => columns.get(column) === null);
  if (missing.length === 0) return true;
  context.findings.add('sql-segment-key-missing', {
    message: `The segment \`${name}\` needs the key of entity \`${draft.name}\`: ${nodeLabel(columns.node)} has no column ${missing.join(', ')}.`,
    location: origin.locate([]),
    node: columns.node.uniqueId,
  });
  return false;
}
