import { expect, it } from 'vitest';
import { snowflakeGrants } from '../../../src/warehouse/snowflake/grants.ts';
import { accountAt } from './emulator.ts';

it('grants what is read, now and later, and to write our own schemas alone', () => {
  const account = accountAt('http://127.0.0.1:1', { database: 'shop', schema: 'dbt' });
  const grants = snowflakeGrants(
    { ...account, options: { ...account.options, role: 'dinmo', warehouse: 'compute-wh' } },
    {
      read: [{ database: 'shop', schema: 'DINMO_SEGMENTS' }],
      write: [{ database: 'shop', schema: 'DINMO_DELTA_STORAGE' }],
    },
  );
  const runs = grants.filter((line) => !line.startsWith('--'));
  expect(runs).toEqual([
    'grant usage on warehouse "compute-wh" to role DINMO;',
    'grant usage on database SHOP to role DINMO;',
    'create schema if not exists SHOP.DINMO_DELTA_STORAGE;',
    'grant usage on schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant usage on schema SHOP.DINMO_DELTA_STORAGE to role DINMO;',
    'grant usage on schema SHOP.DBT to role DINMO;',
    'grant select on all views in schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant select on future views in schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant select on all tables in schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant select on future tables in schema SHOP.DINMO_SEGMENTS to role DINMO;',
    'grant create table, create view on schema SHOP.DINMO_DELTA_STORAGE to role DINMO;',
    'grant select, insert, update, delete on all tables in schema SHOP.DINMO_DELTA_STORAGE to role DINMO;',
    'grant select, insert, update, delete on future tables in schema SHOP.DINMO_DELTA_STORAGE to role DINMO;',
  ]);
  // Views of dbt's role read the ledger, whose tables are dinmo's.
  expect(grants.slice(runs.length).join(' ')).toContain(
    'grant select on future tables in schema SHOP.DINMO_DELTA_STORAGE to role <the role of dbt>;',
  );
});
