import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readDbtProject } from '../../src/artifacts/dbt-project.ts';
import { type PruneReport, prune } from '../../src/models/prune.ts';
import { renderModels } from '../../src/models/render.ts';
import { writeModels } from '../../src/models/write.ts';
import { entities, nodeOf, segment, shop, stubCompiler } from './shop.ts';

let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'dinmo-prune-'));
  put('dbt_project.yml', 'name: shop\nmodel-paths: [models]\n');
  for (const model of ['customers', 'lines', 'plans']) put(`models/${model}.sql`, 'select 1');
});
afterEach(() => rmSync(project, { recursive: true }));

function put(path: string, content: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), content);
}

function pruned(): PruneReport {
  return prune(readDbtProject(project, {}, {}));
}

function generate(change: Parameters<typeof shop>[0] = {}): void {
  writeModels(project, renderModels(shop(change).input), { root: 'models/dinmo', modelPaths: ['models'] });
}

const exists = (path: string): boolean => existsSync(join(project, 'models/dinmo', path));
const read = (path: string): string => readFileSync(join(project, 'models/dinmo', path), 'utf8');

/** A generated segment over this reference. */
function segmentOver(reference: string): Parameters<typeof shop>[0] {
  const definition = { kind: 'sql', node: nodeOf('other', { reference }) } as const;
  return {
    segments: [segment('other', { definition })],
    activations: [],
    compiler: {
      ...stubCompiler,
      segment: (_store, { definition: stated }, _dialect, target) => ({
        sql: `select * from ${stated.kind === 'sql' ? target.node(stated.node) : ''} where note <> 'ref("nothing")'`,
        columns: [],
        uses: { nodes: [], entities: [], segments: [] },
      }),
    },
  };
}

describe('pruning', () => {
  test('leaves a project alone whose refs all exist', () => {
    generate();
    expect(pruned()).toEqual({ removed: [], rewritten: [] });
  });

  test('removes what a renamed model broke, and what read that in turn', () => {
    generate();
    rmSync(join(project, 'models/customers.sql'));
    put('models/clients.sql', 'select 1');
    const { removed, rewritten } = pruned();
    const missing = new Map(removed.map((file) => [file.path.replace('models/dinmo/', ''), file.missing]));
    expect(missing.get('entities/entity_customer.sql')).toContain("ref('customers')");
    expect(missing.get('segments/segment_vip.sql')).toContain("ref('entity_customer')");
    expect(missing.has('stats/stats_segment_changes.sql')).toBe(true);
    expect(missing.has('_activations.yml')).toBe(true);
    expect(exists('segments')).toBe(false);
    expect(exists('entities/entity_plan.sql')).toBe(true);
    expect(exists('stats/sync_runs.sql')).toBe(true);
    expect(rewritten).toEqual(['models/dinmo/entities/_entities.yml', 'models/dinmo/stats/_stats.yml']);
    expect(read('entities/_entities.yml')).not.toContain('entity_customer');
    expect(pruned()).toEqual({ removed: [], rewritten: [] });
  });

  test('rewrites properties as they would be generated', () => {
    generate();
    rmSync(join(project, 'models/lines.sql'));
    pruned();
    const left = read('entities/_entities.yml');
    const { input } = shop();
    const store = {
      ...input.store,
      entities: new Map(entities.filter(({ name }) => name !== 'line').map((kept) => [kept.name, kept])),
    };
    const wanted = renderModels({ ...input, store }).find(({ path }) => path.endsWith('_entities.yml'));
    expect(left).toBe(wanted?.content);
  });

  test('repairs exposures of a segment whose file was removed by hand', () => {
    generate();
    rmSync(join(project, 'models/dinmo/segments/segment_french.sql'));
    expect(pruned().removed.map(({ path }) => path)).toContain('models/dinmo/_activations.yml');
  });

  test.each([
    ["ref('raw')", () => put('seeds/raw.csv', 'a\n1\n')],
    ["ref('history')", () => put('snapshots/all.sql', '{% snapshot history %}select 1{% endsnapshot %}')],
    ["ref('history')", () => put('snapshots/s.yml', 'snapshots: [{name: history, relation: x}]')],
    ["ref('scores')", () => put('models/scores.py', 'x')],
    ["ref('plan', v=2)", () => put('models/p.yml', 'models: [{name: plan, versions: [{v: 1}, {v: 2}]}]')],
    ["source('app', 'users')", () => put('models/s.yml', 'sources: [{name: app, tables: [{name: users}]}]')],
    [
      "ref('pack', 'pm')",
      () => {
        put('dbt_packages/pack/dbt_project.yml', 'name: pack\nmodel-paths: [m]');
        put('dbt_packages/pack/m/pm.sql', 'select 1');
        symlinkSync(project, join(project, 'dbt_packages/loop'));
      },
    ],
  ])('knows %s', (reference, define) => {
    generate(segmentOver(reference));
    define();
    expect(pruned().removed).toEqual([]);
  });

  test.each([
    ["ref('plan', v=3)", () => put('models/p.yml', 'models: [{name: plan, versions: [{v: 1}, {v: 2}]}]')],
    ["source('app', 'users')", () => put('models/s.yml', 'sources: [{name: app, tables: [{name: people}]}]')],
    ["ref('pack', 'gone')", () => put('dbt_packages/pack/dbt_project.yml', 'name: pack')],
  ])('misses %s', (reference, define) => {
    generate(segmentOver(reference));
    define();
    expect(pruned().removed.map(({ path }) => path)).toContain('models/dinmo/segments/segment_other.sql');
  });

  test('does not judge a package that is not installed, nor files that it did not write', () => {
    generate(segmentOver("ref('pack', 'pm')"));
    put('models/dinmo/mine.sql', "select * from {{ ref('nothing') }}");
    put('models/broken.yml', 'a: [');
    expect(pruned()).toEqual({ removed: [], rewritten: [] });
  });
});
