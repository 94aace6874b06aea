import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type Ask, ask, type Reply, rulesBroken, stateOf, stoppedClock, withSandbox } from '../rehearsal.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ limits: { hubspot: { requestsMax: 100_000, windowMs: 10_000 } } });
});
beforeEach(() => sandbox.reset());
afterAll(() => sandbox.close());

function contacts(verb: string, inputs: unknown, more: Ask & { body?: object } = {}): Promise<Reply> {
  const url = `${sandbox.baseUrl('hubspot', 'crm')}/crm/objects/2026-09/contacts/batch/${verb}`;
  return ask('POST', url, { ...more, body: { inputs, ...more.body } });
}

const contact = (email: string, properties: object = {}, trace?: string): object => ({
  ...{ id: email, idProperty: 'email', properties },
  ...(trace === undefined ? {} : { objectWriteTraceId: trace }),
});

test('a token is needed, and the version of the paths', async () => {
  expect(await contacts('upsert', [], { token: null })).toMatchObject({
    status: 401,
    json: { status: 'error', category: 'INVALID_AUTHENTICATION' },
  });
  expect((await contacts('upsert', [], { token: 'forbidden' })).status).toBe(403);
  const old = await ask('POST', `${sandbox.baseUrl('hubspot', 'crm')}/crm/v3/objects/contacts/batch/upsert`, {
    body: {},
  });
  expect(old.status).toBe(404);
  expect(rulesBroken(sandbox, 'crm')).toEqual(['unknown-request']);
  const account = await ask('GET', `${sandbox.baseUrl('hubspot', 'crm')}/account-info/v3/details`);
  expect(account.json.portalId).toBeGreaterThan(0);
});

test('an upsert makes a record once, lower-cases e-mail, keeps other properties, clears with empty text', async () => {
  const first = await contacts('upsert', [contact('Ada@Example.com', { firstname: 'Ada', plan: 'pro' }, 't1')]);
  expect(first).toMatchObject({ status: 200, json: { status: 'COMPLETE' } });
  const [made] = first.json.results;
  expect(made).toMatchObject({
    new: true,
    objectWriteTraceId: 't1',
    properties: { email: 'ada@example.com', plan: 'pro' },
  });
  expect(made.id).toMatch(/^\d+$/);
  const second = await contacts('upsert', [contact('ada@example.com', { firstname: '', country: 'FR' })]);
  expect(second.json.results[0]).toMatchObject({ id: made.id, new: false });
  expect(stateOf(sandbox, 'crm').objects).toEqual([
    {
      ...{ type: 'contacts', size: 1, created: 1, updated: 1, deleted: 0 },
      records: [{ id: made.id, key: made.id, fields: { email: 'ada@example.com', plan: 'pro', country: 'FR' } }],
    },
  ]);
});

test('with trace ids bad rows are named and good ones written; without, the batch fails whole', async () => {
  const rows = (traced: boolean): object[] =>
    [
      contact('ada@example.com', { firstname: 'Ada' }),
      contact('not an address'),
      contact('bob@example.com', { annualrevenue: '1,000' }),
      contact('eve@example.com', { lifecyclestage: 'friend' }),
      contact('kim@example.com', { 'Plan Name': 'x' }),
      contact('lou@example.com', { hs_object_id: '1' }),
    ].map((row, index) => (traced ? { ...row, objectWriteTraceId: `t${index}` } : row));
  const whole = await contacts('upsert', rows(false));
  expect(whole).toMatchObject({ status: 400, json: { category: 'VALIDATION_ERROR' } });
  expect(stateOf(sandbox, 'crm').objects).toEqual([]);
  const partial = await contacts('upsert', rows(true));
  expect(partial.status).toBe(207);
  expect(partial.json.results.map((row: { objectWriteTraceId: string }) => row.objectWriteTraceId)).toEqual(['t0']);
  expect(partial.json.numErrors).toBe(5);
  const named = partial.json.errors.map(
    (error: { context: { objectWriteTraceId: string[] } }) => error.context.objectWriteTraceId,
  );
  expect(named).toEqual([['t1'], ['t2'], ['t3'], ['t4'], ['t5']]);
  expect(partial.json.errors[0]).toMatchObject({ status: 'error', category: 'VALIDATION_ERROR' });
  expect(stateOf(sandbox, 'crm').objects[0]?.size).toBe(1);
});

test.each<[string, unknown, string]>([
  ['101 inputs', Array.from({ length: 101 }, (_, row) => contact(`a${row}@example.com`)), 'too-many-rows'],
  ['no inputs', [], 'empty-request'],
  [
    'one e-mail address twice, whatever its case',
    [contact('a@example.com', {}, '1'), contact('A@example.com', {}, '2')],
    'duplicate-id',
  ],
  ['one trace id twice', [contact('a@example.com', {}, '1'), contact('b@example.com', {}, '1')], 'duplicate-trace-id'],
  ['a number for a value', [contact('a@example.com', { age: 3 })], 'batch-shape'],
  ['null for a value', [contact('a@example.com', { age: null })], 'batch-shape'],
  ['a property that is not unique', [{ id: 'x', idProperty: 'firstname', properties: {} }], 'id-property'],
  ['no idProperty', [{ id: '1', properties: {} }], 'id-property'],
])('%s: the batch is refused whole', async (_, inputs, rule) => {
  expect(await contacts('upsert', inputs)).toMatchObject({
    status: 400,
    json: { status: 'error', category: 'VALIDATION_ERROR' },
  });
  expect(rulesBroken(sandbox, 'crm')).toEqual([rule]);
});

