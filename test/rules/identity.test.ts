import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Call } from '../e2e/platforms/platform-server.ts';
import { people, Shop } from './shop.ts';

const DELETES = 'operations: [insert, update, delete], guards: {max_delete_percent: 100, allow_empty: true}';

let shop: Shop;

async function open(): Promise<void> {
  shop = await Shop.open();
  await shop.hold(people(1, 3));
}

/** A shop of its own for each test of the group. */
function openEach(): void {
  beforeEach(open);
  afterEach(() => shop.close());
}

/** Calls that change something at a platform. */
function writes(calls: readonly Call[]): readonly string[] {
  return calls.filter(({ method, path }) => method !== 'GET' && !path.endsWith('/read')).map(({ path }) => path);
}

async function stopsBeforeAnyRequest(says: readonly (string | RegExp)[], ...args: readonly string[]): Promise<void> {
  const calls = shop.calls.length;
  for (const command of ['plan', 'sync']) {
    const outcome = await shop.json(command, ...args);
    expect(outcome.code, outcome.stderr).toBe(2);
    const told = [outcome.error?.message, ...outcome.activations.map(({ reason }) => reason), outcome.stderr].join(
      '\n',
    );
    for (const part of says) {
      if (typeof part === 'string') expect(told).toContain(part);
      else expect(told).toMatch(part);
    }
  }
  expect(shop.calls.length).toBe(calls);
}

describe('what says which account, dataset or host is meant', () => {
  beforeAll(open);
  afterAll(() => shop.close());

  let count = 0;
  /** Destinations of one shop, one for each test. */
  const next = () => {
    const name = `d${++count}`;
    return (lines: string) => shop.configure({ vip: `      ${name}: {}`, destinations: `  ${name}:\n${lines}` });
  };
  const META = `    platform: meta
    service: audiences
    config: {ad_account_id: "77001"}
    credentials: {access_token: "{{ env_var('META_TOKEN') }}"}
    base_url: $META
    defaults: {identifiers: [email]}
`;
  const CRM = `    platform: hubspot
    service: objects
    config: {object_type: contacts, id_property: email}
    credentials: {access_token: "{{ env_var('HS_TOKEN') }}"}
    base_url: $HUBSPOT
`;
  const HOOK = `    platform: webhook
    service: audiences
    config: {url: "$HOOK/in"}
`;

  test.each([
    { what: 'the ad account', lines: META, from: '"77001"', to: '"77002"', says: 'ad_account_id' },
    { what: 'the host of base_url', lines: META, from: '$META', to: 'http://127.0.0.1:9', says: 'host' },
    { what: 'no base_url any more', lines: META, from: '    base_url: $META\n', to: '', says: 'host' },
    { what: 'the object type', lines: CRM, from: 'type: contacts', to: 'type: companies', says: 'object_type' },
    { what: 'the id property', lines: CRM, from: 'property: email', to: 'property: phone', says: 'id_property' },
    { what: 'the address of a webhook', lines: HOOK, from: '/in"', to: '/out"', says: 'url' },
  ])('never changes: $what', async ({ lines, from, to, says }) => {
    const configure = next();
    configure(lines);
    expect(await shop.one('sync')).toMatchObject({ code: 0 });
    expect(lines).toContain(from);
    configure(lines.replace(from, to));
    await stopsBeforeAnyRequest([says, 'new destination']);
    configure(lines);
    expect(await shop.one('sync')).toMatchObject({ code: 0, unchanged: 3 });
  });

  test.each([
    { what: 'the batch size', lines: HOOK, from: '/in"', to: '/in", batch_size: 2' },
    { what: 'the credential', lines: CRM, from: 'HS_TOKEN', to: 'HS_AGAIN' },
    { what: 'what may be deleted', lines: CRM, from: 'email}', to: 'email, delete_existing: true}' },
    { what: 'the way to the host', lines: META, from: '$META', to: '$META/' },
  ])('is not what tunes or proves: $what', async ({ lines, from, to }) => {
    shop.workspace.env['HS_AGAIN'] = shop.workspace.env['HS_TOKEN'] ?? '';
    const configure = next();
    configure(lines);
    await shop.one('sync');
    configure(lines.replace(from, to));
    expect(await shop.one('sync')).toMatchObject({ code: 0, status: 'succeeded', unchanged: 3 });
  });

  test('may be mended while nothing was ever taken under it, and not once a request had no answer', async () => {
    const refused = { status: 401, body: {} };
    const configure = next();
    const wrong = HOOK.replace('/in"', '/wrong"');
    configure(wrong);
    shop.fault = () => refused;
    expect(await shop.one('sync')).toMatchObject({ status: 'failed' });
    shop.fault = () => null;
    configure(HOOK);
    expect(await shop.one('plan')).toMatchObject({ code: 0, planned: { insert: 3 } });
    expect(await shop.one('sync')).toMatchObject({ code: 0, accepted: { insert: 3 } });
    configure(wrong);
    await stopsBeforeAnyRequest(['url', 'new destination']);

    const another = next();
    another(HOOK);
    let requests = 0;
    shop.fault = () => (requests++ === 0 ? 'cut-after' : refused);
    expect(await shop.one('sync')).toMatchObject({ unknown: 3 });
    shop.fault = () => null;
    another(wrong);
    await stopsBeforeAnyRequest(['url', 'new destination']);
  });

  test('is not another destination, under the same activation', async () => {
    shop.configure({});
    await shop.one('sync');
    shop.configure({ vip: '      hook: {to: ads}' });
    await stopsBeforeAnyRequest(['vip.hook', 'hook', 'ads', 'new activation']);
    shop.configure({});
    expect(await shop.one('sync')).toMatchObject({ code: 0, unchanged: 3 });
  });
});

