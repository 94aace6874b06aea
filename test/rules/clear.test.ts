import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../e2e/bakery-run.ts';
import { people, Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open();
  await shop.hold(people(1, 3));
});
afterEach(() => shop.close());

const clear = (...args: readonly string[]) => shop.one('clear', 'vip.hook', ...args);

describe('clear', () => {
  test('says how many and asks, and does nothing until it is told --yes', async () => {
    await shop.one('sync');
    const calls = shop.calls.length;
    for (let asked = 0; asked < 2; asked++) {
      const outcome = await clear();
      expect(outcome).toMatchObject({ code: 1, status: 'blocked', accepted: null });
      expect(outcome.reason).toMatch(/\b3 rows.*hook.*--yes/);
    }
    expect(shop.calls.length).toBe(calls);
    // To ask is not to pause.
    expect(await shop.one('sync')).toMatchObject({ code: 0, status: 'succeeded', unchanged: 3 });
  });

  test.each([
    ['insert', 'insert'],
    ['insert, update', 'insert, update'],
  ])('needs delete among the operations, not %s', async (operations, says) => {
    shop.configure({ vip: `      hook: {operations: [${operations}]}` });
    await shop.one('sync');
    const calls = shop.calls.length;
    const refused = await clear('--yes');
    expect(refused).toMatchObject({ code: 2, status: 'failed' });
    expect(refused.reason).toContain(says);
    expect(shop.calls.length).toBe(calls);
    expect(await shop.one('sync')).toMatchObject({ code: 0, status: 'succeeded' });
  });

  test('removes what was sent though guards would stop it, is recorded, and pauses until it is resumed', async () => {
    shop.configure({ vip: '      hook: {guards: {min_delete_rows: 0, max_delete_rows: 1}}' });
    await shop.one('sync');
    shop.build({ 'model.shop.segment_vip': 'error' });
    expect(await clear('--yes')).toMatchObject({ code: 0, accepted: { insert: 0, update: 0, delete: 3 } });
    expect(shop.hooked()).toEqual([]);
    expect((await shop.runs()).at(-1)).toMatchObject({ mode: 'clear', status: 'succeeded', overrides: null });
    shop.build();
    const calls = shop.calls.length;
    for (const args of [['sync'], ['sync', '--full-refresh'], ['retry'], ['plan']]) {
      const paused = await shop.one(...args);
      expect(paused, args.join(' ')).toMatchObject({ code: 0, status: 'skipped' });
      expect(paused.reason).toContain('--resume');
    }
    expect(shop.calls.length).toBe(calls);
    expect(await shop.one('plan', '--resume')).toMatchObject({ planned: { insert: 3 } });
    expect(await shop.one('sync')).toMatchObject({ status: 'skipped' });
    expect(await shop.one('sync', '--resume')).toMatchObject({ code: 0, accepted: { insert: 3 } });
    expect(await shop.one('sync')).toMatchObject({ code: 0, unchanged: 3 });
  });

  test('that failed half way stays paused, remembers the rest, and goes on when it is asked again', async () => {
    await shop.one('sync');
    shop.hook.poison.add('2');
    expect(await clear('--yes')).toMatchObject({ code: 1, status: 'partial', rejected: 1, accepted: { delete: 2 } });
    expect(await shop.one('sync')).toMatchObject({ code: 0, status: 'skipped' });
    expect(shop.hooked()).toEqual(['2']);
    expect((await clear()).reason).toMatch(/\b1 row/);
    shop.hook.poison.clear();
    expect(await clear('--yes')).toMatchObject({ code: 0, accepted: { delete: 1 } });
    expect(shop.hooked()).toEqual([]);
  });

  test('never uses a remove-all: strangers stay, and an audience is not deleted', async () => {
    shop.configure({ vip: '      ads: {audience: VIP}' });
    await shop.one('sync');
    const stranger = { EMAIL: sha256('stranger@example.com') };
    [...shop.meta.audiences.values()][0]?.members.push(stranger);
    expect(await shop.one('clear', 'vip.ads', '--yes')).toMatchObject({ code: 0, accepted: { delete: 3 } });
    expect(shop.meta.members('VIP')).toEqual([stranger]);
    expect(shop.calls.filter(({ method }) => method === 'DELETE').map(({ path }) => path)).toEqual([
      expect.stringMatching(/\/users$/),
    ]);
    // A row of our own that shares an identifier with a stranger is all that could take one away.
    expect(shop.meta.violations).toEqual([]);
  });

  test('takes what only leavers left behind: those who stayed, and identifiers still owed', async () => {
    shop.configure({ vip: '      ads: {audience: VIP, operations: [insert, update]}' });
    await shop.one('sync');
    await shop.hold(people(3, 3));
    await shop.one('sync');
    expect(shop.meta.members('VIP')).toHaveLength(3);
    shop.configure({ vip: '      ads: {audience: VIP}' });
    expect((await shop.one('clear', 'vip.ads')).reason).toMatch(/\b3 rows/);
    expect(await shop.one('clear', 'vip.ads', '--yes')).toMatchObject({ code: 0, accepted: { delete: 3 } });
    expect(shop.meta.members('VIP')).toEqual([]);
  });

  test('takes an identifier that is owed though the snapshot holds nobody any more', async () => {
    shop.configure({ vip: '      ads: {audience: VIP}' });
    await shop.hold([{ id: 1, email: 'shared@example.com' }]);
    await shop.one('sync');
    // The address goes to somebody whose add Meta refuses: it is owed from then on, and held by nobody.
    shop.meta.poison.add(sha256('33600000009'));
    await shop.hold([{ id: 2, email: 'shared@example.com', phone: '+33600000009' }]);
    expect(await shop.one('sync', '--allow-deletes', '--allow-key-churn')).toMatchObject({ rejected: 1 });
    expect(shop.meta.members('VIP')).toEqual([{ EMAIL: sha256('shared@example.com') }]);
    const asked = await shop.one('clear', 'vip.ads');
    expect(asked).toMatchObject({ code: 1, status: 'blocked' });
    expect(asked.reason).toMatch(/\b1 /);
    expect(await shop.one('clear', 'vip.ads', '--yes')).toMatchObject({ code: 0 });
    expect(shop.meta.members('VIP')).toEqual([]);
    expect((await shop.one('clear', 'vip.ads')).status).toBe('skipped');
  });

  test('counts only what it may take: records that were there before, or that another activation holds, stay', async () => {
    shop.hubspot.own({ email: 'p1@example.com' });
    const operations = 'operations: [insert, update, delete]';
    shop.configure({
      vip: `      crm: {${operations}, mapping: {email: email}}`,
      fans: `      crm: {${operations}, mapping: {email: email, city: name}}`,
    });
    await shop.hold([...people(1, 2), { id: 3, country: 'FR' }]);
    await shop.one('sync', '--select', 'vip.crm');
    await shop.hold(people(2, 2));
    await shop.one('sync', '--select', 'fans.crm');
    await shop.hold(people(1, 3));
    expect((await shop.one('clear', 'vip.crm')).reason).toMatch(/\b1 row would be removed.*2 rows.*will stay/);
    expect(await shop.one('clear', 'vip.crm', '--yes')).toMatchObject({ code: 0, accepted: { delete: 1 } });
    expect(Object.keys(shop.hubspot.byEmail())).toEqual(['p1@example.com', 'p2@example.com']);
  });

  test('of what was never sent, and of a disabled one, sends nothing', async () => {
    expect(await clear('--yes')).toMatchObject({ code: 0, status: 'skipped' });
    shop.configure({ vip: '      hook: {enabled: false}' });
    expect(await clear('--yes')).toMatchObject({ code: 0, status: 'skipped' });
    expect(shop.calls).toEqual([]);
  });
});
