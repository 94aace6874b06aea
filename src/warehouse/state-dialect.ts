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
  /** An ISO instant as a value of the engine's `timestamp` type. */
  timestamp(isoUtc: string): string;
  /** The clock of the warehouse, fixed for a transaction. */
  readonly now: string;
  /** Cheap fingerprint of typed expressions; equal rows give equal values within one version of the engine. NULL differs from ''. */
  fastHash(expressions: readonly string[]): string;
  /** Hash of a key's text as a number, within one version of the engine; of NULL, any value. */
  keyHash(keyText: string): string;
  /** A constant that is another one where an engine's hashes are. */
  readonly hashMark: string;
  /** Aggregate: one number for a set of fast fingerprints, whatever their order; a pair of equal ones cancels out. */
  digest(fastHash: string): string;
  /** Whether a query with LIMIT ends, and costs, no more than what it takes to find that many rows. */
  readonly stopsAtLimit: boolean;
  /**
   * Numbers the rows of a temporary table of ours, without gaps, in the order in which they were made. Where it begins may
   * change when the transaction ends that made the table.
   */
  readonly rowNumber: string;
  /** Lasting fingerprint of typed expressions, the same in every version. NULL differs from ''. */
  strongHash(expressions: readonly TypedExpression[]): string;
  /** Canonical text of a key: the text of a single column, JSON object text of a composite one. NULL when any part is NULL. */
  keyText(columns: readonly TypedExpression[]): string;
  /** The key as JSON text, typed: made of the stored key text and the type of its column. Composite keys are JSON already. */
  keyJson(keyText: string, columns: readonly TypedExpression[]): string;
  /** One value as JSON text of its type: integers with all digits, decimals as strings, dates ISO, timestamps UTC with Z. SQL NULL for NULL. */
  valueJson(expression: string, dataType: string): string;
  /** Joins JSON members that are not NULL into one JSON object text. */
  jsonObject(members: readonly string[]): string;
  /** One `"name":value` member; NULL when the value's JSON text is NULL. */
  jsonMember(name: string, valueJson: string): string;
  /** Trimmed and in lower case. */
  lowerTrim(expression: string): string;
  /** A column as text for a normaliser: arrays as JSON text, all else as `cast as text`. */
  rawText(expression: string, dataType: string): string;
  isArray(dataType: string): boolean;
  createTemporary(name: string, select: string): string;
  dropTemporary(name: string): string;
  /** One row for each number from `lo` to `hi` of the ranges in a FROM item: `seq`, and the columns named. */
  expandRanges(from: string, columns: readonly string[]): string;
  /** `timestamp` expression minus a span, compared as instants. */
  minusSpan(expression: string, amount: number, unit: string): string;
  /** Any date or timestamp as an instant. */
  instant(expression: string, dataType: string): string;
  /** An instant as ISO text, UTC with Z. */
  instantText(expression: string): string;
}

/** An SQL expression with the warehouse's own name of its type. */
export interface TypedExpression {
  /** Name inside a composite key's JSON. */
  readonly name: string;
  readonly sql: string;
  readonly dataType: string;
}

/** A table by its parts; rendered by the dialect. `schema` null: temporary. */
export interface TableName {
  readonly database: string | null;
  readonly schema: string | null;
  readonly name: string;
}
