import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { COLUMNS, onDatabase, removeDatabase } from '../data/people.ts';
import { runNode } from '../run/measured.ts';
import { EXECUTABLE } from './dinmo.ts';
import { artifacts, type GeneratedModel } from './manifest.ts';

export const DATABASE = 'shop.duckdb';

/** What a project of the bench is about: one entity, one activation of the whole of it. */
export interface ProjectFacts {
  /** The destination `out`, as in dinmo.yml. */
  readonly destination: Readonly<Record<string, unknown>>;
  /** Of the activation; default: eight mapped columns. */
  readonly activation?: Readonly<Record<string, unknown>>;
  /** Annotations of columns. */
  readonly columns?: Readonly<Record<string, unknown>>;
}

/** Eight mapped columns: all but the key. */
const MAPPING = Object.fromEntries(
  Object.keys(COLUMNS)
    .filter((name) => name !== 'key')
    .map((name) => [name, name]),
);

/** A webhook that takes this many rows in a request. */
export function webhookAt(url: string, batchSize = 1000): Readonly<Record<string, unknown>> {
  return { platform: 'webhook', service: 'audiences', config: { url: `${url}/batch`, batch_size: batchSize } };
}

/** Has the destination of a project written here take this many requests at once. */
export function setConnections(folder: string, connections: number): void {
  const file = join(folder, 'dinmo.yml');
  const settings = JSON.parse(readFileSync(file, 'utf8')) as {
    destinations: { out: { config: Record<string, unknown> } };
  };
  settings.destinations.out.config['connections'] = connections;
  writeFileSync(file, JSON.stringify(settings));
}

/** Writes a dbt project, its manifest and the results of its build. The database is put beside it. */
export async function writeProject(folder: string, facts: ProjectFacts): Promise<void> {
  const write = (path: string, content: unknown): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
  };
  const annotation = {
    entity: {
      name: 'customer',
      class: 'customers',
      primary_key: 'key',
      activations: { out: { to: 'out', ...(facts.activation ?? { mapping: MAPPING }) } },
    },
  };
  write('dbt_project.yml', 'name: bench\nversion: "1.0"\nprofile: bench\n');
  writeProfile(folder, {});
  write('models/sources.yml', {
    sources: [
      {
        name: 'shop',
        tables: [{ name: 'customers', config: { meta: { dinmo: annotation } }, columns: columnsYaml(facts) }],
      },
    ],
  });
  // Half of everything may leave: what the guards are for is tested elsewhere.
  const guards = { max_delete_percent: 100, max_delete_rows: 1_000_000_000, key_churn_percent: 100 };
  write('dinmo.yml', {
    version: 1,
    gate: { max_age_hours: 8000 },
    destinations: { out: { ...facts.destination, guards } },
  });
  const placing = { database: 'shop', annotation, columns: facts.columns ?? {} };
  write('target/manifest.json', artifacts({ ...placing, models: [] }).manifest);
  await runNode([EXECUTABLE, 'generate'], { cwd: folder });
  const { manifest, runResults } = artifacts({ ...placing, models: readGenerated(folder) });
  write('target/manifest.json', manifest);
  write('target/run_results.json', runResults);
}

/** The project's profile, with settings of DuckDB. */
export function writeProfile(folder: string, settings: Readonly<Record<string, string>>): void {
  const dev = { type: 'duckdb', path: DATABASE, settings };
  // JSON is YAML.
  writeFileSync(join(folder, 'profiles.yml'), JSON.stringify({ bench: { target: 'dev', outputs: { dev } } }));
}

function readGenerated(folder: string): readonly GeneratedModel[] {
  const files = readdirSync(join(folder, 'models/dinmo'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => {
      const path = join('models/dinmo', file);
      return { name: basename(file, '.sql'), path, sql: readFileSync(join(folder, path), 'utf8') };
    });
}

function columnsYaml({ columns }: ProjectFacts): unknown {
  return Object.keys(COLUMNS).map((name) => ({
    name,
    ...(columns?.[name] === undefined ? {} : { config: { meta: { dinmo: columns[name] } } }),
  }));
}

/** The statements that dbt's build would have run. */
export const BUILD: readonly string[] = [
  'create schema if not exists "main_DINMO_SEGMENTS"',
  `create or replace view "main_DINMO_SEGMENTS".entity_customer as select ${Object.keys(COLUMNS).join(', ')} from main.customers`,
];

/** A database whose customers are this query over `states`, a database of `writeStates`. */
export async function writeDatabase(folder: string, states: string, select: string): Promise<void> {
  const path = join(folder, DATABASE);
  removeDatabase(path);
  await onDatabase(path, [
    `attach '${states}' as states (read_only)`,
    `create table customers as ${select}`,
    ...BUILD,
    'detach states',
    'checkpoint',
  ]);
}

/** A project as it stands, in another folder. */
export function copyProject(from: string, to: string): string {
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
  return to;
}
