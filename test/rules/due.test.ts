import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { planActivations, type SyncReport, syncActivations } from '../../src/index.ts';
import { type Context, connectWarehouse, loadContext } from '../../src/pipeline/context.ts';
import { findDoneMeanwhile } from '../../src/pipeline/due.ts';
import { type Storage, viewStorage } from '../../src/pipeline/storage.ts';
import { benchName } from '../warehouse/bench-warehouse.ts';
import { people, Shop } from './shop.ts';

/** Emulators that refuse the second of two transactions which write one table at a time; the warehouse lets it wait, or has it tried again. */
const EMULATED = new Set(['snowflake']);

let shop: Shop;
/** What a clock on the wall shows, where nothing takes time. */
let now = 0;
const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };

beforeAll(async () => {
  shop = await Shop.open();
  await shop.hold(people(1, 3));
});
afterAll(() => shop.close());
beforeEach(async () => {
  shop.build();
  shop.hook.poison.clear();
  await shop.sql(`drop schema if exists ${shop.target.state.identifier(shop.deltaStorage())} cascade`);
});

const options = () => ({
  projectDir: shop.workspace.folder,
  env: shop.workspace.env,
  clock,
  noGate: true,
  due: true,
  lockTimeoutMs: 0,
});

/** Runs what is due at that instant; who was run, and who is not due until when. */
async function at(iso: string, more: object = {}): Promise<readonly string[]> {
  now = Date.parse(iso);
  const report: SyncReport = await syncActivations({ ...options(), ...more });
  expect(report.error).toBeNull();
  return report.activations.map(({ activation, status }) => `${activation} ${status}`);
}

function schedule(vip: string, timezone = 'Europe/Paris'): void {
  shop.configure({
    settings: `timezone: ${timezone}`,
    vip: `      hook: {to: hook, schedule: ${JSON.stringify(vip)}}`,
  });
}

