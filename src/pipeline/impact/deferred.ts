import type { Manifest, ManifestNode } from '../../artifacts/manifest.ts';
import { DELTA_STORAGE_MODEL, findGenerated } from '../../models/names.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import { buildContext, type Context } from '../context.ts';

/**
 * The branch's context, reading what this target did not build from the base's relations, as dbt's --defer does; and the state
 * from where the base keeps it.
 */
export async function deferContext(
  context: Context,
  base: Manifest,
  warehouse: Warehouse,
  wanted: ReadonlySet<string>,
): Promise<Context> {
  const { project } = context;
  const nodes = new Map<string, ManifestNode>(project.manifest.nodes);
  for (const uniqueId of wanted) {
    const node = nodes.get(uniqueId);
    const other = base.nodes.get(uniqueId);
    if (node === undefined || other === undefined || other.relationName === null) continue;
    if (node.relationName === other.relationName || (await isThere(warehouse, node))) continue;
    nodes.set(uniqueId, placedAs(node, other));
  }
  const storage = findGenerated(project.manifest, DELTA_STORAGE_MODEL);
  const productive = findGenerated(base, DELTA_STORAGE_MODEL);
  if (storage !== null && productive !== null) nodes.set(storage.uniqueId, placedAs(storage, productive));
  return buildContext(context.options, { ...project, manifest: withNodes(project.manifest, nodes) });
}

/** Whether the target has the relation of a node, and it can be read. */
export async function isThere(warehouse: Warehouse, node: ManifestNode): Promise<boolean> {
  if (node.relationName === null) return false;
  return await canRead(warehouse, node.relationName);
}

/** Whether a relation can be read from this connection. */
export async function canRead(warehouse: Warehouse, relation: string): Promise<boolean> {
  try {
    return (await warehouse.describe(`select * from ${relation}`)).length > 0;
  } catch {
    return false;
  }
}

/** The node, standing where the other one stands. A node is read from its file when it is asked, so that it cannot be copied. */
function placedAs(node: ManifestNode, other: ManifestNode): ManifestNode {
  const place: Readonly<Record<string | symbol, unknown>> = {
    relationName: other.relationName,
    database: other.database,
    schema: other.schema,
    identifier: other.identifier,
  };
  return new Proxy(node, {
    get: (target, key) => (Object.hasOwn(place, key) ? place[key] : Reflect.get(target, key, target)),
  });
}

function withNodes(manifest: Manifest, nodes: ReadonlyMap<string, ManifestNode>): Manifest {
  return new Proxy(manifest, {
    get: (target, key) => (key === 'nodes' ? nodes : Reflect.get(target, key, target)),
  });
}
