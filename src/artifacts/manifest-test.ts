import { type Loose, mapAt, textAt, textsAt } from './json-file.ts';
import type { ReferenceIndex } from './reference.ts';

export interface ManifestTest {
  readonly uniqueId: string;
  /** unique, not_null, relationships, accepted_values, unique_combination_of_columns …; null for a singular test. */
  readonly testName: string | null;
  readonly namespace: string | null;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly columnName: string | null;
  /** The node it tests, resolved also for tests on sources; null when it can't be told. */
  readonly attachedNode: string | null;
  /** For `relationships`: the other node, resolved whatever the order of depends_on; null when it can't be told. */
  readonly targetNode: string | null;
  readonly severity: 'error' | 'warn';
  readonly where: string | null;
  readonly enabled: boolean;
  readonly dependsOn: readonly string[];
}

/** Turns one test node of a manifest into our shape, with both its ends resolved. */
export function readTest(
  node: Loose,
  enabled: boolean,
  known: { readonly index: ReferenceIndex; readonly disabled: ReadonlySet<string> },
): ManifestTest {
  const metadata = mapAt(node, 'test_metadata');
  const kwargs = mapAt(metadata, 'kwargs');
  const config = mapAt(node, 'config');
  const dependsOn = textsAt(mapAt(node, 'depends_on'), 'nodes');
  const packageName = textAt(node, 'package_name') ?? '';
  const testName = textAt(metadata, 'name');
  const attachedNode = testName === null ? null : attached({ node, kwargs, dependsOn, packageName }, known.index);
  return {
    uniqueId: textAt(node, 'unique_id') ?? '',
    testName,
    namespace: textAt(metadata, 'namespace'),
    kwargs,
    columnName: textAt(node, 'column_name') ?? textAt(kwargs, 'column_name'),
    attachedNode,
    targetNode:
      testName === 'relationships' ? target({ kwargs, dependsOn, packageName }, attachedNode, known.index) : null,
    severity: (textAt(config, 'severity') ?? 'error').toLowerCase() === 'warn' ? 'warn' : 'error',
    where: textAt(config, 'where'),
    enabled: enabled && !(attachedNode !== null && known.disabled.has(attachedNode)),
    dependsOn,
  };
}

interface TestNode {
  readonly node: Loose;
  readonly kwargs: Loose;
  readonly dependsOn: readonly string[];
  readonly packageName: string;
}

/** `attached_node` is null for tests on sources, whatever the version: then `kwargs.model` names the node. */
function attached({ node, kwargs, dependsOn, packageName }: TestNode, index: ReferenceIndex): string | null {
  const stated = textAt(node, 'attached_node');
  if (stated !== null) return stated;
  const model = index.findText(textAt(kwargs, 'model') ?? '', packageName);
  if (model !== null) return model.uniqueId;
  return dependsOn.length === 1 ? (dependsOn[0] ?? null) : null;
}

/**
 * The other end of a `relationships` test. The order of depends_on says nothing: dbt 1.x writes the target first, dbt 2 last.
 * One dependency means that the node refers to itself.
 */
function target(
  { kwargs, dependsOn, packageName }: Omit<TestNode, 'node'>,
  attachedNode: string | null,
  index: ReferenceIndex,
): string | null {
  const stated = index.findText(textAt(kwargs, 'to') ?? '', packageName);
  if (stated !== null && (dependsOn.length === 0 || dependsOn.includes(stated.uniqueId))) return stated.uniqueId;
  if (attachedNode === null) return null;
  const others = dependsOn.filter((uniqueId) => uniqueId !== attachedNode);
  if (others.length === 0) return dependsOn.length === 1 ? attachedNode : null;
  return others.length === 1 ? (others[0] ?? null) : null;
}
