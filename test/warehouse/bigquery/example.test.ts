import { it } from 'vitest';
import { secret } from '../../privacy/canaries.ts';
import { cloudDbt, EXAMPLE_TIMEOUT_MS, expectSameAsDuckdb, isWanted } from '../example.ts';
import { testEmulator } from './emulator.ts';

it.skipIf(!isWanted('bigquery'))(
  'the example with dbt-bigquery is the same as on DuckDB',
  async () => {
    const { url } = await testEmulator();
    const env = {
      BIGQUERY_METHOD: 'oauth-secrets',
      BIGQUERY_TOKEN: secret('bigquery'),
      BIGQUERY_PROJECT: 'shop-project',
      BIGQUERY_API_ENDPOINT: url,
    };
    await expectSameAsDuckdb({ name: 'bigquery', env, dbt: cloudDbt() }, { grant: 'DINMO_DELTA_STORAGE' });
  },
  EXAMPLE_TIMEOUT_MS,
);
