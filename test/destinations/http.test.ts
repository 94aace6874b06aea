import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClosableHttpClient, createHttpClient, type HttpClientOptions } from '../../src/destinations/http.ts';

let server: Server | null = null;
let client: ClosableHttpClient | null = null;

afterEach(async () => {
  server?.closeAllConnections();
  await client?.close();
  await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  server = null;
  client = null;
});

async function serve(
  listener: Parameters<typeof createServer>[1],
  options: HttpClientOptions = {},
): Promise<{ readonly url: string; readonly http: ClosableHttpClient }> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  client = createHttpClient(options);
  return { url: `http://127.0.0.1:${(started.address() as AddressInfo).port}`, http: client };
}

describe('the HTTP client', () => {
  it('gives status, lower-case headers and the body as text, for any status', async () => {
    const { url, http } = await serve((request, response) => {
      response.writeHead(422, { 'X-Some-Header': 'A', 'content-type': 'application/json' });
      request.pipe(response);
    });
    const answer = await http.request({ method: 'DELETE', url: `${url}/a?b=c`, body: '{"é":1}' });
    expect(answer).toMatchObject({ status: 422, body: '{"é":1}' });
    expect(answer.headers['x-some-header']).toBe('A');
    expect(answer.json()).toEqual({ é: 1 });
  });

  it.each([
    ['gzip', gzipSync('{"é":1}'), { é: 1 }],
    ['BR', brotliCompressSync('{"é":1}'), { é: 1 }],
    ['deflate', deflateSync('{"é":1}'), { é: 1 }],
    ['identity', Buffer.from('{"é":1}'), { é: 1 }],
    ['gzip', Buffer.from('{"é":1}'), { é: 1 }],
    ['gzip', gzipSync('{"é":1}').subarray(0, 12), undefined],
  ])('reads a body that was compressed unasked: %s', async (coding, bytes, json) => {
    const { url, http } = await serve((_request, response) =>
      response.writeHead(200, { 'Content-Encoding': coding }).end(bytes),
    );
    expect((await http.request({ method: 'GET', url })).json()).toEqual(json);
  });

  it('does not follow a redirect', async () => {
    const { url, http } = await serve((_request, response) =>
      response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    );
    expect((await http.request({ method: 'POST', url, body: 'x' })).status).toBe(307);
  });

  it('knows that a refused connection applied nothing', async () => {
    client = createHttpClient();
    await expect(client.request({ method: 'POST', url: 'http://127.0.0.1:1/', body: 'x' })).rejects.toMatchObject({
      applied: 'no',
      code: 'ECONNREFUSED',
    });
    await expect(client.request({ method: 'GET', url: 'ftp://127.0.0.1/' })).rejects.toMatchObject({ applied: 'no' });
  });

  it('does not know what a broken connection applied', async () => {
    const { url, http } = await serve((request) => request.socket.destroy());
    await expect(http.request({ method: 'POST', url, body: 'x' })).rejects.toMatchObject({ applied: 'maybe' });
  });

  it('gives up in time, on a slow head and on a slow body', async () => {
    const { url, http } = await serve((request, response) => {
      if (request.url === '/body') response.writeHead(200).write('half');
    });
    for (const path of ['/head', '/body']) {
      const failure = http.request({ method: 'POST', url: `${url}${path}`, timeoutMs: 50 });
      await expect(failure).rejects.toMatchObject({ applied: 'maybe', code: 'timeout' });
    }
  });

  it('takes no more than its share of a huge answer', async () => {
    const { url, http } = await serve((_request, response) => response.end('x'.repeat(5000)), {
      responseBytesMax: 1000,
    });
    await expect(http.request({ method: 'GET', url })).rejects.toMatchObject({ applied: 'maybe' });
  });

  it('says which side of the send a stop was on', async () => {
    const { url, http } = await serve(() => controller.abort());
    const controller = new AbortController();
    const { signal } = controller;
    await expect(http.request({ method: 'POST', url, signal })).rejects.toMatchObject({
      applied: 'maybe',
      code: 'aborted',
    });
    await expect(http.request({ method: 'POST', url, signal })).rejects.toMatchObject({
      applied: 'no',
      code: 'aborted',
    });
  });

  it('uses no more connections than it may', async () => {
    let open = 0;
    let most = 0;
    const { url, http } = await serve(
      (_request, response) => {
        open += 1;
        most = Math.max(most, open);
        setImmediate(() => {
          open -= 1;
          response.end();
        });
      },
      { connectionsMax: 2 },
    );
    await Promise.all(Array.from({ length: 10 }, () => http.request({ method: 'GET', url })));
    expect(most).toBeLessThanOrEqual(2);
  });
});
