import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type Ask, ask, type Reply, rulesBroken, sha256, stateOf, withSandbox } from '../rehearsal.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
});
afterAll(() => sandbox.close());

const VALID = { name: 'VIP', subtype: 'CUSTOM', customer_file_source: 'USER_PROVIDED_ONLY' };

function graph(destination: string, method: string, path: string, options: Ask = {}): Promise<Reply> {
  return ask(method, `${sandbox.baseUrl('meta', destination)}${path}`, options);
}

async function newAudience(destination: string, name = 'VIP', more: object = {}): Promise<string> {
  const body = { ...VALID, name, ...more };
  const made = await graph(destination, 'POST', '/v26.0/act_12/customaudiences', { body });
  return made.json.id;
}

const email = (name: string): string => sha256(`${name}@example.com`);
const phone = (number: string): string => sha256(number);
const users = (schema: unknown, data: unknown): Ask => ({ body: { payload: { schema, data } } });

describe('who and where', () => {
  test('a token is needed, as a header or in the query', async () => {
    const path = '/v26.0/act_12/customaudiences';
    expect((await graph('auth', 'GET', path, { token: null })).json.error.code).toBe(190);
    expect((await graph('auth', 'GET', path, { token: 'invalid' })).json.error.code).toBe(190);
    expect((await graph('auth', 'GET', path, { token: 'expired' })).json.error).toMatchObject({
      code: 190,
      error_subcode: 463,
    });
    expect((await graph('auth', 'GET', path, { token: 'forbidden' })).json.error.code).toBe(200);
    expect((await graph('auth', 'GET', `${path}?access_token=secret`, { token: null })).json).toEqual({ data: [] });
    expect(JSON.stringify(stateOf(sandbox, 'auth').log)).not.toContain('secret');
  });

  test('only v26.0 is served', async () => {
    expect((await graph('version', 'GET', '/v25.0/act_12/customaudiences')).json.error.code).toBe(2635);
    expect((await graph('version', 'GET', '/act_12/customaudiences')).json.error.code).toBe(2500);
    expect(rulesBroken(sandbox, 'version')).toEqual(['version', 'version']);
  });

  test('errors have the shape of the Graph API', async () => {
    const reply = await graph('shape', 'GET', '/v26.0/23850000009999');
    expect(reply.status).toBe(400);
    expect(reply.json.error).toMatchObject({ type: 'GraphMethodException', code: 100, error_subcode: 33 });
    expect(reply.json.error.fbtrace_id).toMatch(/./);
    expect(JSON.parse(String(reply.headers['x-business-use-case-usage']))['0'][0]).toMatchObject({
      type: 'custom_audience',
    });
  });
});

describe('audiences', () => {
  test('are made with a name, CUSTOM and the source of the file', async () => {
    const path = '/v26.0/act_12/customaudiences';
    for (const wrong of [{ name: '' }, { subtype: 'LOOKALIKE' }, { customer_file_source: 'FOUND' }]) {
      expect((await graph('make', 'POST', path, { body: { ...VALID, ...wrong } })).json.error.code).toBe(100);
    }
    const { customer_file_source: _, ...without } = VALID;
    expect((await graph('make', 'POST', path, { body: without })).json.error.message).toContain('customer_file_source');
    const id = await newAudience('make');
    const fields = 'id,name,operation_status,customer_file_source';
    expect((await graph('make', 'GET', `/v26.0/${id}?fields=${fields}`)).json).toEqual({
      ...{ id, name: 'VIP', customer_file_source: 'USER_PROVIDED_ONLY' },
      operation_status: { code: 200, description: 'Normal' },
    });
    expect((await graph('make', 'GET', `/v26.0/${id}?fields=members`)).json.error.code).toBe(100);
  });

  test('are listed by account, in pages, filtered by name, and a name may be taken twice', async () => {
    for (const name of ['A', 'B', 'B', 'C', 'D']) await newAudience('list', name);
    const names: string[] = [];
    let next: string | undefined =
      `${sandbox.baseUrl('meta', 'list')}/v26.0/act_12/customaudiences?fields=id,name&limit=2`;
    while (next) {
      const page: Reply = await ask('GET', next);
      expect(page.json.data.length).toBeLessThanOrEqual(2);
      names.push(...page.json.data.map((audience: { name: string }) => audience.name));
      next = page.json.paging?.next;
    }
    expect(names).toEqual(['A', 'B', 'B', 'C', 'D']);
    const filtering = encodeURIComponent('[{"field":"name","operator":"EQUAL","value":"B"}]');
    const found = await graph('list', 'GET', `/v26.0/act_12/customaudiences?fields=name&filtering=${filtering}`);
    expect(found.json.data).toHaveLength(2);
    expect((await graph('list', 'GET', '/v26.0/act_13/customaudiences')).json.data).toEqual([]);
    expect((await graph('list', 'GET', '/v26.0/act_12/customaudiences?filtering=name')).json.error.code).toBe(100);
  });

  test('can be renamed and deleted', async () => {
    const id = await newAudience('change');
    expect((await graph('change', 'POST', `/v26.0/${id}`, { body: { name: 'New' } })).json).toEqual({ success: true });
    expect((await graph('change', 'GET', `/v26.0/${id}?fields=name`)).json.name).toBe('New');
    await graph('change', 'DELETE', `/v26.0/${id}`);
    expect((await graph('change', 'GET', `/v26.0/${id}`)).json.error).toMatchObject({ code: 100, error_subcode: 33 });
  });
});

