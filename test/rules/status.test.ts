import { afterAll, beforeAll, expect, test } from 'vitest';
import { readStatus } from '../../src/index.ts';
import { renderStatus } from '../../src/report/status-report.ts';
import { terminalStyle } from '../../src/report/style.ts';
import { people, Shop } from './shop.ts';

let shop: Shop;
const LONG = 'a_name_that_is_exactly_forty_characters_';

beforeAll(async () => {
  shop = await Shop.open();
  await shop.hold(people(1, 3));
  shop.configure({
    settings: 'timezone: Europe/Paris',
    vip: [
      '      hook: {to: hook, schedule: "0 6 * * *"}',
      '      after: {to: hook}',
      '      off: {to: hook, enabled: false}',
      `      ${LONG.slice(0, 39)}x: {to: hook, schedule: "*/5 * * * *"}`,
    ].join('\n'),
  });
});
afterAll(() => shop.close());

interface StatusJson {
  readonly activations: readonly Record<string, unknown>[];
  readonly timezone: string;
  readonly code: number | null;
}

async function status(...args: readonly string[]): Promise<StatusJson> {
  const { code, stdout } = await shop.dinmo('status', ...args, '--output', 'json');
  return { ...JSON.parse(stdout), code };
}

test('says of each activation how it stands, with the same keys before and after its first sync', async () => {
  const before = await status();
  expect(before).toMatchObject({ code: 0, timezone: 'Europe/Paris' });
  expect(before.activations[0]).toMatchObject({
    activation: 'vip.hook',
    last_success_at: null,
    age_seconds: null,
    held: null,
    due: true,
    schedule: '0 6 * * *',
    next_at: expect.stringMatching(/T0[45]:00:00\.000Z$/),
    stale: false,
  });
  shop.hook.poison.add('3');
  expect(await shop.json('sync', '--select', 'vip.hook', '--select', 'vip.after')).toMatchObject({ code: 1 });
  const { activations } = await status();
  expect(activations.map((row) => Object.keys(row))).toEqual(before.activations.map((row) => Object.keys(row)));
  expect(activations[0]).toMatchObject({ last_status: 'partial', held: 2, rejected: 1, segment_rows: 3, due: true });
  expect(activations[2]).toMatchObject({ activation: 'vip.off', enabled: false, due: false, next_at: null });
  shop.hook.poison.clear();
  await shop.json('sync', '--select', 'vip.hook', '--select', 'vip.after', '--full-refresh');
  const after = (await status()).activations;
  expect(after[0]).toMatchObject({ last_status: 'succeeded', held: 3, rejected: 0, due: false, due_since: null });
  expect(Number(after[0]?.['age_seconds'])).toBeLessThan(60);
  shop.build({}, {}, new Date(Date.now() + 60_000).toISOString());
  expect((await status()).activations[1]).toMatchObject({ schedule: 'after_dbt', due: true, next_at: null });
});

test('tells a monitor by its exit code when a success is too long ago, or never was', async () => {
  const select = ['--select', 'vip.hook'];
  expect(await status(...select, '--stale', '1')).toMatchObject({ code: 0, activations: [{ stale: false }] });
  const tomorrow = { now: () => Date.now() + 30 * 3_600_000, sleep: () => Promise.resolve() };
  const options = { projectDir: shop.workspace.folder, env: shop.workspace.env, clock: tomorrow };
  const late = await readStatus({ ...options, select: ['vip.hook'], staleHours: 26 });
  expect(late).toMatchObject({ exitCode: 1, activations: [{ isStale: true }] });
  expect(await readStatus({ ...options, select: ['vip.hook'], staleHours: 31 })).toMatchObject({ exitCode: 0 });
  // Disabled is meant; never synced is not.
  expect(await status('--select', 'vip.off', '--stale', '1')).toMatchObject({ code: 0 });
  expect(await status('--stale', '1')).toMatchObject({ code: 1 });
  expect(await shop.dinmo('status', '--stale', 'soon')).toMatchObject({ code: 2 });

  const all = await readStatus({ ...options, staleHours: 26 });
  const text = renderStatus(all, terminalStyle(100, false));
  expect(text).toContain('with no success for more than 26 hours.');
  expect(text).toContain('Times are those of Europe/Paris.');
  expect(text).toMatch(/30 h/);
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
});
