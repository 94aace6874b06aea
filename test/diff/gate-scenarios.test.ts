import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Manifest, ManifestNode, ManifestTest } from '../../src/artifacts/manifest.ts';
import { type RunResults, readRunResults } from '../../src/artifacts/run-results.ts';
import { type FreshnessResults, readFreshness } from '../../src/artifacts/sources.ts';
import { checkGate, type GateInput } from '../../src/diff/gate.ts';
import { knownResults } from '../../src/diff/known-results.ts';
import { tempFolder, writeFiles } from '../artifacts/raw-project.ts';

/**
 * What dbt leaves of a day's work, file by file in the shapes that its releases write, and whether the activation of
 * `segment_vip` may be synced at noon.
 */
const NOW = Date.parse('2026-03-02T12:00:00Z');
const CODE = "select * from {{ ref('customers') }}";
const VIEW = 'model.shop.segment_vip';

/**
 * source app.events → stg (ephemeral) → customers → segment_vip; raw (seed) and history (snapshot), a model of the package
 * stripe, one lent by another project, and a function are read by customers. orders is read by nobody.
 */
const PARENTS: Readonly<Record<string, readonly string[]>> = {
  [VIEW]: ['model.shop.customers'],
  'model.shop.customers': [
    'model.shop.stg',
    'seed.shop.raw',
    'snapshot.shop.history',
    'model.stripe.customers',
    'model.mesh.lent',
    'function.shop.tidy',
  ],
  'model.shop.stg': ['source.shop.app.events'],
  'unit_test.shop.customers.sums': ['model.shop.customers'],
  'unit_test.shop.orders.sums': ['model.shop.orders'],
};

function node(uniqueId: string, more: Partial<ManifestNode> = {}): [string, ManifestNode] {
  const [resourceType = '', packageName = '', ...rest] = uniqueId.split('.');
  const name = rest.at(-1) ?? '';
  const made = {
    ...{ uniqueId, resourceType, packageName, name, version: null },
    sourceName: rest.length > 1 ? rest[0] : null,
    materialized: 'table',
    relationName: `"db"."main"."${packageName === 'stripe' ? 'stripe_customers' : name}"`,
    originalFilePath: `models/${name}.sql`,
    tags: [],
    rawCode: '',
    dependsOn: [],
    ...more,
  };
  return [uniqueId, made as unknown as ManifestNode]; // what the gate reads of it
}

function test(name: string, more: Partial<ManifestTest> = {}): ManifestTest {
  const made = {
    uniqueId: `test.shop.${name}`,
    ...{ severity: 'error', enabled: true, attachedNode: 'model.shop.customers', dependsOn: [] },
    ...more,
  };
  return made as unknown as ManifestTest;
}

const MANIFEST = {
  metadata: { invocationId: 'build', generatedAt: '2026-03-02T10:00:00Z', projectName: 'shop' },
  nodes: new Map([
    node('source.shop.app.events', { materialized: null }),
    node('model.shop.stg', { materialized: 'ephemeral', relationName: null }),
    node('seed.shop.raw', { materialized: 'seed' }),
    node('snapshot.shop.history', { materialized: 'snapshot' }),
    node('model.stripe.customers'),
    node('model.mesh.lent', { originalFilePath: '' }),
    node('model.shop.customers'),
    node('model.shop.orders'),
    node(VIEW, { tags: ['dinmo'], rawCode: CODE, materialized: 'view' }),
  ]),
  tests: [
    test('unique_id'),
    test('warns', { severity: 'warn' }),
    test('off', { enabled: false }),
    test('of_source', { attachedNode: 'source.shop.app.events' }),
    test('of_orders', { attachedNode: 'model.shop.orders' }),
    test('singular', { attachedNode: null, dependsOn: ['model.shop.customers', 'seed.shop.raw'] }),
    test('singular_wide', { attachedNode: null, dependsOn: ['model.shop.customers', 'model.shop.orders'] }),
  ],
  parents: new Map(Object.entries(PARENTS)),
} as unknown as Manifest;

