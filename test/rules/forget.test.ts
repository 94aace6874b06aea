import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { people, Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open();
});
afterEach(() => shop.close());

interface ForgetJson {
  readonly receipt: string;
  readonly confirmed: boolean;
  readonly activations: readonly Record<string, unknown>[];
  readonly still_in: readonly string[];
  readonly not_covered: readonly { readonly activation: string }[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly code: number | null;
  readonly text: string;
}

async function forget(key: string, ...args: readonly string[]): Promise<ForgetJson> {
  const { code, stdout, all } = await shop.dinmo('forget', 'person', key, ...args, '--output', 'json');
  return { ...JSON.parse(stdout), code, text: all };
}

const TOKEN = 's3cr3t-hs-token-7';
const ALL = `      hook: {to: hook, operations: [insert]}
      ads: {audience: VIP}
      crm: {mapping: {email: email}}`;

/** Everything of the delta storage, as one text. */
async function kept(): Promise<string> {
  return JSON.stringify(await shop.stateOf());
}

describe('forget', () => {
  test('counts, then erases at every destination whatever the operations, and forgets here', async () => {
    shop.configure({ vip: ALL });
    await shop.hold(people(1, 3));
    await shop.json('sync');
    await shop.hold(people(2, 3));
    const calls = shop.calls.length;
    const found = await forget('1');
    expect(found).toMatchObject({ code: 1, confirmed: false, still_in: [] });
    expect(found.activations.map((one) => [one['activation'], one['outcome'], one['rows']])).toEqual([
      ['vip.hook', 'found', 1],
      ['vip.ads', 'found', 1],
      ['vip.crm', 'found', 1],
    ]);
    expect(shop.calls.length).toBe(calls);
    const done = await forget('1', '--yes');
    expect(done.activations.map((one) => [one['activation'], one['outcome'], one['removed'], one['reason']])).toEqual([
      ['vip.hook', 'removed', 1, null],
      ['vip.ads', 'removed', 1, null],
      ['vip.crm', 'removed', 1, null],
    ]);
    expect(done.code).toBe(0);
    expect(shop.hooked()).toEqual(['2', '3']);
    expect(shop.meta.members('VIP')).toHaveLength(2);
    expect(Object.keys(shop.hubspot.byEmail())).toEqual(['p2@example.com', 'p3@example.com']);
    expect(await kept()).not.toContain('p1@example.com');
    expect(done.text).not.toContain('p1@');
    expect(await forget('1', '--yes')).toMatchObject({ code: 0, activations: [], still_in: [] });
    // Nobody else was touched, and nothing is left to do.
    const { activations } = await shop.json('sync');
    expect(activations.map(({ unchanged, accepted }) => [unchanged, accepted])).toEqual(
      activations.map(() => [2, { insert: 0, update: 0, delete: 0 }]),
    );
  });

  test('an identifier of another member stays with that one, and goes when that one leaves', async () => {
    shop.configure({ vip: '      ads: {audience: VIP}' });
    const phone = '+33 6 12 00 00 09';
    await shop.hold([{ id: 1, phone }, { id: 2, phone }, { id: 3 }]);
    await shop.one('sync');
    const before = shop.meta.members('VIP').length;
    await shop.hold([{ id: 2, phone }, { id: 3 }]);
    const done = await forget('1', '--yes');
    expect(done).toMatchObject({ code: 0, activations: [{ outcome: 'removed', shared: 1 }] });
    // The e-mail address went, and the phone number is still there.
    expect(shop.meta.members('VIP').length).toBe(before - 1);
    await shop.hold([{ id: 3 }]);
    await shop.one('sync', '--allow-deletes');
    expect(shop.meta.members('VIP')).toHaveLength(1);
    expect(shop.meta.violations).toEqual([]);
  });

  test('one that is down does not keep the others; what it holds stays known, and goes with the next run', async () => {
    shop.configure({ vip: ALL });
    await shop.hold(people(1, 2));
    await shop.json('sync');
    await shop.hold(people(2, 2));
    shop.workspace.env['HS_TOKEN'] = shop.workspace.env['HS_OTHER'] ?? '';
    const stopped = await forget('1', '--yes', '--receipt', 'receipt.json');
    expect(stopped.code).toBe(4);
    expect(stopped.activations.map((one) => one['outcome'])).toEqual(['removed', 'removed', 'failed']);
    expect(JSON.parse(shop.workspace.read('receipt.json'))).toMatchObject({ receipt: stopped.receipt, exit_code: 4 });
    expect(shop.workspace.read('receipt.json')).not.toContain('p1@');
    shop.workspace.env['HS_TOKEN'] = TOKEN;
    const again = await forget('1', '--yes');
    expect(again).toMatchObject({ code: 0, activations: [{ activation: 'vip.crm', outcome: 'removed', removed: 1 }] });
    expect(again.receipt).not.toBe(stopped.receipt);
    expect(await kept()).not.toContain('p1@');
    const runs = await shop.sql(
      `select activation_id, status, accepted_delete from ${shop.stored('runs')} where mode = 'forget' order by started_at, activation_id`,
    );
    expect(
      runs.map(({ activation_id, status, accepted_delete }) => [activation_id, status, Number(accepted_delete)]),
    ).toEqual([
      ['vip.hook', 'succeeded', 1],
      ['vip.ads', 'succeeded', 1],
      ['vip.crm', 'failed', 0],
      ['vip.crm', 'succeeded', 1],
    ]);
  });

  test('ends the same where the process died after the platforms and before the state', async () => {
    shop.configure({ vip: ALL });
    await shop.hold(people(1, 2));
    await shop.json('sync');
    await shop.hold(people(2, 2));
    const tables = (await shop.target.tables(shop.deltaStorage())).filter((name) => name !== 'node_results');
    const copy = (from: string, to: string) => `create table ${to} as select * from ${from}`;
    await shop.sql(...tables.map((name) => copy(shop.stored(name), shop.stored(`copy_of_${name}`))));
    await forget('1', '--yes');
    const platforms = [shop.hooked(), shop.meta.members('VIP'), shop.hubspot.byEmail()];
    await shop.sql(
      ...tables.flatMap((name) => [
        `delete from ${shop.stored(name)} where 1 = 1`,
        `insert into ${shop.stored(name)} select * from ${shop.stored(`copy_of_${name}`)}`,
        `drop table ${shop.stored(`copy_of_${name}`)}`,
      ]),
    );
    expect(await kept()).toContain('p1@example.com');
    expect(await forget('1', '--yes')).toMatchObject({ code: 0, activations: [{}, {}, {}] });
    expect([shop.hooked(), shop.meta.members('VIP'), shop.hubspot.byEmail()]).toEqual(platforms);
    expect([shop.meta.violations, shop.hubspot.violations]).toEqual([[], []]);
    expect(await kept()).not.toContain('p1@example.com');
  });

  test('says where the person still is, and what it does not cover', async () => {
    shop.configure({ vip: '      ads: {audience: VIP}\n      desks: {to: crm, mapping: {email: email}}' });
    shop.workspace.edit(
      'dinmo/people.yml',
      'places:\n    entity: {name: place, primary_key: code}',
      `places:
    entity:
      name: place
      primary_key: code
      activations: {hook: {to: hook}}`,
    );
    await shop.hold(people(1, 2));
    await shop.json('sync');
    const done = await forget('1', '--yes');
    expect(done).toMatchObject({
      code: 1,
      still_in: ['entity_person', 'segment_vip'],
      not_covered: [{ activation: 'place.hook' }],
    });
    expect(done.activations.map((one) => one['outcome'])).toEqual(['removed', 'removed']);
    expect((await shop.dinmo('forget', 'person', '1')).stdout).toMatch(/still there[\s\S]*segment_vip[\s\S]*source/);
  });

  test('erases what was there before us too, unless it is told not to; a disabled activation and one without a block as well', async () => {
    shop.configure({ vip: ALL });
    shop.hubspot.own({ email: 'p1@example.com' });
    shop.hubspot.own({ email: 'p2@example.com' });
    await shop.hold(people(1, 3));
    await shop.json('sync');
    await shop.hold(people(3, 3));
    shop.configure({ vip: '      crm: {mapping: {email: email}, enabled: false}' });
    const left = await forget('1', '--yes', '--keep-existing');
    expect(left.activations.map((one) => [one['activation'], one['outcome']])).toEqual([
      ['vip.crm', 'kept'],
      ['vip.ads', 'removed'],
      ['vip.hook', 'removed'],
    ]);
    expect(left.code).toBe(0);
    expect(await forget('2', '--yes')).toMatchObject({ code: 0, activations: [{ outcome: 'removed' }, {}, {}] });
    expect(Object.keys(shop.hubspot.byEmail())).toEqual(['p1@example.com', 'p3@example.com']);
    expect(shop.hooked()).toEqual(['3']);
    expect(await kept()).not.toMatch(/p[12]@example/);
  });

  test('does not touch a real platform from a target that may not, and knows no other entity', async () => {
    shop.configure({ settings: 'targets: [prod]' });
    expect(await forget('1', '--yes')).toMatchObject({ code: 2, error: { code: 'target-not-allowed' } });
    shop.configure({});
    const { code, stdout } = await shop.dinmo('forget', 'nobody', '1', '--output', 'json');
    expect([code, JSON.parse(stdout).error.code]).toEqual([2, 'unknown-entity']);
    expect(await forget('1', '--yes')).toMatchObject({ code: 0, activations: [], still_in: [] });
  });
});
