import type { Column, Connection, ConnectionOptions, RowStatement } from 'snowflake-sdk';
import { DinmoError } from '../../errors.ts';
import { LateTransaction } from '../late-transaction.ts';
import { SharedTurns } from '../turns.ts';
import type { AppendType, Row, TableName, Value, Warehouse, WarehouseColumn } from '../warehouse.ts';
import { connectionError, statementError, uncountedAnswer } from './errors.ts';
import { accessToken } from './oauth.ts';
import type { SnowflakeAccount } from './profile.ts';
import { snowflakeState } from './state-dialect.ts';
import { readers, typeName } from './values.ts';

const CHUNK_ROWS = 5_000;
/** Rows are appended as one text, of which `parse_json` takes 16 MB. Many bound values would be staged, and a stage ends a transaction. */
const APPEND_CHARACTERS = 2_000_000;

/**
 * Opens a Snowflake session as dbt-snowflake would. Throws DinmoError `snowflake-unreachable`, `snowflake-login-refused`.
 */
export async function openSnowflake(account: SnowflakeAccount): Promise<Warehouse> {
  return new SnowflakeSession(account, await connect(account), {});
}

async function connect(account: SnowflakeAccount): Promise<Connection> {
  const { default: driver } = (await import('snowflake-sdk')) as unknown as {
    readonly default: typeof import('snowflake-sdk'); // CommonJS, whose types know no default
  };
  driver.configure({ logLevel: 'OFF', additionalLogToConsole: false, disableOCSPChecks: account.insecure });
  const token = account.refresh === null ? {} : { token: await accessToken(account.refresh) };
  const options: ConnectionOptions = {
    ...account.options,
    ...token,
    application: 'dinmo',
    rowMode: 'array',
    // Texts keep every digit; the rest is ours.
    fetchAsString: ['Number', 'JSON'],
    representNullAsStringNull: false,
  };
  try {
    const connection = driver.createConnection(options);
    await new Promise<void>((resolve, reject) => {
      const settle = (error: unknown): void => (error ? reject(error) : resolve());
      // A browser is waited for by this one only.
      if (account.interactive) connection.connectAsync(settle).catch(reject);
      else connection.connect(settle);
    });
    await new Promise<void>((resolve, reject) => {
      connection.execute({ sqlText: SETTINGS, complete: (error) => (error ? reject(error) : resolve()) });
    });
    return connection;
  } catch (thrown) {
    throw connectionError(account.place, thrown);
  }
}

/**
 * What an account or a user may have set otherwise for every session (ALTER SESSION, Snowflake SQL reference): changes that nobody
 * commits, results that end early, a merge that picks one of two rows, and texts of values. How names in quotation marks are read is
 * left as dbt has it.
 */
const SETTINGS = `alter session set ${[
  'autocommit = true',
  'rows_per_resultset = 0',
  'error_on_nondeterministic_merge = true',
  'timestamp_day_is_always_24h = false',
  "timezone = 'UTC'",
  "timestamp_type_mapping = 'TIMESTAMP_NTZ'",
  "date_input_format = 'AUTO'",
  "time_input_format = 'AUTO'",
  "timestamp_input_format = 'AUTO'",
  "date_output_format = 'YYYY-MM-DD'",
  "time_output_format = 'HH24:MI:SS'",
  "timestamp_output_format = 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM'",
  "timestamp_ntz_output_format = 'YYYY-MM-DD HH24:MI:SS.FF3'",
  "timestamp_ltz_output_format = ''",
  "timestamp_tz_output_format = ''",
  "binary_input_format = 'HEX'",
  "binary_output_format = 'HEX'",
].join(', ')}`;

class SnowflakeSession implements Warehouse {
  readonly state = snowflakeState;
  /** A write takes a tenth of a second and more, and keeps the warehouse awake. */
  readonly answersEveryMs = 30_000;
  readonly #account: SnowflakeAccount;
  readonly #connection: Connection;
  /** A lease that is renewed and a journal that is written meet here: a session takes one statement at a time. */
  readonly #turns = new SharedTurns();
  readonly #transaction = new LateTransaction((sql) => this.#execute(sql));
  #running: RowStatement | null = null;
  #labels: Readonly<Record<string, string>>;

  constructor(account: SnowflakeAccount, connection: Connection, labels: Readonly<Record<string, string>>) {
    this.#account = account;
    this.#connection = connection;
    this.#labels = labels;
  }

