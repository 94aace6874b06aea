import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { parse } from 'yaml';

/** Where a target's models go. */
export interface SmallTarget {
  readonly adapter: 'duckdb' | 'postgres';
  readonly database: string;
  readonly schema: string;
}

interface Properties {
  readonly models?: readonly {
    readonly name: string;
    readonly config?: object;
    readonly columns?: readonly {
      readonly name: string;
      readonly data_type?: string;
      readonly config?: object;
      readonly data_tests?: readonly unknown[];
    }[];
  }[];
  readonly exposures?: readonly { readonly name: string; readonly config?: object }[];
}

interface SmallModel {
  readonly name: string;
  readonly path: string;
  readonly code: string;
  readonly relation: string;
  readonly refs: readonly string[];
  readonly materialized: string;
  readonly schema: string;
}

/** As much of `dbt parse` and `dbt build` as a project of plain models with refs needs, in milliseconds. */
export class SmallDbt {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Writes target/manifest.json for a target. */
  parse(target: SmallTarget): void {
    const properties = this.#files('.yml').map((path) => {
      const file = parse(readFileSync(join(this.dir, path), 'utf8')) as Properties;
      return { ...file, exposures: (file.exposures ?? []).map((one) => ({ ...one, original_file_path: path })) };
    });
    const described = new Map(properties.flatMap(({ models = [] }) => models).map((model) => [model.name, model]));
    const models = this.models(target);
    const tests = [...described.values()].flatMap(({ name, columns = [] }) =>
      columns.flatMap((column) =>
        (column.data_tests ?? []).flatMap((test) =>
          typeof test === 'string'
            ? [[`test.shop.${test}_${name}_${column.name}`, testNode(test, name, column.name)] as const]
            : [],
        ),
      ),
    );
    const nodes = models.map((model) => {
      const { config = {}, columns = [] } = described.get(model.name) ?? {};
      return [
        `model.shop.${model.name}`,
        {
          unique_id: `model.shop.${model.name}`,
          resource_type: 'model',
          name: model.name,
          package_name: 'shop',
          database: target.database,
          schema: model.schema,
          alias: model.name,
          relation_name: model.relation,
          original_file_path: model.path,
          patch_path: 'shop://models/schema.yml',
          raw_code: model.code.trim(),
          checksum: { name: 'sha256', checksum: model.code },
          tags: model.path.includes('/dinmo/') ? ['dinmo'] : [],
          config: {
            enabled: true,
            materialized: model.materialized,
            ...(/\bschema='(\w+)'/.test(model.code) ? { schema: 'custom' } : {}),
            ...config,
          },
          columns: Object.fromEntries(columns.map((column) => [column.name, { meta: {}, config: {}, ...column }])),
          depends_on: { nodes: model.refs.map((ref) => `model.shop.${ref}`), macros: [] },
        },
      ];
    });
    const exposures = properties.flatMap((file) => file.exposures);
    const manifest = {
      metadata: {
        dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json',
        dbt_version: '1.12.6',
        generated_at: '2026-01-01T00:00:00.000000Z',
        project_name: 'shop',
        adapter_type: target.adapter,
      },
      nodes: Object.fromEntries([...nodes, ...tests]),
      sources: {},
      macros: {},
      disabled: {},
      exposures: Object.fromEntries(exposures.map((exposure) => [`exposure.shop.${exposure.name}`, exposure])),
      parent_map: Object.fromEntries(
        models.map(({ name, refs }) => [`model.shop.${name}`, refs.map((ref) => `model.shop.${ref}`)]),
      ),
    };
    mkdirSync(join(this.dir, 'target'), { recursive: true });
    writeFileSync(join(this.dir, 'target/manifest.json'), JSON.stringify(manifest));
  }

  /** Statements that build these models, in order; what is not among them is read from `deferred`, as with --defer. */
  build(target: SmallTarget, names: readonly string[] | 'all', deferred: SmallTarget = target): readonly string[] {
    const models = this.models(target);
    const chosen = new Set(models.map(({ name }) => name).filter((name) => names === 'all' || names.includes(name)));
    const elsewhere = new Map(this.models(deferred).map(({ name, relation }) => [name, relation]));
    const place = (name: string): string =>
      (chosen.has(name) ? models.find((model) => model.name === name)?.relation : elsewhere.get(name)) ?? name;
    return sorted(models.filter(({ name }) => chosen.has(name))).flatMap((model) => {
      const kind = model.materialized === 'view' ? 'view' : 'table';
      const sql = model.code
        .replaceAll(/\{\{ config\([\s\S]*?\n?\) \}\}/g, '')
        .replaceAll(/\{\{ ref\('(\w+)'\) \}\}/g, (_, name: string) => place(name));
      return [
        `create schema if not exists "${model.schema}"`,
        `drop ${kind} if exists ${model.relation} cascade`,
        `create ${kind} ${model.relation} as ${sql}`,
      ];
    });
  }

  models(target: SmallTarget): readonly SmallModel[] {
    // Histories and counts are written in Jinja that is more than refs.
    const files = this.#files('.sql').filter((path) => !path.includes('/stats/'));
    return files.map((path) => {
      const code = readFileSync(join(this.dir, path), 'utf8');
      const name = basename(path, '.sql');
      const custom = /\bschema='(\w+)'/.exec(code)?.[1];
      const schema = custom === undefined ? target.schema : `${target.schema}_${custom}`;
      return {
        name,
        path,
        code,
        schema,
        relation: `"${target.database}"."${schema}"."${name}"`,
        refs: [...new Set([...code.matchAll(/ref\('(\w+)'\)/g)].map((match) => match[1] ?? ''))],
        materialized: /materialized='(\w+)'/.exec(code)?.[1] ?? 'table',
      };
    });
  }

  #files(extension: string): readonly string[] {
    const folder = join(this.dir, 'models');
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
      .map((entry) => relative(this.dir, join(entry.parentPath, entry.name)))
      .sort();
  }
}

function sorted(models: readonly SmallModel[]): readonly SmallModel[] {
  const done = new Set<string>();
  const order: SmallModel[] = [];
  const visit = (model: SmallModel): void => {
    if (done.has(model.name)) return;
    done.add(model.name);
    for (const ref of model.refs) {
      const other = models.find(({ name }) => name === ref);
      if (other !== undefined) visit(other);
    }
    order.push(model);
  };
  models.forEach(visit);
  return order;
}

function testNode(name: string, model: string, column: string): object {
  return {
    unique_id: `test.shop.${name}_${model}_${column}`,
    resource_type: 'test',
    test_metadata: { name, kwargs: { column_name: column } },
    column_name: column,
    attached_node: `model.shop.${model}`,
    depends_on: { nodes: [`model.shop.${model}`] },
    config: { enabled: true, severity: 'ERROR' },
  };
}
