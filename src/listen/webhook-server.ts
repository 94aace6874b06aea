import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { DinmoError, messageOf } from '../errors.ts';

/** An answer: its status and what it says, as JSON. */
export interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a path takes. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** `body` is empty for GET. Never rejects. */
  answer(request: { readonly headers: IncomingMessage['headers']; readonly body: Buffer }): Reply;
}

export interface WebhookServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly routes: ReadonlyMap<string, Route>;
  /** Told of what never reached a route. */
  readonly refused: (reason: string, status: number) => void;
  /** Time for a whole request, in milliseconds. Default 5 s: dbt Cloud itself gives up after 10. */
  readonly requestMs?: number;
}

export interface WebhookServer {
  /** `http://<host>:<port>`. */
  readonly url: string;
  /** Takes nothing more; resolves when the last answer has gone out. */
  close(): Promise<void>;
}

/** A webhook of dbt Cloud has about one kilobyte. */
const BODY_BYTES_MAX = 256 * 1024;
const CONNECTIONS_MAX = 128;
const REQUEST_MS = 5_000;

/**
 * An HTTP server for few, short requests: whoever sends slowly, too much or too often is cut off, and nobody else waits for it.
 * Throws DinmoError `listener-port-taken`.
 */
export async function openWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const requestMs = options.requestMs ?? REQUEST_MS;
  const limits = {
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    connectionsCheckingInterval: Math.ceil(requestMs / 4),
    keepAliveTimeout: requestMs,
    maxHeaderSize: 16 * 1024,
  };
  const server = createServer(limits, (request, response) => {
    // Who goes away in the middle of a request gets no answer.
    handle(request, response, options).catch(() => response.destroy());
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.maxRequestsPerSocket = 100;
  // A client that takes no answer holds its connection no longer than one that sends none.
  server.setTimeout(2 * requestMs, (socket) => socket.destroy());
  await listen(server, options);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(() => server.closeAllConnections(), requestMs);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

function listen(server: Server, { host, port }: WebhookServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new DinmoError({
          kind: 'configuration',
          code: 'listener-port-taken',
          message: `Nothing can be heard on ${host}:${port}: ${messageOf(cause)}.`,
          fix: 'Stop the program that has the port, or give another one with --port, or another address with --host.',
          cause,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, refused }: WebhookServerOptions,
): Promise<void> {
  const refuse = (status: number, reason: string, headers: Readonly<Record<string, string>> = {}): void => {
    refused(reason, status);
    // What is left of the request is not read.
    send(response, { status, body: { status: 'refused', reason }, headers: { connection: 'close', ...headers } });
  };
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const route = routes.get(path);
  if (route === undefined) return refuse(404, 'unknown path');
  const isHead = request.method === 'HEAD' && route.method === 'GET';
  if (request.method !== route.method && !isHead)
    return refuse(405, 'another method is needed', { allow: route.method });
  if (route.method === 'GET') return send(response, route.answer({ headers: request.headers, body: Buffer.alloc(0) }));
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    return refuse(415, 'the content type is not application/json');
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') return refuse(415, 'the body is encoded');
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) return refuse(413, 'the body is too large');
  const body = await readBody(request);
  if (body === null) return refuse(413, 'the body is too large');
  send(response, route.answer({ headers: request.headers, body }));
}

/** null where it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    // A request is a stream of buffers as long as no encoding is set.
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, { status, body, headers }: Reply): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  // node:http leaves the body out of the answer to HEAD.
  response.end(text);
}
