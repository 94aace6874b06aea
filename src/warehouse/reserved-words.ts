/**
 * Words that some warehouse refuses as a bare name of a column or an alias: the reserved words of DuckDB, BigQuery, Snowflake and PostgreSQL
 * together. Quoting one word too many does no harm, so one list serves all.
 */
export const RESERVED_WORDS: ReadonlySet<string> = new Set(
  `account all alter analyse analyze and anti any array as asc asof assert_rows_modified asymmetric at authorization
  between binary both by case cast check cluster collate collation column concurrently connect connection constraint
  contains create cross cube current current_catalog current_date current_role current_schema current_time
  current_timestamp current_user database day default deferrable define delete desc describe distinct do drop else end
  enum escape except exclude exists extract false fetch following for foreign freeze from full function generated glob
  grant group grouping groups gscluster hash having if ignore ilike in increment initially inner insert intersect
  interval into is isnull issue join key lambda language lateral leading left like limit localtime localtimestamp
  lookup map merge minus month natural new no not notnull now null nulls of offset on only or order organization outer
  over overlaps partition pivot pivot_longer pivot_wider placing positional preceding primary proto qualify range
  recursive references regexp respect returning revoke right rlike rollup row rows sample schema select semi
  session_user set show similar some start struct summarize symmetric system_user table tablesample then time timestamp to
  trailing treat trigger true try_cast unbounded union unique unnest unpivot update user using value values variadic
  verbose view when whenever where window with within year`.split(/\s+/),
);
