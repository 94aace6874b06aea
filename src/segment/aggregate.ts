import { sql } from 'kysely';
import type { Fragment } from '../warehouse/dialect.ts';
import { type Compilation, uniqueName } from './compilation.ts';
import { compileTestCondition } from './compile-test.ts';
import { formOfProperty } from './form.ts';
import type { ResolvedAggregate, ResolvedRule } from './resolved.ts';
import type { Scope } from './scope.ts';
import { type ColumnOf, type Condition, id, type Select, type Source } from './select.ts';
import { type WayKey, walk } from './way.ts';

/** An aggregate over related rows, as a named subquery with one row for each value of the columns at which the way begins. */
export interface DefinedAggregate {
  readonly source: Source;
  readonly keys: readonly (readonly [own: string, grouped: string])[];
  /** The result for a row that joined the subquery under this alias. For `exists`: a column that is NULL where there is nothing. */
  result(alias: string): { readonly expression: Fragment; readonly isNeverNull: boolean };
}

/** `compileRule` for the nested `where`: the caller's own, since rules stand in rules. */
type CompileRule = (scope: Scope, rule: ResolvedRule, isStrict: boolean) => Condition;

/** Names the subquery of a condition on related rows. It is grouped before it is joined, so it never repeats a row. */
export function defineAggregate(
  compilation: Compilation,
  aggregate: ResolvedAggregate,
  compileRule: CompileRule,
): DefinedAggregate {
  const related = relatedRows(compilation, aggregate, compileRule);
  const keys = related.keys.map(({ own, column }) => [own, column.as] as const);
  const source = compilation.define(`${related.name}_${aggregate.aggregate}`, SELECTS[aggregate.aggregate](related));
  const [first] = keys;
  return {
    source,
    keys,
    result(alias) {
      if (aggregate.aggregate === 'exists') return { expression: id(alias, first?.[1] ?? ''), isNeverNull: false };
      const value = id(alias, related.valueName);
      const isNeverNull = ['count', 'count_distinct', 'sum'].includes(aggregate.aggregate);
      return { expression: isNeverNull ? sql`coalesce(${value}, 0)` : value, isNeverNull };
    },
  };
}

/** The related rows, before they are grouped. */
interface Related {
  readonly compilation: Compilation;
  readonly aggregate: ResolvedAggregate;
  /** Names the subqueries. */
  readonly name: string;
  readonly keys: readonly WayKey[];
  /** The columns of the keys, each once. */
  readonly keyColumns: readonly ColumnOf[];
  readonly scope: Scope;
  /** Name of the result's column, which no key has. */
  readonly valueName: string;
  /** What the aggregate takes of each row. */
  readonly value: Fragment;
  /** From, joins and where, once all columns were asked for. */
  finish(): Pick<Select, 'from' | 'joins' | 'where'>;
}

function relatedRows(compilation: Compilation, aggregate: ResolvedAggregate, compileRule: CompileRule): Related {
  const { steps, where, during } = aggregate;
  const way = walk(compilation, steps);
  const { scope } = way;
  const conditions: Condition[] = [];
  if (during) {
    const subject = { compilation, value: scope.valueAt(during.path), valueAt: scope.valueAt.bind(scope) };
    conditions.push(compileTestCondition(subject, during.typed, false));
  }
  if (where) conditions.push(compileRule(scope, where, false));
  return {
    compilation,
    aggregate,
    name: steps.map((step) => step.name).join('_'),
    keys: way.keys,
    keyColumns: [...new Map(way.keys.map(({ column }) => [column.as, column])).values()],
    scope,
    valueName: uniqueName('result', new Set(way.keys.map(({ column }) => column.as))),
    value: aggregate.of ? takenValue(scope, aggregate.of) : sql.raw('1'),
    finish() {
      const last = scope.finish();
      return { ...way.finish(last.from, last.joins), where: conditions };
    },
  };
}

function takenValue(scope: Scope, of: NonNullable<ResolvedAggregate['of']>): Fragment {
  const value = scope.valueAt(of.path);
  return of.form.kind === 'string' ? scope.compilation.dialect.exactText(value, of.form.cast) : value;
}

type SelectOf = (related: Related) => Select;

const SELECTS: Readonly<Record<ResolvedAggregate['aggregate'], SelectOf>> = {
  exists: (related) => ({ distinct: true, columns: related.keyColumns, ...related.finish() }),
  count: (related) => (isOneHop(related) ? grouped(related, sql`count(*)`) : countDistinctRows(related)),
  count_distinct: (related) => grouped(related, sql`count(distinct ${related.value})`),
  sum: (related) => total(related, 'sum'),
  avg: (related) => total(related, 'avg'),
  min: (related) => grouped(related, sql`min(${related.value})`),
  max: (related) => grouped(related, sql`max(${related.value})`),
  first: (related) => outermost(related, 'asc'),
  last: (related) => outermost(related, 'desc'),
};

