import { describe, expect, it } from 'vitest';
import type { BatchOutcome, OutgoingRow, ServiceContext } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { fieldsOf, makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';

const CONFIG = {
  rest_endpoint: 'rest.fra-01.braze.eu',
  id_field: 'external_id',
  update_existing_only: false,
  delete_existing: true,
};
const ann = makeRow({ seq: 1, key: 'c-1', fieldsJson: '{"external_id":"c-1","first_name":"Ann"}' });
const bob = makeRow({ seq: 2, key: 'c-2', fieldsJson: '{"first_name":"Bob"}' });

interface Told {
  readonly url: string;
  readonly authorization: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the assertions say what it holds
  readonly body: any;
}

async function run(
  rows: readonly OutgoingRow[],
  answers: readonly Scripted[],
  part: Partial<ServiceContext> = {},
): Promise<{ readonly outcome: BatchOutcome; readonly told: readonly Told[] }> {
  const { http, asked } = scriptedHttp(answers);
  const service = await findService('braze', 'objects');
  const session = await service.open(makeContext({ config: CONFIG, credentials: { api_key: 'key' }, http, ...part }));
  const outcome = await session.send(makeBatch(rows), new AbortController().signal);
  const told = asked.map((request) => ({
    url: `${request.method} ${request.url}`,
    authorization: request.headers?.['authorization'],
    body: JSON.parse(String(request.body)),
  }));
  expect(told).toHaveLength(answers.length);
  return { outcome, told };
}

const SUCCESS: Scripted = { status: 201, body: { message: 'success', attributes_processed: 2 } };
const error = (index: number, type = 'no', input_array = 'attributes'): object => ({ type, input_array, index });

describe('attributes', () => {
  it('go to the instance’s own host, by the id field, which stands in each object once', async () => {
    const { outcome, told } = await run([ann, bob], [SUCCESS]);
    expect(told).toEqual([
      {
        url: 'POST https://rest.fra-01.braze.eu/users/track',
        authorization: 'Bearer key',
        body: {
          attributes: [
            { first_name: 'Ann', external_id: 'c-1', _update_existing_only: false },
            { first_name: 'Bob', external_id: 'c-2', _update_existing_only: false },
          ],
        },
      },
    ]);
    expect(outcome).toEqual({
      kind: 'receipts',
      receipts: [1, 2].map((seq) => ({ seq, status: 'accepted' })),
    });
  });

  it('clear by null, keep decimals as numbers, and never hold a null inside, which would drop the whole update', async () => {
    const fields = {
      plan: null,
      balance: '12.50',
      note: '12.50',
      visits: 12345678901234567890n,
      tags: ['a', null, 'b'],
      address: { city: 'Lyon', zip: null, geo: { lat: 1, lon: null } },
    };
    const row = makeRow({ seq: 1, key: 'c-1', fieldsJson: fieldsOf(fields) });
    const columns = [
      { field: 'balance', dataType: 'DECIMAL(10,2)' },
      { field: 'note', dataType: 'VARCHAR' },
    ];
    const { http, asked } = scriptedHttp([SUCCESS]);
    const service = await findService('braze', 'objects');
    const session = await service.open(makeContext({ config: CONFIG, http, columns }));
    await session.send(makeBatch([row]), new AbortController().signal);
    expect(asked[0]?.body).toContain('"visits":12345678901234567890');
    expect(JSON.parse(String(asked[0]?.body)).attributes[0]).toMatchObject({
      ...{ plan: null, balance: 12.5, note: '12.50', tags: ['a', 'b'] },
      address: { city: 'Lyon', geo: { lat: 1 } },
    });
    expect(JSON.parse(String(asked[0]?.body)).attributes[0].address).toEqual({ city: 'Lyon', geo: { lat: 1 } });
  });

  it('say for an alias, too, whether an unknown one makes a profile', async () => {
    const config = { ...CONFIG, id_field: 'user_alias', alias_label: 'crm', update_existing_only: true };
    const { told } = await run([ann], [SUCCESS], { config });
    expect(told[0]?.body.attributes[0]).toMatchObject({
      user_alias: { alias_name: 'c-1', alias_label: 'crm' },
      _update_existing_only: true,
    });
  });

  it('that Braze would carry out in place of keeping are not sent', async () => {
    const { validate } = await findService('braze', 'objects');
    const verdict = (value: object) =>
      validate?.(makeRow({ seq: 1, fieldsJson: JSON.stringify({ points: value }) }), NOON, CONFIG)?.code ?? null;
    expect([{ inc: 1 }, { add: ['x'] }, { $remove: [] }].map(verdict)).toEqual(Array(3).fill('attribute-operator'));
    expect([{ inc: 1, name: 'x' }, { city: 'Lyon' }, []].map(verdict)).toEqual([null, null, null]);
  });

  it('are known by addresses that Braze can have', async () => {
    const { validate } = await findService('braze', 'objects');
    const verdict = (id_field: string, key: string) =>
      validate?.(makeRow({ seq: 1, key }), NOON, { ...CONFIG, id_field })?.code ?? null;
    expect(verdict('email', 'ann')).toBe('invalid-email');
    expect(verdict('email', 'ann@shop.example')).toBeNull();
    expect(verdict('phone', '06 12 34 56 78')).toBe('invalid-phone');
    expect(verdict('phone', '+33612345678')).toBeNull();
  });
});

describe('an answer', () => {
  it('names the bad objects by index, and the others are taken', async () => {
    const body = { message: 'success', attributes_processed: 1, errors: [error(1, 'Bob is not valid')] };
    expect((await run([ann, bob], [{ status: 201, body }])).outcome).toEqual({
      kind: 'receipts',
      receipts: [
        { seq: 1, status: 'accepted' },
        { seq: 2, status: 'rejected', code: 'refused-by-braze', message: '<value> is not valid' },
      ],
    });
  });

  const FATAL = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.";
  const cases: readonly (readonly [string, Scripted, object])[] = [
    [
      '400 with every object named',
      { status: 400, body: { message: FATAL, errors: [error(0), error(1)] } },
      { receipts: [{ status: 'rejected' }, { status: 'rejected' }] },
    ],
    [
      '400 with some objects named: nothing was applied',
      { status: 400, body: { message: FATAL, errors: [error(0)] } },
      { kind: 'narrow' },
    ],
    ['400 that names none', { status: 400, body: { message: 'Bad syntax' } }, { kind: 'narrow' }],
    [
      'an error that names no object',
      { status: 201, body: { message: 'success', errors: ['minor'] } },
      { kind: 'counted', accepted: 1 },
    ],
    [
      'queued for maintenance',
      { status: 202, body: { message: 'queued' } },
      { receipts: [{ status: 'accepted' }, {}] },
    ],
    [
      'another message than success in a 2xx',
      { status: 201, body: { message: 'something went wrong' } },
      { kind: 'retry', applied: 'maybe' },
    ],
    ['an empty 2xx', { status: 201, body: {} }, { kind: 'retry', applied: 'maybe' }],
    ['an unknown key', { status: 401, body: { message: 'Invalid API key' } }, { kind: 'refused', code: 'http-401' }],
    [
      'a key of another instance',
      { status: 404, body: { message: 'Not Found' } },
      { kind: 'refused', fix: expect.stringContaining('rest_endpoint') },
    ],
    [
      'more objects than the contract allows',
      { status: 400, body: { message: 'Max Input Length Exceeded' } },
      { kind: 'too_large' },
    ],
    [
      'a gateway that throttles in HTTP’s own words',
      { status: 429, headers: { 'retry-after': new Date(NOON + 4000).toUTCString() }, body: {} },
      { kind: 'retry', applied: 'no', throttled: true, afterMs: 4000 },
    ],
    ['a body that is too big', { status: 413, body: '<html>' }, { kind: 'too_large' }],
    [
      'a fault of Braze’s',
      { status: 500, body: { message: 'Internal Server Error' } },
      { kind: 'retry', applied: 'maybe' },
    ],
  ];
  it.each(cases)('of %s', async (_name, answer, expected) => {
    expect((await run([ann, bob], [answer])).outcome).toMatchObject(expected);
  });

  it('says in its headers when the next request may start, by its own clock', async () => {
    const reset = Math.floor(NOON / 1000) + 3;
    const headers = { 'x-ratelimit-limit': '3000', 'x-ratelimit-reset': String(reset), 'x-ratelimit-remaining': '0' };
    const limited = { status: 429, headers, body: { message: 'Over rate limit' } };
    expect((await run([ann], [limited])).outcome).toMatchObject({
      ...{ kind: 'retry', applied: 'no', throttled: true, afterMs: 3000, pauseMs: 3000 },
    });
    expect((await run([ann], [{ ...SUCCESS, headers }])).outcome).toMatchObject({ kind: 'receipts', pauseMs: 3000 });
    const late = { ...headers, date: new Date(NOON + 2000).toUTCString() };
    expect((await run([ann], [{ ...SUCCESS, headers: late }])).outcome).toMatchObject({ pauseMs: 1000 });
    const left = { ...headers, 'x-ratelimit-remaining': '1' };
    expect((await run([ann], [{ ...SUCCESS, headers: left }])).outcome).not.toHaveProperty('pauseMs');
    const hour = { ...headers, 'x-ratelimit-reset': String(reset + 3600) };
    expect((await run([ann], [{ ...SUCCESS, headers: hour }])).outcome).toMatchObject({ pauseMs: 900_000 });
  });
});

describe('deletions', () => {
  const gone = (seq: number, more: Partial<OutgoingRow> = {}): OutgoingRow =>
    makeRow({ seq, operation: 'delete', key: `p${seq}@shop.example`, ...more });
  const deleted = (count: number): Scripted => ({ status: 200, body: { deleted: count, message: 'success' } });

  it('go in parts of 50, each of one kind, and profiles that are gone count as deleted', async () => {
    const rows = Array.from({ length: 75 }, (_, index) => gone(index + 1));
    const config = { ...CONFIG, id_field: 'email' };
    const { outcome, told } = await run(rows, [deleted(49), { status: 200, body: { deleted: 0 } }], { config });
    expect(told.map(({ url, body }) => [new URL(url.slice(5)).pathname, Object.keys(body)])).toEqual([
      ['/users/delete', ['email_addresses']],
      ['/users/delete', ['email_addresses']],
    ]);
    expect(told.map(({ body }) => body.email_addresses.length)).toEqual([50, 25]);
    // More than one profile may have the address: Braze wants to be told which.
    expect(told[0]?.body.email_addresses[0]).toEqual({
      email: 'p1@shop.example',
      prioritization: ['identified', 'most_recently_updated'],
    });
    expect(outcome).toMatchObject({ receipts: rows.map(({ seq }) => ({ seq, status: 'accepted' })) });
  });

  it('leave a profile of which only its age would tell whether it is ours', async () => {
    const { outcome, told } = await run([gone(1, { createdSince: '2026-03-01T12:00:00Z' }), gone(2)], [deleted(1)]);
    expect(told[0]?.body).toEqual({ external_ids: ['p2@shop.example'] });
    expect(outcome).toMatchObject({ receipts: [{ status: 'accepted' }, { status: 'accepted' }] });
  });

  it('that Braze does not count may have happened', async () => {
    expect((await run([gone(1)], [{ status: 200, body: { message: 'success' } }])).outcome).toMatchObject({
      kind: 'retry',
      applied: 'maybe',
    });
  });
});

describe('a configuration', () => {
  const columns = (...fields: readonly string[]) => fields.map((field) => ({ field, dataType: 'VARCHAR' }));
  const cases: readonly (readonly [string, Partial<ServiceContext>, string])[] = [
    [
      'the dashboard’s host',
      { config: { ...CONFIG, rest_endpoint: 'https://dashboard-01.braze.eu' } },
      'invalid-rest-endpoint',
    ],
    [
      'another host',
      { config: { ...CONFIG, rest_endpoint: 'rest.iad-01.braze.com.evil.example' } },
      'invalid-rest-endpoint',
    ],
    ['no label for aliases', { config: { ...CONFIG, id_field: 'user_alias' } }, 'alias-label-missing'],
    [
      'an e-mail address beside a phone number, and it would win',
      { config: { ...CONFIG, id_field: 'phone' }, columns: columns('phone', 'email') },
      'second-profile-id',
    ],
    [
      'an external id beside an e-mail address',
      { config: { ...CONFIG, id_field: 'email' }, columns: columns('email', 'external_id') },
      'second-profile-id',
    ],
    ['a field that steers the request', { columns: columns('_merge_objects') }, 'attribute-name'],
    [
      'delete, where nothing says which profiles are ours',
      { config: { ...CONFIG, delete_existing: false } },
      'delete-needs-delete-existing',
    ],
  ];
  it.each(cases)('with %s is an error before anything is sent', async (_name, part, code) => {
    await expect(run([ann], [], part)).rejects.toMatchObject({ kind: 'configuration', code });
  });

  it('may lower the number of objects in a request, not raise it', async () => {
    const { limits } = await findService('braze', 'objects');
    expect(limits?.({ ...CONFIG, batch_size: 50 })).toEqual({ rowsPerRequestMax: 50 });
    expect(limits?.({ ...CONFIG, batch_size: 500 })).toEqual({ rowsPerRequestMax: 75 });
  });

  it('may write the host with https, and map an e-mail address and a phone number beside an external id', async () => {
    const config = { ...CONFIG, rest_endpoint: 'https://rest.iad-05.braze.com/' };
    const { told } = await run([ann], [SUCCESS], { config, columns: columns('external_id', 'email', 'phone') });
    expect(told[0]?.url).toBe('POST https://rest.iad-05.braze.com/users/track');
  });

  it('is proved by a request that holds nothing', async () => {
    const verdict = async (answer: Scripted) => {
      const { http, asked } = scriptedHttp([answer]);
      const context = makeContext({ config: CONFIG, credentials: { api_key: 'key' }, http });
      const { ok } = await (await findService('braze', 'objects')).verify(context);
      return [ok, asked[0]?.body];
    };
    expect(await verdict({ status: 400, body: { message: 'Valid data must be provided' } })).toEqual([true, '{}']);
    expect(await verdict({ status: 401, body: { message: 'Invalid API key' } })).toEqual([false, '{}']);
    expect(await verdict({ status: 502, body: '<html>' })).toEqual([false, '{}']);
  });
});
