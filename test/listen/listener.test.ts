import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { type Listener, type ListenerOptions, startListener } from '../../src/listen/listener.ts';
import type { SyncEnd, SyncProcess } from '../../src/listen/worker.ts';
import type { LogData, Logger } from '../../src/log.ts';
import { SimulatedCloud } from '../dbt-cloud/simulated-cloud.ts';
import { secret } from '../privacy/canaries.ts';
import { observe } from '../privacy/observer.ts';

/** A sync that ends when the test says so. */
interface FakeSync {
  readonly runId: string;
  stopped: boolean;
  end(end: Partial<SyncEnd>): void;
}

let cloud: SimulatedCloud;
let folder: string;
let listeners: Listener[];
let syncs: FakeSync[];
let events: string[];
let waiting: { match: () => boolean; done: () => void }[];
let nowMs: number;
let sleepers: { at: number; wake: () => void }[];

const clock: Clock = {
  now: () => nowMs,
  sleep: (milliseconds) =>
    new Promise((wake) => {
      sleepers.push({ at: nowMs + milliseconds, wake });
      check();
    }),
};

function pass(milliseconds: number): void {
  nowMs += milliseconds;
  for (const { at, wake } of sleepers) if (at <= nowMs) wake();
  sleepers = sleepers.filter(({ at }) => at > nowMs);
}

const logger: Logger = { debug: tell, info: tell, warn: tell };
function tell(event: string, data: LogData = {}): void {
  observe('log', `${event} ${JSON.stringify(data)}`);
  events.push(
    `${event}${data['dbt_run_id'] ? ` ${data['dbt_run_id']}` : ''}${data['reason'] ? `: ${data['reason']}` : ''}`,
  );
  check();
}

function check(): void {
  for (const one of [...waiting]) if (one.match()) one.done();
}

/** Resolves once this holds; looked at whenever something is said or started. */
function until(match: () => boolean): Promise<void> {
  return new Promise((done) => {
    waiting.push({ match, done });
    check();
  });
}

function startSync(runId: string): SyncProcess {
  let resolve: (end: SyncEnd) => void = () => undefined;
  const ended = new Promise<SyncEnd>((done) => {
    resolve = done;
  });
  const sync: FakeSync = {
    runId,
    stopped: false,
    end: (end) => resolve({ exitCode: 0, code: null, activations: null, problems: [], ...end }),
  };
  syncs.push(sync);
  check();
  return {
    pid: null,
    ended,
    stop: () => {
      sync.stopped = true;
      check();
    },
  };
}

async function listen(change: Partial<ListenerOptions> = {}): Promise<Listener> {
  const listener = await startListener({
    ...{ host: '127.0.0.1', port: 0, secret: cloud.webhookSecret, accountId: String(cloud.accountId), jobs: [] },
    ...{ queueFolder: folder, startSync, retries: 2, logger, clock },
    ...change,
  });
  listeners.push(listener);
  return listener;
}

/** Stops one whose syncs nobody waits for. */
async function stop(listener: Listener): Promise<void> {
  const stopped = listener.stop();
  for (const sync of syncs) sync.end({ exitCode: 1 });
  await stopped;
  listeners = listeners.filter((one) => one !== listener);
}

async function ready(listener: Listener): Promise<Record<string, unknown>> {
  const answer = await fetch(new URL('/readyz', listener.url));
  return { http: answer.status, ...((await answer.json()) as object) };
}

beforeEach(async () => {
  cloud = await SimulatedCloud.start({ token: secret('listen-token'), webhookSecret: secret('listen-webhook') });
  folder = join(mkdtempSync(join(tmpdir(), 'dinmo-listen-')), 'queue');
  [listeners, syncs, events, waiting, sleepers] = [[], [], [], [], []];
  nowMs = Date.parse('2026-01-31T00:00:00Z');
});
afterEach(async () => {
  for (const listener of listeners) await stop(listener);
  await cloud.close();
  rmSync(join(folder, '..'), { recursive: true });
});

