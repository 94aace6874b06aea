import type { ClientConfig, CustomTypesConfig, Client as PgClient, QueryResult } from 'pg';
import { DinmoError } from '../../errors.ts';
import { SharedTurns } from '../turns.ts';
import type { AppendType, Row, TableName, Value, Warehouse, WarehouseColumn } from '../warehouse.ts';
import { connectionError, statementError } from './errors.ts';
import type { PostgresServer } from './profile.ts';
import { postgresState } from './state-dialect.ts';

/** The oldest server that has `hash_record_extended` and `bit_xor`. */
const VERSION_MIN = 140_000;
const CHUNK_ROWS = 5_000;
const APPEND_ROWS = 20_000;

/**
 * Opens a PostgreSQL session as dbt-postgres would: role, search path, certificates. Throws DinmoError `postgres-unreachable`,
 * `postgres-login-refused`, `postgres-too-old`.
 */
export async function openPostgres(server: PostgresServer): Promise<Warehouse> {
  return new PostgresSession(server, await openClient(server));
}

async function openClient(server: PostgresServer): Promise<PgClient> {
  const { Client } = (await import('pg')).default;
  const open = async (ssl: ClientConfig['ssl']): Promise<PgClient> => {
    const client = new Client({ ...configOf(server), ssl });
    // A connection that breaks while nothing runs would end the process; the next statement tells.
    client.on('error', () => {});
    try {
      await client.connect();
    } catch (thrown) {
      // Where the driver itself gives up (it has no password), the server still waits, and the process would not end.
      client.end().catch(() => {});
      throw thrown;
    }
    return client;
  };
  try {
    const client = await negotiate(server, open);
    try {
      await prepare(client, server);
    } catch (thrown) {
      // One that stays open keeps the process alive.
      await client.end().catch(() => {});
      throw thrown;
    }
    return client;
  } catch (thrown) {
    throw thrown instanceof DinmoError ? thrown : connectionError(server, thrown);
  }
}

/** `prefer` and `allow` take what the server has. */
async function negotiate(
  server: PostgresServer,
  open: (ssl: ClientConfig['ssl']) => Promise<PgClient>,
): Promise<PgClient> {
  const { ssl, certificates, host } = server;
  if (ssl === 'disable' || host.startsWith('/')) return await open(false);
  if (ssl === 'verify-full') return await open({ ...certificates, rejectUnauthorized: true });
  if (ssl === 'verify-ca' || (ssl === 'require' && certificates.ca !== undefined))
    return await open({ ...certificates, rejectUnauthorized: true, checkServerIdentity: () => undefined });
  const unchecked = { ...certificates, rejectUnauthorized: false };
  if (ssl === 'require') return await open(unchecked);
  const [first, second] = ssl === 'prefer' ? [unchecked, false as const] : [false as const, unchecked];
  try {
    return await open(first);
  } catch (thrown) {
    if (!isAboutSsl(thrown)) throw thrown;
    return await open(second);
  }
}

function isAboutSsl(thrown: unknown): boolean {
  return thrown instanceof Error && /SSL|no encryption/i.test(thrown.message);
}

function configOf(server: PostgresServer): ClientConfig {
  return {
    host: server.host,
    port: server.port,
    user: server.user,
    ...(server.password === null ? {} : { password: server.password }),
    database: server.database,
    connectionTimeoutMillis: server.connectTimeoutMs,
    keepAlive: true,
    application_name: server.applicationName ?? 'dinmo',
    types: TYPES,
  };
}

async function prepare(client: PgClient, { role, searchPath }: PostgresServer): Promise<void> {
  const version = Number((await client.query('show server_version_num')).rows[0]?.server_version_num);
  if (version < VERSION_MIN) {
    throw new DinmoError({
      kind: 'warehouse',
      code: 'postgres-too-old',
      message: `The PostgreSQL server is of version ${Math.floor(version / 10_000)}; 14 or newer is needed.`,
      fix: 'Upgrade the server: 13 and older get no fixes any more.',
    });
  }
  const settings = [...PLANNING, ...MEANING, 'set client_min_messages to warning'];
  if (role !== null) settings.push(`set role ${postgresState.identifier(role)}`);
  if (searchPath !== null) settings.push(`set search_path to ${searchPath}`);
  await client.query(settings.join('; '));
}