describe('an account that only the credentials know', () => {
  openEach();

  const portal =
    (id: number) =>
    ({ path }: Call) =>
      path.startsWith('/account-info/') ? { status: 200, body: { portalId: id } } : null;

  test.each(['lists', 'crm'])('is asked at the first sync, and stays the same: %s', async (to) => {
    const named = (audience: string) =>
      shop.configure({ vip: `      it: {to: ${to}${to === 'lists' ? `, audience: ${audience}` : ''}}` });
    named('First');
    shop.fault = portal(1);
    expect(await shop.one('sync')).toMatchObject({ code: 0 });
    await shop.hold(people(2, 5));
    shop.fault = portal(2);
    // A list of the other account may bear the recorded id: not even its name is changed.
    named('Second');
    const before = shop.calls.length;
    const other = await shop.one('sync');
    expect(other).toMatchObject({ status: 'failed', accepted: { insert: 0, update: 0, delete: 0 } });
    expect(other.code).toBeGreaterThan(0);
    expect(other.reason).toMatch(/another account[\s\S]*new destination/);
    expect(writes(shop.calls.slice(before))).toEqual([]);
    shop.fault = portal(1);
    expect(await shop.one('sync')).toMatchObject({ code: 0, accepted: { insert: 2 } });
  });

  const SECOND = `  lists_too:
    platform: hubspot
    service: audiences
    credentials: {access_token: "{{ env_var('HS_AGAIN') }}"}
    base_url: $HUBSPOT
`;
  const both = (audience: string) => ({
    vip: '      lists: {audience: Everybody}',
    fans: `      lists_too: {audience: ${audience}}`,
    destinations: SECOND,
  });

  test('is one account: two of its destinations may not fill one list', async () => {
    shop.workspace.env['HS_AGAIN'] = shop.workspace.env['HS_TOKEN'] ?? '';
    shop.configure(both('Everybody'));
    await shop.hold([...people(1, 3), ...people(4, 6, { country: 'GB' })]);
    expect(await shop.one('sync', '--select', 'vip.lists')).toMatchObject({ code: 0 });
    const before = shop.calls.length;
    const second = await shop.one('sync', '--select', 'fans.lists_too');
    expect(second.reason).toMatch(/vip\.lists[\s\S]*audience/);
    expect(second).toMatchObject({ status: 'failed', accepted: { insert: 0, update: 0, delete: 0 } });
    expect(writes(shop.calls.slice(before))).toEqual([]);
    expect(shop.hubspot.listMembers('Everybody')).toHaveLength(3);
    // Told again, not forgotten; and another name is another list.
    expect(await shop.one('sync', '--select', 'fans.lists_too')).toMatchObject({ status: 'failed' });
    shop.configure(both('Fans'));
    expect(await shop.one('sync', '--select', 'fans.lists_too')).toMatchObject({ code: 0, accepted: { insert: 6 } });
    expect(await shop.one('sync', '--select', 'vip.lists')).toMatchObject({ code: 0, unchanged: 3 });
    expect(shop.hubspot.listMembers('Everybody')).toHaveLength(3);
  });

  test('two accounts have a list of one name each', async () => {
    shop.workspace.env['HS_AGAIN'] = shop.workspace.env['HS_TOKEN'] ?? '';
    shop.configure(both('Everybody'));
    shop.fault = portal(1);
    expect(await shop.one('sync', '--select', 'vip.lists')).toMatchObject({ code: 0 });
    shop.fault = portal(2);
    expect(await shop.one('sync', '--select', 'fans.lists_too')).toMatchObject({ code: 0 });
  });

  const TWO_CRMS = {
    vip: `      crm: {${DELETES}, mapping: {email: email}}`,
    fans: `      crm_too: {${DELETES}, mapping: {email: email, city: name}}`,
    destinations: `  crm_too:
    platform: hubspot
    service: objects
    config: {object_type: contacts, id_property: email}
    credentials: {access_token: "{{ env_var('HS_AGAIN') }}"}
    base_url: $HUBSPOT
`,
  };

  test('is one account: the records of one destination are not deleted while another holds them', async () => {
    shop.workspace.env['HS_AGAIN'] = shop.workspace.env['HS_TOKEN'] ?? '';
    shop.configure(TWO_CRMS);
    expect(await shop.json('sync')).toMatchObject({ code: 0 });
    await shop.hold(people(1, 3, { country: 'GB' }));
    expect(await shop.one('sync', '--select', 'vip.crm')).toMatchObject({ code: 0, accepted: { delete: 0 } });
    expect(Object.keys(shop.hubspot.byEmail())).toHaveLength(3);
    await shop.hold([]);
    expect(await shop.json('sync')).toMatchObject({ code: 0 });
    expect(shop.hubspot.byEmail()).toEqual({});
  });

  test('may be another one: what one account holds keeps nobody in the other', async () => {
    shop.workspace.env['HS_AGAIN'] = shop.workspace.env['HS_TOKEN'] ?? '';
    shop.configure(TWO_CRMS);
    shop.fault = portal(1);
    await shop.one('sync', '--select', 'vip.crm');
    shop.hubspot.contacts.clear();
    shop.fault = portal(2);
    await shop.one('sync', '--select', 'fans.crm_too');
    shop.fault = portal(1);
    await shop.hold(people(1, 3, { country: 'GB' }));
    expect(await shop.one('sync', '--select', 'vip.crm')).toMatchObject({ code: 0, accepted: { delete: 3 } });
  });
});

