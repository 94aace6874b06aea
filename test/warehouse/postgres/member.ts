import type { ContractMember } from '../contract.ts';

/** What the contract has to know of PostgreSQL. */
export const postgresMember: Omit<ContractMember, 'open'> = {
  name: 'PostgreSQL',
  types: {
    text: 'text',
    bigint: 'bigint',
    decimal: 'numeric(38,9)',
    double: 'double precision',
    boolean: 'boolean',
    date: 'date',
    naive: 'timestamp without time zone',
    zoned: 'timestamp with time zone',
    uuid: 'uuid',
    json: 'json',
    binary: 'bytea',
  },
  arrays: {
    texts: { sql: `cast(array['a"b', null] as text[])`, dataType: 'text[]' },
    integers: { sql: 'cast(array[1, 9007199254740993] as bigint[])', dataType: 'bigint[]' },
    decimals: { sql: "cast(array['1.5', '2'] as numeric(10,2)[])", dataType: 'numeric(10,2)[]' },
    instants: {
      sql: "cast(array['2026-02-03 04:05:06+02', '2026-02-03 02:05:06.5+00'] as timestamptz[])",
      dataType: 'timestamp with time zone[]',
    },
  },
  binary: (hex) => `decode('${hex}', 'hex')`,
  folds: 'lower',
};
