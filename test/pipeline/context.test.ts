import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { connectWarehouse, loadContext } from '../../src/pipeline/context.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

interface Placed {
  readonly database?: string;
  readonly schema?: string;
  readonly config?: Readonly<Record<string, string>>;
  readonly macros?: Readonly<Record<string, object>>;
}

/** A project whose profile has the file shop.duckdb, which is not there: what gets as far as opening it says so. */
async function codeOfConnecting({
  database = 'shop',
  schema = 'main',
  config = {},
  macros = {},
}: Placed): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-context-'));
  folders.push(folder);
  const write = (name: string, content: object): void => writeFileSync(join(folder, name), JSON.stringify(content));
  write('dbt_project.yml', { name: 'shop', version: '1.0', profile: 'shop', 'target-path': '.' });
  write('profiles.yml', { shop: { target: 'dev', outputs: { dev: { type: 'duckdb', path: 'shop.duckdb' } } } });
  const node = { name: 'customers', resource_type: 'model', package_name: 'shop', original_file_path: 'customers.sql' };
  write('manifest.json', {
    metadata: {
      dbt_schema_version: 'https://schemas.getdbt.com/dbt/manifest/v12.json',
      dbt_version: '1.12.0',
      generated_at: '2026-01-01T00:00:00Z',
      adapter_type: 'duckdb',
      project_name: 'shop',
    },
    nodes: { 'model.shop.customers': { ...node, unique_id: 'model.shop.customers', database, schema, config } },
    macros,
  });
  const context = await loadContext({ cwd: folder, env: {} });
  const opened = await connectWarehouse(context, { readOnly: true }).catch((thrown: unknown) => thrown);
  return String(Reflect.get(opened as object, 'code')); // what is thrown is an object
}

describe('the manifest is held against the target', () => {
  test('which it was written for', async () => {
    expect(await codeOfConnecting({})).toBe('duckdb-missing');
  });

  test.each<Placed>([{ database: 'shop_prod' }, { schema: 'prod' }])('another one is told: %j', async (placed) => {
    expect(await codeOfConnecting(placed)).toBe('manifest-of-other-target');
  });

  test.each<Placed>([
    { database: 'SHOP', schema: 'MAIN' },
    { schema: 'marts', config: { schema: 'marts' } },
    { database: 'lake', config: { database: 'lake' } },
    { schema: 'marts', macros: { 'macro.shop.generate_schema_name': {} } },
    { database: 'lake', macros: { 'macro.shop.duckdb__generate_database_name': {} } },
  ])('a place of the project’s own choice is not another target: %j', async (placed) => {
    expect(await codeOfConnecting(placed)).toBe('duckdb-missing');
  });
});
