import { expect, test } from 'vitest';
import { decideFault, FAULT_KINDS, noFaults, randomStream } from '../../src/sandbox/faults.ts';
import type { Sandbox } from '../../src/sandbox/start.ts';
import { ask, type Reply, sha256, stateOf, stoppedClock, withSandbox } from './rehearsal.ts';

async function newAudience(sandbox: Sandbox): Promise<string> {
  const body = { name: 'VIP', subtype: 'CUSTOM', customer_file_source: 'USER_PROVIDED_ONLY' };
  const made = await ask('POST', `${sandbox.baseUrl('meta', 'm')}/v26.0/act_1/customaudiences`, { body });
  return made.json.id;
}

function addPeople(sandbox: Sandbox, audience: string, names: readonly string[]): Promise<Reply> {
  const body = { payload: { schema: ['EMAIL'], data: names.map((name) => [sha256(name)]) } };
  return ask('POST', `${sandbox.baseUrl('meta', 'm')}/v26.0/${audience}/users`, { body });
}

async function upsert(sandbox: Sandbox, names: readonly string[]): Promise<Reply> {
  const inputs = names.map((name) => ({
    id: `${name}@example.com`,
    idProperty: 'email',
    properties: {},
    objectWriteTraceId: name,
  }));
  return ask('POST', `${sandbox.baseUrl('hubspot', 'h')}/crm/objects/2026-09/contacts/batch/upsert`, {
    body: { inputs },
  });
}

function hook(sandbox: Sandbox, key: string): Promise<Reply> {
  const body = { activation: 'a.w', sync_id: 's', operation: 'insert', rows: [{ key, fields: {} }] };
  return ask('POST', sandbox.baseUrl('webhook', 'w'), { body, headers: { 'idempotency-key': key } });
}

const size = (sandbox: Sandbox): number | undefined => stateOf(sandbox, 'm').audiences[0]?.size;

test('planned faults hit the next requests that fit, in the words of each platform', async () => {
  await withSandbox({}, async (sandbox) => {
    const audience = await newAudience(sandbox);
    sandbox.setFaults({
      next: [
        { kind: 'throttled', platform: 'meta', path: '/users' },
        { kind: 'html', platform: 'meta', times: 2 },
      ],
    });
    expect((await upsert(sandbox, ['a'])).status).toBe(200);
    expect((await addPeople(sandbox, audience, ['a'])).json.error.code).toBe(80_003);
    const page = await addPeople(sandbox, audience, ['a']);
    expect(page).toMatchObject({ status: 200, json: undefined });
    expect((await addPeople(sandbox, audience, ['a'])).text).toContain('<!doctype html>');
    expect(size(sandbox)).toBe(0);
    expect((await addPeople(sandbox, audience, ['a'])).json.num_received).toBe(1);
    expect(stateOf(sandbox, 'm').faults).toEqual({ throttled: 1, html: 2 });

    sandbox.setFaults({
      next: [{ kind: 'throttled' }, { kind: 'server_error' }, { kind: 'unavailable' }, { kind: 'empty' }],
      retryAfterSeconds: 7,
    });
    expect(await upsert(sandbox, ['b'])).toMatchObject({ status: 429, json: { category: 'RATE_LIMITS' } });
    expect((await upsert(sandbox, ['b'])).status).toBe(500);
    expect((await upsert(sandbox, ['b'])).status).toBe(503);
    expect(await upsert(sandbox, ['b'])).toMatchObject({ status: 200, json: { results: [] } });
    expect(stateOf(sandbox, 'h').objects[0]?.size).toBe(1);

    sandbox.setFaults({ next: [{ kind: 'throttled' }, { kind: 'html' }] });
    expect((await hook(sandbox, 'x')).headers['retry-after']).toBe('7');
    // A webhook's 2xx says that the rows are accepted, whatever its body.
    expect((await hook(sandbox, 'y')).text).toContain('<!doctype html>');
    expect(stateOf(sandbox, 'w').objects[0]?.records.map((record) => record.key)).toEqual(['y']);
  });
});

