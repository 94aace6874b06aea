/** A schema by its parts; `database` null: the one of the target. */
export interface SchemaName {
  readonly database: string | null;
  readonly schema: string;
}

/** What a role that only runs dinmo has to reach. dbt builds with its own. */
export interface GrantedPlaces {
  /** Schemas of the relations that plans read. */
  readonly read: readonly SchemaName[];
  /** Schemas of our own tables, which may not exist yet. */
  readonly write: readonly SchemaName[];
}
