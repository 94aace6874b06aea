import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDbtProject } from '../../src/artifacts/dbt-project.ts';
import { RUNS_TABLE } from '../../src/models/ledger-columns.ts';
import { prune } from '../../src/models/prune.ts';
import { renderModels } from '../../src/models/render.ts';
import { segmentCompiler } from '../../src/models/render-input.ts';
import { checkStale, writeModels } from '../../src/models/write.ts';
import { runDbt } from '../dbt.ts';
import { shop } from './shop.ts';

const root = join(import.meta.dirname, '../..');
const folders = { root: 'models/dinmo', modelPaths: ['models'] };
const { input } = shop({ compiler: segmentCompiler, settings: { history: 'rows' } });
const files = renderModels({ ...input, shownKeys: new Set(['vip.hook']) });

let project: string;

/** A project whose own configuration would break every generated model that does not pin its own. */
const FILES: Readonly<Record<string, string>> = {
  'dbt_project.yml': `name: shop
profile: shop
dispatch: [{macro_namespace: dbt, search_order: [shop, dinmo, dbt]}]
vars: {dinmo_exact_schema_targets: [prod]}
flags: {send_anonymous_usage_stats: false}
models:
  shop:
    +materialized: table
    +schema: marts
    +access: private
    +group: team
    +contract: {enforced: true}
    base: {+contract: {enforced: false}}
`,
  'packages.yml': `packages: [{local: ${JSON.stringify(root)}}]\n`,
  'profiles.yml': `shop:
  target: prod
  outputs:
    prod: {type: duckdb, path: shop.duckdb}
    dev: {type: duckdb, path: dev.duckdb}
`,
  'models/base/groups.yml': 'groups: [{name: team, owner: {name: Team}}]\n',
  'models/base/customers.sql': `select *, cast('2026-01-01 12:00:00+00' as timestamptz) as joined_at from {{ ref('people') }}`,
  'models/base/plans.sql': "select 'gold' as plan_id, 'Gold' as name",
  'models/base/lines.sql': 'select 1 as order_id, 1 as line_no union all select 1, 2',
  'tests/vip_not_empty.sql': "{{ dinmo.test_not_empty(ref('segment_vip')) }}",
  'tests/vip_size.sql': "{{ config(severity='warn') }}{{ dinmo.test_size_between(ref('segment_vip'), min=1, max=2) }}",
  'tests/vip_change.sql': "{{ config(severity='warn') }}{{ dinmo.test_change_within_percent(ref('segment_vip'), 40) }}",
  'seeds/people.csv':
    'customer_id,email,country,plan_id\n1,a@x.example,FR,gold\n2,b@x.example,FR,basic\n3,c@x.example,DE,gold\n',
};

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'dinmo-dbt-'));
  for (const [path, content] of Object.entries(FILES)) put(path, content);
  // What `dbt deps` does with a local package.
  mkdirSync(join(project, 'dbt_packages'));
  symlinkSync(root, join(project, 'dbt_packages/dinmo'));
  writeModels(project, files, folders);
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

function put(path: string, content: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), content);
}

async function dbt(...given: readonly string[]): Promise<{ code: number; output: string }> {
  const args = [...given, '--no-use-colors', '--project-dir', project, '--profiles-dir', project];
  const { code, stdout, stderr } = await runDbt({ args, cwd: project, env: process.env });
  return { code, output: stdout + stderr };
}

/** Rows as texts, columns joined by a space. */
async function rows(sql: string): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(join(project, 'shop.duckdb'));
  try {
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(sql);
    connection.closeSync();
    return reader.getRowsJson().map((row) => row.join(' '));
  } finally {
    instance.closeSync();
  }
}

function testStatuses(): Readonly<Record<string, string>> {
  const { results } = JSON.parse(readFileSync(join(project, 'target/run_results.json'), 'utf8'));
  return Object.fromEntries(
    results.map(({ unique_id, status }: { unique_id: string; status: string }) => [unique_id.split('.')[2], status]),
  );
}

