import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { Profile } from '../artifacts/profile.ts';
import type { Clock } from '../clock.ts';
import { DinmoError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { SqlDialect } from './dialect.ts';
import type { GrantedPlaces } from './grants.ts';
import type { Warehouse } from './warehouse.ts';

/** How a warehouse is opened. */
export interface ConnectOptions {
  readonly readOnly: boolean;
  readonly projectDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lockTimeoutMs: number;
  readonly signal?: AbortSignal;
}

interface Entry {
  dialect(): Promise<SqlDialect>;
  /** null: its SQL can be generated, but nothing can be run there yet. */
  readonly connect: ((profile: Profile, options: ConnectOptions) => Promise<Warehouse>) | null;
  /** Statements of an administrator, one each; none where there is nothing to grant. Left out: nobody has written them down. */
  readonly grants?: (profile: Profile, places: GrantedPlaces) => Promise<readonly string[]>;
}

/** Every warehouse, one line each; a test compares the list with the folders. */
const WAREHOUSES: Readonly<Record<string, Entry>> = {
  bigquery: {
    dialect: async () => (await import('./bigquery/dialect.ts')).bigqueryDialect,
    connect: connectBigquery,
    grants: grantsOfBigquery,
  },
  duckdb: {
    dialect: async () => (await import('./duckdb/dialect.ts')).duckdbDialect,
    connect: connectDuckdb,
    // Who may write the file may do everything.
    grants: async () => [],
  },
  postgres: {
    dialect: async () => (await import('./postgres/dialect.ts')).postgresDialect,
    connect: connectPostgres,
    grants: grantsOfPostgres,
  },
  snowflake: {
    dialect: async () => (await import('./snowflake/dialect.ts')).snowflakeDialect,
    connect: connectSnowflake,
    grants: grantsOfSnowflake,
  },
};

/** dbt's adapter types that models can be generated for. */
export const warehouseTypes: readonly string[] = Object.keys(WAREHOUSES);

function entryOf(type: string): Entry {
  const entry = Object.hasOwn(WAREHOUSES, type) ? WAREHOUSES[type] : undefined;
  if (entry) return entry;
  throw new DinmoError({
    kind: 'configuration',
    code: 'unsupported-warehouse',
    message: `dbt's adapter ${type} is not supported.`,
    fix: `Supported are: ${warehouseTypes.join(', ')}.`,
  });
}

/** The SQL dialect of dbt's adapter type. Throws DinmoError `unsupported-warehouse`. */
export function loadDialect(type: string): Promise<SqlDialect> {
  return entryOf(type).dialect();
}

/** What an administrator grants the account of a profile, a statement each; null where it is not written down for this warehouse. Throws as `connect` does of the profile. */
export async function grantStatements(profile: Profile, places: GrantedPlaces): Promise<readonly string[] | null> {
  return (await entryOf(profile.type).grants?.(profile, places)) ?? null;
}

/** Opens the warehouse of a profile. Throws DinmoError `unsupported-warehouse`, or what the warehouse says. */
export async function connect(profile: Profile, options: ConnectOptions): Promise<Warehouse> {
  const entry = entryOf(profile.type);
  if (entry.connect) return await entry.connect(profile, options);
  throw new DinmoError({
    kind: 'configuration',
    code: 'unsupported-warehouse',
    message: `Models can be generated for ${profile.type}, but nothing can be planned or synced there yet.`,
    fix: `Plan and sync run on: ${warehouseTypes.filter((type) => WAREHOUSES[type]?.connect).join(', ')}.`,
  });
}

async function connectDuckdb(profile: Profile, options: ConnectOptions): Promise<Warehouse> {
  const [{ requireDatabase }, { duckdbFile }] = await Promise.all([
    import('./duckdb/database-file.ts'),
    import('./duckdb/profile.ts'),
  ]);
  const file = duckdbFile(profile, (path) => resolvePath(path, options.projectDir));
  requireDatabase(file.path);
  // The driver last: what needs no database, or finds none, does not wait for it to load.
  const { openDuckdb } = await import('./duckdb/connection.ts');
  return await openDuckdb({ ...file, readOnly: options.readOnly }, options);
}

async function connectPostgres(profile: Profile): Promise<Warehouse> {
  const [{ postgresServer }, { openPostgres }] = await Promise.all([
    import('./postgres/profile.ts'),
    import('./postgres/connection.ts'),
  ]);
  return await openPostgres(postgresServer(profile));
}

async function grantsOfPostgres(profile: Profile, places: GrantedPlaces): Promise<readonly string[]> {
  const [{ postgresServer }, { postgresGrants }] = await Promise.all([
    import('./postgres/profile.ts'),
    import('./postgres/grants.ts'),
  ]);
  return postgresGrants(postgresServer(profile), places);
}

async function grantsOfBigquery(profile: Profile, places: GrantedPlaces): Promise<readonly string[]> {
  const [{ bigqueryPlace }, { bigqueryGrants }] = await Promise.all([
    import('./bigquery/profile.ts'),
    import('./bigquery/grants.ts'),
  ]);
  return bigqueryGrants(bigqueryPlace(profile), places);
}

async function connectBigquery(profile: Profile, options: ConnectOptions): Promise<Warehouse> {
  const [{ bigqueryPlace }, { openBigquery }] = await Promise.all([
    import('./bigquery/profile.ts'),
    import('./bigquery/connection.ts'),
  ]);
  return await openBigquery({
    place: bigqueryPlace(profile),
    clock: options.clock,
    logger: options.logger,
  });
}

async function grantsOfSnowflake(profile: Profile, places: GrantedPlaces): Promise<readonly string[]> {
  const [{ snowflakeAccount }, { snowflakeGrants }] = await Promise.all([
    import('./snowflake/profile.ts'),
    import('./snowflake/grants.ts'),
  ]);
  // Nothing is opened, so that no browser is either.
  return snowflakeGrants(snowflakeAccount(profile, { terminal: true }), places);
}

async function connectSnowflake(profile: Profile): Promise<Warehouse> {
  const [{ snowflakeAccount }, { openSnowflake }] = await Promise.all([
    import('./snowflake/profile.ts'),
    import('./snowflake/connection.ts'),
  ]);
  const terminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  return await openSnowflake(snowflakeAccount(profile, { terminal }));
}

/** dbt moves into the project before it opens a relative path; older setups count from where they were started. */
function resolvePath(path: string, projectDir: string): string {
  if (isAbsolute(path)) return path;
  const fromProject = resolve(projectDir, path);
  const fromHere = resolve(path);
  return !existsSync(fromProject) && existsSync(fromHere) ? fromHere : fromProject;
}
