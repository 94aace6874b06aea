import { it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { type ContractMember, warehouseContract } from '../contract.ts';
import { openTestDatabase } from './database.ts';
import { isInstalled, NOT_INSTALLED } from './emulator.ts';

const bigquery: ContractMember = {
  name: 'BigQuery',
  open: () => openTestDatabase(systemClock),
  types: {
    text: 'STRING',
    bigint: 'INT64',
    // The emulator keeps three decimals of any NUMERIC that is cast, and shows nine.
    decimal: null,
    double: 'FLOAT64',
    boolean: 'BOOL',
    date: 'DATE',
    naive: 'DATETIME',
    zoned: 'TIMESTAMP',
    uuid: null,
    json: 'JSON',
    binary: 'BYTES',
  },
  arrays: {
    texts: { sql: `['a"b', null]`, dataType: 'ARRAY<STRING>' },
    integers: { sql: '[1, 9007199254740993]', dataType: 'ARRAY<INT64>' },
    decimals: null,
    instants: {
      sql: "[timestamp '2026-02-03 04:05:06+02', timestamp '2026-02-03 02:05:06.5+00']",
      dataType: 'ARRAY<TIMESTAMP>',
    },
  },
  binary: (hex) => `from_hex('${hex}')`,
  folds: 'not',
  schema: 'world',
  lacks: {
    isolation: 'the emulator has one connection, and a transaction reads nothing of its own',
    interrupt: 'the emulator runs a job before it answers: protocol.test.ts',
    'quoted names': 'BigQuery has letters, digits and _ in names of columns',
  },
};

if (isInstalled()) warehouseContract(bigquery);
else it.skip(NOT_INSTALLED, () => {});
