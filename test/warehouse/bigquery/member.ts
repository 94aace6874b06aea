import type { ContractMember } from '../contract.ts';

/** What the contract has to know of BigQuery. */
export const bigqueryMember: Omit<ContractMember, 'open'> = {
  name: 'BigQuery',
  types: {
    text: 'STRING',
    bigint: 'INT64',
    // NUMERIC casts to text without the zeros at its end.
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
  lacks: {
    'quoted names': 'BigQuery has letters, digits and _ in names of columns',
    isolation: 'a transaction is one script: it reads nothing of its own before its end',
  },
};
