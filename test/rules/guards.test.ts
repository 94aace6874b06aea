import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Person, people, Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open();
});
afterEach(() => shop.close());

interface Mistake {
  readonly guard: string;
  /** The guards of the activation, so that only this one can trip. */
  readonly guards: string;
  readonly before: readonly Person[];
  readonly after: readonly Person[];
  /** The same mistake once more, on what the overridden run left. */
  readonly again: readonly Person[];
  /** The numbers that a person decides by. */
  readonly says: readonly string[];
  readonly override: string;
}

const OVERRIDES = ['--allow-deletes', '--allow-empty', '--allow-key-churn'];
const MISTAKES: readonly Mistake[] = [
  {
    guard: 'empty-segment',
    guards: 'max_delete_percent: 100, min_delete_rows: 0',
    before: people(1, 6),
    after: people(1, 6, { country: 'DE' }),
    again: people(1, 2, { country: 'DE' }),
    says: ['empty', 'holds 6 rows'],
    override: '--allow-empty',
  },
  {
    guard: 'delete-percent',
    guards: 'max_delete_percent: 20, min_delete_rows: 1',
    before: people(1, 10),
    after: people(1, 7),
    again: people(1, 5),
    says: ['3 of 10 rows', '30.0 %', 'max_delete_percent 20'],
    override: '--allow-deletes',
  },
  {
    guard: 'delete-rows',
    guards: 'max_delete_percent: 100, max_delete_rows: 2',
    before: people(1, 10),
    after: people(1, 7),
    again: people(1, 4),
    says: ['3 rows', 'max_delete_rows 2'],
    override: '--allow-deletes',
  },
  {
    guard: 'key-churn',
    guards: 'max_delete_percent: 100, min_delete_rows: 1, key_churn_percent: 50',
    before: people(1, 6),
    after: people(101, 106),
    again: people(201, 206),
    says: ['6 keys left and 6 joined of 6', 'key_churn_percent 50'],
    override: '--allow-key-churn',
  },
];

describe.each(MISTAKES)('the guard $guard', ({ guard, guards, before, after, again, says, override }) => {
  const configure = (more = '') => shop.configure({ vip: `      hook: {to: hook${more}, guards: {${guards}}}` });

  test('stops before the first request, says the numbers and its override, and lets one run pass', async () => {
    configure();
    await shop.hold(before);
    expect(await shop.one('sync')).toMatchObject({ code: 0, status: 'succeeded' });
    const held = shop.hooked();
    const calls = shop.calls.length;
    await shop.hold(after);
    const others = OVERRIDES.filter((one) => one !== override);
    const thorough = guard === 'delete-percent';
    const commands = [['plan'], ['sync', ...others], ...(thorough ? [['sync', '--full-refresh'], ['retry']] : [])];
    for (const args of commands) {
      const stopped = await shop.one(...args);
      expect(stopped, args.join(' ')).toMatchObject({ code: 1, status: 'blocked', accepted: null });
      for (const part of [guard, override, ...says]) expect(stopped.reason).toContain(part);
      for (const other of others) expect(stopped.reason).not.toContain(other);
    }
    if (thorough) {
      configure(', mode: full');
      expect(await shop.one('sync')).toMatchObject({ code: 1, status: 'blocked', mode: 'full' });
      configure();
    }
    expect(shop.calls.length).toBe(calls);
    expect(shop.hooked()).toEqual(held);
    expect(await shop.one('plan', override)).toMatchObject({ code: 0, status: 'planned' });
    expect(await shop.one('sync', override)).toMatchObject({ code: 0, status: 'succeeded' });
    expect(shop.hooked()).toEqual(vipKeys(after));
    expect((await shop.runs()).map(({ status, overrides }) => [status, overrides])).toEqual([
      ['succeeded', null],
      ...Array(thorough ? 4 : 1).fill(['blocked', null]),
      ['succeeded', override],
    ]);
    // Nothing is left of the permission.
    await shop.hold([...people(301, 303), ...after]);
    if (guard === 'empty-segment') await shop.one('sync');
    await shop.hold(again);
    expect(await shop.one('sync')).toMatchObject({ code: 1, status: 'blocked' });
    expect((await shop.runs()).at(-1)).toMatchObject({ status: 'blocked', overrides: null });
  });
});

function vipKeys(rows: readonly Person[]): readonly string[] {
  return rows.filter(({ country = 'FR' }) => country === 'FR').map(({ id }) => String(id));
}

test('two guards that trip need both overrides, and both are recorded', async () => {
  shop.configure({ vip: '      hook: {to: hook, guards: {min_delete_rows: 1}}' });
  await shop.hold(people(1, 6));
  await shop.one('sync');
  await shop.hold([]);
  for (const one of ['--allow-deletes', '--allow-empty'])
    expect(await shop.one('sync', one)).toMatchObject({ code: 1, status: 'blocked' });
  expect(shop.hooked()).toHaveLength(6);
  expect(await shop.one('sync', '--allow-deletes', '--allow-empty')).toMatchObject({ code: 0 });
  const overrides = (await shop.runs()).map((run) => run['overrides']);
  expect(overrides).toEqual([null, '--allow-deletes', '--allow-empty', '--allow-empty,--allow-deletes']);
});

