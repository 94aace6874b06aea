import { DinmoError } from '../errors.ts';
import type { Entity, KnowledgeStore, Segment } from '../knowledge/store.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import { Compilation } from './compilation.ts';
import { selectEntityRows } from './entity-rows.ts';
import { HOLDOUT_COLUMN } from './resolve.ts';
import { Resolution, resolvePath } from './resolve-path.ts';
import { oneRowEach, type Rows, Scope, visibleColumns } from './scope.ts';
import type { SelectColumn } from './select.ts';
import type { CompiledQuery, SqlTarget } from './target.ts';

/** What to read of a segment's or an entity's rows. */
export interface Projection {
  readonly from: { readonly kind: 'segment' | 'entity'; readonly name: string };
  readonly columns: readonly ProjectedColumn[];
}

export interface ProjectedColumn {
  readonly alias: string;
  readonly source: /** A property, one reached over to-one relations, or a segment's own `dinmo_holdout`. */
    | { readonly kind: 'column'; readonly path: readonly string[] }
    /** Whether the row is in this segment: true or false. */
    | { readonly kind: 'segment'; readonly segment: string };
}

/**
 * Columns of a segment's or an entity's view, one output row for each of its rows. A to-one way that meets several rows gives NULL; a row
 * with a NULL key is in no segment.
 * @throws DinmoError `unknown-property`, `unknown-relation`, `step-to-many`, `unknown-segment`, `unknown-entity`.
 */
export function compileProjection(
  store: KnowledgeStore,
  projection: Projection,
  dialect: SqlDialect,
  target: SqlTarget,
): CompiledQuery {
  const segment = projection.from.kind === 'segment' ? requireNamed(store, projection.from.name) : null;
  const entity = store.entities.get(segment?.entity ?? projection.from.name);
  if (!entity) throw unknown('entity', segment?.entity ?? projection.from.name);
  const compilation = new Compilation({ store, dialect, target }, selectEntityRows);
  const scope = new Scope(compilation, { entity, rows: projectedRows(compilation, entity, segment) });
  const columns = projection.columns.map((column) => compileColumn(scope, column, segment));
  return compilation.finish({ columns, ...scope.finish(), where: [] });
}

function compileColumn(scope: Scope, { alias, source }: ProjectedColumn, from: Segment | null): SelectColumn {
  const { store } = scope.compilation;
  if (source.kind === 'segment') {
    return { kind: 'expression', expression: scope.isMember(requireNamed(store, source.segment)), as: alias };
  }
  const [only, ...more] = source.path;
  if (only === HOLDOUT_COLUMN && more.length === 0 && from?.holdout) return scope.selected(HOLDOUT_COLUMN, alias);
  const resolution = new Resolution(store, scope.entity.origin);
  const path = resolvePath(resolution, { entity: scope.entity, at: [] }, source.path);
  const [problem] = resolution.findings;
  if (path === null || problem) {
    throw new DinmoError({
      kind: 'configuration',
      code: problem?.code ?? 'unknown-property',
      message: problem?.message ?? `There is no \`${source.path.join('.')}\`.`,
      ...(problem ? { fix: problem.fix } : {}),
    });
  }
  if (path.steps.length === 0) return scope.selected(path.property.name, alias);
  return { kind: 'expression', expression: scope.valueAt(path), as: alias };
}

/** The view; a column that it hides, such as the foreign key at which a way begins, is fetched by primary key. */
function projectedRows(compilation: Compilation, entity: Entity, segment: Segment | null): Rows {
  const inView = new Set([...visibleColumns(entity), ...(segment?.holdout ? [HOLDOUT_COLUMN] : [])]);
  const keys = entity.primaryKey;
  return {
    table: () => (segment ? compilation.segmentView(segment.name) : compilation.entityView(entity.name)),
    elsewhere(scope, name) {
      if (inView.has(name)) return null;
      const one = oneRowEach(compilation, entity, { keys, needed: new Set([name]) });
      return {
        table: scope.joinGrouped(
          one,
          keys.map((key) => [key, key]),
        ),
        column: name,
      };
    },
  };
}

function requireNamed(store: KnowledgeStore, name: string): Segment {
  const segment = store.segments.get(name);
  if (!segment) throw unknown('segment', name);
  return segment;
}

function unknown(what: 'segment' | 'entity', name: string): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: `unknown-${what}`,
    message: `There is no ${what} \`${name}\`.`,
    fix: 'Run `dinmo check`.',
  });
}