const ALL: Readonly<Record<string, string>> = {
  'seed.shop.raw': 'success',
  'snapshot.shop.history': 'success',
  'model.stripe.customers': 'success',
  'model.shop.customers': 'success',
  [VIEW]: 'success',
};

interface Run {
  readonly at?: string;
  readonly which?: string;
  readonly version?: '1.8' | '1.12' | '2.0';
  readonly args?: object;
  readonly invocation?: string;
  readonly schema?: string;
  readonly noTime?: true;
}

/** A run_results.json as that release writes it, read again. */
function run(statuses: Readonly<Record<string, string>>, given: Run = {}): RunResults {
  const { at = '2026-03-02T10:00:00', which = 'build', version = '1.12', schema = 'main' } = given;
  const isV2 = version === '2.0';
  const time = `${at}.${isV2 ? '123456789' : '123456'}Z`;
  const args = isV2 ? { command: which, which } : { which, empty: false, invocation_command: `dbt ${which}` };
  const results = Object.entries(statuses).map(([unique_id, status]) => ({
    unique_id,
    status,
    timing: given.noTime ? [] : [{ name: 'execute', started_at: time, completed_at: time }],
    ...(isV2 ? {} : { thread_id: 'Thread-1', message: 'OK', failures: null, compiled: true }),
    ...(version === '1.12' ? { batch_results: null } : {}),
    relation_name: unique_id.includes('test.')
      ? null
      : (MANIFEST.nodes.get(unique_id)?.relationName?.replace('main', schema) ?? null),
  }));
  const metadata = {
    dbt_schema_version: 'https://schemas.getdbt.com/dbt/run-results/v6.json',
    dbt_version: { '1.8': '1.8.10', '1.12': '1.12.6', '2.0': '2.0.0' }[version],
    invocation_id: given.invocation ?? 'build',
    ...(given.noTime ? {} : { generated_at: time }),
  };
  const file = { metadata, args: { ...args, ...given.args }, results };
  return readOf(readRunResults, 'run_results.json', file);
}

/** A sources.json of dbt 1, or a freshness.json of dbt 2. */
function freshness(status: string, at = '2026-03-02T10:00:00', version: '1' | '2' = '1'): FreshnessResults {
  const result = { unique_id: 'source.shop.app.events', max_loaded_at: at, snapshotted_at: `${at}+00:00`, status };
  const broken = { unique_id: 'source.shop.app.events', error: 'no such table', status };
  const model = { ...result, unique_id: 'model.shop.customers', status: 'Error' };
  return readOf(readFreshness, version === '1' ? 'sources.json' : 'freshness.json', {
    metadata: { generated_at: `${at}Z`, invocation_id: 'fresh' },
    results: version === '2' ? [result, model] : [status === 'runtime error' ? broken : result],
  });
}

function readOf<Read>(read: (path: string) => Read | null, name: string, file: object): Read {
  const found = read(join(writeFiles(tempFolder(), { [name]: file }), name));
  if (found === null) throw new Error('written just now');
  return found;
}

type File = RunResults | FreshnessResults;

function judge(files: readonly File[], more: Partial<GateInput> = {}, targetName = 'prod') {
  const runResults = files.filter((file): file is RunResults => 'results' in file);
  const sources = files.filter((file): file is FreshnessResults => 'sources' in file);
  return checkGate({
    ...knownResults([], { runResults, freshness: sources, manifest: MANIFEST, targetName }),
    ...{ manifest: MANIFEST, roots: [VIEW], maxAgeHours: 24, warnings: 'pass', nowMs: NOW },
    currentFile: () => ({ text: CODE, modifiedMs: Date.parse('2026-03-02T09:00:00Z') }),
    ...more,
  });
}

const built = run(ALL);
const late = '2026-03-02T11:00:00';
const yesterday = '2026-03-01T11:00:00';
const withStatus = (name: string, status: string, more: Run = {}) => run({ ...ALL, [name]: status }, more);
const tested = (name: string, status: string, more: Run = {}) =>
  run({ [name]: status }, { which: 'test', at: late, ...more });

