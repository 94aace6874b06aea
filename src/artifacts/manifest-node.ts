import { isDeepStrictEqual } from 'node:util';
import { type Loose, listAt, mapAt, plainPath, textAt, textsAt } from './json-file.ts';
import { type ManifestEntry, partText } from './manifest-file.ts';
import { isMap } from './shape.ts';

/** A column as the manifest lists it. */
export interface ManifestColumn {
  /** As written in YAML. Compare without case where the adapter folds it. */
  readonly name: string;
  readonly description: string;
  readonly dataType: string | null;
  /** The value under `config.meta.dinmo` (or the older `meta.dinmo`), not yet checked; undefined when not annotated. */
  readonly annotation: unknown;
  readonly constraints: readonly ManifestConstraint[];
  /** Entity of a semantic model written on the column (dbt 1.12, 2.x). */
  readonly semanticEntity: { readonly name: string; readonly type: string } | null;
  readonly quoted: boolean;
}

export interface ManifestConstraint {
  readonly type: string;
  /** Empty on a column's own constraint: then the column. */
  readonly columns: readonly string[];
  /** `ref('x')` after parse, a rendered relation name after a build. */
  readonly to: string | null;
  readonly toColumns: readonly string[];
}

/** A model, seed, snapshot or source: what an annotation can stand on. */
export interface ManifestNode {
  readonly uniqueId: string;
  readonly resourceType: 'model' | 'seed' | 'snapshot' | 'source';
  /** For a source: the table's name. */
  readonly name: string;
  readonly sourceName: string | null;
  readonly packageName: string;
  readonly database: string | null;
  readonly schema: string;
  readonly identifier: string;
  /** Quoted for the adapter, ready for SQL; null where the node has no relation (ephemeral). */
  readonly relationName: string | null;
  readonly materialized: string | null;
  readonly columns: ReadonlyMap<string, ManifestColumn>;
  /** False when no column is annotated, so that none needs to be looked at; absent when it is not known. */
  readonly hasAnnotatedColumns?: boolean;
  /** The value under `config.meta.dinmo` (or `meta.dinmo`), not yet checked; undefined when not annotated. */
  readonly annotation: unknown;
  /** True when the annotation was found at `meta` and not at `config.meta`. */
  readonly annotationInOldPlace: boolean;
  readonly description: string;
  readonly tags: readonly string[];
  readonly group: string | null;
  readonly access: string | null;
  readonly version: string | null;
  readonly latestVersion: string | null;
  readonly contractEnforced: boolean;
  readonly constraints: readonly ManifestConstraint[];
  /** dbt's inference; null where the manifest does not say. Not necessarily a composite key. */
  readonly primaryKey: readonly string[] | null;
  readonly dependsOn: readonly string[];
  /** The SQL or CSV, forward slashes, relative to its package. */
  readonly originalFilePath: string;
  /** The YAML that describes it, forward slashes, relative to its package; null when none. */
  readonly patchPath: string | null;
  readonly checksum: string | null;
  readonly rawCode: string;
  /** unique_ids of the macros that it calls. */
  readonly macros?: readonly string[];
  /** `config` as it was written, before Jinja; absent where the manifest does not say. */
  readonly unrenderedConfig?: Readonly<Record<string, unknown>>;
  /** Where and how the model was written to fold: `materialized`, `enabled` … as plain values. */
  readonly config: Readonly<Record<string, unknown>>;
}

const KEY = 'dinmo';
const NO_CONSTRAINTS: readonly ManifestConstraint[] = [];

interface NodeFacts {
  readonly type: ManifestNode['resourceType'];
  readonly isDbt2: boolean;
}

/**
 * Turns one model, seed, snapshot or source of a manifest into our shape, whatever dbt version wrote it. What its outline
 * does not have is parsed when it is asked for, which may throw DinmoError `manifest-unreadable`.
 */
export function readNode(entry: ManifestEntry, facts: NodeFacts): ManifestNode {
  return new LazyNode(entry, facts);
}

/** A node whose outline tells it from others, and whose details are parsed when one is asked for. */
class LazyNode implements ManifestNode {
  readonly uniqueId: string;
  readonly resourceType: ManifestNode['resourceType'];
  readonly name: string;
  readonly sourceName: string | null;
  readonly version: string | null;
  readonly latestVersion: string | null;
  readonly #entry: ManifestEntry;
  readonly #isDbt2: boolean;
  #read: NodeDetails | null = null;

  constructor(entry: ManifestEntry, { type, isDbt2 }: NodeFacts) {
    const { uniqueId } = entry;
    this.uniqueId = uniqueId;
    this.resourceType = type;
    this.name = partText(entry, 'name') ?? uniqueId.split('.').at(-1) ?? uniqueId;
    this.sourceName = type === 'source' ? partText(entry, 'source_name') : null;
    this.version = versionText(entry.part('version'));
    this.latestVersion = versionText(entry.part('latest_version'));
    this.#entry = entry;
    this.#isDbt2 = isDbt2;
  }

