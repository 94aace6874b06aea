import { afterEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { ask, type Reply, rulesBroken, stateOf, stoppedClock } from '../rehearsal.ts';

let sandbox: Sandbox | null = null;
afterEach(async () => {
  await sandbox?.close();
  sandbox = null;
});

async function open(clock = stoppedClock()) {
  const opened = await startSandbox({ clock, limits: { braze: { requestsMax: 5, windowMs: 3_000 } } });
  sandbox = opened;
  return {
    clock,
    sandbox: opened,
    post: (path: string, body?: unknown, token?: string): Promise<Reply> =>
      ask('POST', `${opened.baseUrl('braze', 'w')}${path}`, {
        ...(body === undefined ? {} : { body }),
        ...(token === undefined ? {} : { token }),
      }),
  };
}

test('a window of the rate limit ends on the clock, says so, and does not roll', async () => {
  const { post, clock } = await open();
  clock.move(1_000);
  const answers = [];
  for (let n = 0; n < 6; n++) answers.push(await post('/users/track', { attributes: [{ external_id: 'a' }] }));
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 429]);
  const reset = String((clock.now() + 2_000) / 1000);
  expect(answers[4]?.headers).toMatchObject({ 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '0' });
  expect(answers[5]?.headers).toMatchObject({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset });
  expect(answers[5]?.headers).not.toHaveProperty('retry-after');
  // Other paths have windows of their own.
  expect((await post('/users/delete', { external_ids: ['a'] })).json).toEqual({ deleted: 1 });
  clock.move(2_000);
  expect((await post('/users/track', { attributes: [{ external_id: 'a' }] })).status).toBe(201);
});

test('objects are taken one by one; a request without a good one is refused', async () => {
  const { post, sandbox: opened } = await open();
  const bad = { external_id: 'b', email: 'nobody' };
  const some = await post('/users/track', { attributes: [bad, { external_id: 'a', email: 'A@shop.example' }] });
  expect(some).toMatchObject({
    ...{ status: 201 },
    json: { message: 'success', attributes_processed: 1, errors: [{ input_array: 'attributes', index: 0 }] },
  });
  const none = await post('/users/track', { attributes: [bad] });
  expect(none).toMatchObject({ status: 400, json: { errors: [{ index: 0 }] } });
  const tooMany = await post('/users/track', {
    attributes: Array(50).fill({ external_id: 'a' }),
    events: Array(26).fill({ external_id: 'a', name: 'x', time: '2026-06-15T12:00:00Z' }),
  });
  expect(tooMany).toMatchObject({ status: 400, json: { message: 'Max Input Length Exceeded' } });
  expect(rulesBroken(opened, 'w')).toEqual(['too-many-rows']);
  expect(stateOf(opened, 'w').objects[0]?.size).toBe(1);
});

test('an unknown id makes a profile, an unknown alias does not unless told so, and an e-mail address wins over a phone', async () => {
  const { post, sandbox: opened } = await open();
  const alias = { alias_name: 'n', alias_label: 'l' };
  await post('/users/track', {
    attributes: [
      { user_alias: alias, x: 1 },
      { external_id: 'a', phone: '+33612345678' },
    ],
  });
  await post('/users/track', { attributes: [{ user_alias: alias, _update_existing_only: false, x: 1 }] });
  await post('/users/track', { attributes: [{ phone: '+33612345678', email: 'new@shop.example', vip: true }] });
  const records = stateOf(opened, 'w').objects[0]?.records.map(({ fields }) => fields);
  expect(records).toEqual([
    { external_id: 'a', phone: '+33612345678' },
    { user_aliases: { l: 'n' }, x: 1 },
    { email: 'new@shop.example', phone: '+33612345678', vip: true },
  ]);
});

test('null clears; a null inside drops the whole attribute, which no client wants', async () => {
  const { post, sandbox: opened } = await open();
  await post('/users/track', { attributes: [{ external_id: 'a', x: 1, home: { city: 'Lyon' } }] });
  await post('/users/track', { attributes: [{ external_id: 'a', x: null, home: { city: null } }] });
  expect(stateOf(opened, 'w').objects[0]?.records[0]?.fields).toEqual({ external_id: 'a', home: { city: 'Lyon' } });
  expect(rulesBroken(opened, 'w')).toEqual(['nested-null']);
});

test('keys, paths and shapes are checked', async () => {
  const { post, sandbox: opened } = await open();
  expect((await post('/users/track', {}, 'invalid')).status).toBe(401);
  expect((await post('/users/track', {}, 'forbidden')).status).toBe(403);
  expect((await post('/users/track', {})).status).toBe(400);
  expect(rulesBroken(opened, 'w')).toEqual([]);
  expect((await post('/users/tracks', {})).status).toBe(404);
  expect((await post('/users/delete', { external_ids: ['a'], braze_ids: ['b'] })).status).toBe(400);
  expect((await post('/users/delete', { email_addresses: [{ email: 'a@shop.example' }] })).status).toBe(400);
  expect((await post('/users/track', { events: [{ external_id: 'a', name: 'x', time: 'noon' }] })).status).toBe(400);
  expect(rulesBroken(opened, 'w')).toEqual(['unknown-request', 'several-kinds', 'delete-shape', 'event-time']);
});
