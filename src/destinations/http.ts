import type { Pool } from 'undici';

/** One request to a platform. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text or bytes (compressed, encoded) of the body; objects are for the caller to serialise. */
  readonly body?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What came back. The body is text, at most 16 MiB of it. */
export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body as JSON; undefined when it is not. */
  json(): unknown;
}

/** The connection failed. `applied` says whether the platform may have seen the whole request. */
export class TransportError extends Error {
  readonly applied: 'no' | 'maybe';
  readonly code: string;
  constructor(code: string, message: string, applied: 'no' | 'maybe') {
    super(message);
    this.name = 'TransportError';
    this.code = code;
    this.applied = applied;
  }
}

/** The only way for a platform to talk to the outside. Redirects are not followed. Throws TransportError only. */
export interface HttpClient {
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Loads what the first request needs, while something else is waited for. */
  load?(): void;
}

export interface HttpClientOptions {
  /** Connections to one origin; a further request waits for a free one. Default 64. */
  readonly connectionsMax?: number;
  /** Time for a whole request, in milliseconds, from the call to the last byte; a request may state its own. Default 60 s. */
  readonly timeoutMs?: number;
  /** Time to connect, in milliseconds. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** Default 16 MiB. */
  readonly responseBytesMax?: number;
}

/** An HttpClient that holds connections until it is closed. */
export interface ClosableHttpClient extends HttpClient {
  /** Closes every connection once its request has ended. */
  close(): Promise<void>;
}

/**
 * The HTTP client of the program: a pool of connections for each origin, HTTP/1.1 without pipelining (a POST that shares a
 * connection with a failed one has an unknown outcome), no redirects, capped answers, no retry of its own.
 */
export function createHttpClient(options: HttpClientOptions = {}): ClosableHttpClient {
  const pools = new Map<string, Promise<Pool>>();
  const timeoutMs = options.timeoutMs ?? 60_000;
  const openPool = async (origin: string): Promise<Pool> => {
    const undici = await import('undici');
    return new undici.Pool(origin, {
      connections: options.connectionsMax ?? 64,
      pipelining: 1,
      allowH2: false,
      maxResponseSize: options.responseBytesMax ?? 16 * 1024 * 1024,
      connect: { timeout: options.connectTimeoutMs ?? 10_000 },
      // The deadline of each request is our own.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  };
  const poolOf = (origin: string): Promise<Pool> => {
    const known = pools.get(origin);
    if (known !== undefined) return known;
    const pool = openPool(origin);
    pools.set(origin, pool);
    return pool;
  };
  return {
    async request(request) {
      const url = readUrl(request.url);
      if (request.signal?.aborted)
        throw new TransportError('aborted', 'The request was stopped before it was sent', 'no');
      const deadline = AbortSignal.timeout(request.timeoutMs ?? timeoutMs);
      const signal = request.signal === undefined ? deadline : AbortSignal.any([request.signal, deadline]);
      try {
        return await exchange(await poolOf(url.origin), url, { ...request, signal });
      } catch (thrown) {
        throw transportError(thrown, deadline.aborted);
      }
    },
    load() {
      // What is wrong with it shows at the first request.
      import('undici').catch(() => {});
    },
    async close() {
      const open = await Promise.all(pools.values());
      pools.clear();
      await Promise.all(open.map((pool) => pool.close()));
    },
  };
}

async function exchange(pool: Pool, url: URL, request: HttpRequest): Promise<HttpResponse> {
  const answer = await pool.request({
    method: request.method,
    path: `${url.pathname}${url.search}`,
    headers: { accept: 'application/json', 'user-agent': 'dbt-dinmo', ...request.headers },
    body: request.body ?? null,
    signal: request.signal ?? null,
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  const coding = headers['content-encoding']?.trim().toLowerCase();
  const isPlain = coding === undefined || coding === '' || coding === 'identity';
  const body = isPlain ? await answer.body.text() : await decoded(Buffer.from(await answer.body.arrayBuffer()), coding);
  return {
    status: answer.statusCode,
    headers,
    body,
    json() {
      try {
        return JSON.parse(body);
      } catch {
        return undefined;
      }
    },
  };
}

const DECODED_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The text of a compressed body: nobody asked for one, and some gateways send it nevertheless (RFC 9110 lets them). What cannot be
 * decoded stays as it is: it is no answer that anybody reads.
 */
async function decoded(bytes: Buffer, coding: string): Promise<string> {
  const zlib = await import('node:zlib');
  const options = { maxOutputLength: DECODED_BYTES_MAX };
  try {
    if (coding === 'br') return zlib.brotliDecompressSync(bytes, options).toString();
    return zlib.unzipSync(bytes, options).toString();
  } catch {
    return bytes.toString();
  }
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return url;
  throw new TransportError('invalid-url', 'The address is not an http or https URL', 'no');
}

/** Failures before the first byte could be sent: the name, the connection, its certificate. */
const NEVER_SENT =
  /^(ENOTFOUND|EAI_|ECONNREFUSED|UND_ERR_CONNECT_TIMEOUT|UND_ERR_INVALID_ARG|ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_SSL_|ERR_INVALID_)/;

/** What was thrown on the way, in our words. `timedOut`: our own deadline ended it. */
export function transportError(thrown: unknown, timedOut: boolean): TransportError {
  if (thrown instanceof TransportError) return thrown;
  const failure = describe(thrown);
  if (failure.syscall === 'connect' || failure.syscall === 'getaddrinfo' || NEVER_SENT.test(failure.code)) {
    return new TransportError(failure.code, `The connection failed (${failure.code})`, 'no');
  }
  if (timedOut) return new TransportError('timeout', 'No answer in time', 'maybe');
  if (failure.code === 'UND_ERR_ABORTED' || failure.code === 'ABORT_ERR') {
    return new TransportError('aborted', 'The request was stopped', 'maybe');
  }
  return new TransportError(failure.code, `The connection broke (${failure.code})`, 'maybe');
}

/** Code and system call of whatever was thrown. Its text is left out: it may hold headers or a body. */
function describe(thrown: unknown): { readonly code: string; readonly syscall: string | null } {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return describe(thrown.errors[0]);
  if (typeof thrown !== 'object' || thrown === null) return { code: 'unknown', syscall: null };
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'unknown';
  const name = 'name' in thrown && thrown.name === 'AbortError' ? 'ABORT_ERR' : code;
  const syscall = 'syscall' in thrown && typeof thrown.syscall === 'string' ? thrown.syscall : null;
  return { code: code === 'unknown' ? name : code, syscall };
}
