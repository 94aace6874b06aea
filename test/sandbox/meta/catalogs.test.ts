import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { type Ask, ask, type Reply, rulesBroken, stateOf } from '../rehearsal.ts';

let now = Date.UTC(2026, 5, 15, 12);
let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ clock: { now: () => now, sleep: async () => {} } });
});
afterAll(() => sandbox.close());

function graph(destination: string, method: string, path: string, options: Ask = {}): Promise<Reply> {
  return ask(method, `${sandbox.baseUrl('meta', destination)}/v26.0${path}`, options);
}

const LINK = 'https://shop.example/1';
const SOUND = {
  ...{ title: 'A card', description: 'For a birthday', availability: 'in stock', condition: 'new', price: '5.00 EUR' },
  ...{ link: LINK, image_link: LINK },
};
const update = (id: unknown, fields: object = SOUND) => ({ method: 'UPDATE', data: { id, ...fields } });

async function batch(destination: string, requests: readonly object[], more: object = {}): Promise<Reply> {
  return graph(destination, 'POST', '/42/items_batch', { body: { item_type: 'PRODUCT_ITEM', requests, ...more } });
}

async function statusOf(destination: string, handle: string, all = true): Promise<Reply['json']> {
  const query = `handle=${handle}${all ? '&load_ids_of_invalid_requests=true' : ''}`;
  return (await graph(destination, 'GET', `/42/check_batch_request_status?${query}`)).json;
}

describe('items of a catalog', () => {
  test('are made, changed field by field, unset by an empty text, and deleted', async () => {
    await batch('write', [update('a', { ...SOUND, brand: 'B', color: 'red' })]);
    await batch('write', [update('a', { brand: '', price: '6 EUR' })]);
    const [items] = stateOf(sandbox, 'write').objects;
    const { brand: _, ...kept } = { ...SOUND, id: 'a', color: 'red', price: '6 EUR', brand: '' };
    expect(items?.records).toEqual([{ id: 'a', key: 'a', fields: kept }]);
    await batch('write', [{ method: 'DELETE', data: { id: 'a' } }]);
    expect(stateOf(sandbox, 'write').objects).toMatchObject([{ size: 0, created: 1, updated: 1, deleted: 1 }]);
    expect(rulesBroken(sandbox, 'write')).toEqual([]);
  });

  test('fail one by one, which the job tells: a sample of the errors, and the ids of all to those who ask', async () => {
    sandbox.setFaults({ notReadyCalls: 1 });
    const wrong = Array.from({ length: 11 }, (_, n) => update(`w${n}`, { ...SOUND, price: '5,00 EUR' }));
    const { json } = await batch('errors', [update('fine'), ...wrong, { method: 'DELETE', data: { id: 'nobody' } }]);
    const [handle] = json.handles;
    expect((await statusOf('errors', handle)).data[0]).toMatchObject({ status: 'started', errors_total_count: 0 });
    const [ended] = (await statusOf('errors', handle)).data;
    expect(ended).toMatchObject({ status: 'finished', errors_total_count: 12, errors: { length: 10 } });
    expect(ended.ids_of_invalid_requests).toEqual([...wrong.map(({ data }) => data.id), 'nobody']);
    expect((await statusOf('errors', handle, false)).data[0].ids_of_invalid_requests).toEqual([]);
    now += 25 * 3_600_000;
    expect((await statusOf('errors', handle)).error).toMatchObject({ code: 100 });
    sandbox.setFaults({ notReadyCalls: null });
  });

  test.each<[string, readonly object[], string]>([
    ['a NULL', [update('a', { ...SOUND, brand: null })], 'null-field'],
    ['an item twice', [update('a'), update('a')], 'item-twice'],
    ['the id of another endpoint', [update('a', { ...SOUND, retailer_id: 'a' })], 'item-request'],
    ['an id that is no text', [update(1)], 'item-request'],
    ['nothing', [], 'too-many-rows'],
  ])('a client never sends %s', async (name, requests, rule) => {
    const destination = `never_${name.length}`;
    await batch(destination, requests);
    expect(rulesBroken(sandbox, destination)).toEqual([rule]);
  });
});

describe('a session that replaces the members of an audience', () => {
  const person = (n: number): string => String(n).padStart(64, '0');
  const part = (id: number, seq: number, last = false) => ({
    ...{ session_id: id, batch_seq: seq, last_batch_flag: last, estimated_num_total: 9 },
  });
  async function replace(destination: string, audience: string, session: object, people: readonly number[]) {
    const payload = { schema: ['EMAIL'], data: people.map((n) => [person(n)]) };
    return (await graph(destination, 'POST', `/${audience}/usersreplace`, { body: { session, payload } })).json;
  }
  async function audienceIn(destination: string): Promise<string> {
    const body = { name: 'VIP', subtype: 'CUSTOM', customer_file_source: 'USER_PROVIDED_ONLY' };
    return (await graph(destination, 'POST', '/act_7/customaudiences', { body })).json.id;
  }

  test('begins with 1, has no gaps, and is one at a time until 90 minutes are over', async () => {
    const id = await audienceIn('order');
    expect((await replace('order', id, part(5, 2), [1])).error).toMatchObject({ code: 2650, error_subcode: 1870147 });
    expect(await replace('order', id, part(5, 1), [1])).toMatchObject({ num_received: 1 });
    expect((await replace('order', id, part(5, 3, true), [2])).error).toMatchObject({ error_subcode: 1870147 });
    expect((await replace('order', id, part(6, 1), [2])).error).toMatchObject({ error_subcode: 1870145 });
    now += 91 * 60_000;
    expect(await replace('order', id, part(6, 1, true), [2, 3])).toMatchObject({ num_received: 2 });
    expect(stateOf(sandbox, 'order').audiences).toMatchObject([{ size: 2, added: 2, removed: 0 }]);
    expect(rulesBroken(sandbox, 'order')).toEqual([]);
  });

  test('gives a number to one request, and ends once', async () => {
    const id = await audienceIn('once');
    await replace('once', id, part(5, 1), [1]);
    expect((await replace('once', id, part(5, 1), [2])).error).toMatchObject({ code: 2650 });
    for (let n = 0; n < 2; n++) await replace('once', id, part(5, 2, true), [2]);
    expect((await replace('once', id, part(5, 3), [4])).error).toMatchObject({ code: 2650 });
    expect(stateOf(sandbox, 'once').audiences).toMatchObject([{ size: 2 }]);
    expect(rulesBroken(sandbox, 'once')).toEqual(['batch-seq-reused', 'session-reused']);
  });
});
