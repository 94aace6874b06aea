import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as a simulated platform sees it. */
export interface Call {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What goes wrong with a request: answered with an error before it is applied, the connection cut before or after it is
 * applied (after: the sender cannot know), or nothing.
 */
export type Fault = Reply | 'cut-before' | 'cut-after' | null;

/** A platform of our own making: it keeps what it was sent and notes every rule that was broken. */
export interface Platform {
  answer(call: Call): Reply;
}

export interface PlatformServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly calls: Call[];
  /** Consulted before each request; replace it to make trouble. */
  fault: (call: Call) => Fault;
  /** How long an answer takes, in milliseconds, after the request was applied. */
  latencyMs: number;
  /** Answers wait for this, though what they are about was applied. */
  held: Promise<unknown> | null;
  close(): Promise<void>;
}

export async function startPlatform(platform: Platform): Promise<PlatformServer> {
  const calls: Call[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://platform');
      const call: Call = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      calls.push(call);
      const fault = handle.fault(call);
      if (fault === 'cut-before') return request.socket.destroy();
      const reply = fault === null || fault === 'cut-after' ? platform.answer(call) : fault;
      if (fault === 'cut-after') return request.socket.destroy();
      const respond = (): void => {
        response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
        response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
      };
      if (handle.held !== null) void handle.held.then(respond);
      else if (handle.latencyMs > 0) setTimeout(respond, handle.latencyMs);
      else respond();
      return undefined;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listening on a port, so never a pipe's name
  const handle: PlatformServer = {
    url: `http://127.0.0.1:${port}`,
    calls,
    fault: () => null,
    latencyMs: 0,
    held: null,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return handle;
}

/** The JSON object in a body; what is not one is a broken rule. */
export function readObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The token of a Bearer header. */
export function bearer(call: Call): string | null {
  return /^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1] ?? null;
}
