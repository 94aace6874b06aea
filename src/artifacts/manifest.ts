import { existsSync } from 'node:fs';
import { DinmoError, messageOf } from '../errors.ts';
import { type Loose, mapAt, plainPath, readJson, textAt, textsAt } from './json-file.ts';
import { type ManifestNode, readNode } from './manifest-node.ts';
import { readSemanticModels, type SemanticModel } from './manifest-semantic.ts';
import { type ManifestTest, readTest } from './manifest-test.ts';
import { ReferenceIndex } from './reference.ts';
import { isMap } from './shape.ts';

export type { ManifestColumn, ManifestConstraint, ManifestNode } from './manifest-node.ts';
export type { SemanticModel } from './manifest-semantic.ts';
export type { ManifestTest } from './manifest-test.ts';

export interface ManifestMetadata {
  readonly schemaVersion: number;
  readonly dbtVersion: string;
  readonly generatedAt: string;
  readonly invocationId: string | null;
  readonly projectName: string;
  readonly adapterType: string;
}

/** What dbt said of the project: only the parts that this program uses, whatever dbt version wrote them. */
export interface Manifest {
  readonly path: string;
  readonly metadata: ManifestMetadata;
  /** Models, seeds, snapshots and sources, enabled ones only, by unique_id. */
  readonly nodes: ReadonlyMap<string, ManifestNode>;
  readonly tests: readonly ManifestTest[];
  readonly semanticModels: readonly SemanticModel[];
  /** unique_id → the unique_ids it depends on; for nodes, tests and exposures alike. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** unique_ids that exist but are disabled. */
  readonly disabled: ReadonlySet<string>;
  /** Whether the project has macros of its own that name databases or schemas: then a node's need not be the target's. */
  readonly ownNames?: { readonly database: boolean; readonly schema: boolean };
  readonly exposures: readonly {
    readonly uniqueId: string;
    readonly name: string;
    readonly originalFilePath: string;
  }[];
}

const OLDEST_SCHEMA = 9;
/** Fusion previews before 2.0.0-preview.98 wrote the content of v12 under this number. */
const PREVIEW_SCHEMA = 20;

/**
 * Reads manifest.json as dbt 1.5 and later write it (schemas v9 to v12, and the "v20" of early 2.0 previews), tolerant of
 * missing, null and unknown keys. Costs little more than `JSON.parse`: nodes are looked at once, and only what is used.
 *
 * Throws DinmoError `manifest-missing`, `manifest-unreadable` and `manifest-too-old` (artifact).
 */
export function readManifest(path: string): Manifest {
  const root = readRoot(path);
  const metadata = readMetadata(mapAt(root, 'metadata'), path);
  const isDbt2 = isWrittenByDbt2(metadata);
  const nodes = new Map<string, ManifestNode>();
  const disabled = new Set<string>(Object.keys(mapAt(root, 'disabled')));
  const testNodes: { readonly node: Loose; readonly enabled: boolean }[] = [];
  for (const [uniqueId, node] of mapsIn(root, 'nodes')) {
    const type = node['resource_type'];
    if (type === 'test') testNodes.push({ node: withId(node, uniqueId), enabled: isEnabled(node) });
    else if (type === 'model' || type === 'seed' || type === 'snapshot') {
      if (isEnabled(node)) nodes.set(uniqueId, readNode(uniqueId, node, { type, isDbt2 }));
      else disabled.add(uniqueId);
    }
  }
  for (const [uniqueId, source] of mapsIn(root, 'sources')) {
    if (isEnabled(source)) nodes.set(uniqueId, readNode(uniqueId, source, { type: 'source', isDbt2 }));
    else disabled.add(uniqueId);
  }
  for (const [uniqueId, copies] of Object.entries(mapAt(root, 'disabled'))) {
    if (nodes.has(uniqueId)) disabled.delete(uniqueId);
    const node = Array.isArray(copies) ? copies.find(isMap) : null;
    if (node?.['resource_type'] === 'test') testNodes.push({ node: withId(node, uniqueId), enabled: false });
  }
  const index = new ReferenceIndex(nodes, metadata.projectName);
  return {
    path,
    metadata,
    nodes,
    tests: testNodes.map(({ node, enabled }) => readTest(node, enabled, { index, disabled })),
    semanticModels: readSemanticModels(root, index),
    parents: readParents(root),
    disabled,
    ownNames: readOwnNames(root, metadata.projectName),
    exposures: [...mapsIn(root, 'exposures')].map(([uniqueId, exposure]) => ({
      uniqueId,
      name: textAt(exposure, 'name') ?? uniqueId,
      originalFilePath: plainPath(textAt(exposure, 'original_file_path') ?? ''),
    })),
  };
}

