import type { ManifestConstraint, ManifestNode, ManifestTest } from '../artifacts/manifest.ts';
import type { BuildContext, EntityDraft } from './entity-draft.ts';
import { coversUnique, isBuiltIn } from './keys.ts';
import { nodeLabel } from './node.ts';
import { plainColumn } from './node-columns.ts';
import type { Provenance } from './store.ts';

/** A foreign key from one entity to the key of another, as dbt states it. */
export interface Link {
  readonly child: EntityDraft;
  readonly parent: EntityDraft;
  readonly pairs: readonly (readonly [child: string, parent: string])[];
  readonly oneToOne: boolean;
  readonly provenance: Provenance;
}

interface Candidate {
  readonly child: EntityDraft;
  readonly target: ManifestNode | null;
  readonly childColumns: readonly (string | null)[];
  /** Empty: the target's key. */
  readonly parentColumns: readonly (string | null)[];
  readonly provenance: Provenance;
  /** Set where the fact is of no use, whatever its columns. */
  readonly unusable: string | null;
}

/** The foreign keys that dbt states between entities; what was seen and not used becomes a note of the child. */
export function deriveLinks(context: BuildContext, drafts: ReadonlyMap<string, EntityDraft>): readonly Link[] {
  const byNode = new Map([...drafts.values()].map((draft) => [draft.node.uniqueId, draft]));
  const candidates = [...drafts.values()].flatMap((child) => [
    ...constraintCandidates(context, child),
    ...testCandidates(context, child),
  ]);
  const links = new Map<string, Link>();
  for (const candidate of [...candidates, ...semanticCandidates(context, byNode)]) {
    const link = toLink(candidate, byNode);
    if (typeof link === 'string') {
      candidate.child.notes.push({
        source: candidate.provenance.source,
        detail: `not used as a relationship: ${candidate.provenance.detail} ${link}`,
      });
      continue;
    }
    const pairs = link.pairs.map((pair) => pair.join('=')).sort();
    const key = `${link.child.name} ${link.parent.name} ${pairs.join(',')}`;
    if (!links.has(key)) links.set(key, link);
  }
  return [...links.values()];
}

/** The link, or why there is none. */
function toLink(candidate: Candidate, byNode: ReadonlyMap<string, EntityDraft>): Link | string {
  if (candidate.unusable !== null) return candidate.unusable;
  if (candidate.target === null) return 'leads to a node that cannot be told';
  const parent = byNode.get(candidate.target.uniqueId);
  if (parent === undefined) return `leads to ${nodeLabel(candidate.target)}, which is no entity`;
  const { child } = candidate;
  const stated = candidate.parentColumns.length === 0 ? parent.primaryKey : candidate.parentColumns;
  const own = candidate.childColumns.map((name) => (name === null ? null : columnName(child, name)));
  const their = stated.map((name) => (name === null ? null : columnName(parent, name)));
  if (own.length !== their.length) return 'names another number of columns than it leads to';
  const pairs = own.flatMap((name, index): [string, string][] => {
    const other = their[index];
    return name === null || other === null || other === undefined ? [] : [[name, other]];
  });
  if (pairs.length !== own.length || pairs.length === 0) return 'is on an expression';
  const reached = pairs.map(([, name]) => name);
  // Where the key is not known, the test is believed, so that what hangs on the relationship can be checked.
  if (!parent.broken && !sameColumns(parent, reached, parent.primaryKey))
    return `does not lead to the key of ${parent.name}`;
  if (child === parent && pairs.every(([a, b]) => a === b)) return 'leads to itself';
  const foreign = pairs.map(([name]) => name);
  return {
    child,
    parent,
    pairs,
    oneToOne: !child.broken && coversUnique(child.columns, foreign, [child.primaryKey]),
    provenance: candidate.provenance,
  };
}

function columnName(draft: EntityDraft, name: string): string {
  return draft.columns.get(name)?.name ?? name;
}

