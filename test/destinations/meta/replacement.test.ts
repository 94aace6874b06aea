import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchOutcome, OutgoingRow, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { type ClosableHttpClient, createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { AudienceState, DestinationState } from '../../../src/sandbox/sandbox-state.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/start.ts';
import { secret } from '../../privacy/canaries.ts';
import { fieldsOf, makeBatch, makeContext, makeRow, virtualClock } from '../rows.ts';

const SIGNAL = new AbortController().signal;
const START = Date.UTC(2026, 5, 15, 12);
const VALUE: ServiceContext['columns'] = [{ field: 'value', dataType: 'DOUBLE' }];
const HOUR = 3_600_000;

const clock = virtualClock(START);
let sandbox: Sandbox;
let http: ClosableHttpClient;
let runs = 0;
beforeAll(async () => {
  sandbox = await startSandbox({ clock });
  http = createHttpClient();
});
afterAll(async () => {
  await http.close();
  await sandbox.close();
});

const emailOf = (n: number): string => hash('sha256', `member ${n}`);
const member = (n: number, operation: 'insert' | 'delete' = 'insert', value?: number | null): OutgoingRow =>
  makeRow({
    ...{ seq: n, operation, fieldsJson: fieldsOf(value === undefined ? {} : { value }) },
    identifiers: [{ kind: 'email', value: emailOf(n), rank: 1, recordId: null }],
  });
const some = (first: number, last: number): readonly OutgoingRow[] =>
  Array.from({ length: last - first + 1 }, (_, index) => member(first + index));

async function open(name: string, part: Partial<ServiceContext> = {}): Promise<Session> {
  const service = await findService('meta', 'audiences');
  return service.open(
    makeContext({
      ...{ config: { ad_account_id: '7', replace: 'session' }, mode: 'full', syncId: `sync-${++runs}`, http, clock },
      ...{ credentials: { access_token: secret('meta') }, baseUrl: sandbox.baseUrl('meta', name), audienceName: 'VIP' },
      identifierKinds: [{ kind: 'email', rank: 1 }],
      ...part,
    }),
  );
}

const send = (session: Session, rows: readonly OutgoingRow[], id?: string): Promise<BatchOutcome> =>
  session.send(makeBatch(rows, id), SIGNAL);

function stateOf(name: string): DestinationState {
  const found = sandbox.state().destinations.find(({ destination }) => destination === name);
  if (found === undefined) throw new Error('never reached');
  expect(found.violations.latest).toEqual([]);
  return found;
}
const audienceOf = (name: string): AudienceState | undefined => stateOf(name).audiences[0];
const held = (name: string): readonly (string | undefined)[] =>
  (audienceOf(name)?.members ?? []).map((one) => one['EMAIL']?.[0]).sort();
const members = (first: number, last: number): readonly string[] =>
  some(first, last)
    .map(({ seq }) => emailOf(seq))
    .sort();

/** Fills the audience, as a full sync does. */
async function fill(name: string, first: number, last: number): Promise<void> {
  const session = await open(name);
  await send(session, some(first, last));
  await session.finish();
}

describe('replacing the members of an audience', () => {
  it('exchanges them at the end, all at once', async () => {
    await fill('whole', 1, 4);
    expect(held('whole')).toEqual(members(1, 4));
    const session = await open('whole');
    expect(await send(session, some(3, 5))).toMatchObject({ kind: 'counted', accepted: 3 });
    expect(await send(session, some(6, 7))).toMatchObject({ kind: 'counted', accepted: 2 });
    // Whoever is not in it goes with it.
    expect(await send(session, [member(1, 'delete'), member(2, 'delete')])).toEqual({ kind: 'accepted' });
    expect(held('whole')).toEqual(members(1, 4));
    await session.finish();
    expect(held('whole')).toEqual(members(3, 7));
    expect(audienceOf('whole')).toMatchObject({ added: 7, removed: 2 });
  });

  it('numbers requests without gaps, whatever became of them, and sends a lost one under its own number', async () => {
    const session = await open('faults');
    sandbox.setFaults({ next: [{ kind: 'throttled', destination: 'faults' }] });
    expect(await send(session, some(1, 2), 'a')).toMatchObject({ kind: 'retry', applied: 'no' });
    sandbox.setFaults({ next: [{ kind: 'reset_after', destination: 'faults' }] });
    expect(await send(session, some(3, 4), 'b')).toMatchObject({ kind: 'retry', applied: 'maybe' });
    sandbox.setFaults({ poison: [emailOf(6)], poisonAnswer: 'refuse' });
    expect(await send(session, some(5, 6), 'c')).toMatchObject({ kind: 'narrow' });
    sandbox.setFaults({ poison: [], poisonAnswer: 'reject' });
    await clock.sleep(60_000);
    for (const [first, id] of [
      [3, 'b'],
      [1, 'a'],
      [7, 'd'],
    ] as const)
      expect(await send(session, some(first, first + 1), id)).toMatchObject({ kind: 'counted', accepted: 2 });
    sandbox.setFaults({ next: [{ kind: 'reset_after', destination: 'faults' }] });
    await session.finish();
    expect(held('faults')).toEqual([...members(1, 4), ...members(7, 8)].sort());
  });

  it('is not ended while a request has no answer, nor when a refused one may have been taken', async () => {
    await fill('lost', 1, 2);
    const session = await open('lost');
    await send(session, some(3, 4));
    sandbox.setFaults({ next: [{ kind: 'timeout_after', destination: 'lost' }] });
    await send(session, some(5, 6), 'b');
    await expect(session.finish()).rejects.toMatchObject({ code: 'replacement-incomplete' });
    sandbox.setFaults({ poison: [emailOf(6)], poisonAnswer: 'refuse' });
    await send(session, [member(6)], 'c');
    sandbox.setFaults({ poison: [], poisonAnswer: 'reject' });
    await expect(session.finish()).rejects.toMatchObject({ code: 'replacement-incomplete' });
    expect(held('lost')).toEqual(members(1, 2));
  });

  it('leaves the old members where a session broke off, and begins anew when Meta has given that up', async () => {
    await fill('broken', 1, 2);
    await send(await open('broken'), some(3, 4));
    const early = await open('broken');
    expect(await send(early, some(3, 5))).toMatchObject({
      ...{ kind: 'refused', code: 'meta-2650-1870145', fix: expect.stringContaining('90 minutes') },
    });
    expect(held('broken')).toEqual(members(1, 2));
    await clock.sleep(1.6 * HOUR);
    await fill('broken', 3, 5);
    expect(held('broken')).toEqual(members(3, 5));
  });

  it('stops before Meta’s 90 minutes are over', async () => {
    await fill('slow', 1, 2);
    const session = await open('slow');
    await send(session, some(3, 4));
    await clock.sleep(1.45 * HOUR);
    expect(await send(session, some(5, 6))).toMatchObject({ kind: 'refused', code: 'replacement-too-slow' });
    await expect(session.finish()).rejects.toMatchObject({ code: 'replacement-too-slow' });
    expect(held('slow')).toEqual(members(1, 2));
  });

  it('cannot empty an audience: members are removed one by one', async () => {
    await fill('empty', 1, 3);
    const session = await open('empty');
    expect(await send(session, [member(1, 'delete'), member(2, 'delete')])).toMatchObject({
      kind: 'counted',
      accepted: 2,
    });
    await session.finish();
    expect(held('empty')).toEqual(members(3, 3));
  });

  it('takes only audiences that were made here, and only in mode full', async () => {
    const url = `${sandbox.baseUrl('meta', 'theirs')}/v26.0/act_7/customaudiences`;
    const body = JSON.stringify({ name: 'VIP', subtype: 'CUSTOM', customer_file_source: 'USER_PROVIDED_ONLY' });
    const headers = { authorization: `Bearer ${secret('meta')}`, 'content-type': 'application/json' };
    await http.request({ method: 'POST', url, headers, body });
    await expect(open('theirs')).rejects.toMatchObject({ code: 'audience-not-made-here' });
    const session = await open('theirs', { mode: 'delta' });
    await send(session, some(1, 1));
    expect(held('theirs')).toEqual(members(1, 1));
  });
});

describe('the value of a member', () => {
  it('makes the audience a value-based one, and stands in each row of an add, as a number', async () => {
    const session = await open('worth', { mode: 'delta', columns: VALUE });
    const rows = [member(1, 'insert', 12.5), member(2, 'insert', null), member(3, 'insert', 7)];
    expect(await send(session, rows)).toMatchObject({ kind: 'counted', accepted: 3 });
    expect(await send(session, [member(3, 'delete')])).toMatchObject({ kind: 'counted', accepted: 1 });
    const values = audienceOf('worth')?.members.map((one) => [one['EMAIL']?.[0], one['LOOKALIKE_VALUE']?.[0]]);
    expect(values).toEqual([
      [emailOf(1), '12.5'],
      [emailOf(2), '0'],
    ]);
    // The same person is worth something else: no second member.
    await send(session, [member(1, 'insert', 99)]);
    expect(audienceOf('worth')).toMatchObject({ size: 2 });
    const replacing = await open('worth', { columns: VALUE });
    await send(replacing, [member(1, 'insert', 3)]);
    await replacing.finish();
    expect(audienceOf('worth')?.members).toEqual([{ EMAIL: [emailOf(1)], LOOKALIKE_VALUE: ['3'] }]);
  });

  it('is for the life of an audience', async () => {
    await open('plain', { mode: 'delta' });
    await expect(open('plain', { mode: 'delta', columns: VALUE })).rejects.toMatchObject({
      code: 'audience-not-value-based',
    });
    const { validate } = await findService('meta', 'audiences');
    const codes = [0, '12.50', 1n, null, -1, '-0.01', 'much', '', true].map((value) => {
      const row = makeRow({ seq: 1, fieldsJson: fieldsOf({ value }) });
      return validate?.(row, 0)?.code ?? null;
    });
    expect(codes).toEqual([null, null, null, null, ...Array.from({ length: 5 }, () => 'invalid-value')]);
  });
});

it('an audience is deleted, and one that is gone already is fine', async () => {
  const service = await findService('meta', 'audiences');
  const { audienceId } = await open('gone', { mode: 'delta' });
  const context = makeContext({
    ...{ config: { ad_account_id: '7' }, credentials: { access_token: secret('meta') }, http, clock },
    baseUrl: sandbox.baseUrl('meta', 'gone'),
  });
  await service.deleteAudience?.(context, audienceId ?? '');
  await service.deleteAudience?.(context, audienceId ?? '');
  expect(stateOf('gone').audiences).toEqual([]);
  const forbidden = { ...context, credentials: { access_token: 'forbidden' } };
  await expect(service.deleteAudience?.(forbidden, audienceId ?? '')).rejects.toMatchObject({ code: 'meta-200' });
});