/** dbt asks the project's macros first, then its own: `generate_schema_name`, or the one of an adapter, `<adapter>__…`. */
function readOwnNames(root: Loose, projectName: string): { readonly database: boolean; readonly schema: boolean } {
  const own = Object.keys(mapAt(root, 'macros')).filter((id) => id.startsWith(`macro.${projectName}.`));
  return {
    database: own.some((id) => id.endsWith('generate_database_name')),
    schema: own.some((id) => id.endsWith('generate_schema_name')),
  };
}

function readRoot(path: string): Loose {
  if (!existsSync(path)) {
    throw new DinmoError({
      kind: 'artifact',
      code: 'manifest-missing',
      message: `There is no manifest at ${path}.`,
      fix: 'Run `dbt parse` (or any dbt command) first, or name its folder with --target-path.',
    });
  }
  let root: unknown;
  try {
    root = readJson(path);
  } catch (cause) {
    throw unreadable(path, messageOf(cause), cause);
  }
  if (!isMap(root) || !isMap(root['metadata'])) throw unreadable(path, 'it has no `metadata`', undefined);
  return root;
}

function unreadable(path: string, reason: string, cause: unknown): DinmoError {
  return new DinmoError({
    kind: 'artifact',
    code: 'manifest-unreadable',
    message: `The manifest at ${path} cannot be read: ${reason.slice(0, 200)}.`,
    fix: 'Run `dbt parse` again; if a dbt command is running, wait for it to end.',
    cause,
  });
}

function readMetadata(metadata: Loose, path: string): ManifestMetadata {
  const schema = textAt(metadata, 'dbt_schema_version') ?? '';
  const version = /\/manifest\/v(\d+)(?:\.json)?/.exec(schema)?.[1];
  if (version === undefined)
    throw unreadable(path, '`metadata.dbt_schema_version` names no manifest schema', undefined);
  const schemaVersion = Number(version);
  const dbtVersion = textAt(metadata, 'dbt_version') ?? 'unknown';
  if (schemaVersion < OLDEST_SCHEMA) {
    throw new DinmoError({
      kind: 'artifact',
      code: 'manifest-too-old',
      message: `The manifest at ${path} was written by dbt ${dbtVersion} (schema v${schemaVersion}), which is too old.`,
      fix: 'Use dbt 1.8 or later (schema v12); dbt 1.5 to 1.7 (v9 to v11) are read as well as can be.',
    });
  }
  return {
    schemaVersion,
    dbtVersion,
    generatedAt: textAt(metadata, 'generated_at') ?? '',
    invocationId: textAt(metadata, 'invocation_id'),
    projectName: textAt(metadata, 'project_name') ?? '',
    adapterType: textAt(metadata, 'adapter_type') ?? '',
  };
}

/** True for a manifest that dbt 2 wrote. Versions are free text (`2.0.0-beta.2`, `PREVIOUS`, `2025.5.1`): never parse them further. */
export function isWrittenByDbt2(metadata: ManifestMetadata): boolean {
  return metadata.schemaVersion === PREVIEW_SCHEMA || /^2\./.test(metadata.dbtVersion);
}

function isEnabled(node: Loose): boolean {
  return mapAt(node, 'config')['enabled'] !== false;
}

function withId(node: Loose, uniqueId: string): Loose {
  return typeof node['unique_id'] === 'string' ? node : { ...node, unique_id: uniqueId };
}

function* mapsIn(root: Loose, key: string): Generator<readonly [uniqueId: string, map: Loose]> {
  const section = mapAt(root, key);
  for (const uniqueId of Object.keys(section)) {
    const value = section[uniqueId];
    if (isMap(value)) yield [uniqueId, value];
  }
}

function readParents(root: Loose): ReadonlyMap<string, readonly string[]> {
  const stated = mapAt(root, 'parent_map');
  const parents = new Map<string, readonly string[]>();
  for (const key of Object.keys(stated)) parents.set(key, textsAt(stated, key));
  for (const section of [
    'nodes',
    'sources',
    'exposures',
    'metrics',
    'semantic_models',
    'saved_queries',
    'unit_tests',
  ]) {
    for (const [uniqueId, node] of mapsIn(root, section)) {
      if (!parents.has(uniqueId)) parents.set(uniqueId, textsAt(mapAt(node, 'depends_on'), 'nodes'));
    }
  }
  return parents;
}
