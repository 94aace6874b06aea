import { existsSync } from 'node:fs';
import { DinmoError } from '../errors.ts';
import { type Loose, mapAt, readJson, textAt } from './json-file.ts';
import { isMap } from './shape.ts';

/** Column types of a relation: column name → the warehouse's own type name. */
export type CatalogColumns = ReadonlyMap<string, string>;

/** What catalog.json says, and when it was said. */
export interface Catalog {
  /** By unique_id. */
  readonly relations: ReadonlyMap<string, CatalogColumns>;
  /** ISO; null when there is no catalog, or it does not say. */
  readonly generatedAt: string | null;
}

/**
 * Reads the column types of catalog.json (`dbt docs generate`), by unique_id. Empty when there is no file. Names are as the
 * warehouse has them: upper case on Snowflake, whatever the YAML says.
 * Throws DinmoError `catalog-unreadable` (artifact).
 */
export function readCatalog(path: string): Catalog {
  const relations = new Map<string, CatalogColumns>();
  if (!existsSync(path)) return { relations, generatedAt: null };
  const root = readRoot(path);
  for (const section of ['nodes', 'sources']) {
    for (const [uniqueId, node] of Object.entries(mapAt(root, section))) {
      if (isMap(node)) relations.set(uniqueId, readColumns(mapAt(node, 'columns')));
    }
  }
  return { relations, generatedAt: textAt(mapAt(root, 'metadata'), 'generated_at') };
}

function readColumns(columns: Loose): CatalogColumns {
  const types: [name: string, type: string, index: number][] = [];
  for (const [key, column] of Object.entries(columns)) {
    if (!isMap(column)) continue;
    const type = textAt(column, 'type');
    const index = column['index'];
    if (type !== null) types.push([textAt(column, 'name') ?? key, type, typeof index === 'number' ? index : 0]);
  }
  return new Map(types.sort((a, b) => a[2] - b[2]).map(([name, type]) => [name, type]));
}

function readRoot(path: string): Loose {
  let root: unknown;
  let cause: unknown;
  try {
    root = readJson(path);
  } catch (error) {
    cause = error;
  }
  if (isMap(root)) return root;
  throw new DinmoError({
    kind: 'artifact',
    code: 'catalog-unreadable',
    message: `The catalog at ${path} cannot be read.`,
    fix: 'Run `dbt docs generate` again, or delete the file: it is optional.',
    cause,
  });
}