/**
 * What dbt has just built has no statistics before autovacuum comes by, and a planner that guesses one row where there are a million
 * loops for hours. Our statements meet whole tables: they join by hash, and `not in` keeps its keys in a hash table as long as
 * they fit. Compiling them takes longer than it saves.
 */
const PLANNING = [
  'set enable_nestloop to off',
  'set jit to off',
  "select set_config('work_mem', '64MB', false) where pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024",
  "select set_config('hash_mem_multiplier', '8', false) where cast(current_setting('hash_mem_multiplier') as float8) < 8",
];

/**
 * Texts of values, and what literals and conditions mean, hang on settings that a role, a database or a server may have otherwise
 * (PostgreSQL 18, chapter 19.11 and 19.13): a key and a fingerprint are the same in every session.
 */
const MEANING = [
  "set datestyle to 'ISO, MDY'",
  "set timezone to 'UTC'",
  "set intervalstyle to 'iso_8601'",
  // Texts of numbers keep every digit.
  'set extra_float_digits to 1',
  'set bytea_output to hex',
  'set xmlbinary to base64',
  'set standard_conforming_strings to on',
  // Off, a missing value that is written in an array becomes the word NULL.
  'set array_nulls to on',
  'set transform_null_equals to off',
  // What reads many rows once needs no more, and would be turned away where others write.
  "set default_transaction_isolation to 'read committed'",
];

/** What the driver makes of values: all digits of large integers, and times as ISO text. */
const TYPES: CustomTypesConfig = {
  getTypeParser: ((oid: number) => PARSERS[oid] ?? ((text: string) => text)) as CustomTypesConfig['getTypeParser'], // its overloads differ by format, and all values come as text
};

const instant = (text: string): Value => {
  const time = new Date(
    /[+-]\d\d(:\d\d)?$/.test(text)
      ? text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')
      : `${text.replace(' ', 'T')}Z`,
  );
  return Number.isNaN(time.getTime()) ? text : time.toISOString();
};

/** By the number that PostgreSQL gives a type. */
const PARSERS: Readonly<Record<number, (text: string) => Value>> = {
  16: (text) => text === 't',
  20: (text) => BigInt(text),
  21: Number,
  23: Number,
  26: Number,
  700: Number,
  701: Number,
  1114: instant,
  1184: instant,
};

class PostgresSession implements Warehouse {
  readonly state = postgresState;
  readonly #server: PostgresServer;
  readonly #client: PgClient;
  /** A lease that is renewed and a journal that is written meet here: a session takes one statement at a time. */
  readonly #turns = new SharedTurns();

  /** What statements are for, as a comment before each: it stands in pg_stat_activity and in the server's log. */
  #comment = '';
  #labels: Readonly<Record<string, string>> = {};
  /** A cancellation on its way: it is meant for the statement that runs, and no later one. */
  #interrupting: Promise<void> | null = null;

  constructor(server: PostgresServer, client: PgClient) {
    this.#server = server;
    this.#client = client;
  }

