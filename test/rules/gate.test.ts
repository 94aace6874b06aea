import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { people, Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await Shop.open();
  await shop.hold([...people(1, 6), ...people(7, 8, { country: 'GB' })]);
  configure('');
  await shop.json('sync');
});
afterAll(() => shop.close());
beforeEach(async () => {
  configure('');
  shop.parse();
  shop.build();
  await shop.hold([...people(1, 6), ...people(7, 8, { country: 'GB' })]);
  expect(await shop.json('sync')).toMatchObject({ code: 0 });
});

/** `vip.plain` reads its own segment only; `fans.shielded` also one that is excluded, and one whose membership it tells. */
function configure(settings: string): void {
  shop.configure({
    settings,
    vip: '      plain: {to: hook, guards: {min_delete_rows: 0}, mapping: {mail: email}}',
    fans: '      shielded: {guards: {max_delete_percent: 100}, mapping: {mail: email, vip: {segment: vip}}}',
    destinations:
      '  shielded: {platform: webhook, service: audiences, config: {url: "$HOOK/in"}, exclude: [optouts]}\n',
  });
}

const BOTH = ['vip.plain', 'fans.shielded'];

interface Mistake {
  readonly what: string;
  readonly make: () => void;
  /** Who is stopped; the other one goes on. */
  readonly stops: readonly string[];
  readonly says: readonly string[];
}

const MISTAKES: readonly Mistake[] = [
  {
    what: 'a model behind all of it failed',
    make: () => shop.build({ 'model.shop.people': 'error' }),
    stops: BOTH,
    says: ['people', 'error'],
  },
  {
    what: 'a test of a model behind it failed',
    make: () => shop.build({ 'test.shop.unique_people_id': 'fail' }),
    stops: BOTH,
    says: ['unique_people_id', 'fail'],
  },
  {
    what: 'its segment was skipped',
    make: () => shop.build({ 'model.shop.segment_fans': 'skipped' }),
    stops: ['fans.shielded'],
    says: ['segment_fans', 'skipped'],
  },
  {
    what: 'the excluded segment failed',
    make: () => shop.build({ 'model.shop.segment_optouts': 'error' }),
    stops: ['fans.shielded'],
    says: ['segment_optouts'],
  },
  {
    what: 'a segment of its mapping failed',
    make: () => shop.build({ 'model.shop.segment_vip': 'runtime error' }),
    stops: BOTH,
    says: ['segment_vip'],
  },
  {
    what: 'it was built without rows',
    make: () => shop.build({}, { empty: true }),
    stops: BOTH,
    says: ['--empty'],
  },
  {
    what: 'the last build is older than is allowed',
    make: () => configure('gate: {max_age_hours: 0}'),
    stops: BOTH,
    says: ['max_age_hours 0'],
  },
];

