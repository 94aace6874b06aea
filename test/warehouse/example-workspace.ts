import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, onTestFinished } from 'vitest';
import { readProfile } from '../../src/artifacts/profile.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { connect } from '../../src/warehouse/registry.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { endOf, must, Workspace } from '../e2e/workspace.ts';
import { secret } from '../privacy/canaries.ts';

const ROOT = join(import.meta.dirname, '../..');
const LEAVE_OUT = /(^|\/)(target|logs|dbt_packages|exports|models\/dinmo)$|\.duckdb(\.wal)?$/;

/** One target of the example's profile, and how a test reaches it. */
export interface ExampleTarget {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Default: the dbt of `.venv`. */
  readonly dbt?: string;
}

/** A copy of the example on one target, with dbt's packages; the second one gets the seeds and generated models of the first. */
export async function exampleWorkspace(target: ExampleTarget, from: Workspace | null): Promise<Workspace> {
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-example-'));
  const workspace = new Workspace(folder, {
    DBT_TARGET: target.name,
    DBT_PROFILES_DIR: folder,
    META_ACCESS_TOKEN: secret('meta'),
    HUBSPOT_ACCESS_TOKEN: secret('hubspot'),
    CRM_HOOK_SECRET: secret('crm'),
    ...target.env,
  });
  onTestFinished(() => workspace.dispose());
  if (target.dbt !== undefined) workspace.dbtProgram = target.dbt;
  cpSync(join(ROOT, 'example-dbt-project'), folder, { recursive: true, filter: (file) => !LEAVE_OUT.test(file) });
  workspace.edit('packages.yml', 'local: ..', `local: ${ROOT}`);
  if (from === null) {
    const seeds = ['scripts/make-seeds.mjs', '--out', join(folder, 'seeds')];
    expect((await endOf(spawn(process.execPath, seeds, { cwd: ROOT }))).code).toBe(0);
  } else {
    for (const path of ['seeds', 'models/dinmo'])
      cpSync(join(from.folder, path), join(folder, path), { recursive: true });
  }
  await must(workspace.dbt('deps'));
  return workspace;
}

/** Simulated platforms of this workspace alone, which its commands find; they end with the test. */
export async function startSandbox(workspace: Workspace): Promise<string> {
  const child = workspace.start('sandbox', '--port', '0');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await endOf(child);
  });
  const url = await listening(child);
  workspace.env['DINMO_SANDBOX_URL'] = url;
  return url;
}

async function listening(child: ChildProcess): Promise<string> {
  return await new Promise((found, failed) => {
    let printed = '';
    const look = (chunk: Buffer): void => {
      printed += chunk.toString();
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
      if (url !== undefined) found(url);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.on('exit', () => failed(new Error(printed)));
  });
}

interface ManifestFile {
  readonly nodes: Readonly<Record<string, { readonly name: string; readonly relation_name: string | null }>>;
}

/** What the views of entities and segments hold: a sorted list of rows by the model's name, with values as no warehouse has them. */
export async function viewsOf(workspace: Workspace): Promise<Readonly<Record<string, readonly string[]>>> {
  const manifest = JSON.parse(workspace.read('target/manifest.json')) as ManifestFile;
  const warehouse = await open(workspace);
  const views: Record<string, readonly string[]> = {};
  try {
    for (const { name, relation_name: relation } of Object.values(manifest.nodes))
      if (/^(entity|segment)_/.test(name) && relation !== null) views[name] = await rowsOf(warehouse, relation);
  } finally {
    await warehouse.close();
  }
  return views;
}

async function open({ folder, env }: Workspace): Promise<Warehouse> {
  const place = { cwd: folder, projectDir: folder, projectProfile: 'shop', profilesDir: folder };
  const profile = readProfile({ ...place, target: env['DBT_TARGET'], vars: {}, env });
  const rest = { projectDir: folder, clock: systemClock, logger: silentLogger, lockTimeoutMs: 0 };
  return await connect(profile, { readOnly: true, ...rest });
}

async function rowsOf(warehouse: Warehouse, relation: string): Promise<readonly string[]> {
  const { state } = warehouse;
  const columns = await warehouse.describe(`select * from ${relation}`);
  const members = columns.map(({ name, dataType }) => ({
    name: name.toLowerCase(),
    value: { sql: `r.${state.identifier(name)}`, dataType },
    nulls: 'null' as const,
  }));
  const rows = await warehouse.query(`select ${state.jsonObject(members)} as content from ${relation} as r`);
  return rows.map((row) => JSON.stringify(plain(JSON.parse(String(row['content'] ?? row['CONTENT']))))).toSorted();
}

/** The same number is the same text, whatever the width of its type; a column of BigQuery has no scale, so zeros at the end say nothing. */
function plain(value: unknown): unknown {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return /^-?\d+\.\d+$/.test(value) ? value.replace(/\.?0+$/, '') : value;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

interface HeldDestination {
  readonly destination: string;
  readonly platform: string;
  readonly audiences: readonly {
    readonly name: string;
    readonly members: readonly Readonly<Record<string, unknown>>[];
  }[];
  readonly events: readonly { readonly events: readonly unknown[] }[];
  readonly objects: readonly {
    readonly type: string;
    readonly records: readonly { readonly key: unknown; readonly fields: unknown }[];
  }[];
}

/** Every row that the platforms hold and the files have, as sorted texts by destination, without the ids that platforms give. */
export async function deliveredBy(
  workspace: Workspace,
  sandbox: string,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const state = (await (await fetch(`${sandbox}/state`)).json()) as {
    readonly destinations: readonly HeldDestination[];
  };
  const delivered: Record<string, readonly string[]> = {};
  const keep = (name: string, rows: readonly unknown[]): void => {
    delivered[name] = rows.map((row) => JSON.stringify(plain(row))).toSorted();
  };
  for (const { destination, platform, audiences, events, objects } of state.destinations) {
    for (const { name, members } of audiences)
      keep(
        `${destination} ${name}`,
        members.map(({ record_id: _, ...row }) => row),
      );
    for (const { events: rows } of events) keep(destination, rows);
    for (const { type, records } of objects)
      keep(
        `${destination} ${type}`,
        records.map(({ key, fields }) => (platform === 'webhook' ? { key, fields } : fields)),
      );
  }
  for (const [kind, reader] of Object.entries(READERS))
    keep(`files ${kind}`, await rowsOfFiles(workspace, kind, reader));
  return delivered;
}

const READERS = { csv: 'read_csv', jsonl: 'read_json', parquet: 'read_parquet' };

async function rowsOfFiles({ folder }: Workspace, kind: string, reader: string): Promise<readonly unknown[]> {
  const exports = join(folder, 'target/dinmo_sandbox/exports', kind);
  const files = readdirSync(exports, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const rows = [];
    for (const file of files) {
      const path = join(file.parentPath, file.name);
      expect(readFileSync(path).length).toBeGreaterThan(0);
      const all = kind === 'csv' ? ', all_varchar = true' : '';
      rows.push(...(await connection.runAndReadAll(`select * from ${reader}('${path}'${all})`)).getRowObjectsJson());
    }
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
