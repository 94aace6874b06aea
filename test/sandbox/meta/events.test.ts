import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { ask, NOON, type Reply, rulesBroken, sha256, stateOf, stoppedClock } from '../rehearsal.ts';

const clock = stoppedClock();
const NOW = NOON / 1000;
const DAY = 86_400;
let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ clock });
});
beforeEach(() => sandbox.reset());
afterAll(() => sandbox.close());

function send(data: unknown, more: object = {}): Promise<Reply> {
  return ask('POST', `${sandbox.baseUrl('meta', 'capi')}/v26.0/123/events`, { body: { data, ...more } });
}

const order = {
  event_name: 'Purchase',
  event_time: NOW - DAY,
  event_id: 'order-1',
  action_source: 'system_generated',
  user_data: { em: [sha256('ada@example.com')], client_ip_address: '10.0.0.1' },
  custom_data: { currency: 'EUR', value: 12.5 },
};
const visit = {
  ...{
    event_name: 'PageView',
    event_time: NOW,
    event_id: 'v',
    action_source: 'website',
    event_source_url: 'https://shop.test/',
  },
  user_data: { client_user_agent: 'Browser', fbp: 'fb.1.1596403881668.1116446470' },
};

test('good events are held, and one event sent twice is held once for 48 hours', async () => {
  const fine = await send([order, visit, { ...visit, event_id: undefined }]);
  expect(fine).toMatchObject({ status: 200, json: { events_received: 3, messages: [] } });
  await send([order, { ...order, event_name: 'Refund' }, { ...visit, event_id: undefined }]);
  expect(stateOf(sandbox, 'capi').events[0]).toMatchObject({ id: '123', received: 6, duplicates: 1, size: 5 });
  expect(stateOf(sandbox, 'capi').events[0]?.events[0]).toEqual(order);
  clock.move(49 * 3_600_000);
  await send([order]);
  expect(stateOf(sandbox, 'capi').events[0]).toMatchObject({ duplicates: 1, size: 6 });
  clock.move(-49 * 3_600_000);
});

test.each<[string, object, number]>([
  ['no name', { event_name: undefined }, 2804001],
  ['a time in milliseconds', { event_time: NOON }, 2804004],
  ['a time that is text', { event_time: '2026-06-15' }, 2804001],
  ['eight days old', { event_time: NOW - 8 * DAY }, 2804003],
  ['in a shop, 63 days old', { event_time: NOW - 63 * DAY, action_source: 'physical_store' }, 2804003],
  ['tomorrow', { event_time: NOW + DAY }, 2804004],
  ['an unknown source', { action_source: 'warehouse' }, 2804001],
  ['an unknown key', { customer: 'x' }, 2804001],
  ['nobody', { user_data: { ct: [sha256('paris')] } }, 2804050],
  ['an unknown key of user_data', { user_data: { email: [sha256('a')] } }, 2804001],
  ['a clear e-mail address', { user_data: { em: ['ada@example.com'] } }, 2804019],
  ['an upper-case hash', { user_data: { em: [sha256('a').toUpperCase()] } }, 2804019],
  ['a null identifier', { user_data: { em: [null] } }, 2804007],
  ['a malformed click id', { user_data: { fbc: 'abc' } }, 2804016],
  ['a website event without its page', { ...visit, event_source_url: undefined }, 2804017],
  ['a website event without a browser', { ...visit, user_data: order.user_data }, 2804017],
  ['a purchase without currency', { custom_data: { value: 1 } }, 2804048],
  ['a purchase without value', { custom_data: { currency: 'EUR' } }, 2804048],
])('%s: one bad event fails the whole request', async (_, wrong, subcode) => {
  const reply = await send([visit, { ...order, ...wrong }]);
  expect(reply.status).toBe(400);
  expect(reply.json.error).toMatchObject({ code: 100, error_subcode: subcode });
  expect(stateOf(sandbox, 'capi').events).toEqual([]);
  expect(stateOf(sandbox, 'capi').rejected).toBe(2);
});

test('in a shop, 60 days old is fine; a test event is not held', async () => {
  expect((await send([{ ...order, action_source: 'physical_store', event_time: NOW - 60 * DAY }])).status).toBe(200);
  expect((await send([visit], { test_event_code: 'TEST1' })).status).toBe(200);
  expect(stateOf(sandbox, 'capi').events[0]?.size).toBe(1);
});

test('1,000 events a request, not one more, not none', async () => {
  const many = Array.from({ length: 1001 }, (_, index) => ({ ...order, event_id: `e${index}` }));
  expect((await send(many)).json.error.code).toBe(100);
  expect((await send([])).json.error.code).toBe(100);
  expect((await send('x')).json.error.code).toBe(100);
  expect(rulesBroken(sandbox, 'capi')).toEqual(['too-many-rows', 'too-many-rows', 'events-shape']);
  expect((await send(many.slice(1))).json.events_received).toBe(1000);
});
