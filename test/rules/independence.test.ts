import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { syncActivations } from '../../src/index.ts';
import { silentLogger } from '../../src/log.ts';
import { people, Shop } from './shop.ts';

/** As many lanes at once as a command takes, all of them in trouble, and those that are sound behind them. */
const SICK = ['throttled', 'hanging', 'unavailable', 'spent'];
const SOUND = ['one', 'two'];
const RUN = [...SICK, ...SOUND];

let server: Server;
let shop: Shop;
/** Rows that were taken, and requests under way at once, by path. */
const rows = new Map<string, number>();
const busy = new Map<string, { now: number; most: number }>();
let isWell = false;
const hanging: IncomingMessage[] = [];

function answer(request: IncomingMessage, text: string, response: ServerResponse): void {
  const path = request.url?.slice(1) ?? '';
  const taken = (): void => {
    rows.set(path, (rows.get(path) ?? 0) + (JSON.parse(text) as { rows: unknown[] }).rows.length);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  };
  if (isWell || SOUND.includes(path)) taken();
  else if (path === 'hanging') hanging.push(request);
  else if (path === 'unavailable') response.writeHead(503).end();
  else response.writeHead(429, { 'retry-after': '60' }).end();
}

beforeEach(async () => {
  server = createServer((request, response) => {
    const path = request.url?.slice(1) ?? '';
    const count = busy.get(path) ?? { now: 0, most: 0 };
    busy.set(path, { now: count.now + 1, most: Math.max(count.most, count.now + 1) });
    response.on('close', () => {
      const before = busy.get(path) ?? { now: 1, most: 1 };
      busy.set(path, { ...before, now: before.now - 1 });
    });
    let text = '';
    request.on('data', (piece) => {
      text += String(piece);
    });
    request.on('end', () => {
      answer(request, text, response);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  shop = await Shop.open({
    destinations: RUN.map(
      (name) =>
        `  ${name}: {platform: webhook, service: audiences, config: {url: "${origin}/${name}", batch_size: 5, connections: 1}}\n`,
    ).join(''),
    vip: RUN.map((name) => `      to_${name}: {to: ${name}}`).join('\n'),
    fans: '      also_one: {to: one}',
  });
  await shop.hold(people(1, 20));
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await shop.close();
});

it('accounts that throttle, hang or fail neither delay nor fail the others: those end while no time passes', async () => {
  const sound = Promise.withResolvers<void>();
  const ended: string[] = [];
  let skipped = 0;
  const { folder, env } = shop.workspace;
  const sync = syncActivations({
    ...{ projectDir: folder, cwd: folder, env },
    // Whoever pauses does so until those that are sound have ended.
    clock: {
      now: () => Date.now() + skipped,
      sleep: async (milliseconds) => {
        const until = skipped + milliseconds;
        await sound.promise;
        skipped = Math.max(skipped, until);
        await setImmediate();
      },
    },
    logger: {
      ...silentLogger,
      info: (event, data) => {
        if (event !== 'activation.finished') return;
        ended.push(String(data?.['activation']));
        if (ended.length < 3) return;
        isWell = true;
        for (const request of hanging) request.socket.destroy();
        sound.resolve();
      },
    },
  });
  const { activations, exitCode } = await sync;
  expect([...ended.slice(0, 3)].sort()).toEqual(['fans.also_one', 'vip.to_one', 'vip.to_two']);
  expect(activations.map(({ status }) => status)).toEqual(activations.map(() => 'succeeded'));
  expect(exitCode).toBe(0);
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(RUN.map((name) => [name, name === 'one' ? 40 : 20])));
  // Two activations of one account keep its limit together.
  expect(busy.get('one')?.most).toBe(1);
  expect(SICK.every((name) => rows.get(name) === 20)).toBe(true);
});