test('100 inputs are taken, and a unique property of one’s own', async () => {
  const inputs = Array.from({ length: 100 }, (_, row) => contact(`a${row}@example.com`));
  expect((await contacts('upsert', inputs)).json.results).toHaveLength(100);
  const own = await contacts('upsert', [{ id: 'c-1', idProperty: 'shop_id', properties: { email: 'z@example.com' } }]);
  expect(own.json.results[0].properties).toMatchObject({ shop_id: 'c-1', email: 'z@example.com' });
});

test('an update in place changes the e-mail address, unless another record has it', async () => {
  const made = await contacts('upsert', [contact('a@example.com'), contact('b@example.com')]);
  const [a, b] = made.json.results.map((row: { id: string }) => row.id);
  const taken = [{ id: a, properties: { email: 'B@example.com' }, objectWriteTraceId: 't' }];
  const conflict = await contacts('update', taken);
  expect(conflict).toMatchObject({
    status: 207,
    json: { errors: [{ category: 'CONFLICT', context: { objectWriteTraceId: ['t'] } }] },
  });
  expect((await contacts('update', [{ id: a, properties: { email: 'b@example.com' } }])).status).toBe(409);
  const moved = await contacts('update', [{ id: a, properties: { email: 'c@example.com' } }]);
  expect(moved.json.results[0]).toMatchObject({ id: a, properties: { email: 'c@example.com' } });
  expect((await contacts('update', [{ id: '999', properties: {} }])).json.category).toBe('OBJECT_NOT_FOUND');
  const again = await contacts('upsert', [contact('a@example.com'), contact('b@example.com')]);
  expect(again.json.results.map((row: { new: boolean }) => row.new)).toEqual([true, false]);
  expect(again.json.results[1].id).toBe(b);
});

test('two rows of a batch cannot take one unique value', async () => {
  const inputs = [contact('a@example.com', { shop_id: '1' }, 't1'), contact('b@example.com', { shop_id: '1' }, 't2')];
  const reply = await contacts('upsert', inputs);
  expect(reply.json.errors).toMatchObject([{ category: 'CONFLICT', context: { objectWriteTraceId: ['t2'] } }]);
});

test('read names what is missing; archive is 204 for what is missing too, and takes record ids only', async () => {
  const made = await contacts('upsert', [contact('a@example.com', { firstname: 'Ada' })]);
  const { id } = made.json.results[0];
  const inputs = [{ id: 'A@example.com' }, { id: 'b@example.com' }];
  const read = await contacts('read', inputs, { body: { idProperty: 'email', properties: ['firstname', 'city'] } });
  expect(read.status).toBe(207);
  expect(read.json.results[0]).toMatchObject({ id, properties: { firstname: 'Ada', city: null } });
  expect(read.json.errors[0]).toMatchObject({ category: 'OBJECT_NOT_FOUND', context: { ids: ['b@example.com'] } });
  expect((await contacts('archive', [{ id: 'a@example.com' }])).status).toBe(400);
  expect((await contacts('archive', [{ id }, { id: '5' }])).status).toBe(204);
  expect(stateOf(sandbox, 'crm').objects[0]).toMatchObject({ size: 0, deleted: 1, records: [] });
  const anew = await contacts('upsert', [contact('a@example.com')]);
  expect(anew.json.results[0]).toMatchObject({ new: true });
  expect(anew.json.results[0].id).not.toBe(id);
});

test('where the properties are told, others do not exist', async () => {
  sandbox.configure('hubspot', 'crm', { properties: ['firstname'], uniqueProperties: ['passport'] });
  expect((await contacts('upsert', [contact('a@example.com', { firstname: 'A' })])).status).toBe(200);
  const unknown = await contacts('upsert', [contact('a@example.com', { plan: 'x' })]);
  expect(unknown.json.message).toContain('PROPERTY_DOESNT_EXIST');
  expect((await contacts('upsert', [{ id: 'P1', idProperty: 'passport', properties: {} }])).status).toBe(200);
});

test('100 requests in ten rolling seconds, then 429 with no Retry-After', async () => {
  const clock = stoppedClock();
  await withSandbox({ clock }, async (portal) => {
    const read = () => ask('GET', `${portal.baseUrl('hubspot', 'crm')}/crm/objects/2026-09/contacts?limit=1`);
    for (let call = 0; call < 60; call += 1) await read();
    clock.move(6000);
    for (let call = 0; call < 39; call += 1) await read();
    const last = await read();
    expect(last.status).toBe(200);
    expect(last.headers['x-hubspot-ratelimit-remaining']).toBe('0');
    const over = await read();
    expect(over.status).toBe(429);
    expect(over.json).toMatchObject({ status: 'error', category: 'RATE_LIMITS', policyName: 'TEN_SECONDLY_ROLLING' });
    expect(over.headers['retry-after']).toBeUndefined();
    expect(over.headers['x-hubspot-ratelimit-daily']).toBe('250000');
    expect(over.headers['x-hubspot-ratelimit-remaining']).toBeUndefined();
    clock.move(4001);
    expect((await read()).headers['x-hubspot-ratelimit-remaining']).toBe('59');
  });
});
