import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type ProcessTable, systemProcesses } from '../../src/record/lease.ts';
import { abandonedTables, passingName } from '../../src/record/passing-tables.ts';
import { people, Shop } from './shop.ts';

const NAMES = ['one', 'two', 'three', 'four', 'five'];
const OF = { two: ', exclude: [optouts]', five: ', exclude: [fans]' } as Readonly<Record<string, string>>;

let shop: Shop;
beforeEach(async () => {
  shop = await Shop.open({
    destinations: NAMES.map(
      (name) => `  ${name}: {platform: webhook, service: audiences, config: {url: "$HOOK/${name}"}${OF[name] ?? ''}}\n`,
    ).join(''),
    vip: NAMES.map(
      (name) => `      ${name}: {to: ${name}, mapping: {seen: ${name === 'four' ? 'phone' : 'name'}}}`,
    ).join('\n'),
  });
  await shop.hold(people(1, 20));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await shop.close();
});

/** Every look at the segment gives everybody another name. */
async function giveNewNamesAtEachLook(): Promise<void> {
  const { state } = shop.target;
  const random = state.name === 'snowflake' || state.name === 'bigquery' ? 'rand()' : 'random()';
  const type = shop.target.dataType('varchar');
  const name = `concat('n', cast(${random} as ${type}))`;
  const view = `select id, email, ${name} as phone, ${name} as name, country from ${shop.at('people')}`;
  await shop.sql(`drop view ${shop.at('segment_vip')}`, `create view ${shop.at('segment_vip')} as ${view}`);
}

const seenBy = (name: string): readonly unknown[] =>
  Object.values(shop.hook.table(`vip.${name}`)).map((fields) => fields['seen']);

async function copiesLeft(): Promise<readonly string[]> {
  return (await shop.target.tables(shop.deltaStorage())).filter((table) => table.startsWith('copy_'));
}

it('all platforms of a run get the segment of one moment; one that is blocked has no part in it', async () => {
  await shop.hold([...people(1, 20), { id: 21, name: 'Optout' }]);
  await giveNewNamesAtEachLook();
  shop.build({ 'model.shop.segment_fans': 'error' });
  const { activations, stderr } = await shop.json('sync', '--log-format', 'json');
  const statuses = activations.map(({ status }) => status);
  expect(statuses).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded', 'blocked']);
  expect(seenBy('one')).toHaveLength(21);
  expect(new Set(seenBy('one')).size).toBe(21);
  expect(seenBy('three')).toEqual(seenBy('one'));
  // Who is excluded at one platform is left out there, and nowhere else.
  expect(seenBy('two')).toHaveLength(20);
  expect(seenBy('one')).toEqual(expect.arrayContaining([...seenBy('two')]));
  expect(seenBy('four')).toHaveLength(21);
  const copied = stderr.split('\n').filter((line) => line.includes('segment.copied'));
  expect(copied).toHaveLength(1);
  expect(JSON.parse(copied[0] ?? '')).toMatchObject({ segment: 'vip', activations: 4 });
  expect(await copiesLeft()).toEqual([]);
});

it('nothing is sent twice, held-out members to nobody, and what cannot be copied is read by each', async () => {
  const { activations } = await shop.json('sync', '--select', 'vip.one');
  expect(activations.map(({ status }) => status)).toEqual(['succeeded']);
  // What was compared with the view is the same as what is compared with its copy.
  const together = await shop.json('sync', '--select', 'vip.one', '--select', 'vip.three');
  expect(together.activations.map(({ planned }) => planned?.insert)).toEqual([0, 20]);
  expect(together.activations.map(({ planned }) => planned?.update)).toEqual([0, 0]);
  shop.workspace.edit(
    'dinmo/people.yml',
    '    where: {attribute: country, eq: FR}\n    activations',
    '    where: {attribute: country, eq: FR}\n    holdout: {percent: 50, salt: s}\n    activations',
  );
  await shop.sql(
    `drop view ${shop.at('segment_vip')}`,
    `create view ${shop.at('segment_vip')} as select people.*, case when id = 7 then true else id > 18 end as dinmo_holdout from ${shop.at('people')} as people`,
  );
  const held = await shop.json('sync', '--select', 'vip.one', '--select', 'vip.four');
  expect(held.activations.map(({ planned }) => planned?.delete)).toEqual([3, 0]);
  expect([seenBy('one'), seenBy('four')].map(({ length }) => length)).toEqual([17, 17]);
  vi.spyOn(shop.target.state, 'createPassing').mockReturnValue('select * from nowhere_at_all');
  const failing = await shop.json('sync', '--select', 'vip.two', '--select', 'vip.three');
  expect(failing.code).toBe(0);
  expect([seenBy('two'), seenBy('three')].map(({ length }) => length)).toEqual([17, 17]);
  expect(failing.stderr.split('segment.not_copied').length - 1).toBe(1);
});

it('copies that a killed process left behind go with the next command, those of a living one stay', async () => {
  await shop.json('sync', '--select', 'vip.one');
  const now = Date.now();
  const dead = passingName({ ...systemProcesses, self: { host: hostname(), pid: 2 ** 22 + 7, started: null } }, now);
  const living = passingName(systemProcesses, now);
  const elsewhere: ProcessTable = { ...systemProcesses, self: { host: 'other', pid: 1, started: '1' } };
  const foreign = passingName(elsewhere, now);
  const old = passingName(elsewhere, now - 7 * 3_600_000);
  const reused = passingName({ ...systemProcesses, self: { ...systemProcesses.self, started: '1' } }, now);
  expect(abandonedTables(['runs', dead, living, foreign, old, reused], systemProcesses, now)).toEqual([
    dead,
    old,
    ...(systemProcesses.self.started === null ? [] : [reused]),
  ]);
  await shop.sql(...[dead, living].map((name) => `create table ${shop.stored(name)} as select 1 as c0`));
  await shop.json('sync', '--select', 'vip.one');
  expect(await copiesLeft()).toEqual([living]);
});

// A file of DuckDB cannot be looked into while another process has it.
it.runIf(process.env['DINMO_TEST_WAREHOUSE'] === 'postgres')(
  'the copy of a command that was killed goes with the next one, which sends what is left',
  async () => {
    const child = shop.workspace.start('sync', '--threads', '1');
    const ended = new Promise((done) => child.once('exit', done));
    // The first activation is sent, and four others still are to read the copy.
    while (shop.calls.length === 0 && child.exitCode === null) await setImmediate();
    child.kill('SIGKILL');
    await ended;
    expect(child.signalCode).toBe('SIGKILL');
    expect(await copiesLeft()).toHaveLength(1);
    expect(await shop.json('sync')).toMatchObject({ code: 0 });
    expect(await copiesLeft()).toEqual([]);
    expect(['one', 'three', 'four'].map((name) => seenBy(name).length)).toEqual([20, 20, 20]);
  },
);
