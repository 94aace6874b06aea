import { systemClock } from '../../../src/clock.ts';
import { silentLogger } from '../../../src/log.ts';
import { openDuckdb } from '../../../src/warehouse/duckdb/connection.ts';
import { warehouseContract } from '../contract.ts';
import { HOSTILE_DUCKDB } from './hostile.ts';
import { duckdbMember } from './member.ts';

warehouseContract({
  ...duckdbMember,
  open: async () => {
    const warehouse = await openDuckdb(
      { path: ':memory:', readOnly: false, settings: { threads: '1', ...HOSTILE_DUCKDB }, extensions: [], attach: [] },
      { clock: systemClock, logger: silentLogger, lockTimeoutMs: 0 },
    );
    return { warehouse, schema: 'main', close: () => warehouse.close() };
  },
});