/** name → files → `open`, or what the refusal says */
const SCENARIOS: readonly (readonly [string, readonly File[], 'open' | RegExp])[] = [
  ['dbt build with 1.8', [run(ALL, { version: '1.8' })], 'open'],
  ['dbt build with 1.12', [built], 'open'],
  [
    'dbt build with 2.0, which lists ephemeral models as skipped',
    [run({ ...ALL, 'model.shop.stg': 'skipped' }, { version: '2.0' })],
    'open',
  ],
  ['nothing at all', [], /no dbt result is known for raw: run dbt build.*--run-results/],

  [
    'a failed model',
    [withStatus('model.shop.customers', 'error')],
    /^customers did not build \(error\): run dbt build/,
  ],
  ['a failed seed', [withStatus('seed.shop.raw', 'error')], /^raw did not build/],
  ['a failed snapshot', [withStatus('snapshot.shop.history', 'error')], /^history did not build/],
  ['a failed model of a package', [withStatus('model.stripe.customers', 'error')], /^stripe\.customers did not build/],
  ['a failed function', [run({ ...ALL, 'function.shop.tidy': 'error' })], /^tidy did not build \(error\)/],
  ['a failed model that nobody reads', [run({ ...ALL, 'model.shop.orders': 'error' })], 'open'],
  [
    'on_error: continue, so that children were built on a failed parent',
    [run({ ...ALL, 'seed.shop.raw': 'error', 'model.shop.customers': 'success' })],
    /^raw did not build/,
  ],
  [
    'a failed model and its skipped children: the failed one is told',
    [run({ ...ALL, 'snapshot.shop.history': 'error', 'model.shop.customers': 'skipped', [VIEW]: 'skipped' })],
    /^history did not build \(error\)/,
  ],
  [
    'skipped, and nobody says why',
    [withStatus(VIEW, 'skipped', { version: '2.0' })],
    /^segment_vip did not build \(skipped\)/,
  ],
  ['reused', [withStatus('model.shop.customers', 'reused', { version: '2.0' })], 'open'],
  ['no-op', [withStatus('model.shop.customers', 'no-op')], 'open'],
  ['a model that warns', [withStatus('model.shop.customers', 'warn', { version: '2.0' })], 'open'],
  [
    'some batches of a microbatch model failed',
    [withStatus('model.shop.customers', 'partial success')],
    /^customers was built in part only.*dbt retry/,
  ],
  [
    'and were retried',
    [
      withStatus('model.shop.customers', 'partial success'),
      run({ 'model.shop.customers': 'success' }, { which: 'retry', at: late }),
    ],
    'open',
  ],
  ['a status that nobody knows', [withStatus('model.shop.customers', 'melted')], /\(melted\)/],

  [
    'steps: seed, snapshot, run',
    [
      run({ 'seed.shop.raw': 'success' }, { which: 'seed' }),
      run({ 'snapshot.shop.history': 'success' }, { which: 'snapshot', invocation: 'b' }),
      run(
        { 'model.stripe.customers': 'success', 'model.shop.customers': 'success', [VIEW]: 'success' },
        { which: 'run' },
      ),
    ],
    'open',
  ],
  [
    'steps: run, then test that fails',
    [run(ALL, { which: 'run' }), tested('test.shop.unique_id', 'fail')],
    /^the test unique_id did not pass \(fail\) of customers: mend/,
  ],
  [
    'a selection today, all of it yesterday',
    [run({ [VIEW]: 'success' }, { at: late }), run(ALL, { at: '2026-03-01T12:30:00', invocation: 'y' })],
    'open',
  ],
  [
    'a selection today, the rest too long ago',
    [run({ [VIEW]: 'success' }, { at: late }), run(ALL, { at: yesterday, invocation: 'y' })],
    /^raw was built 25\.0 hours ago, more than gate\.max_age_hours 24/,
  ],
  [
    'built yesterday, failed since',
    [built, run({ 'model.shop.customers': 'error' }, { at: late })],
    /customers did not build/,
  ],
  [
    'failed, built since',
    [withStatus('model.shop.customers', 'error'), run({ 'model.shop.customers': 'success' }, { at: late })],
    'open',
  ],
  ['dbt was told not to write: what is there is old', [run(ALL, { at: yesterday })], /25\.0 hours ago/],
  ['a build of which no time is known', [run(ALL, { noTime: true })], /at a time that dbt does not say/],

  [
    'only compiled',
    [run(ALL, { which: 'compile' })],
    /no dbt result is known for raw \(.*run_results\.json is of `dbt compile`, which builds nothing\)/,
  ],
  ['docs generate over a good build', [built, run(ALL, { which: 'generate', at: late })], 'open'],
  [
    'docs generate over a failed build',
    [withStatus(VIEW, 'error'), run(ALL, { which: 'generate', at: late })],
    /segment_vip did not build/,
  ],
  ['built with --empty', [run(ALL, { args: { empty: true } })], /built with --empty or --sample/],
  [
    'a test that passes over no rows',
    [
      built,
      tested('test.shop.unique_id', 'fail', { at: '2026-03-02T10:30:00' }),
      run({ 'test.shop.unique_id': 'pass' }, { which: 'build', at: late, args: { empty: true } }),
    ],
    /unique_id did not pass/,
  ],

  ['a failed test', [run({ ...ALL, 'test.shop.unique_id': 'fail' })], /unique_id did not pass \(fail\)/],
  ['a broken test', [run({ ...ALL, 'test.shop.unique_id': 'error' })], /unique_id did not pass \(error\)/],
  [
    'a failed test, and a build since',
    [run({ ...ALL, 'test.shop.unique_id': 'fail' }), run(ALL, { which: 'run', at: late })],
    /unique_id did not pass .* it was built again since: run dbt test/,
  ],
  ['error_if was not reached: it warns', [run({ ...ALL, 'test.shop.unique_id': 'warn' })], 'open'],
  ['a test of severity warn', [run({ ...ALL, 'test.shop.warns': 'warn' })], 'open'],
  ['a disabled test', [run({ ...ALL, 'test.shop.off': 'fail' })], 'open'],
  ['a skipped test', [run({ ...ALL, 'test.shop.unique_id': 'skipped' })], 'open'],
  ['a test of a source', [run({ ...ALL, 'test.shop.of_source': 'fail' })], /of_source did not pass \(fail\) of events/],
  ['a test of what nobody reads', [run({ ...ALL, 'test.shop.of_orders': 'fail' })], 'open'],
  ['a singular test of what it reads', [run({ ...ALL, 'test.shop.singular': 'fail' })], /singular did not pass/],
  ['a singular test that reads something else too', [run({ ...ALL, 'test.shop.singular_wide': 'fail' })], 'open'],
  [
    'a unit test',
    [run({ ...ALL, 'unit_test.shop.customers.sums': 'fail' })],
    /the unit test customers\.sums did not pass/,
  ],
  ['a unit test of what nobody reads', [run({ ...ALL, 'unit_test.shop.orders.sums': 'fail' })], 'open'],
  [
    'dbt 2 writes errors of tests that it compiled for source freshness',
    [run(ALL, { version: '2.0' }), tested('test.shop.of_source', 'error', { which: 'freshness', version: '2.0' })],
    'open',
  ],

  ['a source that passes', [built, freshness('pass')], 'open'],
  ['a source that warns', [built, freshness('warn')], 'open'],
  [
    'a stale source',
    [built, freshness('error')],
    /^the source app\.events is not fresh \(error, looked at 2\.0 hours ago\).*dbt source freshness/,
  ],
  ['a stale source, as dbt 2 spells it', [built, freshness('Error', late, '2')], /app\.events is not fresh \(error/],
  [
    'a fresh source, as dbt 2 spells it; what it says of models is left to their builds',
    [built, freshness('Pass', late, '2')],
    'open',
  ],
  ['a source that could not be read', [built, freshness('runtime error')], /not fresh \(runtime error/],
  ['a source that was stale, and is fresh', [built, freshness('error'), freshness('pass', late)], 'open'],
  ['a source that was fresh long ago', [built, freshness('pass', '2026-01-01T00:00:00')], 'open'],
  [
    'a source that was stale long ago, and was not looked at since',
    [built, freshness('error', '2026-02-20T00:00:00')],
    /not fresh/,
  ],

  [
    'results of another target, newer',
    [run(ALL, { args: { target: 'prod' } }), run({ [VIEW]: 'error' }, { at: late, args: { target: 'dev' } })],
    'open',
  ],
  [
    'only results of another target',
    [run(ALL, { args: { target: 'dev' } })],
    /no dbt result is known for raw \(.* is of the target dev, not prod\)/,
  ],
  [
    'dbt 2 says no target: the relations tell',
    [run(ALL, { version: '2.0', schema: 'dev' })],
    /no dbt result is known for raw \(.* speaks of "db"\."dev"\."raw", which is not the relation of this target\)/,
  ],
  [
    'results of another project',
    [run({ 'model.bakery.customers': 'success', 'model.stripe.customers': 'success' }, { invocation: 'x' })],
    /is of another dbt project than shop/,
  ],
  [
    'a package alone is not another project',
    [run(ALL), run({ 'model.stripe.customers': 'error' }, { invocation: 'x', at: late })],
    /stripe\.customers did not build/,
  ],
  ['a build of the same project that another parse followed', [run(ALL, { invocation: 'other' })], 'open'],
];

describe('what dbt left, and the verdict', () => {
  it.each(SCENARIOS)('%s', (_name, files, expected) => {
    for (const order of [files, [...files].reverse()]) {
      const { open, reason } = judge(order);
      if (expected === 'open') expect(reason).toBeNull();
      else expect(reason).toMatch(expected);
      expect(open).toBe(expected === 'open');
    }
  });

  it.each([
    [
      'a test that warns',
      run({ ...ALL, 'test.shop.warns': 'warn' }),
      /^the test warns of customers warns, and gate\.warnings is block/,
    ],
    ['a test over its warn_if only', run({ ...ALL, 'test.shop.unique_id': 'warn' }), /unique_id of customers warns/],
    ['a source that warns', freshness('warn'), /^the source app\.events is getting old/],
    [
      'a model that warns',
      withStatus(VIEW, 'warn', { at: late, version: '2.0' }),
      /^segment_vip was built with a warning/,
    ],
  ])('stops for %s where warnings block', (_name, file, says) => {
    expect(judge([built, file], { warnings: 'block' }).reason).toMatch(says);
    expect(judge([built], { warnings: 'block' }).open).toBe(true);
  });
});

describe('whatever the results', () => {
  const statuses = ['success', 'error', 'skipped', 'warn', 'reused', 'partial success', 'no-op', 'fail', 'pass'];
  const ancestors = [...Object.keys(ALL), 'function.shop.tidy', 'test.shop.unique_id', 'unit_test.shop.customers.sums'];

  it('one more failure behind it never opens the gate', () => {
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let opened = 0;
    for (let round = 0; round < 300; round++) {
      const noise = Object.fromEntries(
        ancestors.flatMap((id) => (random(3) === 0 ? [[id, statuses[random(statuses.length)] ?? '']] : [])),
      );
      const files: File[] = [built, run(noise, { at: late, version: random(2) === 0 ? '1.12' : '2.0' })];
      if (random(2) === 0) files.push(freshness(['pass', 'warn', 'error'][random(3)] ?? ''));
      const before = judge(files).open;
      if (before) opened++;
      const failing = ancestors[random(ancestors.length)] ?? '';
      const after = judge([...files, run({ [failing]: 'error' }, { at: '2026-03-02T11:30:00' })]);
      expect(after.open, JSON.stringify(noise)).toBe(false);
      expect(after.reason).toMatch(/: /);
    }
    expect(opened).toBeGreaterThan(5);
  });
});
