import type { EntityNode } from '../knowledge/store.ts';

/**
 * Where compiled SQL will run: inside a dbt model (names are `{{ ref(...) }}`, literals must survive Jinja) or directly
 * against the warehouse (names are relations).
 */
export interface SqlTarget {
  /** The text that names a dbt node in a FROM clause. */
  node(node: EntityNode): string;
  /** The text that names an entity's generated view. */
  entity(entity: string): string;
  /** The text that names a segment's generated view. */
  segment(segment: string): string;
  /** Makes a finished SQL literal safe to stand in the text (Jinja's braces, in a dbt model). */
  literal(sql: string): string;
  /** The expression for "now", a timestamp with zone: `current_timestamp`, or the Jinja that honours `dinmo_now`. */
  readonly now: string;
}

/** A finished query. */
export interface CompiledQuery {
  readonly sql: string;
  /** Output columns, in order. */
  readonly columns: readonly string[];
  /** unique_ids of dbt nodes, and names of entities and segments, that the SQL names. */
  readonly uses: {
    readonly nodes: readonly string[];
    readonly entities: readonly string[];
    readonly segments: readonly string[];
  };
}
