import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ALERT_EVENTS } from '../../src/artifacts/settings-alerts.ts';
import { slackAlert } from '../../src/report/alerts.ts';
import { type PlatformServer, startPlatform } from '../e2e/platforms/platform-server.ts';
import { secret } from '../privacy/canaries.ts';
import { people, Shop } from '../rules/shop.ts';
import { SignedReceiver, SLACK_SECRET, SlackReceiver } from './alert-receivers.ts';

const SECRET = secret('alerts');
const ALERTS = `alerts:
  link: https://grafana.example.com/d/dinmo
  growth: {type: slack, url: "{{ env_var('SLACK_URL') }}"}
  pager: {type: webhook, url: "{{ env_var('PAGER_URL') }}", secret: "{{ env_var('PAGER_SECRET') }}", on: [failed, blocked, recovered]}`;
const VIP = '      hook: {to: hook, guards: {max_delete_percent: 20, min_delete_rows: 1}}';

let shop: Shop;
let slack: SlackReceiver;
let pager: SignedReceiver;
let servers: readonly [slack: PlatformServer, pager: PlatformServer];

beforeEach(async () => {
  slack = new SlackReceiver();
  pager = new SignedReceiver(SECRET);
  servers = [await startPlatform(slack), await startPlatform(pager)];
  shop = await Shop.open({ settings: ALERTS, vip: VIP });
  Object.assign(shop.workspace.env, {
    SLACK_URL: `${servers[0].url}/services/T0/B0/${SLACK_SECRET}`,
    PAGER_URL: `${servers[1].url}/alerts`,
    PAGER_SECRET: SECRET,
  });
  await shop.hold(people(1, 10));
});

afterEach(async () => {
  expect(slack.violations).toEqual([]);
  await Promise.all(servers.map((server) => server.close()));
  await shop.close();
});

/** Syncs, and says how many messages came of it. */
async function sync(...options: readonly string[]) {
  const before = [slack.messages.length, pager.bodies.length] as const;
  const { code, stderr } = await shop.workspace.dinmo('sync', ...options);
  return { code, stderr, sent: [slack.messages.length - before[0], pager.bodies.length - before[1]] };
}

function lastPaged(): unknown {
  return pager.bodies.at(-1);
}

describe('an activation that changes its state', () => {
  test('is told once, whoever wants to hear of it, until it changes again', async () => {
    expect(await sync()).toMatchObject({ code: 0, sent: [0, 0] });

    shop.hook.poison.add('11');
    await shop.hold(people(1, 11));
    expect(await sync()).toMatchObject({ code: 1, sent: [1, 0] });
    expect(slack.texts.at(-1)).toMatch(
      /\*vip\.hook\* to hook: \*partial\*.*1 rejected.*dinmo status --rejected.*grafana/s,
    );
    expect(await sync()).toMatchObject({ code: 1, sent: [0, 0] });

    await shop.hold(people(1, 5));
    expect(await sync()).toMatchObject({ code: 1, sent: [1, 1] });
    expect(lastPaged()).toMatchObject({
      kind: 'dinmo.alert',
      project: 'shop',
      command: null,
      activations: [{ activation: 'vip.hook', event: 'blocked', before: 'partial', status: 'blocked', rejected: null }],
    });
    expect(JSON.stringify(lastPaged())).toContain('--allow-deletes lets this run pass');

    expect(await sync('--allow-deletes')).toMatchObject({ code: 0, sent: [1, 1] });
    expect(lastPaged()).toMatchObject({ activations: [{ event: 'recovered', before: 'blocked' }] });
    expect(await sync()).toMatchObject({ code: 0, sent: [0, 0] });
  });

  test('stays untold where the receiver was down, and is told by the next command; the exit code is that of the sync', async () => {
    await sync();
    servers[0].fault = () => ({ status: 410, body: 'channel_is_archived' });
    await shop.hold(people(1, 5));
    const failed = await sync();
    expect(failed).toMatchObject({ code: 1, sent: [0, 1] });
    expect(failed.stderr).toMatch(
      /an alert could not be sent alert=growth reason=it answered 410: "channel_is_archived"/,
    );
    expect(failed.stderr).not.toContain(SLACK_SECRET);
    let asked = 0;
    servers[0].fault = () => (++asked === 1 ? { status: 429, headers: { 'retry-after': '0' } } : null);
    expect(await sync()).toMatchObject({ code: 1, sent: [1, 0] });
    expect(await sync()).toMatchObject({ code: 1, sent: [0, 0] });
  });

  test('shares one message with the others of the command', async () => {
    shop.configure({ settings: ALERTS, vip: VIP, fans: '      hook: {to: hook}' });
    shop.hook.poison.add('3');
    expect(await sync()).toMatchObject({ code: 1, sent: [1, 0] });
    expect(slack.messages.at(-1)?.['text']).toContain('2 partial');
  });
});