describe('an event', () => {
  test('is on the disk before it is acknowledged, once, and its runs are synced one at a time', async () => {
    const listener = await listen();
    const [first, second] = [cloud.event(1), cloud.event(2)];
    // Wrong order, twice, and another event of the same run: three deliveries of two runs.
    expect((await cloud.deliver(listener.url, second)).statuses).toEqual([200]);
    expect(readdirSync(join(folder, 'waiting'))).toHaveLength(1);
    await Promise.all([1, 2, 3].map(() => cloud.deliver(listener.url, first)));
    await cloud.deliver(listener.url, cloud.event(2));
    await until(() => syncs.length === 1);
    expect(await ready(listener)).toMatchObject({ http: 200, depth: 2, running: '2', last_sync: null });
    syncs[0]?.end({});
    await until(() => syncs.length === 2);
    syncs[1]?.end({ exitCode: 1, activations: { blocked: 1 } });
    await until(() => events.filter((event) => event.startsWith('sync.finished')).length === 2);
    await cloud.deliver(listener.url, first);
    expect(syncs.map(({ runId }) => runId)).toEqual(['2', '1']);
    expect(events.filter((event) => event.startsWith('event.duplicate'))).toHaveLength(4);
    expect(await ready(listener)).toMatchObject({
      ...{ depth: 0, running: null },
      last_sync: { run_id: '1', outcome: 'incomplete', exit_code: 1 },
    });
  });

  test('that is not about a completed run of ours is acknowledged and ignored', async () => {
    const listener = await listen({ jobs: ['7'] });
    for (const event of [
      cloud.event(1, { eventType: 'job.run.started' }),
      cloud.event(1, { eventType: 'job.run.errored' }),
      cloud.event(1, { accountId: 12 }),
      cloud.event(1, {}, { jobId: '8' }),
      cloud.event(1, {}, { runStatusCode: 30 }),
      cloud.event(1, {}, { runId: '1; rm -rf' }),
    ])
      expect((await cloud.deliver(listener.url, event)).statuses).toEqual([200]);
    expect(events.filter((event) => event.startsWith('event.ignored'))).toHaveLength(6);
    // A failed run is taken: the gate judges each activation.
    await cloud.deliver(listener.url, cloud.event(1, {}, { runStatusCode: 20 }));
    await until(() => syncs.length === 1);
    expect(readdirSync(join(folder, 'waiting'))).toHaveLength(1);
  });

  test('with a wrong signature is refused, whatever is wrong with it', async () => {
    const listener = await listen();
    const event = cloud.event(1);
    const right = createHmac('sha256', cloud.webhookSecret).update(JSON.stringify(event)).digest('hex');
    for (const authorization of ['', 'x', right.slice(1), `${right}0`, `sha256=${right}`, `Bearer ${right}`])
      expect((await cloud.deliver(listener.url, event, { authorization, attempts: 1 })).statuses).toEqual([401]);
    expect((await cloud.deliver(listener.url, event, { secret: secret('wrong'), attempts: 1 })).statuses).toEqual([
      401,
    ]);
    expect(readdirSync(join(folder, 'waiting'))).toEqual([]);
    expect((await cloud.deliver(listener.url, event, { authorization: right.toUpperCase() })).statuses).toEqual([200]);
  });

  test('that cannot be written is not acknowledged, and comes again', async () => {
    const listener = await listen();
    rmSync(join(folder, 'waiting'), { recursive: true });
    expect((await cloud.deliver(listener.url, cloud.event(1), { attempts: 2 })).statuses).toEqual([503, 503]);
    expect(await ready(listener)).toMatchObject({ http: 503, status: 'queue not writable' });
    mkdirSync(join(folder, 'waiting'));
    pass(10_000);
    expect((await cloud.deliver(listener.url, cloud.event(1))).statuses).toEqual([200]);
    expect(await ready(listener)).toMatchObject({ http: 200 });
  });
});

