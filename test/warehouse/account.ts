import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { type Profile, readProfile } from '../../src/artifacts/profile.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { connect } from '../../src/warehouse/registry.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';

/** Where suites run, as dbt's profile says it: a server of this process, an emulator, or an account that somebody named. */
export interface Account {
  readonly profile: Profile;
  /** A schema name that nobody else has; somebody's account keeps a list of them. */
  schema(more?: readonly string[]): string;
  /** Whether other things than tests stand there. */
  readonly shared: boolean;
}

/** What the command that runs the suites on somebody's account tells its processes. */
export interface LiveRun {
  readonly projectDir: string;
  readonly profilesDir: string | null;
  readonly profile: string | null;
  readonly target: string;
  /** `profile:` of dbt_project.yml. */
  readonly projectProfile: string | null;
  /** Every schema that is made begins with it; there was none before. */
  readonly prefix: string;
  /** A file to which each schema is written before it is made, a line each. */
  readonly made: string;
}

/** The account that somebody named; null: none. */
export function liveRun(): LiveRun | null {
  const text = process.env['DINMO_LIVE_RUN'];
  return text === undefined ? null : (JSON.parse(text) as LiveRun);
}

/** The profile of somebody's account, read as every command reads it. */
export function liveProfile(run: Omit<LiveRun, 'prefix' | 'made'>): Profile {
  return readProfile({
    ...(run.profilesDir === null ? {} : { profilesDir: run.profilesDir }),
    ...(run.profile === null ? {} : { profile: run.profile }),
    target: run.target,
    vars: {},
    env: process.env,
    cwd: process.cwd(),
    projectDir: run.projectDir,
    projectProfile: run.projectProfile,
  });
}

/** The account of a warehouse that tests run on, or the one that somebody named. */
export async function testAccount(name: string): Promise<Account> {
  const run = liveRun();
  if (name === 'live') {
    if (run === null) throw new Error('npm run test:live names an account');
    return { profile: liveProfile(run), shared: true, schema: (more = []) => told(run, more) };
  }
  return { profile: profileOf(await localFields(name)), shared: false, schema: () => `own_${own()}` };
}

/** A schema's name, and those that begin with it, written down before anything of it is made. */
function told({ prefix, made }: LiveRun, more: readonly string[]): string {
  const schema = `${prefix}_${own()}`;
  appendFileSync(made, [schema, ...more.map((end) => `${schema}${end}`)].map((line) => `${line}\n`).join(''));
  return schema;
}

function own(): string {
  return randomBytes(4).toString('hex');
}

/** The output in profiles.yml of a server or emulator of this process. */
async function localFields(name: string): Promise<Readonly<Record<string, unknown>>> {
  switch (name) {
    case 'postgres': {
      const server = await (await import('./postgres/server.ts')).testServer();
      const { port } = server;
      const administrator = await (await import('../../src/warehouse/postgres/connection.ts')).openPostgres(
        server.at('postgres'),
      );
      const { makeHostile } = await import('./postgres/database.ts');
      await makeHostile(administrator, 'postgres').finally(() => administrator.close());
      return { type: 'postgres', host: '127.0.0.1', port, user: 'postgres', password: '', dbname: 'postgres' };
    }
    case 'snowflake': {
      const { url } = await (await import('./snowflake/emulator.ts')).testEmulator();
      const { options } = (await import('./snowflake/emulator.ts')).accountAt(url, { database: 'SHOP' });
      const { account, username, password } = options;
      const at = { host: '127.0.0.1', port: Number(new URL(url).port), protocol: 'http' };
      return { type: 'snowflake', account, ...at, user: username, password, database: 'SHOP' };
    }
    case 'bigquery': {
      const { url } = await (await import('./bigquery/emulator.ts')).testEmulator();
      const login = { method: 'oauth-secrets', token: 'unused' };
      return { type: 'bigquery', ...login, project: 'shop', location: 'EU', api_endpoint: url };
    }
    default:
      throw new Error(`no account of ${name}`);
  }
}

function profileOf(fields: Readonly<Record<string, unknown>>): Profile {
  return {
    file: 'profiles.yml',
    profileName: 'shop',
    targetName: 'dev',
    targetNames: ['dev'],
    type: String(fields['type']),
    schema: 'public',
    database: String(fields['dbname'] ?? fields['database'] ?? fields['project']),
    fields: { ...fields, schema: 'public' },
  };
}

/** Opens the warehouse of an account; tables by a bare name stand in the schema. */
export async function openAccount({ profile }: Account, schema: string): Promise<Warehouse> {
  const { schema: _schema, dataset: _dataset, ...fields } = profile.fields;
  const options = { readOnly: false, projectDir: process.cwd(), clock: systemClock, logger: silentLogger };
  return await connect({ ...profile, schema, fields: { ...fields, schema } }, { ...options, lockTimeoutMs: 30_000 });
}

/** Makes a schema of tests; fails where there is one of that name. */
export async function makeSchema(account: Account, schema: string): Promise<void> {
  // A session stands in a schema, which has to be there before it: the profile's own.
  const warehouse = await openAccount(account, account.profile.schema);
  await warehouse.run(`create schema ${warehouse.state.identifier(schema)}`).finally(() => warehouse.close());
}

/** Removes schemas of tests, whatever stands in them. */
export async function dropSchemas(warehouse: Warehouse, schemas: readonly string[]): Promise<void> {
  for (const schema of schemas)
    await warehouse.run(`drop schema if exists ${warehouse.state.identifier(schema)} cascade`);
}
