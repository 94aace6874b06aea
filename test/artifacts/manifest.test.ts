import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Manifest, readManifest } from '../../src/artifacts/manifest.ts';
import { type Raw, rawColumn, rawManifest, rawModel, rawTest, tempFolder, writeFiles } from './raw-project.ts';

function read(manifest: unknown): Manifest {
  const folder = writeFiles(tempFolder(), { 'manifest.json': manifest });
  return readManifest(join(folder, 'manifest.json'));
}

function columnAnnotation(column: Raw, version: string, nodeMeta: Raw = {}): unknown {
  const manifest = read(rawManifest([rawModel('a', { meta: nodeMeta, columns: { c: column } })], { version }));
  return manifest.nodes.get('model.shop.a')?.columns.get('c')?.annotation;
}

describe('what can be read', () => {
  it.each([
    ['v9', '1.5.0'],
    ['v11', '1.7.4'],
    ['v12', '1.8.10'],
    ['v12', '2025.5.1+build'],
    ['v12', 'PREVIOUS'],
    ['v20', '2.0.0-beta.2'],
  ])('reads schema %s of dbt %s', (schema, version) => {
    expect(read(rawManifest([rawModel('a')], { schema, version })).nodes.size).toBe(1);
  });

  it('refuses an older one by name of its dbt version and schema', () => {
    const old = rawManifest([], { schema: 'v7', version: '1.3.1' });
    expect(() => read(old)).toThrow(
      expect.objectContaining({
        code: 'manifest-too-old',
        message: expect.stringMatching(/dbt 1\.3\.1 \(schema v7\)/),
        exitCode: 3,
      }),
    );
  });

  it('says to run dbt parse when there is none', () => {
    const missing = expect.objectContaining({
      code: 'manifest-missing',
      fix: expect.stringContaining('dbt parse'),
      exitCode: 3,
    });
    expect(() => readManifest(join(tempFolder(), 'manifest.json'))).toThrow(missing);
  });

  it.each(['', '[]', '{}', '{"metadata": {}}', '{"metadata": {"dbt_schema_version": "x"}, "nod'])(
    'calls %j unreadable',
    (text) => {
      expect(() => read(text)).toThrow(expect.objectContaining({ code: 'manifest-unreadable' }));
    },
  );

  it('reads byte order marks, UTF-16, and the Infinity that Python writes', () => {
    const text = JSON.stringify(rawManifest([rawModel('a', { meta: { dinmo: { note: 'Infinity, NaN "x"' } } })]));
    const withInfinity = text.replace('"raw_code"', '"odd":[-Infinity,NaN],"raw_code"');
    for (const written of [`\uFEFF${text}`, Buffer.from(`\uFEFF${text}`, 'utf16le'), withInfinity]) {
      expect(read(written).nodes.get('model.shop.a')?.annotation).toEqual({ note: 'Infinity, NaN "x"' });
    }
  });

  it('takes null, an empty map and an absent key alike', () => {
    const bare = { unique_id: 'model.shop.a', resource_type: 'model', name: 'a' };
    const nulls = rawModel('b', {
      meta: null,
      config: { meta: null },
      columns: { c: { name: 'c', meta: null, config: null } },
    });
    const manifest = read(
      rawManifest([bare, nulls, { unique_id: 'x', resource_type: 'model', columns: null, depends_on: null }]),
    );
    expect([...manifest.nodes.values()].map((node) => node.annotation)).toEqual([undefined, undefined, undefined]);
    expect(manifest.nodes.get('model.shop.b')?.columns.get('c')?.annotation).toBeUndefined();
    expect(manifest.nodes.get('model.shop.a')).toMatchObject({
      packageName: 'shop',
      identifier: 'a',
      primaryKey: null,
    });
  });
});

