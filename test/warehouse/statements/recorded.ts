import { duckdbState } from '../../../src/warehouse/duckdb/state-dialect.ts';
import type { StateDialect } from '../../../src/warehouse/state-dialect.ts';
import type {
  AppendType,
  Row,
  TableName,
  Value,
  Warehouse,
  WarehouseColumn,
} from '../../../src/warehouse/warehouse.ts';
import { type DuckdbType, half, twin } from './twin.ts';

/** What was sent to a warehouse, in order, and what DuckDB is asked in its place. */
export class Record {
  readonly sent: string[] = [];
  readonly #meaning = new Map<string, string>();
  /** Called with each statement before it is sent; throws to die there. */
  mayDie: (sql: string) => void = () => {};

  knows(vendor: string, duckdb: string): void {
    this.#meaning.set(vendor.trim(), duckdb);
  }

  /** DuckDB's words for a statement of the vendor; null: none that the engine wrote. */
  meaningOf(vendor: string): string | null {
    return this.#meaning.get(vendor.trim()) ?? null;
  }
}

/** A vendor's own session, given statements of its dialect, which remembers what DuckDB is to be asked for each. */
export class RecordedWarehouse implements Warehouse {
  readonly state: StateDialect;
  readonly #inner: Warehouse;
  readonly #record: Record;
  readonly #type: DuckdbType;
  readonly answersEveryMs?: number;
  require?: (query: string) => boolean;
  tag?: (labels: Readonly<{ [name: string]: string }>) => void;
  estimate?: (sql: string) => Promise<number>;
  tables?: (schema: Omit<TableName, 'name'>) => Promise<readonly string[]>;

  constructor(inner: Warehouse, record: Record, type: DuckdbType) {
    this.#inner = inner;
    this.#record = record;
    this.#type = type;
    this.state = twin(inner.state, duckdbState, type);
    if (inner.answersEveryMs !== undefined) this.answersEveryMs = inner.answersEveryMs;
    if (inner.require) this.require = (query) => inner.require?.(this.#vendor(query)) ?? false;
    if (inner.tag) this.tag = (labels) => inner.tag?.(labels);
    if (inner.estimate) this.estimate = async (sql) => (await inner.estimate?.(this.#vendor(sql))) ?? 0;
    if (inner.tables) this.tables = async (schema) => (await inner.tables?.(schema)) ?? [];
  }

  run(sql: string): Promise<number> {
    return this.#inner.run(this.#vendor(sql));
  }

  query(sql: string): Promise<Row[]> {
    return this.#inner.query(this.#vendor(sql));
  }

  stream(sql: string): AsyncIterable<readonly Row[]> {
    return this.#inner.stream(this.#vendor(sql));
  }

  append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void> {
    this.#record.mayDie(`append to ${table.name}`);
    return this.#inner.append(table, types, rows);
  }

  transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.#inner.transaction(work);
  }

  describe(sql: string): Promise<readonly WarehouseColumn[]> {
    return this.#inner.describe(this.#vendor(sql));
  }

  async another(): Promise<Warehouse> {
    return new RecordedWarehouse(await this.#inner.another(), this.#record, this.#type);
  }

  interrupt(): void {
    this.#inner.interrupt();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #vendor(sql: string): string {
    const vendor = half(sql, 'vendor');
    this.#record.mayDie(vendor);
    // Relations of the project are the same in both, but for their quotes.
    this.#record.knows(vendor, half(sql, 'duckdb').replaceAll(/`([^`]+)`/g, '"$1"'));
    return vendor;
  }
}
