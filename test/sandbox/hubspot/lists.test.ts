import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { ask, type Reply, rulesBroken, stateOf } from '../rehearsal.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ limits: { hubspot: { requestsMax: 100_000, windowMs: 10_000 } } });
});
beforeEach(() => sandbox.reset());
afterAll(() => sandbox.close());

function hubspot(method: string, path: string, body?: unknown): Promise<Reply> {
  return ask(method, `${sandbox.baseUrl('hubspot', 'lists')}/crm${path}`, body === undefined ? {} : { body });
}

async function newList(name: string, processingType = 'MANUAL'): Promise<string> {
  const made = await hubspot('POST', '/lists/2026-09', { name, objectTypeId: '0-1', processingType });
  return made.json.list.listId;
}

async function newContacts(...names: string[]): Promise<string[]> {
  const inputs = names.map((name) => ({ id: `${name}@example.com`, idProperty: 'email', properties: {} }));
  const made = await hubspot('POST', '/objects/2026-09/contacts/batch/upsert', { inputs });
  return made.json.results.map((row: { id: string }) => row.id);
}

test('a list is made once by name, and found by name, by id and by search', async () => {
  const id = await newList('VIP / France');
  const again = await hubspot('POST', '/lists/2026-09', {
    name: 'VIP / France',
    objectTypeId: '0-1',
    processingType: 'MANUAL',
  });
  expect(again).toMatchObject({ status: 400, json: { subCategory: 'ILS.DUPLICATE_LIST_NAMES' } });
  const byName = await hubspot('GET', `/lists/2026-09/object-type-id/0-1/name/${encodeURIComponent('VIP / France')}`);
  expect(byName.json.list).toMatchObject({
    listId: id,
    name: 'VIP / France',
    processingType: 'MANUAL',
    objectTypeId: '0-1',
  });
  expect((await hubspot('GET', '/lists/2026-09/object-type-id/0-2/name/VIP%20%2F%20France')).status).toBe(404);
  expect((await hubspot('GET', `/lists/2026-09/${id}`)).json.list.listId).toBe(id);
  const found = await hubspot('POST', '/lists/2026-09/search', { query: 'france', count: 1 });
  expect(found.json).toMatchObject({ total: 1, hasMore: false, lists: [{ listId: id }] });
  expect((await hubspot('GET', '/lists/2026-09/999')).json.category).toBe('OBJECT_NOT_FOUND');
});

test.each([
  [{ name: 'X', objectTypeId: '0-1' }],
  [{ name: 'X', objectTypeId: '0-1', processingType: 'FIXED' }],
  [{ name: 'X', objectTypeId: 'contacts', processingType: 'MANUAL' }],
])('a list of %j cannot be made', async (body) => {
  expect((await hubspot('POST', '/lists/2026-09', body)).status).toBe(400);
});

test('members are record ids: those that do not exist are named, the others put in', async () => {
  const id = await newList('VIP');
  const [ada = '', bob = ''] = await newContacts('ada', 'bob');
  const added = await hubspot('PUT', `/lists/2026-09/${id}/memberships/add`, [ada, '424242', ada]);
  expect(added.json).toEqual({ recordsIdsAdded: [ada], recordIdsRemoved: [], recordIdsMissing: ['424242'] });
  const swapped = await hubspot('PUT', `/lists/2026-09/${id}/memberships/add-and-remove`, {
    recordIdsToAdd: [ada, bob],
    recordIdsToRemove: ['424242'],
  });
  expect(swapped.json).toEqual({ recordsIdsAdded: [bob], recordIdsRemoved: [], recordIdsMissing: ['424242'] });
  const removed = await hubspot('PUT', `/lists/2026-09/${id}/memberships/remove`, [ada]);
  expect(removed.json.recordIdsRemoved).toEqual([ada]);
  expect(stateOf(sandbox, 'lists').audiences).toEqual([
    {
      ...{ id, name: 'VIP', owner: '0-1', size: 1, added: 2, removed: 1 },
      members: [{ record_id: [bob], email: ['bob@example.com'] }],
    },
  ]);
  expect((await hubspot('GET', `/lists/2026-09/${id}/memberships`)).json.results).toEqual([{ recordId: bob }]);
});

test('an archived record leaves its lists, and memberships can be cleared', async () => {
  const id = await newList('VIP');
  const [ada = '', bob = '', eve = ''] = await newContacts('ada', 'bob', 'eve');
  await hubspot('PUT', `/lists/2026-09/${id}/memberships/add`, [ada, bob, eve]);
  await hubspot('POST', '/objects/2026-09/contacts/batch/archive', { inputs: [{ id: ada }] });
  expect(stateOf(sandbox, 'lists').audiences[0]).toMatchObject({ size: 2, removed: 1 });
  expect((await hubspot('DELETE', `/lists/2026-09/${id}/memberships`)).status).toBe(204);
  expect(stateOf(sandbox, 'lists').audiences[0]).toMatchObject({ size: 0, removed: 3 });
});

test('e-mail addresses are no members, a DYNAMIC list takes none, and a rename keeps the id', async () => {
  const id = await newList('VIP');
  expect((await hubspot('PUT', `/lists/2026-09/${id}/memberships/add`, ['ada@example.com'])).status).toBe(400);
  expect(rulesBroken(sandbox, 'lists')).toEqual(['memberships-shape']);
  const dynamic = await newList('All', 'DYNAMIC');
  expect((await hubspot('PUT', `/lists/2026-09/${dynamic}/memberships/add`, ['1'])).status).toBe(400);
  expect((await hubspot('PUT', `/lists/2026-09/${id}/update-list-name?listName=All`)).json.subCategory).toBe(
    'ILS.DUPLICATE_LIST_NAMES',
  );
  expect((await hubspot('PUT', `/lists/2026-09/${id}/update-list-name?listName=Gold`)).json.updatedList).toMatchObject({
    listId: id,
    name: 'Gold',
  });
});