describe('meta', () => {
  it('prefers config.meta, and notices the older place', () => {
    const manifest = read(
      rawManifest([
        rawModel('new', { meta: { dinmo: 'old' }, config: { meta: { dinmo: 'new' } } }),
        rawModel('old', { meta: { dinmo: 'old' }, config: {} }),
      ]),
    );
    expect(manifest.nodes.get('model.shop.new')).toMatchObject({ annotation: 'new', annotationInOldPlace: false });
    expect(manifest.nodes.get('model.shop.old')).toMatchObject({ annotation: 'old', annotationInOldPlace: true });
  });

  it('strips the last newline that dbt 2 keeps', () => {
    const manifest = read(rawManifest([rawModel('a', { meta: { dinmo: { label: 'two\nlines\n', list: ['x\n'] } } })]));
    expect(manifest.nodes.get('model.shop.a')?.annotation).toEqual({ label: 'two\nlines', list: ['x'] });
  });

  const own = { dinmo: { hidden: true } };
  const parent = { dinmo: { entity: {} } };
  it('reads a column of dbt 1.8, 1.10 and 2 alike', () => {
    expect(columnAnnotation(rawColumn('c', { meta: {}, config: { meta: own } }), '1.8.10')).toEqual(own.dinmo);
    expect(columnAnnotation(rawColumn('c', { meta: own, config: { meta: own, tags: [] } }), '1.10.23')).toEqual(
      own.dinmo,
    );
    expect(columnAnnotation({ name: 'c', meta: own, config: { meta: own } }, '2.0.0-rc.2', parent)).toEqual(own.dinmo);
  });

  it("does not take the model's meta, which dbt 2 previews give to a column without its own, for the column's", () => {
    expect(columnAnnotation({ name: 'c', meta: parent, config: {} }, '2.0.0-preview.196', parent)).toBeUndefined();
    expect(columnAnnotation({ name: 'c', meta: parent, config: {} }, '1.12.6', parent)).toBeUndefined();
  });

  it('keeps the older meta of a 1.8 column that has something else under config', () => {
    expect(columnAnnotation({ name: 'c', meta: own, config: { tags: ['x'] } }, '1.8.10', parent)).toEqual(own.dinmo);
    expect(columnAnnotation({ name: 'c', meta: own }, '1.7.0', parent)).toEqual(own.dinmo);
  });
});

