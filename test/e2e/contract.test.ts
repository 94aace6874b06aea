import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BakeryPlatforms, buildBakery, expectedStates, moveBakery } from './bakery-run.ts';
import { must, type Workspace } from './workspace.ts';

const ACTIVATIONS = [
  'loyal.hook',
  'loyal.meta_people',
  'loyal.hs_contacts',
  'loyal.hs_lists',
  'control.hook',
  'bought.meta_events',
  'bought.hook_events',
];
const KEYS = [
  'activation',
  'mode',
  'status',
  'planned',
  'accepted',
  'rejected',
  'deferred',
  'unknown',
  'invalid',
  'unchanged',
  'reason',
];

let platforms: BakeryPlatforms;
let built: Workspace;
let workspace: Workspace;

beforeAll(async () => {
  built = await buildBakery(40);
  built.inProcess = true;
});
afterAll(() => built?.dispose());
beforeEach(async () => {
  platforms = await BakeryPlatforms.start();
  workspace = moveBakery(built, platforms.places);
});
afterEach(async () => {
  await platforms.close();
  workspace.dispose();
});

/** Everything on stdout is this one object, with exactly these keys in this order. */
function readContract(stdout: string) {
  const value = JSON.parse(stdout);
  expect(Object.keys(value)).toEqual(['activations', 'error']);
  for (const activation of value.activations) {
    expect(Object.keys(activation)).toEqual(KEYS);
    for (const counts of [activation.planned, activation.accepted])
      if (counts !== null) expect(Object.keys(counts)).toEqual(['insert', 'update', 'delete']);
  }
  if (value.error !== null) {
    expect(Object.keys(value.error)).toEqual(['code', 'message']);
    expect(value.activations).toEqual([]);
  }
  return value;
}

function folderState(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')];
    }),
  );
}

/** The checksum that DuckDB writes before each block. */
function duckdbChecksum(block: Buffer): bigint {
  let sum = 5381n;
  for (let at = 0; at < block.length; at += 8)
    sum ^= BigInt.asUintN(64, block.readBigUInt64LE(at) * 0xbf58476d1ce4e5b9n);
  return sum;
}

describe('the JSON of plan and sync', () => {
  test('is one object with every key, for every activation', async () => {
    const plan = await workspace.dinmo('plan', '--output', 'json');
    const value = readContract(plan.stdout);
    expect(value.activations.map(({ activation }: { activation: string }) => activation)).toEqual(ACTIVATIONS);
    expect(new Set(value.activations.map(({ status }: { status: string }) => status))).toEqual(new Set(['planned']));
    expect(value.activations.map(({ mode }: { mode: string }) => mode)).toEqual([
      ...Array(5).fill('delta'),
      'incremental',
      'incremental',
    ]);
    expect(plan.code).toBe(0);
  });

  test.each([
    ['a selection that matches nothing', ['--select', 'nobody'], 2],
    ['an unknown option', ['--bogus'], 2],
    ['a folder without a project', ['--project-dir', '/'], 2],
    ['a target that the profile has not', ['--target', 'moon'], 2],
    ['a target path without manifest', ['--target-path', 'elsewhere'], 3],
    ['results that are not there', ['--run-results', 'nowhere.json'], 3],
    ['a sandbox elsewhere', ['--sandbox', 'http://example.com'], 2],
    ['a sandbox that does not run', ['--sandbox', 'http://127.0.0.1:9'], 4],
  ])('says what stopped it: %s', async (_name, args, code) => {
    const outcome = await workspace.dinmo('sync', ...args, '--output', 'json');
    const value = readContract(outcome.stdout);
    expect(value.error, outcome.all).not.toBeNull();
    expect(outcome.all).not.toMatch(/\n\s+at /);
    expect(outcome.code, outcome.all).toBe(code);
    expect(platforms.calls).toEqual([]);
  });

  test('select and exclude take activations, segments and patterns', async () => {
    const selected = async (...args: readonly string[]) =>
      (await workspace.json('plan', ...args)).activations.map(({ activation }) => activation);
    expect(await selected('--select', 'loyal')).toEqual(ACTIVATIONS.slice(0, 4));
    expect(await selected('--select', '*.hook', 'bought.meta_events')).toEqual([
      'loyal.hook',
      'control.hook',
      'bought.meta_events',
    ]);
    expect(await selected('--select', 'loyal', '--exclude', '*.hook', 'loyal.hs_lists')).toEqual([
      'loyal.meta_people',
      'loyal.hs_contacts',
    ]);
    expect(await selected('--exclude', 'loyal', 'bought')).toEqual(['control.hook']);
  });
});

