import { openPostgres } from '../../../src/warehouse/postgres/connection.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { HOSTILE_POSTGRES } from './hostile.ts';
import { testServer } from './server.ts';

let databases = 0;

/** An empty database of its own in the server of this process, whose defaults are not those of PostgreSQL. */
export async function openTestDatabase(): Promise<OpenedWarehouse> {
  const server = await testServer();
  const name = `bench_${++databases}`;
  const administrator = await openPostgres(server.at('postgres'));
  try {
    await administrator.run(`create database ${name}`);
    await makeHostile(administrator, name);
  } finally {
    await administrator.close();
  }
  const warehouse = await openPostgres(server.at(name));
  return { warehouse, schema: 'public', close: () => warehouse.close() };
}

/** Gives a database defaults that nobody expects. */
export async function makeHostile(administrator: Warehouse, database: string): Promise<void> {
  for (const [setting, value] of Object.entries(HOSTILE_POSTGRES))
    await administrator.run(`alter database ${database} set ${setting} to '${value}'`);
}
