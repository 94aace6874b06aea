import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DinmoError } from '../../src/errors.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/start.ts';
import { ask, type Reply, sha256, stateOf, withSandbox } from './rehearsal.ts';

function hook(sandbox: Sandbox, key: string, fields: object = {}): Promise<Reply> {
  const body = { activation: 'a.w', sync_id: 's', operation: 'insert', rows: [{ key, fields }] };
  return ask('POST', sandbox.baseUrl('webhook', 'w'), { token: null, body, headers: { 'idempotency-key': key } });
}

test('each destination has a state of its own, and the platform’s own path follows whole', async () => {
  await withSandbox({}, async (sandbox) => {
    expect(sandbox.baseUrl('meta', 'one')).toBe(`${sandbox.url}/meta/one`);
    const body = { name: 'VIP', subtype: 'CUSTOM', customer_file_source: 'USER_PROVIDED_ONLY' };
    await ask('POST', `${sandbox.baseUrl('meta', 'one')}/v26.0/act_1/customaudiences`, { body });
    const other = await ask('GET', `${sandbox.baseUrl('meta', 'two')}/v26.0/act_1/customaudiences`);
    expect(other.json.data).toEqual([]);
    const state = await ask('GET', `${sandbox.url}/state`);
    expect(state.json.destinations.map((one: { destination: string }) => one.destination)).toEqual(['one', 'two']);
    expect(state.json).toEqual(JSON.parse(JSON.stringify(sandbox.state())));
    expect((await ask('GET', `${sandbox.url}/state?rows=0`)).json.destinations[0].audiences[0].size).toBe(0);
    expect((await ask('GET', `${sandbox.url}/tiktok/one/x`)).status).toBe(404);
    expect((await ask('GET', `${sandbox.url}/meta/Not-A-Name/x`)).status).toBe(404);
  });
});

test('faults and reset over HTTP: a reset is a new instance, settings stay', async () => {
  await withSandbox({}, async (sandbox) => {
    await hook(sandbox, 'k');
    const before = (await ask('GET', `${sandbox.url}/instance`)).json.instance;
    expect(before).toBe(sandbox.instance);
    expect((await ask('POST', `${sandbox.url}/faults`, { body: { rate: 0.5, poison: ['a'] } })).json).toMatchObject({
      rate: 0.5,
      poison: ['a'],
    });
    const wrong = await ask('POST', `${sandbox.url}/faults`, { body: { rate: 2, speed: 1 } });
    expect(wrong).toMatchObject({ status: 400, json: { error: { code: 'sandbox-faults-invalid' } } });
    expect(wrong.json.error.message).toMatch(/rate.*speed/);
    expect(
      (await ask('POST', `${sandbox.url}/faults`, { body: '{}', headers: { 'content-type': 'text/plain' } })).status,
    ).toBe(415);
    const reset = await ask('POST', `${sandbox.url}/reset`, { body: {} });
    expect(reset.json.instance).not.toBe(before);
    expect(sandbox.state()).toMatchObject({ instance: reset.json.instance, destinations: [], faults: { rate: 0.5 } });
    expect((await ask('GET', `${sandbox.url}/health`)).json).toEqual({ status: 'ok', instance: reset.json.instance });
  });
});

test('the page shows every destination, escapes what was sent, masks personal data, and loads nothing', async () => {
  await withSandbox({}, async (sandbox) => {
    const name = '<script>alert(1)</script>';
    const base = `${sandbox.baseUrl('meta', 'ads')}/v26.0`;
    const body = { name, subtype: 'CUSTOM', customer_file_source: 'USER_PROVIDED_ONLY' };
    const { id } = (await ask('POST', `${base}/act_1/customaudiences`, { body })).json;
    await ask('POST', `${base}/${id}/users`, { body: { payload: { schema: ['EMAIL'], data: [[sha256('ada')]] } } });
    await hook(sandbox, 'ada@example.com', {
      email: 'ada@example.com',
      first_name: 'Ada',
      phone: '+33611223344',
      plan: 'pro',
      n: 1,
    });
    const page = await ask('GET', sandbox.url);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.text).toContain('&#60;script&#62;');
    expect(page.text).not.toMatch(/<script|src=|https?:\/\/(?!127\.0\.0\.1)/);
    for (const personal of ['ada@example.com', 'Ada', '611223344', sha256('ada')])
      expect(page.text).not.toContain(personal);
    for (const shown of ['a…@…', 'plan=pro', 'a.w', sha256('ada').slice(0, 8)]) expect(page.text).toContain(shown);
    expect(stateOf(sandbox, 'w').objects[0]?.records[0]?.fields).toMatchObject({ email: 'ada@example.com' });
  });
});

