import type { Clock } from '../../../src/clock.ts';
import { silentLogger } from '../../../src/log.ts';
import { openBigquery } from '../../../src/warehouse/bigquery/connection.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { placed } from '../placed-warehouse.ts';
import { testEmulator } from './emulator.ts';

let projects = 0;

/** A project of its own in the emulator of this process, with one dataset. */
export async function openTestDatabase(clock: Clock): Promise<OpenedWarehouse> {
  const emulator = await testEmulator();
  const project = `bench-${++projects}`;
  const warehouse = await openBigquery({ place: emulator.place(project), clock, logger: silentLogger });
  const schema = 'world';
  await warehouse.run(`create schema if not exists \`${schema}\``);
  return {
    warehouse: placed(warehouse, { bare: schema, schemas: { DELTA: 'DELTA' } }),
    schema,
    close: () => warehouse.close(),
  };
}
