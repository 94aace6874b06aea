import { createQueryId, type SelectQueryNode, sql } from 'kysely';
import { DinmoError } from '../errors.ts';
import type { Entity, EntityNode, KnowledgeStore, Relationship } from '../knowledge/store.ts';
import type { Fragment, SqlDialect } from '../warehouse/dialect.ts';
import { ReadableQueryCompiler } from '../warehouse/query-compiler.ts';
import { id, type Select, type Source, toNode, withNamed } from './select.ts';
import type { CompiledQuery, SqlTarget } from './target.ts';

/** Where and for what SQL is compiled. */
export interface CompileContext {
  readonly store: KnowledgeStore;
  readonly dialect: SqlDialect;
  readonly target: SqlTarget;
}

/** The select that makes an entity's rows of the node behind it. */
export type DefineRows = (compilation: Compilation, entity: Entity, columns: readonly string[]) => Select;

/** One statement in the making: its named subqueries, what it uses, and the literals and names as its dialect and target write them. */
export class Compilation {
  readonly store: KnowledgeStore;
  readonly dialect: SqlDialect;
  readonly #target: SqlTarget;
  readonly #named: { readonly name: string; readonly node: SelectQueryNode }[] = [];
  readonly #nameOf = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #uses = { nodes: new Set<string>(), entities: new Set<string>(), segments: new Set<string>() };
  readonly #open: string[] = [];

  readonly #defineRows: DefineRows;

  /** `defineRows` stands later in the room than this file: it compiles rules. */
  constructor({ store, dialect, target }: CompileContext, defineRows: DefineRows) {
    this.#defineRows = defineRows;
    this.store = store;
    this.dialect = dialect;
    this.#target = target;
    // A subquery never takes a name that an alias may have: aliases are named after entities and relations.
    for (const entity of store.entities.values()) {
      this.#taken.add(entity.name);
      for (const name of entity.relationships.keys()) this.#taken.add(name);
    }
  }

  entity(name: string): Entity {
    const entity = this.store.entities.get(name);
    if (!entity) throw new Error(`No entity ${name}`);
    return entity;
  }

  /** The entity to which a relationship leads. */
  entityBehind(relationship: Relationship): Entity {
    return this.entity(relationship.to);
  }

  /**
   * A node with these of its columns. Where names of it are in quotes whose case counts, a subquery gives each the name that all
   * generated SQL has for it.
   */
  node(node: EntityNode, columns: Iterable<string>): Fragment {
    this.#uses.nodes.add(node.uniqueId);
    const relation = sql.raw(this.#target.node(node));
    const exact = new Map(
      node.exactColumns?.flatMap((name) => {
        const written = this.dialect.exactIdentifier(name);
        return written === null ? [] : [[name, this.#target.literal(written)] as const];
      }),
    );
    const names = [...new Set(columns)];
    if (!names.some((name) => exact.has(name))) return relation;
    const selected = names.map((name) => {
      const written = exact.get(name);
      return written === undefined ? id(name) : sql`${sql.raw(written)} as ${id(name)}`;
    });
    return sql`(select ${sql.join(selected, sql.raw(', '))} from ${relation})`;
  }

  entityView(entity: string): Fragment {
    this.#uses.entities.add(entity);
    return sql.raw(this.#target.entity(entity));
  }

  segmentView(segment: string): Fragment {
    this.#uses.segments.add(segment);
    return sql.raw(this.#target.segment(segment));
  }

  /** A finished literal of the dialect, made safe for the target. */
  literal(text: string): Fragment {
    return sql.raw(this.#target.literal(text));
  }

  text(value: string): Fragment {
    return this.literal(this.dialect.stringLiteral(value));
  }

  /** The project's time zone. */
  get zone(): Fragment {
    return this.text(this.store.timezone);
  }

  /** Now, as an instant. */
  get now(): Fragment {
    return this.dialect.instant(sql.raw(this.#target.now), true);
  }

  /** Names a subquery; one that was named already keeps its name. */
  define(base: string, select: Select): Source {
    const node = toNode(select);
    const text = this.#print(node);
    let name = this.#nameOf.get(text);
    if (name === undefined) {
      name = uniqueName(base, this.#taken);
      this.#taken.add(name);
      this.#nameOf.set(text, name);
      this.#named.push({ name, node });
    }
    return { table: id(name), alias: name, isNamed: true };
  }

  /**
   * The select that makes an entity's rows, with these columns, hidden ones among them, of the node behind it.
   * @throws DinmoError `entity-cycle` when they need themselves, which `resolveRules` reports before.
   */
  entitySelect(entity: Entity, columns: readonly string[]): Select {
    if (this.#open.includes(entity.name)) {
      throw new DinmoError({
        kind: 'configuration',
        code: 'entity-cycle',
        message: `Which rows entity ${entity.name} has depends on itself.`,
        fix: 'Run `dinmo check`, which prints the cycle.',
        location: entity.origin.locate(entity.where?.at ?? []),
      });
    }
    this.#open.push(entity.name);
    const select = this.#defineRows(this, entity, columns);
    this.#open.pop();
    return select;
  }

  /** The same as a named subquery. */
  entityRows(entity: Entity, columns: readonly string[]): Source {
    return this.define(`all_${entity.name}`, this.entitySelect(entity, columns));
  }

  finish(select: Select): CompiledQuery {
    return {
      sql: this.#print(withNamed(toNode(select), this.#named)),
      columns: select.columns.map((column) => column.as),
      uses: {
        nodes: [...this.#uses.nodes],
        entities: [...this.#uses.entities],
        segments: [...this.#uses.segments],
      },
    };
  }

  #print(node: SelectQueryNode): string {
    const compiler = new ReadableQueryCompiler((name) => {
      const quoted = this.dialect.quoteIdentifier(name);
      return quoted === name ? name : this.#target.literal(quoted);
    });
    return compiler.compileQuery(node, createQueryId()).sql;
  }
}

/** PostgreSQL cuts names at 63 bytes, silently. */
const NAME_LENGTH_MAX = 50;

/** `base`, or `base_2`, `base_3` … where that is taken. Warehouses do not tell upper from lower case. */
export function uniqueName(base: string, taken: Iterable<string>): string {
  const lower = new Set([...taken].map((name) => name.toLowerCase()));
  const short = base.slice(0, NAME_LENGTH_MAX);
  let name = short;
  for (let count = 2; lower.has(name.toLowerCase()); count++) name = `${short}_${count}`;
  return name;
}
