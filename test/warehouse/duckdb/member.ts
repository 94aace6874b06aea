import type { ContractMember } from '../contract.ts';

/** What the contract has to know of DuckDB. */
export const duckdbMember: Omit<ContractMember, 'open'> = {
  name: 'DuckDB',
  types: {
    text: 'VARCHAR',
    bigint: 'BIGINT',
    decimal: 'DECIMAL(38,9)',
    double: 'DOUBLE',
    boolean: 'BOOLEAN',
    date: 'DATE',
    naive: 'TIMESTAMP',
    zoned: 'TIMESTAMP WITH TIME ZONE',
    uuid: 'UUID',
    json: 'JSON',
    binary: 'BLOB',
  },
  arrays: {
    texts: { sql: `cast(['a"b', null] as varchar[])`, dataType: 'VARCHAR[]' },
    integers: { sql: 'cast([1, 9007199254740993] as bigint[])', dataType: 'BIGINT[]' },
    decimals: { sql: "cast(['1.5', '2'] as decimal(10,2)[])", dataType: 'DECIMAL(10,2)[]' },
    instants: {
      sql: "cast(['2026-02-03 04:05:06+02', '2026-02-03 02:05:06.5+00'] as timestamptz[])",
      dataType: 'TIMESTAMP WITH TIME ZONE[]',
    },
  },
  binary: (hex) => `unhex('${hex}')`,
  folds: 'not',
};
