/** A column as the manifest lists it. */
export interface ManifestColumn {
  /** As written in YAML. Compare without case where the adapter folds it. */
  readonly name: string;
  readonly description: string;
  readonly dataType: string | null;
  /** The value under `config.meta.dinmo` (or the older `meta.dinmo`), not yet checked; undefined when not annotated. */
  readonly annotation: unknown;
  readonly constraints: readonly ManifestConstraint[];
  /** Entity of a semantic model written on the column (dbt 1.12, 2.x). */
  readonly semanticEntity: { readonly name: string; readonly type: string } | null;
  readonly quoted: boolean;
}

export interface ManifestConstraint {
  readonly type: string;
  /** Empty on a column's own constraint: then the column. */
  readonly columns: readonly string[];
  /** `ref('x')` after parse, a rendered relation name after a build. */
  readonly to: string | null;
  readonly toColumns: readonly string[];
}

/** A model, seed, snapshot or source: what an annotation can stand on. */
export interface ManifestNode {
  readonly uniqueId: string;
  readonly resourceType: 'model' | 'seed' | 'snapshot' | 'source';
  /** For a source: the table's name. */
  readonly name: string;
  readonly sourceName: string | null;
  readonly packageName: string;
  readonly database: string | null;
  readonly schema: string;
  readonly identifier: string;
  /** Quoted for the adapter, ready for SQL; null where the node has no relation (ephemeral). */
  readonly relationName: string | null;
  readonly materialized: string | null;
  readonly columns: ReadonlyMap<string, ManifestColumn>;
  /** The value under `config.meta.dinmo` (or `meta.dinmo`), not yet checked; undefined when not annotated. */
  readonly annotation: unknown;
  /** True when the annotation was found at `meta` and not at `config.meta`. */
  readonly annotationInOldPlace: boolean;
  readonly description: string;
  readonly tags: readonly string[];
  readonly group: string | null;
  readonly access: string | null;
  readonly version: string | null;
  readonly latestVersion: string | null;
  readonly contractEnforced: boolean;
  readonly constraints: readonly ManifestConstraint[];
  /** dbt's inference; null where the manifest does not say. Not necessarily a composite key. */
  readonly primaryKey: readonly string[] | null;
  readonly dependsOn: readonly string[];
  /** The SQL or CSV, forward slashes, relative to its package. */
  readonly originalFilePath: string;
  /** The YAML that describes it, forward slashes, relative to its package; null when none. */
  readonly patchPath: string | null;
  readonly checksum: string | null;
  readonly rawCode: string;
  /** Where and how the model was written to fold: `materialized`, `enabled` … as plain values. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface ManifestTest {
  readonly uniqueId: string;
  /** unique, not_null, relationships, accepted_values, unique_combination_of_columns …; null for a singular test. */
  readonly testName: string | null;
  readonly namespace: string | null;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly columnName: string | null;
  /** The node it tests, resolved also for tests on sources; null when it can't be told. */
  readonly attachedNode: string | null;
  /** For `relationships`: the other node, resolved whatever the order of depends_on; null when it can't be told. */
  readonly targetNode: string | null;
  readonly severity: 'error' | 'warn';
  readonly where: string | null;
  readonly enabled: boolean;
  readonly dependsOn: readonly string[];
}

export interface SemanticEntity {
  readonly name: string;
  readonly type: 'primary' | 'foreign' | 'unique' | 'natural';
  /** A column name; null when the expression is not a plain column. */
  readonly column: string | null;
}

export interface SemanticModel {
  readonly uniqueId: string;
  readonly name: string;
  readonly node: string;
  readonly entities: readonly SemanticEntity[];
}

export interface ManifestMetadata {
  readonly schemaVersion: number;
  readonly dbtVersion: string;
  readonly generatedAt: string;
  readonly invocationId: string | null;
  readonly projectName: string;
  readonly adapterType: string;
}

/** What dbt said of the project: only the parts that this program uses, whatever dbt version wrote them. */
export interface Manifest {
  readonly path: string;
  readonly metadata: ManifestMetadata;
  /** Models, seeds, snapshots and sources, enabled ones only, by unique_id. */
  readonly nodes: ReadonlyMap<string, ManifestNode>;
  readonly tests: readonly ManifestTest[];
  readonly semanticModels: readonly SemanticModel[];
  /** unique_id → the unique_ids it depends on; for nodes, tests and exposures alike. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** unique_ids that exist but are disabled. */
  readonly disabled: ReadonlySet<string>;
  readonly exposures: readonly {
    readonly uniqueId: string;
    readonly name: string;
    readonly originalFilePath: string;
  }[];
}