test('a connection is cut before or after the request is applied, and a late 504 comes after', async () => {
  await withSandbox({}, async (sandbox) => {
    const audience = await newAudience(sandbox);
    sandbox.setFaults({ next: [{ kind: 'reset_before' }, { kind: 'reset_after' }, { kind: 'timeout_after' }] });
    await expect(addPeople(sandbox, audience, ['a'])).rejects.toThrow();
    expect(size(sandbox)).toBe(0);
    await expect(addPeople(sandbox, audience, ['a'])).rejects.toThrow();
    expect(size(sandbox)).toBe(1);
    expect((await addPeople(sandbox, audience, ['b'])).status).toBe(504);
    expect(size(sandbox)).toBe(2);
    expect(stateOf(sandbox, 'm').requests.statuses).toEqual({ '200': 1, '504': 1, reset: 2 });
    expect(stateOf(sandbox, 'm').log.map(({ status, fault }) => [status, fault])).toEqual([
      [200, null],
      [null, 'reset_before'],
      [null, 'reset_after'],
      [504, 'timeout_after'],
    ]);
  });
});

test('a partial failure refuses some rows and takes the others', async () => {
  await withSandbox({}, async (sandbox) => {
    const audience = await newAudience(sandbox);
    const names = Array.from({ length: 50 }, (_, index) => `p${index}`);
    sandbox.setFaults({
      next: [
        { kind: 'partial', platform: 'meta' },
        { kind: 'partial', platform: 'hubspot' },
      ],
    });
    const { num_invalid_entries: invalid } = (await addPeople(sandbox, audience, names)).json;
    expect(invalid).toBeGreaterThan(0);
    expect(invalid).toBeLessThan(50);
    expect(size(sandbox)).toBe(50 - invalid);
    const { results, errors } = (await upsert(sandbox, names)).json;
    expect(results.length + errors.length).toBe(50);
    expect(errors.length).toBeGreaterThan(0);
    expect(stateOf(sandbox, 'h')).toMatchObject({ rejected: errors.length, faults: { partial: 1 } });
  });
});

test('slow answers and latency pass on the clock', async () => {
  const clock = stoppedClock();
  await withSandbox({ clock, latencyMs: 40 }, async (sandbox) => {
    const before = clock.now();
    sandbox.setFaults({ slowMs: 500, next: [{ kind: 'slow' }] });
    expect((await hook(sandbox, 'a')).status).toBe(200);
    expect(clock.now() - before).toBe(540);
    await hook(sandbox, 'b');
    expect(clock.now() - before).toBe(580);
  });
});

test('the same seed and order meet the same faults, another seed others, one destination untouched by another', async () => {
  const run = async (seed: number, besides: boolean): Promise<readonly (string | null)[]> => {
    let faults: readonly (string | null)[] = [];
    await withSandbox({ faultRate: 0.5, seed, clock: stoppedClock() }, async (sandbox) => {
      for (let call = 0; call < 30; call += 1) {
        await hook(sandbox, `k${call}`).catch(() => null);
        if (besides) await upsert(sandbox, ['a']).catch(() => null);
      }
      faults = stateOf(sandbox, 'w').log.map((entry) => entry.fault);
    });
    return faults;
  };
  const first = await run(7, false);
  expect(await run(7, true)).toEqual(first);
  expect(await run(8, false)).not.toEqual(first);
  expect(first).toContain(null);
});

test('the rate is the share of requests, over the kinds asked for', () => {
  const question = { platform: 'meta', destination: 'm', method: 'POST', path: '/', possible: FAULT_KINDS };
  const settings = { ...noFaults, rate: 0.25, kinds: ['server_error' as const, 'slow' as const] };
  const decided = Array.from(
    { length: 2000 },
    (_, n) => decideFault(settings, question, randomStream(1, 'meta/m', n)).fault,
  );
  const hit = decided.filter((kind) => kind !== null);
  expect(hit.length).toBeGreaterThan(420);
  expect(hit.length).toBeLessThan(580);
  expect(new Set(hit)).toEqual(new Set(['server_error', 'slow']));
  const elsewhere = decideFault({ ...settings, rate: 1, destinations: ['other'] }, question, randomStream(1, 'm', 1));
  expect(elsewhere.fault).toBeNull();
});
