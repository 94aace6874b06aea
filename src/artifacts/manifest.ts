import { DinmoError } from '../errors.ts';
import { type Loose, mapAt, plainPath, textAt, textsAt } from './json-file.ts';
import { type ManifestEntry, ManifestFile, parsedEntry, unreadable } from './manifest-file.ts';
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
    /** The value under `config.meta.dinmo` (or `meta.dinmo`), not checked; undefined when it is not ours. */
    readonly annotation?: unknown;
  }[];
  /** unique_id → macro, those of dbt and its adapters left out. */
  readonly macros?: ReadonlyMap<string, ManifestMacro>;
}

/** A macro as the manifest holds it. */
export interface ManifestMacro {
  readonly code: string;
  /** unique_ids of the macros that it calls. */
  readonly calls: readonly string[];
}

const OLDEST_SCHEMA = 9;
/** Fusion previews before 2.0.0-preview.98 wrote the content of v12 under this number. */
const PREVIEW_SCHEMA = 20;

/**
 * Reads manifest.json as dbt 1.5 and later write it (schemas v9 to v12, and the "v20" of early 2.0 previews), tolerant of
 * missing, null and unknown keys. Costs a fraction of `JSON.parse`: the file is looked through once, and nodes, tests and
 * other parts are parsed when they are asked for, which may then throw `manifest-unreadable`. `projectName`: what the
 * project is called, for manifests before v10, which do not say it.
 *
 * Throws DinmoError `manifest-missing`, `manifest-unreadable` and `manifest-too-old` (artifact).
 */
export function readManifest(path: string, projectName = ''): Manifest {
  return new LazyManifest(new ManifestFile(path), projectName);
}

class LazyManifest implements Manifest {
  readonly path: string;
  readonly metadata: ManifestMetadata;
  readonly nodes: ReadonlyMap<string, ManifestNode>;
  readonly tests: readonly ManifestTest[];
  readonly disabled: ReadonlySet<string>;
  readonly #file: ManifestFile;
  readonly #index: ReferenceIndex;
  #semanticModels: Manifest['semanticModels'] | null = null;
  #parents: Manifest['parents'] | null = null;
  #ownNames: Manifest['ownNames'] | null = null;
  #exposures: Manifest['exposures'] | null = null;
  #macros: NonNullable<Manifest['macros']> | null = null;

  constructor(file: ManifestFile, projectName: string) {
    const metadata = readMetadata(file.section('metadata'), file.path);
    this.path = file.path;
    this.metadata = metadata.projectName === '' ? { ...metadata, projectName } : metadata;
    const { nodes, disabled, testEntries } = readNodes(file, isWrittenByDbt2(metadata));
    this.nodes = nodes;
    this.disabled = disabled;
    this.#file = file;
    const index = new ReferenceIndex(nodes, this.metadata.projectName);
    this.#index = index;
    this.tests = testEntries.map(({ entry, enabled }) => readTest(entry, enabled, { index, disabled }));
  }

  get semanticModels(): Manifest['semanticModels'] {
    this.#semanticModels ??= readSemanticModels(this.#file.section('semantic_models'), this.#index);
    return this.#semanticModels;
  }

  get parents(): Manifest['parents'] {
    this.#parents ??= readParents(this.#file);
    return this.#parents;
  }

  get ownNames(): NonNullable<Manifest['ownNames']> {
    this.#ownNames ??= readOwnNames(this.#file.keysOf('macros'), this.metadata.projectName);
    return this.#ownNames;
  }

  get exposures(): Manifest['exposures'] {
    this.#exposures ??= readExposures(this.#file.section('exposures'));
    return this.#exposures;
  }

  get macros(): NonNullable<Manifest['macros']> {
    this.#macros ??= readMacros(this.#file.section('macros'));
    return this.#macros;
  }
}

interface ReadNodes {
  readonly nodes: ReadonlyMap<string, ManifestNode>;
  readonly disabled: ReadonlySet<string>;
  readonly testEntries: readonly { readonly entry: ManifestEntry; readonly enabled: boolean }[];
}

