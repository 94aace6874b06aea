import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { type Project, type ProjectOptions, readProject } from '../../src/artifacts/project.ts';
import type { Finding } from '../../src/finding.ts';

/** JSON as dbt would write it. */
export type Raw = Record<string, unknown>;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-artifacts-'));
  folders.push(folder);
  return folder;
}

/** Writes files under a folder; values that are no text are written as JSON. */
export function writeFiles(folder: string, files: Readonly<Record<string, unknown>>): string {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  }
  return folder;
}

/** The JSON of a model, as dbt 1.12 writes it. */
export function rawModel(name: string, more: Raw = {}): Raw {
  const { meta, ...rest } = more;
  return {
    unique_id: `model.shop.${name}`,
    resource_type: 'model',
    name,
    alias: name,
    package_name: 'shop',
    database: 'db',
    schema: 'main',
    relation_name: `"db"."main"."${name}"`,
    original_file_path: `models/${name}.sql`,
    patch_path: 'shop://models/shop.yml',
    raw_code: 'select 1',
    meta: meta ?? {},
    config: { enabled: true, materialized: 'view', meta: meta ?? {} },
    columns: {},
    depends_on: { nodes: [] },
    ...rest,
  };
}

export function rawColumn(name: string, more: Raw = {}): Raw {
  return { name, description: '', meta: {}, tags: [], constraints: [], config: { meta: {}, tags: [] }, ...more };
}

export function rawTest(id: string, more: Raw): Raw {
  return {
    unique_id: `test.shop.${id}`,
    resource_type: 'test',
    package_name: 'shop',
    config: { enabled: true, severity: 'ERROR', where: null },
    depends_on: { nodes: [] },
    ...more,
  };
}

interface RawManifestOptions {
  readonly version?: string;
  readonly schema?: string;
  readonly generatedAt?: string;
  readonly more?: Raw;
}

/** A manifest of these nodes; sources go to their own section. */
export function rawManifest(nodes: readonly Raw[], options: RawManifestOptions = {}): Raw {
  const byId = (list: readonly Raw[]): Raw => Object.fromEntries(list.map((node) => [String(node['unique_id']), node]));
  return {
    metadata: {
      dbt_schema_version: `https://schemas.getdbt.com/dbt/manifest/${options.schema ?? 'v12'}.json`,
      dbt_version: options.version ?? '1.12.6',
      generated_at: options.generatedAt ?? '2099-01-01T00:00:00.000000Z',
      invocation_id: 'one',
      project_name: 'shop',
      adapter_type: 'duckdb',
    },
    nodes: byId(nodes.filter((node) => node['resource_type'] !== 'source')),
    sources: byId(nodes.filter((node) => node['resource_type'] === 'source')),
    disabled: {},
    ...options.more,
  };
}

/** A dbt project on disk: `files`, plus dbt_project.yml and the manifest. Files are older than the manifest says it is. */
export function rawProject(
  files: Readonly<Record<string, unknown>>,
  manifest: Raw,
  options: Omit<ProjectOptions, 'projectDir'> = {},
): Project {
  const folder = writeFiles(tempFolder(), {
    'dbt_project.yml': 'name: shop\nprofile: shop\n',
    'target/manifest.json': manifest,
    ...files,
  });
  return readProject({ projectDir: folder, cwd: folder, env: {}, ...options });
}

/** Makes a file look changed at a time. */
export function touch(path: string, at: string): void {
  utimesSync(path, new Date(at), new Date(at));
}

/** `code file:line:column` of each finding: what a reader sees first. */
export function summary(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ code, location }) => `${code} ${location?.file}:${location?.line}:${location?.column}`);
}
