import { LateTransaction } from '../../src/warehouse/late-transaction.ts';
import { SharedTurns } from '../../src/warehouse/turns.ts';
import type { AppendType, Row, TableName, Value, Warehouse, WarehouseColumn } from '../../src/warehouse/warehouse.ts';

/**
 * A warehouse whose transactions hold rows only, as Snowflake's: tables are made outside of them, whatever happens then, and one
 * that is made after a row has changed throws. Statements see what was committed by then.
 */
export class RowsOnlyWarehouse implements Warehouse {
  readonly state: Warehouse['state'];
  readonly #inner: Warehouse;
  readonly #turns = new SharedTurns();
  readonly #transaction: LateTransaction;

  constructor(inner: Warehouse) {
    this.#inner = inner;
    this.state = { ...inner.state, transactionsHold: 'rows', steadyReads: false };
    this.#transaction = new LateTransaction((sql) => inner.run(sql));
  }

  async run(sql: string): Promise<number> {
    return await this.#turns.take(async () => {
      await this.#transaction.before(sql);
      return await this.#inner.run(sql);
    });
  }

  async query(sql: string): Promise<Row[]> {
    return await this.#turns.take(() => this.#inner.query(sql));
  }

  stream(sql: string): AsyncIterable<readonly Row[]> {
    return this.#inner.stream(sql);
  }

  async append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void> {
    await this.#turns.take(async () => {
      if (table.schema !== null) await this.#transaction.changes();
      await this.#inner.append(table, types, rows);
    });
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    return await this.#turns.takeAll(() => this.#transaction.run(work));
  }

  describe(sql: string): Promise<readonly WarehouseColumn[]> {
    return this.#inner.describe(sql);
  }

  async another(): Promise<Warehouse> {
    return new RowsOnlyWarehouse(await this.#inner.another());
  }

  interrupt(): void {
    this.#inner.interrupt();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