describe('nodes', () => {
  const versioned = (version: number, latest: number): Raw =>
    rawModel('stores', {
      unique_id: `model.shop.stores.v${version}`,
      alias: `stores_v${version}`,
      version,
      latest_version: latest,
    });

  it('gives paths forward slashes and no package, wherever the manifest was written', () => {
    const windows = rawModel('a', {
      patch_path: 'shop://models\\marts\\a.yml',
      original_file_path: 'models\\marts\\a.sql',
    });
    const raw = rawModel('b', { patch_path: 'models/b.yml' });
    const manifest = read(rawManifest([windows, raw, rawModel('c', { patch_path: null })]));
    expect(manifest.nodes.get('model.shop.a')).toMatchObject({
      patchPath: 'models/marts/a.yml',
      originalFilePath: 'models/marts/a.sql',
    });
    expect(manifest.nodes.get('model.shop.b')?.patchPath).toBe('models/b.yml');
    expect(manifest.nodes.get('model.shop.c')?.patchPath).toBeNull();
  });

  it('gives an ephemeral model no relation, and a source its own identifier and file', () => {
    const ephemeral = rawModel('a', { config: { materialized: 'ephemeral' } });
    const source = {
      ...{
        unique_id: 'source.shop.crm.leads',
        resource_type: 'source',
        name: 'leads',
        source_name: 'crm',
        package_name: 'shop',
      },
      ...{ identifier: 'RAW LEADS', schema: 'raw', relation_name: 'db.raw."RAW LEADS"', patch_path: null },
      ...{
        original_file_path: 'models/sources.yml',
        config: { enabled: true, meta: { dinmo: { entity: {} } } },
        meta: {},
      },
    };
    const manifest = read(rawManifest([ephemeral, source]));
    expect(manifest.nodes.get('model.shop.a')).toMatchObject({ relationName: null, materialized: 'ephemeral' });
    expect(manifest.nodes.get('source.shop.crm.leads')).toMatchObject({
      ...{ resourceType: 'source', name: 'leads', sourceName: 'crm', identifier: 'RAW LEADS' },
      ...{ patchPath: 'models/sources.yml', annotation: { entity: {} }, annotationInOldPlace: false },
    });
  });

  it('leaves disabled nodes out, wherever the manifest has them, and disables their tests', () => {
    const test = (id: string, node: string, enabled = true): Raw =>
      rawTest(id, { attached_node: node, config: { enabled }, test_metadata: { name: 'unique', kwargs: {} } });
    const manifest = read(
      rawManifest(
        [
          rawModel('off', { config: { enabled: false } }),
          rawModel('on'),
          test('t1', 'model.shop.off'),
          test('t2', 'model.shop.gone'),
          test('t3', 'model.shop.on', false),
          test('t4', 'model.shop.on'),
        ],
        {
          more: {
            disabled: {
              'model.shop.gone': [rawModel('gone')],
              'model.shop.on': [rawModel('on')],
              'test.shop.t5': [test('t5', 'model.shop.on')],
            },
          },
        },
      ),
    );
    expect([...manifest.nodes.keys()]).toEqual(['model.shop.on']);
    expect([...manifest.disabled].sort()).toEqual(['model.shop.gone', 'model.shop.off', 'test.shop.t5']);
    expect(manifest.tests.filter((candidate) => candidate.enabled).map((candidate) => candidate.uniqueId)).toEqual([
      'test.shop.t4',
    ]);
  });

  it('keeps versions as text, so that the latest can be told', () => {
    const manifest = read(rawManifest([versioned(1, 2), versioned(2, 2)]));
    expect(manifest.nodes.get('model.shop.stores.v2')).toMatchObject({
      version: '2',
      latestVersion: '2',
      identifier: 'stores_v2',
    });
  });

  it('takes parents from depends_on where there is no parent_map', () => {
    const model = rawModel('a', { depends_on: { nodes: ['model.shop.b'] } });
    expect(read(rawManifest([model])).parents.get('model.shop.a')).toEqual(['model.shop.b']);
    const stated = rawManifest([model], { more: { parent_map: { 'model.shop.a': ['model.shop.c'] } } });
    expect(read(stated).parents.get('model.shop.a')).toEqual(['model.shop.c']);
  });
});

describe('tests and their ends', () => {
  const relationships = (kwargs: Raw, more: Raw): Raw =>
    rawTest('r', { test_metadata: { name: 'relationships', kwargs: { field: 'id', ...kwargs } }, ...more });
  const source = {
    unique_id: 'source.shop.crm.leads',
    resource_type: 'source',
    name: 'leads',
    source_name: 'crm',
    package_name: 'shop',
  };
  const nodes = [
    rawModel('orders'),
    rawModel('customers'),
    rawModel('customers', { unique_id: 'model.other.customers', package_name: 'other' }),
    rawModel('stores', { unique_id: 'model.shop.stores.v1', version: 1, latest_version: 2 }),
    rawModel('stores', { unique_id: 'model.shop.stores.v2', version: 2, latest_version: 2 }),
    source,
  ];
  const ends = (test: Raw): readonly (string | null | undefined)[] => {
    const [read_] = read(rawManifest([...nodes, test])).tests;
    return [read_?.attachedNode, read_?.targetNode];
  };

  it.each([
    ["ref('customers')", 'model.shop.customers'],
    ['ref("other", "customers")', 'model.other.customers'],
    ["ref('stores')", 'model.shop.stores.v2'],
    ["ref('stores', v=1)", 'model.shop.stores.v1'],
    ["source('crm', 'leads')", 'source.shop.crm.leads'],
  ])('resolves %s, whatever the order of depends_on', (to, target) => {
    for (const order of [
      [target, 'model.shop.orders'],
      ['model.shop.orders', target],
    ]) {
      const test = relationships({ to }, { attached_node: 'model.shop.orders', depends_on: { nodes: order } });
      expect(ends(test)).toEqual(['model.shop.orders', target]);
    }
  });

  it('falls back to what else the test depends on, or to the node itself', () => {
    const odd = { to: 'my_macro()' };
    const attached_node = 'model.shop.orders';
    const on = (...ids: readonly string[]): Raw => ({ attached_node, depends_on: { nodes: ids } });
    expect(ends(relationships(odd, on('model.shop.customers', attached_node)))[1]).toBe('model.shop.customers');
    expect(ends(relationships(odd, on(attached_node)))[1]).toBe(attached_node);
    expect(ends(relationships(odd, on(attached_node, 'model.shop.customers', 'source.shop.crm.leads')))[1]).toBeNull();
  });

  it('finds the source that a test stands on, which no version writes as attached_node', () => {
    const kwargs = { to: "ref('customers')", model: "{{ get_where_subquery(source('crm', 'leads')) }}" };
    const depends_on = { nodes: ['source.shop.crm.leads', 'model.shop.customers'] };
    expect(ends(relationships(kwargs, { attached_node: null, depends_on }))).toEqual([
      'source.shop.crm.leads',
      'model.shop.customers',
    ]);
  });

  it('reads severity in any case, where, and combination tests', () => {
    const combination = rawTest('c', {
      attached_node: 'model.shop.orders',
      config: { severity: 'WARN', where: 'id > 0' },
      test_metadata: {
        name: 'unique_combination_of_columns',
        namespace: 'dbt_utils',
        kwargs: { combination_of_columns: ['a', 'b'] },
      },
    });
    const [test] = read(rawManifest([...nodes, combination, rawTest('singular', {})])).tests;
    expect(test).toMatchObject({ namespace: 'dbt_utils', severity: 'warn', where: 'id > 0', enabled: true });
    expect(read(rawManifest([rawTest('singular', {})])).tests[0]).toMatchObject({ testName: null, attachedNode: null });
  });
});

