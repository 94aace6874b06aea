/** The target that dbt would use, rendered. Values of secrets are registered with the log's mask when it is read. */
export interface Profile {
  readonly file: string;
  readonly profileName: string;
  readonly targetName: string;
  /** Every target of the profile, by name. */
  readonly targetNames: readonly string[];
  /** `duckdb`, `bigquery`, `snowflake`, `postgres` … */
  readonly type: string;
  readonly schema: string;
  readonly database: string | null;
  /** The output's fields, rendered. Relative paths are relative to `projectDir`'s working directory as dbt has it. */
  readonly fields: Readonly<Record<string, unknown>>;
}
