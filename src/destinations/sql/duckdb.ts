import { existsSync, mkdirSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { DinmoError, messageOf } from '../../errors.ts';
import { columnType } from './column-type.ts';
import { type Dialect, literal, type SqlDatabase, type SqlRow } from './database.ts';
import { duckdbOutcome } from './failure.ts';

/** DuckDB 1.5. */
export const duckdb: Dialect = {
  title: 'DuckDB',
  defaultSchema: 'main',
  rows: '(select unnest(cast($1 as json[])) as j) as r',
  value(path, type) {
    const pointer = literal(`/${path.map((name) => name.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`);
    if (type.endsWith('[]')) return `cast(json_extract(r.j, ${pointer}) as ${type})`;
    if (type === 'JSON') return `cast(nullif(cast(json_extract(r.j, ${pointer}) as varchar), 'null') as json)`;
    return `cast((r.j ->> ${pointer}) as ${type})`;
  },
  typeFor: (dataType) => columnType(dataType, {}),
  describe: `select column_name as name, data_type as type from duckdb_columns()
    where database_name = current_database() and schema_name = $1 and table_name = $2 order by column_index`,
  comment: `select comment from duckdb_tables() where database_name = current_database() and schema_name = $1 and table_name = $2`,
  makeLike: (target, _source, definition) => `create table ${target} ${definition.slice(definition.indexOf('('))}`,
  definition: `select sql as definition from duckdb_tables() where database_name = current_database() and schema_name = $1 and table_name = $2`,
  grants: null,
  // The text of a table's definition has its constraints, and not its indexes.
  holdsMore: `select 1 as held from duckdb_indexes()
    where database_name = current_database() and schema_name = $1 and table_name = $2 limit 1`,
  nameBytesMax: null,
  savepoints: false,
};

/** Files that this module has open, with the number of sessions: one instance of DuckDB a file, whatever the number of activations. */
const open = new Map<string, { instance: Promise<Instance>; users: number }>();

interface Instance {
  connect(): Promise<Connection>;
  closeSync(): void;
}

interface Connection {
  runAndReadAll(sql: string, values?: string[]): Promise<{ getRowObjectsJS(): unknown[] }>;
  closeSync(): void;
}

/** Opens the file, and makes it where it is missing. Throws DinmoError `duckdb-locked`, `duckdb-open-failed`, `file-is-in-use`. */
export async function openDuckdb(path: string): Promise<SqlDatabase> {
  mkdirSync(dirname(path), { recursive: true });
  const key = existsSync(path) ? realpathSync(path) : path;
  const known = open.get(key);
  if (known === undefined && isOpenHere(key)) throw openedAlready(path);
  const shared = known ?? { instance: load(path), users: 0 };
  open.set(key, shared);
  shared.users += 1;
  const release = async (): Promise<void> => {
    shared.users -= 1;
    if (shared.users > 0) return;
    open.delete(key);
    (await shared.instance).closeSync();
  };
  try {
    const connection = await (await shared.instance).connect();
    await connection.runAndReadAll("set timezone = 'UTC'");
    return createDatabase(connection, release);
  } catch (thrown) {
    shared.users -= 1;
    if (shared.users === 0) open.delete(key);
    throw openError(path, thrown);
  }
}

async function load(path: string): Promise<Instance> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  return await DuckDBInstance.create(path, { autoinstall_known_extensions: 'false' });
}

function createDatabase(connection: Connection, release: () => Promise<void>): SqlDatabase {
  let closed = false;
  return {
    dialect: duckdb,
    async query(sql, parameters = []) {
      const reader = await connection.runAndReadAll(sql, [...parameters]);
      // Rows are objects by the names of their columns, which is what the driver's type leaves open.
      return reader.getRowObjectsJS() as SqlRow[];
    },
    outcomeOf: (thrown) => duckdbOutcome(messageOf(thrown)),
    isBound: (thrown) => /^(Dependency|Catalog|Binder|TransactionContext|Not implemented)/.test(messageOf(thrown)),
    async close() {
      if (closed) return;
      closed = true;
      connection.closeSync();
      await release();
    },
  };
}

/**
 * DuckDB's lock keeps other processes away, and not this one: a second instance of the file that the project is built in would
 * damage it. Where the system lists a process's open files, that is seen.
 */
function isOpenHere(path: string): boolean {
  const folder = '/proc/self/fd';
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some((descriptor) => {
    try {
      return readlinkSync(`${folder}/${descriptor}`) === path;
    } catch {
      return false;
    }
  });
}

function openedAlready(path: string): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'file-is-in-use',
    message: `The DuckDB file ${path} is the one that the project is built in: it cannot be a destination at the same time`,
    fix: 'Give config.path another file.',
  });
}

function openError(path: string, thrown: unknown): DinmoError {
  if (thrown instanceof DinmoError) return thrown;
  const isLocked = messageOf(thrown).includes('Could not set lock');
  return new DinmoError({
    kind: 'destination',
    code: isLocked ? 'duckdb-locked' : 'duckdb-open-failed',
    message: `The DuckDB file ${path} ${isLocked ? 'is held by another process' : 'could not be opened'}`,
    fix: isLocked
      ? 'Let that process end, and run the sync again.'
      : 'Look whether config.path names a DuckDB file that may be written.',
  });
}
