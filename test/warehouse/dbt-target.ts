import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { duckdbState } from '../../src/warehouse/duckdb/state-dialect.ts';
import type { StateDialect } from '../../src/warehouse/state-dialect.ts';
import type { Row, Value } from '../../src/warehouse/warehouse.ts';
import { type Account, dropSchemas, makeSchema, openAccount, testAccount } from './account.ts';
import { benchName } from './bench-warehouse.ts';
import { tableWords } from './table-words.ts';

export type PlainRow = Readonly<Record<string, unknown>>;

/** Where a dbt project of a test stands: what its profile and manifest say of it, and a way to its tables. */
export interface DbtTarget {
  /** dbt's adapter type. */
  readonly type: string;
  readonly database: string;
  /** The schema of the project's own models, as its profile names it. */
  readonly schema: string;
  readonly state: StateDialect;
  /** An output in profiles.yml; secrets in it are named by the variables of `env`. */
  output(schema: string): Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  /** The warehouse's name of one of DuckDB's types. */
  dataType(duckdb: string): string;
  /** Runs statements; the rows of the last one that is a query, columns in lower case, integers as text where they are long. */
  run(...statements: readonly string[]): Promise<readonly PlainRow[]>;
  /** Names of the tables and views in a schema, in order; none where there is no such schema. */
  tables(schema: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A target for the project in a folder, on the warehouse that tests run on; its schemas are not there yet. */
export async function openDbtTarget(folder: string): Promise<DbtTarget> {
  const name = benchName();
  return name === 'duckdb' ? fileTarget(join(folder, 'shop.duckdb')) : await accountTarget(await testAccount(name));
}

/** A DuckDB file, which nobody keeps open: the command that is tried needs it. */
function fileTarget(path: string): DbtTarget {
  const run = async (...statements: readonly string[]): Promise<readonly PlainRow[]> => {
    const instance = await DuckDBInstance.create(path);
    try {
      const connection = await instance.connect();
      try {
        let rows: readonly PlainRow[] = [];
        for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowObjectsJson();
        return rows;
      } finally {
        connection.closeSync();
      }
    } finally {
      instance.closeSync();
    }
  };
  return {
    type: 'duckdb',
    database: 'shop',
    schema: 'main',
    state: duckdbState,
    output: (schema) => ({ type: 'duckdb', path: 'shop.duckdb', schema, settings: { threads: 1 } }),
    env: {},
    dataType: (duckdb) => duckdb,
    run,
    tables: async (schema) => {
      const rows = await run(duckdbState.tablesOf({ database: null, schema }));
      return rows.map((row) => String(row['table_name'])).sort();
    },
    close: async () => {},
  };
}

const OF_PRODUCT = ['_DINMO_SEGMENTS', '_DINMO_DELTA_STORAGE', '_DINMO_DELTA_STORAGE_SANDBOX'];

async function accountTarget(account: Account): Promise<DbtTarget> {
  const { profile } = account;
  const others = ['', '_ada'].flatMap((whose) => [
    ...(whose === '' ? [] : [whose]),
    ...OF_PRODUCT.map((end) => whose + end),
  ]);
  const schema = account.schema(others);
  // One DuckDB file is open once: where it is an account, it is let go after each use.
  const keeps = profile.type !== 'duckdb';
  await makeSchema(account, schema);
  let kept = await openAccount(account, schema);
  const { state } = kept;
  if (!keeps) await kept.close();
  const using = async <T>(work: (warehouse: typeof kept) => Promise<T>): Promise<T> => {
    if (keeps) return await work(kept);
    kept = await openAccount(account, schema);
    return await work(kept).finally(() => kept.close());
  };
  const { env, fields } = hidden(profile.fields);
  return {
    type: profile.type,
    database: profile.database ?? '',
    schema,
    state,
    output: (named) => ({ ...fields, ...('dataset' in fields ? { dataset: named } : { schema: named }) }),
    env,
    dataType: tableWords(profile.type).type,
    run: (...statements) =>
      using(async (warehouse) => {
        let rows: readonly PlainRow[] = [];
        for (const statement of statements)
          if (/^(select|with|from)\b/i.test(statement)) rows = (await warehouse.query(statement)).map(plain);
          else await warehouse.run(statement);
        return rows;
      }),
    tables: (of) =>
      using(async (warehouse) => {
        const listed = await warehouse.tables?.({ database: null, schema: of });
        if (listed !== undefined) return [...listed].sort();
        const rows = await warehouse.query(state.tablesOf({ database: null, schema: of }));
        return rows.map((row) => String(row['table_name'])).sort();
      }),
    close: async () => {
      if (account.shared)
        await using((warehouse) => dropSchemas(warehouse, [schema, ...others.map((end) => schema + end)]));
      if (keeps) await kept.close();
    },
  };
}

/** Texts of a profile go into the environment: none of them is written into a file. */
function hidden(fields: Readonly<Record<string, unknown>>) {
  const env: Record<string, string> = {};
  const named = (value: unknown): unknown => {
    if (typeof value === 'string' && value !== '') {
      const name = `DINMO_TEST_FIELD_${Object.keys(env).length}`;
      env[name] = value;
      return `{{ env_var('${name}') }}`;
    }
    if (Array.isArray(value)) return value.map(named);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, named(inner)]));
  };
  const { type, ...rest } = fields;
  return { fields: { type, ...(named(rest) as Readonly<Record<string, unknown>>) }, env }; // a map stays a map
}

function plain(row: Row): PlainRow {
  const text = (value: Value): unknown => (typeof value === 'bigint' ? String(value) : value);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toLowerCase(), text(value)]));
}