describe('a renamed activation', () => {
  openEach();

  test('may not take state while both ids have some', async () => {
    shop.configure({ vip: '      hook: {to: hook}\n      other: {to: hook}' });
    await shop.json('sync');
    shop.configure({ vip: '      other: {to: hook, was: vip.hook}' });
    await stopsBeforeAnyRequest(['vip.other', 'vip.hook', 'state']);
  });

  test.each([
    ['still exists', '      hook: {to: hook}\n      new: {to: hook, was: vip.hook}', 'still exists'],
    ['is taken twice', '      a: {to: hook, was: vip.hook}\n      b: {to: hook, was: vip.hook}', 'both take the state'],
  ])('may not take the state of one that %s', async (_name, vip, says) => {
    await shop.one('sync');
    shop.configure({ vip });
    await stopsBeforeAnyRequest([says]);
  });

  test('goes on where it was: nothing is sent again, removals and parked rows are remembered', async () => {
    shop.configure({ vip: '      hook: {to: hook, attempts: 1}' });
    shop.hook.poison.add('3');
    await shop.one('sync');
    shop.configure({ vip: '      crm: {to: hook, was: vip.hook, attempts: 1}' });
    await shop.hold(people(2, 3));
    const sent = shop.calls.length;
    expect(await shop.one('plan')).toMatchObject({ planned: { insert: 0, update: 0, delete: 1 } });
    expect(await shop.one('sync')).toMatchObject({
      code: 0,
      accepted: { insert: 0, update: 0, delete: 1 },
      unchanged: 1,
    });
    expect(shop.calls.length).toBe(sent + 1);
    // Its history goes with it: a run that died under the old id would be closed under the new one.
    expect(await shop.runs('vip.hook')).toEqual([]);
    expect((await shop.runs('vip.crm')).map((run) => run['status'])).toEqual(['partial', 'succeeded']);
    // The word stays in the file for ever, and is harmless.
    expect(await shop.one('sync')).toMatchObject({ code: 0, unchanged: 1 });
    shop.hook.poison.clear();
    expect(await shop.one('retry')).toMatchObject({ code: 0, accepted: { insert: 1 } });
  });

  test('pauses with its clear under the old id', async () => {
    await shop.one('sync');
    expect(await shop.one('clear', 'vip.hook', '--yes')).toMatchObject({ code: 0 });
    shop.configure({ vip: '      crm: {to: hook, was: vip.hook}' });
    expect(await shop.one('sync')).toMatchObject({ code: 0, status: 'skipped' });
    expect(await shop.one('sync', '--resume')).toMatchObject({ code: 0, accepted: { insert: 3 } });
  });
});

