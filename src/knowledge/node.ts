import type { Manifest, ManifestNode } from '../artifacts/manifest.ts';
import type { EntityNode } from './store.ts';

/** The dbt node as generated SQL names it. The version is written out only where the model is versioned, the package only where it is not the root. */
export function toEntityNode(node: ManifestNode, rootProject: string): EntityNode {
  const exactColumns = [...node.columns.values()].filter(({ quoted }) => quoted).map(({ name }) => name);
  return {
    uniqueId: node.uniqueId,
    resourceType: node.resourceType,
    reference: reference(node, rootProject),
    relationName: node.relationName,
    group: node.group,
    access: node.access,
    ...(exactColumns.length === 0 ? {} : { exactColumns }),
  };
}

function reference(node: ManifestNode, rootProject: string): string {
  if (node.resourceType === 'source') return `source(${quote(node.sourceName ?? '')}, ${quote(node.name)})`;
  const names = node.packageName === rootProject ? [node.name] : [node.packageName, node.name];
  const version = node.version === null ? [] : [`v=${/^\d+$/.test(node.version) ? node.version : quote(node.version)}`];
  return `ref(${[...names.map(quote), ...version].join(', ')})`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** True for the version that `ref('name')` means, and for every model without versions. */
export function isLatestVersion(node: ManifestNode): boolean {
  return node.version === null || node.latestVersion === null || node.version === node.latestVersion;
}

/** The name by which a person calls the node: `customers`, `shop.orders` for a source. */
export function nodeLabel(node: ManifestNode): string {
  return node.resourceType === 'source' ? `${node.sourceName ?? ''}.${node.name}` : node.name;
}

/** Finds a model, seed, snapshot (`name`) or source (`source.table`), the root project's before those of packages; null where there is none. */
export function findNode(manifest: Manifest, label: string): ManifestNode | null {
  let found: ManifestNode | null = null;
  for (const node of manifest.nodes.values()) {
    if (nodeLabel(node) !== label || !isLatestVersion(node)) continue;
    if (node.packageName === manifest.metadata.projectName) return node;
    found ??= node;
  }
  return found;
}

/** Every name that `findNode` takes. */
export function nodeLabels(manifest: Manifest): readonly string[] {
  return [...manifest.nodes.values()].map(nodeLabel);
}
