import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { DinmoError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

const BODY_BYTES_MAX = 32 * 1024 * 1024;
const LOOPBACK = '127.0.0.1';

export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Outgoing {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers a request; `cut` resets the connection. */
export type Handler = (incoming: Incoming) => Promise<Outgoing | 'cut'>;

export interface LoopbackServer {
  readonly url: string;
  /** From now on, requests go here; until then they are answered with 503. */
  serve(handler: Handler): void;
  close(): Promise<void>;
}

/**
 * An HTTP server that only programs of this machine can use: it listens on 127.0.0.1, and refuses requests that a web page
 * elsewhere made a browser send (another Host, another Origin). Bodies up to 32 MiB.
 * Throws DinmoError (sandbox-port-taken).
 */
export async function openLoopbackServer(port: number, logger: Logger): Promise<LoopbackServer> {
  let handler: Handler = async () => plain(503, 'starting');
  let hosts: readonly string[] = [];
  const server = createServer((request, response) => {
    void respond({ request, response, handler, hosts, logger });
  });
  // Longer than clients keep an idle connection, so that it is they who close it.
  server.keepAliveTimeout = 65_000;
  await listen(server, port);
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  hosts = [`${LOOPBACK}:${bound}`, `localhost:${bound}`];
  return {
    url: `http://${LOOPBACK}:${bound}`,
    serve(next) {
      handler = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new DinmoError({
          ...{ kind: 'configuration', code: 'sandbox-port-taken', cause },
          message: `The sandbox cannot listen on ${LOOPBACK}:${port}: ${messageOf(cause)}.`,
          fix: 'Stop the program that has the port, or give another one with --port.',
        }),
      );
    });
    server.listen(port, LOOPBACK, resolve);
  });
}

interface Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly handler: Handler;
  readonly hosts: readonly string[];
  readonly logger: Logger;
}

async function respond({ request, response, handler, hosts, logger }: Turn): Promise<void> {
  try {
    const outgoing = foreign(request, hosts) ?? (await answer(request, handler));
    if (outgoing === 'cut') {
      request.socket.resetAndDestroy();
      return;
    }
    write(response, outgoing);
  } catch (thrown) {
    logger.warn('sandbox.failed', { reason: messageOf(thrown) });
    if (!response.headersSent) write(response, plain(500, 'the sandbox failed'));
  }
}

async function answer(request: IncomingMessage, handler: Handler): Promise<Outgoing | 'cut'> {
  const url = readUrl(request.url ?? '/');
  if (url === null) return plain(400, 'the path cannot be read');
  const body = await readBody(request);
  if (body === null) return plain(413, 'the body is larger than 32 MiB');
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  return handler({
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: Object.fromEntries(headers),
    body,
  });
}

/** A request that a page of another origin made, or one that reached us under another name. */
function foreign(request: IncomingMessage, hosts: readonly string[]): Outgoing | null {
  if (!hosts.includes(request.headers.host ?? '')) return plain(403, 'the sandbox answers to 127.0.0.1 only');
  const { origin } = request.headers;
  if (origin !== undefined && !hosts.some((host) => origin === `http://${host}`)) {
    return plain(403, 'the sandbox does not answer other origins');
  }
  return request.headers['sec-fetch-site'] === 'cross-site'
    ? plain(403, 'the sandbox does not answer other sites')
    : null;
}

/** The path may be percent-encoded, but every part of it must be readable. */
function readUrl(text: string): URL | null {
  try {
    const url = new URL(text.startsWith('/') ? `http://${LOOPBACK}${text}` : '');
    decodeURIComponent(url.pathname);
    return url;
  } catch {
    return null;
  }
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    // A request is a stream of buffers as long as no encoding is set.
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    // What is too much is read to its end and thrown away: a client that is still sending would not hear the answer.
    if (bytes <= BODY_BYTES_MAX) chunks.push(buffer);
  }
  if (bytes > BODY_BYTES_MAX) return null;
  return Buffer.concat(chunks).toString('utf8');
}

function write(response: ServerResponse, { status, headers, body }: Outgoing): void {
  response.writeHead(status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...headers,
    ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }),
  });
  response.end(status === 204 ? undefined : body);
}

function plain(status: number, text: string): Outgoing {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${text}\n` };
}
