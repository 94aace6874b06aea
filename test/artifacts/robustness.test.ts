import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { readCatalog } from '../../src/artifacts/catalog.ts';
import { locateProject, readProject } from '../../src/artifacts/project.ts';
import { DinmoError } from '../../src/errors.ts';
import { type Raw, rawColumn, rawManifest, rawModel, rawTest, tempFolder, writeFiles } from './raw-project.ts';

const PROPERTIES = `models:
  - name: a
    config: {meta: {dinmo: {entity: {name: a, segments: {s: {where: {attribute: x, eq: 1}}}}}}}
    columns: [{name: c, config: {meta: {dinmo: {identifier: email}}}}]
`;
const SETTINGS = `version: 1
timezone: Europe/Paris
gate: {max_age_hours: 24}
destinations:
  d: {platform: meta, service: audiences, credentials: {access_token: "{{ env_var('X') }}"}, guards: {max_delete_percent: 20}}
`;
const SEGMENTS =
  'segments:\n  s2: {entity: a, where: {attribute: x, eq: 1}}\nmodels:\n  b: {entity: {}, columns: {c: {hidden: true}}}\n';
const PROFILES = `shop:
  target: dev
  outputs:
    dev: &dev {type: duckdb, path: "{{ env_var('P', 'x') ~ '.duckdb' }}", settings: {a: [1, "{{ 1 if true else 2 }}"]}}
    prod: {<<: *dev, password: "{{ env_var('DBT_ENV_SECRET_X', 'y') | lower }}"}
`;
const RESULTS = {
  metadata: { dbt_version: '1.12.6', generated_at: '2026-01-01T00:00:00Z' },
  args: { which: 'build' },
  results: [{ unique_id: 'model.shop.a', status: 'success', timing: [{ completed_at: '2026-01-01T00:00:00Z' }] }],
};
const MANIFEST = manifest();

function manifest(): Raw {
  const dinmo = { entity: { name: 'a', segments: { s: { where: { attribute: 'x', eq: 1 } } } } };
  const column = rawColumn('c', {
    config: { meta: { dinmo: { identifier: 'email' } } },
    constraints: [{ type: 'unique' }],
  });
  const kwargs = { to: "ref('b')", field: 'id', model: "{{ get_where_subquery(ref('a')) }}" };
  return rawManifest(
    [
      rawModel('a', {
        meta: { dinmo },
        columns: { c: column },
        constraints: [{ type: 'foreign_key', to: "ref('b')" }],
      }),
      rawModel('b'),
      rawTest('t', { test_metadata: { name: 'relationships', kwargs }, attached_node: 'model.shop.a' }),
    ],
    {
      more: {
        semantic_models: { s: { name: 's', model: "ref('a')", entities: [{ name: 'e', type: 'primary' }] } },
        parent_map: { 'model.shop.a': ['model.shop.b'] },
        disabled: { 'model.shop.gone': [rawModel('gone')] },
        exposures: { e: { name: 'e' } },
      },
    },
  );
}

/** JSON with one value, anywhere, replaced by something else. */
function mutated(root: unknown): fc.Arbitrary<unknown> {
  const paths: (readonly string[])[] = [];
  const walk = (value: unknown, path: readonly string[]): void => {
    paths.push(path);
    if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
  };
  walk(root, []);
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(null, {}, [], '', 'dinmo', -1, true, [null], { dinmo: [] }),
  );
  return fc.tuple(fc.constantFrom(...paths), odd).map(([path, value]) => replaced(root, path, value));
}

function replaced(root: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(root))
    return root.map((item, index) => (String(index) === key ? replaced(item, rest, value) : item));
  return { ...(root as Raw), [key]: replaced((root as Raw)[key], rest, value) };
}

/** Text that was cut, or into which something was put. */
function damaged(text: string): fc.Arbitrary<string> {
  const bits = fc.constantFrom(
    '{',
    '[',
    ']',
    '"',
    '{{',
    '}}',
    '{%',
    ': ',
    '\n',
    '\t',
    '- ',
    '&a ',
    '*a',
    '!!x ',
    '<<: ',
    '|',
    '\0',
    '%YAML 1.1\n',
    '🙂',
    '~',
  );
  const at = fc.nat(text.length);
  return fc.oneof(
    at.map((end) => text.slice(0, end)),
    fc.tuple(at, bits).map(([index, bit]) => text.slice(0, index) + bit + text.slice(index)),
    fc.tuple(at, fc.nat(30)).map(([index, length]) => text.slice(0, index) + text.slice(index + length)),
  );
}

const folder = writeFiles(tempFolder(), {
  'dbt_project.yml': 'name: shop\nprofile: shop\n',
  'profiles.yml': PROFILES,
  'models/shop.yml': PROPERTIES,
  'dinmo.yml': SETTINGS,
  'dinmo/s.yml': SEGMENTS,
  'target/manifest.json': MANIFEST,
  'target/run_results.json': RESULTS,
});
const options = { projectDir: folder, cwd: folder, env: {} };

/** Whatever the file holds, reading says so as DinmoError or as findings that can be printed. */
function holds(file: string, original: string, contents: fc.Arbitrary<string>, read: () => unknown): void {
  try {
    fc.assert(
      fc.property(contents, (content) => {
        writeFileSync(join(folder, file), content);
        try {
          JSON.stringify(read(), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
        } catch (error) {
          if (!(error instanceof DinmoError)) throw error;
        }
      }),
      { numRuns: 150 },
    );
  } finally {
    writeFileSync(join(folder, file), original);
  }
}

describe('nothing but DinmoError, whatever a file holds', () => {
  const project = (): unknown => readProject(options);
  const json = (root: unknown): fc.Arbitrary<string> =>
    fc.oneof(
      mutated(root).map((value) => JSON.stringify(value) ?? ''),
      damaged(JSON.stringify(root)),
    );

  it('manifest.json', () => holds('target/manifest.json', JSON.stringify(MANIFEST), json(MANIFEST), project));
  it('run_results.json', () => holds('target/run_results.json', JSON.stringify(RESULTS), json(RESULTS), project));
  it('catalog.json', () => {
    const catalog = { nodes: { a: { columns: { c: { name: 'c', type: 'INT', index: 1 } } } } };
    holds('catalog.json', '{}', json(catalog), () => [...readCatalog(join(folder, 'catalog.json')).relations]);
  });
  it('dinmo.yml', () => holds('dinmo.yml', SETTINGS, damaged(SETTINGS), project));
  it('dinmo/', () => holds('dinmo/s.yml', SEGMENTS, damaged(SEGMENTS), project));
  it('properties files', () => holds('models/shop.yml', PROPERTIES, damaged(PROPERTIES), project));
  it('dbt_project.yml', () =>
    holds(
      'dbt_project.yml',
      'name: shop\nprofile: shop\n',
      damaged('name: shop\nprofile: shop\nmodels: {shop: {+meta: {a: 1}}}\n'),
      project,
    ));
  it('profiles.yml', () => {
    for (const target of ['dev', 'prod']) {
      holds('profiles.yml', PROFILES, damaged(PROFILES), () => locateProject({ ...options, target }).profile());
    }
  });
});
