import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Person, people, Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open();
});
afterEach(() => shop.close());

/** A destination that asks for consent, beside the one that is always there. */
const asking = (consent: string): string => `  asking:
    platform: webhook
    service: audiences
    config: {url: "$HOOK/asking"}
    consent: ${consent}`;
const HOOK = '      hook: {to: asking}';

describe('who has not agreed', () => {
  test('is not sent, and is removed when consent is withdrawn, even while the key is duplicated', async () => {
    shop.configure({ vip: HOOK, destinations: asking('[agreed]') });
    await shop.hold([...people(1, 4), { id: 5, agreed: false }, { id: 6, agreed: null }]);
    expect(await shop.one('plan')).toMatchObject({ planned: { insert: 4 }, withheld: 2 });
    expect((await shop.dinmo('plan')).stdout).toContain('2 held back for lack of consent');
    expect(await shop.one('sync')).toMatchObject({ code: 0, accepted: { insert: 4 }, withheld: 2 });
    expect(shop.hooked()).toEqual(['1', '2', '3', '4']);
    // One row of the key agrees and one does not: what was sent of it goes.
    await shop.hold([{ id: 1, agreed: false }, ...people(2, 5), { id: 2, agreed: null }, { id: 3, name: 'again' }]);
    expect(await shop.one('sync')).toMatchObject({ accepted: { insert: 1, update: 0, delete: 2 }, invalid: 2 });
    expect(shop.hooked()).toEqual(['3', '4', '5']);
    expect(await shop.one('sync')).toMatchObject({ accepted: { insert: 0, update: 0, delete: 0 } });
  });

  test('goes under the guards', async () => {
    shop.configure({ vip: HOOK, destinations: asking('[agreed]') });
    await shop.hold(people(1, 150));
    await shop.one('sync');
    await shop.hold(people(1, 150, { agreed: false }));
    const stopped = await shop.one('sync');
    expect(stopped).toMatchObject({ code: 1, status: 'blocked', withheld: 150 });
    expect(stopped.reason).toContain('empty-segment');
    expect(shop.hooked()).toHaveLength(150);
  });

  test('is asked by entity, over to-one paths, and as the activation says where it does', async () => {
    const both = asking('{person: [agreed, place.is_open]}');
    shop.configure({
      fans: '      hook: {to: asking}',
      vip: '      own: {to: hook, consent: [place.is_open]}',
      destinations: both,
    });
    await shop.hold([...people(1, 2), { id: 3, country: 'GB' }, { id: 4, agreed: false }]);
    expect((await shop.json('sync')).code).toBe(0);
    expect(shop.hooked('fans.hook')).toEqual(['1', '2']);
    expect(shop.hooked('vip.own')).toEqual(['1', '2', '4']);
    await shop.sql(`update ${shop.at('places')} set is_open = false where 1 = 1`);
    await shop.json('sync', '--allow-deletes', '--allow-empty', '--allow-key-churn');
    expect([shop.hooked('fans.hook'), shop.hooked('vip.own')]).toEqual([[], []]);
  });

  test('stays as an object where delete is not allowed, and is deleted once it is', async () => {
    const crm = (operations: string): string =>
      `      crm: {consent: [agreed], operations: [${operations}], mapping: {email: email, firstname: name}}`;
    shop.configure({ vip: crm('insert, update') });
    await shop.hold([
      { id: 1, name: 'Ada' },
      { id: 2, name: 'Bea', agreed: false },
    ]);
    const warned = await shop.dinmo('check');
    expect(warned.stdout).toContain('never removes: whoever withdraws consent');
    await shop.one('sync');
    expect(Object.keys(shop.hubspot.byEmail())).toEqual(['p1@example.com']);
    await shop.hold([
      { id: 1, name: 'Other', agreed: false },
      { id: 2, name: 'Bea' },
    ]);
    const synced = await shop.one('sync');
    expect(synced).toMatchObject({ accepted: { insert: 1, update: 0, delete: 0 } });
    expect(synced.reason).toMatch(/1 rows? left and stay/);
    expect(shop.hubspot.byEmail()).toMatchObject({ 'p1@example.com': { firstname: 'Ada' } });
    shop.configure({ vip: crm('insert, update, delete') });
    expect(await shop.one('sync', '--allow-deletes')).toMatchObject({ accepted: { delete: 1 } });
    expect(Object.keys(shop.hubspot.byEmail())).toEqual(['p2@example.com']);
  });

  test('is asked of a model that has to be built', async () => {
    shop.configure({ vip: HOOK, destinations: asking('[place.is_open]') });
    await shop.hold(people(1, 2));
    shop.build({ 'model.shop.entity_place': 'error' });
    const stopped = await shop.one('sync');
    expect(stopped).toMatchObject({ code: 1, status: 'blocked' });
    expect(stopped.reason).toContain('entity_place');
  });
});

test('what is asked for has to be there, and true or false', async () => {
  shop.configure({ vip: HOOK, destinations: asking('[agred, name, places.code]') });
  const { stdout, code } = await shop.dinmo('check', '--output', 'json');
  expect(code).toBe(1);
  const found = (JSON.parse(stdout) as { findings: readonly { code: string; line: number; message: string }[] })
    .findings;
  const said = found.map((finding) => [finding.code, finding.message]);
  expect(said).toEqual([
    ['unknown-property', 'Entity person has no property `agred`.'],
    ['consent-not-boolean', '`name` of `person`, the consent of `vip.hook`, is of type string.'],
    ['unknown-relation', 'Entity person has no relation `places`.'],
  ]);
  expect(await shop.json('plan')).toMatchObject({ code: 2, error: { code: 'check-failed' } });
});

test('consent is an exclusion of everybody else', async () => {
  // Both get the same people; one asks them, the other excludes whoever has not agreed.
  const optouts = `select * from ${shop.at('people')} where not coalesce(agreed, false)`;
  await shop.sql(`create or replace view ${shop.at('segment_optouts')} as ${optouts}`);
  const excluding =
    '  excluding:\n    platform: webhook\n    service: audiences\n    config: {url: "$HOOK/ex"}\n    exclude: [optouts]';
  const vip = '      asked: {to: asking}\n      excluded: {to: excluding}';
  shop.configure({ vip, destinations: `${asking('[agreed]')}\n${excluding}` });
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let round = 0; round < 3; round++) {
    const crowd = Array.from(
      { length: 12 },
      (): Person => ({
        ...{ id: random(10) + 1, name: `n${random(2)}`, country: random(4) === 0 ? 'GB' : 'FR' },
        agreed: [true, true, false, null][random(4)] ?? null,
      }),
    );
    await shop.hold(crowd);
    const { activations } = await shop.json(
      'sync',
      '--no-gate',
      '--allow-deletes',
      '--allow-empty',
      '--allow-key-churn',
    );
    const [asked, excluded] = activations;
    expect(asked?.accepted, JSON.stringify(crowd)).toEqual(excluded?.accepted);
    expect(shop.hook.table('vip.asked')).toEqual(shop.hook.table('vip.excluded'));
  }
});
