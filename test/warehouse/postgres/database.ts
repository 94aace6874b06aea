import { openPostgres } from '../../../src/warehouse/postgres/connection.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { testServer } from './server.ts';

let databases = 0;

/** An empty database of its own in the server of this process. */
export async function openTestDatabase(): Promise<OpenedWarehouse> {
  const server = await testServer();
  const name = `bench_${++databases}`;
  const administrator = await openPostgres(server.at('postgres'));
  try {
    await administrator.run(`create database ${name}`);
  } finally {
    await administrator.close();
  }
  const warehouse = await openPostgres(server.at(name));
  return { warehouse, schema: 'public', close: () => warehouse.close() };
}
