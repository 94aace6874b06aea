import type { ColumnBlock, EntityBlock } from '../artifacts/annotation.ts';
import type { ManifestNode } from '../artifacts/manifest.ts';
import type { Origin, Path } from '../artifacts/position.ts';
import type { CatalogColumns, Project } from '../artifacts/project.ts';
import type { ReferenceIndex } from '../artifacts/reference.ts';
import { meant } from './finding-doc.ts';
import type { Findings } from './findings.ts';
import type { TestIndex } from './keys.ts';
import { nodeLabel } from './node.ts';
import type { NodeColumns } from './node-columns.ts';
import type { ServiceLookup } from './service-facts.ts';
import type { EntityNode, Provenance, Relationship } from './store.ts';

/** What every step of the build reads, and where it leaves its findings. */
export interface BuildContext {
  readonly project: Project;
  readonly services: ServiceLookup;
  /** What the warehouse has now, by unique_id, where it was asked. */
  readonly described: ReadonlyMap<string, CatalogColumns>;
  readonly tests: TestIndex;
  readonly references: ReferenceIndex;
  readonly findings: Findings;
}

export interface CustomAttributeDraft {
  readonly name: string;
  readonly node: EntityNode;
  readonly columns: NodeColumns;
  readonly key: string;
  readonly value: string;
  readonly label: string | null;
  readonly categorical: boolean | null;
  readonly origin: Origin;
}

/** An entity while its parts are being gathered. */
export interface EntityDraft {
  readonly name: string;
  readonly plural: string;
  readonly block: EntityBlock;
  readonly node: ManifestNode;
  readonly columns: NodeColumns;
  readonly columnBlocks: ReadonlyMap<string, { readonly block: ColumnBlock; readonly origin: Origin }>;
  readonly origin: Origin;
  primaryKey: readonly string[];
  primaryKeyFrom: Provenance;
  eventTime: string | null;
  /** Not to be used by anything but checks: its key is not known. */
  broken: boolean;
  /** Columns that something uses though YAML does not list them. */
  readonly used: Set<string>;
  readonly customAttributes: Map<string, CustomAttributeDraft>;
  readonly relationships: Map<string, Relationship>;
  readonly notes: Provenance[];
}

/** Where a name stands in the user's files. */
export interface Place {
  readonly origin: Origin;
  readonly at: Path;
}

/**
 * Finds a column that the user names, and makes it a property of the entity if it is not listed. null, with a finding,
 * where it is not there. `what` says who names it: `primary_key of entity \`customer\``.
 */
export function useColumn(
  context: BuildContext,
  draft: EntityDraft,
  use: { readonly name: string; readonly what: string; readonly place: Place },
): string | null {
  const match = draft.columns.match(use.name);
  const location = use.place.origin.locate(use.place.at);
  const subject = `The ${use.what} names the column \`${use.name}\``;
  if (match.kind === 'missing') {
    const { nearest } = match;
    context.findings.add('unknown-column', {
      message: `${subject}, which ${nodeLabel(draft.node)} does not have${meant(nearest)}`,
      location,
      node: draft.node.uniqueId,
    });
    return null;
  }
  markUsed(context, draft, { match, location });
  return match.name;
}

/** As `useColumn`, for names that the segment room resolves and reports itself: a missing column leaves no finding here. */
export function useIfThere(context: BuildContext, draft: EntityDraft, use: { name: string; place: Place }): void {
  if (draft.customAttributes.has(use.name)) return;
  const match = draft.columns.match(use.name);
  // Another spelling of a column is no second property: the segment room names the right one.
  if (match.kind === 'missing' || match.name !== use.name) return;
  markUsed(context, draft, { match, location: use.place.origin.locate(use.place.at) });
}

function markUsed(
  context: BuildContext,
  draft: EntityDraft,
  use: {
    readonly match: { readonly kind: 'found' | 'unverified'; readonly name: string };
    readonly location: ReturnType<Origin['locate']>;
  },
): void {
  const { name } = use.match;
  if (draft.used.has(name) || draft.columns.get(name)?.listed) return;
  draft.used.add(name);
  if (use.match.kind === 'found') return;
  const said = `Nothing says that ${nodeLabel(draft.node)} has the column \`${name}\`: it is not listed in YAML, and`;
  context.findings.add('unverified-column', {
    message: `${said} ${draft.columns.described ? 'what dbt has built does not have it' : 'there is no catalog'}.`,
    ...(draft.columns.described ? { fix: 'Correct the name; or build the model, if the column is new.' } : {}),
    location: use.location,
    node: draft.node.uniqueId,
  });
}

/** Checks columns of a node that is no entity (a `through`, a custom attribute's model): the name as it is known there, or null with a finding. */
export function findColumn(
  context: BuildContext,
  columns: NodeColumns,
  use: { readonly name: string; readonly what: string; readonly place: Place },
): string | null {
  const match = columns.match(use.name);
  if (match.kind !== 'missing') return match.name;
  context.findings.add('unknown-column', {
    message: `The ${use.what} names the column \`${use.name}\`, which ${nodeLabel(columns.node)} does not have${meant(match.nearest)}`,
    location: use.place.origin.locate(use.place.at),
    node: columns.node.uniqueId,
  });
  return null;
}