describe('requests that are none of dbt Cloud', () => {
  test('are answered with what is wrong', async () => {
    const { url } = await listen();
    const at = async (path: string, init: RequestInit): Promise<number> =>
      (await fetch(new URL(path, url), init)).status;
    const json = { 'content-type': 'application/json' };
    expect(await at('/', {})).toBe(404);
    expect(await at('/dbt-cloud', {})).toBe(405);
    expect(await at('/healthz', {})).toBe(200);
    expect(await at('/healthz', { method: 'HEAD' })).toBe(200);
    expect(await at('/healthz', { method: 'POST' })).toBe(405);
    expect(await at('/dbt-cloud', { method: 'POST', body: '{}' })).toBe(415);
    expect(
      await at('/dbt-cloud', { method: 'POST', body: '{}', headers: { ...json, 'content-encoding': 'gzip' } }),
    ).toBe(415);
    expect(await at('/dbt-cloud', { method: 'POST', body: 'x'.repeat(300_000), headers: json })).toBe(413);
    const signed = createHmac('sha256', cloud.webhookSecret).update('[]').digest('hex');
    expect(await at('/dbt-cloud', { method: 'POST', body: '[]', headers: { ...json, authorization: signed } })).toBe(
      400,
    );
  });

  test('and take their time are cut off: a head, a body, a body without end', async () => {
    const listener = await listen({ requestMs: 200 });
    const head = 'POST /dbt-cloud HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    const answers = await Promise.all([
      exchange(listener.url, ['POST /dbt-cl']),
      exchange(listener.url, [`${head}content-length: 100\r\n\r\n{`]),
      exchange(listener.url, [
        `${head}transfer-encoding: chunked\r\n\r\n`,
        ...Array<string>(10).fill(`8000\r\n${'x'.repeat(0x8000)}\r\n`),
      ]),
      exchange(listener.url, [`${head}x-much: ${'x'.repeat(20_000)}\r\n\r\n`]),
    ]);
    expect(answers.map((answer) => answer.slice(9, 12))).toEqual(['408', '408', '413', '431']);
    expect((await cloud.deliver(listener.url, cloud.event(1))).statuses).toEqual([200]);
  });
});

/** Sends this over a connection of its own; what came back until the other side closed it. */
function exchange(url: string, parts: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    for (const part of parts) socket.write(part);
  });
}

describe('a sync that failed', () => {
  test('is tried again with longer and longer waits, others meanwhile, and given up in the end', async () => {
    const listener = await listen();
    await cloud.deliver(listener.url, cloud.event(1));
    await until(() => syncs.length === 1);
    syncs[0]?.end({ exitCode: 4, code: 'connection-lost' });
    await until(() => events.includes('sync.postponed 1'));
    await cloud.deliver(listener.url, cloud.event(2));
    await until(() => syncs.length === 2);
    syncs[1]?.end({});
    await until(() => sleepers.length > 0 && events.includes('sync.finished 2'));
    pass(60_000);
    await until(() => syncs.length === 3);
    // A process that a signal ended.
    syncs[2]?.end({ exitCode: null });
    await until(() => events.filter((event) => event === 'sync.postponed 1').length === 2);
    await until(() => sleepers.some(({ at }) => at === nowMs + 120_000));
    pass(120_000);
    await until(() => syncs.length === 4);
    syncs[3]?.end({ exitCode: 3, code: 'dbt-cloud-unreachable' });
    await until(() => events.includes('sync.given_up 1'));
    expect(syncs.map(({ runId }) => runId)).toEqual(['1', '2', '1', '1']);
    expect(await ready(listener)).toMatchObject({ http: 200, depth: 0, last_sync: { run_id: '1', outcome: 'failed' } });
  });

  test('for a reason that stays is not', async () => {
    const listener = await listen();
    for (const [index, end] of [
      { exitCode: 2, code: 'credential-missing' },
      { exitCode: 3, code: 'dbt-cloud-run-not-found' },
      { exitCode: 1, problems: [{ activation: 'a.b', status: 'blocked', reason: 'the gate' }] },
    ].entries()) {
      await cloud.deliver(listener.url, cloud.event(index + 1));
      await until(() => syncs.length === index + 1);
      syncs[index]?.end(end);
      await until(() => events.includes(`sync.finished ${index + 1}`));
    }
    expect(await ready(listener)).toMatchObject({ depth: 0, last_sync: { outcome: 'incomplete' } });
    expect(events).toContain('sync.incomplete 3: the gate');
  });
});

