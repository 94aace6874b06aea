import type { Clock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { HOSTILE_DUCKDB } from './duckdb/hostile.ts';
import type { OpenedWarehouse } from './opened-warehouse.ts';

type Open = (path: string, clock: Clock) => Promise<OpenedWarehouse>;

const WAREHOUSES: Readonly<Record<string, Open>> = {
  bigquery: async (_, clock) => await (await import('./bigquery/database.ts')).openTestDatabase(clock),
  duckdb: async (path, clock) => {
    const { openDuckdb } = await import('../../src/warehouse/duckdb/connection.ts');
    const warehouse = await openDuckdb(
      { path, readOnly: false, settings: { threads: '1', ...HOSTILE_DUCKDB }, extensions: [], attach: [] },
      { clock, logger: silentLogger, lockTimeoutMs: 0 },
    );
    return { warehouse, schema: 'main', close: () => warehouse.close() };
  },
  live: async () => await (await import('./live/database.ts')).openTestDatabase(),
  postgres: async () => await (await import('./postgres/database.ts')).openTestDatabase(),
  'rows-only': async (path, clock) => {
    const duckdb = await WAREHOUSES['duckdb']?.(path, clock);
    if (duckdb === undefined) throw new Error('no DuckDB');
    const { RowsOnlyWarehouse } = await import('./rows-only.ts');
    return { ...duckdb, warehouse: new RowsOnlyWarehouse(duckdb.warehouse) };
  },
  snowflake: async () => await (await import('./snowflake/database.ts')).openTestDatabase(),
};

/** The warehouse that tests run on: DuckDB, or what the environment names. */
export function benchName(): string {
  return process.env['DINMO_TEST_WAREHOUSE'] ?? 'duckdb';
}

/** An empty database in the warehouse that tests of the engine run on: DuckDB, or what the environment names. `path` is for DuckDB, whose databases are files. */
export async function openBenchWarehouse(path: string, clock: Clock): Promise<OpenedWarehouse> {
  const name = benchName();
  const open = Object.hasOwn(WAREHOUSES, name) ? WAREHOUSES[name] : undefined;
  if (open === undefined) throw new Error(`no tests run on ${name}`);
  return await open(path, clock);
}
