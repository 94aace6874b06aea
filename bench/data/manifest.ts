import { closeSync, mkdirSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What a generated project is made of. 5,000 models are about 56 MB of manifest, 20,000 about 220 MB. */
export interface ManifestSize {
  readonly models: number;
  /** Models that are entities: alternately a dimension, and a fact with a relationship to it. */
  readonly entities: number;
}

export interface GeneratedProject {
  readonly manifestPath: string;
  readonly manifestBytes: number;
  /** Models, tests and sources. */
  readonly nodes: number;
}

const PROJECT = 'synthetic';
const COLUMNS = [
  'id',
  'parent_id',
  'email',
  'country',
  'status',
  'amount',
  'quantity',
  'is_active',
  'created_at',
  'updated_at',
  'note',
  'loaded_at',
] as const;
const MODELS_PER_FILE = 50;
const MODELS_PER_SOURCE = 10;

/**
 * Writes a dbt project whose manifest is of schema v12, as dbt 1.12 writes it after a build: models with twelve columns,
 * raw and compiled code and two tests each, a source for every tenth of them, dbt's own macros, and the YAML files that
 * say the same. The same size always gives the same bytes. Whatever stood in the folder is removed.
 */
export function writeManifestProject(dir: string, size: ManifestSize): GeneratedProject {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(join(dir, 'target'), { recursive: true });
  mkdirSync(join(dir, 'models'), { recursive: true });
  writeFileSync(
    join(dir, 'dbt_project.yml'),
    `name: ${PROJECT}\nversion: "1.0.0"\nprofile: ${PROJECT}\nmodel-paths: [models]\n`,
  );
  writeFileSync(
    join(dir, 'profiles.yml'),
    `${PROJECT}:\n  target: prod\n  outputs:\n    prod: {type: duckdb, path: warehouse.duckdb, schema: main}\n`,
  );
  writeFileSync(
    join(dir, 'dinmo.yml'),
    'version: 1\ntargets: [prod]\ndestinations:\n  hook: {platform: webhook, service: objects, config: {url: "http://127.0.0.1:9/"}}\n',
  );
  writePropertiesFiles(dir, size);
  const manifestPath = join(dir, 'target', 'manifest.json');
  writeManifest(manifestPath, size);
  return {
    manifestPath,
    manifestBytes: statSync(manifestPath).size,
    nodes: size.models * 3 + Math.ceil(size.models / MODELS_PER_SOURCE),
  };
}

function isEntity(index: number, { models, entities }: ManifestSize): boolean {
  const step = 2 * Math.max(1, Math.floor(models / Math.max(1, entities)));
  return index % step < 2 && Math.floor(index / step) * 2 + (index % step) < entities;
}

function modelName(index: number): string {
  return `model_${String(index).padStart(5, '0')}`;
}

function fileOf(index: number): string {
  return `models/group_${String(Math.floor(index / MODELS_PER_FILE)).padStart(4, '0')}.yml`;
}

function isFact(index: number): boolean {
  return index % 2 === 1;
}

/** The block under `config.meta.dinmo` of a model that is an entity. */
function entityBlock(index: number): object {
  const name = `entity_${index}`;
  if (isFact(index)) return { entity: { name, type: 'fact', class: 'financial', event_time: 'created_at' } };
  const where = {
    all: [
      { attribute: 'country', in: ['FR', 'BE'] },
      { relation: modelName(index + 1), count: { gte: 2 }, during: { last: 90, unit: 'day' } },
    ],
  };
  const activations = {
    hook: { operations: ['insert', 'update', 'delete'], mapping: { mail: 'email', land: 'country' } },
  };
  return {
    entity: { name, type: 'dimension', class: 'customers', segments: { [`segment_${index}`]: { where, activations } } },
  };
}

function columnBlock(column: string): object | null {
  return column === 'email' ? { identifier: 'email' } : column === 'status' ? { categorical: true } : null;
}

function typeOf(column: string): string {
  if (column.endsWith('id') || column === 'quantity') return 'integer';
  if (column.endsWith('_at')) return 'timestamp';
  return column === 'amount' ? 'double' : column === 'is_active' ? 'boolean' : 'varchar';
}

function describe(column: string, index: number): string {
  return `The "${column}" of ${modelName(index)}.`;
}

function writePropertiesFiles(dir: string, size: ManifestSize): void {
  for (let first = 0; first < size.models; first += MODELS_PER_FILE) {
    const lines = ['version: 2', 'models:'];
    for (let index = first; index < Math.min(first + MODELS_PER_FILE, size.models); index++) {
      const annotated = isEntity(index, size);
      lines.push(`  - name: ${modelName(index)}`, `    description: ${JSON.stringify(`Rows of ${modelName(index)}.`)}`);
      if (annotated) lines.push(`    config: ${JSON.stringify({ meta: { dinmo: entityBlock(index) } })}`);
      lines.push('    columns:');
      for (const column of COLUMNS) {
        lines.push(`      - name: ${column}`, `        description: ${JSON.stringify(describe(column, index))}`);
        lines.push(`        data_type: ${typeOf(column)}`);
        const block = annotated ? columnBlock(column) : null;
        if (block !== null) lines.push(`        config: ${JSON.stringify({ meta: { dinmo: block } })}`);
        if (column === 'id') lines.push('        data_tests: [unique, not_null]');
        if (column === 'parent_id' && annotated && isFact(index))
          lines.push(`        data_tests: [{relationships: {to: "ref('${modelName(index - 1)}')", field: id}}]`);
      }
    }
    writeFileSync(join(dir, fileOf(first)), `${lines.join('\n')}\n`);
  }
}

/** JSON as Python's `json.dumps` spaces it: one line, a space after each comma and colon. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${pythonJson(inner)}`);
  return `{${members.join(', ')}}`;
}

function writeManifest(path: string, size: ManifestSize): void {
  const file = openSync(path, 'w');
  let pending: string[] = [];
  let length = 0;
  const write = (text: string): void => {
    pending.push(text);
    length += text.length;
    if (length < 1 << 20) return;
    writeSync(file, pending.join(''));
    pending = [];
    length = 0;
  };
  const section = (name: string, members: Iterable<readonly [string, unknown]>): void => {
    write(`, ${JSON.stringify(name)}: {`);
    let separator = '';
    for (const [key, value] of members) {
      write(`${separator}${JSON.stringify(key)}: ${pythonJson(value)}`);
      separator = ', ';
    }
    write('}');
  };
  write(`{"metadata": ${pythonJson(METADATA)}`);
  section('nodes', nodes(size));
  section('sources', sources(size));
  section('macros', macros());
  section('docs', []);
  section('exposures', []);
  section('metrics', []);
  section('groups', []);
  write(', "selectors": {}, "disabled": {}');
  section('parent_map', dependencies(size, 'up'));
  section('child_map', dependencies(size, 'down'));
  section('group_map', []);
  section('saved_queries', []);
  section('semantic_models', []);
  section('unit_tests', []);
  write('}');
  writeSync(file, pending.join(''));
  closeSync(file);
}

const METADATA = {
  dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json',
  dbt_version: '1.12.6',
  // Newer than the files, whenever they are written.
  generated_at: '2099-01-01T00:00:00.000000Z',
  invocation_id: '00000000-0000-4000-8000-000000000000',
  env: {},
  project_name: PROJECT,
  project_id: '0',
  user_id: null,
  send_anonymous_usage_stats: false,
  adapter_type: 'duckdb',
};

function* nodes(size: ManifestSize): Generator<readonly [string, unknown]> {
  for (let index = 0; index < size.models; index++) {
    const model = modelNode(index, size);
    yield [`model.${PROJECT}.${modelName(index)}`, model];
    for (const test of ['unique', 'not_null']) yield [testId(test, index), testNode(test, index)];
    if (isEntity(index, size) && isFact(index)) yield [testId('relationships', index), relationshipNode(index)];
  }
}

function sourceId(index: number): string {
  return `source.${PROJECT}.raw.raw_${index}`;
}

function testId(test: string, index: number): string {
  return `test.${PROJECT}.${test}_${modelName(index)}_id.${(index + 1_000_000).toString(16).padStart(10, 'a')}`;
}

/** A model reads the one before it, a dimension's fact its dimension, and every tenth a source. */
function parentsOf(index: number): readonly string[] {
  if (index % MODELS_PER_SOURCE === 0) return [sourceId(index / MODELS_PER_SOURCE)];
  return [`model.${PROJECT}.${modelName(index - 1)}`];
}

function rawCode(index: number): string {
  const parent = parentsOf(index)[0] ?? '';
  const from = parent.startsWith('source')
    ? `{{ source('raw', '${parent.split('.').at(-1)}') }}`
    : `{{ ref('${parent.split('.').at(-1)}') }}`;
  return sql(index, from);
}

function sql(index: number, from: string): string {
  const columns = COLUMNS.map((column) => `        base.${column}::${typeOf(column)} as ${column}`).join(',\n');
  return `{{ config(materialized='table') }}\n\n-- Model ${index}: cleaned and typed.\nwith base as (\n    select *\n    from ${from}\n    where created_at >= '2020-01-01' and status not in ('deleted', 'draft')\n),\n\ntyped as (\n    select\n${columns}\n    from base\n),\n\nranked as (\n    select\n        *,\n        row_number() over (partition by id order by updated_at desc) as position\n    from typed\n)\n\nselect ${COLUMNS.join(', ')}\nfrom ranked\nwhere position = 1\n`;
}

const NOTHING_SHOWN = { show: true, node_color: null };
const PLACE = { database: 'warehouse', schema: 'main' };

function modelNode(index: number, size: ManifestSize): object {
  const name = modelName(index);
  const annotated = isEntity(index, size);
  const meta = annotated ? { dinmo: entityBlock(index) } : {};
  const hash = (index * 2_654_435_761).toString(16).padStart(64, '0');
  return {
    ...PLACE,
    ...{ name, resource_type: 'model', package_name: PROJECT, path: `${name}.sql` },
    ...{
      original_file_path: `models/${name}.sql`,
      unique_id: `model.${PROJECT}.${name}`,
      fqn: [PROJECT, name],
      alias: name,
    },
    checksum: { name: 'sha256', checksum: hash },
    config: {
      ...{
        enabled: true,
        alias: null,
        schema: null,
        database: null,
        tags: [],
        meta,
        group: null,
        materialized: 'table',
      },
      ...{ incremental_strategy: null, batch_size: null, lookback: 1, begin: null, persist_docs: {}, 'post-hook': [] },
      ...{
        'pre-hook': [],
        quoting: {},
        column_types: {},
        full_refresh: null,
        unique_key: null,
        on_schema_change: 'ignore',
      },
      ...{ on_configuration_change: 'apply', grants: {}, packages: [], docs: NOTHING_SHOWN },
      ...{
        contract: { enforced: false, alias_types: true },
        event_time: null,
        concurrent_batches: null,
        access: 'protected',
      },
    },
    ...{ tags: [], description: `Rows of ${name}.` },
    columns: Object.fromEntries(COLUMNS.map((column) => [column, columnNode(column, index, annotated)])),
    ...{ meta, group: null, docs: NOTHING_SHOWN, patch_path: `${PROJECT}://${fileOf(index)}` },
    ...{ build_path: `target/run/${PROJECT}/models/${name}.sql`, unrendered_config: { materialized: 'table' } },
    ...{
      created_at: 1_795_333_371.25 + index,
      relation_name: `"warehouse"."main"."${name}"`,
      raw_code: rawCode(index),
    },
    ...{ doc_blocks: [], language: 'sql', refs: [], sources: [], metrics: [] },
    depends_on: { macros: [], nodes: parentsOf(index) },
    ...{ compiled_path: `target/compiled/${PROJECT}/models/${name}.sql`, compiled: true },
    compiled_code: sql(index, '"warehouse"."main"."upstream"'),
    ...{ extra_ctes_injected: true, extra_ctes: [], contract: { enforced: false, alias_types: true, checksum: null } },
    ...{ access: 'protected', constraints: [], version: null, latest_version: null, deprecation_date: null },
    ...{ primary_key: ['id'], time_spine: null },
  };
}

function columnNode(name: string, index: number, annotated: boolean): object {
  const block = annotated ? columnBlock(name) : null;
  const meta = block === null ? {} : { dinmo: block };
  return {
    ...{ name, description: describe(name, index), meta, data_type: typeOf(name), constraints: [], quote: null },
    ...{ config: { meta, tags: [] }, tags: [] },
  };
}

function relationshipNode(index: number): object {
  const parent = modelName(index - 1);
  const nodes = [`model.${PROJECT}.${parent}`, `model.${PROJECT}.${modelName(index)}`];
  const node = testNode('relationships', index);
  const kwargs = { column_name: 'parent_id', to: `ref('${parent}')`, field: 'id' };
  return {
    ...node,
    ...{ column_name: 'parent_id', depends_on: { macros: ['macro.dbt.test_relationships'], nodes } },
    test_metadata: { name: 'relationships', kwargs, namespace: null },
  };
}

function testNode(test: string, index: number): object {
  const model = modelName(index);
  const name = `${test}_${model}_id`;
  const kwargs = { column_name: 'id', model: `{{ get_where_subquery(ref('${model}')) }}` };
  return {
    ...{ database: PLACE.database, schema: 'main_dbt_test__audit', name, resource_type: 'test', package_name: PROJECT },
    ...{ path: `${name}.sql`, original_file_path: fileOf(index), unique_id: testId(test, index), fqn: [PROJECT, name] },
    ...{ alias: name, checksum: { name: 'none', checksum: '' } },
    config: {
      ...{ enabled: true, alias: null, schema: 'dbt_test__audit', database: null, tags: [], meta: {}, group: null },
      ...{ materialized: 'test', severity: 'ERROR', store_failures: null, where: null, limit: null },
      ...{ fail_calc: 'count(*)', warn_if: '!= 0', error_if: '!= 0' },
    },
    ...{ tags: [], description: '', columns: {}, meta: {}, group: null, docs: NOTHING_SHOWN, patch_path: null },
    ...{ build_path: null, unrendered_config: {}, created_at: 1_795_333_371.5 + index, relation_name: null },
    ...{ raw_code: `{{ test_${test}(**_dbt_generic_test_kwargs) }}`, doc_blocks: [], language: 'sql' },
    ...{ refs: [{ name: model, package: null, version: null }], sources: [], metrics: [] },
    depends_on: {
      macros: [`macro.dbt.test_${test}`, 'macro.dbt.get_where_subquery'],
      nodes: [`model.${PROJECT}.${model}`],
    },
    ...{ compiled_path: `target/compiled/${PROJECT}/${name}.sql`, compiled: true },
    compiled_code: `\n    \n    \n\nselect id\nfrom "warehouse"."main"."${model}"\nwhere id is null\n\n\n`,
    ...{ extra_ctes_injected: true, extra_ctes: [], contract: { enforced: false, alias_types: true, checksum: null } },
    ...{ column_name: 'id', file_key_name: `models.${model}`, attached_node: `model.${PROJECT}.${model}` },
    test_metadata: { name: test, kwargs, namespace: null },
  };
}

function* sources({ models }: ManifestSize): Generator<readonly [string, unknown]> {
  for (let index = 0; index * MODELS_PER_SOURCE < models; index++) {
    const name = `raw_${index}`;
    yield [
      sourceId(index),
      {
        ...{ database: PLACE.database, schema: 'raw', name, resource_type: 'source', package_name: PROJECT },
        ...{ path: 'models/sources.yml', original_file_path: 'models/sources.yml', unique_id: sourceId(index) },
        ...{ fqn: [PROJECT, 'raw', name], source_name: 'raw', source_description: '', loader: '', identifier: name },
        columns: Object.fromEntries(COLUMNS.slice(0, 4).map((column) => [column, columnNode(column, index, false)])),
        ...{ meta: {}, tags: [], config: { enabled: true, meta: {}, tags: [] }, patch_path: null },
        ...{ unrendered_config: {}, relation_name: `"warehouse"."raw"."${name}"`, created_at: 1_795_333_371.75 },
      },
    ];
  }
}

/** About what dbt and its adapter bring: five hundred macros, of a kilobyte each. */
function* macros(): Generator<readonly [string, unknown]> {
  for (let index = 0; index < 500; index++) {
    const name = `macro_${index}`;
    const body =
      `  {%- if target.type == "duckdb" -%}\n    select '{{ value }}' as "value_${index}"\n  {%- endif -%}\n`.repeat(8);
    yield [
      `macro.dbt.${name}`,
      {
        ...{ name, resource_type: 'macro', package_name: 'dbt', path: `macros/${name}.sql` },
        ...{ original_file_path: `macros/${name}.sql`, unique_id: `macro.dbt.${name}` },
        macro_sql: `{% macro ${name}(value) %}\n${body}{% endmacro %}`,
        ...{ depends_on: { macros: [] }, description: '', meta: {}, docs: NOTHING_SHOWN, arguments: [] },
      },
    ];
  }
}

function* dependencies({ models }: ManifestSize, way: 'up' | 'down'): Generator<readonly [string, unknown]> {
  for (let index = 0; index < models; index++) {
    const id = `model.${PROJECT}.${modelName(index)}`;
    const tests = ['unique', 'not_null'].map((test) => testId(test, index));
    const isLast = index + 1 >= models || (index + 1) % MODELS_PER_SOURCE === 0;
    const children = isLast ? tests : [`model.${PROJECT}.${modelName(index + 1)}`, ...tests];
    yield [id, way === 'up' ? parentsOf(index) : children];
    for (const test of tests) yield [test, way === 'up' ? [id] : []];
  }
  for (let index = 0; index * MODELS_PER_SOURCE < models; index++) {
    yield [sourceId(index), way === 'up' ? [] : [`model.${PROJECT}.${modelName(index * MODELS_PER_SOURCE)}`]];
  }
}
