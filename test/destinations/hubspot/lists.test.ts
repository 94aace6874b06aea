import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OutgoingRow, Receipt, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { makeBatch, makeContext, makeRow, type Scripted, scriptedHttp } from '../rows.ts';
import { hubspotContract } from './published.ts';

afterEach(() => expect(hubspotContract.breaches()).toEqual([]));

const TOKEN = { access_token: 's3cr3t-a-good-key' };

const member = (
  seq: number,
  emails: readonly (readonly [email: string, recordId: string | null])[],
  operation: OutgoingRow['operation'] = 'insert',
): OutgoingRow =>
  makeRow({
    seq,
    operation,
    identifiers: emails.map(([value, recordId], index) => ({ kind: 'email', value, rank: index + 1, recordId })),
  });

describe('lists of contacts', () => {
  let sandbox: Sandbox;
  let http: ClosableHttpClient;
  beforeAll(async () => {
    sandbox = await startSandbox();
    http = hubspotContract.watch(createHttpClient());
  });
  afterAll(async () => {
    await http.close();
    await sandbox.close();
  });

  const open = async (name: string, part: Partial<ServiceContext> = {}): Promise<Session> =>
    (await findService('hubspot', 'audiences')).open(
      makeContext({
        credentials: TOKEN,
        http,
        baseUrl: sandbox.baseUrl('hubspot', name),
        audienceName: 'VIP',
        ...part,
      }),
    );
  const send = async (session: Session, rows: readonly OutgoingRow[]): Promise<readonly Receipt[]> => {
    const outcome = await session.send(makeBatch(rows), new AbortController().signal);
    if (outcome.kind !== 'receipts') throw new Error(outcome.kind);
    return outcome.receipts;
  };
  const listOf = (name: string) => sandbox.state().destinations.find((one) => one.destination === name)?.audiences[0];

  it('are found again by name, and by id after a rename', async () => {
    const first = await open('renamed');
    expect((await open('renamed')).audienceId).toBe(first.audienceId);
    expect(first.account).toMatch(/^\d+$/);
    const renamed = await open('renamed', {
      audienceId: first.audienceId,
      audienceNameBefore: 'renamed',
      audienceName: 'VIP 2',
    });
    expect(renamed.audienceId).toBe(first.audienceId);
    expect(listOf('renamed')).toMatchObject({ name: 'VIP 2' });
    expect(sandbox.state().destinations.find((one) => one.destination === 'renamed')?.audiences).toHaveLength(1);
  });

  it('add every address of a member, and remove by the record ids of the receipts', async () => {
    const session = await open('members');
    const [receipt] = await send(session, [
      member(1, [
        ['a1@shop.example', null],
        ['a2@shop.example', null],
      ]),
    ]);
    if (receipt?.status !== 'accepted') throw new Error('not accepted');
    const ids = receipt.identifierRecordIds ?? {};
    expect(Object.keys(ids).sort()).toEqual(['email:a1@shop.example', 'email:a2@shop.example']);
    expect(listOf('members')).toMatchObject({ size: 2 });
    await send(session, [member(2, [['a2@shop.example', ids['email:a2@shop.example'] ?? null]], 'delete')]);
    expect(listOf('members')?.members).toEqual([
      { record_id: [ids['email:a1@shop.example']], email: ['a1@shop.example'] },
    ]);
  });

  it('make the contact anew when it was deleted since, and never remove from the list what is not there', async () => {
    const session = await open('deleted');
    const [receipt] = await send(session, [member(1, [['gone@shop.example', '4242']])]);
    expect(receipt).toMatchObject({ status: 'accepted' });
    expect(listOf('deleted')).toMatchObject({ size: 1 });
    expect(await send(session, [member(2, [['never@shop.example', null]], 'delete')])).toMatchObject([
      { status: 'accepted' },
    ]);
  });

  it('that somebody deleted are named as gone', async () => {
    const { http: scripted } = scriptedHttp([
      { status: 200, body: { portalId: 1 } },
      {
        status: 404,
        body: { category: 'OBJECT_NOT_FOUND', subCategory: {}, message: 'List does not exist with ID 1' },
      },
    ]);
    const session = await open('x', {
      http: hubspotContract.watch(scripted),
      audienceId: '1',
      audienceNameBefore: 'VIP',
    });
    const rows = [member(1, [['one@shop.example', '11']], 'delete')];
    expect(await session.send(makeBatch(rows), new AbortController().signal)).toMatchObject({
      kind: 'refused',
      code: 'OBJECT_NOT_FOUND',
      fix: expect.stringContaining('Restore the list'),
    });
  });

  describe('of a member with two addresses', () => {
    const limited: Scripted = { status: 429, body: { category: 'RATE_LIMITS', policyName: 'TEN_SECONDLY_ROLLING' } };
    const bad = { category: 'VALIDATION_ERROR', message: 'no', context: { objectWriteTraceId: ['contact-1'] } };
    const contact = (index: number, id: string) => ({ id, objectWriteTraceId: `contact-${index}` });
    const memberships = (added: readonly string[], missing: readonly string[] = []): Scripted => ({
      status: 200,
      body: { recordsIdsAdded: added, recordIdsMissing: missing },
    });
    const ok = (body: object): Scripted => ({ status: 207, body });
    const two = (first: string | null, second: string | null): OutgoingRow =>
      member(1, [
        ['one@shop.example', first],
        ['two@shop.example', second],
      ]);

    it.each<readonly [string, OutgoingRow, readonly Scripted[], object]>([
      [
        'add none where one is refused',
        two(null, null),
        [ok({ results: [contact(0, '11')], errors: [bad] })],
        { receipts: [{ seq: 1, status: 'rejected', code: 'VALIDATION_ERROR' }] },
      ],
      [
        'remember the one that is in, where the other was not known',
        two('11', '12'),
        [memberships(['11'], ['12']), ok({ results: [contact(0, '13')] }), memberships([], ['13'])],
        { receipts: [{ seq: 1, status: 'unknown', code: 'contact-not-added' }] },
      ],
      [
        'remember the one that is in, where the other is refused',
        two('11', '12'),
        [memberships(['11'], ['12']), ok({ errors: [{ ...bad, context: {} }] })],
        { receipts: [{ seq: 1, status: 'unknown', code: 'VALIDATION_ERROR' }] },
      ],
      [
        'may be in half when the account has to wait',
        two('11', '12'),
        [memberships(['11'], ['12']), limited],
        { kind: 'retry', applied: 'maybe', throttled: true },
      ],
      [
        'are not in at all when no record of theirs was known',
        two('11', '12'),
        [memberships([], ['11', '12']), limited],
        { kind: 'retry', applied: 'no' },
      ],
    ])('%s', async (_name, row, answers, expected) => {
      const { http: scripted, asked } = scriptedHttp([
        { status: 200, body: { portalId: 1 } },
        { status: 200, body: { list: { listId: '1', name: 'VIP' } } },
        ...answers,
      ]);
      const session = await open('x', { http: hubspotContract.watch(scripted) });
      expect(await session.send(makeBatch([row]), new AbortController().signal)).toMatchObject(expected);
      expect(asked).toHaveLength(2 + answers.length);
    });
  });

  it('can be deleted, also when they are gone already', async () => {
    const { audienceId } = await open('to_go');
    const service = await findService('hubspot', 'audiences');
    const context = { ...makeContext({ credentials: TOKEN, http }), baseUrl: sandbox.baseUrl('hubspot', 'to_go') };
    await service.deleteAudience?.(context, audienceId ?? '');
    await service.deleteAudience?.(context, audienceId ?? '');
    expect(listOf('to_go')).toBeUndefined();
    const { http: closed } = scriptedHttp([{ status: 403, body: { category: 'MISSING_SCOPES', message: 'no' } }]);
    await expect(service.deleteAudience?.({ ...context, http: closed }, '1')).rejects.toMatchObject({
      code: 'MISSING_SCOPES',
    });
  });

  it('refuse an active list, whose members nobody can set', async () => {
    const { http: scripted } = scriptedHttp([
      { status: 200, body: { portalId: 1 } },
      { status: 200, body: { list: { listId: '1', name: 'VIP', processingType: 'DYNAMIC' } } },
    ]);
    await expect(open('x', { http: hubspotContract.watch(scripted) })).rejects.toMatchObject({
      code: 'list-is-dynamic',
    });
  });
});
