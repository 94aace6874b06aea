import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { planActivations } from '../../src/pipeline/plan.ts';
import { syncActivations } from '../../src/pipeline/sync.ts';
import { openDuckdb } from '../../src/warehouse/duckdb/connection.ts';
import type { ConnectOptions } from '../../src/warehouse/registry.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { people, Shop } from '../rules/shop.ts';

const opening = vi.hoisted(() => ({ connect: null as ((options: ConnectOptions) => Promise<Warehouse>) | null }));
vi.mock('../../src/warehouse/registry.ts', async (original) => ({
  ...(await original<object>()),
  connect: (_: unknown, options: ConnectOptions) => opening.connect?.(options),
}));

let shop: Shop;
let stopping: AbortController;
beforeEach(async () => {
  shop = await Shop.open();
  await shop.hold(people(1, 3));
  stopping = new AbortController();
  // The signal comes when the statement that reads the segment is under way: it would take days.
  await shop.workspace.sql(
    'create or replace view "main_DINMO_SEGMENTS"."segment_vip" as select * from main.people where (select count(*) from range(3000000) a, range(3000000) b where a.range * b.range % 7 = 3) > 0',
  );
  opening.connect = async ({ readOnly }) => {
    const path = join(shop.workspace.folder, 'shop.duckdb');
    const warehouse = await openDuckdb(
      { path, readOnly, settings: { threads: '1' }, extensions: [], attach: [] },
      { clock: systemClock, logger: silentLogger, lockTimeoutMs: 0 },
    );
    const query = warehouse.query.bind(warehouse);
    warehouse.query = async (sql) => {
      const answer = query(sql);
      if (/row_count from \(.*segment_vip/s.test(sql)) setImmediate(() => stopping.abort());
      return await answer;
    };
    return warehouse;
  };
});
afterEach(() => shop.close());

const options = () => ({
  projectDir: shop.workspace.folder,
  env: shop.workspace.env,
  cwd: shop.workspace.folder,
  signal: stopping.signal,
});

describe('a signal while the warehouse plans', () => {
  it('ends a sync at once: nothing is sent, nothing is kept, and the lock is free', async () => {
    const report = await syncActivations(options());
    expect(report.exitCode).toBe(1);
    expect(report.activations).toMatchObject([{ status: 'partial', planned: null, accepted: null }]);
    expect(report.activations[0]?.reason).toContain('interrupted before anything was sent');
    expect(shop.calls).toEqual([]);
    expect(await shop.runs()).toEqual([]);
    const [lease] = await shop.workspace.sql('select lease_owner from "main_DINMO_DELTA_STORAGE".activations');
    expect(lease).toEqual({ lease_owner: null });
    const [tables] = await shop.workspace.sql(
      "select count(*)::int as row_count from information_schema.tables where table_name like 'change%'",
    );
    expect(tables).toEqual({ row_count: 0 });
  });

  it('ends a plan at once', async () => {
    const report = await planActivations(options());
    expect(report).toMatchObject({ exitCode: 1, activations: [{ status: 'partial' }] });
  });
});
