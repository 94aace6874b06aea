import { it } from 'vitest';
import { secret } from '../../privacy/canaries.ts';
import { cloudDbt, EXAMPLE_TIMEOUT_MS, expectSameAsDuckdb, isWanted } from '../example.ts';
import { testEmulator } from './emulator.ts';

it.skipIf(!isWanted('snowflake'))(
  'the example with dbt-snowflake is the same as on DuckDB',
  async () => {
    const { url } = await testEmulator();
    const env = {
      SNOWFLAKE_ACCOUNT: 'emulated',
      SNOWFLAKE_USER: 'somebody',
      SNOWFLAKE_PASSWORD: secret('snowflake'),
      SNOWFLAKE_ROLE: 'dinmo',
      SNOWFLAKE_WAREHOUSE: 'work',
      SNOWFLAKE_HOST: '127.0.0.1',
      SNOWFLAKE_PORT: new URL(url).port,
      SNOWFLAKE_PROTOCOL: 'http',
    };
    await expectSameAsDuckdb({ name: 'snowflake', env, dbt: cloudDbt() }, { grant: 'DINMO_DELTA_STORAGE' });
  },
  EXAMPLE_TIMEOUT_MS,
);
