import type { StateDialect } from '../../../src/warehouse/state-dialect.ts';
import type {
  AppendType,
  Row,
  TableName,
  Value,
  Warehouse,
  WarehouseColumn,
} from '../../../src/warehouse/warehouse.ts';
import type { Record } from './recorded.ts';

/** A session that records what it is asked, and has DuckDB answer. */
export class PlainSession implements Warehouse {
  readonly state: StateDialect;
  readonly #duckdb: Warehouse;
  readonly #record: Record;
  readonly #begin: string;

  constructor(
    state: StateDialect,
    duckdb: Warehouse,
    { record, begin }: { readonly record: Record; readonly begin: string },
  ) {
    this.state = state;
    this.#duckdb = duckdb;
    this.#record = record;
    this.#begin = begin;
  }

  run(sql: string): Promise<number> {
    return this.#duckdb.run(this.#said(sql));
  }

  query(sql: string): Promise<Row[]> {
    return this.#duckdb.query(this.#said(sql));
  }

  stream(sql: string): AsyncIterable<readonly Row[]> {
    return this.#duckdb.stream(this.#said(sql));
  }

  async append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void> {
    if (rows.length > 0) this.#record.sent.push(`-- append to ${this.state.table(table)}`);
    await this.#duckdb.append(table, types, rows);
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    return await this.#duckdb.transaction(async () => {
      this.#record.sent.push(this.#begin);
      const result = await work();
      this.#record.sent.push('commit');
      return result;
    });
  }

  async describe(sql: string): Promise<readonly WarehouseColumn[]> {
    this.#record.sent.push(
      this.state.name === 'duckdb' ? `describe ${sql}` : `select * from (${sql}) as described limit 0`,
    );
    return await this.#duckdb.describe(this.#record.meaningOf(sql) ?? sql);
  }

  async another(): Promise<Warehouse> {
    const other = await this.#duckdb.another();
    return new PlainSession(this.state, other, { record: this.#record, begin: this.#begin });
  }

  interrupt(): void {
    this.#duckdb.interrupt();
  }

  close(): Promise<void> {
    return this.#duckdb.close();
  }

  #said(sql: string): string {
    this.#record.sent.push(sql);
    return this.#record.meaningOf(sql) ?? sql;
  }
}
