import { expect, it } from 'vitest';
import { snowflakeGrants } from '../../../src/warehouse/snowflake/grants.ts';

it('grants what is read, now and later, and to write delta storage alone', () => {
  const grants = snowflakeGrants({
    role: 'dinmo',
    warehouse: 'compute-wh',
    reads: [
      { database: 'shop', schema: 'DINMO_SEGMENTS', name: 'segment_vip' },
      { database: 'shop', schema: 'DINMO_SEGMENTS', name: 'segment_new' },
    ],
    storage: { database: 'shop', schema: 'DINMO_DELTA_STORAGE' },
    session: { database: 'shop', schema: 'dbt' },
  });
  expect(grants).toEqual([
    'grant usage on warehouse "compute-wh" to role DINMO;',
    'grant usage on database SHOP to role DINMO;',
    'grant usage on schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant usage on schema SHOP.DINMO_DELTA_STORAGE to role DINMO;',
    'grant usage on schema SHOP.DBT to role DINMO;',
    'grant select on all views in schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant select on future views in schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant select on all tables in schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant select on future tables in schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant create table on schema SHOP.DINMO_DELTA_STORAGE to role DINMO;',
    'grant select, insert, update, delete on all tables in schema SHOP.DINMO_DELTA_STORAGE to role DINMO;',
    'grant select, insert, update, delete on future tables in schema SHOP.DINMO_DELTA_STORAGE to role DINMO;',
  ]);
});