function isOneHop(related: Related): boolean {
  return related.aggregate.steps.length === 1;
}

/** One row for each key, straight from the related rows. */
function grouped(related: Related, result: Fragment): Select {
  return {
    columns: [...related.keyColumns, { kind: 'expression', expression: result, as: related.valueName }],
    ...related.finish(),
    groupBy: related.keys.map(({ expression }) => expression),
  };
}

/** A longer path reaches each row of its last entity once: the rows are made distinct by primary key first. */
function countDistinctRows(related: Related): Select {
  const rows = related.compilation.define(`${related.name}_rows`, {
    distinct: true,
    columns: [...related.keyColumns, ...primaryKeyColumns(related)],
    ...related.finish(),
  });
  return groupedFrom(related, rows, sql`count(*)`);
}

function total(related: Related, aggregate: 'sum' | 'avg'): Select {
  const call = sql.raw(aggregate);
  if (isOneHop(related)) return grouped(related, sql`${call}(${related.value})`);
  const primaryKey = primaryKeyColumns(related);
  const rows = related.compilation.define(`${related.name}_values`, {
    columns: [
      ...related.keyColumns,
      ...primaryKey,
      { kind: 'expression', expression: sql`min(${related.value})`, as: related.valueName },
    ],
    ...related.finish(),
    groupBy: [
      ...related.keys.map(({ expression }) => expression),
      ...primaryKey.map(({ table, column }) => id(table, column)),
    ],
  });
  return groupedFrom(related, rows, sql`${call}(${id(rows.alias, related.valueName)})`);
}

/** The value of the first or last row by event_time that has one; ties go to the smallest key. */
function outermost(related: Related, order: 'asc' | 'desc'): Select {
  const { scope, compilation, aggregate } = related;
  const { eventTime, primaryKey } = aggregate.entity;
  if (eventTime === null) throw new Error(`${aggregate.aggregate} without event_time`);
  const time = scope.column(eventTime);
  const sorted = [
    sql`${time} ${sql.raw(order)}`,
    ...primaryKey.map((column) => sql`${keyInOrder(scope, column)} asc nulls last`),
    // Only rows that share time and key are left: any rule will do, as long as it is one.
    sql`${related.value} asc`,
  ];
  const partition = sql.join(
    related.keys.map(({ expression }) => expression),
    sql.raw(', '),
  );
  const position = sql`row_number() over (partition by ${partition} order by ${sql.join(sorted, sql.raw(', '))})`;
  const positionName = uniqueName(
    'position',
    new Set([related.valueName, ...related.keys.map((key) => key.column.as)]),
  );
  const { where, ...from } = related.finish();
  const isKnown = [related.value, time].map(
    (value): Condition => ({ kind: 'test', expression: sql`${value} is not null` }),
  );
  const rows = compilation.define(`${related.name}_by_time`, {
    columns: [
      ...related.keyColumns,
      { kind: 'expression', expression: related.value, as: related.valueName },
      { kind: 'expression', expression: position, as: positionName },
    ],
    ...from,
    where: [...where, ...isKnown],
  });
  return {
    columns: [...related.keyColumns.map((column) => column.as), related.valueName].map((name) => ({
      kind: 'column',
      table: rows.alias,
      column: name,
      as: name,
    })),
    from: rows,
    joins: [],
    where: [{ kind: 'test', expression: sql`${id(rows.alias, positionName)} = 1` }],
  };
}

/** A part of the key such that its order is the same on every warehouse. */
export function keyInOrder(scope: Scope, column: string): Fragment {
  const property = scope.entity.properties.get(column);
  const form = property === undefined ? null : formOfProperty(property);
  const key = scope.column(column);
  return form?.kind === 'string' ? scope.compilation.dialect.exactText(key, form.cast) : key;
}

function primaryKeyColumns(related: Related): ColumnOf[] {
  const taken = new Set([related.valueName, ...related.keys.map(({ column }) => column.as)]);
  return related.aggregate.entity.primaryKey.map((column) => {
    const as = uniqueName('part', taken);
    taken.add(as);
    return related.scope.selected(column, as);
  });
}

function groupedFrom(related: Related, rows: Source, result: Fragment): Select {
  const keys = related.keyColumns.map((column) => column.as);
  return {
    columns: [
      ...keys.map((key) => ({ kind: 'column' as const, table: rows.alias, column: key, as: key })),
      { kind: 'expression', expression: result, as: related.valueName },
    ],
    from: rows,
    joins: [],
    where: [],
    groupBy: keys.map((key) => id(rows.alias, key)),
  };
}
