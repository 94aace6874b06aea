import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Entity } from '../../src/knowledge/store.ts';
import { readKey } from '../../src/pipeline/forget-key.ts';
import { people, Shop } from './shop.ts';

let shop: Shop;

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

/** Syncs of their own: some seconds. `DINMO_FORGET=1` runs them. */
const more = process.env['DINMO_FORGET'] === '1' ? test : test.skip;

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

test.each([
  ['42', ['id'], '42'],
  ['a b', ['id'], 'a b'],
  ['{"id": "x"}', ['id'], 'x'],
  ['{"id": 90071992547409931}', ['id'], '90071992547409931'],
  ['{"other": 1}', ['id'], '{"other": 1}'],
  ['{"b": "x", "a": 12345678901234567890}', ['a', 'b'], '{"a":12345678901234567890,"b":"x"}'],
  ['{"a": 1}', ['a', 'b'], null],
  ['{"a": 1, "b": 2, "c": 3}', ['a', 'b'], null],
  ['{"a": {"b": 1}, "b": 1}', ['a', 'b'], null],
  ['{"a": null, "b": 1}', ['a', 'b'], null],
  ['1', ['a', 'b'], null],
  ['', ['id'], null],
])('the key %s of %s', (given, primaryKey, text) => {
  const entity = { name: 'person', primaryKey } as unknown as Entity; // what is read of it
  if (text !== null) expect(readKey(entity, given)).toBe(text);
  else expect(() => readKey(entity, given)).toThrow(expect.objectContaining({ code: 'invalid-key' }));
});

