import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { syncActivations } from '../../src/index.ts';
import { type Person, Shop } from './shop.ts';

/** Endpoints that may wait for each other, and how many of them were busy at once. */
class Endpoints {
  readonly rows = new Map<string, number>();
  readonly busy = new Map<string, number>();
  together = 0;
  /** Endpoints that answer only when others have been asked, too. */
  readonly waitsFor = new Map<string, readonly string[]>();
  /** Called with each path that is asked, before it is answered. */
  onAsked: (path: string) => void = () => {};
  readonly #asked = new Map<string, PromiseWithResolvers<void>>();
  /** How an endpoint that is down answers. */
  readonly down = new Map<string, (response: ServerResponse) => void>();
  #server: Server | null = null;

  async start(): Promise<string> {
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      let text = '';
      request.on('data', (piece) => {
        text += String(piece);
      });
      request.on('end', () => {
        this.#heard(path).resolve();
        this.onAsked(path);
        const refuse = this.down.get(path);
        if (refuse !== undefined) return refuse(response);
        this.busy.set(path, (this.busy.get(path) ?? 0) + 1);
        this.together = Math.max(this.together, [...this.busy.values()].filter((count) => count > 0).length);
        const others = this.waitsFor.get(path) ?? [];
        void Promise.all(others.map((other) => this.#heard(other).promise)).then(() => {
          this.busy.set(path, (this.busy.get(path) ?? 0) - 1);
          this.rows.set(path, (this.rows.get(path) ?? 0) + (JSON.parse(text) as { rows: unknown[] }).rows.length);
          response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
        });
      });
    });
    await new Promise<void>((done) => this.#server?.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #heard(path: string): PromiseWithResolvers<void> {
    const heard = this.#asked.get(path) ?? Promise.withResolvers<void>();
    this.#asked.set(path, heard);
    return heard;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

const NAMES = ['one', 'two', 'three', 'four', 'five'];
const PEOPLE: readonly Person[] = Array.from({ length: 30 }, (_, id) => ({
  ...{ id, email: `p${id}@example.com`, phone: null, name: `n${id}`, country: 'FR' },
}));

let endpoints = new Endpoints();
let shop: Shop;
beforeEach(async () => {
  endpoints = new Endpoints();
  const origin = await endpoints.start();
  shop = await Shop.open({
    destinations: NAMES.map(
      (name) =>
        `  ${name}: {platform: webhook, service: audiences, config: {url: "${origin}/${name}", batch_size: 5, connections: 1}}\n`,
    ).join(''),
    vip: NAMES.map((name) => `      to_${name}: {to: ${name}}`).join('\n'),
  });
  await shop.hold(PEOPLE);
});
afterEach(async () => {
  endpoints.stop();
  await shop.close();
});

it('deliveries to different accounts overlap, and results come in the order of the activations', async () => {
  // While the first is still being delivered, the others are planned and delivered.
  const four = ['/one', '/two', '/three', '/four'];
  for (const name of four) endpoints.waitsFor.set(name, four);
  const { activations, code } = await shop.json('sync');
  expect(code).toBe(0);
  expect(activations.map(({ activation }) => activation)).toEqual(NAMES.map((name) => `vip.to_${name}`));
  expect(Object.fromEntries(endpoints.rows)).toEqual(Object.fromEntries(NAMES.map((name) => [`/${name}`, 30])));
  expect(endpoints.together).toBe(4);
  const again = await shop.json('sync');
  expect(again.activations.every(({ planned }) => planned?.insert === 0 && planned.update === 0)).toBe(true);
  endpoints.together = 0;
  endpoints.waitsFor.clear();
  await shop.hold(PEOPLE.map((person) => ({ ...person, name: `${person.name}!` })));
  await shop.json('sync', '--threads', '1');
  expect(endpoints.together).toBe(1);
});

it('one that is down neither fails nor delays the others', async () => {
  endpoints.down.set('/two', (response) => response.writeHead(503, { 'retry-after': '600' }).end());
  endpoints.down.set('/four', (response) => response.writeHead(401).end());
  const { activations, code } = await shop.json('sync');
  expect(code).toBe(4);
  const statuses = Object.fromEntries(activations.map(({ activation, status }) => [activation, status]));
  expect(statuses).toEqual({
    ...{ 'vip.to_one': 'succeeded', 'vip.to_two': 'failed', 'vip.to_three': 'succeeded' },
    ...{ 'vip.to_four': 'failed', 'vip.to_five': 'succeeded' },
  });
  endpoints.down.clear();
  expect((await shop.json('sync')).code).toBe(0);
  for (const name of NAMES) expect(endpoints.rows.get(`/${name}`)).toBe(30);
});

it('a signal lets every lane finish what is in flight and record it; nobody begins another batch', async () => {
  // Four are in flight at that moment: each of them waits for all.
  const four = ['/one', '/two', '/three', '/four'];
  for (const name of four) endpoints.waitsFor.set(name, four);
  const stopping = new AbortController();
  const asked = new Set<string>();
  endpoints.onAsked = (path) => {
    if (asked.add(path).size === four.length) stopping.abort();
  };
  const { folder, env } = shop.workspace;
  const report = await syncActivations({ projectDir: folder, cwd: folder, env, signal: stopping.signal });
  expect(report.exitCode).toBe(1);
  expect(report.activations.map(({ status }) => status)).toEqual(NAMES.map(() => 'partial'));
  for (const name of ['one', 'two', 'three', 'four']) {
    expect(endpoints.rows.get(`/${name}`)).toBeGreaterThan(0);
    expect(endpoints.rows.get(`/${name}`)).toBeLessThan(30);
  }
  expect(endpoints.rows.has('/five')).toBe(false);
  endpoints.onAsked = () => {};
  expect((await shop.json('sync')).code).toBe(0);
  // What was answered had been recorded: nothing is sent twice.
  for (const name of NAMES) expect(endpoints.rows.get(`/${name}`)).toBe(30);
});
