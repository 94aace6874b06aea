import { openPostgres } from '../../../src/warehouse/postgres/connection.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { testServer } from './server.ts';

let databases = 0;

/** What an administrator may have set for every session of a database: nothing that comes of a session may hang on it. */
const HOSTILE = {
  timezone: 'Asia/Kathmandu',
  datestyle: 'SQL, DMY',
  intervalstyle: 'sql_standard',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  standard_conforming_strings: 'off',
  backslash_quote: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  default_transaction_isolation: 'serializable',
  xmloption: 'document',
  xmlbinary: 'hex',
  client_encoding: 'LATIN1',
  enable_hashjoin: 'off',
  geqo_threshold: '2',
};

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
  for (const [setting, value] of Object.entries(HOSTILE))
    await administrator.run(`alter database ${database} set ${setting} to '${value}'`);
}