describe('the gate', () => {
  test.each([
    ['a mapped field', '      plain: {to: hook, mapping: {mail: email, desk: place.desk}}', 'vip.plain'],
    ['an identifier', '      ads: {mapping: {email: place.desk}}', 'vip.ads'],
  ])('asks for the entity that %s comes from', async (_name, vip, activation) => {
    shop.configure({ vip });
    const select = ['--select', activation];
    expect(await shop.one('plan', ...select)).toMatchObject({ code: 0, status: 'planned' });
    for (const failed of ['model.shop.entity_place', 'model.shop.places', 'test.shop.unique_places_code']) {
      shop.build({ [failed]: failed.startsWith('test') ? 'fail' : 'error' });
      const stopped = await shop.one('plan', ...select);
      expect(stopped).toMatchObject({ code: 1, status: 'blocked' });
      expect(stopped.reason).toContain(failed.split('.').at(-1));
    }
  });

  test.each(MISTAKES)('stops what hangs on it, and nothing else: $what', async ({ make, stops, says }) => {
    make();
    await shop.hold([...people(2, 6), ...people(7, 7, { country: 'GB' }), ...people(9, 9)]);
    const calls = shop.calls.length;
    const { activations, code } = await shop.json('sync');
    expect(code).toBe(1);
    for (const { activation, status, reason } of activations) {
      expect(status === 'blocked', `${activation} ${reason}`).toBe(stops.includes(activation));
      for (const part of stops.includes(activation) ? ['gate', '--no-gate', ...says] : [])
        expect(reason).toContain(part);
    }
    if (stops.length === BOTH.length) expect(shop.calls.length).toBe(calls);
    expect(shop.hooked('fans.shielded')).toContain('1');
    // One run goes on without, says so in the ledger, and leaves no permission behind.
    const select = ['--select', 'fans.shielded'];
    expect(await shop.one('sync', ...select, '--no-gate')).toMatchObject({ code: 0, accepted: { delete: 1 } });
    const [before, forced] = (await shop.runs('fans.shielded')).slice(-2);
    expect(before).toMatchObject({ status: 'blocked', overrides: null });
    expect(forced).toMatchObject({ status: 'succeeded', overrides: '--no-gate' });
    for (const part of says) expect(forced?.['gate']).toContain(part);
    if (make === MISTAKES[0]?.make)
      expect(await shop.one('sync', ...select)).toMatchObject({ code: 1, status: 'blocked' });
  });

  test('does not replace a guard, nor a guard the gate: both are told', async () => {
    shop.build({ 'model.shop.people': 'error' });
    await shop.hold(people(1, 3));
    const select = ['--select', 'vip.plain'];
    const stopped = await shop.one('sync', ...select);
    expect(stopped.reason).toMatch(/gate: .*--no-gate.*delete-percent.*--allow-deletes/);
    for (const one of ['--no-gate', '--allow-deletes'])
      expect(await shop.one('sync', ...select, one)).toMatchObject({ code: 1, status: 'blocked' });
    expect(await shop.one('sync', ...select, '--no-gate', '--allow-deletes')).toMatchObject({ code: 0 });
    expect((await shop.runs('vip.plain')).at(-1)).toMatchObject({ overrides: '--no-gate,--allow-deletes' });
  });

  test('asks for the generated file as it is now, and for one of the manifest', async () => {
    const file = 'models/dinmo/segments/segment_vip.sql';
    const before = shop.workspace.read(file);
    shop.workspace.write(file, `select * from ${shop.at('people')}`);
    expect((await shop.one('sync', '--select', 'vip.plain')).reason).toContain('segment_vip');
    shop.workspace.remove(file);
    expect(await shop.one('sync', '--select', 'vip.plain')).toMatchObject({ code: 1, status: 'blocked' });
    shop.workspace.write(file, before);
    expect(await shop.one('sync', '--select', 'vip.plain')).toMatchObject({ code: 0 });
  });

  test('says nothing of a build that failed behind nobody', async () => {
    shop.build({ 'model.shop.entity_person': 'error' });
    expect(await shop.json('sync')).toMatchObject({ code: 0 });
  });
});

describe('a view that is not there', () => {
  test.each([
    ['segment_vip', BOTH],
    ['segment_optouts', ['fans.shielded']],
  ])('is not an empty one: %s', async (view, stops) => {
    const held = BOTH.map((activation) => shop.hooked(activation));
    await shop.sql(`drop view ${shop.at(view)}`);
    // Neither the gate nor any permission makes it one.
    for (const args of [[], ['--no-gate', '--allow-empty', '--allow-deletes']]) {
      const calls = shop.calls.length;
      const synced = await shop.json('sync', ...args);
      expect(synced.code).toBeGreaterThan(0);
      for (const { activation, status, reason } of synced.activations) {
        expect(status === 'succeeded', `${activation} ${reason}`).toBe(!stops.includes(activation));
        // Some warehouses say names in capitals.
        if (stops.includes(activation)) expect(reason?.toLowerCase()).toContain(view);
      }
      if (stops.length === BOTH.length) expect(shop.calls.length).toBe(calls);
    }
    expect(BOTH.map((activation) => shop.hooked(activation))).toEqual(held);
    const code = view === 'segment_vip' ? "country = 'FR'" : "country <> 'FR' or name = 'Optout'";
    await shop.sql(`create view ${shop.at(view)} as select * from ${shop.at('people')} where ${code}`);
  });
});