function readNodes(file: ManifestFile, isDbt2: boolean): ReadNodes {
  const nodes = new Map<string, ManifestNode>();
  const disabledSection = file.section('disabled');
  const disabled = new Set<string>(Object.keys(disabledSection));
  const testEntries: { readonly entry: ManifestEntry; readonly enabled: boolean }[] = [];
  for (const [uniqueId, entry] of file.nodes) {
    const type = entry.part('resource_type');
    if (type === 'test') testEntries.push({ entry, enabled: isEnabled(entry) });
    else if (type === 'model' || type === 'seed' || type === 'snapshot') {
      if (isEnabled(entry)) nodes.set(uniqueId, readNode(entry, { type, isDbt2 }));
      else disabled.add(uniqueId);
    }
  }
  for (const [uniqueId, entry] of file.sources) {
    if (isEnabled(entry)) nodes.set(uniqueId, readNode(entry, { type: 'source', isDbt2 }));
    else disabled.add(uniqueId);
  }
  for (const [uniqueId, copies] of Object.entries(disabledSection)) {
    if (nodes.has(uniqueId)) disabled.delete(uniqueId);
    const node = Array.isArray(copies) ? copies.find(isMap) : null;
    if (node?.['resource_type'] !== 'test') continue;
    testEntries.push({ entry: parsedEntry(uniqueId, node), enabled: false });
  }
  return { nodes, disabled, testEntries };
}

function readExposures(section: Loose): Manifest['exposures'] {
  return Object.entries(section).flatMap(([uniqueId, exposure]) =>
    isMap(exposure)
      ? [
          {
            uniqueId,
            name: textAt(exposure, 'name') ?? uniqueId,
            originalFilePath: plainPath(textAt(exposure, 'original_file_path') ?? ''),
            annotation: mapAt(mapAt(exposure, 'config'), 'meta')['dinmo'] ?? mapAt(exposure, 'meta')['dinmo'],
          },
        ]
      : [],
  );
}

/** dbt's own, which change with its version, and not with the project. */
const OWN_MACROS = /^macro\.dbt(_(adapters|duckdb|postgres|snowflake|bigquery|redshift|databricks|spark))?\./;

function readMacros(section: Loose): ReadonlyMap<string, ManifestMacro> {
  return new Map(
    Object.entries(section).flatMap(([uniqueId, macro]) =>
      isMap(macro) && !OWN_MACROS.test(uniqueId)
        ? [
            [
              uniqueId,
              { code: textAt(macro, 'macro_sql') ?? '', calls: textsAt(mapAt(macro, 'depends_on'), 'macros') },
            ] as const,
          ]
        : [],
    ),
  );
}

/** dbt asks the project's macros first, then its own: `generate_schema_name`, or the one of an adapter, `<adapter>__…`. */
function readOwnNames(macros: readonly string[], projectName: string): NonNullable<Manifest['ownNames']> {
  const own = macros.filter((id) => id.startsWith(`macro.${projectName}.`));
  return {
    database: own.some((id) => id.endsWith('generate_database_name')),
    schema: own.some((id) => id.endsWith('generate_schema_name')),
  };
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

function isEnabled(entry: ManifestEntry): boolean {
  return entry.part('config.enabled') !== false;
}

/** Sections whose members have parents, beside nodes and sources. */
const DEPENDENT_SECTIONS = ['exposures', 'metrics', 'semantic_models', 'saved_queries', 'unit_tests'];

function readParents(file: ManifestFile): ReadonlyMap<string, readonly string[]> {
  const stated = file.section('parent_map');
  const parents = new Map<string, readonly string[]>();
  for (const key of Object.keys(stated)) parents.set(key, textsAt(stated, key));
  const addMissing = (uniqueId: string, node: () => Loose): void => {
    if (!parents.has(uniqueId)) parents.set(uniqueId, textsAt(mapAt(node(), 'depends_on'), 'nodes'));
  };
  for (const entry of [...file.nodes.values(), ...file.sources.values()])
    addMissing(entry.uniqueId, () => entry.whole());
  for (const name of DEPENDENT_SECTIONS) {
    for (const [uniqueId, node] of Object.entries(file.section(name))) {
      if (isMap(node)) addMissing(uniqueId, () => node);
    }
  }
  return parents;
}