describe('an activation that is not there any more', () => {
  openEach();

  test('is named with the number of people that it left behind, by every check, plan, sync and status', async () => {
    await shop.one('sync');
    shop.configure({ vip: '      other: {to: hook}' });
    for (const command of ['check', 'plan', 'sync', 'status']) {
      const { all } = await shop.dinmo(command);
      expect(all, command).toMatch(/vip\.hook[^\n]*(\n[^\n]*)?\b3 rows/);
    }
    // An empty one left nobody behind.
    shop.configure({});
    await shop.dinmo('clear', 'vip.hook', '--yes');
    shop.configure({ vip: '      other: {to: hook}' });
    expect((await shop.dinmo('check')).all).not.toContain('vip.hook');
  });

  test('still holds the records that another one would delete; so does one that is not enabled', async () => {
    const operations = 'to: crm, operations: [insert, update, delete], guards: {max_delete_percent: 100}';
    const fans = (more: string) => `      crm: {${operations}, mapping: {email: email, city: name}${more}}`;
    const vip = `      crm: {${operations}, mapping: {email: email}}`;
    shop.configure({ vip, fans: fans('') });
    await shop.json('sync');
    shop.configure({ vip, fans: fans(', enabled: false') });
    await shop.hold([]);
    const held = await shop.json('sync', '--allow-empty', '--allow-deletes');
    expect(held).toMatchObject({
      code: 0,
      activations: [
        { activation: 'vip.crm', accepted: { delete: 0 } },
        { activation: 'fans.crm', status: 'skipped', planned: null },
      ],
    });
    expect(Object.keys(shop.hubspot.byEmail())).toHaveLength(3);
    shop.configure({ vip });
    await shop.json('sync', '--allow-empty', '--allow-deletes');
    expect(Object.keys(shop.hubspot.byEmail())).toHaveLength(3);
    // Enabled again, it removes them: nothing was forgotten meanwhile.
    shop.configure({ vip, fans: fans('') });
    await shop.json('sync', '--allow-empty', '--allow-deletes');
    expect(shop.hubspot.byEmail()).toEqual({});
  });
});
