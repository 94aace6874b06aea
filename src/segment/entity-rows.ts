import { sql } from 'kysely';
import type { Entity, Property } from '../knowledge/store.ts';
import type { Compilation } from './compilation.ts';
import { compileRule } from './compile-rule.ts';
import { requireEntityWhere } from './resolve.ts';
import { type Rows, Scope } from './scope.ts';
import { id, type Select, type Source } from './select.ts';

/** The rows of an entity, made of the node behind it: its own columns, its custom attributes, without the rows that its `where` leaves out. */
export function selectEntityRows(compilation: Compilation, entity: Entity, columns: readonly string[]): Select {
  const scope = new Scope(compilation, { entity, rows: nodeRows(compilation, entity) });
  const selected = columns.map((column) => scope.selected(column));
  const rule = requireEntityWhere(compilation.store, entity);
  const where = rule === null ? [] : [compileRule(scope, rule, false)];
  return { columns: selected, ...scope.finish(), where };
}

function nodeRows(compilation: Compilation, entity: Entity): Rows {
  return {
    table: (needed) => compilation.node(entity.node, needed),
    elsewhere(scope, name) {
      const property = entity.properties.get(name);
      if (!property?.customAttribute) return null;
      const { key } = property.customAttribute;
      const [own = ''] = entity.primaryKey;
      const values = customAttributeValues(compilation, property, property.customAttribute);
      return { table: scope.joinGrouped(values.source, [[own, key]]), column: values.column };
    },
  };
}

/** The value for each key that has exactly one row in the model that computes it: several rows say nothing, and must not repeat the entity's. */
function customAttributeValues(
  compilation: Compilation,
  property: Property,
  attribute: NonNullable<Property['customAttribute']>,
): { readonly source: Source; readonly column: string } {
  const { key, value, node } = attribute;
  const column = key === 'result' ? 'result_2' : 'result';
  const source = compilation.define(`one_${property.name}`, {
    columns: [
      { kind: 'column', table: 'computed', column: key, as: key },
      {
        kind: 'expression',
        expression: compilation.dialect.anyValue(id('computed', value), property.type?.kind ?? null),
        as: column,
      },
    ],
    from: { table: compilation.node(node, [key, value]), alias: 'computed', isNamed: false },
    joins: [],
    where: [],
    groupBy: [id('computed', key)],
    having: sql`count(*) = 1`,
  });
  return { source, column };
}
