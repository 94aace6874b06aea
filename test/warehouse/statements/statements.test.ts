import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ConnectOptions } from '../../../src/warehouse/registry.ts';
import { Life, MOMENTS, WAREHOUSES } from './moments.ts';

const running = vi.hoisted(() => ({ life: null as Life | null }));
vi.mock('../../../src/warehouse/registry.ts', async (original) => ({
  ...(await original<object>()),
  connect: (_: unknown, { readOnly }: ConnectOptions) => running.life?.connect(readOnly),
}));

describe.each(WAREHOUSES)('%s', (name) => {
  let life: Life;
  let sent: Awaited<ReturnType<Life['all']>>;
  beforeAll(async () => {
    life = await Life.open(name);
    running.life = life;
    sent = await life.all();
  });
  afterAll(() => life.close());

  test.each(MOMENTS)('%s', (moment) => {
    const statements = sent.get(moment) ?? [];
    console.log(name, moment, statements.length);
    if (process.env['SHOW'])
      console.log(statements.map((s) => s.replaceAll(/\s+/g, ' ').slice(0, Number(process.env['SHOW']))).join('\n'));
    expect(statements.length).toBeGreaterThan(0);
  });
});
