import { isDeepStrictEqual } from 'node:util';
import { type Loose, listAt, mapAt, plainPath, textAt, textsAt } from './json-file.ts';
import type { ManifestColumn, ManifestConstraint, ManifestMetadata, ManifestNode } from './manifest.ts';
import { isMap } from './parse-operand.ts';

const KEY = 'dinmo';

/** Turns one model, seed, snapshot or source of a manifest into our shape, whatever dbt version wrote it. */
export function readNode(
  uniqueId: string,
  node: Loose,
  facts: { readonly type: ManifestNode['resourceType']; readonly metadata: ManifestMetadata },
): ManifestNode {
  const config = mapAt(node, 'config');
  const isSource = facts.type === 'source';
  const name = textAt(node, 'name') ?? uniqueId.split('.').at(-1) ?? uniqueId;
  const annotation = annotationOf(node, config);
  const filePath = plainPath(textAt(node, 'original_file_path') ?? textAt(node, 'path') ?? '');
  const patchPath = textAt(node, 'patch_path');
  const materialized = textAt(config, 'materialized') ?? (isSource ? null : defaultMaterialization(facts.type));
  return {
    uniqueId,
    resourceType: facts.type,
    name,
    sourceName: isSource ? textAt(node, 'source_name') : null,
    packageName: textAt(node, 'package_name') ?? uniqueId.split('.')[1] ?? '',
    database: textAt(node, 'database'),
    schema: textAt(node, 'schema') ?? '',
    identifier: (isSource ? textAt(node, 'identifier') : textAt(node, 'alias')) ?? name,
    relationName: materialized === 'ephemeral' ? null : textAt(node, 'relation_name'),
    materialized,
    columns: readColumns(node, facts.metadata),
    annotation: annotation.value,
    annotationInOldPlace: annotation.inOldPlace,
    description: textAt(node, 'description') ?? '',
    tags: textsAt(node, 'tags'),
    group: textAt(node, 'group') ?? textAt(config, 'group'),
    access: textAt(node, 'access') ?? textAt(config, 'access'),
    version: versionText(node['version']),
    latestVersion: versionText(node['latest_version']),
    contractEnforced: (mapAt(config, 'contract')['enforced'] ?? mapAt(node, 'contract')['enforced']) === true,
    constraints: readConstraints(node),
    primaryKey: Array.isArray(node['primary_key']) ? textsAt(node, 'primary_key') : null,
    dependsOn: textsAt(mapAt(node, 'depends_on'), 'nodes'),
    originalFilePath: filePath,
    // dbt 1.x leaves patch_path empty for sources, whose own file is the YAML.
    patchPath: patchPath !== null ? plainPath(patchPath) : isSource && filePath !== '' ? filePath : null,
    checksum: textAt(mapAt(node, 'checksum'), 'checksum'),
    rawCode: textAt(node, 'raw_code') ?? '',
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
  return { value: undefined, inOldPlace: false };
}

function readColumns(node: Loose, metadata: ManifestMetadata): ReadonlyMap<string, ManifestColumn> {
  const columns = new Map<string, ManifestColumn>();
  for (const [key, column] of Object.entries(mapAt(node, 'columns'))) {
    if (isMap(column)) columns.set(textAt(column, 'name') ?? key, readColumn(key, column, { node, metadata }));
  }
  return columns;
}

function readColumn(
  key: string,
  column: Loose,
  parent: { readonly node: Loose; readonly metadata: ManifestMetadata },
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
function inheritsMeta(column: Loose, parent: { readonly node: Loose; readonly metadata: ManifestMetadata }): boolean {
  if (!isMap(column['config']) || Object.hasOwn(column['config'], 'meta')) return false;
  if (parent.metadata.schemaVersion > 12 || /^2\./.test(parent.metadata.dbtVersion)) return true;
  const own = mapAt(column, 'meta')[KEY];
  return own !== undefined && isDeepStrictEqual(own, annotationOf(parent.node, mapAt(parent.node, 'config')).value);
}

function readConstraints(holder: Loose): readonly ManifestConstraint[] {
  return listAt(holder, 'constraints').flatMap((constraint) => (isMap(constraint) ? [readConstraint(constraint)] : []));
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

/** dbt 2 keeps the last newline of a block of text that dbt 1.x strips. */
function withoutTrailingNewlines(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\r?\n$/, '');
  if (Array.isArray(value)) return value.map(withoutTrailingNewlines);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutTrailingNewlines(inner)]));
}