  async run(sql: string): Promise<number> {
    return await this.#guard(sql, async () => {
      await this.#transaction.before(sql);
      const statement = await this.#execute(sql);
      if (MAKES_SCHEMA.test(sql)) await this.#return();
      const changed = statement.getNumUpdatedRows();
      if (!CHANGING.test(sql)) return 0;
      if (typeof changed !== 'number' || !Number.isInteger(changed) || changed < 0)
        throw uncountedAnswer('how many rows it changed', sql);
      return changed;
    });
  }

  async query(sql: string): Promise<Row[]> {
    return await this.#guard(sql, async () => {
      await this.#transaction.before(sql);
      const rows: Row[] = [];
      for await (const chunk of chunksOf(await this.#execute(sql), sql)) for (const row of chunk) rows.push(row);
      return rows;
    });
  }

  async *stream(sql: string): AsyncIterable<readonly Row[]> {
    const chunks = await this.#guard(sql, async () => chunksOf(await this.#execute(sql), sql));
    const iterator = chunks[Symbol.asyncIterator]();
    try {
      for (;;) {
        // What cannot be fetched shows when its chunk is read.
        const chunk = await this.#guard(sql, () => iterator.next());
        if (chunk.done) return;
        yield chunk.value;
      }
    } finally {
      await iterator.return(undefined);
    }
  }

  async append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void> {
    if (rows.length === 0) return;
    const columns = types.map((type, index) => `cast(item.value[${index}]::varchar as ${snowflakeState.type(type)})`);
    const sql = `insert into ${snowflakeState.table(table)} select ${columns.join(', ')} from table(flatten(input => parse_json(?))) as item`;
    for (const part of appended(types, rows)) {
      await this.#guard(sql, async () => {
        if (table.schema !== null) await this.#transaction.changes();
        const changed = (await this.#execute(sql, { binds: [part.json] })).getNumUpdatedRows();
        if (changed !== part.rows) throw uncountedAnswer(`that it took all ${part.rows} rows`, sql);
      });
    }
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    return await this.#turns.takeAll(() => this.#transaction.run(work));
  }

  async describe(sql: string): Promise<readonly WarehouseColumn[]> {
    return await this.#guard(sql, async () => {
      const columns = (await this.#execute(sql, { describeOnly: true })).getColumns() ?? [];
      return columns.map((column) => ({ name: column.getName(), dataType: typeName(column) }));
    });
  }

  tag(labels: Readonly<Record<string, string>>): void {
    this.#labels = labels;
  }

  async another(): Promise<Warehouse> {
    return new SnowflakeSession(this.#account, await connect(this.#account), this.#labels);
  }

  interrupt(): void {
    this.#running?.cancel(() => {});
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#connection.destroy(() => resolve());
    });
  }

  #execute(
    sqlText: string,
    more: { readonly binds?: readonly string[]; readonly describeOnly?: boolean } = {},
  ): Promise<RowStatement> {
    return new Promise((resolve, reject) => {
      this.#running = this.#connection.execute({
        sqlText,
        streamResult: true,
        // A tag of a session would take a statement of its own each time.
        parameters: { QUERY_TAG: this.#queryTag() },
        ...(more.binds === undefined ? {} : { binds: more.binds }),
        ...(more.describeOnly === undefined ? {} : { describeOnly: more.describeOnly }),
        complete: (error, statement) => {
          this.#running = null;
          if (error) reject(error);
          else resolve(statement);
        },
      });
    });
  }

  /** Who makes a schema is in it from then on: temporary tables go on where the profile says. */
  async #return(): Promise<void> {
    const { database, schema } = this.#account.options;
    const place = [database ?? '', schema ?? ''].map(snowflakeState.identifier).join('.');
    await this.#execute(`use schema ${place}`).catch(() => {});
  }

  /** At most 2,000 characters. */
  #queryTag(): string {
    const { queryTag } = this.#account;
    return JSON.stringify({
      tool: 'dinmo',
      ...this.#labels,
      ...(queryTag === null ? {} : { tag: queryTag.slice(0, 1000) }),
    });
  }

  async #guard<T>(sql: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#turns.take(work);
    } catch (thrown) {
      // A fault of ours is not the warehouse's.
      throw thrown instanceof DinmoError || thrown instanceof TypeError ? thrown : statementError(thrown, sql);
    }
  }
}

const MAKES_SCHEMA = /^\s*create schema\b/i;
const CHANGING = /^\s*(insert|update|delete|merge)\b/i;

/** The rows of an answer, as many as it says it has: the driver gives none, and no error, where it does not say. */
async function* chunksOf(statement: RowStatement, sql: string): AsyncGenerator<readonly Row[]> {
  const expected: unknown = statement.getNumRows();
  if (typeof expected !== 'number' || !Number.isInteger(expected) || expected < 0)
    throw uncountedAnswer('how many rows it has', sql);
  const read = readers(statement.getColumns() ?? ([] as Column[]));
  let chunk: Row[] = [];
  let found = 0;
  if (expected > 0) {
    for await (const values of statement.streamRows()) {
      chunk.push(read(values as readonly unknown[]));
      found++;
      if (chunk.length < CHUNK_ROWS) continue;
      yield chunk;
      chunk = [];
    }
  }
  if (found !== expected) throw uncountedAnswer(`where ${expected - found} of its ${expected} rows are`, sql);
  if (chunk.length > 0) yield chunk;
}

/** The rows as JSON arrays of texts, which keep every digit. */
function* appended(
  types: readonly AppendType[],
  rows: readonly (readonly Value[])[],
): Generator<{ readonly json: string; readonly rows: number }> {
  let part: string[] = [];
  let size = 0;
  for (const row of rows) {
    const json = JSON.stringify(types.map((type, index) => plain(type, row[index] ?? null)));
    if (size + json.length > APPEND_CHARACTERS && part.length > 0) {
      yield { json: `[${part.join(',')}]`, rows: part.length };
      part = [];
      size = 0;
    }
    part.push(json);
    size += json.length;
  }
  yield { json: `[${part.join(',')}]`, rows: part.length };
}

function plain(type: AppendType, value: Value): string | null {
  if (value === null) return null;
  return type === 'timestamp' ? String(value).replace('T', ' ').replace(/Z$/, '') : String(value);
}
