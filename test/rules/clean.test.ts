import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { people, Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open();
  await shop.hold(people(1, 3));
});
afterEach(() => shop.close());

interface CleanJson {
  readonly left_behind: readonly Record<string, unknown>[];
  readonly tables: readonly { readonly name: string; readonly status: string }[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly code: number | null;
}

async function clean(...args: readonly string[]): Promise<CleanJson> {
  const { code, stdout } = await shop.dinmo('clean', ...args, '--output', 'json');
  return { ...JSON.parse(stdout), code };
}

const HELD = '      crm: {operations: [insert, update, delete], mapping: {email: email}}';
const NOTHING = { code: 0, left_behind: [], tables: [] };

async function tables(): Promise<readonly string[]> {
  return await shop.target.tables(shop.deltaStorage());
}

describe('clean', () => {
  test('has nothing to say before a sync, and of activations that have a block or were renamed', async () => {
    expect(await clean()).toMatchObject(NOTHING);
    await shop.one('sync');
    expect(await clean('--yes')).toMatchObject(NOTHING);
    shop.configure({ vip: '      renamed: {to: hook, was: vip.hook}' });
    expect(await clean('--yes')).toMatchObject(NOTHING);
    shop.configure({ vip: '      hook: {to: hook, enabled: false}' });
    expect(await clean('--yes')).toMatchObject(NOTHING);
    expect(await clean('vip.hook', '--yes')).toMatchObject({ code: 2, error: { code: 'nothing-to-clean' } });
  });

  test('shows what is left, removes it when it is told to, and keeps the history of runs', async () => {
    shop.configure({ vip: '      hook: {to: hook}\n      ads: {audience: VIP}' });
    await shop.json('sync');
    shop.configure({ vip: '      ads: {audience: VIP}' });
    const calls = shop.calls.length;
    const before = await tables();
    const found = await clean();
    expect(found).toMatchObject({
      code: 1,
      left_behind: [
        { activation: 'vip.hook', destination: 'hook', platform: 'webhook', rows: 3, status: 'found', reason: null },
      ],
    });
    expect(await tables()).toEqual(before);
    expect((await shop.dinmo('clean')).stdout).toMatch(/left behind {2}vip\.hook[\s\S]*holds 3 rows[\s\S]*--yes/);
    expect(await clean('--yes')).toMatchObject({ code: 0, left_behind: [{ status: 'removed', removed_rows: null }] });
    expect(before.filter((name) => !name.includes('vip_hook'))).toEqual(await tables());
    expect((await shop.runs('vip.hook')).map(({ status }) => status)).toEqual(['succeeded']);
    expect(shop.calls.length).toBe(calls);
    expect(shop.hooked()).toHaveLength(3);
    expect(await clean()).toMatchObject(NOTHING);
    // The other one goes on as it was; and one of the same id begins anew.
    expect(await shop.one('sync')).toMatchObject({ code: 0, unchanged: 3 });
    shop.configure({ vip: '      hook: {to: hook}' });
    expect(await shop.one('sync')).toMatchObject({ code: 0, accepted: { insert: 3 } });
  });

  test('first removes at the destination what was sent, and nothing else', async () => {
    shop.configure({ vip: `      hook: {to: hook}\n      ads: {audience: VIP}\n${HELD}` });
    shop.hubspot.own({ email: 'p1@example.com' });
    await shop.json('sync');
    const stranger = { EMAIL: 'a'.repeat(64) };
    [...shop.meta.audiences.values()][0]?.members.push(stranger);
    shop.configure({ vip: '      other: {to: hook}' });
    // Guards and gate of the deleted ones are no more; dbt may have failed.
    shop.build({ 'model.shop.people': 'error' });
    const cleaned = await clean('--yes', '--remove-members');
    expect(
      cleaned.left_behind.map((one) => [one['activation'], one['status'], one['removed_rows'], one['reason']]),
    ).toEqual([
      ['vip.ads', 'removed', 3, null],
      ['vip.crm', 'removed', 2, null],
      ['vip.hook', 'removed', 3, null],
    ]);
    expect(cleaned.code).toBe(0);
    expect(shop.meta.members('VIP')).toEqual([stranger]);
    expect(shop.meta.violations).toEqual([]);
    expect(Object.keys(shop.hubspot.byEmail())).toEqual(['p1@example.com']);
    expect(shop.hooked()).toEqual([]);
    expect((await shop.runs('vip.ads')).map(({ mode, status }) => [mode, status])).toEqual([
      ['delta', 'succeeded'],
      ['clear', 'succeeded'],
    ]);
    expect(await clean()).toMatchObject(NOTHING);
  });

  test('keeps what it could not remove, and goes on when it is asked again', async () => {
    await shop.one('sync');
    shop.configure({ vip: '      other: {to: hook}' });
    shop.hook.poison.add('2');
    const stopped = await clean('--yes', '--remove-members');
    expect(stopped).toMatchObject({ code: 1, left_behind: [{ status: 'kept', removed_rows: 2 }] });
    expect(stopped.left_behind[0]?.['reason']).toContain('rejected');
    shop.hook.poison.clear();
    expect(await clean()).toMatchObject({ left_behind: [{ rows: 1 }] });
    expect(await clean('--yes', '--remove-members')).toMatchObject({ code: 0, left_behind: [{ removed_rows: 1 }] });
    expect(shop.hooked()).toEqual([]);
  });

  test('does not take away what another activation fills or may be about to write', async () => {
    shop.configure({ vip: `      ads: {audience: VIP}\n${HELD}` });
    await shop.json('sync');
    const [members, records] = [shop.meta.members('VIP'), Object.keys(shop.hubspot.byEmail())];
    // Renamed without `was:`.
    shop.configure({
      vip: `      ads_2: {to: ads, audience: VIP}\n${HELD.replace('crm:', 'crm_2: {to: crm}').replace('{to: crm} {', '{to: crm, ')}`,
    });
    for (const args of [['--remove-members'], ['--yes', '--remove-members']]) {
      const refused = await clean(...args);
      expect(refused.code).toBe(1);
      expect(refused.left_behind.map(({ reason }) => reason)).toEqual([
        expect.stringMatching(/filled by vip\.ads_2 now.*was: vip\.ads/),
        expect.stringMatching(/vip\.crm_2 writes objects.*was: vip\.crm/),
      ]);
    }
    expect(shop.meta.members('VIP')).toEqual(members);
    expect(Object.keys(shop.hubspot.byEmail())).toEqual(records);
    // Once the new one has been synced, its snapshot says what it holds.
    await shop.hold(people(2, 3));
    await shop.one('sync', '--select', 'vip.crm_2', '--no-gate');
    expect(await clean('vip.crm', '--yes', '--remove-members')).toMatchObject({
      left_behind: [{ status: 'removed', removed_rows: 1 }],
    });
    expect(Object.keys(shop.hubspot.byEmail())).toEqual(['p2@example.com', 'p3@example.com']);
    expect(await clean('--yes')).toMatchObject({
      code: 0,
      left_behind: [{ activation: 'vip.ads', status: 'removed' }],
    });
    expect(shop.meta.members('VIP')).toEqual(members);
  });

  test('needs the destination for a removal, and says what a service cannot do', async () => {
    shop.configure({
      vip: '      gone: {}',
      destinations: '  gone: {platform: webhook, service: audiences, config: {url: "$HOOK/in"}}\n',
    });
    await shop.one('sync');
    shop.configure({});
    const kept = await clean('--yes', '--remove-members');
    expect(kept).toMatchObject({ code: 2, left_behind: [{ status: 'kept' }] });
    expect(kept.left_behind[0]?.['reason']).toContain('gone of vip.gone is not in dinmo.yml any more');
    expect(await clean('--yes', '--delete-audience')).toMatchObject({
      code: 2,
      error: { code: 'audience-not-deletable' },
    });
    shop.workspace.edit('dinmo/people.yml', 'entity: person', 'entity: nobody');
    expect(await clean('--yes')).toMatchObject({ code: 2, error: { code: 'check-failed' } });
    shop.configure({});
    expect(await clean('--yes')).toMatchObject({ code: 0, left_behind: [{ status: 'removed' }] });
  });

  test('goes on after a death: tables without a row, a row without tables, a run that was never closed', async () => {
    await shop.one('sync');
    shop.configure({ vip: '      other: {to: hook}' });
    const [snapshot = ''] = (await tables()).filter((name) => name.startsWith('snapshot_vip_hook'));
    await shop.sql(
      `drop table ${shop.stored(snapshot)}`,
      `create table ${shop.stored('changes_vip_long_gone_0123abcd')} as select 1 as seq`,
      `create table ${shop.stored('notes_of_a_colleague')} as select 1 as n`,
      `update ${shop.stored('runs')} set status = 'running', closing = '{}' where activation_id = 'vip.hook'`,
    );
    expect(await clean()).toMatchObject({
      code: 1,
      left_behind: [{ activation: 'vip.hook', rows: 0 }],
      tables: [{ name: 'changes_vip_long_gone_0123abcd', status: 'found' }],
    });
    expect(await clean('--yes', '--remove-members')).toMatchObject({
      code: 0,
      left_behind: [{ status: 'removed' }],
      tables: [{ status: 'removed' }],
    });
    expect((await tables()).filter((name) => /vip|notes/.test(name))).toEqual(['notes_of_a_colleague']);
    expect(await shop.runs('vip.hook')).toMatchObject([{ status: 'interrupted' }]);
    expect(await clean()).toMatchObject(NOTHING);
  });

  test('takes away all of a rehearsal whose sandbox is gone', async () => {
    const schema = `${shop.deltaStorage()}_SANDBOX`;
    await shop.sql(
      shop.target.state.createSchema({ database: null, schema }),
      `create table ${shop.stored('facts', schema)} as select 'sandbox_instance' as name, 'gone' as value`,
    );
    await shop.one('sync');
    const before = await tables();
    const sandbox = '--sandbox=http://127.0.0.1:9';
    expect(await clean(sandbox)).toMatchObject({ code: 1, tables: [{ name: 'facts', status: 'found' }] });
    expect(await clean(sandbox, '--yes')).toMatchObject({ code: 0, tables: [{ name: 'facts', status: 'removed' }] });
    expect(await clean(sandbox)).toMatchObject(NOTHING);
    expect(await tables()).toEqual(before);
  });
});
