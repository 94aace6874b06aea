import { isFoldable } from '../dialect.ts';
import type { GrantedPlaces, SchemaName } from '../grants.ts';
import type { SnowflakeAccount } from './profile.ts';

/**
 * The SQL that an administrator runs so that the profile's role can sync: it reads what activations read, now and after the next
 * `dbt build`, and writes our own schemas only. Temporary tables stand in the profile's schema, and need usage of it alone
 * (docs.snowflake.com, CREATE TABLE, access control).
 */
export function snowflakeGrants({ options }: SnowflakeAccount, { read, write }: GrantedPlaces): readonly string[] {
  const to = `to role ${options.role === undefined ? '<role>' : name(options.role)};`;
  const session = { database: options.database ?? null, schema: options.schema ?? '' };
  const reads = distinct(read.map(place));
  const writes = distinct(write.map(place));
  const databases = distinct(
    [...read, ...write, session].flatMap(({ database }) => (database === null ? [] : [name(database)])),
  );
  return [
    ...(options.warehouse === undefined ? [] : [`grant usage on warehouse ${name(options.warehouse)} ${to}`]),
    ...databases.map((database) => `grant usage on database ${database} ${to}`),
    ...writes.map((schema) => `create schema if not exists ${schema};`),
    ...distinct([...reads, ...writes, place(session)]).map((schema) => `grant usage on schema ${schema} ${to}`),
    // dbt makes its views and tables anew with each build: what is granted on one goes with it.
    ...reads.flatMap((schema) =>
      ['views', 'tables'].flatMap((kind) => [
        `grant select on all ${kind} in schema ${schema} ${to}`,
        `grant select on future ${kind} in schema ${schema} ${to}`,
      ]),
    ),
    ...writes.flatMap((schema) => [
      `grant create table, create view on schema ${schema} ${to}`,
      `grant select, insert, update, delete on all tables in schema ${schema} ${to}`,
      `grant select, insert, update, delete on future tables in schema ${schema} ${to}`,
    ]),
    // The generated sync_runs and sync_rejections are views over the ledger.
    '-- Where dbt builds with another role than dinmo, its models of the history of syncs read the ledger:',
    ...writes.flatMap((schema) => [
      `-- grant usage on schema ${schema} to role <the role of dbt>; grant select on all tables in schema ${schema} to role <the role of dbt>;`,
      `-- grant select on future tables in schema ${schema} to role <the role of dbt>;`,
    ]),
  ];
}

function place({ database, schema }: SchemaName): string {
  return [database, schema]
    .filter((part) => part !== null)
    .map(name)
    .join('.');
}

/** As people write it: bare where Snowflake folds it to the name that is meant. */
function name(value: string): string {
  return isFoldable(value) ? value.toUpperCase() : `"${value.replaceAll('"', '""')}"`;
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
