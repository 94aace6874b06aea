import { warehouseContract } from '../contract.ts';
import { openTestDatabase } from './database.ts';

warehouseContract({
  name: 'Snowflake',
  open: openTestDatabase,
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
    json: null,
    binary: 'BINARY',
  },
  arrays: { texts: null, integers: null, decimals: null, instants: null },
  binary: (hex) => `to_binary('${hex}', 'HEX')`,
  folds: 'upper',
  schema: 'WORLD',
});