test('dbt builds the generated models, keeps their history, and shows the ledger', async () => {
  const first = await dbt('build');
  expect(first.code, first.output).toBe(0);
  expect(first.output).not.toMatch(/\[WARNING\]|Deprecat/);
  expect(testStatuses()).toMatchObject({ vip_not_empty: 'pass', vip_size: 'pass', vip_change: 'pass' });
  expect(
    await rows(
      "select distinct table_schema from information_schema.tables where table_schema like '%DINMO%' order by 1",
    ),
  ).toEqual(['DINMO_DELTA_STORAGE', 'DINMO_SEGMENTS', 'DINMO_STATS']);
  expect(await rows('from "DINMO_STATS".sync_runs')).toEqual([]);
  const { nodes } = JSON.parse(readFileSync(join(project, 'target/manifest.json'), 'utf8'));
  expect(nodes['model.shop.entity_customer'].description).toBe('People who bought, {{ braces }} and all.');
  expect(checkStale(project, files, folders)).toEqual([]);

  // 1 leaves both segments; 2 and 4 become gold, and 4 is new and French.
  put(
    'seeds/people.csv',
    'customer_id,email,country,plan_id\n2,b@x.example,FR,gold\n3,c@x.example,DE,gold\n4,d@x.example,FR,gold\n',
  );
  await rows(HISTORY_STATE);
  const columns = RUNS_TABLE.columns.map(
    ({ name, type }) => `null::${type === 'string' ? 'varchar' : type} as ${name}`,
  );
  await rows(
    `create table "DINMO_DELTA_STORAGE".runs as select * replace ('r1' as run_id) from (select ${columns.join(', ')})`,
  );
  const second = await dbt('build', '--vars', '{dinmo_now: 2026-01-01T11:00:00}', '--full-refresh');
  expect(second.code, second.output).toBe(0);
  expect(testStatuses()).toMatchObject({ vip_not_empty: 'pass', vip_size: 'warn', vip_change: 'warn' });
  expect(await rows('select run_id from "DINMO_STATS".sync_runs')).toEqual(['r1']);

  const changes = 'select segment, members_entered, members_left from "DINMO_STATS".stats_segment_changes';
  expect(await rows(`${changes} order by measured_at, segment`)).toEqual([
    'french 2 0',
    'unsubscribed 0 0',
    'vip 2 0',
    'french 1 1',
    // Joined an hour after the fixed now, in whatever zone this machine is.
    'unsubscribed 3 0',
    'vip 2 1',
  ]);
  const sizes = 'select segment, members, entity_rows from "DINMO_STATS".stats_segment_sizes';
  expect(await rows(`${sizes} where segment = 'vip' order by measured_at`)).toEqual(['vip 2 3', 'vip 3 3']);
  expect(
    await rows(`select coalesce(segment, '*'), value, members from "DINMO_STATS".stats_segment_breakdown
      where segment is null or segment = 'vip' order by all`),
  ).toEqual(['* DE 1', '* FR 2', 'vip DE 1', 'vip FR 2']);
  expect(
    await rows(`select other_segment, members, other_members, shared_members from "DINMO_STATS".stats_segment_overlap
      where segment = 'french' order by 1`),
  ).toEqual(['unsubscribed 2 3 2', 'vip 2 3 2']);
});

/** Two activations, as their snapshots are after their first run. */
const HISTORY_STATE = `
  create schema if not exists "DINMO_DELTA_STORAGE";
  create table "DINMO_DELTA_STORAGE".activations as
    select * from (values ('vip.crm', 'vip_crm_1'), ('vip.hook', 'vip_hook_2')) t(activation_id, table_suffix);
  create table "DINMO_DELTA_STORAGE".snapshot_vip_crm_1 as
    select * from (values ('a@x.example', 'r1', false)) t(key, run_id, dirty);
  create table "DINMO_DELTA_STORAGE".snapshot_vip_hook_2 as
    select * from (values ('1', 'r1', false), ('2', 'r1', false)) t(key, run_id, dirty)`;

test('the history of rows has what each build finds sent, sent again and removed, and no key that is an identifier', async () => {
  const history =
    'select activation_id, operation, coalesce(row_key, row_hash), acknowledged, run_id from "DINMO_STATS".sync_row_history';
  const known = [
    `vip.crm insert ${createHash('md5').update('a@x.example').digest('hex')} yes r1`,
    'vip.hook insert 1 yes r1',
    'vip.hook insert 2 yes r1',
  ];
  expect(await rows(`${history} order by all`)).toEqual(known);
  const place = '"DINMO_DELTA_STORAGE"';
  await rows(`update ${place}.snapshot_vip_hook_2 set run_id = 'r3' where key = '1';
    delete from ${place}.snapshot_vip_hook_2 where key = '2';
    insert into ${place}.snapshot_vip_hook_2 values ('9', 'r3', true);
    insert into ${place}.runs (run_id, activation_id, accepted_delete) values ('r2', 'vip.hook', 1), ('r3', 'vip.hook', 0)`);
  const again = await dbt('build', '--select', 'sync_row_history');
  expect(again.code, again.output).toBe(0);
  expect(again.output).not.toContain('WARN=1');
  expect(await rows(`${history} order by seen_at, activation_id, operation, row_key`)).toEqual([
    ...known,
    'vip.hook delete 2 yes r2',
    'vip.hook insert 9 no r3',
    'vip.hook update 1 yes r3',
  ]);
});

test('a renamed model locks dbt out until prune', async () => {
  renameSync(join(project, 'models/base/lines.sql'), join(project, 'models/base/order_lines.sql'));
  const locked = await dbt('parse');
  expect(locked.code).not.toBe(0);
  expect(locked.output).toContain("depends on a node named 'lines'");
  expect(prune(readDbtProject(project, {}, {})).removed.map(({ path }) => path)).toEqual([
    'models/dinmo/entities/entity_line.sql',
  ]);
  const parsed = await dbt('parse', '--target', 'dev');
  expect(parsed.code, parsed.output).toBe(0);
  // Nobody declared this target for exact names, so dbt's own rule holds.
  const { nodes } = JSON.parse(readFileSync(join(project, 'target/manifest.json'), 'utf8'));
  expect(nodes['model.shop.segment_vip'].schema).toBe('main_DINMO_SEGMENTS');
});