test('only programs of this machine are answered: other hosts and origins are refused', async () => {
  await withSandbox({}, async (sandbox) => {
    const state = `${sandbox.url}/state`;
    expect((await ask('GET', state, { headers: { host: 'evil.example:80' } })).status).toBe(403);
    expect((await ask('GET', state, { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await ask('GET', state, { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await ask('GET', state, { headers: { origin: sandbox.url } })).status).toBe(200);
    const port = Number(new URL(sandbox.url).port);
    const refused = new Promise((resolve) => {
      connect(port, '127.0.0.2')
        .once('error', () => resolve(true))
        .once('connect', () => resolve(false));
    });
    expect(await refused).toBe(true);
  });
});

test('a body over 32 MiB is refused, and the sandbox goes on', async () => {
  await withSandbox({}, async (sandbox) => {
    const reply = await ask('POST', sandbox.baseUrl('webhook', 'w'), { body: 'x'.repeat(33 * 1024 * 1024) });
    expect(reply.status).toBe(413);
    expect((await hook(sandbox, 'k')).status).toBe(200);
  });
});

test('with a state file a restart goes on, under the same instance', async () => {
  const stateFile = join(mkdtempSync(join(tmpdir(), 'sandbox-')), 'deep', 'state.json');
  const contact = { id: 'ada@example.com', idProperty: 'email', properties: { plan: 'pro' } };
  const upsert = (sandbox: Sandbox): Promise<Reply> =>
    ask('POST', `${sandbox.baseUrl('hubspot', 'h')}/crm/objects/2026-09/contacts/batch/upsert`, {
      body: { inputs: [contact] },
    });
  const now = Math.floor(Date.now() / 1000);
  const event = {
    event_name: 'Lead',
    event_time: now,
    event_id: 'e',
    action_source: 'email',
    user_data: { em: [sha256('a')] },
  };
  const send = (sandbox: Sandbox): Promise<Reply> =>
    ask('POST', `${sandbox.baseUrl('meta', 'm')}/v26.0/9/events`, { body: { data: [event] } });
  let before: unknown;
  let instance = '';
  await withSandbox({ stateFile }, async (sandbox) => {
    instance = sandbox.instance;
    const { id } = (await upsert(sandbox)).json.results[0];
    const list = { name: 'VIP', objectTypeId: '0-1', processingType: 'MANUAL' };
    await ask('POST', `${sandbox.baseUrl('hubspot', 'h')}/crm/lists/2026-09`, { body: list });
    await ask('PUT', `${sandbox.baseUrl('hubspot', 'h')}/crm/lists/2026-09/101/memberships/add`, { body: [id] });
    await send(sandbox);
    const body = { name: 'VIP', subtype: 'CUSTOM', customer_file_source: 'USER_PROVIDED_ONLY' };
    const base = `${sandbox.baseUrl('meta', 'm')}/v26.0`;
    const audience = (await ask('POST', `${base}/act_1/customaudiences`, { body })).json.id;
    await ask('POST', `${base}/${audience}/users`, {
      body: { payload: { schema: 'EMAIL_SHA256', data: [sha256('a')] } },
    });
    await hook(sandbox, 'k', { n: 1 });
    before = { ...sandbox.state(), url: '' };
  });
  expect(statSync(stateFile).mode & 0o077).toBe(0);
  await withSandbox({ stateFile }, async (sandbox) => {
    expect(sandbox.instance).toBe(instance);
    const after = JSON.parse(JSON.stringify(sandbox.state()).replaceAll(sandbox.url, ''));
    const expected = JSON.parse(JSON.stringify(before).replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, ''));
    expect(after).toEqual(expected);
    await send(sandbox);
    expect(stateOf(sandbox, 'm').events[0]?.duplicates).toBe(1);
    expect((await upsert(sandbox)).json.results[0].new).toBe(false);
    await hook(sandbox, 'k', { n: 1 });
    expect(stateOf(sandbox, 'w').requests.repeated).toBe(1);
  });
});

test('state that cannot be trusted is empty state, under a new instance', async () => {
  const stateFile = join(mkdtempSync(join(tmpdir(), 'sandbox-')), 'state.json');
  let instance = '';
  await withSandbox({ stateFile }, async (sandbox) => {
    instance = sandbox.instance;
    await hook(sandbox, 'k');
  });
  // As a process leaves it that died before it had written.
  writeFileSync(`${stateFile}.unwritten`, '');
  await withSandbox({ stateFile }, async (sandbox) => {
    expect(sandbox.instance).not.toBe(instance);
    expect(sandbox.state().destinations).toEqual([]);
    instance = sandbox.instance;
  });
  expect(JSON.parse(readFileSync(stateFile, 'utf8')).instance).toBe(instance);
  writeFileSync(
    stateFile,
    '{"version":1,"instance":"x","startedAt":"","destinations":[{"platform":"meta","destination":"m","desk":{}}]}',
  );
  await withSandbox({ stateFile }, async (sandbox) => expect(sandbox.instance).not.toBe('x'));
});

test('files are shown from the folder of a rehearsal, and from no other', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sandbox-'));
  const folder = join(root, 'dinmo_sandbox', 'exports');
  await withSandbox({}, async (sandbox) => {
    const tell = (where: string): Promise<Reply> =>
      ask('POST', `${sandbox.url}/destinations`, { body: { platform: 'files', destination: 'f', folder: where } });
    expect((await tell(root)).json.error.code).toBe('sandbox-folder-refused');
    expect((await tell(folder)).status).toBe(200);
    expect(stateOf(sandbox, 'f').files).toEqual([]);
    mkdirSync(join(folder, 'vip.f'), { recursive: true });
    writeFileSync(join(folder, 'vip.f', 's1.csv'), 'id,note\n1,"two\nlines, ""quoted"""\n2,x');
    writeFileSync(join(folder, 'all.jsonl'), '{"a":1}\n{"a":2}\n');
    expect(stateOf(sandbox, 'f').files).toEqual([
      { path: 'all.jsonl', bytes: 16, rows: 2 },
      { path: 'vip.f/s1.csv', bytes: 37, rows: 2 },
    ]);
    expect((await ask('POST', sandbox.baseUrl('files', 'f'), { body: {} })).status).toBe(404);
  });
});

test('custom fields that the project maps exist at a platform that lists its own', async () => {
  await withSandbox({}, async (sandbox) => {
    const mappedFields = ['plan', 'user_fields.score'];
    const body = { platform: 'zendesk', destination: 'z', mappedFields };
    expect((await ask('POST', `${sandbox.url}/destinations`, { body })).status).toBe(200);
    const fields = await ask('GET', `${sandbox.baseUrl('zendesk', 'z')}/api/v2/user_fields`);
    expect(fields.json.user_fields).toMatchObject([{ key: 'plan' }, { key: 'score' }]);
  });
});

test('a taken port is an error that says what to do', async () => {
  await withSandbox({}, async (sandbox) => {
    const port = Number(new URL(sandbox.url).port);
    const failed = await startSandbox({ port }).catch((error: DinmoError) => error);
    expect(failed).toMatchObject({ code: 'sandbox-port-taken', exitCode: 2 });
  });
});
