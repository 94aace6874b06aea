import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from './bakery-run.ts';
import { MetaPlatform } from './platforms/meta.ts';
import { type PlatformServer, startPlatform } from './platforms/platform-server.ts';
import { WebhookPlatform } from './platforms/webhook.ts';
import { NASTY_DATA, NASTY_VALUE, nasty } from './projects/nasty.ts';
import { must, Workspace } from './workspace.ts';

const hook = new WebhookPlatform({ batchSize: 3 });
const meta = new MetaPlatform('s3cr3t-nasty-token-1');
let servers: readonly PlatformServer[] = [];
let workspace: Workspace;

beforeAll(async () => {
  servers = await Promise.all([startPlatform(hook), startPlatform(meta)]);
  const [hookUrl = '', metaUrl = ''] = servers.map(({ url }) => url);
  workspace = Workspace.create(nasty(hookUrl, metaUrl), { META_TOKEN: 's3cr3t-nasty-token-1' });
  await workspace.sql(...NASTY_DATA);
  await must(workspace.dbt('build'));
  await must(workspace.dinmo('generate'));
  await must(workspace.dbt('build'));
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  workspace?.dispose();
});

function keysOf(activation: string): readonly unknown[] {
  return Object.keys(hook.table(activation)).map((key) => JSON.parse(key) as unknown);
}

test('what was generated is what would be generated, in the schemas of the project’s own rule', async () => {
  // Also where there is no warehouse to ask: what it said is read from the files.
  const elsewhere = workspace.copy();
  elsewhere.remove('shop.duckdb');
  await must(elsewhere.dinmo('generate', '--check'));
  elsewhere.dispose();
  const schemas = await workspace.sql(
    "select distinct table_schema as s from information_schema.tables where table_schema ilike '%dinmo%' order by 1",
  );
  expect(schemas.map(({ s }) => s)).toEqual(['x_DINMO_DELTA_STORAGE', 'x_DINMO_SEGMENTS', 'x_DINMO_STATS']);
});

test('awkward names and values reach the platforms as they are', async () => {
  const synced = await workspace.json('sync');
  expect(synced, synced.stderr).toMatchObject({ code: 0, error: null });
  expect([...hook.violations, ...meta.violations]).toEqual([]);
  expect(new Set(keysOf('vip.hook'))).toEqual(new Set(['g-1', 'g-2', 'g-3', `g 4;'"`, 'г-5 🥐', 'g-6']));
  expect(hook.table('vip.hook')['"g-1"']).toEqual({
    'Größe €': '1.5000',
    big: 1,
    born: '1990-02-28',
    seen: '2026-03-08T05:00:00Z',
    odd: 'plain',
    select: NASTY_VALUE,
    tags: ['a'],
    score: '500.000000',
    constant: NASTY_VALUE,
  });
  expect(hook.table('vip.hook')['"g-6"']).toMatchObject({ seen: '2026-03-08T12:00:00.123456Z', score: '100.500000' });
  expect(hook.table('vip.hook')['"g-3"']).toMatchObject({ born: '0001-01-01', tags: [], score: null });
  const vip = bodiesOf('vip.hook').join('');
  expect(vip).toContain(':-9007199254740995');
  expect(vip).toContain(':9007199254740993');
  // The eighth of March has 23 hours in New York.
  expect(keysOf('newyear.hook')).toEqual(['g-1', 'g-2', 'g-6']);
  expect(hook.table('expensive.hook')).toEqual({
    '{"Hotel":"Inn","order":1}': { price: '11.0000000000', nights: 0, name: 'z', from: '2024-01-02T00:00:00Z' },
    '{"Hotel":"Inn","order":2}': { price: '99.9900000000', nights: null, name: null, from: null },
    '{"Hotel":"NO","order":2}': {
      price: '12345678901234567890.0123456789',
      nights: 2 ** 127,
      name: 'z',
      from: '2025-01-02T00:00:00Z',
    },
    '{"Hotel":"Ritz; {{ x }}","order":1}': {
      price: '100.5000000000',
      nights: 1,
      name: 'z',
      from: '2026-01-01T00:00:00Z',
    },
  });
  expect(bodiesOf('expensive.hook').join('')).toContain(':170141183460469231731687303715884105727');
  expect(Object.values(hook.table('towns.hook'))).toEqual([
    { name: 'Zürich; "Altstadt"' },
    { name: '東京 🗼' },
    { name: null },
  ]);
  expect(keysOf('badges.hook')).toEqual([
    { Code: -5, group: '🥐 "q"' },
    { Code: 1, group: 'a' },
    { Code: 1, group: 'b:c' },
  ]);
  expect(keysOf('picked.hook').length).toBe(6);
  expect(keysOf('accounts.hook')).toEqual(['g-1']);
  expect(keysOf('versions.hook').length).toBe(7);
  const mails = ['one@example.com', 'two@example.com', 'four@example.com', 'six@example.com'];
  expect(
    meta
      .members('vip')
      .map(({ EMAIL }) => EMAIL)
      .sort(),
  ).toEqual(mails.map(sha256).sort());
});

