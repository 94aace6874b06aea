import { AsyncLocalStorage } from 'node:async_hooks';
import type { BigQuery } from '@google-cloud/bigquery';
import { DinmoError } from '../../errors.ts';
import { Turns } from '../turns.ts';
import type { AppendType, Row, TableName, Value, Warehouse, WarehouseColumn } from '../warehouse.ts';
import { bigqueryClient } from './client.ts';
import { failureOf, isMissing, statementError } from './errors.ts';
import { type DryRun, type Finished, Jobs, type JobsOptions } from './jobs.ts';
import { plainRows, typeName } from './rows.ts';
import { bigqueryState } from './state-dialect.ts';
import { CONDITION_FAILED, GatheredTransaction, transactionScript } from './transaction.ts';
import { type Script, Waiting } from './waiting.ts';

/** So a table takes a few thousand writes a day at most: https://cloud.google.com/bigquery/quotas (API v2). */
const ANSWERS_EVERY_MS = 30_000;
/** Rows of a page that is streamed. */
const STREAM_ROWS = 4_000;
/** Text of appended rows: a statement has a megabyte at most, after its characters are escaped, a request ten. */
const LITERAL_CHARACTERS = 400_000;
const PARAMETER_CHARACTERS = 2_500_000;

/**
 * Opens BigQuery as dbt-bigquery would. Nothing is asked of the network before the first statement. Throws DinmoError
 * `bigquery-login-refused`.
 */
export async function openBigquery(options: JobsOptions): Promise<Warehouse> {
  return new BigquerySession(await bigqueryClient(options.place), options);
}

class BigquerySession implements Warehouse {
  readonly state = bigqueryState;
  readonly answersEveryMs = ANSWERS_EVERY_MS;
  readonly #client: BigQuery;
  readonly #options: JobsOptions;
  readonly #jobs: Jobs;
  /** A session runs one statement at a time. */
  readonly #turns = new Turns();
  readonly #inside = new AsyncLocalStorage<GatheredTransaction>();
  readonly #waiting = new Waiting();
  #labels: Readonly<Record<string, string>> = {};

  constructor(client: BigQuery, options: JobsOptions) {
    this.#client = client;
    this.#options = options;
    this.#jobs = new Jobs(client, options);
  }

  async run(sql: string): Promise<number> {
    if (this.#inside.getStore()?.gathers(sql) === true || this.#waiting.takes(sql)) return 0;
    // A script does not say how many rows one of its statements changed.
    await this.#flush();
    return await this.#run(sql);
  }

  async query(sql: string): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const page of this.#read(sql, null)) for (const row of page) rows.push(row);
    return rows;
  }

  stream(sql: string): AsyncIterable<readonly Row[]> {
    return this.#read(sql, STREAM_ROWS);
  }

  async append(table: TableName, types: readonly AppendType[], rows: readonly (readonly Value[])[]): Promise<void> {
    if (table.schema !== null && this.#inside.getStore()) {
      for (const json of chunks(rows, LITERAL_CHARACTERS))
        await this.run(insertion(table, types, this.state.text(json)));
      return;
    }
    for (const json of chunks(rows, PARAMETER_CHARACTERS)) {
      if (this.#waiting.characters + json.length > PARAMETER_CHARACTERS) await this.#flush();
      this.#waiting.append(json, (parameter) => insertion(table, types, parameter));
    }
    // What others read is there when this is over.
    if (table.schema !== null) await this.#flush();
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside.getStore()) return await work();
    const gathered = new GatheredTransaction();
    try {
      const result = await this.#inside.run(gathered, work);
      const script = transactionScript(gathered.pending);
      if (script !== null) await this.#runScript(script);
      return result;
    } catch (thrown) {
      // Of work that failed nothing is left to be done.
      this.#waiting.forget();
      throw thrown;
    }
  }

  require(query: string): boolean {
    const transaction = this.#inside.getStore();
    transaction?.require(query);
    return transaction !== undefined;
  }

  tag(labels: Readonly<Record<string, string>>): void {
    this.#labels = labels;
    this.#jobs.label(labels);
  }

  async describe(sql: string): Promise<readonly WarehouseColumn[]> {
    const { fields } = await this.#dryRun(sql);
    return fields.map((field) => ({ name: field.name ?? '', dataType: typeName(field) }));
  }

