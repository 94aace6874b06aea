import { describe, it } from 'vitest';
import { warehouseContract } from '../contract.ts';
import { openTestDatabase } from './database.ts';
import { isInstalled, NOT_INSTALLED } from './emulator.ts';

describe.runIf(isInstalled())('with the emulator', () =>
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
      json: 'VARIANT',
      binary: 'BINARY',
    },
    arrays: { texts: null, integers: null, decimals: null, instants: null },
    binary: (hex) => `to_binary('${hex}', 'HEX')`,
    json: (text) => `parse_json('${text}')`,
    folds: 'upper',
    schema: 'WORLD',
    // What the emulator lacks is told by protocol.test.ts over a server that answers as Snowflake does.
    lacks: {
      pieces: 'the emulator answers with all rows in one piece',
      interrupt: 'the emulator takes one statement at a time',
      'error codes': 'the emulator has texts of its own',
    },
  }),
);

it.runIf(!isInstalled())(NOT_INSTALLED, ({ skip }) => skip());
