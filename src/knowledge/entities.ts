import type { Annotation, EntityBlock } from '../artifacts/annotation.ts';
import type { ManifestNode } from '../artifacts/manifest.ts';
import type { Origin } from '../artifacts/position.ts';
import { type BuildContext, type EntityDraft, useColumn } from './entity-draft.ts';
import { listed, meant } from './finding-doc.ts';
import { coversUnique, type KeyEvidence, type KeyFacts, keyFacts } from './keys.ts';
import { describedColumns, inOrderOfTrust, recordedColumns } from './learned-columns.ts';
import { isLatestVersion, nodeLabel } from './node.ts';
import { NodeColumns } from './node-columns.ts';
import type { Provenance } from './store.ts';
import { findUnstableFunction } from './unstable-key.ts';

const NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** True when a name may be one of ours; leaves a finding otherwise. */
export function isValidName(context: BuildContext, name: string, origin: Origin): boolean {
  if (NAME.test(name)) return true;
  context.findings.add('invalid-name', {
    message: `\`${name}\` cannot be the name of an entity or a segment.`,
    location: origin.locate([]),
  });
  return false;
}

/** True when the node has a relation of its own; leaves a finding otherwise. */
export function hasRelation(context: BuildContext, node: ManifestNode, origin: Origin): boolean {
  if (node.materialized !== 'ephemeral' && node.relationName !== null) return true;
  context.findings.add('ephemeral-model', {
    message: `${nodeLabel(node)} is ephemeral: it has no relation in the warehouse.`,
    location: origin.locate([]),
    node: node.uniqueId,
  });
  return false;
}

/** The entities of the project with their keys, by name. Their relationships and properties follow. */
export function draftEntities(context: BuildContext): Map<string, EntityDraft> {
  const drafts = new Map<string, EntityDraft>();
  for (const annotation of context.project.annotations) {
    if (annotation.kind !== 'entity') continue;
    const draft = draftEntity(context, annotation);
    if (draft === null) continue;
    const other = drafts.get(draft.name);
    if (other !== undefined) {
      context.findings.add('duplicate-entity', {
        message: `${nodeLabel(other.node)} and ${nodeLabel(draft.node)} are both the entity \`${draft.name}\`.`,
        location: draft.origin.locate(['name']),
        node: draft.node.uniqueId,
      });
      continue;
    }
    drafts.set(draft.name, draft);
  }
  for (const draft of drafts.values()) addKey(context, draft);
  return drafts;
}

function draftEntity(context: BuildContext, annotation: Extract<Annotation, { kind: 'entity' }>): EntityDraft | null {
  const { block, origin } = annotation;
  const { manifest } = context.project;
  const node = manifest.nodes.get(annotation.node);
  if (node === undefined || !isLatestVersion(node) || !hasRelation(context, node, origin)) return null;
  const name = block.name ?? node.name;
  if (block.name === null && !isValidName(context, name, origin)) return null;
  const columns = new NodeColumns(context.project, node, learnedColumns(context, { node, entity: name }));
  return {
    name,
    plural: block.plural ?? node.name,
    block,
    node,
    columns,
    columnBlocks: columnBlocks(context, columns),
    origin,
    primaryKey: [],
    primaryKeyFrom: { source: 'default', detail: 'not known' },
    eventTime: null,
    broken: false,
    used: new Set(),
    customAttributes: new Map(),
    relationships: new Map(),
    notes: [],
  };
}

/** What the warehouse has now, and what an earlier `generate` recorded, less the columns that other models compute. */
function learnedColumns(context: BuildContext, of: { readonly node: ManifestNode; readonly entity: string }) {
  const computed = new Set(
    context.project.annotations.flatMap((other) =>
      other.kind === 'custom_attribute' && other.block.entity === of.entity ? [other.block.name] : [],
    ),
  );
  const recorded = recordedColumns(context, of.entity).filter((column) => !computed.has(column.name));
  return inOrderOfTrust(context, describedColumns(context, of.node), recorded);
}