test('only what changed follows, by composite and awkward keys too', async () => {
  const shared = sha256('two@example.com');
  await workspace.sql(
    `update "raw data"."Guest List" set "select" = 'no more' where "Guest Id" = 'g-1'`,
    `delete from "raw data"."Guest List" where "Guest Id" = 'г-5 🥐'`,
    // The key of this badge is doubtful now, that of another is sound again.
    `insert into "raw data"."Badges" values (1, 'b:c', 'other')`,
    `delete from "raw data"."Badges" where "Guest Id" = 'y'`,
    `update "raw data"."Badges" set "Guest Id" = 'g-7' where "Code" = -5`,
    `delete from "raw data".stays where "Hotel" = 'NO' and "order" = 2`,
    `update "raw data".stays set price = 12 where "Hotel" = 'Inn' and "order" = 1`,
    // The same key written as two other parts is another key.
    `insert into "raw data".stays values ('Inn', 12, 'g-6', '2026-02-01 00:00:00+00', 20, 1, false)`,
  );
  const counts = Object.fromEntries(
    (await workspace.json('plan')).activations.map(({ activation, planned }) => [activation, planned]),
  );
  expect(counts).toMatchObject({
    'vip.hook': { insert: 0, update: 0, delete: 2 },
    'expensive.hook': { insert: 1, update: 1, delete: 1 },
    'badges.hook': { insert: 1, update: 1, delete: 0 },
    'towns.hook': { insert: 0, update: 0, delete: 0 },
  });
  const synced = await workspace.json('sync');
  expect(synced, synced.stderr).toMatchObject({ code: 0, error: null });
  expect(synced.activations.find(({ activation }) => activation === 'badges.hook')?.invalid).toBe(3);
  expect(keysOf('vip.hook')).toEqual([`g 4;'"`, 'g-2', 'g-3', 'g-6']);
  expect(hook.table('badges.hook')).toEqual({
    '{"Code":-5,"group":"🥐 \\"q\\""}': { owner: 'g-7' },
    '{"Code":1,"group":"a"}': { owner: 'g-1' },
    '{"Code":1,"group":"b:c"}': { owner: 'g-2' },
    '{"Code":4,"group":"dup"}': { owner: 'x' },
  });
  expect(Object.keys(hook.table('expensive.hook'))).toEqual([
    '{"Hotel":"Inn","order":12}',
    '{"Hotel":"Inn","order":1}',
    '{"Hotel":"Inn","order":2}',
    '{"Hotel":"Ritz; {{ x }}","order":1}',
  ]);
  // g-2 still has the address that the one who left shared.
  expect(meta.members('vip').some(({ EMAIL }) => EMAIL === shared)).toBe(true);
  expect(meta.members('vip').some(({ EMAIL }) => EMAIL === sha256('one@example.com'))).toBe(false);
  expect([...hook.violations, ...meta.violations]).toEqual([]);
  expect(
    (await workspace.json('sync')).activations.filter(
      ({ accepted }) => accepted?.insert !== 0 || accepted.update !== 0,
    ),
  ).toEqual([]);
});

function bodiesOf(activation: string): readonly string[] {
  return servers
    .flatMap(({ calls }) => calls.map(({ body }) => body))
    .filter((body) => body.includes(JSON.stringify(activation)));
}
