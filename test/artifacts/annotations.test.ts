import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Annotation } from '../../src/artifacts/annotation.ts';
import type { Project } from '../../src/artifacts/project.ts';
import { type Raw, rawColumn, rawManifest, rawModel, rawProject, summary } from './raw-project.ts';

/** A project whose manifest says what its one properties file says. */
function annotated(yaml: string, files: Readonly<Record<string, string>> = {}, version = '1.12.6'): Project {
  const models: readonly Raw[] = parse(yaml).models ?? [];
  const nodes = models.map((model) => {
    const columns: readonly Raw[] = Array.isArray(model['columns']) ? model['columns'] : [];
    return rawModel(String(model['name']), {
      meta: metaOf(model),
      columns: Object.fromEntries(
        columns.map((column) => [
          column['name'],
          rawColumn(String(column['name']), { config: { meta: metaOf(column) } }),
        ]),
      ),
    });
  });
  return rawProject({ 'models/shop.yml': yaml, ...files }, rawManifest(nodes, { version }));
}

function metaOf(holder: Raw): Raw {
  const config = (holder['config'] ?? {}) as { meta?: Raw };
  return config.meta ?? ((holder['meta'] ?? {}) as Raw);
}

function only<Kind extends Annotation['kind']>(project: Project, kind: Kind): Extract<Annotation, { kind: Kind }> {
  const found = project.annotations.filter((annotation) => annotation.kind === kind);
  expect(found).toHaveLength(1);
  // The filter above leaves this kind only.
  return found[0] as Extract<Annotation, { kind: Kind }>;
}

const CUSTOMERS = `models:
  - name: customers
    config:
      meta:
        dinmo:
          entity:
            name: customer
            type: dimension
            class: customers
            primary_key: [tenant, id]
            plural: people
            where: {attribute: is_test, eq: false}
            relationships:
              orders: {to: order, type: one_to_many, keys: {id: customer_id}}
              tags: {to: tag, type: many_to_many, through: customer_tags, keys: {id: customer_id}, to_keys: {tag_id: id}}
            segments:
              vip:
                label: VIP
                where:
                  all:
                    - {attribute: country, eq: FR}
                limit: {rows: 10, by: plan.price}
                holdout: {percent: 10, salt: spring}
                activations:
                  meta_customers:
                  ads:
                    to: meta_ads
                    mode: delta
                    operations: [insert, delete]
                    mapping:
                      firstname: first_name
                      plan: plan.name
                      currency: {value: EUR}
                      big: {value: 9007199254740993}
                      is_vip: {segment: vip}
                      phone: {column: phone, nulls: skip, write: on_insert}
                    lookback: {last: 7, unit: day}
                    was: vip.old
                    guards: {max_delete_rows: 5}
                    enabled: false
    columns:
      - name: email
        config: {meta: {dinmo: {identifier: {kind: email, rank: 2, form: sha256}, label: E-mail}}}
`;

