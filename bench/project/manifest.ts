import { COLUMNS } from '../data/people.ts';

/** A model that `dinmo generate` wrote. */
export interface GeneratedModel {
  readonly name: string;
  /** Its file, from the project's folder. */
  readonly path: string;
  readonly sql: string;
}

const PACKAGE = 'bench';
const SOURCE = `source.${PACKAGE}.shop.customers`;

export interface Placing {
  /** Catalog: the name of the database file without its ending. */
  readonly database: string;
  readonly annotation: unknown;
  readonly models: readonly GeneratedModel[];
  readonly columns?: Readonly<Record<string, unknown>>;
}

/** A manifest as dbt would write it, and the results of the build that made the views. */
export function artifacts(placing: Placing): { readonly manifest: unknown; readonly runResults: unknown } {
  const builtAt = new Date().toISOString();
  const ids = placing.models.map(({ name }) => `model.${PACKAGE}.${name}`);
  const metadata = {
    dbt_version: '1.12.6',
    generated_at: builtAt,
    invocation_id: '00000000-0000-4000-8000-000000000001',
  };
  return {
    manifest: {
      metadata: {
        ...metadata,
        dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json',
        project_name: PACKAGE,
        adapter_type: 'duckdb',
      },
      nodes: Object.fromEntries(
        placing.models.map((model) => [`model.${PACKAGE}.${model.name}`, modelNode(model, placing)]),
      ),
      sources: { [SOURCE]: sourceNode(placing) },
      disabled: {},
      exposures: {},
      macros: {},
      parent_map: Object.fromEntries(ids.map((id) => [id, id.endsWith('entity_customer') ? [SOURCE] : []])),
    },
    runResults: {
      metadata: { ...metadata, dbt_schema_version: 'https://schemas.getdbt.com/dbt/run-results/v6.json' },
      args: { which: 'build', target: 'dev' },
      results: ids.map((unique_id) => ({
        unique_id,
        status: 'success',
        timing: [{ name: 'execute', started_at: builtAt, completed_at: builtAt }],
      })),
    },
  };
}

/** Where dbt puts it: the target's schema, and the folder's own. */
function schemaOf({ name, path }: GeneratedModel): string {
  if (name === 'dinmo_delta_storage') return 'main_DINMO_DELTA_STORAGE';
  return path.includes('/stats/') ? 'main_DINMO_STATS' : 'main_DINMO_SEGMENTS';
}

function modelNode(model: GeneratedModel, { database }: Placing): unknown {
  const { name, path, sql } = model;
  const schema = schemaOf(model);
  return {
    unique_id: `model.${PACKAGE}.${name}`,
    resource_type: 'model',
    name,
    alias: name,
    package_name: PACKAGE,
    database,
    schema,
    relation_name: `"${database}"."${schema}"."${name}"`,
    original_file_path: path,
    path: path.slice('models/'.length),
    patch_path: null,
    tags: ['dinmo'],
    raw_code: sql,
    config: { enabled: true, materialized: 'view', schema: schema.replace('main_', ''), tags: ['dinmo'], meta: {} },
    columns: {},
    depends_on: { nodes: name === 'entity_customer' ? [SOURCE] : [] },
  };
}

function sourceNode({ database, annotation, columns }: Placing): unknown {
  return {
    unique_id: SOURCE,
    resource_type: 'source',
    name: 'customers',
    source_name: 'shop',
    identifier: 'customers',
    package_name: PACKAGE,
    database,
    schema: 'main',
    relation_name: `"${database}"."main"."customers"`,
    original_file_path: 'models/sources.yml',
    path: 'models/sources.yml',
    config: { enabled: true, meta: { dinmo: annotation } },
    columns: Object.fromEntries(
      Object.entries(COLUMNS).map(([name, type]) => [
        name,
        {
          name,
          data_type: type.toLowerCase(),
          config: { meta: columns?.[name] === undefined ? {} : { dinmo: columns[name] } },
        },
      ]),
    ),
  };
}