test('an override that nothing needed is not recorded', async () => {
  await shop.hold(people(1, 3));
  await shop.one('sync', '--allow-deletes', '--allow-empty', '--allow-key-churn', '--no-gate');
  expect(await shop.runs()).toMatchObject([{ status: 'succeeded', overrides: null, gate: 'open' }]);
});

test('guards of the destination hold, and an activation replaces them key by key', async () => {
  const destination = `  guarded:
    platform: webhook
    service: audiences
    config: {url: "$HOOK/in"}
    guards: {max_delete_percent: 10, min_delete_rows: 0}
`;
  const vip = (guards: string) =>
    shop.configure({ vip: `      hook: {to: guarded${guards}}`, destinations: destination });
  vip('');
  await shop.hold(people(1, 10));
  await shop.one('sync');
  await shop.hold(people(1, 8));
  expect((await shop.one('plan')).reason).toContain('max_delete_percent 10');
  // min_delete_rows of the destination still holds beside a percentage of the activation's own.
  vip(', guards: {max_delete_percent: 19}');
  expect((await shop.one('plan')).reason).toContain('max_delete_percent 19');
  vip(', guards: {min_delete_rows: 2}');
  expect(await shop.one('plan')).toMatchObject({ code: 0, status: 'planned' });
});

test('guards that nobody wrote are 20 %, 50,000 rows, above 100 rows, half of the keys, and never empty', async () => {
  const table = shop.at('people');
  await shop.hold(people(1, 505));
  await shop.one('sync');
  await shop.sql(`delete from ${table} where id <= 101`);
  expect(await shop.one('plan')).toMatchObject({ code: 0, planned: { delete: 101 } });
  await shop.sql(`delete from ${table} where id <= 102`);
  expect((await shop.one('plan')).reason).toContain('102 of 505 rows (20.2 %)');
  await shop.sql(`update ${table} set id = id + 10000 where id <= 505`);
  expect((await shop.one('plan', '--allow-deletes')).reason).toContain('key_churn_percent 50');
  await shop.sql(`delete from ${table} where 1 = 1`);
  expect((await shop.one('plan', '--allow-deletes', '--allow-key-churn')).reason).toContain('--allow-empty');
});

describe('on a list of people', () => {
  const GUARDS = 'guards: {max_delete_percent: 20, min_delete_rows: 1}';

  test('the old identifiers of those who changed theirs count, and the platform is not even asked for its list', async () => {
    shop.configure({ vip: `      ads: {${GUARDS}}` });
    await shop.hold(people(1, 6));
    await shop.one('sync');
    const calls = shop.calls.length;
    await shop.hold(people(1, 6).map((one) => ({ ...one, email: `moved${one.id}@example.com` })));
    const stopped = await shop.one('sync');
    expect(stopped).toMatchObject({ code: 1, status: 'blocked', planned: { insert: 0, update: 6, delete: 0 } });
    expect(stopped.reason).toContain('6 of 6 rows');
    expect(shop.calls.length).toBe(calls);
  });

  test('those leave under the guards who are excluded, and those who had stayed behind', async () => {
    const ads = (operations: string, exclude: string) =>
      shop.configure({
        fans: `      shielded: {audience: Fans${operations}, ${GUARDS}}`,
        vip: '      hook: {to: hook, enabled: false}',
        destinations: `  shielded:
    platform: meta
    service: audiences
    config: {ad_account_id: "77001"}
    credentials: {access_token: "{{ env_var('META_TOKEN') }}"}
    base_url: $META
    defaults: {identifiers: [email]}
${exclude}`,
      });
    const sync = ['sync', '--select', 'fans.shielded'];
    ads('', '');
    await shop.hold([...people(1, 6), ...people(7, 12, { country: 'GB' })]);
    expect(await shop.one(...sync)).toMatchObject({ code: 0, accepted: { insert: 12 } });
    const calls = shop.calls.length;
    ads('', '    exclude: [optouts]');
    expect(await shop.one(...sync)).toMatchObject({ code: 1, status: 'blocked', planned: { delete: 6 } });
    expect(shop.calls.length).toBe(calls);
    // Without delete they stay, and with it again they leave under the guards.
    ads(', operations: [insert, update]', '    exclude: [optouts]');
    expect(await shop.one(...sync)).toMatchObject({ code: 0, planned: { insert: 0, update: 0, delete: 0 } });
    expect(shop.meta.members('Fans')).toHaveLength(12);
    ads('', '    exclude: [optouts]');
    expect(await shop.one(...sync)).toMatchObject({ code: 1, status: 'blocked', planned: { delete: 6 } });
    expect(await shop.one(...sync, '--allow-deletes')).toMatchObject({ code: 0, accepted: { delete: 6 } });
    expect(shop.meta.members('Fans')).toHaveLength(6);
  });
});
