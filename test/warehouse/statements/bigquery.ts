import { systemClock } from '../../../src/clock.ts';
import { silentLogger } from '../../../src/log.ts';
import { openBigquery } from '../../../src/warehouse/bigquery/connection.ts';
import type { Row, Warehouse } from '../../../src/warehouse/warehouse.ts';
import { type ApiReply, type ApiRequest, apiError, apiJob, ScriptedApi } from '../bigquery/scripted-api.ts';
import { type Record, RecordedWarehouse } from './recorded.ts';

const TYPES: Readonly<{ [type: string]: string }> = {
  INT64: 'BIGINT',
  STRING: 'VARCHAR',
  BOOL: 'BOOLEAN',
  FLOAT64: 'DOUBLE',
};
const API_TYPES: Readonly<{ [type: string]: string }> = { BIGINT: 'INTEGER', VARCHAR: 'STRING', BOOLEAN: 'BOOLEAN' };

/** Google's own client before an API whose jobs DuckDB runs. */
export async function bigqueryOnDuckdb(duckdb: Warehouse, record: Record): Promise<Warehouse> {
  const api = new ScriptedApi();
  await api.open();
  const jobs = new Jobs(duckdb, record);
  let last: Promise<unknown> = Promise.resolve();
  api.answer = (request) => {
    const answer = last.then(() => jobs.answer(request));
    last = answer.catch(() => {});
    return answer;
  };
  const session = await openBigquery({ place: api.place(), clock: systemClock, logger: silentLogger });
  const close = session.close.bind(session);
  session.close = async () => {
    await close();
    await api.close();
    await duckdb.close();
  };
  const warehouse = new RecordedWarehouse(session, record, (type) => TYPES[type] ?? type);
  return warehouse;
}

interface Done {
  readonly rows: readonly Row[];
  readonly type: string;
  readonly changed: number | null;
  readonly error: { readonly reason: string; readonly message: string } | null;
}

class Jobs {
  readonly #duckdb: Warehouse;
  readonly #record: Record;
  readonly #done = new Map<string, Done>();

  constructor(duckdb: Warehouse, record: Record) {
    this.#duckdb = duckdb;
    this.#record = record;
  }

  async answer(request: ApiRequest): Promise<ApiReply> {
    const [, kind = '', id = ''] = request.path.split('/');
    if (request.path.includes('/datasets/')) return await this.#tables(request.path);
    if (request.method === 'POST' && request.path === '/jobs') return await this.#insert(request.body);
    const done = this.#done.get(id);
    if (done === undefined) return { status: 404 };
    if (kind === 'queries') return done.error ? apiError(400, done.error.reason, done.error.message) : page(done.rows);
    const { type, changed } = done;
    const statistics = {
      query: { statementType: type, ...(changed === null ? {} : { numDmlAffectedRows: String(changed) }) },
      sessionInfo: { sessionId: 'the-session' },
    };
    return apiJob(id, 'DONE', done.error ? { error: done.error } : { statistics });
  }

