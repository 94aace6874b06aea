import { it } from 'vitest';
import { openPostgres } from '../../../src/warehouse/postgres/connection.ts';
import { secret } from '../../privacy/canaries.ts';
import { EXAMPLE_TIMEOUT_MS, expectSameAsDuckdb, isWanted } from '../example.ts';
import { testServer } from './server.ts';

it.skipIf(!isWanted('postgres'))(
  'the example with dbt-postgres is the same as on DuckDB',
  async () => {
    const server = await testServer();
    const administrator = await openPostgres(server.at('postgres'));
    await administrator.run('create database shop');
    await administrator.close();
    const env = { PGHOST: '127.0.0.1', PGPORT: String(server.port), PGPASSWORD: secret('postgres') };
    const grant = 'grant usage, create on schema "DINMO_DELTA_STORAGE" to "postgres";';
    await expectSameAsDuckdb({ name: 'postgres', env }, { grant });
  },
  EXAMPLE_TIMEOUT_MS,
);
