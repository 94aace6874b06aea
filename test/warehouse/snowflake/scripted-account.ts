import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';

/** What the account was asked. */
export interface Asked {
  readonly path: string;
  readonly sql: string | null;
  readonly tag: string | null;
  readonly describeOnly: boolean;
  /** Values bound to its question marks. */
  readonly binds: readonly string[];
  readonly token: string;
}

/** An answer of the account: a status other than 200, or a body. */
export type Scripted = { readonly status: number } | { readonly body: Readonly<Record<string, unknown>> } | 'never';

type Script = (asked: Asked) => Scripted | null | Promise<Scripted | null>;

/**
 * An account that answers as Snowflake's drivers document it (query requests, results, tokens), by a script: what the script leaves to
 * it succeeds and gives nothing.
 */
export class ScriptedAccount {
  readonly asked: Asked[] = [];
  /** Pieces of results, by path. */
  readonly pieces = new Map<string, readonly (readonly (string | null)[])[]>();
  script: Script = () => null;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // it listens on a port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  /** Statements in the order in which they were asked, but for the settings that a session begins with. */
  get statements(): readonly string[] {
    return this.#asked.filter((sql) => !sql.startsWith('alter session '));
  }

  /** The settings of each session, in the order in which they were opened. */
  get settings(): readonly string[] {
    return this.#asked.filter((sql) => sql.startsWith('alter session '));
  }

  get #asked(): readonly string[] {
    return this.asked.flatMap(({ sql }) => (sql === null ? [] : [sql]));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const raw = Buffer.concat(parts);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw).toString() : raw.toString();
    const path = (request.url ?? '').split('?')[0] ?? '';
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const piece = this.pieces.get(path);
    if (piece !== undefined) {
      // A piece has no brackets around its rows, and is compressed.
      const rows = JSON.stringify(piece).slice(1, -1);
      response.writeHead(200, { 'content-type': 'binary/octet-stream', 'content-encoding': 'gzip' });
      response.end(gzipSync(rows));
      return;
    }
    const parameters = (body['parameters'] ?? {}) as Record<string, unknown>;
    const asked: Asked = {
      path,
      sql: path.startsWith('/queries/v1/query-request') ? String(body['sqlText']) : null,
      tag: typeof parameters['QUERY_TAG'] === 'string' ? parameters['QUERY_TAG'] : null,
      describeOnly: body['describeOnly'] === true,
      binds: Object.values((body['bindings'] ?? {}) as Record<string, { readonly value: string }>).map(
        ({ value }) => value,
      ),
      token: /Token="([^"]*)"/.exec(request.headers.authorization ?? '')?.[1] ?? '',
    };
    this.asked.push(asked);
    const scripted = (await this.script(asked)) ?? { body: standard(path) };
    if (scripted === 'never') return;
    response.writeHead('status' in scripted ? scripted.status : 200, { 'content-type': 'application/json' });
    response.end('status' in scripted ? 'busy' : JSON.stringify(scripted.body));
  }
}

function standard(path: string): Readonly<Record<string, unknown>> {
  if (path.startsWith('/session/v1/login-request'))
    return {
      success: true,
      code: null,
      message: null,
      data: {
        token: 'first',
        masterToken: 'master',
        validityInSeconds: 3600,
        masterValidityInSeconds: 14400,
        parameters: [],
        sessionInfo: { databaseName: 'DB', schemaName: 'WORLD' },
      },
    };
  if (path.startsWith('/session/token-request'))
    return {
      success: true,
      code: null,
      message: null,
      data: { sessionToken: 'second', masterToken: 'master', validityInSecondsST: 3600, validityInSecondsMT: 14400 },
    };
  return path.startsWith('/queries/') ? rows([], []).body : { success: true, code: null, message: null, data: null };
}

export interface ScriptedColumn {
  readonly name: string;
  readonly type: string;
  readonly scale?: number;
}

/** A result with rows, which says how many there are. `more` replaces parts of its data. */
export function rows(
  columns: readonly ScriptedColumn[],
  values: readonly (readonly (string | null)[])[],
  more: Readonly<Record<string, unknown>> = {},
): { readonly body: Readonly<Record<string, unknown>> } {
  const data = {
    rowtype: columns.map(({ name, type, scale = 0 }) => ({ name, type, scale, precision: 38, nullable: true })),
    rowset: values,
    returned: values.length,
    total: values.length,
    parameters: [],
    queryId: '01b0-0001',
    statementTypeId: 4096,
    version: 1,
    queryResultFormat: 'json',
    ...more,
  };
  return { body: { success: true, code: null, message: null, data } };
}

/** What DML answers: a count for each kind of change. */
export function changed(count: number): { readonly body: Readonly<Record<string, unknown>> } {
  return rows([{ name: 'number of rows inserted', type: 'fixed' }], [[String(count)]], { statementTypeId: 12544 });
}

/** A failure, as statements and logins have them. */
export function failure(
  code: string,
  sqlState: string,
  message: string,
): { readonly body: Readonly<Record<string, unknown>> } {
  return { body: { success: false, code, message, data: { errorCode: code, sqlState, queryId: '01b0-0002' } } };
}
