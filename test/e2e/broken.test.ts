import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BAKERY_SECRETS, bakery, bakeryData } from './projects/bakery.ts';
import { must, Workspace } from './workspace.ts';

let parsed: Workspace;

beforeAll(async () => {
  const nowhere = 'http://127.0.0.1:9';
  parsed = Workspace.create(bakery({ webhook: nowhere, meta: nowhere, hubspot: nowhere }), BAKERY_SECRETS);
  await parsed.sql(...bakeryData(5));
  await must(parsed.dbt('parse'));
  parsed.inProcess = true;
});
afterAll(() => parsed?.dispose());

interface Broken {
  readonly name: string;
  readonly spoil: (workspace: Workspace) => void;
  readonly args?: readonly string[];
  readonly code: number;
  /** What a reader needs: what is wrong, where, what to do. */
  readonly says: readonly (RegExp | string)[];
}

const PEOPLE = 'dinmo/people.yml';

const CASES: readonly Broken[] = [
  {
    name: 'YAML that does not parse',
    spoil: (w) => w.edit(PEOPLE, '  loyal:\n', '  loyal: [\n'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/],
  },
  {
    name: 'an unknown key in dinmo.yml',
    spoil: (w) => w.edit('dinmo.yml', 'destinations:', 'destination:'),
    code: 1,
    says: [/dinmo\.yml:\d+:\d+/, '`destination`', 'destinations'],
  },
  {
    name: 'an unknown key of a destination',
    spoil: (w) => w.edit('dinmo.yml', '    exclude: [opted_out]', '    excludes: [opted_out]'),
    code: 1,
    says: [/dinmo\.yml:\d+:\d+/, 'excludes', 'exclude'],
  },
  {
    name: 'a number where a list belongs',
    spoil: (w) => w.edit('dinmo.yml', 'identifiers: [email, phone]', 'identifiers: 5'),
    code: 1,
    says: [/dinmo\.yml:\d+:\d+/, /identifiers/, /list/],
  },
  {
    name: 'an unknown platform',
    spoil: (w) => w.edit('dinmo.yml', 'platform: webhook', 'platform: webhok'),
    code: 1,
    says: [/dinmo\.yml:\d+:\d+/, 'webhok', 'webhook'],
  },
  {
    name: 'an unknown service',
    spoil: (w) => w.edit('dinmo.yml', 'service: audiences', 'service: audience'),
    code: 1,
    says: [/dinmo\.yml:\d+:\d+/, 'audiences'],
  },
  {
    name: 'a required setting that is missing',
    spoil: (w) => w.edit('dinmo.yml', 'config: {ad_account_id: "77001"}', 'config: {}'),
    code: 1,
    says: [/dinmo\.yml:\d+:\d+/, 'ad_account_id'],
  },
  {
    name: 'an unknown setting',
    spoil: (w) => w.edit('dinmo.yml', 'batch_size: 7', 'batchsize: 7'),
    code: 1,
    says: [/dinmo\.yml:\d+:\d+/, 'batchsize', 'batch_size'],
  },
  {
    name: 'a credential in clear',
    spoil: (w) => w.edit('dinmo.yml', `"{{ env_var('META_TOKEN') }}"`, 'EAAB-very-secret'),
    code: 1,
    says: [/dinmo\.yml:\d+:\d+/, 'env_var', 'access_token'],
  },
  {
    name: 'a later version of dinmo.yml',
    spoil: (w) => w.edit('dinmo.yml', 'version: 1', 'version: 7'),
    code: 1,
    says: [/dinmo\.yml:1:\d+/, /version/, '1'],
  },
  {
    name: 'an unknown time zone',
    spoil: (w) => w.edit('dinmo.yml', 'version: 1', 'version: 1\ntimezone: Mars/Olympus'),
    code: 1,
    says: [/dinmo\.yml:2:\d+/, 'Mars/Olympus'],
  },
  {
    name: 'a key written twice',
    spoil: (w) => w.edit('dinmo.yml', 'version: 1', 'version: 1\nversion: 1'),
    code: 1,
    says: [/dinmo\.yml:2:\d+/, /version|unique|twice/],
  },
  {
    name: 'an unknown attribute',
    spoil: (w) => w.edit(PEOPLE, 'attribute: country, in', 'attribute: contry, in'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'contry', 'country'],
  },
  {
    name: 'an unknown operator',
    spoil: (w) => w.edit(PEOPLE, 'gte: 100', 'gtr: 100'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'gtr', /gte?/],
  },
  {
    name: 'a value of another type',
    spoil: (w) => w.edit(PEOPLE, 'gte: 100', 'gte: lots'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'spend', /number|decimal/],
  },
  {
    name: 'an operator that does not fit the type',
    spoil: (w) => w.edit(PEOPLE, 'attribute: opted_out, is_true: true', 'attribute: opted_out, contains: x'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'contains', 'opted_out', 'true or false'],
  },
  {
    name: 'two operators on one attribute',
    spoil: (w) => w.edit(PEOPLE, 'gte: 100', 'gte: 100, lt: 5'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, /one operator/],
  },
  {
    name: 'an empty group',
    spoil: (w) => w.edit(PEOPLE, 'where: {attribute: opted_out, is_true: true}', 'where: {all: []}'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, /empty|at least one/],
  },
  {
    name: 'a null operand',
    spoil: (w) => w.edit(PEOPLE, 'gte: 100', 'gte: null'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, /null|value|is_null/],
  },
  {
    name: 'an unknown relation',
    spoil: (w) => w.edit(PEOPLE, 'relation: purchases', 'relation: purchase'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'purchase', 'purchases'],
  },
  {
    name: 'a cycle of segments',
    spoil: (w) =>
      w.edit(PEOPLE, 'where: {attribute: opted_out, is_true: true}', 'where: {segment: loyal}') ??
      w.edit(PEOPLE, '- {attribute: spend, gte: 100}', '- {segment: opted_out}'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, /loyal.*opted_out|opted_out.*loyal/],
  },
  {
    name: 'a destination that is not there',
    spoil: (w) => w.edit(PEOPLE, 'meta_people: {audience', 'meta_peeple: {audience'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'meta_peeple', 'meta_people'],
  },
  {
    name: 'a limit without order',
    spoil: (w) => w.edit(PEOPLE, 'limit: {rows: 15, by: spend}', 'limit: {rows: 15}'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, '`by`'],
  },
  {
    name: 'a mode that the service has not',
    spoil: (w) => w.edit(PEOPLE, 'meta_events:\n', 'meta_events:\n        mode: delta\n'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'delta', /incremental/],
  },
  {
    name: 'an operation that the service has not',
    spoil: (w) => w.edit(PEOPLE, 'meta_events:\n', 'meta_events:\n        operations: [insert, delete]\n'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'delete', /insert/],
  },
  {
    name: 'a mapping without anything to match on',
    spoil: (w) => w.edit('dinmo.yml', 'identifiers: [email, phone]', 'identifiers: [first_name]'),
    code: 1,
    says: [/:\d+:\d+/, /email|identif/],
  },
  {
    name: 'an unknown column in a mapping',
    spoil: (w) => w.edit(PEOPLE, 'points: points', 'points: pionts'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'pionts', 'points'],
  },
  {
    name: 'a segment of an unknown entity',
    spoil: (w) => w.edit(PEOPLE, 'entity: purchase\n', 'entity: purchases\n'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'purchases', 'purchase'],
  },
  {
    name: 'a segment name with capitals',
    spoil: (w) => w.edit(PEOPLE, '  control:\n', '  Control:\n'),
    code: 1,
    says: [/dinmo\/people\.yml:\d+:\d+/, 'Control', /lower|a-z/],
  },
  { name: 'no manifest', spoil: (w) => w.remove('target'), code: 3, says: ['target/manifest.json', 'dbt parse'] },
  {
    name: 'a manifest cut off',
    spoil: (w) => w.write('target/manifest.json', w.read('target/manifest.json').slice(0, 5000)),
    code: 3,
    says: ['target/manifest.json', /JSON/, 'dbt parse'],
  },
  {
    name: 'a manifest that is something else',
    spoil: (w) => w.write('target/manifest.json', '[1, 2]'),
    code: 3,
    says: ['target/manifest.json'],
  },
  {
    name: 'a manifest of dbt 0.20',
    spoil: (w) =>
      w.write('target/manifest.json', w.read('target/manifest.json').replace('manifest/v12.json', 'manifest/v2.json')),
    code: 3,
    says: [/v2/, /1\.\d/],
  },
  {
    name: 'run results cut off',
    spoil: (w) => w.write('target/run_results.json', '{"metadata": {'),
    args: ['plan'],
    code: 3,
    says: ['run_results.json', 'dbt'],
  },
  {
    name: 'no profiles.yml',
    spoil: (w) => w.remove('profiles.yml'),
    args: ['plan'],
    code: 2,
    says: ['profiles.yml', '--profiles-dir'],
  },
  {
    name: 'a profile of another name',
    spoil: (w) => w.edit('profiles.yml', 'bakery:', 'bakerie:'),
    args: ['plan'],
    code: 2,
    says: ['bakery', 'bakerie'],
  },
  {
    name: 'a target that is not there',
    spoil: () => undefined,
    args: ['plan', '--target', 'prod'],
    code: 2,
    says: ['prod', 'dev'],
  },
  {
    name: 'an environment variable in the profile',
    spoil: (w) => w.edit('profiles.yml', 'path: shop.duckdb', `path: "{{ env_var('SHOP_FILE') }}"`),
    args: ['plan'],
    code: 2,
    says: ['SHOP_FILE', 'profiles.yml'],
  },
  {
    name: 'a warehouse that cannot be synced yet',
    spoil: (w) => w.edit('profiles.yml', 'type: duckdb', 'type: oracle'),
    args: ['plan'],
    code: 3,
    says: ['oracle', 'duckdb'],
  },
  {
    name: 'no DuckDB file',
    spoil: (w) => w.remove('shop.duckdb'),
    args: ['plan'],
    code: 4,
    says: ['shop.duckdb', 'dbt build'],
  },
  {
    name: 'a DuckDB file that is none',
    spoil: (w) => w.write('shop.duckdb', 'this is no database at all, only some text that is long enough'),
    args: ['plan'],
    code: 4,
    says: ['shop.duckdb'],
  },
  { name: 'models that were never built', spoil: () => undefined, args: ['plan'], code: 3, says: ['dinmo generate'] },
  {
    name: 'no dbt_project.yml',
    spoil: (w) => w.remove('dbt_project.yml'),
    code: 2,
    says: ['dbt_project.yml', '--project-dir'],
  },
  { name: 'an unknown command', spoil: () => undefined, args: ['snyc'], code: 2, says: ['snyc', 'sync'] },
  {
    name: 'an unknown option',
    spoil: () => undefined,
    args: ['sync', '--slect', 'x'],
    code: 2,
    says: ['--slect', '--select'],
  },
  {
    name: 'a selection of nothing',
    spoil: () => undefined,
    args: ['plan', '--select', 'loyal.hok'],
    code: 2,
    says: ['loyal.hok', 'loyal.hook'],
  },
  { name: 'clear without an activation', spoil: () => undefined, args: ['clear'], code: 2, says: [/activation/] },
  {
    name: 'clear of an unknown one',
    spoil: () => undefined,
    args: ['clear', 'loyal.nope', '--yes'],
    code: 2,
    says: ['loyal.nope', 'loyal.hook'],
  },
  { name: 'vars that are no map', spoil: () => undefined, args: ['check', '--vars', '[1'], code: 2, says: ['--vars'] },
];

describe('what is broken is told: what, where, and what to do', () => {
  test.each(CASES)('$name', async ({ name, spoil, args = ['check'], code, says }) => {
    const workspace = parsed.copy();
    try {
      spoil(workspace);
      const outcome = await workspace.dinmo(...args);
      // A file to read every message in.
      const show = process.env['DINMO_E2E_SHOW'];
      if (show) appendFileSync(show, `### ${name} (${outcome.code})\n${outcome.all.trim()}\n\n`);
      expect(outcome.all).not.toMatch(/\n\s+at \S+ \(|unexpected\n|\[object|undefined/);
      expect(outcome.all).not.toContain('EAAB-very-secret');
      for (const part of says) {
        if (typeof part === 'string') expect(outcome.all).toContain(part);
        else expect(outcome.all).toMatch(part);
      }
      expect(outcome.code, outcome.all).toBe(code);
    } finally {
      workspace.dispose();
    }
  });
});