  get packageName(): string {
    return partText(this.#entry, 'package_name') ?? this.uniqueId.split('.')[1] ?? '';
  }

  get materialized(): string | null {
    const stated = partText(this.#entry, 'config.materialized');
    return stated ?? (this.resourceType === 'source' ? null : defaultMaterialization(this.resourceType));
  }

  get relationName(): string | null {
    return this.materialized === 'ephemeral' ? null : partText(this.#entry, 'relation_name');
  }

  get tags(): readonly string[] {
    return textsAt({ tags: this.#entry.part('tags') }, 'tags');
  }

  get annotation(): unknown {
    return this.#entry.mentionsUs ? this.#details.annotation : undefined;
  }

  get annotationInOldPlace(): boolean {
    return this.#entry.mentionsUs && this.#details.annotationInOldPlace;
  }

  get hasAnnotatedColumns(): boolean {
    return this.#entry.mentionsUs && hasAnnotatedColumns(this.#entry.whole());
  }

  get database(): string | null {
    return this.#details.database;
  }

  get schema(): string {
    return this.#details.schema;
  }

  get identifier(): string {
    return this.#details.identifier;
  }

  get columns(): ReadonlyMap<string, ManifestColumn> {
    return this.#details.columns;
  }

  get description(): string {
    return this.#details.description;
  }

  get group(): string | null {
    return this.#details.group;
  }

  get access(): string | null {
    return this.#details.access;
  }

  get contractEnforced(): boolean {
    return this.#details.contractEnforced;
  }

  get constraints(): readonly ManifestConstraint[] {
    return this.#details.constraints;
  }

  get primaryKey(): readonly string[] | null {
    return this.#details.primaryKey;
  }

  get dependsOn(): readonly string[] {
    return this.#details.dependsOn;
  }

  get originalFilePath(): string {
    return this.#details.originalFilePath;
  }

  get patchPath(): string | null {
    return this.#details.patchPath;
  }

  get checksum(): string | null {
    return this.#details.checksum;
  }

  get rawCode(): string {
    return this.#details.rawCode;
  }

  get macros(): readonly string[] {
    return this.#details.macros ?? [];
  }

  get unrenderedConfig(): Readonly<Record<string, unknown>> {
    return this.#details.unrenderedConfig ?? {};
  }

  get config(): Readonly<Record<string, unknown>> {
    return this.#details.config;
  }

  get #details(): NodeDetails {
    this.#read ??= readDetails(this.#entry.whole(), this, this.#isDbt2);
    return this.#read;
  }
}

type Outlined =
  | 'uniqueId'
  | 'resourceType'
  | 'name'
  | 'sourceName'
  | 'packageName'
  | 'relationName'
  | 'materialized'
  | 'version'
  | 'latestVersion'
  | 'tags'
  | 'hasAnnotatedColumns';
type NodeDetails = Omit<ManifestNode, Outlined>;

function readDetails(node: Loose, known: Pick<ManifestNode, Outlined>, isDbt2: boolean): NodeDetails {
  const config = mapAt(node, 'config');
  const annotation = annotationOf(node, config);
  const filePath = plainPath(textAt(node, 'original_file_path') ?? textAt(node, 'path') ?? '');
  const patchPath = textAt(node, 'patch_path');
  let columns: ReadonlyMap<string, ManifestColumn> | undefined;
  return {
    database: textAt(node, 'database'),
    schema: textAt(node, 'schema') ?? '',
    identifier: (known.resourceType === 'source' ? textAt(node, 'identifier') : textAt(node, 'alias')) ?? known.name,
    get columns() {
      columns ??= readColumns(node, isDbt2);
      return columns;
    },
    annotation: annotation.value,
    annotationInOldPlace: annotation.inOldPlace,
    description: textAt(node, 'description') ?? '',
    group: textAt(node, 'group') ?? textAt(config, 'group'),
    access: textAt(node, 'access') ?? textAt(config, 'access'),
    contractEnforced: (mapAt(config, 'contract')['enforced'] ?? mapAt(node, 'contract')['enforced']) === true,
    constraints: readConstraints(node),
    primaryKey: Array.isArray(node['primary_key']) ? textsAt(node, 'primary_key') : null,
    dependsOn: textsAt(mapAt(node, 'depends_on'), 'nodes'),
    originalFilePath: filePath,
    // dbt 1.x leaves patch_path empty for what is written in YAML alone: sources, and snapshots of a relation.
    patchPath: patchPath !== null ? plainPath(patchPath) : /\.ya?ml$/.test(filePath) ? filePath : null,
    checksum: textAt(mapAt(node, 'checksum'), 'checksum'),
    rawCode: textAt(node, 'raw_code') ?? '',
    macros: textsAt(mapAt(node, 'depends_on'), 'macros'),
    unrenderedConfig: mapAt(node, 'unrendered_config'),
    config,
  };
}

function defaultMaterialization(type: ManifestNode['resourceType']): string {
  return type === 'model' ? 'view' : type;
}

/** dbt writes versions as numbers or text; `1.0` and `1` stay as they are printed. */
function versionText(value: unknown): string | null {
  return typeof value === 'number' || typeof value === 'string' ? String(value) : null;
}

/**
 * `config.meta` is canonical; dbt 1.x copies an older `meta` into it, so that the two agree, but not on columns before 1.10
 * and not on sources before 1.10. null, `{}` and an absent key all mean the same.
 */
function annotationOf(node: Loose, config: Loose): { readonly value: unknown; readonly inOldPlace: boolean } {
  const current = mapAt(config, 'meta');
  if (Object.hasOwn(current, KEY)) return { value: withoutTrailingNewlines(current[KEY]), inOldPlace: false };
  const old = mapAt(node, 'meta');
  if (Object.hasOwn(old, KEY)) return { value: withoutTrailingNewlines(old[KEY]), inOldPlace: true };
  return NOT_ANNOTATED;
}

const NOT_ANNOTATED = { value: undefined, inOldPlace: false };

/** A quick look for our key; whether the annotation counts is for `readColumn` to say. */
function hasAnnotatedColumns(node: Loose): boolean {
  const columns = mapAt(node, 'columns');
  for (const name in columns) {
    const column = columns[name];
    if (isMap(column) && (hasKey(column['meta']) || (isMap(column['config']) && hasKey(column['config']['meta']))))
      return true;
  }
  return false;
}

function hasKey(meta: unknown): boolean {
  return isMap(meta) && meta[KEY] !== undefined;
}

function readColumns(node: Loose, isDbt2: boolean): ReadonlyMap<string, ManifestColumn> {
  const columns = new Map<string, ManifestColumn>();
  const listed = mapAt(node, 'columns');
  for (const key of Object.keys(listed)) {
    const column = listed[key];
    if (isMap(column)) columns.set(textAt(column, 'name') ?? key, readColumn(key, column, { node, isDbt2 }));
  }
  return columns;
}

function readColumn(
  key: string,
  column: Loose,
  parent: { readonly node: Loose; readonly isDbt2: boolean },
): ManifestColumn {
  const entity = mapAt(column, 'entity');
  const entityType = textAt(entity, 'type') ?? textAt(column, 'entity');
  const name = textAt(column, 'name') ?? key;
  return {
    name,
    description: textAt(column, 'description') ?? '',
    dataType: textAt(column, 'data_type'),
    annotation: inheritsMeta(column, parent) ? undefined : annotationOf(column, mapAt(column, 'config')).value,
    constraints: readConstraints(column),
    semanticEntity: entityType === null ? null : { name: textAt(entity, 'name') ?? name, type: entityType },
    quoted: column['quote'] === true,
  };
}

/**
 * dbt 2 before 2.0.0-rc.2 gives a column without a `meta` of its own that of its model: then its `config` stands there
 * without a `meta` key. In dbt 1.8 the same shape is a column with the older `meta` and something else under `config`.
 */
function inheritsMeta(column: Loose, parent: { readonly node: Loose; readonly isDbt2: boolean }): boolean {
  if (!isMap(column['config']) || Object.hasOwn(column['config'], 'meta')) return false;
  if (parent.isDbt2) return true;
  const own = mapAt(column, 'meta')[KEY];
  if (own === undefined) return false;
  return isDeepStrictEqual(withoutTrailingNewlines(own), annotationOf(parent.node, mapAt(parent.node, 'config')).value);
}

function readConstraints(holder: Loose): readonly ManifestConstraint[] {
  const constraints = listAt(holder, 'constraints');
  if (constraints.length === 0) return NO_CONSTRAINTS;
  return constraints.flatMap((constraint) => (isMap(constraint) ? [readConstraint(constraint)] : []));
}

function readConstraint(constraint: Loose): ManifestConstraint {
  const type = textAt(constraint, 'type') ?? '';
  const to = textAt(constraint, 'to');
  const columns = textsAt(constraint, 'columns');
  if (to !== null || type !== 'foreign_key') return { type, columns, to, toColumns: textsAt(constraint, 'to_columns') };
  // Before dbt 1.9 a foreign key is free SQL: `schema.customers (customer_id)`.
  const parts = /^\s*(?:references\s+)?(.+?)\s*\(([^()]*)\)\s*$/is.exec(textAt(constraint, 'expression') ?? '');
  return {
    type,
    columns,
    to: parts?.[1] ?? null,
    toColumns: (parts?.[2] ?? '')
      .split(',')
      .map((column) => column.trim())
      .filter((column) => column !== ''),
  };
}

/** How deep an annotation is followed: a rule has up to 30 conditions in each other, of which each is a map in a list. */
const DEPTH_MAX = 250;

/** dbt 2 keeps the last newline of a block of text that dbt 1.x strips. What stands too deep to mean anything is left out. */
function withoutTrailingNewlines(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.replace(/\r?\n$/, '');
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return null;
  if (Array.isArray(value)) return value.map((item) => withoutTrailingNewlines(item, depth + 1));
  const entries = Object.entries(value).map(([key, inner]) => [key, withoutTrailingNewlines(inner, depth + 1)]);
  return Object.fromEntries(entries);
}
