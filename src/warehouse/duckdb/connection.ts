import { type DuckDBAppender, type DuckDBConnection, DuckDBInstance, DuckDBTimestampTZValue } from '@duckdb/node-api';
import type { Clock } from '../../clock.ts';
import { DinmoError, messageOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { SharedTurns } from '../turns.ts';
import type { AppendType, Row, TableName, Value, Warehouse, WarehouseColumn } from '../warehouse.ts';
import { missingError } from './database-file.ts';
import { duckdbState } from './state-dialect.ts';

export interface DuckdbFile {
  /** Absolute path of the database file. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly extensions: readonly string[];
  readonly attach: readonly {
    readonly path: string;
    readonly alias: string | null;
    readonly type: string | null;
    readonly readOnly: boolean;
  }[];
}

export interface OpenOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long to wait for another process that holds the file. */
  readonly lockTimeoutMs: number;
  readonly signal?: AbortSignal;
}

const LOCK_POLL_MS = 200;
const HOLDER = /held in (.+?) \(PID (\d+)\)/;

/**
 * Opens a DuckDB file, waiting for another process that holds it. Throws DinmoError `duckdb-locked` naming the holder,
 * `duckdb-newer-version`, `duckdb-missing` or `duckdb-open-failed`.
 */
export async function openDuckdb(file: DuckdbFile, options: OpenOptions): Promise<Warehouse> {
  const deadline = options.clock.now() + options.lockTimeoutMs;
  let waitingSince: number | null = null;
  for (;;) {
    try {
      const instance = await DuckDBInstance.create(file.path, {
        access_mode: file.readOnly ? 'READ_ONLY' : 'READ_WRITE',
      });
      if (waitingSince !== null)
        options.logger.info('warehouse.waited', { file: file.path, waited_ms: options.clock.now() - waitingSince });
      return await prepare(instance, file);
    } catch (thrown) {
      const message = messageOf(thrown);
      if (!message.includes('Could not set lock')) throw openError(file.path, message, thrown);
      if (options.clock.now() >= deadline || options.signal?.aborted) throw lockedError(file.path, message, thrown);
      if (waitingSince === null)
        options.logger.info('warehouse.locked', { file: file.path, holder: holderOf(message) });
      waitingSince ??= options.clock.now();
      await options.clock.sleep(LOCK_POLL_MS, options.signal);
    }
  }
}

/**
 * What our statements mean hangs on these, whatever the `settings:` of the profile say for dbt's own (DuckDB 1.5, configuration):
 * changes are numbered in the order in which they are made, keys are compared by their bytes, the smallest comes first.
 */
const MEANING = [
  'preserve_insertion_order = true',
  "Calendar = 'gregorian'",
  "TimeZone = 'UTC'",
  "default_collation = ''",
  "default_order = 'ascending'",
  "default_null_order = 'nulls_last'",
  'integer_division = false',
  'ieee_floating_point_ops = true',
  'old_implicit_casting = false',
  'scalar_subquery_error_on_multiple_rows = true',
];

async function prepare(instance: DuckDBInstance, file: DuckdbFile): Promise<Warehouse> {
  const connection = await instance.connect();
  try {
    for (const extension of file.extensions) await connection.run(`load ${duckdbState.identifier(extension)}`);
    for (const [name, value] of Object.entries(file.settings))
      await connection.run(`set global ${duckdbState.identifier(name)} = ${duckdbState.text(value)}`);
    await connection.run(MEANING.map((setting) => `set global ${setting}`).join('; '));
    for (const { path, alias, type, readOnly } of file.attach) {
      const flags = [
        type === null ? null : `type ${duckdbState.identifier(type)}`,
        readOnly ? 'read_only' : null,
      ].filter((f) => f !== null);
      const named = alias === null ? '' : ` as ${duckdbState.identifier(alias)}`;
      await connection.run(
        `attach if not exists ${duckdbState.text(path)}${named}${flags.length > 0 ? ` (${flags.join(', ')})` : ''}`,
      );
    }
    return new DuckdbSession(instance, connection, true);
  } catch (thrown) {
    connection.closeSync();
    instance.closeSync();
    throw thrown;
  }
}

function holderOf(message: string): string {
  const found = HOLDER.exec(message);
  return found ? `${found[1]?.split('/').at(-1)} (PID ${found[2]})` : 'another process';
}

function lockedError(path: string, message: string, cause: unknown): DinmoError {
  return new DinmoError({
    kind: 'stopped',
    code: 'duckdb-locked',
    message: `The DuckDB file ${path} is held by ${holderOf(message)}.`,
    fix: 'Let that process end (a dbt run, a notebook, another sync), or wait longer with --lock-timeout.',
    cause,
  });
}

function openError(path: string, message: string, cause: unknown): DinmoError {
  const version = /version number (\d+)/.exec(message);
  if (version && message.includes('newer version')) {
    return new DinmoError({
      kind: 'warehouse',
      code: 'duckdb-newer-version',
      message: `The DuckDB file ${path} was written by a newer DuckDB than the one built in here (storage version ${version[1]}).`,
      fix: "Pin duckdb==1.5.6 beside dbt-duckdb, or set config_options: {storage_compatibility_version: 'v1.5.0'} in profiles.yml and build the file again.",
      cause,
    });
  }
  if (/does not exist|No such file/i.test(message)) return missingError(path, cause);
  return new DinmoError({
    kind: 'warehouse',
    code: 'duckdb-open-failed',
    message: `DuckDB could not open ${path}: ${message}`,
    fix: 'See whether `path` of the target in profiles.yml names the file that dbt writes, and whether it may be read and written.',
    cause,
  });
}

function appendValue(appender: DuckDBAppender, type: AppendType, value: Value | undefined): void {
  if (value === null || value === undefined) {
    appender.appendNull();
    return;
  }
  switch (type) {
    case 'text':
      appender.appendVarchar(String(value));
      break;
    case 'bigint':
      appender.appendBigInt(BigInt(value));
      break;
    case 'integer':
      appender.appendInteger(Number(value));
      break;
    case 'boolean':
      appender.appendBoolean(value === true);
      break;
    case 'timestamp':
      appender.appendTimestampTZ(new DuckDBTimestampTZValue(BigInt(Date.parse(String(value))) * 1000n));
      break;
  }
}

class DuckdbSession implements Warehouse {
  readonly state = duckdbState;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #owner: boolean;
  /** A lease that is renewed and a journal that is written meet here: the driver takes one statement at a time. */
  readonly #turns = new SharedTurns();

  constructor(instance: DuckDBInstance, connection: DuckDBConnection, owner: boolean) {
    this.#instance = instance;
    this.#connection = connection;
    this.#owner = owner;
  }

  async run(sql: string): Promise<number> {
    return this.#guard(sql, async () => (await this.#connection.run(sql)).rowsChanged);
  }

  async query(sql: string): Promise<Row[]> {
    return this.#guard(sql, async () => {
      const reader = await this.#connection.runAndReadAll(sql);
      return reader.getRowObjectsJS().map(plainRow);
    });
  }

  async *stream(sql: string): AsyncIterable<readonly Row[]> {
    const result = await this.#guard(sql, () => this.#connection.stream(sql));
    const chunks = result.yieldRowObjectJs();
    // A value that cannot be computed shows when its chunk is read, not when the statement starts.
    for (;;) {
      const chunk = await this.#guard(sql, () => chunks.next());
      if (chunk.done) return;
      yield chunk.value.map(plainRow);
    }
  }

  async append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void> {
    if (rows.length === 0) return;
    const temporary = table.schema === null;
    await this.#guard(`append to ${table.name}`, async () => {
      const appender = await this.#connection.createAppender(
        table.name,
        temporary ? 'main' : table.schema,
        temporary ? 'temp' : table.database,
      );
      try {
        for (const row of rows) {
          types.forEach((type, index) => {
            appendValue(appender, type, row[index]);
          });
          appender.endRow();
        }
      } finally {
        appender.closeSync();
      }
    });
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    return await this.#turns.takeAll(async () => {
      await this.run('begin transaction');
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
    const rows = await this.query(`describe ${sql}`);
    return rows.map((row) => ({ name: String(row['column_name']), dataType: String(row['column_type']) }));
  }

  async another(): Promise<Warehouse> {
    return new DuckdbSession(this.#instance, await this.#instance.connect(), false);
  }

  interrupt(): void {
    this.#connection.interrupt();
  }

  async close(): Promise<void> {
    this.#connection.closeSync();
    if (this.#owner) this.#instance.closeSync();
  }

  async #guard<T>(sql: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#turns.take(work);
    } catch (thrown) {
      if (thrown instanceof DinmoError) throw thrown;
      throw statementError(messageOf(thrown), sql, thrown);
    }
  }
}

