/** Types of the engine's own tables. */
export type StateType = 'text' | 'bigint' | 'integer' | 'boolean' | 'timestamp' | 'fast_hash' | 'strong_hash';

/**
 * The SQL that the engine itself needs of a warehouse: keys, fingerprints, JSON, its own tables. The segment language
 * has a dialect of its own.
 */
export interface StateDialect {
  readonly name: string;
  identifier(name: string): string;
  text(value: string): string;
  table(name: TableName): string;
  type(type: StateType): string;
  /** A text that is one of a few: kept as small as the warehouse can. */
  symbol(expression: string, among: readonly string[]): string;
  /** An ISO instant as a value of the engine's `timestamp` type. */
  timestamp(isoUtc: string): string;
  /** The clock of the warehouse, fixed for a transaction. */
  readonly now: string;
  /** Cheap fingerprint of typed expressions; equal rows give equal values within one version of the engine. NULL differs from ''. */
  fastHash(expressions: readonly TypedSql[]): string;
  /** Hash of a key's text as a number, within one version of the engine; of NULL, any value. */
  keyHash(keyText: string): string;
  /** A constant that is another one where an engine's hashes are. */
  readonly hashMark: string;
  /**
   * Aggregate: one number for a set of fast fingerprints, whatever their order; a pair of equal ones cancels out. Nothing else may: the
   * same change of one column in several rows gives another number.
   */
  digest(fastHash: string): string;
  /** Whether a query with LIMIT ends, and costs, no more than what it takes to find that many rows. */
  readonly stopsAtLimit: boolean;
  /**
   * What can change in a transaction. `rows`: to make or drop a table, even a temporary one, would end it (Snowflake) or is refused
   * (BigQuery). There the engine makes its tables before the first row changes, and empties lasting ones instead of dropping them.
   */
  readonly transactionsHold: 'tables' | 'rows';
  /** Whether all statements of a transaction see the rows of one moment. Where not, the segment is copied before it is compared. */
  readonly steadyReads: boolean;
  /**
   * Numbers the rows of a table that `createNumbered` made, without gaps, in the order in which they were made. Where it begins
   * may change when the transaction ends that made the table.
   */
  readonly rowNumber: string;
  /** What they begin with, where it is always the same; null: it has to be asked. */
  readonly firstRowNumber: number | null;
  /** Aggregate: whether the condition is true of every row, and of at least one; NULL counts as false. */
  every(condition: string): string;
  /** Aggregate: texts, one after another in this order, with a separator (an expression) between them. */
  joinTexts(text: string, by: { readonly separator: string; readonly order: string }): string;
  /** Text as JSON text, in quotes; NULL for NULL. */
  jsonText(text: string): string;
  /** Lasting fingerprint of texts, the same in every version; one that is NULL is left out. No text has the character U+001F in it. */
  strongHash(texts: readonly string[]): string;
  /** Canonical text of a key: the text of a single column, JSON object text of a composite one. NULL when any part is NULL. */
  keyText(columns: readonly TypedExpression[]): string;
  /** The key as JSON text, typed: made of the stored key text and the type of its column. Composite keys are JSON already. */
  keyJson(keyText: string, columns: readonly TypedExpression[]): string;
  /** One value as JSON text of its type: integers with all digits, decimals as strings, dates ISO, timestamps UTC with Z. SQL NULL for NULL. */
  valueJson(expression: string, dataType: string): string;
  /** JSON object text of these members, in their order; values as `valueJson` writes them. */
  jsonObject(members: readonly JsonMember[]): string;
  /** Trimmed and in lower case. */
  lowerTrim(expression: string): string;
  /** A column as text for a normaliser: arrays as JSON text, all else as `cast as text`. */
  rawText(expression: string, dataType: string): string;
  isArray(dataType: string): boolean;
  /** Makes a schema where there is none of that name; needs no right to make schemas where there is one. */
  createSchema(schema: Omit<TableName, 'name'>): string;
  /** The rows of a query as a table, in the place of any of its name. */
  createTable(table: TableName, select: string): string;
  /** The same for a table of the session. */
  createTemporary(name: string, select: string): string;
  /** The same with numbered rows, which are read by their numbers later. */
  createNumbered(name: string, select: string): string;
  dropTemporary(name: string): string;
  /**
   * The schema of tables that the sessions of one command share and that end with it: within delta storage, or, where one process has the
   * database to itself, in its memory, which it cannot leave behind.
   */
  passingPlace(storage: Omit<TableName, 'name'>): Omit<TableName, 'name'>;
  /** The rows of a query as a table of that place: kept no longer than the warehouse can be told, never recovered. */
  createPassing(table: TableName, select: string): string;
  /** The rows of a query with `seq`, their number from 1, by their columns `place` and `n`: rows without `n` in any order. */
  numbered(select: string): string;
  /** A query with `table_name` of each table in a schema, whose name is compared without case; empty where there is no such schema. */
  tablesOf(schema: Omit<TableName, 'name'>): string;
  /** One row for each number from `lo` to `hi` of the ranges in a FROM item: `seq`, and the columns named. */
  expandRanges(from: string, columns: readonly string[]): string;
  /** `timestamp` expression minus a span, compared as instants. */
  minusSpan(expression: string, amount: number, unit: string): string;
  /** Any date or timestamp as an instant. */
  instant(expression: string, dataType: string): string;
  /** An instant as ISO text, UTC with Z. */
  instantText(expression: string): string;
}

/** One member of a JSON object: a column's value, or a constant. */
export interface JsonMember {
  readonly name: string;
  readonly value: TypedSql | { readonly json: string };
  /** What becomes of a NULL: the member is `null`, or left out. */
  readonly nulls: 'null' | 'skip';
}

/** An SQL expression with the warehouse's own name of its type. */
export interface TypedSql {
  readonly sql: string;
  readonly dataType: string;
}

/** A column of the segment. */
export interface TypedExpression extends TypedSql {
  /** Name inside a composite key's JSON. */
  readonly name: string;
}

/** A table by its parts; rendered by the dialect. `schema` null: temporary. */
export interface TableName {
  readonly database: string | null;
  readonly schema: string | null;
  readonly name: string;
}
