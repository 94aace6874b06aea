import type { ManifestNode } from '../../artifacts/manifest.ts';
import { nodeLabel } from '../../knowledge/node.ts';
import { GENERATED_TAG } from '../../models/names.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import { columnChanges } from './column-changes.ts';
import type { Compared } from './compared.ts';
import { mentions, plainCode } from './node-columns.ts';
import { canonical, isSame, listed, reachText } from './words.ts';

/** Parts of a configuration that change what a relation holds. As dbt compares them: where a model stands is its target's. */
const CONFIG = [
  ...[
    'materialized',
    'incremental_strategy',
    'unique_key',
    'on_schema_change',
    'full_refresh',
    'sql_header',
    'event_time',
  ],
  ...['pre-hook', 'post-hook', 'begin', 'batch_size', 'lookback', 'strategy', 'check_cols', 'updated_at'],
  ...['hard_deletes', 'invalidate_hard_deletes', 'column_types', 'delimiter', 'enabled', 'contract'],
] as const;

/** Models, seeds, snapshots and sources behind segments and activations: gone, modified, and their columns. */
export function modelChanges(compared: Compared): readonly ImpactChange[] {
  const { base, branch, reach } = compared;
  const changes: ImpactChange[] = [];
  for (const uniqueId of [...reach.nodesAndAncestors].sort()) {
    const before = base.project.manifest.nodes.get(uniqueId);
    const after = branch.project.manifest.nodes.get(uniqueId);
    if (after?.tags.includes(GENERATED_TAG)) continue;
    // Columns are compared before anything is said of the model: they tell why it matters.
    if (before !== undefined && after !== undefined) {
      changes.push(...columnChanges(compared, { before, after }));
      const modified = modifiedNode(compared, before, after);
      if (modified !== null) changes.push(modified);
    } else if (before === undefined && after === undefined) changes.push(missingNode(compared, uniqueId));
  }
  return changes;
}

/** What was read of the base, and is read no more because it is not there: entities of it are gone too, and told by themselves. */
function missingNode({ reach }: Compared, uniqueId: string): ImpactChange {
  return {
    code: 'model-missing',
    severity: 'breaks',
    subject: { kind: 'model', name: uniqueId },
    column: null,
    message: `${uniqueId} is read, and the manifest has no such node.`,
    effect: 'What reads it cannot be built.',
    before: null,
    after: null,
    guess: false,
    ...reach.ofNode(uniqueId),
    location: null,
  };
}

function modifiedNode(
  { base, branch, reach }: Compared,
  before: ManifestNode,
  after: ManifestNode,
): ImpactChange | null {
  const parts = [
    ...(isOtherBody(before, after) ? [after.resourceType === 'seed' ? 'its rows' : 'its SQL'] : []),
    ...configChanges(before, after).map((key) => `its configuration (${key})`),
    ...(isSame(contractOf(before), contractOf(after)) ? [] : ['its contract']),
    ...changedMacros({ base, branch }, before, after).map((name) => `the macro ${name}`),
  ];
  if (parts.length === 0) return null;
  const reached = reach.ofNode(after.uniqueId);
  const readers = reach.readersOf(after.uniqueId).filter((reader) => reader !== after.uniqueId);
  const own = reach.columnsOf(after.uniqueId);
  const named = readers
    .flatMap((reader) => reach.columnsOf(reader))
    .filter(
      (column) => mentions(before.rawCode, column) || mentions(after.rawCode, column) || after.columns.has(column),
    );
  const columns = own.length > 0 ? own : [...new Set(named)].sort();
  const labels = readers.flatMap((reader) => {
    const node = branch.project.manifest.nodes.get(reader);
    return node === undefined ? [] : [nodeLabel(node)];
  });
  const via = own.length > 0 ? '' : `, upstream of ${listed(labels)},`;
  const read = columns.length === 0 ? '' : ` Of its columns, rules and mappings read ${listed(columns, 12)}.`;
  return {
    code: 'model-modified',
    severity: 'attention',
    subject: { kind: 'model', name: nodeLabel(after) },
    column: null,
    message: `${nodeLabel(after)}${via} is modified: ${listed(parts)}.${read}`,
    effect:
      reached.segments.length + reached.activations.length === 0
        ? 'Nothing that is sent reads it.'
        : `Who is a member and what is sent may change for ${reachText(reached)}: --warehouse counts it.`,
    before: null,
    after: null,
    guess: false,
    ...reached,
    location: { file: after.originalFilePath, line: 1, column: 1 },
  };
}

/** As dbt's state:modified.body, less comments and white space, which change nothing. */
function isOtherBody(before: ManifestNode, after: ManifestNode): boolean {
  if (before.rawCode !== '' || after.rawCode !== '') return plainCode(before.rawCode) !== plainCode(after.rawCode);
  return before.checksum !== null && after.checksum !== null && before.checksum !== after.checksum;
}

/** As it was written where both manifests say it, so that what a target makes of it is no difference. */
function configChanges(before: ManifestNode, after: ManifestNode): readonly string[] {
  const written = [before.unrenderedConfig ?? {}, after.unrenderedConfig ?? {}] as const;
  const isWritten = written.some((config) => Object.keys(config).length > 0);
  const [was, is] = isWritten ? written : ([before.config, after.config] as const);
  return CONFIG.filter((key) => {
    const [one, other] = [was[key] ?? null, is[key] ?? null];
    return canonical(one) !== canonical(other) && !(isEmpty(one) && isEmpty(other));
  });
}

function isEmpty(value: unknown): boolean {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** A contract says something only where it is enforced. */
function contractOf(node: ManifestNode): unknown {
  if (!node.contractEnforced) return false;
  return [...node.columns.values()].map(({ name, dataType, constraints }) => [name, dataType, constraints]);
}

/** Macros of the project and its packages that the model calls, also through others, and that read otherwise now. */
function changedMacros(
  { base, branch }: Pick<Compared, 'base' | 'branch'>,
  before: ManifestNode,
  after: ManifestNode,
): readonly string[] {
  const was = base.project.manifest.macros ?? new Map();
  const is = branch.project.manifest.macros ?? new Map();
  const seen = new Set<string>();
  const waiting = [...(before.macros ?? []), ...(after.macros ?? [])];
  const changed: string[] = [];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const [one, other] = [was.get(next), is.get(next)];
    waiting.push(...(one?.calls ?? []), ...(other?.calls ?? []));
    if (one !== undefined && other !== undefined && plainCode(one.code) !== plainCode(other.code))
      changed.push(next.split('.').at(-1) ?? next);
  }
  return changed.sort();
}
