import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/start.ts';
import { people, Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open();
  await shop.hold(people(1, 3));
});
afterEach(() => shop.close());

/** Every table and view of the project and of what a sync makes for it. */
async function listed(): Promise<readonly (readonly string[])[]> {
  const { schema } = shop.target;
  const schemas = [schema, `${schema}_DINMO_SEGMENTS`, shop.deltaStorage(), `${shop.deltaStorage()}_SANDBOX`];
  return await Promise.all(schemas.map((one) => shop.target.tables(one)));
}

describe('real platforms are reached from listed targets only', () => {
  const COMMANDS = [['sync'], ['sync', '--no-gate', '--full-refresh'], ['retry'], ['clear', 'vip.hook', '--yes']];

  test.each([
    ['nothing is listed, and the profile has two', '', 'targets-missing', 'several targets'],
    ['another one is listed', 'targets: [prod]', 'target-not-allowed', 'dev may not'],
  ])('%s', async (_name, settings, code, says) => {
    await shop.one('sync');
    const before = await shop.stateOf();
    const calls = shop.calls.length;
    shop.profiles({ dev: shop.target.schema, prod: shop.target.schema });
    shop.configure({ settings });
    await shop.hold(people(1, 5));
    for (const command of COMMANDS) {
      const refused = await shop.json(...command);
      expect(refused, command.join(' ')).toMatchObject({ code: 2, activations: [], error: { code } });
      expect(refused.error?.message).toContain(says);
      expect(refused.stderr + refused.error?.message).toContain('--sandbox');
    }
    expect(shop.calls.length).toBe(calls);
    expect(await shop.stateOf()).toEqual(before);
    // A plan sends nothing, and works everywhere.
    expect(await shop.one('plan')).toMatchObject({ code: 0, planned: { insert: 2 } });
    expect(await shop.one('plan', '--target', 'prod')).toMatchObject({ code: 0, planned: { insert: 2 } });
  });

  test('a listed one may, whatever the default is', async () => {
    shop.profiles({ dev: shop.target.schema, prod: shop.target.schema });
    shop.configure({ settings: 'targets: [prod]' });
    expect(await shop.one('sync', '--target', 'prod', '--no-gate')).toMatchObject({ code: 0 });
    expect(shop.hooked()).toHaveLength(3);
  });
});

describe('a developer’s target', () => {
  test('has state of its own: production’s is not touched, though the database is one', async () => {
    await shop.one('sync');
    const production = await shop.stateOf();
    const ada = `${shop.target.schema}_ada`;
    shop.profiles({ ada, dev: shop.target.schema });
    shop.configure({ settings: 'targets: [dev, ada]' });
    const everybody = `select * from ${shop.at('people')}`;
    await shop.sql(
      shop.target.state.createSchema({ database: null, schema: `${ada}_DINMO_SEGMENTS` }),
      `create view ${shop.at('segment_vip', ada)} as ${everybody} where id = 2`,
      `create view ${shop.at('entity_person', ada)} as ${everybody}`,
    );
    shop.parse(ada);
    shop.build({}, { target: 'ada' });
    const synced = await shop.one('sync');
    // What production has sent is unknown here, so that nobody is removed as a leaver of production's list.
    expect(synced).toMatchObject({ code: 0, planned: { insert: 1, update: 0, delete: 0 } });
    expect(await shop.stateOf()).toEqual(production);
    expect(shop.hooked()).toHaveLength(3);
    expect(JSON.stringify(await shop.stateOf(ada))).toContain('vip.hook');
  });

  test('does not work with the manifest of another one', async () => {
    const ada = `${shop.target.schema}_ada`;
    shop.profiles({ ada, dev: shop.target.schema });
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
    shop.profiles({ dev: shop.target.schema, prod: shop.target.schema });
    shop.configure({ vip: '      hook: {}\n      ads: {}', settings: 'targets: [prod]' });
    await shop.json('sync', '--target', 'prod', '--no-gate');
    const production = await shop.stateOf();
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
    expect(await shop.stateOf()).toEqual(production);
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
    const before = await listed();
    expect(await shop.one('plan')).toMatchObject({ code: 0, planned: { insert: 3 } });
    expect(await listed()).toEqual(before);
    expect(shop.calls).toEqual([]);
  });

  test('after it changes nothing, blocked or not, with whatever options', async () => {
    await shop.one('sync');
    await shop.hold(people(2, 300));
    const before = await shop.stateOf();
    const results = await shop.rowsOf(shop.stored('node_results'));
    const calls = shop.calls.length;
    for (const args of [[], ['--full-refresh'], ['--allow-deletes', '--no-gate'], ['--resume']])
      await shop.one('plan', ...args);
    await shop.dinmo('status', '--rejected');
    await shop.dinmo('check');
    expect(await shop.stateOf()).toEqual(before);
    expect(await shop.rowsOf(shop.stored('node_results'))).toEqual(results);
    expect(shop.calls.length).toBe(calls);
  });
});
