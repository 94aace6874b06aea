import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DiffJob } from '../../src/diff/job.ts';
import { openSession } from '../../src/pipeline/open-session.ts';
import type { Prepared } from '../../src/pipeline/prepare-run.ts';
import type { SyncRun } from '../../src/pipeline/sync-run.ts';
import { sha256 } from '../e2e/bakery-run.ts';
import { people, Shop } from './shop.ts';

/** A key of so many digits that no hash has them by chance. */
const ADA = 471_108_150_032;

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open();
});
afterEach(() => shop.close());

describe('what nobody asked for', () => {
  test('records of objects are not deleted, and fields are not emptied', async () => {
    shop.configure({ vip: '      crm: {mapping: {email: email, firstname: name}}' });
    await shop.hold([
      { id: 1, name: 'Ada' },
      { id: 2, name: 'Bea' },
    ]);
    await shop.one('sync');
    await shop.hold([{ id: 1, name: null }]);
    const synced = await shop.one('sync', '--allow-deletes', '--full-refresh');
    expect(synced).toMatchObject({ code: 0, accepted: { insert: 0, update: 1, delete: 0 } });
    expect(synced.reason).toMatch(/1 rows? left and stay/);
    expect(shop.hubspot.byEmail()).toMatchObject({
      'p1@example.com': { firstname: 'Ada' },
      'p2@example.com': { firstname: 'Bea' },
    });
    shop.configure({ vip: '      crm: {mapping: {email: email, firstname: {column: name, nulls: clear}}}' });
    await shop.one('sync');
    expect(shop.hubspot.byEmail()['p1@example.com']).toMatchObject({ firstname: '' });
  });

  test('an activation that is not enabled sends nothing, forgets nothing, and goes on where it was', async () => {
    await shop.hold(people(1, 4));
    await shop.one('sync');
    const calls = shop.calls.length;
    shop.configure({ vip: '      hook: {to: hook, enabled: false}' });
    await shop.hold(people(3, 6));
    for (const args of [['plan'], ['sync'], ['sync', '--full-refresh', '--resume'], ['retry']])
      expect(await shop.one(...args)).toMatchObject({ code: 0, status: 'skipped', reason: 'enabled: false' });
    expect(shop.calls.length).toBe(calls);
    shop.configure({});
    expect(await shop.one('sync')).toMatchObject({ accepted: { insert: 2, update: 0, delete: 2 }, unchanged: 2 });
  });
});

describe('what is kept of people', () => {
  /** Everything in the delta storage, as text. */
  async function everything(): Promise<string> {
    const texts: string[] = [];
    for (const name of await shop.target.tables(shop.deltaStorage()))
      texts.push(JSON.stringify(await shop.rowsOf(shop.stored(name))));
    return texts.join('\n');
  }

  test('is their key and what was sent of them, and nothing once they were removed', async () => {
    shop.configure({ vip: '      ads: {}' });
    await shop.hold([{ id: ADA, email: 'Ada@Example.com', phone: '+33612345678', name: 'Ada' }, ...people(1, 2)]);
    await shop.one('sync');
    const held = await everything();
    expect(held).toContain(String(ADA));
    expect(held).toContain(sha256('ada@example.com'));
    for (const raw of ['Ada', 'ada@example.com', '612345678']) expect(held).not.toContain(raw);
    await shop.hold(people(1, 2));
    expect(await shop.one('sync')).toMatchObject({ code: 0, accepted: { delete: 1 } });
    const left = await everything();
    for (const gone of [String(ADA), sha256('ada@example.com'), sha256('33612345678')])
      expect(left).not.toContain(gone);
  });

  test('does not outlive a change of identifier, a refusal that ended, or a run', async () => {
    shop.configure({ vip: '      ads: {}' });
    shop.meta.poison.add(sha256('bad@example.com'));
    await shop.hold([{ id: ADA, email: 'first@example.com' }, { id: 4712, email: 'bad@example.com' }, ...people(1, 2)]);
    expect(await shop.one('sync')).toMatchObject({ rejected: 1 });
    await shop.hold([{ id: ADA, email: 'second@example.com' }, ...people(1, 2)]);
    expect(await shop.one('sync')).toMatchObject({ code: 0, accepted: { update: 1 } });
    const left = await everything();
    expect(left).toContain(sha256('second@example.com'));
    for (const gone of ['4712', sha256('bad@example.com'), sha256('first@example.com')])
      expect(left).not.toContain(gone);
    const tables = (await shop.target.tables(shop.deltaStorage())).filter((name) => name.startsWith('change'));
    // Where to drop a table would end a transaction, it is emptied.
    for (const name of tables) expect(await shop.rowsOf(shop.stored(name))).toEqual([]);
    if (shop.target.state.transactionsHold === 'tables') expect(tables).toEqual([]);
  });
});

test('an audience whose platform cannot rename it keeps its name: the activation is refused', async () => {
  let opened = 0;
  const open = async (audience: string, before: string | null) => {
    const prepared = {
      activation: { id: 'vip.list', audience, at: [], origin: { locate: () => null }, identifiers: [] },
      destination: { platform: 'rigid' },
      endpoint: {},
      state: { audienceId: before === null ? null : '7', audience: before },
      service: {
        facts: { audience: { renamable: false } },
        open: () => {
          opened++;
          return Promise.resolve({ audienceId: before === null ? null : '7', account: null });
        },
      },
    } as unknown as Prepared; // what opening reads of it
    const ledger = { text: (value: string) => `'${value}'`, update: async () => {} };
    const run = {
      storage: { ledger },
      options: {},
      context: { project: { dir: '' }, store: { activations: new Map() } },
      equipment: {},
    } as unknown as SyncRun;
    const job = { source: { fields: [], destinationKey: null } } as unknown as DiffJob;
    return await openSession(run, prepared, { job, changes: 1 });
  };
  expect(await open('New', 'Old')).toMatchObject({ code: 'audience-not-renamable', exitCode: 2 });
  expect(opened).toBe(0);
  expect(await open('Old', 'Old')).toMatchObject({ audienceId: '7' });
  expect(await open('New', null)).toMatchObject({ audienceId: null });
});