describe('blocks', () => {
  it('reads an entity with all that it can hold', () => {
    const project = annotated(CUSTOMERS);
    expect(project.findings).toEqual([]);
    const { block } = only(project, 'entity');
    expect(block).toMatchObject({
      name: 'customer',
      primaryKey: ['tenant', 'id'],
      plural: 'people',
      columns: 'listed',
    });
    expect(block.relationships['tags']).toEqual({
      ...{ to: 'tag', type: 'many_to_many', through: 'customer_tags' },
      ...{ keys: { id: 'customer_id' }, toKeys: { tag_id: 'id' } },
    });
    const segment = block.segments['vip'];
    expect(segment).toMatchObject({
      label: 'VIP',
      materialized: 'view',
      limit: { rows: 10, by: ['plan', 'price'], order: 'desc' },
    });
    expect(segment?.where).toMatchObject({ at: ['segments', 'vip', 'where'] });
    expect(segment?.activations['meta_customers']).toMatchObject({
      to: null,
      mode: null,
      mapping: null,
      enabled: true,
    });
    expect(segment?.activations['ads']).toMatchObject({
      ...{
        to: 'meta_ads',
        operations: ['insert', 'delete'],
        lookback: { last: 7, unit: 'day' },
        was: 'vip.old',
        enabled: false,
      },
      mapping: {
        plan: { source: { kind: 'column', path: ['plan', 'name'] }, nulls: null, write: 'always' },
        currency: { source: { kind: 'value', value: 'EUR' } },
        // JSON rounds it; the file has all the digits.
        big: { source: { kind: 'value', value: 9007199254740993n } },
        is_vip: { source: { kind: 'segment', segment: 'vip' } },
        phone: { source: { kind: 'column', path: ['phone'] }, nulls: 'skip', write: 'on_insert' },
      },
    });
    expect(only(project, 'column')).toMatchObject({
      ...{ node: 'model.shop.customers', column: 'email' },
      block: {
        ...{ identifier: { kind: 'email', rank: 2, form: 'sha256' }, label: 'E-mail' },
        ...{ hidden: false, categorical: null },
      },
    });
  });

  it('knows where each value stands', () => {
    const { origin } = only(annotated(CUSTOMERS), 'entity');
    const at = (...path: readonly (string | number)[]): string => {
      const { file, line, column } = origin.locate(path);
      return `${file}:${line}:${column}`;
    };
    expect(at('name')).toBe('models/shop.yml:7:19');
    expect(at('primary_key', 1)).toBe('models/shop.yml:10:35');
    expect(at('segments', 'vip')).toBe('models/shop.yml:17:15');
    expect(at('segments', 'vip', 'where', 'all', 0, 'eq')).toBe('models/shop.yml:21:48');
    expect(at('segments', 'vip', 'nothing', 'here')).toBe('models/shop.yml:17:15');
    expect(only(annotated(CUSTOMERS), 'column').origin.locate(['label'])).toEqual({
      file: 'models/shop.yml',
      line: 43,
      column: 90,
    });
  });

  it('reads SQL segments and custom attributes', () => {
    const project = annotated(`models:
  - name: big
    config: {meta: {dinmo: {segment: {entity: customer, label: Big, holdout: {percent: 5, salt: x}}}}}
  - name: ltv
    config: {meta: {dinmo: {custom_attribute: {entity: customer, name: ltv, key: id, value: v, categorical: true}}}}
`);
    expect(project.findings).toEqual([]);
    expect(only(project, 'sql_segment').block).toMatchObject({
      name: null,
      entity: 'customer',
      holdout: { percent: 5, salt: 'x' },
    });
    expect(only(project, 'custom_attribute').block).toEqual({
      ...{ entity: 'customer', name: 'ltv', key: 'id', value: 'v', label: null, categorical: true },
    });
  });

  it('reports every problem at its place, and keeps what is sound', () => {
    const project = annotated(`models:
  - name: customers
    config:
      meta:
        dinmo:
          entitty: {}
          entity:
            name: Customer
            clas: customers
            type: dimention
            primary_key: []
            label:
            relationships:
              orders: {to: order, type: one_to_many, keys: {}, through: x}
              Bad-Name: {to: order, type: one_to_one, keys: {a: b}}
            segments:
              broken:
                where: {attribute: country, equals: FR}
              fine:
                where: {attribute: country, eq: FR}
                activations:
                  a: {mode: deltas, operations: [insert, insert], mapping: {x: {value: 1, column: y}}, schedule: often, since: 2024-02-30}
                  b: {lookback: {next: 1, unit: day}, was: nonsense, attempts: 0, identifiers: [e_mail]}
    columns:
      - name: email
        config: {meta: {dinmo: {identifer: email}}}
      - name: phone
        config: {meta: {dinmo: {identifier: phon}}}
`);
    expect(summary(project.findings)).toEqual([
      'unknown-key models/shop.yml:6:11',
      'invalid-name models/shop.yml:8:19',
      'unknown-key models/shop.yml:9:13',
      'invalid-value models/shop.yml:10:19',
      'wrong-type models/shop.yml:11:26',
      'null-value models/shop.yml:12:13',
      'invalid-relationship models/shop.yml:14:60',
      'invalid-relationship models/shop.yml:14:73',
      'invalid-key models/shop.yml:15:15',
      expect.stringMatching(/ models\/shop.yml:18:/),
      'invalid-value models/shop.yml:22:29',
      'repeated-item models/shop.yml:22:58',
      'invalid-mapping models/shop.yml:22:80',
      'invalid-value models/shop.yml:22:114',
      'invalid-value models/shop.yml:22:128',
      'invalid-value models/shop.yml:23:33',
      'invalid-value models/shop.yml:23:60',
      'wrong-type models/shop.yml:23:80',
      'invalid-value models/shop.yml:23:97',
      'unknown-key models/shop.yml:26:33',
      'invalid-value models/shop.yml:28:45',
    ]);
    expect(project.findings.map((finding) => finding.fix)).toEqual(
      expect.arrayContaining([
        'Did you mean `entity`?',
        'Did you mean `class`?',
        'Did you mean `dimension`?',
        'Did you mean `identifier`?',
      ]),
    );
    const { block } = only(project, 'entity');
    // A segment whose filter is broken is left out: it must never become the whole entity.
    expect(Object.keys(block.segments)).toEqual(['fine']);
    expect(block.segments['fine']?.activations['a']).toMatchObject({ mode: null, operations: null, schedule: null });
  });
});

