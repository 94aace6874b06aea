import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';

/** What a front does with a request in place of handing it on: an answer, an end of the connection within the body, or nothing at all. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | 'cut'
  | 'hold';

export interface Front {
  readonly url: string;
  /** Requests so far, as `PUT /bucket/name?query`. */
  readonly asked: string[];
  /** Asked for each request; null: it is handed on. */
  fault: (method: string, url: string, headers: IncomingMessage['headers'], body: string) => Fault | null;
  close(): void;
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' ? (address?.port ?? 0) : 0;

/** Stands before a store that speaks HTTP, and makes what a network or a busy store makes. */
export async function startFront(port: number): Promise<Front> {
  const asked: string[] = [];
  const serve = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = incoming;
    const pieces: Buffer[] = [];
    // Only a small body is looked at; a large one is on its way while it is cut.
    const isLarge = Number(headers['content-length'] ?? 0) > 100_000;
    if (!isLarge) for await (const piece of incoming) pieces.push(piece as Buffer);
    const fault = front.fault(method, url, headers, Buffer.concat(pieces).toString());
    asked.push(`${method} ${url}`);
    if (fault === 'hold') return;
    if (fault === 'cut') {
      incoming.once('data', () => incoming.socket.destroy());
      if (!isLarge) incoming.socket.destroy();
      return;
    }
    if (fault !== null) {
      incoming.resume();
      answer.writeHead(fault.status, { ...fault.headers, connection: 'close' }).end(fault.body ?? '');
      return;
    }
    const outgoing = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
    });
    outgoing.on('error', () => incoming.socket.destroy());
    if (isLarge) incoming.pipe(outgoing);
    else outgoing.end(Buffer.concat(pieces));
  };
  const server = createServer((incoming, answer) => void serve(incoming, answer));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const front: Front = {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    asked,
    fault: () => null,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return front;
}

export interface Wire {
  readonly port: number;
  /** The next connection ends after so many bytes from its client; null: none does. */
  cutAfter: number | null;
  close(): void;
}

/** Stands before a server of any kind, and cuts connections. */
export async function startWire(port: number): Promise<Wire> {
  const server = createTcpServer({ noDelay: true }, (client) => {
    const onward = connect({ port, host: '127.0.0.1', noDelay: true });
    let left = wire.cutAfter ?? Number.POSITIVE_INFINITY;
    wire.cutAfter = null;
    client.on('data', (piece) => {
      left -= piece.length;
      if (left < 0) client.destroy();
      else onward.write(piece);
    });
    onward.pipe(client);
    client.on('error', () => {}).on('close', () => onward.destroy());
    onward.on('error', () => {}).on('close', () => client.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const wire: Wire = { port: portOf(server.address()), cutAfter: null, close: () => void server.close() };
  return wire;
}
