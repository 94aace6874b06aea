import { sql } from 'kysely';
import type { Entity, KnowledgeStore, Segment } from '../knowledge/store.ts';
import type { Fragment, KeyForm, SqlDialect } from '../warehouse/dialect.ts';
import { chain } from '../warehouse/dialect.ts';
import { keyInOrder } from './aggregate.ts';
import { Compilation } from './compilation.ts';
import { compileRule } from './compile-rule.ts';
import { selectEntityRows } from './entity-rows.ts';
import { HOLDOUT_COLUMN, requireSegment } from './resolve.ts';
import type { ResolvedSegment } from './resolved.ts';
import { keysOf, Scope, viewRows, visibleColumns } from './scope.ts';
import type { Condition, Join, Select, SelectColumn } from './select.ts';
import type { CompiledQuery, SqlTarget } from './target.ts';

/**
 * The entity's view: its key, then its properties that are not hidden, custom attributes among them; without the rows that its `where` leaves out.
 * @throws DinmoError `invalid-segment`, `entity-cycle`: what `resolveRules` reports as findings.
 */
export function compileEntity(
  store: KnowledgeStore,
  entity: Entity,
  dialect: SqlDialect,
  target: SqlTarget,
): CompiledQuery {
  const compilation = new Compilation({ store, dialect, target }, selectEntityRows);
  return compilation.finish(compilation.entitySelect(entity, visibleColumns(entity)));
}

/**
 * The segment's view: the columns of its entity's view, for its members, each row as often as the entity has it; and `dinmo_holdout`
 * (true or false) where the segment has a holdout.
 * @throws DinmoError `invalid-segment`, `entity-cycle`: what `resolveRules` reports as findings.
 */
export function compileSegment(
  store: KnowledgeStore,
  segment: Segment,
  dialect: SqlDialect,
  target: SqlTarget,
): CompiledQuery {
  const resolved = requireSegment(store, segment);
  const compilation = new Compilation({ store, dialect, target }, selectEntityRows);
  const members = selectMembers(compilation, resolved);
  return compilation.finish(members);
}

function selectMembers(compilation: Compilation, resolved: ResolvedSegment): Select {
  const { entity, segment, limit } = resolved;
  const visible = visibleColumns(entity);
  const scope = new Scope(compilation, { entity, rows: viewRows(compilation, entity) });
  const columns: SelectColumn[] = visible.map((column) => scope.selected(column));
  const where = resolved.where === null ? [] : [compileRule(scope, resolved.where, false)];
  const only = segment.definition.kind === 'sql' ? [joinListed(scope, resolved, segment.definition.node)] : [];
  if (limit === null) {
    const holdout = holdoutColumn(scope, segment);
    const { from, joins } = scope.finish();
    return { columns: [...columns, ...holdout], from, joins: [...only, ...joins], where };
  }
  const ranking = rankColumns(scope, limit, visible);
  const { from, joins } = scope.finish();
  const ranked = compilation.define('ranked', {
    columns: [...columns, ...ranking.columns],
    from,
    joins: [...only, ...joins],
    where,
  });
  const outer = new Scope(compilation, { entity, rows: { table: () => ranked.table } });
  return {
    columns: [...visible.map((column) => outer.selected(column)), ...holdoutColumn(outer, segment)],
    ...outer.finish(),
    where: [ranking.keep(outer)],
  };
}

/** Only the rows whose key the user's own model contains. */
function joinListed(
  scope: Scope,
  { segment, entity }: ResolvedSegment,
  node: Parameters<Compilation['node']>[0],
): Join {
  const { compilation } = scope;
  const source = keysOf(compilation, `${segment.name}_keys`, {
    table: compilation.node(node, entity.primaryKey),
    primaryKey: entity.primaryKey,
  });
  const alias = scope.claimAlias(source.alias);
  return {
    kind: 'inner',
    source: { ...source, alias, isNamed: alias === source.alias },
    on: entity.primaryKey.map((column) => [sql.id(alias, column), scope.column(column)]),
  };
}

interface Ranking {
  readonly columns: readonly SelectColumn[];
  keep(ranked: Scope): Condition;
}

/** `by` decides, its NULLs last; ties go to the smallest key. */
function rankColumns(scope: Scope, limit: NonNullable<ResolvedSegment['limit']>, visible: readonly string[]): Ranking {
  const { compilation, entity } = scope;
  const value = scope.valueAt(limit.by);
  const by = limit.form.kind === 'string' ? compilation.dialect.exactText(value, limit.form.cast) : value;
  const keys = entity.primaryKey.map((column) => sql`${keyInOrder(scope, column)} asc nulls last`);
  const order = sql.join([sql`${by} ${sql.raw(limit.order)} nulls last`, ...keys], sql.raw(', '));
  const prefix = visible.includes('dinmo_rank') || visible.includes('dinmo_rows') ? 'dinmo_limit_' : 'dinmo_';
  const [rank, rows] = [`${prefix}rank`, `${prefix}rows`];
  const rankColumn: SelectColumn = {
    kind: 'expression',
    expression: sql`row_number() over (order by ${order})`,
    as: rank,
  };
  const { percent } = limit;
  if (percent === null) {
    const most = sql.raw(String(limit.rows));
    return {
      columns: [rankColumn],
      keep: (ranked) => ({ kind: 'test', expression: sql`${ranked.column(rank)} <= ${most}` }),
    };
  }
  // rank <= ceil(rows * percent / 100), in whole numbers: 10 % of 15 rows are 2.
  const [share, whole] = wholeShare(percent);
  return {
    columns: [rankColumn, { kind: 'expression', expression: sql`count(*) over ()`, as: rows }],
    keep: (ranked) => ({
      kind: 'test',
      expression: sql`(${ranked.column(rank)} - 1) * ${sql.raw(whole)} < ${ranked.column(rows)} * ${sql.raw(share)}`,
    }),
  };
}

/** A percent as a fraction of two whole numbers: 12.5 is 125 of 1000. */
function wholeShare(percent: number): [share: string, whole: string] {
  const decimals = (String(percent).split('.')[1] ?? '').length;
  return [String(Math.round(percent * 10 ** decimals)), String(100 * 10 ** decimals)];
}

const HOLDOUT_BUCKETS = 10_000;

/** The same rows on every warehouse and on every run: a hash of salt and key decides. A row without a key is not held out. */
function holdoutColumn(scope: Scope, segment: Segment): SelectColumn[] {
  if (segment.holdout === null) return [];
  const { compilation, entity } = scope;
  const { percent, salt } = segment.holdout;
  const parts = entity.primaryKey.map((column) => {
    const type = entity.properties.get(column)?.type ?? null;
    return compilation.dialect.keyText(scope.column(column), keyForm(type));
  });
  const separator = compilation.text(':');
  const joined = parts.flatMap((part, index): Fragment[] => (index === 0 ? [part] : [separator, part]));
  const text = chain([compilation.text(`${salt}:`), ...joined], '||');
  const bucket = compilation.dialect.md5Bucket(text, HOLDOUT_BUCKETS);
  // Whole buckets: 0.125 % is 12.5 of them, and the thirteenth begins below that.
  const buckets = sql.raw(String(Math.ceil(Number((percent * 100).toFixed(6)))));
  return [{ kind: 'expression', expression: sql`coalesce(${bucket} < ${buckets}, false)`, as: HOLDOUT_COLUMN }];
}

function keyForm(type: { readonly kind: string; readonly zoned?: boolean } | null): KeyForm {
  if (type?.kind === 'date') return 'date';
  if (type?.kind === 'timestamp') return type.zoned ? 'zoned timestamp' : 'timestamp';
  return 'other';
}