describe('constraints and semantic models', () => {
  it('reads foreign keys as ref, as rendered relation, and as the free SQL of older versions', () => {
    const constraints = [
      { type: 'foreign_key', columns: ['a'], to: "ref('x')", to_columns: ['id'] },
      { type: 'foreign_key', columns: ['a'], to: '"db"."main"."x"', to_columns: ['id'] },
      { type: 'foreign_key', columns: ['a'], expression: 'REFERENCES main.x (id, "no")' },
      { type: 'primary_key', columns: ['a'], warn_unsupported: null },
    ];
    const node = read(
      rawManifest([rawModel('a', { constraints, config: { contract: { enforced: true } } })]),
    ).nodes.get('model.shop.a');
    expect(node?.contractEnforced).toBe(true);
    expect(node?.constraints.map(({ to, toColumns }) => [to, toColumns])).toEqual([
      ["ref('x')", ['id']],
      ['"db"."main"."x"', ['id']],
      ['main.x', ['id', '"no"']],
      [null, []],
    ]);
  });

  it('reads semantic models of their own and entities written on columns', () => {
    const entities = [
      { name: 'order', type: 'primary', expr: 'order_id' },
      { name: 'customer', type: 'foreign', expr: null },
      { name: 'odd', type: 'foreign', expr: "a || 'b'" },
      { name: 'wrong', type: 'sideways' },
    ];
    const semantic_models = {
      'semantic_model.shop.s': { name: 's', package_name: 'shop', model: "ref('orders')", entities },
      'semantic_model.shop.t': { name: 't', model: null, depends_on: { nodes: ['model.shop.orders'] }, entities: null },
      'semantic_model.shop.u': { name: 'u', model: null },
    };
    const column = rawColumn('id', { entity: { name: 'order', type: 'primary' } });
    const manifest = read(
      rawManifest([rawModel('orders', { columns: { id: column } })], { more: { semantic_models } }),
    );
    expect(manifest.semanticModels.map(({ node, name }) => [name, node])).toEqual([
      ['s', 'model.shop.orders'],
      ['t', 'model.shop.orders'],
    ]);
    expect(manifest.semanticModels[0]?.entities.map((entity) => entity.column)).toEqual(['order_id', 'customer', null]);
    expect(manifest.nodes.get('model.shop.orders')?.columns.get('id')?.semanticEntity).toEqual({
      name: 'order',
      type: 'primary',
    });
  });
});