describe('forget', () => {
  beforeEach(async () => {
    shop = await Shop.open();
  });
  afterEach(() => shop.close());

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
    // A rehearsal remembers as well.
    const rehearsal = `${shop.deltaStorage()}_SANDBOX`;
    const like = (await shop.target.tables(shop.deltaStorage())).map(
      (name) => `create table ${shop.stored(name, rehearsal)} as select * from ${shop.stored(name)}`,
    );
    await shop.sql(`create schema ${shop.target.state.identifier(rehearsal)}`, ...like);
    // One that is down does not keep the others; what it holds stays known, and goes with the next run.
    shop.workspace.env['HS_TOKEN'] = 'of-another-time';
    const stopped = await forget('1', '--yes', '--receipt', 'receipt.json');
    expect(stopped.activations.map((one) => [one['activation'], one['outcome'], one['removed']])).toEqual([
      ['vip.hook', 'removed', 1],
      ['vip.ads', 'removed', 1],
      ['vip.crm', 'failed', 0],
    ]);
    expect(stopped.code).toBe(4);
    expect(JSON.parse(shop.workspace.read('receipt.json'))).toMatchObject({ receipt: stopped.receipt, exit_code: 4 });
    expect(shop.workspace.read('receipt.json') + stopped.text).not.toContain('p1@');
    // What was done then is not known to a later run: its receipt takes nothing's place.
    const again = await shop.dinmo('forget', 'person', '1', '--yes', '--receipt', 'receipt.json');
    expect(again).toMatchObject({ code: 2, all: expect.stringContaining('receipt-exists') });
    expect(JSON.parse(shop.workspace.read('receipt.json'))).toMatchObject({ receipt: stopped.receipt });
    shop.workspace.env['HS_TOKEN'] = TOKEN;
    const done = await forget('1', '--yes');
    const rehearsed = async (name: string) => JSON.stringify(await shop.rowsOf(shop.stored(name, rehearsal)));
    for (const name of (await shop.target.tables(rehearsal)).filter((one) => /^(snapshot|identifiers)/.test(one)))
      expect([name, (await rehearsed(name)).includes('p1@')]).toEqual([name, false]);
    expect(done).toMatchObject({ code: 0, activations: [{ activation: 'vip.crm', outcome: 'removed', reason: null }] });
    expect(done.receipt).not.toBe(stopped.receipt);
    const runs = await shop.sql(
      `select status, accepted_delete from ${shop.stored('runs')} where mode = 'forget' order by started_at, activation_id`,
    );
    expect(runs.map((run) => [run['status'], Number(run['accepted_delete'])])).toEqual([
      ['succeeded', 1],
      ['succeeded', 1],
      ['failed', 0],
      ['succeeded', 1],
    ]);
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

  more('an identifier of another member stays with that one, and goes when that one leaves', async () => {
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

  test('a profile that another activation of the account holds for somebody else is not erased, only taken off the list', async () => {
    shop.configure({
      vip: '      lists: {audience: VIP}\n      crm: {mapping: {email: email}}',
      fans: '      lists: {audience: Fans}',
    });
    const email = 'both@example.com';
    const others = [{ id: 2, email, country: 'GB' }, { id: 3 }];
    await shop.hold([{ id: 1, email }, { id: 4 }, ...others]);
    await shop.json('sync');
    await shop.hold(others);
    const done = await forget('1', '--yes');
    expect(done.activations.map((one) => [one['activation'], one['outcome']])).toEqual([
      ['vip.lists', 'removed'],
      ['vip.crm', 'kept'],
      ['fans.lists', 'kept'],
    ]);
    expect(done.activations[0]?.['reason']).toContain('somebody else');
    expect(shop.hubspot.listMembers('VIP')).not.toContain(email);
    expect(shop.hubspot.listMembers('Fans')).toContain(email);
    // Whom nobody shares is erased wherever it is.
    await forget('4', '--yes');
    expect(Object.keys(shop.hubspot.byEmail()).sort()).toEqual([email, 'p3@example.com']);
    expect(shop.hubspot.violations).toEqual([]);
  });

  more('ends the same where the process died after the platforms and before the state', async () => {
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

  more('what a sync removed before it was killed is called removed', async () => {
    shop.configure({
      vip: '      one: {to: one}',
      destinations: '  one: {platform: webhook, service: audiences, config: {url: "$HOOK/in", batch_size: 1}}\n',
    });
    await shop.hold(people(1, 12));
    await shop.one('sync');
    await shop.hold(people(12, 12));
    const sent = shop.calls.length;
    const child = shop.workspace.start('sync', '--allow-deletes');
    const ended = new Promise((done) => child.once('exit', done));
    while (shop.calls.length < sent + 9 && child.exitCode === null) await setImmediate();
    child.kill('SIGKILL');
    await ended;
    expect(child.signalCode).toBe('SIGKILL');
    const done = await forget('1', '--yes');
    expect(done).toMatchObject({ code: 0, activations: [{ outcome: 'removed', removed: 1, reason: null }] });
    expect(shop.hooked('vip.one')).not.toContain('1');
  });

  more('takes the person out of the histories that dbt keeps', async () => {
    const histories = {
      sync_row_history: ['activation_id', 'row_hash'],
      stats_segment_members: ['entity', 'member'],
    } as const;
    const manifest = JSON.parse(shop.workspace.read('target/manifest.json'));
    const hash = (text: string) => createHash('md5').update(text).digest('hex');
    for (const [name, [owner, row]] of Object.entries(histories)) {
      const like = manifest.nodes['model.shop.entity_person'];
      const place = { name, alias: name, schema: shop.target.schema, relation_name: shop.at(name) };
      manifest.nodes[`model.shop.${name}`] = { ...like, ...place, unique_id: `model.shop.${name}` };
      const rows = ['1', '2', 'p1@example.com'].map(
        (key) => `select '${owner === 'entity' ? 'person' : 'vip.crm'}' as ${owner}, '${hash(key)}' as ${row}`,
      );
      await shop.sql(`create table ${shop.at(name)} as ${rows.join(' union all ')}`);
    }
    shop.workspace.write('target/manifest.json', JSON.stringify(manifest));
    shop.configure({ vip: '      crm: {mapping: {email: email}}' });
    await shop.hold(people(1, 2));
    await shop.json('sync');
    await shop.hold(people(2, 2));
    expect(await forget('1')).toMatchObject({ history: { rows: 3, removed: false } });
    expect(await forget('1', '--yes')).toMatchObject({ code: 0, history: { rows: 3, removed: true } });
    const left = async (name: string) => (await shop.rowsOf(shop.at(name))).map((row) => Object.values(row)[1]);
    expect(await left('sync_row_history')).toEqual([hash('2')]);
    expect((await left('stats_segment_members')).length).toBe(2);
  });

  more('says where the person still is, and what it does not cover', async () => {
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

  more(
    'erases what was there before us too, unless it is told not to; a disabled activation and one without a block as well',
    async () => {
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
    },
  );

  more('does not touch a real platform from a target that may not, and knows no other entity', async () => {
    shop.configure({ settings: 'targets: [prod]' });
    expect(await forget('1', '--yes')).toMatchObject({ code: 2, error: { code: 'target-not-allowed' } });
    shop.configure({});
    const { code, stdout } = await shop.dinmo('forget', 'nobody', '1', '--output', 'json');
    expect([code, JSON.parse(stdout).error.code]).toEqual([2, 'unknown-entity']);
    expect(await forget('1', '--yes')).toMatchObject({ code: 0, activations: [], still_in: [] });
  });
});