describe('a listener that ended', () => {
  test('in the middle of a sync starts it again, and knows what was done', async () => {
    const listener = await listen();
    for (const id of [1, 2, 3]) await cloud.deliver(listener.url, cloud.event(id));
    await until(() => syncs.length === 1);
    syncs[0]?.end({});
    await until(() => syncs.length === 2);
    const stopping = listener.stop();
    expect(syncs[1]?.stopped).toBe(true);
    syncs[1]?.end({ exitCode: 1, code: 'interrupted' });
    await stopping;
    listeners = [];
    expect(syncs).toHaveLength(2);
    const again = await listen();
    expect(again.found).toBe(2);
    await until(() => syncs.length === 3);
    expect(syncs[2]?.runId).toBe('2');
    await cloud.deliver(again.url, cloud.event(1));
    expect(events.at(-1)).toBe('event.duplicate 1');
  });

  test('between any two steps lost nothing, and what cannot be read is set aside', async () => {
    const listener = await listen();
    for (const id of [1, 2]) await cloud.deliver(listener.url, cloud.event(id));
    await until(() => syncs.length === 1);
    const [first = ''] = readdirSync(join(folder, 'waiting')).sort();
    const text = readFileSync(join(folder, 'waiting', first), 'utf8');
    await stop(listener);
    // Died after the outcome was written and before the event went; in the middle of writing one; and a broken disk.
    const done = { ...JSON.parse(text), outcome: 'succeeded', finishedAt: '2026-01-31T00:00:00Z' };
    writeFileSync(join(folder, 'finished', first), JSON.stringify(done));
    writeFileSync(join(folder, 'waiting', '.000-9.json.tmp'), '{"eventId');
    writeFileSync(join(folder, 'waiting', '000000000000001-8.json'), '{"eventId');
    writeFileSync(join(folder, 'waiting', '000000000000002-7.json'), '');
    syncs = [];
    const again = await listen();
    await until(() => syncs.length === 1);
    expect(syncs[0]?.runId).toBe('2');
    expect(await ready(again)).toMatchObject({ depth: 1, set_aside: 2, last_sync: { run_id: '1' } });
    expect(readdirSync(join(folder, 'aside'))).toHaveLength(2);
    expect(existsSync(join(folder, 'waiting', '.000-9.json.tmp'))).toBe(false);
    expect(events.filter((event) => event.startsWith('queue.file_set_aside'))).toHaveLength(2);
  });

  test('takes no more while it stops', async () => {
    const listener = await listen();
    await cloud.deliver(listener.url, cloud.event(1));
    await until(() => syncs.length === 1);
    const stopped = listener.stop();
    expect((await cloud.deliver(listener.url, cloud.event(2), { attempts: 1 })).statuses).toEqual([null]);
    syncs[0]?.end({});
    await stopped;
    listeners = [];
    expect(readdirSync(join(folder, 'waiting'))).toEqual([]);
    expect(readdirSync(join(folder, 'finished'))).toHaveLength(1);
  });
});

test('the history is bounded', async () => {
  const { RunQueue } = await import('../../src/listen/run-queue.ts');
  const queue = new RunQueue({ folder, clock, logger, historyMax: 3 });
  for (let id = 1; id <= 5; id++) {
    const event = { eventId: `wev_${id}`, eventType: 'x', accountId: null, jobId: null, runStatusCode: 10 };
    expect(queue.accept({ ...event, runId: String(id) })).toBe('accepted');
    const run = queue.next();
    if (run !== null) queue.finish(run, { outcome: 'succeeded', exitCode: 0, code: null });
  }
  expect(readdirSync(join(folder, 'finished')).map((name) => name.split('-')[1])).toEqual([
    '3.json',
    '4.json',
    '5.json',
  ]);
  expect(queue.depth).toBe(0);
});
