/** `settings:` that a profile of dbt-duckdb may have: what comes of a session hangs on none of them. */
export const HOSTILE_DUCKDB: Readonly<Record<string, string>> = {
  TimeZone: 'Asia/Kathmandu',
  Calendar: 'japanese',
  default_collation: 'nocase',
  default_null_order: 'nulls_first',
  default_order: 'desc',
  integer_division: 'true',
  ieee_floating_point_ops: 'false',
  old_implicit_casting: 'true',
  scalar_subquery_error_on_multiple_rows: 'false',
};
