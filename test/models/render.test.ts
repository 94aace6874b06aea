import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ManifestNode } from '../../src/artifacts/manifest.ts';
import { parseColumnType } from '../../src/knowledge/column-type.ts';
import type { GeneratedFile } from '../../src/models/header.ts';
import { nameFindings } from '../../src/models/name-findings.ts';
import { exposureName } from '../../src/models/names.ts';
import { renderModels } from '../../src/models/render.ts';
import { bigqueryDialect } from '../../src/warehouse/bigquery/dialect.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import { activation, nodeOf, type ShopChange, segment, segments, shop, stubCompiler } from './shop.ts';

function render(change: ShopChange = {}): readonly GeneratedFile[] {
  return renderModels(shop(change).input);
}

function content(files: readonly GeneratedFile[], path: string): string {
  const file = files.find((candidate) => candidate.path === `models/dinmo/${path}`);
  if (file === undefined)
    throw new Error(`${path} is not among ${files.map((candidate) => candidate.path).join(', ')}`);
  return file.content;
}

const names = (files: readonly GeneratedFile[]): readonly string[] => files.map(({ path }) => path.replace(/.*\//, ''));

describe('rendering', () => {
  test('gives these files', async () => {
    const files = render();
    await expect(names(files).join('\n')).toMatchFileSnapshot('golden/files.txt');
    for (const { path, content: text } of files) {
      await expect(text).toMatchFileSnapshot(`golden/${path.replace('models/dinmo/', '')}`);
    }
  });

  test('depends on nothing but what it is given', () => {
    const backwards = { segments: segments.toReversed() };
    expect(render(backwards)).toEqual(render());
    for (const { path, content: text } of render()) {
      expect(text, path).toMatch(/[^\n]\n$/);
      expect(text, path).not.toMatch(/[ \t]\n|\r/);
    }
  });

  test('makes only the statistics that have something to count', () => {
    expect(names(render({ segments: [], activations: [] }))).not.toContain('stats_segment_sizes.sql');
    expect(names(render({ segments: [], activations: [] }))).not.toContain('_segments.yml');
    const one = names(render({ segments: [segment('vip')], activations: [] }));
    expect(one).toContain('stats_segment_members.sql');
    expect(one).not.toContain('stats_segment_overlap.sql');
    expect(one).not.toContain('_activations.yml');
  });

  test('has one branch per adapter only where their SQL differs', () => {
    const compiler = {
      ...stubCompiler,
      entity: (...[store, entity, dialect, target]: Parameters<typeof stubCompiler.entity>) => ({
        ...stubCompiler.entity(store, entity, dialect, target),
        sql: `select ${dialect.stringLiteral("it's")} as x`,
      }),
    };
    const files = render({ compiler, input: { dialects: [duckdbDialect, bigqueryDialect] } });
    const entity = content(files, 'entities/entity_plan.sql');
    expect(entity).toMatch(
      /{% if target.type == 'duckdb' %}\s+select 'it''s' as x\s+{% elif target.type == 'bigquery' %}/,
    );
    expect(entity).toMatch(/raise_compiler_error\("This model was generated for duckdb, bigquery/);
    expect(content(files, 'segments/segment_vip.sql')).not.toContain('target.type ==');
    expect(content(files, 'stats/stats_segment_overlap.sql')).not.toContain('{% elif');
    // dbt-bigquery knows no `append`; a merge without a key is one.
    expect(content(files, 'stats/stats_segment_sizes.sql')).toContain(
      "incremental_strategy='merge' if target.type == 'bigquery' else 'append'",
    );
  });

  test('reads a type in each branch as its adapter does, and records the same one whichever target generates', () => {
    const typed = (adapterType: string, dataType: string): readonly GeneratedFile[] => {
      const { input, store } = shop({
        compiler: {
          ...stubCompiler,
          entity: (read, entity, dialect, target) => ({
            ...stubCompiler.entity(read, entity, dialect, target),
            columns: ['joined_at'],
            sql: `select '${JSON.stringify(entity.properties.get('joined_at')?.type ?? null)}' as x`,
          }),
        },
        nodes: [
          {
            uniqueId: 'model.shop.entity_customer',
            columns: new Map([['joined_at', { name: 'joined_at', dataType: 'timestamp' }]]),
          } as unknown as ManifestNode, // what is read of it
        ],
        input: { dialects: [duckdbDialect, bigqueryDialect] },
      });
      const entities = new Map(store.entities);
      for (const [name, entity] of entities) {
        const joined = entity.properties.get('joined_at');
        const type = parseColumnType(adapterType, dataType);
        if (joined !== undefined)
          entities.set(name, { ...entity, properties: new Map([['joined_at', { ...joined, type, dataType }]]) });
      }
      return renderModels({ ...input, store: { ...store, adapterType, entities } });
    };
    const files = typed('duckdb', 'TIMESTAMP');
    expect(content(files, 'entities/entity_customer.sql')).toMatch(
      /'duckdb' %}\s+select '{"kind":"timestamp","zoned":false}'.*'bigquery' %}\s+select '{"kind":"timestamp","zoned":true}'/s,
    );
    expect(content(files, 'entities/_entities.yml')).toContain('data_type: timestamp');
    for (const [adapter, dataType] of [
      ['bigquery', 'TIMESTAMP'],
      ['snowflake', 'TIMESTAMP_NTZ(9)'],
    ] as const)
      for (const path of ['entities/entity_customer.sql', 'entities/_entities.yml'])
        expect(content(typed(adapter, dataType), path), adapter).toBe(content(files, path));
    // Another kind of type is a change.
    expect(content(typed('duckdb', 'date'), 'entities/_entities.yml')).toContain('data_type: date');
  });

  test('spells the YAML as the dbt that reads it wants it', () => {
    const of = (dbtVersion: string): { entities: string; activations: string } => {
      const files = render({ dbtVersion });
      return { entities: content(files, 'entities/_entities.yml'), activations: content(files, '_activations.yml') };
    };
    for (const version of ['1.8.10', '1.9.11', '1.10.4']) expect(of(version).entities).not.toContain('arguments:');
    for (const version of ['1.10.5', '1.12.6', '2.0.0-preview.196', '2.0.9', '2025.11.3', 'unknown']) {
      expect(of(version).entities, version).toContain('arguments:');
      expect(of(version).activations, version).toMatch(/config:\n {6}meta:/);
    }
    expect(of('1.9.11').activations).not.toContain('config:');
  });

  test('survives Jinja and YAML 1.1 in what users write', () => {
    const hostile = segment('odd', {
      label: '{{ 1 }} {% x',
      description: 'yes\n{# no',
      origin: { ...segment('odd').origin, file: 'a{{b\n.yml' },
    });
    const files = render({ segments: [...segments, hostile] });
    const sql = content(files, 'segments/segment_odd.sql');
    expect(sql).toContain("where '{{ '{{' }} x }}' <> ''");
    expect(sql.split('\n')[1]).toBe('-- Segment odd of customer, stated in a{ {b .yml.');
    const properties = parse(content(files, 'segments/_segments.yml'), { version: '1.1' });
    const [odd] = properties.models.filter((model: { name: string }) => model.name === 'segment_odd');
    expect(odd.description).toBe("{{ '{{' }} 1 }} {{ '{%' }} x. yes\n{{ '{#' }} no. A segment of customer.");
    const country = odd.columns.find((column: { name: string }) => column.name === 'country');
    expect(country.description).toBe('NO');
  });

  test('takes the group of a private model, and refuses two', () => {
    const node = (name: string, group: string): object => ({
      ...nodeOf(name),
      name,
      access: 'private',
      group,
      packageName: 'shop',
    });
    const files = render({ nodes: [node('customers', 'finance')] });
    expect(content(files, 'entities/entity_customer.sql')).toContain("group='finance'");
    expect(content(files, 'entities/entity_plan.sql')).not.toContain('group=');
    const both = {
      ...stubCompiler,
      entity: (...given: Parameters<typeof stubCompiler.entity>) => ({
        ...stubCompiler.entity(...given),
        uses: { nodes: ['model.shop.customers', 'model.shop.plans'], entities: [], segments: [] },
      }),
    };
    expect(() => render({ compiler: both, nodes: [node('customers', 'finance'), node('plans', 'sales')] })).toThrow(
      expect.objectContaining({ code: 'private-models-of-two-groups' }),
    );
  });

  test('names an owner whatever the settings say', () => {
    const owner = (settings: ShopChange['settings']): unknown =>
      parse(content(render(settings === undefined ? {} : { settings }), '_activations.yml')).exposures[0].owner;
    expect(owner({})).toEqual({ name: 'shop' });
    expect(owner({ owner: { name: null, email: 'growth@example.com' } })).toEqual({ email: 'growth@example.com' });
    expect(owner({ owner: { name: 'Growth', email: 'g@example.com' } })).toEqual({
      name: 'Growth',
      email: 'g@example.com',
    });
  });
});

describe('names', () => {
  test('of exposures are never shared by two activations', () => {
    const ids = ['a.b', 'a_.b', 'a__b.c', 'a.b__c', 'a_b.c', 'a.b_c'];
    expect(new Set(ids.map(exposureName)).size).toBe(ids.length);
    for (const id of ids) expect(exposureName(id)).toMatch(/^[a-z0-9_]+$/);
  });

  test('that the project has already are findings, the tool’s own files are not', () => {
    const { input } = shop({ activations: [activation('vip.meta_customers')] });
    const files = renderModels(input);
    const own = files.find(({ path }) => path.endsWith('entity_plan.sql'));
    const node = (name: string, rawCode: string, packageName = 'shop'): [string, object] => [
      `model.${packageName}.${name}`,
      { ...nodeOf(name), name, packageName, originalFilePath: `models/old/${name}.sql`, rawCode },
    ];
    const manifest = {
      ...input.manifest,
      nodes: new Map([
        node('segment_vip', 'select 1'),
        node('entity_plan', own?.content ?? ''),
        node('entity_line', 'select 1', 'other'),
      ]),
      exposures: [
        {
          uniqueId: 'exposure.shop.dinmo_vip__meta_customers',
          name: 'dinmo_vip__meta_customers',
          originalFilePath: 'models/mine.yml',
        },
      ],
      // Only what the search reads.
    } as unknown as typeof input.manifest;
    expect(nameFindings(files, manifest).map(({ message }) => message)).toEqual([
      'The exposure dinmo_vip__meta_customers that dinmo generates has the name of one that models/mine.yml defines.',
      'The model segment_vip that dinmo generates has the name of one that models/old/segment_vip.sql defines.',
    ]);
  });
});