/** Errors about data quote the value at fault, which may be a person's. */
function withoutValues(message: string): string {
  if (!/^(?:Conversion|Constraint|Invalid Input|Out of Range|Invalid Type) Error/.test(message)) return message;
  return message.replaceAll(/'.*'|".*"/g, '…');
}

function statementError(message: string, sql: string, cause: unknown): DinmoError {
  const missing = /Table with name (\S+) does not exist|schema ["']?(\S+?)["']? does not exist/i.exec(message);
  return new DinmoError({
    kind: 'warehouse',
    code: missing ? 'relation-missing' : message.startsWith('INTERRUPT') ? 'statement-cancelled' : 'statement-failed',
    message: `DuckDB: ${withoutValues(message.split('\n')[0] ?? message)}`,
    ...(missing ? { fix: 'Run `dbt build` (after `dinmo generate`), with the same target, and try again.' } : {}),
    cause: Object.assign(new Error(sql), { original: cause }),
  });
}

function plainRow(row: Record<string, unknown>): Row {
  for (const [name, value] of Object.entries(row)) {
    if (value instanceof Date) row[name] = value.toISOString();
    else if (value !== null && typeof value === 'object')
      row[name] = JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v));
    else if (value === undefined) row[name] = null;
  }
  return row as Row;
}
