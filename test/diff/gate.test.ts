import { describe, expect, it } from 'vitest';
import type { Manifest, ManifestNode, ManifestTest } from '../../src/artifacts/manifest.ts';
import type { NodeResult, RunResults } from '../../src/artifacts/run-results.ts';
import { checkGate, type GateInput } from '../../src/diff/gate.ts';
import { type KnownResult, knownResults } from '../../src/diff/known-results.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const VIEW = 'model.shop.segment_vip';
const CODE = "select * from {{ ref('customers') }}";

function node(uniqueId: string, more: Partial<ManifestNode> = {}): ManifestNode {
  const [resourceType = 'model', , name = ''] = uniqueId.split('.');
  const made = {
    uniqueId,
    name,
    resourceType,
    materialized: 'table',
    relationName: `"db"."${name}"`,
    tags: [],
    rawCode: '',
    dependsOn: [],
    packageName: 'shop',
    originalFilePath: `models/${name}.sql`,
    ...more,
  };
  return made as unknown as ManifestNode; // what the gate reads of it
}

function test(name: string, more: Partial<ManifestTest> = {}): ManifestTest {
  const made = {
    uniqueId: `test.shop.${name}`,
    severity: 'error',
    enabled: true,
    attachedNode: 'model.shop.customers',
    dependsOn: [],
    ...more,
  };
  return made as unknown as ManifestTest;
}

/** raw_customers (seed) and a source → customers → the segment's view; nobody asks for `other`. */
function manifest(tests: readonly ManifestTest[] = []): Manifest {
  const nodes = [
    node('seed.shop.raw_customers'),
    node('source.shop.app', { resourceType: 'source' }),
    node('model.shop.stg', { materialized: 'ephemeral', relationName: null }),
    node('model.shop.customers'),
    node('model.shop.other'),
    node(VIEW, { tags: ['dinmo'], rawCode: CODE }),
  ];
  const parents = new Map([
    [VIEW, ['model.shop.customers']],
    ['model.shop.customers', ['model.shop.stg', 'source.shop.app']],
    ['model.shop.stg', ['seed.shop.raw_customers']],
  ]);
  const metadata = { invocationId: 'build', generatedAt: '2026-03-02T10:00:00Z', projectName: 'shop' };
  return { metadata, nodes: new Map(nodes.map((n) => [n.uniqueId, n])), tests, parents } as unknown as Manifest;
}

/** One run_results.json: node → status. */
function run(
  which: string,
  at: string,
  statuses: Readonly<Record<string, string>>,
  more: Partial<RunResults> = {},
): RunResults {
  const completedAt = `2026-03-${at}:00Z`;
  const results = new Map(
    Object.entries(statuses).map(([uniqueId, status]): [string, NodeResult] => [
      uniqueId,
      { uniqueId, status, completedAt, message: null, failures: null, relationName: null },
    ]),
  );
  const builds = ['build', 'run', 'seed', 'snapshot', 'retry', 'clone'].includes(which);
  return {
    file: '',
    dbtVersion: '1.12.6',
    generatedAt: completedAt,
    invocationId: 'build',
    which,
    builds,
    partialData: false,
    target: null,
    results,
    ...more,
  };
}

const ALL = {
  'seed.shop.raw_customers': 'success',
  'model.shop.customers': 'success',
  'model.shop.other': 'error',
  [VIEW]: 'success',
};

function newestResults(recorded: Iterable<KnownResult>, runResults: readonly RunResults[], of: Manifest) {
  return knownResults(recorded, { runResults, freshness: [], manifest: of, targetName: null }).results;
}

function gate(files: readonly RunResults[], more: Partial<GateInput> & { tests?: readonly ManifestTest[] } = {}) {
  return checkGate({
    manifest: manifest(more.tests),
    roots: [VIEW],
    results: newestResults([], files, manifest()),
    setAside: [],
    warnings: 'pass',
    maxAgeHours: 24,
    nowMs: NOW,
    currentFile: () => ({ text: `${CODE}\r\n`, modifiedMs: Date.parse('2026-03-02T09:00:00Z') }),
    ...more,
  });
}

const built = run('build', '02T10:00', ALL);