  async estimate(sql: string): Promise<number> {
    return (await this.#dryRun(sql)).bytes;
  }

  async tables({ database, schema }: Omit<TableName, 'name'>): Promise<readonly string[]> {
    const dataset = this.#client.dataset(schema ?? '', { projectId: database ?? this.#options.place.project });
    try {
      const [tables] = await this.#turns.take(() => dataset.getTables());
      return tables.map((table) => table.id ?? '');
    } catch (thrown) {
      // No such dataset has no table.
      if (isMissing(failureOf(thrown))) return [];
      const { executionProject: project } = this.#options.place;
      throw statementError(thrown, `tables of ${schema}`, { jobId: 'none', location: null, principal: null, project });
    }
  }

  async another(): Promise<Warehouse> {
    await this.#flush();
    const other = new BigquerySession(this.#client, this.#options);
    other.tag(this.#labels);
    return other;
  }

  interrupt(): void {
    this.#jobs.cancel();
  }

  /** A session ends by itself within a day; told, it gives back its temporary tables at once. */
  async close(): Promise<void> {
    const { session } = this.#jobs;
    if (session !== null) await this.#run('call bq.abort_session()').catch(() => {});
  }

  async #run(sql: string): Promise<number> {
    return (await this.#turns.take(() => this.#jobs.run(sql))).rowsChanged;
  }

  /** Sends what waits for an answer that somebody wants. */
  async #flush(): Promise<void> {
    if (!this.#waiting.isEmpty) await this.#send(this.#waiting.scriptWith(null));
  }

  async #send({ sql, session, texts, appends }: Script): Promise<Finished> {
    return await this.#turns.take(() => this.#jobs.run(sql, { session, texts, once: appends }));
  }

  async #dryRun(sql: string): Promise<DryRun> {
    if (this.#waiting.makesWhatIsNamedIn(sql)) await this.#flush();
    return await this.#turns.take(() => this.#jobs.dryRun(sql));
  }

  async *#read(sql: string, pageRows: number | null): AsyncIterable<readonly Row[]> {
    this.#inside.getStore()?.checkReads(sql);
    // The answer of a script is that of the last statement which has one.
    const finished = await this.#send(this.#waiting.scriptWith(sql));
    for await (const page of this.#jobs.pages(finished, pageRows)) yield plainRows(page.fields, page.rows);
  }

  async #runScript(script: string): Promise<void> {
    try {
      await this.#send(this.#waiting.scriptWith(script));
    } catch (thrown) {
      // In a session, a script that failed may leave its transaction open.
      if (this.#jobs.session !== null) await this.#run('rollback transaction').catch(() => {});
      if (!(thrown instanceof DinmoError) || !thrown.message.includes(CONDITION_FAILED)) throw thrown;
      throw new DinmoError({
        kind: 'stopped',
        code: 'changed-meanwhile',
        message: 'Another process took over while this one was at work, so nothing of it was written.',
        fix: 'Run it again.',
        cause: thrown,
      });
    }
  }
}

const CASTS: Readonly<Record<AppendType, (json: string) => string>> = {
  text: (json) => json,
  bigint: (json) => `cast(${json} as int64)`,
  integer: (json) => `cast(${json} as int64)`,
  boolean: (json) => `cast(${json} as bool)`,
  timestamp: (json) => `cast(${json} as timestamp)`,
};

/** One statement for many rows: they travel as one JSON text, which is read on the other side. */
function insertion(table: TableName, types: readonly AppendType[], json: string): string {
  const columns = types.map((type, index) => CASTS[type](`json_value(r, '$[${index}]')`));
  return `insert into ${bigqueryState.table(table)} select ${columns.join(', ')} from unnest(json_query_array(${json})) as r`;
}

/** The rows as JSON texts of limited length. */
function* chunks(rows: readonly (readonly Value[])[], charactersMax: number): Generator<string> {
  let chunk: string[] = [];
  let size = 0;
  for (const row of rows) {
    const json = JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
    if (chunk.length > 0 && size + json.length > charactersMax) {
      yield `[${chunk.join(',')}]`;
      chunk = [];
      size = 0;
    }
    chunk.push(json);
    size += json.length;
  }
  if (chunk.length > 0) yield `[${chunk.join(',')}]`;
}
