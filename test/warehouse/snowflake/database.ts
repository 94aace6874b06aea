import { openSnowflake } from '../../../src/warehouse/snowflake/connection.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { placed } from '../placed-warehouse.ts';
import { testEmulator } from './emulator.ts';

let databases = 0;

/** A database of its own in the emulator of this process, with one schema. */
export async function openTestDatabase(): Promise<OpenedWarehouse> {
  const emulator = await testEmulator();
  const warehouse = await openSnowflake(emulator.account(`BENCH_${++databases}`));
  const schema = 'WORLD';
  return {
    warehouse: placed(warehouse, { bare: schema, schemas: { DELTA: 'DELTA' } }),
    schema,
    close: () => warehouse.close(),
  };
}
