import { sql } from 'kysely';
import type { Entity, Relationship, Segment } from '../knowledge/store.ts';
import type { Fragment } from '../warehouse/dialect.ts';
import { type Compilation, uniqueName } from './compilation.ts';
import type { ResolvedPath } from './resolved.ts';
import { type ColumnOf, id, type Join, type Source } from './select.ts';

/** Where the rows of a scope come from, once it is known which of their columns are needed. */
export interface Rows {
  /** The table with these columns. */
  table(needed: ReadonlySet<string>): Fragment;
  /** Joins what holds a column that does not stand in the table itself; null where it does. Asked once for each column. */
  elsewhere?(scope: Scope, name: string): ColumnPlace | null;
}

/** A column of something that is joined. */
export interface ColumnPlace {
  readonly table: string;
  readonly column: string;
}

/** One select's rows of an entity: the columns asked for, and the joins that reach what lies behind them. Never more than one row a row. */
export class Scope {
  readonly compilation: Compilation;
  readonly entity: Entity;
  readonly alias: string;
  readonly #rows: Rows;
  readonly #needed = new Set<string>();
  readonly #elsewhere = new Map<string, ColumnPlace>();
  readonly #aliases: Set<string>;
  readonly #joins: (() => Join)[] = [];
  readonly #reached = new Map<string, Reached>();
  readonly #members = new Map<string, Fragment>();

  constructor(compilation: Compilation, of: { entity: Entity; rows: Rows; aliases?: Set<string> }) {
    this.compilation = compilation;
    this.entity = of.entity;
    this.#rows = of.rows;
    this.#aliases = of.aliases ?? new Set();
    this.alias = this.claimAlias(of.entity.name);
  }

  /** A name that nothing else in this select has. */
  claimAlias(base: string): string {
    const alias = uniqueName(base, this.#aliases);
    this.#aliases.add(alias);
    return alias;
  }

  /** A column of the scope's own row. */
  column(name: string): Fragment {
    const { table, column } = this.#place(name);
    return id(table, column);
  }

  /** The same as an output column, under its own name or another. */
  selected(name: string, as = name): ColumnOf {
    return { kind: 'column', ...this.#place(name), as };
  }

  #place(name: string): ColumnPlace {
    const known = this.#elsewhere.get(name);
    if (known) return known;
    const elsewhere = this.#rows.elsewhere?.(this, name) ?? null;
    if (elsewhere !== null) {
      this.#elsewhere.set(name, elsewhere);
      return elsewhere;
    }
    this.#needed.add(name);
    return { table: this.alias, column: name };
  }

  /** The value of a property of the row, or of the one row behind to-one steps; NULL where those meet none or several. */
  valueAt(path: ResolvedPath): Fragment {
    return this.#columnBehind(path.steps, path.property.name);
  }

  #columnBehind(steps: readonly Relationship[], column: string): Fragment {
    const last = steps.at(-1);
    if (!last) return this.column(column);
    const name = steps.map((step) => step.name).join('.');
    const reached = this.#reached.get(name) ?? this.#reach(name, last, steps.slice(0, -1));
    reached.needed.add(column);
    return id(reached.alias, column);
  }

  #reach(name: string, step: Relationship, before: readonly Relationship[]): Reached {
    const reached: Reached = { alias: this.claimAlias(name.replaceAll('.', '_')), needed: new Set() };
    this.#reached.set(name, reached);
    const on = step.keys.map(([own, their]) => [id(reached.alias, their), this.#columnBehind(before, own)] as const);
    const entity = this.compilation.entityBehind(step);
    const keys = [...new Set(step.keys.map(([, their]) => their))];
    this.#joins.push(() => {
      const one = oneRowEach(this.compilation, entity, { keys, needed: reached.needed });
      return { kind: 'left', source: { table: one.table, alias: reached.alias, isNamed: false }, on };
    });
    return reached;
  }

  /** Joins a named subquery that has at most one row for each value of these columns; gives the alias. */
  joinGrouped(source: Source, on: readonly (readonly [own: string, grouped: string])[]): string {
    const alias = this.claimAlias(source.alias);
    const pairs = on.map(([own, grouped]) => [id(alias, grouped), this.column(own)] as const);
    const isNamed = alias === source.alias;
    this.#joins.push(() => ({ kind: 'left', source: { table: source.table, alias, isNamed }, on: pairs }));
    return alias;
  }

  /** Whether the row's key is among the rows of a segment's view: true or false, never NULL. */
  isMember(segment: Segment): Fragment {
    const known = this.#members.get(segment.name);
    if (known) return known;
    const keys = keysOf(this.compilation, `in_${segment.name}`, {
      table: this.compilation.segmentView(segment.name),
      primaryKey: this.entity.primaryKey,
    });
    const [first = ''] = this.entity.primaryKey;
    const alias = this.joinGrouped(
      keys,
      this.entity.primaryKey.map((column) => [column, column] as const),
    );
    const member = sql`${id(alias, first)} is not null`;
    this.#members.set(segment.name, member);
    return member;
  }

  /** Ends the scope: from where its rows come. To be called when all that is needed was asked for. */
  finish(): { readonly from: Source; readonly joins: readonly Join[] } {
    const joins = this.#joins.map((join) => join());
    return { from: { table: this.#rows.table(this.#needed), alias: this.alias, isNamed: false }, joins };
  }
}

interface Reached {
  readonly alias: string;
  readonly needed: Set<string>;
}

/** The distinct keys of a table, as a named subquery. */
export function keysOf(
  compilation: Compilation,
  name: string,
  of: { readonly table: Fragment; readonly primaryKey: readonly string[] },
): Source {
  return compilation.define(name, {
    distinct: true,
    columns: of.primaryKey.map((column) => ({ kind: 'column', table: 'keys', column, as: column })),
    from: { table: of.table, alias: 'keys', isNamed: false },
    joins: [],
    where: [],
  });
}

/** The columns of an entity's view: its key, then its properties that are not hidden. */
export function visibleColumns(entity: Entity): string[] {
  const properties = [...entity.properties.values()].filter((property) => !property.hidden);
  return [...new Set([...entity.primaryKey, ...properties.map((property) => property.name)])];
}

/** The rows of an entity: its view, or, where a column is needed that the view hides, the same rows made of the node behind it. */
export function viewRows(compilation: Compilation, entity: Entity): Rows {
  const visible = new Set(visibleColumns(entity));
  return {
    table: (needed) =>
      [...needed].every((column) => visible.has(column))
        ? compilation.entityView(entity.name)
        : compilation.entityRows(entity, [...needed]).table,
  };
}

/** The row of each key that has exactly one row: what a to-one step leads to. */
export function oneRowEach(
  compilation: Compilation,
  entity: Entity,
  { keys, needed }: { readonly keys: readonly string[]; readonly needed: ReadonlySet<string> },
): Source {
  const scope = new Scope(compilation, { entity, rows: viewRows(compilation, entity) });
  const keyColumns = keys.map((key) => scope.selected(key));
  const values = [...needed].filter((column) => !keys.includes(column));
  const valueColumns = values.map((column) => ({
    kind: 'expression' as const,
    expression: compilation.dialect.anyValue(scope.column(column), entity.properties.get(column)?.type?.kind ?? null),
    as: column,
  }));
  const groupBy = keys.map((key) => scope.column(key));
  return compilation.define(`one_${entity.name}`, {
    columns: [...keyColumns, ...valueColumns],
    ...scope.finish(),
    where: [],
    groupBy,
    having: sql`count(*) = 1`,
  });
}