describe('plan', () => {
  test('leaves nothing behind, neither tables nor a changed file', async () => {
    await must(workspace.dinmo('sync', '--select', 'loyal.hook'));
    await workspace.sql('update raw.people set spend = spend + 1', 'checkpoint');
    const before = folderState(workspace.folder);
    const calls = platforms.calls.length;
    const plan = await workspace.json('plan');
    expect(plan.activations[0]?.planned?.update).toBeGreaterThan(0);
    expect(folderState(workspace.folder)).toEqual(before);
    expect(platforms.calls.length).toBe(calls);
  });
});

describe('guards', () => {
  beforeEach(async () => {
    workspace.edit(
      'dinmo.yml',
      'guards: {max_delete_percent: 100, key_churn_percent: 100}',
      'guards: {max_delete_percent: 20, min_delete_rows: 5}',
    );
    await must(workspace.dinmo('sync', '--select', 'loyal.hook'));
  });

  test('a wave of removals is blocked, shown by plan, and let through when allowed', async () => {
    const held = platforms.hook.table('loyal.hook');
    await workspace.sql("update raw.people set country = 'DE' where id % 2 = 0");
    for (const command of ['plan', 'sync']) {
      const stopped = await workspace.json(command, '--select', 'loyal.hook');
      expect(stopped.activations[0], stopped.stderr).toMatchObject({ status: 'blocked' });
      expect(stopped.activations[0]?.planned?.delete).toBeGreaterThan(5);
      expect(stopped.activations[0]?.reason).toMatch(/--allow-deletes/);
      expect(stopped.code).toBe(1);
    }
    expect(platforms.hook.table('loyal.hook')).toEqual(held);
    const allowed = await workspace.json('sync', '--select', 'loyal.hook', '--allow-deletes');
    expect(allowed).toMatchObject({ code: 0, activations: [{ status: 'succeeded' }] });
    expect(platforms.hook.table('loyal.hook')).toEqual((await expectedStates(workspace)).hook);
  });

  test('an empty segment needs a word of its own', async () => {
    const held = platforms.hook.table('loyal.hook');
    await workspace.sql("update raw.people set country = 'DE'");
    const stopped = await workspace.json('sync', '--select', 'loyal.hook', '--allow-deletes');
    expect(stopped).toMatchObject({ code: 1, activations: [{ status: 'blocked' }] });
    expect(stopped.activations[0]?.reason).toMatch(/--allow-empty/);
    expect(platforms.hook.table('loyal.hook')).toEqual(held);
    await must(workspace.dinmo('sync', '--select', 'loyal.hook', '--allow-deletes', '--allow-empty'));
    expect(platforms.hook.table('loyal.hook')).toEqual({});
  });

  test('changed keys are noticed', async () => {
    workspace.edit('dinmo.yml', 'max_delete_percent: 20,', 'max_delete_percent: 100, max_delete_rows: 1000,');
    await workspace.sql('update raw.people set id = id + 500', 'update raw.purchases set person_id = person_id + 500');
    const stopped = await workspace.json('sync', '--select', 'loyal.hook');
    expect(stopped).toMatchObject({ code: 1, activations: [{ status: 'blocked' }] });
    expect(stopped.activations[0]?.reason).toMatch(/--allow-key-churn/);
    expect((await workspace.json('sync', '--select', 'loyal.hook', '--allow-key-churn')).code).toBe(0);
  });
});

