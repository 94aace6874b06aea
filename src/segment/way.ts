import { isToOne, type Relationship } from '../knowledge/store.ts';
import type { Fragment } from '../warehouse/dialect.ts';
import { type Compilation, uniqueName } from './compilation.ts';
import { oneRowEach, type Rows, Scope, viewRows } from './scope.ts';
import { type ColumnOf, id, type Join, type Select, type Source } from './select.ts';

/** Where a way begins: the row that asks has `own`, the rows that are reached have the column. */
export interface WayKey {
  readonly own: string;
  readonly column: ColumnOf;
  readonly expression: Fragment;
}

/** The rows of a relation's last entity, reached from the first step on. */
export interface Way {
  readonly scope: Scope;
  readonly keys: readonly WayKey[];
  /** The `from` of a select over them, given how the last entity's scope ended. */
  finish(last: Source, behind: readonly Join[]): Pick<Select, 'from' | 'joins'>;
}

/** From the first step to the last: inner joins, one entity after the other. */
export function walk(compilation: Compilation, steps: readonly Relationship[]): Way {
  const aliases = new Set<string>();
  const legs = steps.map((step) => leg(compilation, step, aliases));
  const [first] = legs;
  const last = legs.at(-1);
  if (!first || !last) throw new Error('A relation without steps');
  const pairs = legs.slice(1).map((next, index) => {
    const before = legs[index] ?? first;
    return next.enter.map(({ own, expression }) => [expression, before.scope.column(own)] as const);
  });
  return {
    scope: last.scope,
    keys: first.enter,
    finish(lastFrom, behind) {
      const sources = legs.map((next) => (next === last ? lastFrom : next.scope.finish().from));
      const joins = legs.flatMap((next, index) => next.join(sources[index] ?? lastFrom, pairs[index - 1] ?? null));
      const [from, ...rest] = joins;
      if (!from) throw new Error('A relation without steps');
      return { from: from.source, joins: [...rest, ...behind] };
    },
  };
}

/** One step of a way: the entity that it enters, by which columns, and over what. */
interface Leg {
  readonly scope: Scope;
  readonly enter: readonly WayKey[];
  /** The join that enters the entity; `on` is null for the first leg, which begins the `from`. */
  join(source: Source, on: Join['on'] | null): Join[];
}

function leg(compilation: Compilation, step: Relationship, aliases: Set<string>): Leg {
  const entity = compilation.entityBehind(step);
  const keys = [...new Set(step.keys.map(([, their]) => their))];
  const rows: Rows = isToOne(step)
    ? { table: (needed) => oneRowEach(compilation, entity, { keys, needed }).table }
    : viewRows(compilation, entity);
  const scope = new Scope(compilation, { entity, rows, aliases });
  if (step.through === null) {
    const enter = step.keys.map(([own, their]) => ({
      own,
      column: scope.selected(their),
      expression: scope.column(their),
    }));
    return { scope, enter, join: (source, on) => [{ kind: 'inner', source, on: on ?? [] }] };
  }
  return legThrough(compilation, { step, scope, aliases }, step.through);
}

function legThrough(
  compilation: Compilation,
  { step, scope, aliases }: { readonly step: Relationship; readonly scope: Scope; readonly aliases: Set<string> },
  through: NonNullable<Relationship['through']>,
): Leg {
  const columns = [...new Set([...step.keys.map(([, link]) => link), ...through.toKeys.map(([link]) => link)])];
  // Distinct, so that a pair that is listed twice reaches its row once.
  const links = compilation.define(`${step.name}_links`, {
    distinct: true,
    columns: columns.map((column) => ({ kind: 'column', table: 'links', column, as: column })),
    from: { table: compilation.node(through.node, columns), alias: 'links', isNamed: false },
    joins: [],
    where: [],
  });
  const alias = uniqueName(links.alias, aliases);
  aliases.add(alias);
  const source: Source = { table: links.table, alias, isNamed: alias === links.alias };
  const enter = step.keys.map(([own, link]) => ({
    own,
    column: { kind: 'column' as const, table: alias, column: link, as: link },
    expression: id(alias, link),
  }));
  const toTarget = through.toKeys.map(([link, their]) => [scope.column(their), id(alias, link)] as const);
  return {
    scope,
    enter,
    join: (target, on) => [
      { kind: 'inner', source, on: on ?? [] },
      { kind: 'inner', source: target, on: toTarget },
    ],
  };
}