describe('sync --due', () => {
  test('runs at the first look after an instant, once, however many were missed', async () => {
    schedule('0 6 * * *');
    // What never ran is due at once.
    expect(await at('2026-11-02T12:00:00Z')).toEqual(['vip.hook succeeded']);
    expect(await at('2026-11-03T04:59:59Z')).toEqual([]);
    expect(await at('2026-11-03T05:00:00Z')).toEqual(['vip.hook succeeded']);
    expect(await at('2026-11-03T05:00:01Z')).toEqual([]);
    // Three days without a machine.
    expect(await at('2026-11-06T09:00:00Z')).toEqual(['vip.hook succeeded']);
    expect(await at('2026-11-06T09:01:00Z')).toEqual([]);
  });

  test('knows the nights in which clocks are changed', async () => {
    schedule('30 2 * * *');
    expect(await at('2026-03-28T12:00:00Z')).toEqual(['vip.hook succeeded']);
    expect(await at('2026-03-29T00:59:00Z')).toEqual([]);
    expect(await at('2026-03-29T01:00:00Z')).toEqual(['vip.hook succeeded']);
    expect(await at('2026-03-29T23:00:00Z')).toEqual([]);
    expect(await at('2026-10-25T00:30:00Z')).toEqual(['vip.hook succeeded']);
    // Half past two comes a second time.
    expect(await at('2026-10-25T01:30:00Z')).toEqual([]);
    expect(await at('2026-10-26T01:30:00Z')).toEqual(['vip.hook succeeded']);
  });

  test('leaves due what did not succeed', async () => {
    schedule('0 6 * * *', 'UTC');
    expect(await at('2026-11-02T12:00:00Z')).toEqual(['vip.hook succeeded']);
    await shop.hold([...people(1, 3), ...people(8, 8)]);
    shop.hook.poison.add('8');
    expect(await at('2026-11-03T06:00:00Z')).toEqual(['vip.hook partial']);
    shop.build({ 'model.shop.people': 'error' });
    expect(await at('2026-11-03T06:10:00Z', { noGate: false })).toEqual(['vip.hook blocked']);
    shop.hook.poison.clear();
    expect(await at('2026-11-03T06:20:00Z', { fullRefresh: true })).toEqual(['vip.hook succeeded']);
    expect(await at('2026-11-03T06:30:00Z')).toEqual([]);
    await shop.hold(people(1, 3));
  });

  test('runs `after_dbt` when something behind it was built since, and says so before', async () => {
    schedule('after_dbt');
    const built = Date.now();
    const later = (minutes: number) => new Date(built + minutes * 60_000).toISOString();
    expect(await at(later(1))).toEqual(['vip.hook succeeded']);
    expect(await at(later(2))).toEqual([]);
    const idle = await shop.workspace.dinmo('plan', '--due', '--no-gate');
    expect(idle).toMatchObject({ code: 0 });
    expect(idle.stdout).toContain('Nothing is due. `after_dbt` waits for the next dbt build.');
    shop.build({}, {}, later(3));
    now = Date.parse(later(4));
    const report = await planActivations(options());
    expect(report.activations).toMatchObject([{ activation: 'vip.hook', status: 'planned' }]);
    expect(report.due).toMatchObject({ timezone: 'Europe/Paris', activations: [{ isDue: true, dueSince: later(3) }] });
    // A build of what nobody reads asks for nothing.
    expect(await at(later(4))).toEqual(['vip.hook succeeded']);
    shop.build({}, {}, later(3), ['model.shop.places']);
    expect(await at(later(6))).toEqual([]);
  });

  test('takes of what is selected what is due, and no disabled or paused one', async () => {
    shop.configure({
      settings: 'timezone: UTC',
      vip: '      hook: {to: hook, schedule: "0 6 * * *"}\n      other: {to: hook, schedule: "0 7 * * *"}\n      off: {to: hook, enabled: false}',
    });
    expect(await at('2026-11-03T08:00:00Z', { select: ['vip.other'] })).toEqual(['vip.other succeeded']);
    expect(await at('2026-11-03T09:00:00Z')).toEqual(['vip.hook succeeded']);
    expect(await at('2026-11-04T06:30:00Z', { select: ['vip.other'] })).toEqual([]);
    expect(await shop.one('clear', 'vip.other', '--yes')).toMatchObject({ code: 0 });
    expect(await at('2026-11-04T08:30:00Z')).toEqual(['vip.hook succeeded']);
    const next = new Date(now).toISOString();
    expect(next).toBe('2026-11-04T08:30:00.000Z');
    expect(await at('2026-11-04T08:31:00Z', { resume: true })).toEqual(['vip.other succeeded']);
  });

  test('runs once what another process has run since it was found due', async () => {
    schedule('0 6 * * *', 'UTC');
    now = Date.parse('2026-11-03T08:00:00Z');
    const looking = async <Answer>(look: (context: Context, storage: Storage) => Promise<Answer>): Promise<Answer> => {
      const context = await loadContext(options());
      const warehouse = await connectWarehouse(context, { readOnly: true });
      try {
        return await look(context, await viewStorage(context, warehouse, null));
      } finally {
        await warehouse.close();
      }
    };
    expect(await at('2026-11-02T08:00:00Z')).toEqual(['vip.hook succeeded']);
    now = Date.parse('2026-11-03T08:00:00Z');
    const { states: before } = await looking(async (_context, storage) => storage);
    const meanwhile = () =>
      looking(async (context, storage) => {
        const [activation] = [...context.store.activations.values()];
        if (activation === undefined) throw new Error('there is one');
        // As the other process has read it, before it got the lock.
        return await findDoneMeanwhile(context, { ...storage, states: before }, activation);
      });
    expect(await meanwhile()).toBeNull();
    expect(await at('2026-11-03T08:00:00Z')).toEqual(['vip.hook succeeded']);
    expect(await meanwhile()).toBe('another process has run it meanwhile, at 2026-11-03T08:00:00.000Z');
  });

  test.skipIf(EMULATED.has(benchName()))('two processes at a time run it once', async () => {
    schedule('after_dbt');
    expect(await at(new Date(Date.now() - 60_000).toISOString())).toEqual(['vip.hook succeeded']);
    shop.build();
    shop.workspace.inProcess = false;
    const twice = await Promise.all([0, 1].map(() => shop.json('sync', '--due', '--no-gate')));
    shop.workspace.inProcess = true;
    expect(twice.map(({ code, error }) => [code, error])).toEqual([
      [0, null],
      [0, null],
    ]);
    // The other one came later and found nothing due, or had found it due and saw under the lock that it was done.
    const statuses = twice.flatMap(({ activations }) => activations.map(({ status }) => status));
    expect(statuses.filter((status) => status !== 'skipped')).toEqual(['succeeded']);
    expect(await shop.runs()).toHaveLength(2);
  });
});
