import { type Loose, listAt, mapAt, textAt, textsAt } from './json-file.ts';
import type { ReferenceIndex } from './reference.ts';
import { isMap } from './shape.ts';

export interface SemanticEntity {
  readonly name: string;
  readonly type: 'primary' | 'foreign' | 'unique' | 'natural';
  /** A column name; null when the expression is not a plain column. */
  readonly column: string | null;
}

export interface SemanticModel {
  readonly uniqueId: string;
  readonly name: string;
  readonly node: string;
  readonly entities: readonly SemanticEntity[];
}

const TYPES = ['primary', 'foreign', 'unique', 'natural'] as const;

/** Semantic models of a manifest: of a top-level `semantic_models:` (dbt 1.6 to 1.12) or written on the model (1.12, 2.x). */
export function readSemanticModels(section: Loose, index: ReferenceIndex): readonly SemanticModel[] {
  return Object.entries(section).flatMap(([uniqueId, model]) => {
    if (!isMap(model) || mapAt(model, 'config')['enabled'] === false) return [];
    const packageName = textAt(model, 'package_name') ?? '';
    const stated = index.findText(textAt(model, 'model') ?? '', packageName)?.uniqueId;
    const node = stated ?? textsAt(mapAt(model, 'depends_on'), 'nodes')[0];
    if (node === undefined) return [];
    const entities = listAt(model, 'entities').flatMap((entity) => (isMap(entity) ? readEntity(entity) : []));
    return [{ uniqueId, name: textAt(model, 'name') ?? uniqueId, node, entities }];
  });
}

function readEntity(entity: Loose): readonly SemanticEntity[] {
  const name = textAt(entity, 'name');
  const type = TYPES.find((candidate) => candidate === textAt(entity, 'type')?.toLowerCase());
  if (name === null || type === undefined) return [];
  const expression = textAt(entity, 'expr') ?? name;
  return [{ name, type, column: /^\w+$/.test(expression) ? expression : null }];
}