describe('people', () => {
  test('are rows of identifiers: the same row is one person, a removal goes by any one identifier', async () => {
    const id = await newAudience('people');
    const schema = ['EMAIL', 'PHONE', 'FN'];
    const ada = [email('ada'), phone('33611'), sha256('ada')];
    const bob = [email('bob'), '', ''];
    const eve = [email('eve'), phone('33611'), sha256('eve')];
    const added = await graph('people', 'POST', `/v26.0/${id}/users`, users(schema, [ada, bob, eve]));
    expect(added.json).toMatchObject({
      audience_id: id,
      num_received: 3,
      num_invalid_entries: 0,
      invalid_entry_samples: {},
    });
    expect(added.json.session_id).toMatch(/^\d+$/);
    await graph('people', 'POST', `/v26.0/${id}/users`, users(schema, [bob, ada]));
    expect(stateOf(sandbox, 'people').audiences[0]).toMatchObject({
      id,
      name: 'VIP',
      owner: '12',
      size: 3,
      added: 3,
      removed: 0,
    });

    // Nobody has this address; Ada and Eve share the phone; the first name recognises nobody.
    const removal = [email('nobody'), phone('33611'), sha256('bob')];
    const removed = await graph('people', 'DELETE', `/v26.0/${id}/users`, users(schema, [removal]));
    expect(removed.json).toMatchObject({ num_received: 1, num_invalid_entries: 0 });
    expect(stateOf(sandbox, 'people').audiences[0]).toMatchObject({
      size: 1,
      removed: 2,
      members: [{ EMAIL: [email('bob')] }],
    });

    await graph('people', 'POST', `/v26.0/${id}/users`, users(schema, [ada]));
    await graph('people', 'DELETE', `/v26.0/${id}/users`, users(['EMAIL'], [[email('ada')]]));
    expect(stateOf(sandbox, 'people').audiences[0]?.members).toEqual([{ EMAIL: [email('bob')] }]);
    expect(rulesBroken(sandbox, 'people')).toEqual([]);
  });

  test('hints of a known person are replaced, and a removal by hints alone is invalid', async () => {
    const id = await newAudience('hints');
    const add = (hint: string) =>
      graph('hints', 'POST', `/v26.0/${id}/users`, users(['EMAIL', 'COUNTRY'], [[email('ada'), hint]]));
    await add(sha256('fr'));
    await add(sha256('de'));
    expect(stateOf(sandbox, 'hints').audiences[0]?.members).toEqual([
      { EMAIL: [email('ada')], COUNTRY: [sha256('de')] },
    ]);
    const removal = await graph('hints', 'DELETE', `/v26.0/${id}/users`, users(['COUNTRY'], [[sha256('de')]]));
    expect(removal.json.num_invalid_entries).toBe(1);
    expect(rulesBroken(sandbox, 'hints')).toEqual(['removal-without-identifier']);
  });

  test('each cell is empty or what its key wants: others are counted, not told', async () => {
    const id = await newAudience('cells', 'VIP', { is_value_based: true });
    const schema = ['EMAIL', 'EXTERN_ID', 'MADID', 'LOOKALIKE_VALUE', 'DATA_PROCESSING_OPTIONS'];
    const advertisingId = '38400000-8cf0-11bd-b23e-10b96e40000d';
    const rows = [
      [email('ada'), 'c-1', advertisingId, 12.5, ['LDU']],
      ['', 'c-2', '', 0, []],
      ['ada@example.com', '', '', 0, []],
      [email('ada').toUpperCase(), '', '', 0, []],
      [sha256(''), '', '', 0, []],
      ['', '', '', 0, []],
      [null, '', '', 0, []],
      ['', '', advertisingId.toUpperCase(), 0, []],
      [email('bob'), '', '', -1, []],
      [email('bob'), '', '', 0, ['ANY']],
    ];
    const reply = await graph('cells', 'POST', `/v26.0/${id}/users`, users(schema, rows));
    expect(reply.json).toMatchObject({ num_received: 10, num_invalid_entries: 8 });
    expect(stateOf(sandbox, 'cells').audiences[0]?.members).toEqual([
      { EMAIL: [email('ada')], EXTERN_ID: ['c-1'], MADID: [advertisingId], LOOKALIKE_VALUE: ['12.5'] },
      { EXTERN_ID: ['c-2'], LOOKALIKE_VALUE: ['0'] },
    ]);
    expect(rulesBroken(sandbox, 'cells')).toEqual([
      ...['not-hashed', 'not-hashed', 'hash-of-nothing', 'row-without-identifier', 'cell-not-text'],
      ...['lookalike-value', 'data-processing-options'],
    ]);
  });

  test.each([
    ['an unknown key', ['EMAIL', 'NAME'], [[email('a'), '']], 'schema'],
    ['a key repeated too often', ['EMAIL', 'FN', 'FN'], [[email('a'), '', '']], 'schema'],
    ['a lower-case single key', 'email_sha256', [email('a')], 'schema'],
    ['a row of another length', ['EMAIL', 'PHONE'], [[email('a')]], 'row-shape'],
    ['no rows', ['EMAIL'], [], 'empty-request'],
    ['10,001 rows', 'EMAIL_SHA256', Array.from({ length: 10_001 }, (_, row) => email(String(row))), 'too-many-rows'],
  ])('%s refuses the whole request', async (_, schema, data, rule) => {
    const destination = `refuse_${rule.replaceAll('-', '_')}`;
    const id = await newAudience(destination);
    const reply = await graph(destination, 'POST', `/v26.0/${id}/users`, users(schema, data));
    expect(reply.status).toBe(400);
    expect(reply.json.error.code).toBe(100);
    expect(rulesBroken(sandbox, destination).at(-1)).toBe(rule);
    expect(stateOf(sandbox, destination).audiences.at(-1)?.size).toBe(0);
  });

  test('10,000 rows and up to three e-mail columns are taken', async () => {
    const id = await newAudience('many');
    const rows = Array.from({ length: 10_000 }, (_, row) => [email(`${row}a`), email(`${row}b`), '']);
    const reply = await graph('many', 'POST', `/v26.0/${id}/users`, users(['EMAIL', 'EMAIL', 'EMAIL'], rows));
    expect(reply.json).toMatchObject({ num_received: 10_000, num_invalid_entries: 0 });
    await graph('many', 'DELETE', `/v26.0/${id}/users`, users(['EMAIL'], [[email('7b')]]));
    expect(stateOf(sandbox, 'many').audiences[0]).toMatchObject({ size: 9999, removed: 1 });
  });

  test('the first upload fixes the family of the schema', async () => {
    const id = await newAudience('family');
    await graph('family', 'POST', `/v26.0/${id}/users`, users('EMAIL_SHA256', [email('ada')]));
    const other = await graph('family', 'POST', `/v26.0/${id}/users`, users(['EMAIL'], [[email('bob')]]));
    expect(other.json.error.code).toBe(2650);
    const same = await graph('family', 'DELETE', `/v26.0/${id}/users`, users('EMAIL_SHA256', [[email('ada')]]));
    expect(same.json).toMatchObject({ num_received: 1, num_invalid_entries: 0 });
    expect(stateOf(sandbox, 'family').audiences[0]?.size).toBe(0);
  });
});

test('a new audience answers 803 for a while, where faults are on', async () => {
  await withSandbox({}, async (faulty) => {
    faulty.setFaults({ notReadyCalls: 2 });
    const base = `${faulty.baseUrl('meta', 'young')}/v26.0`;
    const { id } = (await ask('POST', `${base}/act_1/customaudiences`, { body: VALID })).json;
    const add = () => ask('POST', `${base}/${id}/users`, users(['EMAIL'], [[email('ada')]]));
    expect((await add()).json.error.code).toBe(803);
    expect((await add()).json.error.code).toBe(803);
    expect((await add()).json.num_received).toBe(1);
  });
});

test('calls over the limit of the hour are throttled by error code', async () => {
  await withSandbox({ limits: { meta: { requestsMax: 2, windowMs: 60_000 } } }, async (tight) => {
    const read = () => ask('GET', `${tight.baseUrl('meta', 'tight')}/v26.0/act_1/customaudiences`);
    await read();
    await read();
    const third = await read();
    expect(third.json.error.code).toBe(80_003);
    expect(third.headers['retry-after']).toBeUndefined();
    expect(String(third.headers['x-business-use-case-usage'])).toContain('"estimated_time_to_regain_access":1');
  });
});
