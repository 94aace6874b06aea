import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A dbt project on disk with a manifest as dbt would write it, without running dbt. */
export interface ProjectFiles {
  /** Content of dinmo/segments.yml, beside the annotation of `customers`. */
  readonly segments?: string;
  readonly settings?: string;
  readonly withManifest?: boolean;
  /** The annotation of the model; default: an entity `customer`. */
  readonly annotation?: unknown;
}

const SETTINGS = `version: 1
destinations:
  export_csv:
    platform: files
    service: audiences
    config: {path: exports, format: csv}
`;

const COLUMNS = { customer_id: 'integer', email: 'varchar', country: 'varchar', created_at: 'timestamp' };

/** Writes the project into a new folder; `remove` takes it away. */
export function writeProject(files: ProjectFiles = {}): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'dinmo-cli-'));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  };
  write('dbt_project.yml', 'name: shop\nversion: "1.0"\nprofile: shop\n');
  write('profiles.yml', 'shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n');
  if (files.settings !== '') write('dinmo.yml', files.settings ?? SETTINGS);
  if (files.segments !== undefined) write('dinmo/segments.yml', files.segments);
  if (files.withManifest !== false) {
    const annotation =
      files.annotation === undefined ? { entity: { name: 'customer', class: 'customers' } } : files.annotation;
    write('models/customers.sql', 'select 1');
    write('models/schema.yml', schemaText(annotation));
    write('target/manifest.json', JSON.stringify(manifest(annotation)));
  }
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

function schemaText(annotation: unknown): string {
  const meta = annotation === null ? '' : `    config: {meta: {dinmo: ${JSON.stringify(annotation)}}}\n`;
  const columns = Object.keys(COLUMNS).map((name) => `      - name: ${name}\n`);
  return `models:\n  - name: customers\n${meta}    columns:\n${columns.join('')}`;
}

function manifest(annotation: unknown): unknown {
  const test = (name: string) => ({
    unique_id: `test.shop.${name}_customers_customer_id`,
    resource_type: 'test',
    test_metadata: { name, kwargs: { column_name: 'customer_id' } },
    column_name: 'customer_id',
    attached_node: 'model.shop.customers',
    depends_on: { nodes: ['model.shop.customers'] },
    config: { enabled: true, severity: 'ERROR' },
  });
  const columns = Object.entries(COLUMNS).map(([name, data_type]) => [
    name,
    {
      name,
      data_type,
      config: { meta: name === 'email' && annotation !== null ? { dinmo: { identifier: 'email' } } : {} },
    },
  ]);
  return {
    metadata: {
      dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json',
      dbt_version: '1.12.6',
      generated_at: '2026-01-01T00:00:00.000000Z',
      project_name: 'shop',
      adapter_type: 'duckdb',
    },
    nodes: {
      'model.shop.customers': {
        unique_id: 'model.shop.customers',
        resource_type: 'model',
        name: 'customers',
        package_name: 'shop',
        database: 'shop',
        schema: 'main',
        alias: 'customers',
        relation_name: '"shop"."main"."customers"',
        original_file_path: 'models/customers.sql',
        patch_path: 'shop://models/schema.yml',
        config: { enabled: true, materialized: 'table', meta: annotation === null ? {} : { dinmo: annotation } },
        columns: Object.fromEntries(columns),
        depends_on: { nodes: [] },
      },
      'test.shop.unique': test('unique'),
      'test.shop.not_null': test('not_null'),
    },
    sources: {},
    disabled: {},
    exposures: {},
    parent_map: {},
  };
}
