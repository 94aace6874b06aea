import type { GrantedPlaces } from '../grants.ts';
import type { PostgresServer } from './profile.ts';
import { postgresState } from './state-dialect.ts';

/**
 * What an administrator runs so that the role of the target can do what dinmo does and nothing else: read the schemas of the
 * segments, also what dbt makes there later, and own tables in delta storage. PostgreSQL 14 and later.
 */
export function postgresGrants(server: PostgresServer, { read, write }: GrantedPlaces): readonly string[] {
  const name = (text: string): string => postgresState.identifier(text);
  const role = name(server.role ?? server.user);
  const database = name(server.database);
  return [
    `-- As an administrator, in the database ${database}. Where dbt builds with another role than the one that runs this,`,
    '-- the default privileges need it: alter default privileges for role <the role of dbt> in schema …',
    // The generated sync_runs and sync_rejections are views over the ledger, which belongs to the role of dinmo.
    '-- Where dbt builds with another role than dinmo, its models of the history of syncs read the ledger:',
    ...write.flatMap(({ schema }) => [
      `-- grant usage on schema ${name(schema)} to <the role of dbt>; grant select on all tables in schema ${name(schema)} to <the role of dbt>;`,
      `-- alter default privileges for role ${role} in schema ${name(schema)} grant select on tables to <the role of dbt>;`,
    ]),
    ...(server.role === null ? [] : [`grant ${role} to ${name(server.user)};`]),
    // Plans are made in temporary tables.
    `grant connect, temporary on database ${database} to ${role};`,
    ...read.flatMap(({ schema }) => [
      `grant usage on schema ${name(schema)} to ${role};`,
      `grant select on all tables in schema ${name(schema)} to ${role};`,
      `alter default privileges in schema ${name(schema)} grant select on tables to ${role};`,
    ]),
    ...write.flatMap(({ schema }) => [
      `create schema if not exists ${name(schema)};`,
      `grant usage, create on schema ${name(schema)} to ${role};`,
    ]),
  ];
}
