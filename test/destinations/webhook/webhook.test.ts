import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BatchOutcome, OutgoingRow, ServiceContext } from '../../../src/destinations/destination.ts';
import type { HttpRequest } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { secret } from '../../privacy/canaries.ts';
import { makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';

const insert = makeRow({
  seq: 1,
  key: '9007199254740993',
  keyJson: '9007199254740993',
  fieldsJson: '{"n": 12345678901234567890, "d":"1.10"}',
});
const composite = makeRow({ seq: 2, key: '{"a":1,"b":"x"}', keyJson: '{"a":1,"b":"x"}', fieldsJson: '{"name":null}' });

async function exchange(
  rows: readonly OutgoingRow[],
  answers: readonly Scripted[],
  part: Partial<ServiceContext> = {},
): Promise<{ readonly outcome: BatchOutcome; readonly asked: readonly HttpRequest[] }> {
  const { http, asked } = scriptedHttp(answers);
  const service = await findService('webhook', 'objects');
  const session = await service.open(makeContext({ config: { url: 'https://hooks.example/in?x=1' }, http, ...part }));
  return { outcome: await session.send(makeBatch(rows, 'sync-1:1-2'), new AbortController().signal), asked };
}

describe('a webhook request', () => {
  it('carries the warehouse’s own JSON, every digit of it, under the batch’s idempotency key', async () => {
    const { asked } = await exchange([insert, composite], [{ status: 200 }], {
      credentials: { secret: 's3cr3t-the-hook' },
    });
    const body =
      '{"activation":"vip.there","sync_id":"sync-1","operation":"insert","rows":[' +
      '{"key":9007199254740993,"fields":{"n": 12345678901234567890, "d":"1.10"}},' +
      '{"key":{"a":1,"b":"x"},"fields":{"name":null}}]}';
    expect(asked).toMatchObject([{ method: 'POST', url: 'https://hooks.example/in?x=1', body }]);
    expect(asked[0]?.headers).toEqual({
      'content-type': 'application/json',
      'idempotency-key': 'sync-1:1-2',
      'x-dinmo-signature': `sha256=${createHmac('sha256', 's3cr3t-the-hook').update(body).digest('hex')}`,
    });
  });

  it('names deleted rows by their key only, and is not signed without a secret', async () => {
    const { asked } = await exchange([makeRow({ seq: 1, key: 'a', operation: 'delete' })], [{ status: 204 }]);
    expect(asked[0]?.body).toContain('"operation":"delete","rows":[{"key":"a"}]}');
    expect(asked[0]?.headers).not.toHaveProperty('x-dinmo-signature');
  });

  it('goes to the base URL with its own path', async () => {
    const { asked } = await exchange([insert], [{ status: 200 }], { baseUrl: 'http://127.0.0.1:8900/webhook/d/' });
    expect(asked[0]?.url).toBe('http://127.0.0.1:8900/webhook/d/in?x=1');
  });

  it('has no user or password in its address: they would not be sent', async () => {
    const config = { url: `https://shop:${secret('hook-password')}@hooks.example/in` };
    const refusal = await exchange([insert], [], { config }).catch((thrown: unknown) => thrown);
    expect(refusal).toMatchObject({ code: 'invalid-setting', message: expect.not.stringContaining('shop') });
  });

  it('has the rows that the settings say', async () => {
    const service = await findService('webhook', 'objects');
    expect(service.limits?.({ batch_size: 7 })).toEqual({ rowsPerRequestMax: 7, connectionsMax: 8 });
    expect(service.limits?.({ connections: 2 })).toEqual({ rowsPerRequestMax: 500, connectionsMax: 2 });
    expect(service.limits?.({})).toEqual({ rowsPerRequestMax: 500, connectionsMax: 8 });
  });
});

describe('a webhook answer', () => {
  it.each([
    ['empty', ''],
    ['an object without rejected', '{"ok":true}'],
    ['rejected null', '{"rejected":null}'],
    ['a plain text', 'OK'],
    ['a JSON array', '[]'],
  ])('acknowledges with %s', async (_name, body) => {
    expect((await exchange([insert, composite], [{ status: 202, body }])).outcome).toEqual({ kind: 'accepted' });
  });

  it.each([
    ['HTML', '<!doctype html><title>Sign in</title>'],
    ['broken JSON', '{"rejected":[{"key":1,'],
    ['a text that was packed', '\u001f\ufffd\b\u0000rejected'],
    ['a trace', `Traceback: ${'at line 1 '.repeat(200)}`],
    ['rejected that is no list', '{"rejected":"row 1"}'],
  ])('is no acknowledgement with %s', async (_name, body) => {
    const { outcome } = await exchange([insert, composite], [{ status: 200, body }]);
    expect(outcome).toMatchObject({ kind: 'retry', applied: 'maybe', code: 'not-an-acknowledgement' });
  });

  it('rejects the rows it names, by typed key beyond 2^53 and by a composite key in any order', async () => {
    const body = '{"rejected":[{"key":9007199254740993,"code":"bad_row","message":"no"},{"key":{"b":"x","a":1}}]}';
    expect((await exchange([insert, composite], [{ status: 200, body }])).outcome).toEqual({
      kind: 'receipts',
      receipts: [
        { seq: 1, status: 'rejected', code: 'bad_row', message: 'no' },
        { seq: 2, status: 'rejected', code: 'rejected', message: 'Rejected by the endpoint' },
      ],
    });
  });

  it('does not take the neighbour of a big key for it', async () => {
    const body = '{"rejected":[{"key":9007199254740992,"code":"bad_row"}]}';
    const { outcome } = await exchange([insert, composite], [{ status: 200, body }]);
    expect(outcome).toMatchObject({ kind: 'narrow', code: 'bad_row' });
  });

  it('keeps codes and messages free of what the rows hold', async () => {
    const row = makeRow({ seq: 1, key: 'k-77', fieldsJson: '{"name":"Zebulon","tags":["Vip-Secret"]}' });
    const entry = {
      key: 'k-77',
      code: 'jane@shop.example',
      message: 'Zebulon of k-77 with Vip-Secret, call +33 6 12 34 56 78',
    };
    const { outcome } = await exchange([row], [{ status: 200, body: { rejected: [entry] } }]);
    const message = '<value> of <value> with <value>, call <number>';
    expect(outcome).toEqual({
      kind: 'receipts',
      receipts: [{ seq: 1, status: 'rejected', code: 'rejected', message }],
    });
  });

  it('is kept without the characters that no text of a database may have', async () => {
    const entry = { key: 'k-77', code: 'odd', message: 'a\u0000b\u001b[31mc \ud800' };
    const row = makeRow({ seq: 1, key: 'k-77' });
    const { outcome } = await exchange([row], [{ status: 200, body: JSON.stringify({ rejected: [entry] }) }]);
    expect(outcome).toMatchObject({ receipts: [{ message: 'a b [31mc \ufffd' }] });
  });

  it.each([
    [429, { 'retry-after': '7' }, { kind: 'retry', applied: 'no', throttled: 'request', afterMs: 7000 }],
    [
      429,
      { 'retry-after': new Date(NOON + 90_000).toUTCString() },
      { kind: 'retry', throttled: 'request', afterMs: 90_000 },
    ],
    [429, { 'retry-after': '86400' }, { kind: 'retry', afterMs: 900_000 }],
    [429, { 'retry-after': 'soon' }, { kind: 'retry', throttled: 'request', afterMs: null }],
    [500, {}, { kind: 'retry', applied: 'maybe', throttled: false }],
    [503, { 'retry-after': '1' }, { kind: 'retry', applied: 'maybe', throttled: 'request', afterMs: 1000 }],
    [400, {}, { kind: 'narrow', code: 'http-400' }],
    [404, {}, { kind: 'narrow', code: 'http-404' }],
    [422, {}, { kind: 'narrow', code: 'http-422' }],
    [413, {}, { kind: 'too_large' }],
    [405, {}, { kind: 'refused', code: 'http-405' }],
    [415, {}, { kind: 'refused' }],
    [401, {}, { kind: 'refused' }],
    [403, {}, { kind: 'refused' }],
    [302, { location: 'https://elsewhere.example' }, { kind: 'refused', code: 'http-302' }],
  ])('means its status %i %j', async (status, headers, expected) => {
    expect((await exchange([insert, composite], [{ status, headers }])).outcome).toMatchObject(expected);
  });
});
