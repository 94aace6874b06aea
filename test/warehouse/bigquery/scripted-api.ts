import { createServer, type Server } from 'node:http';
import type { BigqueryPlace } from '../../../src/warehouse/bigquery/profile.ts';

/** A request as the API would see it. */
export interface ApiRequest {
  readonly method: string;
  /** Behind `/projects/p`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ApiReply {
  readonly status?: number;
  readonly body?: unknown;
  /** The connection breaks after the request has arrived. */
  readonly lost?: boolean;
}

/** Answers as a test says, in the shapes of https://cloud.google.com/bigquery/docs/reference/rest/v2; keeps what was asked. */
export class ScriptedApi {
  readonly requests: ApiRequest[] = [];
  answer: (request: ApiRequest) => ApiReply | Promise<ApiReply> = () => ({ status: 500 });
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((incoming, response) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('end', async () => {
        const url = new URL(incoming.url ?? '', 'http://api');
        const text = Buffer.concat(parts).toString('utf8');
        const request: ApiRequest = {
          method: incoming.method ?? '',
          path: url.pathname.replace('/bigquery/v2/projects/p', ''),
          query: url.searchParams,
          body: text === '' ? {} : (JSON.parse(text) as Readonly<Record<string, unknown>>),
        };
        this.requests.push(request);
        const { status = 200, body = {}, lost = false } = await this.answer(request);
        if (lost) return incoming.socket.destroy();
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    const address = this.#server.address();
    if (address !== null && typeof address !== 'string') this.#port = address.port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  place(settings: Partial<BigqueryPlace> = {}): BigqueryPlace {
    return {
      project: 'p',
      executionProject: 'p',
      location: 'EU',
      apiEndpoint: `http://127.0.0.1:${this.#port}`,
      quotaProject: null,
      priority: 'INTERACTIVE',
      maximumBytesBilled: null,
      jobTimeoutMs: null,
      retries: 1,
      reservation: null,
      scopes: [],
      auth: { kind: 'token', token: 'unused' },
      impersonate: null,
      ...settings,
    };
  }

  asked(method: string, path: RegExp): readonly ApiRequest[] {
    return this.requests.filter((request) => request.method === method && path.test(request.path));
  }
}

/** An error as the API sends it. */
export function apiError(status: number, reason: string, message: string): ApiReply {
  return { status, body: { error: { code: status, message, errors: [{ reason, message, domain: 'global' }] } } };
}

/** A job as the API describes it. `id` is what the client chose. */
export function apiJob(id: string, state: 'PENDING' | 'RUNNING' | 'DONE', more: ApiJobParts = {}): ApiReply {
  const { type = 'SELECT', changed, error, statistics } = more;
  return {
    body: {
      kind: 'bigquery#job',
      jobReference: { projectId: 'p', jobId: id, location: 'EU' },
      status: { state, ...(error ? { errorResult: error, errors: [error] } : {}) },
      configuration: { query: {} },
      ...(state === 'DONE'
        ? {
            statistics: statistics ?? {
              query: { statementType: type, ...(changed === undefined ? {} : { numDmlAffectedRows: changed }) },
            },
          }
        : {}),
    },
  };
}

interface ApiJobParts {
  readonly type?: string;
  readonly changed?: string;
  readonly error?: { readonly reason: string; readonly message: string };
  readonly statistics?: unknown;
}
