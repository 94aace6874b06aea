import { sql } from 'kysely';
import type { KnowledgeStore, Segment } from '../knowledge/store.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import { Compilation } from './compilation.ts';
import { selectEntityRows } from './entity-rows.ts';
import { keysOf } from './scope.ts';
import { id, type Join } from './select.ts';
import type { CompiledQuery, SqlTarget } from './target.ts';

/** A column that is NULL in every row, which is what a test of dbt's own asks about. */
export const MEMBER_COLUMN = 'dinmo_member';

/**
 * The keys that a SQL segment's model lists and that are no key of its entity: foreign ones, and NULL. Null where the
 * segment is a filter.
 */
export function compileUnmatched(
  store: KnowledgeStore,
  segment: Segment,
  dialect: SqlDialect,
  target: SqlTarget,
): CompiledQuery | null {
  const entity = store.entities.get(segment.entity);
  if (segment.definition.kind !== 'sql' || entity === undefined) return null;
  const compilation = new Compilation({ store, dialect, target }, selectEntityRows);
  const { primaryKey } = entity;
  const listed = keysOf(compilation, `${segment.name}_keys`, {
    table: compilation.node(segment.definition.node, primaryKey),
    primaryKey,
  });
  const member = id(entity.name, primaryKey[0] ?? '');
  const join: Join = {
    kind: 'left',
    source: { table: compilation.entityView(entity.name), alias: entity.name, isNamed: false },
    on: primaryKey.map((column) => [id(entity.name, column), id(listed.alias, column)]),
  };
  return compilation.finish({
    columns: [
      ...primaryKey.map((column) => ({ kind: 'column' as const, table: listed.alias, column, as: column })),
      { kind: 'expression', expression: member, as: MEMBER_COLUMN },
    ],
    from: listed,
    joins: [join],
    where: [{ kind: 'test', expression: sql`${member} is null` }],
  });
}
