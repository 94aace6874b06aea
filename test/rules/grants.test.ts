import { afterEach, expect, it } from 'vitest';
import { benchName } from '../warehouse/bench-warehouse.ts';
import { Shop } from './shop.ts';

let shop: Shop | null = null;
afterEach(async () => {
  await shop?.close();
  shop = null;
});

// What an administrator grants elsewhere: test/warehouse/*/grants.test.ts.
it.runIf(benchName() === 'duckdb')(
  'asks nothing of an administrator where there is a file, and says what cannot be read',
  async () => {
    shop = await Shop.open({});
    const fine = await shop.dinmo('doctor', '--grants');
    expect(fine.code, fine.all).toBe(0);
    expect(fine.stdout).toContain('duckdb needs no grants');
    await shop.sql(`drop view ${shop.at('segment_vip')}`);
    const broken = await shop.dinmo('doctor', '--grants', '--output', 'json');
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.stdout)).toMatchObject({
      warehouse: 'duckdb',
      statements: [],
      missing: [{ what: expect.stringContaining('segment_vip'), fix: expect.stringContaining('dbt build') }],
      error: null,
    });
  },
);
