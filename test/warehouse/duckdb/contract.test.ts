import { systemClock } from '../../../src/clock.ts';
import { silentLogger } from '../../../src/log.ts';
import { openDuckdb } from '../../../src/warehouse/duckdb/connection.ts';
import { warehouseContract } from '../contract.ts';

warehouseContract({
  name: 'DuckDB',
  open: async () => {
    const warehouse = await openDuckdb(
      { path: ':memory:', readOnly: false, settings: { threads: '1' }, extensions: [], attach: [] },
      { clock: systemClock, logger: silentLogger, lockTimeoutMs: 0 },
    );
    return { warehouse, close: () => warehouse.close() };
  },
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
  schema: 'main',
});