function columnBlocks(context: BuildContext, columns: NodeColumns): EntityDraft['columnBlocks'] {
  const blocks: [string, { block: Extract<Annotation, { kind: 'column' }>['block']; origin: Origin }][] = [];
  for (const annotation of context.project.annotations) {
    if (annotation.kind !== 'column' || annotation.node !== columns.node.uniqueId) continue;
    const match = columns.match(annotation.column);
    if (match.kind === 'unverified') {
      context.findings.add('unverified-column', {
        message: `Nothing says that ${nodeLabel(columns.node)} has the column \`${match.name}\`: it is annotated, but not listed in the model's YAML, and there is no catalog.`,
        location: annotation.origin.locate([]),
        node: columns.node.uniqueId,
      });
    }
    if (match.kind === 'missing') {
      context.findings.add('unknown-column', {
        message: `The column \`${annotation.column}\` is annotated, but ${nodeLabel(columns.node)} does not have it${meant(match.nearest)}`,
        location: annotation.origin.locate([]),
        node: columns.node.uniqueId,
      });
      continue;
    }
    blocks.push([match.name, { block: annotation.block, origin: annotation.origin }]);
  }
  return new Map(blocks);
}

function addKey(context: BuildContext, draft: EntityDraft): void {
  const facts = keyFacts(draft.columns, context.tests);
  for (const name of draft.columnBlocks.keys()) if (!draft.columns.get(name)?.listed) draft.used.add(name);
  const derived = deriveKey(facts);
  if (draft.block.primaryKey !== null) addStatedKey(context, draft, { facts, stated: draft.block.primaryKey });
  else if (derived.kind === 'key') setKey(draft, derived.key.columns, derived.key.provenance);
  draft.notes.push(...unusedEvidence(facts, draft), ...semanticKeys(context, draft));
  if (draft.block.primaryKey === null && derived.kind === 'none') reportNoKey(context, draft, derived.candidates);
  noteInference(draft);
  warnOfUnstableKey(context, draft);
  if (draft.block.eventTime !== null) {
    draft.eventTime = useColumn(context, draft, {
      name: draft.block.eventTime,
      what: `event_time of entity \`${draft.name}\``,
      place: { origin: draft.origin, at: ['event_time'] },
    });
  }
}

type DerivedKey =
  | { readonly kind: 'key'; readonly key: KeyEvidence }
  | { readonly kind: 'none'; readonly candidates: readonly KeyEvidence[] };

/** One constraint; or exactly one column; or one combination. Whatever is not the only one of its sort is no answer. */
function deriveKey(facts: KeyFacts): DerivedKey {
  for (const candidates of [facts.constraints, facts.columns, facts.combinations]) {
    const [only] = candidates;
    if (only === undefined) continue;
    return candidates.length === 1 ? { kind: 'key', key: only } : { kind: 'none', candidates };
  }
  return { kind: 'none', candidates: [] };
}

function setKey(draft: EntityDraft, columns: readonly string[], from: Provenance): void {
  draft.primaryKey = columns;
  draft.primaryKeyFrom = from;
  for (const name of columns) if (!draft.columns.get(name)?.listed) draft.used.add(name);
}

function addStatedKey(
  context: BuildContext,
  draft: EntityDraft,
  key: { readonly facts: KeyFacts; readonly stated: readonly string[] },
): void {
  const names = key.stated.map((name, index) =>
    useColumn(context, draft, {
      name,
      what: `primary_key of entity \`${draft.name}\``,
      place: { origin: draft.origin, at: key.stated.length === 1 ? ['primary_key'] : ['primary_key', index] },
    }),
  );
  if (names.includes(null) || names.length === 0) {
    draft.broken = true;
    return;
  }
  const stated = names.flatMap((name) => (name === null ? [] : [name]));
  setKey(draft, stated, { source: 'annotation', detail: `primary_key of entity ${draft.name}` });
  if (coversUnique(draft.columns, stated, key.facts.unique)) return;
  const proven = [...key.facts.constraints, ...key.facts.columns, ...key.facts.combinations];
  if (proven.length === 0) {
    draft.notes.push({ source: 'annotation', detail: `no dbt test holds the key ${stated.join(', ')} unique` });
    return;
  }
  context.findings.add('primary-key-conflict', {
    message: `The primary_key of entity \`${draft.name}\` is ${listed(stated)}, but dbt states ${proven
      .map((other) => `${listed(other.columns)} (${other.provenance.detail})`)
      .join(' and ')}.`,
    location: draft.origin.locate(['primary_key']),
    node: draft.node.uniqueId,
  });
}

