import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/start.ts';
import { people, profiles, Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open();
  await shop.hold(people(1, 3));
});
afterEach(() => shop.close());

/** Every lasting row of the delta storage of a schema, but for what dbt said. */
async function stateOf(schema: string): Promise<readonly Record<string, unknown>[]> {
  const tables = await shop.workspace.sql(
    `select table_name from information_schema.tables where table_schema = '${schema}' and table_name <> 'node_results' order by 1`,
  );
  const rows: Record<string, unknown>[] = [];
  for (const { table_name } of tables) {
    const found = await shop.workspace.sql(`select * from "${schema}"."${table_name}" order by all`);
    rows.push({ table_name, found });
  }
  return rows;
}

describe('real platforms are reached from listed targets only', () => {
  const COMMANDS = [['sync'], ['sync', '--no-gate', '--full-refresh'], ['retry'], ['clear', 'vip.hook', '--yes']];

  test.each([
    ['nothing is listed, and the profile has two', '', 'targets-missing', 'several targets'],
    ['another one is listed', 'targets: [prod]', 'target-not-allowed', 'dev may not'],
  ])('%s', async (_name, settings, code, says) => {
    await shop.one('sync');
    const before = await stateOf('main_DINMO_DELTA_STORAGE');
    const calls = shop.calls.length;
    shop.workspace.write('profiles.yml', profiles({ dev: 'main', prod: 'main' }));
    shop.configure({ settings });
    await shop.hold(people(1, 5));
    for (const command of COMMANDS) {
      const refused = await shop.json(...command);
      expect(refused, command.join(' ')).toMatchObject({ code: 2, activations: [], error: { code } });
      expect(refused.error?.message).toContain(says);
      expect(refused.stderr + refused.error?.message).toContain('--sandbox');
    }
    expect(shop.calls.length).toBe(calls);
    expect(await stateOf('main_DINMO_DELTA_STORAGE')).toEqual(before);
    // A plan sends nothing, and works everywhere.
    expect(await shop.one('plan')).toMatchObject({ code: 0, planned: { insert: 2 } });
    expect(await shop.one('plan', '--target', 'prod')).toMatchObject({ code: 0, planned: { insert: 2 } });
  });

  test('a listed one may, whatever the default is', async () => {
    shop.workspace.write('profiles.yml', profiles({ dev: 'main', prod: 'main' }));
    shop.configure({ settings: 'targets: [prod]' });
    expect(await shop.one('sync', '--target', 'prod', '--no-gate')).toMatchObject({ code: 0 });
    expect(shop.hooked()).toHaveLength(3);
  });
});

describe('a developer’s target', () => {
  test('has state of its own: production’s is not touched, though the database is one', async () => {
    await shop.one('sync');
    const production = await stateOf('main_DINMO_DELTA_STORAGE');
    shop.workspace.write('profiles.yml', profiles({ ada: 'dbt_ada', dev: 'main' }));
    shop.configure({ settings: 'targets: [dev, ada]' });
    await shop.workspace.sql(
      'create schema "dbt_ada_DINMO_SEGMENTS"',
      'create view "dbt_ada_DINMO_SEGMENTS".segment_vip as select * from main.people where id = 2',
      'create view "dbt_ada_DINMO_SEGMENTS".entity_person as select * from main.people',
    );
    shop.parse('dbt_ada');
    shop.build({}, { target: 'ada' });
    const synced = await shop.one('sync');
    // What production has sent is unknown here, so that nobody is removed as a leaver of production's list.
    expect(synced).toMatchObject({ code: 0, planned: { insert: 1, update: 0, delete: 0 } });
    expect(await stateOf('main_DINMO_DELTA_STORAGE')).toEqual(production);
    expect(shop.hooked()).toHaveLength(3);
    expect(JSON.stringify(await stateOf('dbt_ada_DINMO_DELTA_STORAGE'))).toContain('vip.hook');
  });

  test('does not work with the manifest of another one', async () => {
    shop.workspace.write('profiles.yml', profiles({ ada: 'dbt_ada', dev: 'main' }));
    shop.configure({ settings: 'targets: [dev, ada]' });
    for (const command of ['plan', 'sync'])
      expect(await shop.json(command)).toMatchObject({ code: 3, error: { code: 'manifest-of-other-target' } });
    expect(shop.calls).toEqual([]);
  });

  test('is not let through by results of another one', async () => {
    shop.build({}, { target: 'prod' });
    const blocked = await shop.one('sync');
    expect(blocked).toMatchObject({ code: 1, status: 'blocked' });
    expect(blocked.reason).toMatch(/gate/);
    expect(shop.calls).toEqual([]);
  });
});