  async #tables(path: string): Promise<ApiReply> {
    this.#record.sent.push('-- GET datasets/…/tables');
    const dataset = decodeURIComponent(/datasets\/([^/]+)/.exec(path)?.[1] ?? '');
    const rows = await this.#duckdb.query(
      `select table_name from information_schema.tables where table_schema = '${dataset}'`,
    );
    if (rows.length === 0) return apiError(404, 'notFound', `Not found: Dataset ${dataset}`);
    return { body: { tables: rows.map((row) => ({ tableReference: { tableId: row['table_name'] } })) } };
  }

  async #insert(body: ApiRequest['body']): Promise<ApiReply> {
    const { jobReference, configuration } = body as unknown as Inserted; // as the client sends it
    const { jobId } = jobReference;
    const { query, queryParameters = [] } = configuration.query;
    if (configuration.dryRun === true) {
      this.#record.sent.push(`-- dry run\n${query}`);
      const columns = await this.#duckdb.describe(this.#record.meaningOf(query) ?? query);
      const fields = columns.map(({ name, dataType }) => ({ name, type: API_TYPES[dataType] ?? dataType }));
      const statistics = { query: { totalBytesProcessed: '1000', schema: { fields } } };
      return { body: { jobReference, status: { state: 'DONE' }, statistics } };
    }
    this.#record.sent.push(query);
    this.#done.set(
      jobId,
      await this.#run(
        query,
        new Map(queryParameters.map(({ name, parameterValue }) => [`@${name}`, parameterValue.value])),
      ),
    );
    return apiJob(jobId, 'RUNNING');
  }

  async #run(query: string, parameters: ReadonlyMap<string, string>): Promise<Done> {
    const statements = this.#statements(query);
    try {
      let done: Done = { rows: [], type: 'SCRIPT', changed: null, error: null };
      for (const statement of statements) done = await this.#one(statement, parameters);
      return statements.length === 1 ? done : { ...done, type: 'SCRIPT', changed: null };
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      await this.#duckdb.run('rollback').catch(() => {});
      return { rows: [], type: 'SCRIPT', changed: null, error: { reason: 'invalidQuery', message } };
    }
  }

  /** The statements of a script; one of the engine's may itself be several. */
  #statements(script: string): readonly string[] {
    const found: string[] = [];
    let open: string | null = null;
    for (const part of script.split(';\n')) {
      const statement: string = open === null ? part : `${open};\n${part}`;
      const isOurs: boolean =
        open === null &&
        /^(begin|commit|rollback|call|select if\(exists|insert into \S+ select .* from unnest)/s.test(part);
      open = isOurs || this.#record.meaningOf(statement) !== null ? null : statement;
      if (open === null) found.push(statement);
    }
    if (open !== null) throw new Error(`no meaning of ${open}`);
    return found;
  }

  async #one(statement: string, parameters: ReadonlyMap<string, string>): Promise<Done> {
    const type = /^\s*(\w+)/.exec(statement)?.[1]?.toUpperCase() ?? '';
    const condition = /^select if\(exists \((.*)\), 1, error\('(.*)'\)\)$/s.exec(statement);
    const none: Done = { rows: [], type, changed: null, error: null };
    if (/^call bq\.abort_session/.test(statement)) return none;
    if (condition) {
      const rows = await this.#duckdb.query(this.#meaning(condition[1] ?? ''));
      if (rows.length === 0) throw new Error(condition[2]);
      return none;
    }
    const appended = /^insert into (\S+) select .* from unnest\(json_query_array\((.*)\)\) as r$/s.exec(statement);
    if (appended && this.#record.meaningOf(statement) === null)
      return {
        ...none,
        changed: await this.#append(
          appended[1] ?? '',
          parameters.get(appended[2] ?? '') ?? unescaped(appended[2] ?? ''),
        ),
      };
    if (type === 'SELECT' || type === 'WITH')
      return { ...none, type: 'SELECT', rows: await this.#duckdb.query(this.#meaning(statement)) };
    const changed = await this.#duckdb.run(this.#meaning(statement));
    return { ...none, type, changed: /^(INSERT|UPDATE|DELETE|MERGE)$/.test(type) ? changed : null };
  }

  async #append(table: string, json: string): Promise<number> {
    const rows = JSON.parse(json) as readonly (readonly unknown[])[];
    const text = (value: unknown): string => (value === null ? 'null' : `'${String(value).replaceAll("'", "''")}'`);
    const values = rows.map((row) => `(${row.map(text).join(', ')})`);
    await this.#duckdb.run(`insert into ${table.replaceAll('`', '"')} values ${values.join(', ')}`);
    return rows.length;
  }

  #meaning(statement: string): string {
    const control = /^(begin|commit|rollback) transaction$/.exec(statement)?.[1];
    const meaning = control ?? this.#record.meaningOf(statement);
    if (meaning === null) throw new Error(`no meaning of ${statement}`);
    return meaning;
  }
}

interface Inserted {
  readonly jobReference: { readonly jobId: string };
  readonly configuration: {
    readonly dryRun?: boolean;
    readonly query: {
      readonly query: string;
      readonly queryParameters?: readonly {
        readonly name: string;
        readonly parameterValue: { readonly value: string };
      }[];
    };
  };
}

/** The text of a literal. */
function unescaped(literal: string): string {
  return literal
    .slice(1, -1)
    .replaceAll(/\\(x..|.)/gs, (_, code: string) =>
      code.length > 1
        ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
        : ({ n: '\n', t: '\t', r: '\r' }[code] ?? code),
    );
}

function page(rows: readonly Row[]): ApiReply {
  const names = Object.keys(rows[0] ?? {});
  const typeOf = (name: string): string => {
    const value = rows.map((row) => row[name]).find((one) => one !== null);
    if (typeof value === 'bigint') return 'INTEGER';
    return typeof value === 'number' ? 'FLOAT' : typeof value === 'boolean' ? 'BOOLEAN' : 'STRING';
  };
  return {
    body: {
      jobComplete: true,
      totalRows: String(rows.length),
      schema: { fields: names.map((name) => ({ name, type: typeOf(name) })) },
      rows: rows.map((row) => ({
        f: names.map((name) => ({ v: row[name] === null ? null : String(row[name]) })),
      })),
    },
  };
}