function reportNoKey(context: BuildContext, draft: EntityDraft, candidates: readonly KeyEvidence[]): void {
  draft.broken = true;
  const place = { location: draft.origin.locate([]), node: draft.node.uniqueId };
  if (candidates.length > 0) {
    const found = candidates.map((key) => `${listed(key.columns)} (${key.provenance.detail})`).join(' and ');
    context.findings.add('primary-key-ambiguous', {
      message: `Entity \`${draft.name}\` has several possible keys: ${found}.`,
      ...place,
    });
    return;
  }
  const seen = draft.notes.map((note) => note.detail).join('; ');
  context.findings.add('primary-key-missing', {
    message: `Entity \`${draft.name}\` (${nodeLabel(draft.node)}) has no primary key${seen === '' ? '' : `: ${seen}`}.`,
    ...place,
  });
}

function warnOfUnstableKey(context: BuildContext, draft: EntityDraft): void {
  for (const column of draft.primaryKey) {
    const found = findUnstableFunction(draft.node.rawCode, column);
    if (found === null) continue;
    context.findings.add('primary-key-unstable', {
      message: `The key \`${column}\` of entity \`${draft.name}\` is made by ${found}(): it changes at each build.`,
      location: draft.origin.locate(draft.block.primaryKey === null ? [] : ['primary_key']),
      node: draft.node.uniqueId,
    });
  }
}

function unusedEvidence(facts: KeyFacts, draft: EntityDraft): readonly Provenance[] {
  const used = draft.primaryKey.join();
  return [...facts.unused, ...facts.constraints, ...facts.columns, ...facts.combinations]
    .filter((key) => used === '' || key.columns.join() !== used)
    .map((key) => ({ source: key.provenance.source, detail: `not used as a key: ${key.provenance.detail}` }));
}

/** dbt's own list is no proof: two columns that are each unique stand in it like one composite key. */
function noteInference(draft: EntityDraft): void {
  const inferred = draft.node.primaryKey ?? [];
  if (inferred.length === 0 || [...inferred].sort().join() === [...draft.primaryKey].sort().join()) return;
  draft.notes.push({ source: 'dbt', detail: `not used as a key: dbt's own inference, ${inferred.join(', ')}` });
}

/** Primary entities of semantic models are no proof: nothing tests them. */
function semanticKeys(context: BuildContext, draft: EntityDraft): readonly Provenance[] {
  return context.project.manifest.semanticModels
    .filter((model) => model.node === draft.node.uniqueId)
    .flatMap((model) =>
      model.entities.filter((entity) => entity.type === 'primary').map((entity) => ({ model, entity })),
    )
    .map(({ model, entity }) => ({
      source: 'semantic_model',
      detail: `not used as a key: primary entity ${entity.name} of semantic model ${model.name}`,
    }));
}

/** What an entity is called when nothing is said: `web_event` → `Web event`. */
export function humanName(name: string): string {
  const words = name.replaceAll('_', ' ').trim();
  return words === '' ? name : `${words[0]?.toUpperCase() ?? ''}${words.slice(1)}`;
}

export function typeOfEntity(block: EntityBlock): 'dimension' | 'fact' {
  return block.type ?? (block.eventTime === null ? 'dimension' : 'fact');
}
