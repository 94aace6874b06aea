import type { ContractMember } from '../contract.ts';

/** What the contract has to know of Snowflake. */
export const snowflakeMember: Omit<ContractMember, 'open'> = {
  name: 'Snowflake',
  types: {
    text: 'VARCHAR',
    bigint: 'NUMBER(38,0)',
    decimal: 'NUMBER(38,9)',
    double: 'FLOAT',
    boolean: 'BOOLEAN',
    date: 'DATE',
    naive: 'TIMESTAMP_NTZ',
    zoned: 'TIMESTAMP_TZ',
    uuid: null,
    json: 'VARIANT',
    binary: 'BINARY',
  },
  arrays: { texts: null, integers: null, decimals: null, instants: null },
  binary: (hex) => `to_binary('${hex}', 'HEX')`,
  json: (text) => `parse_json('${text}')`,
  folds: 'upper',
};