describe('places', () => {
  it('warns of the older place, and refuses two that differ', () => {
    const project = annotated(`models:
  - name: a
    meta: {dinmo: {entity: {name: a}}}
  - name: b
    meta: {dinmo: {entity: {name: old}}}
    config: {meta: {dinmo: {entity: {name: new}}}}
  - name: c
    meta: {dinmo: {entity: {name: c}}}
    config: {meta: {dinmo: {entity: {name: c}}}}
`);
    expect(summary(project.findings)).toEqual([
      'annotation-in-old-place models/shop.yml:3:12',
      'stated-twice models/shop.yml:5:12',
    ]);
    expect(project.findings[0]).toMatchObject({ severity: 'warning', fix: expect.stringContaining('config') });
  });

  it('finds seeds, sources, versions, packages, dbt_project.yml and SQL', () => {
    const dinmo = (name: string): Raw => ({ dinmo: { entity: { name } } });
    const source = {
      ...{
        unique_id: 'source.shop.crm.leads',
        resource_type: 'source',
        name: 'leads',
        source_name: 'crm',
        package_name: 'shop',
      },
      ...{ original_file_path: 'models/sources.yml', config: { meta: dinmo('lead') } },
    };
    const version = {
      unique_id: 'model.shop.stores.v2',
      version: 2,
      latest_version: 2,
      patch_path: 'shop://models\\stores.yml',
    };
    const manifest = rawManifest([
      rawModel('raw', {
        unique_id: 'seed.shop.raw',
        resource_type: 'seed',
        meta: dinmo('seed'),
        patch_path: 'shop://seeds/seeds.yml',
      }),
      source,
      rawModel('stores', { ...version, meta: dinmo('store') }),
      rawModel('stores', { ...version, unique_id: 'model.shop.stores.v1', version: 1, meta: dinmo('old_store') }),
      rawModel('far', {
        unique_id: 'model.pkg.far',
        package_name: 'pkg',
        patch_path: 'pkg://models/far.yml',
        meta: dinmo('far'),
      }),
      rawModel('plans', { original_file_path: 'models/marts/plans.sql', patch_path: null, meta: dinmo('plan') }),
      rawModel('sql', { patch_path: null, raw_code: "-- x\n\n  {{ config(meta={'dinmo': {}}) }}", meta: dinmo('sql') }),
      rawModel('lost', { patch_path: 'shop://models/not_here.yml', meta: dinmo('lost') }),
    ]);
    const project = rawProject(
      {
        'seeds/seeds.yml': 'seeds:\n  - name: raw\n    config: {meta: {dinmo: {entity: {name: seed}}}}\n',
        'models/sources.yml':
          'sources:\n  - name: crm\n    config: {meta: {other: 1}}\n    tables:\n      - name: leads\n        config:\n          meta: {dinmo: {entity: {name: lead}}}\n',
        'models/stores.yml':
          'models:\n  - name: stores\n    config: {meta: {dinmo: {entity: {name: older}}}}\n    versions:\n      - v: 1\n      - v: 2\n        config: {meta: {dinmo: {entity: {name: store}}}}\n',
        'packages/pkg/models/far.yml': 'models:\n  - name: far\n    config: {meta: {dinmo: {entity: {name: far}}}}\n',
        'dbt_project.yml':
          'name: shop\npackages-install-path: packages\nmodels:\n  shop:\n    marts:\n      +meta:\n        dinmo: {entity: {name: plan}}\n',
      },
      manifest,
    );
    expect(project.findings).toEqual([]);
    const places = project.annotations.map(({ kind, origin, ...rest }) => {
      const { file, line, column } = origin.locate(['name']);
      return `${kind} ${'node' in rest ? rest.node : ''} ${file}:${line}:${column}`;
    });
    expect(places).toEqual([
      'entity model.pkg.far packages/pkg/models/far.yml:3:44',
      'entity model.shop.lost models/not_here.yml:1:1',
      'entity model.shop.plans dbt_project.yml:7:32',
      'entity model.shop.sql models/sql.sql:3:6',
      'entity model.shop.stores.v2 models/stores.yml:7:48',
      'entity seed.shop.raw seeds/seeds.yml:3:44',
      'entity source.shop.crm.leads models/sources.yml:7:41',
    ]);
  });

  it('warns where a model replaces what dbt_project.yml says for its folder', () => {
    const folder = 'name: shop\nmodels:\n  shop:\n    +meta: {dinmo: {entity: {class: customers}}}\n';
    const project = annotated(
      'models:\n  - name: a\n    config: {meta: {dinmo: {entity: {name: a}}}}\n    columns: [{name: c, config: {meta: {dinmo: {hidden: true}}}}]\n',
      { 'dbt_project.yml': folder },
    );
    expect(summary(project.findings)).toEqual(['annotation-replaced models/shop.yml:3:21']);
  });

  it('says which annotations dbt 2 dropped', () => {
    const nodes = [rawModel('a', { columns: { c: { name: 'c', config: {} } } }), rawModel('off')];
    const more = { disabled: { 'model.shop.gone': [rawModel('gone')] } };
    const yaml = `models:
  - name: a
    meta: {dinmo: {entity: {}}}
    columns:
      - name: c
        meta: {dinmo: {identifier: email}}
  - name: gone
    config: {meta: {dinmo: {entity: {}}}}
`;
    const manifest = rawManifest(nodes, { version: '2.0.0-preview.196', more });
    const project = rawProject({ 'models/shop.yml': yaml }, manifest);
    expect(summary(project.findings)).toEqual([
      'annotation-dropped models/shop.yml:3:12',
      'annotation-dropped models/shop.yml:6:16',
    ]);
    expect(project.findings[0]).toMatchObject({ severity: 'error', node: 'model.shop.a' });
  });
});

