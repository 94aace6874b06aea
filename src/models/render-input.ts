import type { Manifest } from '../artifacts/manifest.ts';
import type { Settings } from '../artifacts/settings.ts';
import type { Entity, KnowledgeStore, Segment } from '../knowledge/store.ts';
import { compileEntity, compileSegment } from '../segment/compile.ts';
import { compileUnmatched } from '../segment/compile-unmatched.ts';
import type { CompiledQuery, SqlTarget } from '../segment/target.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';

/** How entities and segments become SQL. */
export interface QueryCompiler {
  entity(store: KnowledgeStore, entity: Entity, dialect: SqlDialect, target: SqlTarget): CompiledQuery;
  segment(store: KnowledgeStore, segment: Segment, dialect: SqlDialect, target: SqlTarget): CompiledQuery;
  /** Null where the segment is a filter, which cannot list what its entity does not have. */
  unmatched(store: KnowledgeStore, segment: Segment, dialect: SqlDialect, target: SqlTarget): CompiledQuery | null;
}

export const segmentCompiler: QueryCompiler = {
  entity: compileEntity,
  segment: compileSegment,
  unmatched: compileUnmatched,
};

export interface RenderInput {
  readonly store: KnowledgeStore;
  readonly manifest: Manifest;
  readonly settings: Settings;
  /** dbt's model-paths, the first of which takes the generated models. */
  readonly modelPaths: readonly string[];
  /** One per adapter of the project, in the order of their branches; their names are what dbt's `target.type` says. */
  readonly dialects: readonly [SqlDialect, ...SqlDialect[]];
  /** Activations whose keys recognise nobody outside, so that a history may show them. Default: none. */
  readonly shownKeys?: ReadonlySet<string>;
  /** Default: the compiler of the segment language. */
  readonly compiler?: QueryCompiler;
}

/** In the order of names, so that no map's order shows in a file. */
export function byName<T extends { readonly name: string }>(things: ReadonlyMap<string, T>): readonly T[] {
  return [...things.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