describe('a command that stops before any activation', () => {
  test('is told once for each reason, and that it is over', async () => {
    const manifest = shop.workspace.read('target/manifest.json');
    shop.workspace.remove('target/manifest.json');
    expect(await sync()).toMatchObject({ code: 3, sent: [1, 1] });
    expect(lastPaged()).toMatchObject({
      command: { event: 'failed', code: 'manifest-missing' },
      activations: [],
      sync_id: expect.stringMatching(/^\d{8}T/),
    });
    expect(await sync()).toMatchObject({ code: 3, sent: [0, 0] });
    shop.workspace.write('target/manifest.json', manifest);
    expect(await sync()).toMatchObject({ code: 0, sent: [1, 1] });
    expect(lastPaged()).toMatchObject({ command: { event: 'recovered', code: 'manifest-missing', message: null } });
    expect(await sync()).toMatchObject({ code: 0, sent: [0, 0] });
  });

  test('is told neither from a target that may not send, nor to the world by a rehearsal', async () => {
    shop.workspace.remove('target/manifest.json');
    shop.workspace.env['SLACK_URL'] = `https://hooks.slack.invalid/services/T0/B0/${SLACK_SECRET}`;
    const rehearsal = await sync('--sandbox', 'http://127.0.0.1:9', '--log-format', 'json');
    expect(rehearsal.sent).toEqual([0, 1]);
    expect(rehearsal.stderr).toContain('"event":"alert.withheld","sync_id"');
    shop.configure({ settings: `targets: [prod]\n${ALERTS}`, vip: VIP });
    expect(await sync()).toMatchObject({ code: 3, sent: [0, 0] });
  });
});

test('a message of any size keeps to what Slack takes', () => {
  const report = {
    mode: 'delta' as const,
    status: 'failed' as const,
    ...{ planned: null, accepted: null, rejected: 1, deferred: 0, unknown: 0, invalid: 0, unchanged: 0 },
    reason: `<${'&'.repeat(2000)}>`,
  };
  const activations = Array.from({ length: 200 }, (_, index) => ({
    event: ALERT_EVENTS[index % ALERT_EVENTS.length] ?? 'failed',
    before: 'ok' as const,
    destination: 'ads',
    report: { ...report, activation: `segment_${index}.ads` },
  }));
  const where = {
    project: 'p'.repeat(300),
    target: 'prod',
    isSandbox: false,
    syncId: null,
    at: '2026-03-01T12:00:00Z',
    link: null,
  };
  const command = { event: 'failed', code: 'x', message: '<'.repeat(5000) } as const;
  const body = slackAlert({ ...where, command, activations });
  const call = { method: 'POST', path: `/services/T0/B0/${SLACK_SECRET}`, query: new URLSearchParams(), body };
  const receiver = new SlackReceiver();
  receiver.answer({ ...call, headers: { 'content-type': 'application/json' } });
  expect(receiver.violations).toEqual([]);
  expect(receiver.texts.at(-1)).toContain('and 188 more');
});
