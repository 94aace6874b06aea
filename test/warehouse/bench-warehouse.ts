import type { Clock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';

/** An empty database for one test. */
export interface BenchWarehouse {
  readonly warehouse: Warehouse;
  close(): Promise<void>;
}

/** The warehouse that tests of the engine run on: DuckDB, or what the environment names. */
export function benchWarehouse(): string {
  return process.env['DINMO_TEST_WAREHOUSE'] ?? 'duckdb';
}

/** An empty database there. `path` is for DuckDB, whose databases are files. */
export async function openBenchWarehouse(path: string, clock: Clock): Promise<BenchWarehouse> {
  const open = Object.hasOwn(WAREHOUSES, benchWarehouse()) ? WAREHOUSES[benchWarehouse()] : undefined;
  if (open === undefined) throw new Error(`no tests run on ${benchWarehouse()}`);
  return await open(path, clock);
}

type Open = (path: string, clock: Clock) => Promise<BenchWarehouse>;

const WAREHOUSES: Readonly<Record<string, Open>> = {
  bigquery: async (_, clock) => await (await import('./bigquery/database.ts')).openTestDatabase(clock),
  duckdb: async (path, clock) => {
    const { openDuckdb } = await import('../../src/warehouse/duckdb/connection.ts');
    const warehouse = await openDuckdb(
      { path, readOnly: false, settings: { threads: '1' }, extensions: [], attach: [] },
      { clock, logger: silentLogger, lockTimeoutMs: 0 },
    );
    return { warehouse, close: () => warehouse.close() };
  },
  postgres: async () => await (await import('./postgres/database.ts')).openTestDatabase(),
};