describe('a rehearsal', () => {
  test('reaches no real platform and keeps state of its own, which ends with its sandbox', async () => {
    shop.workspace.write('profiles.yml', profiles({ dev: 'main', prod: 'main' }));
    shop.configure({ vip: '      hook: {}\n      ads: {}', settings: 'targets: [prod]' });
    await shop.json('sync', '--target', 'prod', '--no-gate');
    const production = await stateOf('main_DINMO_DELTA_STORAGE');
    const calls = shop.calls.length;
    expect(calls).toBeGreaterThan(0);
    const planned = async (url: string) =>
      (await shop.json('plan', '--sandbox', url)).activations.map((one) => one.planned?.insert);
    const first = await startSandbox();
    try {
      // From any target, under any guard: nothing that was sent to the real ones is known here.
      expect(await planned(first.url)).toEqual([3, 3]);
      const rehearsed = await shop.json('sync', '--sandbox', first.url);
      expect(rehearsed, rehearsed.stderr).toMatchObject({ code: 0, activations: [{ accepted: { insert: 3 } }, {}] });
      expect(await planned(first.url)).toEqual([0, 0]);
      expect(await shop.one('clear', 'vip.hook', '--yes', '--sandbox', first.url)).toMatchObject({
        code: 0,
        accepted: { delete: 3 },
      });
      first.reset();
      expect(await planned(first.url)).toEqual([3, 3]);
    } finally {
      await first.close();
    }
    const second = await startSandbox();
    try {
      expect(await planned(second.url)).toEqual([3, 3]);
      expect(await shop.json('sync', '--sandbox', second.url)).toMatchObject({
        code: 0,
        activations: [{ accepted: { insert: 3 } }, { accepted: { insert: 3 } }],
      });
    } finally {
      await second.close();
    }
    expect(shop.calls.length).toBe(calls);
    expect(await stateOf('main_DINMO_DELTA_STORAGE')).toEqual(production);
    expect(shop.hooked()).toHaveLength(3);
    // And the pause of the rehearsal is the rehearsal's.
    expect(await shop.json('sync', '--target', 'prod', '--no-gate')).toMatchObject({
      code: 0,
      activations: [{ status: 'succeeded', unchanged: 3 }, { unchanged: 3 }],
    });
  });

  test('of a sandbox that is not there stops, and reaches nothing else', async () => {
    expect(await shop.json('sync', '--sandbox', 'http://127.0.0.1:9')).toMatchObject({
      code: 4,
      error: { code: 'sandbox-unreachable' },
    });
    expect(await shop.json('sync', '--sandbox', 'https://graph.facebook.com')).toMatchObject({ code: 2 });
    expect(shop.calls).toEqual([]);
  });
});

describe('a plan', () => {
  test('before the first sync makes nothing: no schema, no table, no request', async () => {
    const before = await shop.workspace.sql('select * from information_schema.tables order by all');
    expect(await shop.one('plan')).toMatchObject({ code: 0, planned: { insert: 3 } });
    expect(await shop.workspace.sql('select * from information_schema.tables order by all')).toEqual(before);
    expect(shop.calls).toEqual([]);
  });

  test('after it changes nothing, blocked or not, with whatever options', async () => {
    await shop.one('sync');
    await shop.hold(people(2, 300));
    const before = await stateOf('main_DINMO_DELTA_STORAGE');
    const results = await shop.workspace.sql('select * from "main_DINMO_DELTA_STORAGE".node_results order by all');
    const calls = shop.calls.length;
    for (const args of [[], ['--full-refresh'], ['--allow-deletes', '--no-gate'], ['--resume']])
      await shop.one('plan', ...args);
    await shop.dinmo('status', '--rejected');
    await shop.dinmo('check');
    expect(await stateOf('main_DINMO_DELTA_STORAGE')).toEqual(before);
    expect(await shop.workspace.sql('select * from "main_DINMO_DELTA_STORAGE".node_results order by all')).toEqual(
      results,
    );
    expect(shop.calls.length).toBe(calls);
  });
});