  get #role(): string {
    return this.#server.role ?? this.#server.user;
  }

  tag(labels: Readonly<Record<string, string>>): void {
    const words = Object.entries(labels).map(([name, value]) => `${name}=${value}`.replaceAll(/[^\w.:=-]/g, '_'));
    this.#labels = labels;
    this.#comment = words.length === 0 ? '' : `/* dinmo ${words.join(' ')} */ `;
  }

  async run(sql: string): Promise<number> {
    const results = await this.#ask(sql);
    // Several statements are one text; what is asked about is the one that changes rows.
    return results.reduce((rows, { command, rowCount }) => {
      if (!CHANGING.test(command)) return rows;
      if (rowCount === null) throw statementError(new Error('no number of rows that changed'), sql, this.#role);
      return rows + rowCount;
    }, 0);
  }

  async query(sql: string): Promise<Row[]> {
    const result = (await this.#ask(sql)).at(-1);
    if (result === undefined || !Array.isArray(result.rows))
      throw statementError(new Error('no result'), sql, this.#role);
    return result.rows as Row[];
  }

  async *stream(sql: string): AsyncIterable<readonly Row[]> {
    const { default: Cursor } = await import('pg-cursor');
    const cursor = this.#client.query(new Cursor(`${this.#comment}${sql}`, [], { types: TYPES }));
    try {
      for (;;) {
        const rows = await this.#guard(sql, () => cursor.read(CHUNK_ROWS));
        if (rows.length === 0) return;
        yield rows as Row[];
      }
    } finally {
      await cursor.close().catch(() => {});
    }
  }

  async append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void> {
    const name = postgresState.table(table);
    const arrays = types.map((type, index) => `$${index + 1}::${type === 'timestamp' ? 'timestamptz' : type}[]`);
    const sql = `insert into ${name} select * from unnest(${arrays.join(', ')}) as appended`;
    for (let from = 0; from < rows.length; from += APPEND_ROWS) {
      const part = rows.slice(from, from + APPEND_ROWS);
      const columns = types.map((_, index) => part.map((row) => textOf(row[index] ?? null)));
      await this.#guard(sql, () => this.#client.query(`${this.#comment}${sql}`, columns));
    }
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    return await this.#turns.takeAll(async () => {
      // Every statement sees the same rows.
      await this.run('begin isolation level repeatable read');
      try {
        const result = await work();
        await this.run('commit');
        return result;
      } catch (thrown) {
        await this.run('rollback').catch(() => {});
        throw thrown;
      }
    });
  }

  async describe(sql: string): Promise<readonly WarehouseColumn[]> {
    const result = (await this.#ask(`select * from (${sql}) as described limit 0`)).at(-1);
    const fields = result?.fields ?? [];
    if (fields.length === 0) return [];
    const types = fields.map((field) => `format_type(${field.dataTypeID}, ${field.dataTypeModifier})`);
    const [names = []] = (
      await this.#guard(sql, () => this.#client.query({ text: `select ${types.join(', ')}`, rowMode: 'array' }))
    ).rows as string[][];
    return fields.map((field, index) => ({ name: field.name, dataType: names[index] ?? 'text' }));
  }

  async another(): Promise<Warehouse> {
    const other = await openPostgres(this.#server);
    other.tag?.(this.#labels);
    return other;
  }

  interrupt(): void {
    if (this.#interrupting !== null) return;
    const pid = (this.#client as unknown as { processID: number }).processID; // not in its types
    this.#interrupting = openClient(this.#server)
      .then(async (client) => {
        await client.query('select pg_cancel_backend($1)', [pid]).finally(() => client.end());
      })
      .catch(() => {})
      .finally(() => {
        this.#interrupting = null;
      });
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {});
  }

  async #ask(sql: string): Promise<readonly QueryResult[]> {
    const answer = await this.#guard(
      sql,
      () => this.#client.query(`${this.#comment}${sql}`) as Promise<QueryResult | QueryResult[]>,
    ); // several statements give several results
    return Array.isArray(answer) ? answer : [answer];
  }

  async #guard<T>(sql: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#turns.take(async () => {
        await this.#interrupting;
        return await work();
      });
    } catch (thrown) {
      throw thrown instanceof DinmoError ? thrown : statementError(thrown, sql, this.#role);
    }
  }
}

const CHANGING = /^(INSERT|UPDATE|DELETE|MERGE)$/;

function textOf(value: Value): string | null {
  return value === null ? null : String(value);
}
