import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { silentLogger } from '../../src/log.ts';
import { startTelemetry } from '../../src/telemetry/start.ts';
import { type TelemetryWishes, wantedTelemetry } from '../../src/telemetry/wanted.ts';
import { ended, start } from '../cli/dinmo.ts';
import { type PlatformServer, startPlatform } from '../e2e/platforms/platform-server.ts';
import { people, Shop } from '../rules/shop.ts';
import { OtlpReceiver } from './otlp-receiver.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';

describe('what a command exports', () => {
  let shop: Shop;
  let collector: OtlpReceiver;
  let server: PlatformServer;

  beforeEach(async () => {
    collector = new OtlpReceiver();
    server = await startPlatform(collector);
    shop = await Shop.open();
    const variables = {
      OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      TRACEPARENT: `00-${TRACE}-${CALLER}-01`,
    };
    Object.assign(shop.workspace.env, variables);
    // The SDK reads the environment of the process, which the command shares with this test.
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    await shop.hold(people(1, 10));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await server.close();
    await shop.close();
  });

  test('is a trace of its caller, from the command to each stage, with the counts of the report', async () => {
    shop.hook.poison.add('3');
    await shop.workspace.dinmo('sync');
    expect(collector.refused).toEqual([]);
    const named = (name: string) => collector.spans.find((span) => span.name === name);
    const [command, activation] = [named('dinmo sync'), named('activation')];
    expect(command).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, isError: true });
    expect(command?.attributes).toMatchObject({ 'dinmo.command': 'sync', 'dinmo.exit_code': 1 });
    expect(activation).toMatchObject({ parentSpanId: command?.spanId, isError: true });
    expect(activation?.attributes).toMatchObject({
      'dinmo.activation': 'vip.hook',
      'dinmo.destination': 'hook',
      'dinmo.status': 'partial',
      'dinmo.rows.accepted.insert': 9,
      'dinmo.rows.rejected': 1,
    });
    expect(activation?.events).toContain('exception');
    const stages = collector.spans.filter(({ parentSpanId }) => parentSpanId === activation?.spanId);
    expect(stages.map(({ name }) => name).sort()).toEqual(['deliver', 'gate', 'plan', 'settle']);
    expect(stages.find(({ name }) => name === 'deliver')?.events).toEqual(['batch.delivered']);
    expect(collector.resources[0]).toMatchObject({ 'service.name': 'dinmo', 'deployment.environment.name': 'test' });
    expect(Object.keys(collector.resources[0] ?? {}).filter((key) => key.startsWith('process.'))).toEqual([]);
  });

  test('is rows by outcome, durations, the size of the segment and the age of the last success', async () => {
    await shop.workspace.dinmo('sync');
    shop.hook.poison.add('11');
    await shop.hold(people(1, 11));
    collector.points.length = 0;
    await shop.workspace.dinmo('sync');
    const about = { 'dinmo.activation': 'vip.hook', 'dinmo.destination': 'hook' };
    const value = (metric: string, more = {}) =>
      collector.points.find(
        (point) =>
          point.metric === metric && Object.entries(more).every(([key, wanted]) => point.attributes[key] === wanted),
      )?.value;
    expect(value('dinmo.rows', { ...about, 'dinmo.outcome': 'rejected' })).toBe(1);
    expect(value('dinmo.rows', { ...about, 'dinmo.outcome': 'accepted', 'dinmo.operation': 'insert' })).toBe(0);
    expect(value('dinmo.segment.rows', about)).toBe(11);
    expect(value('dinmo.last_success.age', about)).toBeGreaterThanOrEqual(0);
    expect(value('dinmo.activation.duration', { ...about, 'dinmo.status': 'partial' })).toBeGreaterThan(0);
    expect(value('dinmo.command.duration', { 'dinmo.command': 'sync', 'dinmo.exit_code': 1 })).toBeGreaterThan(0);
  });

  test('is also what an end in the middle leaves open', async () => {
    const wishes = { traces: true, metrics: false, refused: [] };
    const telemetry = startTelemetry(wishes, { log: silentLogger, env: {} });
    telemetry.logger.info('command.started', { command: 'sync' });
    telemetry.logger.info('activation.started', { activation: 'vip.hook' });
    telemetry.logger.info('delivery.started', { activation: 'vip.hook', changes: 3 });
    await telemetry.end();
    expect(collector.spans.map(({ name }) => name)).toEqual(['deliver', 'activation', 'dinmo sync']);
  });

  test('of a failure is the error; of many batches no more than one span holds', async () => {
    shop.hook.poison.clear();
    shop.configure({
      vip: '      many: {to: many}',
      destinations: '  many: {platform: webhook, service: audiences, config: {url: "$HOOK/in", batch_size: 1}}',
    });
    await shop.hold(people(1, 130));
    await shop.workspace.dinmo('sync');
    const deliver = collector.spans.find(({ name }) => name === 'deliver');
    expect(deliver?.events).toHaveLength(100);
    expect(deliver?.attributes['dinmo.events_left_out']).toBe(30);
    shop.workspace.remove('target/manifest.json');
    collector.spans.length = 0;
    await shop.workspace.dinmo('sync');
    expect(collector.spans).toMatchObject([{ name: 'dinmo sync', isError: true, events: ['exception'] }]);
  });
});

test('a collector that never answers costs two seconds at most, and changes nothing', async () => {
  const sockets: Socket[] = [];
  const deaf = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
  const address = deaf.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const child = start(['show', 'platforms', '--log-format', 'json'], {
    cwd: '/',
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_TIMEOUT: '60000' },
  });
  let finishedAt = 0;
  child.stderr.on('data', (chunk) => {
    if (String(chunk).includes('command.finished')) finishedAt = performance.now();
  });
  const { code, stderr } = await ended(child);
  expect(performance.now() - finishedAt).toBeLessThan(3_500);
  expect(code).toBe(0);
  expect(stderr).toContain('"event":"telemetry.failed"');
  expect(sockets.length).toBeGreaterThan(0);
  for (const socket of sockets) socket.destroy();
  deaf.close();
});

test.each<[Readonly<Record<string, string>>, TelemetryWishes | null]>([
  [{}, null],
  [{ OTEL_SERVICE_NAME: 'x', TRACEPARENT: 'y' }, null],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' }, { traces: true, metrics: true, refused: [] }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'TRUE' }, null],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_METRICS_EXPORTER: 'none' },
    { traces: true, metrics: false, refused: [] },
  ],
  [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c' }, { traces: false, metrics: true, refused: [] }],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, { traces: true, metrics: false, refused: [] }],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' }, null],
  [{ OTEL_TRACES_EXPORTER: 'console' }, { traces: false, metrics: false, refused: ['console'] }],
])('%j asks for %j', (env, wishes) => {
  expect(wantedTelemetry(env)).toEqual(wishes);
});