describe('files of their own', () => {
  const nodes = [
    rawModel('customers', { meta: { dinmo: { entity: { name: 'customer' } } } }),
    rawModel('overview', { unique_id: 'model.stripe.overview', package_name: 'stripe', patch_path: null }),
    {
      unique_id: 'source.shop.crm.leads',
      resource_type: 'source',
      name: 'leads',
      source_name: 'crm',
      package_name: 'shop',
    },
    rawModel('twin', { unique_id: 'model.a.twin', package_name: 'a', patch_path: null }),
    rawModel('twin', { unique_id: 'model.b.twin', package_name: 'b', patch_path: null }),
  ];
  const yaml = 'models:\n  - name: customers\n    config: {meta: {dinmo: {entity: {name: customer}}}}\n';

  it('hold segments, and annotations of models that cannot be edited', () => {
    const project = rawProject(
      {
        'models/shop.yml': yaml,
        'dinmo/deep/er/vip.yaml':
          'segments:\n  vip: {entity: customer, where: {attribute: country, eq: NO}, activations: {x: }}\n',
        'dinmo/packages.yml':
          'models:\n  overview:\n    entity: {name: subscriber, primary_key: id}\n    columns: {mail: {identifier: email}}\n  crm.leads: {entity: }\n',
        'dinmo/empty.yml': '# nothing yet\n',
        'dinmo/notes.txt': 'not: ours',
      },
      rawManifest(nodes),
    );
    expect(project.findings).toEqual([]);
    expect(only(project, 'segment')).toMatchObject({
      ...{ name: 'vip', entity: 'customer' },
      // Our own files are YAML 1.2: NO is Norway.
      block: { where: { comparison: { operand: { kind: 'literal', value: 'NO' } } } },
    });
    expect(only(project, 'segment').origin.locate(['entity'])).toEqual({
      file: 'dinmo/deep/er/vip.yaml',
      line: 2,
      column: 17,
    });
    const found = project.annotations.map(
      (annotation) => `${annotation.kind} ${'node' in annotation ? annotation.node : annotation.name}`,
    );
    expect(found).toEqual([
      ...['entity model.shop.customers', 'segment vip', 'entity model.stripe.overview', 'column model.stripe.overview'],
      'entity source.shop.crm.leads',
    ]);
  });

  it('may not repeat meta, and name what they annotate', () => {
    const project = rawProject(
      {
        'models/shop.yml': yaml,
        'dinmo/a.yml': `segmens: {}
models:
  customers: {entity: {name: other}}
  custmers: {entity: {}}
  twin: {entity: {}}
  a.twin: {entity: {name: twin}}
  overview: {colums: {}, columns: {mail: {identifier: email}}}
segments:
  Bad: {entity: customer}
  no_entity: {label: x}
  list: []
`,
        'dinmo/b.yml': 'models: {overview: {columns: {mail: {hidden: true}}}}\n',
        'dinmo/c.yml': 'models: [customers]\n',
        'dinmo/d.yml': 'a: [\n',
        'dinmo/e.yml': `segments: {s: {entity: c, label: "{{ first_name }}", description: "{{ env_var('X') }}"}}\n`,
      },
      rawManifest(nodes),
    );
    expect(summary(project.findings)).toEqual([
      'unknown-key dinmo/a.yml:1:1',
      'stated-twice dinmo/a.yml:3:15',
      'unknown-model dinmo/a.yml:4:3',
      'ambiguous-model dinmo/a.yml:5:3',
      'unknown-key dinmo/a.yml:7:14',
      'invalid-key dinmo/a.yml:9:3',
      'missing-key dinmo/a.yml:10:14',
      'wrong-type dinmo/a.yml:11:9',
      'stated-twice dinmo/b.yml:1:31',
      'wrong-type dinmo/c.yml:1:9',
      'invalid-yaml dinmo/d.yml:2:1',
      'invalid-value dinmo/e.yml:1:67',
    ]);
    expect(project.findings.find((finding) => finding.code === 'unknown-model')?.fix).toBe('Did you mean `customers`?');
    expect(project.findings[1]?.message).toContain('models/shop.yml:3');
  });
});