describe('the gate', () => {
  it('is open when everything behind the activation was built, and asks no more', () => {
    expect(gate([built])).toEqual({ open: true, reason: null });
  });

  it.each([
    ['seed.shop.raw_customers', 'skipped', 'raw_customers did not build (skipped)'],
    ['model.shop.customers', 'error', 'customers did not build (error)'],
    [VIEW, 'runtime error', 'segment_vip did not build (runtime error)'],
  ])('blocks when %s ends with %s', (uniqueId, status, reason) => {
    expect(gate([run('build', '02T10:00', { ...ALL, [uniqueId]: status })]).reason).toContain(reason);
  });

  it.each(['success', 'warn', 'reused', 'no-op'])('takes %s for built', (status) => {
    expect(gate([run('build', '02T10:00', { ...ALL, 'model.shop.customers': status })]).open).toBe(true);
  });

  it('names a node without any result, and takes the last one of a node that was not part of the newest run', () => {
    const { 'model.shop.customers': _, ...rest } = ALL;
    expect(gate([run('build', '02T10:00', rest)]).reason).toContain('no dbt result is known for customers');
    expect(
      gate([run('run', '02T11:00', rest), run('run', '02T09:00', { 'model.shop.customers': 'success' })]).open,
    ).toBe(true);
    expect(gate([run('run', '02T11:00', rest), run('run', '02T09:00', { 'model.shop.customers': 'error' })]).open).toBe(
      false,
    );
  });

  it('lets the newest result decide, in whatever order they come', () => {
    const failed = run('build', '02T09:00', { ...ALL, [VIEW]: 'error' });
    expect(gate([failed, built]).open).toBe(true);
    expect(gate([built, failed]).open).toBe(true);
    expect(gate([built, run('build', '02T11:00', { [VIEW]: 'error' })]).open).toBe(false);
  });

  it('is not opened by commands that build nothing', () => {
    for (const which of ['compile', 'generate', 'test']) expect(gate([run(which, '02T10:00', ALL)]).open).toBe(false);
    // And not closed by them either.
    expect(gate([built, run('compile', '02T11:00', { ...ALL, [VIEW]: 'error' })]).open).toBe(true);
  });

  it('blocks what was built from a sample, until it is built whole', () => {
    const sampled = run('build', '02T11:00', ALL, { partialData: true });
    expect(gate([built, sampled]).reason).toContain('--empty or --sample');
    expect(gate([built, sampled, run('build', '02T11:30', ALL)]).open).toBe(true);
  });

  it('blocks what is too old', () => {
    const old = run('build', '01T11:59', ALL);
    expect(gate([old]).reason).toContain('max_age_hours 24');
    expect(gate([old], { maxAgeHours: 25 }).open).toBe(true);
  });

  it('blocks a generated model whose file is another one now, or gone', () => {
    expect(gate([built], { currentFile: () => null }).open).toBe(false);
    const edited = { text: 'select 1', modifiedMs: NOW };
    expect(gate([built], { currentFile: () => edited }).reason).toContain('another file');
    // Parsed again since: what it was built from is remembered, else the file must be older than the build.
    const parsed = {
      ...manifest(),
      metadata: { invocationId: 'parse', generatedAt: '2026-03-02T11:00:00Z' },
    } as unknown as Manifest;
    const file = (modified: string) => () => ({ text: CODE, modifiedMs: Date.parse(modified) });
    const recorded = [...newestResults([], [built], manifest()).values()];
    const again = newestResults(recorded, [built], parsed);
    expect(gate([], { manifest: parsed, results: again, currentFile: file('2026-03-02T10:30:00Z') }).open).toBe(true);
    const others = newestResults([], [run('build', '02T10:00', ALL, { invocationId: 'other' })], manifest());
    expect(gate([], { manifest: parsed, results: others, currentFile: file('2026-03-02T10:30:00Z') }).open).toBe(false);
    expect(gate([], { manifest: parsed, results: others, currentFile: file('2026-03-02T09:30:00Z') }).open).toBe(true);
  });

  it('wants the newest result of each error-severity test to be a pass', () => {
    const tests = [test('unique_id')];
    const outcome = (status: string, at = '02T10:05', which = 'test') =>
      run(which, at, { 'test.shop.unique_id': status });
    expect(gate([built], { tests }).open).toBe(true);
    expect(gate([built, outcome('fail')], { tests }).reason).toContain('unique_id did not pass (fail)');
    expect(gate([built, outcome('error')], { tests }).open).toBe(false);
    expect(gate([built, outcome('warn')], { tests }).open).toBe(true);
    expect(gate([built, outcome('fail'), outcome('pass', '02T10:10')], { tests }).open).toBe(true);
    // A test that was skipped says nothing.
    expect(gate([built, outcome('fail'), outcome('skipped', '02T10:10', 'build')], { tests }).open).toBe(false);
  });

  it('does not mind tests that warn, are disabled, or speak of something else', () => {
    const failed = run('test', '02T10:05', { 'test.shop.t': 'fail' });
    expect(gate([built, failed], { tests: [test('t', { severity: 'warn' })] }).open).toBe(true);
    expect(gate([built, failed], { tests: [test('t', { enabled: false })] }).open).toBe(true);
    expect(gate([built, failed], { tests: [test('t', { attachedNode: 'model.shop.other' })] }).open).toBe(true);
    const singular = (dependsOn: readonly string[]) => [test('t', { attachedNode: null, dependsOn })];
    expect(gate([built, failed], { tests: singular(['model.shop.customers']) }).open).toBe(false);
    expect(gate([built, failed], { tests: singular(['model.shop.customers', 'model.shop.other']) }).open).toBe(true);
  });

  it('knows what earlier commands recorded', () => {
    const recorded = newestResults([], [built], manifest()).values();
    const later = run('build', '02T11:00', { [VIEW]: 'success' });
    expect(gate([], { results: newestResults(recorded, [later], manifest()) }).open).toBe(true);
  });
});