function sameColumns(draft: EntityDraft, a: readonly string[], b: readonly string[]): boolean {
  const folded = (names: readonly string[]) =>
    names
      .map((name) => draft.columns.fold(name))
      .sort()
      .join('\0');
  return folded(a) === folded(b);
}

function constraintCandidates(context: BuildContext, child: EntityDraft): readonly Candidate[] {
  const { node } = child;
  const own = [
    ...node.constraints,
    ...[...node.columns.values()].flatMap((column) =>
      column.constraints.map((constraint): ManifestConstraint => ({ ...constraint, columns: [column.name] })),
    ),
  ];
  return own
    .filter((constraint) => constraint.type === 'foreign_key')
    .map((constraint) => ({
      child,
      target: constraint.to === null ? null : context.references.findText(constraint.to, node.packageName),
      childColumns: constraint.columns.map(plainColumn),
      parentColumns: constraint.toColumns.map(plainColumn),
      provenance: {
        source: 'constraint',
        detail: `foreign_key constraint on ${nodeLabel(node)}.${constraint.columns.join(', ')}`,
      },
      unusable: null,
    }));
}

function testCandidates(context: BuildContext, child: EntityDraft): readonly Candidate[] {
  const tests = context.tests.get(child.node.uniqueId) ?? [];
  return tests
    .filter((test) => test.testName === 'relationships' && isBuiltIn(test))
    .map((test) => {
      const column = textOf(test, 'column_name') ?? test.columnName;
      const field = textOf(test, 'field');
      return {
        child,
        target: test.targetNode === null ? null : (context.project.manifest.nodes.get(test.targetNode) ?? null),
        childColumns: [column === null ? null : plainColumn(column)],
        parentColumns: [field === null ? null : plainColumn(field)],
        provenance: { source: 'test', detail: `relationships test on ${nodeLabel(child.node)}.${column ?? '?'}` },
        unusable: !test.enabled ? 'is disabled' : test.where === null ? null : 'has a where',
      };
    });
}

function textOf(test: ManifestTest, key: string): string | null {
  const value = test.kwargs[key];
  return typeof value === 'string' ? value : null;
}

interface SemanticKey {
  readonly draft: EntityDraft;
  readonly name: string;
  readonly type: string;
  readonly column: string | null;
}

/** Entities of semantic models: a foreign (or unique) one leads to the primary one of its name. */
function semanticCandidates(context: BuildContext, byNode: ReadonlyMap<string, EntityDraft>): readonly Candidate[] {
  const keys = semanticKeys(context, byNode);
  return keys
    .filter((key) => key.type === 'foreign' || key.type === 'unique')
    .flatMap((key): readonly Candidate[] => {
      const primaries = keys.filter((other) => other.type === 'primary' && other.name === key.name);
      const targets = [...new Set(primaries.map((other) => other.draft))].filter((draft) => draft !== key.draft);
      const [target] = targets;
      if (target === undefined) return [];
      const primary = primaries.find((other) => other.draft === target);
      return [
        {
          child: key.draft,
          target: target.node,
          childColumns: [key.column],
          parentColumns: [primary?.column ?? null],
          provenance: {
            source: 'semantic_model',
            detail: `semantic-model entity ${key.name} on ${nodeLabel(key.draft.node)}.${key.column ?? '?'}`,
          },
          unusable: targets.length > 1 ? `is the primary entity of ${targets.length} models` : null,
        },
      ];
    });
}

function semanticKeys(context: BuildContext, byNode: ReadonlyMap<string, EntityDraft>): readonly SemanticKey[] {
  const fromModels = context.project.manifest.semanticModels.flatMap((model) => {
    const draft = byNode.get(model.node);
    return draft === undefined ? [] : model.entities.map((entity) => ({ draft, ...entity }));
  });
  const fromColumns = [...byNode.values()].flatMap((draft) =>
    [...draft.node.columns.values()].flatMap((column) =>
      column.semanticEntity === null ? [] : [{ draft, ...column.semanticEntity, column: column.name }],
    ),
  );
  return [...fromModels, ...fromColumns];
}