describe('the gate', () => {
  test('blocks after a failed build, names the node, and can be overridden', { timeout: 120_000 }, async () => {
    await workspace.sql('insert into raw.people select * from raw.people where id = 3');
    expect((await workspace.dbt('build')).code).toBe(1);
    const stopped = await workspace.json('sync');
    // What does not hang on people is sound, and goes out.
    expect(
      stopped.activations.map(({ status }) => status),
      stopped.stderr,
    ).toEqual([...Array(5).fill('blocked'), 'succeeded', 'succeeded']);
    expect(stopped.activations[0]?.reason).toMatch(/unique_people_id/);
    expect(stopped.code).toBe(1);
    expect([...platforms.hook.tables.keys()]).toEqual(['bought.hook_events']);
    const forced = await workspace.json('sync', '--no-gate', '--select', 'loyal.hook');
    expect(forced.activations[0], forced.stderr).toMatchObject({ status: 'succeeded' });
    expect(forced.code).toBe(0);
    // The key that two rows share is not sent.
    expect(Object.keys(platforms.hook.table('loyal.hook'))).not.toContain('3');
  });

  test('wants results, fresh ones, of the generated files as they are', async () => {
    const results = workspace.read('target/run_results.json');
    const blockedFor = async (...args: readonly string[]): Promise<string> => {
      const { activations, code, stderr } = await workspace.json('plan', '--select', 'loyal.hook', ...args);
      expect(activations[0], stderr).toMatchObject({ status: 'blocked' });
      expect(code).toBe(1);
      return activations[0]?.reason ?? '';
    };
    workspace.remove('target/run_results.json');
    expect(await blockedFor()).toMatch(/dbt build|never built|no result/i);
    workspace.write('elsewhere.json', results);
    expect((await workspace.json('plan', '--select', 'loyal.hook', '--run-results', 'elsewhere.json')).code).toBe(0);
    const old = results.replaceAll(/"(\d{4})-\d\d-\d\dT/g, (_all, year: string) => `"${Number(year) - 1}-01-01T`);
    workspace.write('target/run_results.json', old);
    expect(await blockedFor()).toMatch(/old|hours|ago/i);
    workspace.write('target/run_results.json', results.replaceAll('"which": "build"', '"which": "compile"'));
    expect(await blockedFor()).toMatch(/dbt build|never built|no result/i);
    workspace.write('target/run_results.json', results.replaceAll('"empty": false', '"empty": true'));
    expect(await blockedFor()).toMatch(/empty/);
    workspace.write('target/run_results.json', results);
    workspace.edit('dinmo/people.yml', 'spend, gte: 100', 'spend, gte: 200');
    await must(workspace.dinmo('generate'));
    expect(await blockedFor()).toMatch(/build/);
  });

  test('knows earlier results from the ledger', async () => {
    await must(workspace.dinmo('sync', '--select', 'loyal.hook'));
    workspace.remove('target/run_results.json');
    await must(workspace.dinmo('sync', '--select', 'loyal.hook'));
  });
});

describe('targets', () => {
  test('only those listed reach real platforms', async () => {
    workspace.edit(
      'profiles.yml',
      '  outputs:\n',
      '  outputs:\n    prod: {type: duckdb, path: shop.duckdb, schema: main}\n',
    );
    const unlisted = await workspace.json('sync');
    expect(unlisted).toMatchObject({ code: 2, activations: [] });
    expect(unlisted.error?.message).toMatch(/targets: \[prod\]/);
    workspace.edit('dinmo.yml', 'version: 1', 'version: 1\ntargets: [prod]');
    for (const args of [['sync'], ['clear', 'loyal.hook', '--yes']]) {
      const refused = await workspace.json(...args);
      expect(refused.code, refused.stderr).toBe(2);
      expect(refused.error?.message).toMatch(/--sandbox/);
    }
    expect((await workspace.json('plan')).code).toBe(0);
    expect(platforms.calls).toEqual([]);
    expect((await workspace.json('sync', '--target', 'prod', '--select', 'loyal.hook')).code).toBe(0);
  });
});

describe('the life of an activation', () => {
  test('clear asks, removes what was sent, and pauses until resumed', async () => {
    await must(workspace.dinmo('sync', '--select', '*.hook', 'loyal.meta_people'));
    const asked = await workspace.dinmo('clear', 'loyal.hook');
    expect(asked.code, asked.all).not.toBe(0);
    expect(asked.all).toMatch(/--yes/);
    expect(asked.all).toContain(String(Object.keys(platforms.hook.table('loyal.hook')).length));
    await must(workspace.dinmo('clear', 'loyal.hook', '--yes'));
    expect(platforms.hook.table('loyal.hook')).toEqual({});
    expect(platforms.hook.table('control.hook')).not.toEqual({});
    const paused = await workspace.json('sync', '--select', 'loyal.hook');
    expect(paused).toMatchObject({ code: 0, activations: [{ status: 'skipped' }] });
    expect(paused.activations[0]?.reason).toMatch(/paused/);
    const resumed = await workspace.json('sync', '--select', 'loyal.hook', '--resume');
    expect(resumed).toMatchObject({ code: 0, activations: [{ status: 'succeeded' }] });
    expect(platforms.hook.table('loyal.hook')).toEqual((await expectedStates(workspace)).hook);
    await must(workspace.dinmo('clear', 'loyal.meta_people', '--yes'));
    expect(platforms.meta.members('Loyal buyers')).toEqual([]);
    const refused = await workspace.dinmo('clear', 'bought.hook_events', '--yes');
    expect(refused.code).toBe(2);
    expect(refused.all).toMatch(/delete/);
    expect(platforms.violations).toEqual([]);
  });

  test('a renamed one keeps its state, a deleted one is named, a disabled one skipped', async () => {
    await must(workspace.dinmo('sync', '--select', '*.hook'));
    const sent = platforms.calls.length;
    workspace.edit(
      'dinmo/people.yml',
      '      hook:\n        operations: [insert, update, delete]\n        mapping: {mail: email, country',
      '      crm:\n        to: hook\n        was: loyal.hook\n        operations: [insert, update, delete]\n        mapping: {mail: email, country',
    );
    const renamed = await workspace.json('sync', '--select', 'loyal.crm');
    expect(renamed, renamed.stderr).toMatchObject({
      code: 0,
      activations: [{ accepted: { insert: 0, update: 0, delete: 0 } }],
    });
    expect(platforms.calls.length).toBe(sent);
    workspace.edit('dinmo/people.yml', 'was: loyal.hook', 'enabled: false');
    expect((await workspace.json('sync', '--select', 'loyal.crm')).activations).toMatchObject([
      { status: 'skipped', activation: 'loyal.crm' },
    ]);
    workspace.edit(
      'dinmo/people.yml',
      '    activations:\n      hook: {operations: [insert, update, delete], mapping: {mail: email}}\n',
      '',
    );
    const rows = Object.keys(platforms.hook.table('control.hook')).length;
    for (const command of ['check', 'sync']) {
      const told = await workspace.dinmo(command, ...(command === 'sync' ? ['--select', 'loyal.crm'] : []));
      expect(told.all).toMatch(/control\.hook/);
      expect(told.all).toContain(String(rows));
    }
  });

  test('its destination stays what it was', async () => {
    await must(workspace.dinmo('sync', '--select', 'loyal'));
    const moved = async () => {
      const { activations, error, code } = await workspace.json('sync', '--select', 'loyal');
      expect(code).toBe(2);
      return [error?.message, ...activations.map(({ status, reason }) => `${status} ${reason}`)].join('\n');
    };
    workspace.edit('dinmo.yml', '"77001"', '"77002"');
    expect(await moved()).toMatch(/ad_account_id[\s\S]*new destination/);
    workspace.edit('dinmo.yml', '"77002"', '"77001"');
    workspace.edit('dinmo.yml', 'id_property: email', 'id_property: mail');
    expect(await moved()).toMatch(/id_property|mail/);
    workspace.edit('dinmo.yml', 'id_property: mail', 'id_property: email');
    workspace.edit(
      'dinmo/people.yml',
      '      meta_people: {audience: Loyal buyers}',
      '      meta_people: {to: hs_lists, audience: Other}',
    );
    expect(await moved()).toMatch(/new activation/);
  });

  test('a changed mapping sends what it changes; a full refresh sends all; a mode of full replaces nothing by chance', async () => {
    await must(workspace.dinmo('sync', '--select', 'loyal.hook', 'bought.hook_events'));
    const members = Object.keys(platforms.hook.table('loyal.hook')).length;
    workspace.edit(
      'dinmo/people.yml',
      'seen: seen_at}',
      'seen: seen_at, source: {value: dbt}, out: {segment: opted_out}}',
    );
    const mapped = await workspace.json('sync', '--select', 'loyal.hook');
    expect(mapped, mapped.stderr).toMatchObject({
      code: 0,
      activations: [{ accepted: { insert: 0, update: members, delete: 0 } }],
    });
    const [row] = Object.entries(platforms.hook.table('loyal.hook'));
    expect(row?.[1]).toMatchObject({ source: 'dbt', out: Number(row?.[0]) % 7 === 0 });
    await workspace.sql('delete from raw.people where id in (3, 4, 6)');
    const refreshed = await workspace.json('sync', '--select', 'loyal.hook', 'bought.hook_events', '--full-refresh');
    expect(refreshed.code, refreshed.stderr).toBe(0);
    const left = Object.keys((await expectedStates(workspace)).hook).length;
    expect(refreshed.activations[0]?.accepted).toEqual({ insert: 0, update: left, delete: members - left });
    expect(refreshed.activations[1]?.accepted).toEqual({ insert: 0, update: 0, delete: 0 });
    const resent = await workspace.json('sync', '--select', 'bought.hook_events', '--full-refresh', '--resend-events');
    expect(resent.code, resent.stderr).toBe(0);
    const events = Object.keys((await expectedStates(workspace)).hookEvents).length;
    const { insert = 0, update = 0 } = resent.activations[0]?.accepted ?? {};
    expect(insert + update).toBe(events);
    workspace.edit('dinmo/people.yml', '      hook:\n', '      hook:\n        mode: full\n');
    await workspace.sql('delete from raw.people where id in (7, 9, 10)');
    const full = await workspace.json('sync', '--select', 'loyal.hook');
    expect(full, full.stderr).toMatchObject({ code: 0, activations: [{ mode: 'full', unchanged: 0 }] });
    expect(Object.keys(platforms.hook.table('loyal.hook'))).toEqual(
      Object.keys((await expectedStates(workspace)).hook),
    );
    expect(platforms.violations).toEqual([]);
  });
});

describe('rows that a platform refuses', () => {
  test('are retried, then parked, and tried again on demand or when they change', async () => {
    workspace.edit('dinmo.yml', 'guards: {max_delete_percent: 100, key_churn_percent: 100}', 'defaults: {attempts: 2}');
    platforms.hook.poison.add('3');
    platforms.hook.poisonRequest.add('4');
    const first = await workspace.json('sync', '--select', 'loyal.hook');
    expect(first).toMatchObject({ code: 1, activations: [{ status: 'partial', rejected: 2 }] });
    const expected = Object.keys((await expectedStates(workspace)).hook).filter((key) => key !== '3' && key !== '4');
    expect(Object.keys(platforms.hook.table('loyal.hook'))).toEqual(expected);
    expect(await workspace.json('sync', '--select', 'loyal.hook')).toMatchObject({
      code: 1,
      activations: [{ rejected: 2 }],
    });
    const parked = await workspace.json('sync', '--select', 'loyal.hook');
    expect(parked, parked.stderr).toMatchObject({ code: 0, activations: [{ status: 'succeeded', rejected: 0 }] });
    const status = await workspace.dinmo('status', '--rejected');
    expect(status.all).toMatch(/poison/);
    platforms.hook.poison.clear();
    await workspace.sql('update raw.people set spend = spend + 100 where id = 3');
    expect(await workspace.json('sync', '--select', 'loyal.hook')).toMatchObject({
      code: 0,
      activations: [{ accepted: { insert: 1 } }],
    });
    platforms.hook.poisonRequest.clear();
    expect(await workspace.json('retry', '--select', 'loyal.hook')).toMatchObject({
      code: 0,
      activations: [{ accepted: { insert: 1 } }],
    });
    expect(platforms.hook.table('loyal.hook')).toEqual((await expectedStates(workspace)).hook);
  });

  test('do not hold back the others on lists, objects and events', { timeout: 120_000 }, async () => {
    const { people, list, contacts } = await expectedStates(workspace);
    const [one] = people;
    platforms.meta.poison.add(one?.['EMAIL'] ?? '');
    const [email = ''] = list;
    platforms.hubspot.poison.add(email);
    const outcome = await workspace.json('sync', '--exclude', '*.hook', '*.hook_events');
    expect(outcome.code, outcome.stderr).toBe(1);
    const count = Object.fromEntries(outcome.activations.map(({ activation, rejected }) => [activation, rejected]));
    expect(count).toMatchObject({
      'loyal.meta_people': 1,
      'loyal.hs_contacts': 1,
      'loyal.hs_lists': 1,
      'bought.meta_events': 0,
    });
    expect(platforms.meta.members('Loyal buyers').length).toBe(people.length - 1);
    expect(Object.keys(platforms.hubspot.byEmail())).toEqual(
      Object.keys(contacts)
        .filter((held) => held !== email)
        .sort(),
    );
    expect(platforms.violations).toEqual([]);
    expect(outcome.stderr).not.toContain(email);
  });
});

describe('the DuckDB file', () => {
  test('held by another process: waits, then names the holder', async () => {
    const holder = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve('@duckdb/node-api'))};
       const instance = await DuckDBInstance.create('shop.duckdb'); console.log('held'); setInterval(() => instance, 1000);`,
      ],
      { cwd: workspace.folder, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      const outcome = await workspace.json('sync', '--lock-timeout', '1');
      expect(outcome.error?.message, outcome.stderr).toContain(String(holder.pid));
      expect(outcome.code).toBe(1);
    } finally {
      holder.kill('SIGKILL');
    }
  });

  test('written by a newer DuckDB: says so', async () => {
    const path = join(workspace.folder, 'shop.duckdb');
    const bytes = readFileSync(path);
    bytes.writeBigUInt64LE(9_999n, 12);
    bytes.writeBigUInt64LE(duckdbChecksum(bytes.subarray(8, 4096)), 0);
    writeFileSync(path, bytes);
    const outcome = await workspace.json('plan');
    expect(outcome.code, outcome.stderr).toBe(4);
    expect(outcome.error?.message).toMatch(/newer/);
  });

  test('two syncs at once send everything once', async () => {
    workspace.inProcess = false;
    const both = await Promise.all([workspace.json('sync'), workspace.json('sync')]);
    for (const { code, stderr } of both) expect(code, stderr).toBe(0);
    expect([...platforms.hook.inserts.values()].filter((count) => count > 1)).toEqual([]);
    expect(platforms.meta.eventsReceived).toBe(platforms.meta.events.size);
  });
});
