import { isFoldable } from '../dialect.ts';
import type { TableName } from '../state-dialect.ts';

/** What a sync reads and writes, and who it is. */
export interface GrantSubject {
  readonly role: string;
  /** The warehouse that computes. */
  readonly warehouse: string | null;
  /** What activations read: relations of the entities and segments. */
  readonly reads: readonly TableName[];
  /** Delta storage. */
  readonly storage: Omit<TableName, 'name'>;
  /** The schema of the target in profiles.yml, where the session's temporary tables stand. */
  readonly session: Omit<TableName, 'name'>;
}

/**
 * The SQL that an administrator runs so that the role can sync: it reads what activations read, now and after the next `dbt build`,
 * and writes delta storage only. Temporary tables need usage of their schema alone (docs.snowflake.com, CREATE TABLE, access control).
 */
export function snowflakeGrants({ role, warehouse, reads, storage, session }: GrantSubject): readonly string[] {
  const to = `to role ${name(role)};`;
  const schemas = distinct(reads.map((table) => place(table)));
  const databases = distinct(
    [...reads, storage, session].flatMap(({ database }) => (database === null ? [] : [name(database)])),
  );
  return [
    ...(warehouse === null ? [] : [`grant usage on warehouse ${name(warehouse)} ${to}`]),
    ...databases.map((database) => `grant usage on database ${database} ${to}`),
    ...distinct([...schemas, place(storage), place(session)]).map((schema) => `grant usage on schema ${schema} ${to}`),
    // dbt makes its views and tables anew with each build: what is granted on one goes with it.
    ...schemas.flatMap((schema) =>
      ['views', 'tables'].flatMap((kind) => [
        `grant select on all ${kind} in schema ${schema} ${to}`,
        `grant select on future ${kind} in schema ${schema} ${to}`,
      ]),
    ),
    `grant create table on schema ${place(storage)} ${to}`,
    ...['all', 'future'].map(
      (which) => `grant select, insert, update, delete on ${which} tables in schema ${place(storage)} ${to}`,
    ),
  ];
}

function place({ database, schema }: Omit<TableName, 'name'>): string {
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
