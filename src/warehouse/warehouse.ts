import type { StateDialect, TableName } from './state-dialect.ts';

export type { TableName } from './state-dialect.ts';

/** A value as the engine reads it: 64-bit and larger integers as bigint, decimals and everything else that JavaScript lacks as text. */
export type Value = string | number | bigint | boolean | null;
/** A row by column name. */
export type Row = Readonly<Record<string, Value>>;

/** A column of a query or table. */
export interface WarehouseColumn {
  readonly name: string;
  /** The warehouse's own name of the type. */
  readonly dataType: string;
}

/** What one value of an appended row is, so that it can be written without a cast. */
export type AppendType = 'text' | 'bigint' | 'integer' | 'boolean' | 'timestamp';

/**
 * One open session with the warehouse that dbt runs on. Statements of one session run one after another; `temporary`
 * tables belong to the session. Everything throws DinmoError of kind `warehouse`, with the vendor's own text kept.
 */
export interface Warehouse {
  readonly state: StateDialect;
  /** Runs one statement; the number of rows that it changed. */
  run(sql: string): Promise<number>;
  /** All rows of a small result. */
  query(sql: string): Promise<Row[]>;
  /** Rows of a large result in chunks, with flat memory. Nothing else may run in this session until it is read or closed. */
  stream(sql: string): AsyncIterable<readonly Row[]>;
  /** Writes rows into a table, faster than INSERT. A temporary table is named by `schema: null`. */
  append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void>;
  /** Runs the work in one transaction: all of it or nothing. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Says of the transaction that is open: this query must give a row when its changes are made, or none of them is. Only where changes
   * are gathered and made together at its end, so that `run` cannot say there how many rows it changed (BigQuery). False where no
   * transaction is open.
   */
  require?(query: string): boolean;
  /** Milliseconds between two writes of what destinations answered, where a write is a job that takes seconds and counts against a quota. */
  readonly answersEveryMs?: number;
  /** What the statements that follow are for, in the warehouse's own records of them. */
  tag?(labels: Readonly<Record<string, string>>): void;
  /** Bytes that a query would read, where that is what it costs. */
  estimate?(sql: string): Promise<number>;
  /** Names of the tables in a schema, where asking for them is no query; none where there is no such schema. */
  tables?(schema: Omit<TableName, 'name'>): Promise<readonly string[]>;
  /** Columns of a query, without running it. */
  describe(sql: string): Promise<readonly WarehouseColumn[]>;
  /** Another session of the same database, for reading while this one writes. */
  another(): Promise<Warehouse>;
  /** Stops the statement that runs. */
  interrupt(): void;
  close(): Promise<void>;
}
