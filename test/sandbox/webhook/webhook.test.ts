import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type Ask, ask, type Reply, rulesBroken, stateOf } from '../rehearsal.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
beforeEach(() => {
  sandbox.reset();
  sandbox.setFaults({ poison: [], poisonAnswer: 'reject' });
});
afterAll(() => sandbox.close());

function post(idempotencyKey: string, body: unknown, more: Ask = {}): Promise<Reply> {
  const headers = { 'idempotency-key': idempotencyKey, ...more.headers };
  return ask('POST', `${sandbox.baseUrl('webhook', 'hook')}/in/1?source=dinmo`, {
    token: null,
    body,
    ...more,
    headers,
  });
}

const batch = (operation: string, rows: unknown): object => ({
  activation: 'vip.hook',
  sync_id: 's1',
  operation,
  rows,
});
const row = (key: unknown, fields: unknown = {}): object => ({ key, fields });

test('rows are kept by key per activation, keys by type, integers with all digits', async () => {
  const text =
    '{"activation":"vip.hook","sync_id":"s1","operation":"insert","rows":[{"key":12,"fields":{"big":9223372036854775807,"none":null}},{"key":"12","fields":{"tags":["a"]}},{"key":{"b":2,"a":1},"fields":{}}]}';
  expect(await post('k1', text)).toMatchObject({ status: 200, json: {} });
  await post('k2', batch('update', [row({ a: 1, b: 2 }, { x: 1 })]));
  await post('k3', batch('delete', [{ key: '12' }, { key: 'unknown' }]));
  await post('k4', { ...batch('insert', [row(12)]), activation: 'other.hook' });
  const [other, vip] = [...stateOf(sandbox, 'hook').objects].sort((a, b) => (a.type < b.type ? -1 : 1));
  expect(other).toMatchObject({ type: 'other.hook', size: 1 });
  expect(vip).toMatchObject({ type: 'vip.hook', size: 2, created: 3, updated: 1, deleted: 1 });
  expect(vip?.records).toEqual([
    { id: '12', key: 12, fields: { big: 9223372036854775807n, none: null } },
    { id: '{"a":1,"b":2}', key: { a: 1, b: 2 }, fields: { x: 1 } },
  ]);
  expect((await ask('GET', `${sandbox.url}/state`)).text).toContain('"big":9223372036854775807');
});

test.each<[string, unknown]>([
  ['not JSON', '{'],
  ['an unknown key', { ...batch('insert', [row(1)]), extra: 1 }],
  ['no sync_id', { activation: 'a.b', operation: 'insert', rows: [row(1)] }],
  ['an unknown operation', batch('upsert', [row(1)])],
  ['no rows', batch('insert', [])],
  ['a null key', batch('insert', [row(null)])],
  ['one key twice', batch('insert', [row(1), row(1)])],
  ['an insert without fields', batch('insert', [{ key: 1 }])],
  ['a delete with fields', batch('delete', [row(1)])],
])('%s is refused', async (_, body) => {
  expect((await post('k', body)).status).toBe(400);
  expect(rulesBroken(sandbox, 'hook')).toEqual(['body-shape']);
  expect(stateOf(sandbox, 'hook').objects).toEqual([]);
});

test('an idempotency key stands for one body', async () => {
  const url = sandbox.baseUrl('webhook', 'hook');
  expect((await ask('POST', url, { token: null, body: batch('insert', [row(1)]) })).status).toBe(400);
  expect((await post('k', batch('insert', [row(1)]))).status).toBe(200);
  expect((await post('k', batch('insert', [row(1)]))).status).toBe(200);
  expect(stateOf(sandbox, 'hook').requests.repeated).toBe(1);
  expect((await post('k', batch('insert', [row(2)]))).status).toBe(409);
  expect(stateOf(sandbox, 'hook').objects[0]?.size).toBe(1);
  expect(rulesBroken(sandbox, 'hook')).toEqual(['idempotency-key', 'idempotency-key']);
});

test('where the secret is known, the signature must fit the body', async () => {
  const body = JSON.stringify(batch('insert', [row('a')]));
  const sign = (secret: string): string => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  const signed = (key: string, signature: string): Promise<Reply> =>
    post(key, body, { headers: { 'x-dinmo-signature': signature } });
  expect((await signed('k1', sign('anything'))).status).toBe(200);
  expect((await signed('k2', 'md5=0')).status).toBe(401);
  sandbox.configure('webhook', 'hook', { secret: 's3cr3t-hush hush' });
  expect((await signed('k3', sign('s3cr3t-hush hush'))).status).toBe(200);
  expect((await signed('k4', sign('other'))).status).toBe(401);
  expect((await post('k5', body)).status).toBe(401);
  expect(JSON.stringify((await ask('GET', `${sandbox.url}/state`)).json)).not.toContain('s3cr3t-hush hush');
});

test('poisoned rows are rejected by key, or refuse their request', async () => {
  sandbox.setFaults({ poison: ['7', 'x'] });
  const reply = await post('k1', batch('insert', [row(7), row(8), row('x'), row('y')]));
  expect(reply).toMatchObject({ status: 200, json: { rejected: [{ key: 7, code: 'poison' }, { key: 'x' }] } });
  expect(stateOf(sandbox, 'hook')).toMatchObject({ rejected: 2, objects: [{ size: 2 }] });
  sandbox.setFaults({ poisonAnswer: 'refuse' });
  expect((await post('k2', batch('update', [row(8, { a: 1 }), row(7)]))).status).toBe(400);
  expect((await post('k3', batch('update', [row(8, { a: 1 })]))).status).toBe(200);
  expect(stateOf(sandbox, 'hook').violations.count).toBe(0);
});

test('only POST of JSON is understood', async () => {
  const url = sandbox.baseUrl('webhook', 'hook');
  expect((await ask('GET', url)).status).toBe(405);
  expect((await post('k', batch('insert', [row(1)]), { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
});
