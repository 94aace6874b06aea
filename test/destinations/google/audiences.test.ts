import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BatchOutcome, OutgoingRow, Session } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { fieldsOf, makeBatch, makeRow } from '../rows.ts';
import { AUDIENCE, id, type Reply, sha, World } from './world.ts';

const signal = new AbortController().signal;

const row = (seq: number, digit: string, operation: OutgoingRow['operation'] = 'insert'): OutgoingRow =>
  makeRow({ seq, operation, identifiers: [id('email', sha(digit))] });

/** Sends a batch and asks until its job has ended. */
async function settle(session: Session, rows: readonly OutgoingRow[]): Promise<BatchOutcome> {
  const batch = makeBatch(rows);
  let outcome = await session.send(batch, signal);
  const job = outcome.kind === 'submitted' ? { handle: outcome.handle, operation: batch.operation, rows } : null;
  for (let asked = 0; job !== null && outcome.kind === 'submitted' && asked < 5; asked++) {
    outcome = (await session.poll?.(job, signal)) ?? outcome;
  }
  return outcome;
}

describe('the list', () => {
  it('is found by name, made with its type and duration, renamed by its id', async () => {
    const world = new World();
    const first = await world.open('audiences', { audienceName: 'He said "VIP"' });
    expect(world.body()).toEqual({
      displayName: 'He said "VIP"',
      membershipDuration: '46656000s',
      ingestedUserListInfo: {
        uploadKeyTypes: ['CONTACT_ID'],
        contactIdInfo: { dataSourceType: 'DATA_SOURCE_TYPE_FIRST_PARTY' },
      },
    });
    const again = await world.open('audiences', { audienceName: 'He said "VIP"' });
    expect(again.audienceId).toBe(first.audienceId);
    await world.open('audiences', { audienceId: first.audienceId, audienceNameBefore: 'He said "VIP"' });
    expect(world.simulated.holdings(1).audiences).toMatchObject([{ name: 'VIP', id: first.audienceId }]);
    expect(world.violations).toEqual([]);
  });

  it('of another type is not filled, and names the way through a manager account', async () => {
    const world = new World();
    await world.open('audiences', { config: { ...AUDIENCE, list_type: 'user_id', login_customer_id: '99-1' } });
    expect(world.asked[0]?.headers).toMatchObject({ 'login-account': 'accountTypes/GOOGLE_ADS/accounts/991' });
    await expect(world.open('audiences')).rejects.toMatchObject({ code: 'audience-of-another-type' });
    const mobile = { ...AUDIENCE, list_type: 'mobile' };
    await expect(world.open('audiences', { config: mobile, audienceName: 'M' })).rejects.toMatchObject({
      code: 'google-list-settings',
    });
  });

  it('is deleted, also when it is gone', async () => {
    const world = new World();
    const service = await findService('google', 'audiences');
    const { audienceId } = await world.open('audiences');
    await service.deleteAudience?.(world.context('audiences'), audienceId ?? '');
    await service.deleteAudience?.(world.context('audiences'), audienceId ?? '');
    expect(world.simulated.holdings(1).audiences).toEqual([]);
  });

  it('is tried by doctor without being made', async () => {
    const world = new World();
    const service = await findService('google', 'audiences');
    expect(await service.verify(world.context('audiences'))).toMatchObject({ ok: true });
    expect(world.asked[0]?.url).toContain('validateOnly=true');
    expect(world.simulated.holdings(1).audiences).toEqual([]);
  });
});

describe('credentials', () => {
  it('may be the key of a service account, on one line or in base64', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = JSON.stringify({
      client_email: 'dinmo@project.example',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      private_key_id: 'k1',
    });
    for (const text of [key, Buffer.from(key).toString('base64')]) {
      const world = new World();
      const session = await world.open('audiences', { credentials: { service_account_json: text } });
      expect(await settle(session, [row(1, 'a')])).toMatchObject({ kind: 'accepted' });
      expect(world.violations).toEqual([]);
    }
    await expect(new World().open('audiences', { credentials: { service_account_json: 'x' } })).rejects.toMatchObject({
      code: 'google-credentials',
      message: expect.not.stringContaining('"x"'),
    });
  });
});

describe('consent', () => {
  const columns = [
    { field: 'ad_user_data', dataType: 'BOOLEAN' },
    { field: 'ad_personalization', dataType: 'BOOLEAN' },
  ];
  const silent = { ...AUDIENCE, consent_ad_user_data: '', consent_ad_personalization: '' };

  it('is stated or mapped, else nothing is opened', async () => {
    await expect(new World().open('audiences', { config: silent })).rejects.toMatchObject({
      code: 'google-consent-missing',
    });
    await new World().open('audiences', { config: silent, columns });
  });

  it.each([
    [{ ad_user_data: true, ad_personalization: 'GRANTED' }, null],
    [{ ad_user_data: true, ad_personalization: false }, 'consent-denied'],
    [{ ad_user_data: 'CONSENT_DENIED', ad_personalization: true }, 'consent-denied'],
    [{ ad_user_data: true, ad_personalization: null }, 'consent-unknown'],
    [{ ad_user_data: 'perhaps', ad_personalization: true }, 'consent-unknown'],
  ])('%j', async (fields, code) => {
    const service = await findService('google', 'audiences');
    const member = { ...row(1, 'a'), fields: () => fields };
    const invalid = service.validate?.(member, 0, AUDIENCE) ?? null;
    // Withdrawn consent also removes what the list has.
    expect(invalid).toEqual(code === null ? null : { code, message: expect.any(String), leaves: true });
  });

  it('goes out with each member', async () => {
    const world = new World();
    const session = await world.open('audiences', { config: silent, columns });
    const fieldsJson = fieldsOf({ ad_user_data: true, ad_personalization: 'granted' });
    await session.send(makeBatch([makeRow({ seq: 1, identifiers: [id('email', sha('a'))], fieldsJson })]), signal);
    expect(world.body()).toMatchObject({
      termsOfService: { customerMatchTermsOfServiceStatus: 'ACCEPTED' },
      audienceMembers: [{ consent: { adUserData: 'CONSENT_GRANTED', adPersonalization: 'CONSENT_GRANTED' } }],
    });
  });
});

describe('a request of members', () => {
  it('has the address as Google names it, only where it is whole, in the encoding that is asked for', async () => {
    const world = new World();
    const config = { ...AUDIENCE, send_address: true, encoding: 'BASE64' };
    const session = await world.open('audiences', { config });
    const address = [id('first_name', sha('1')), id('last_name', sha('2')), id('zip', '69001')];
    const rows = [
      makeRow({ seq: 1, identifiers: [id('phone', sha('b')), ...address, id('country', 'FR')] }),
      makeRow({ seq: 2, identifiers: [id('email', sha('a')), ...address] }),
    ];
    expect(await settle(session, rows)).toMatchObject({ kind: 'accepted' });
    const members = world.body(-2)['audienceMembers'];
    const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
    expect(members).toMatchObject([
      {
        userData: {
          userIdentifiers: [
            { phoneNumber: base64(sha('b')) },
            {
              address: {
                ...{ givenName: base64(sha('1')), familyName: base64(sha('2')) },
                ...{ regionCode: 'FR', postalCode: '69001' },
              },
            },
          ],
        },
      },
      { userData: { userIdentifiers: [{ emailAddress: base64(sha('a')) }] } },
    ]);
  });

  it('splits a removal of more than ten identifiers, and sends none without any of the list’s kind', async () => {
    const world = new World();
    const session = await world.open('audiences');
    const many = [...'0123456789abc'].map((digit, index) => id('email', sha(digit), index + 1));
    const rows = [
      makeRow({ seq: 1, operation: 'delete', identifiers: many }),
      makeRow({ seq: 2, operation: 'delete', identifiers: [id('user_id', 'u1')] }),
    ];
    expect(await settle(session, rows)).toMatchObject({ kind: 'accepted' });
    expect(world.body(-2)).not.toHaveProperty('termsOfService');
    expect(world.body(-2)['audienceMembers']).toHaveLength(2);
    const asked = world.asked.length;
    expect(await session.send(makeBatch(rows.slice(1)), signal)).toEqual({ kind: 'accepted' });
    expect(world.asked).toHaveLength(asked);
  });
});

describe('a member that Google does not take', () => {
  it('is left out, and named, however many requests it takes; the others are in', async () => {
    const world = new World();
    const session = await world.open('audiences');
    world.poison.set(sha('b'), 'reject');
    const outcome = await settle(session, [row(1, 'a'), row(2, 'b'), row(3, 'c')]);
    expect(outcome).toEqual({
      kind: 'receipts',
      receipts: [
        { seq: 1, status: 'accepted' },
        expect.objectContaining({ seq: 2, status: 'rejected', code: 'google-invalid-format' }),
        { seq: 3, status: 'accepted' },
      ],
    });
    expect(world.held()).toEqual([sha('a'), sha('c')]);
  });

  it('is found in a later process by the handle alone, with the faults of the processing at their rows', async () => {
    const world = new World();
    const session = await world.open('audiences');
    world.poison.set(sha('a'), 'reject');
    world.unlucky = 0;
    const rows = [row(1, 'a'), row(2, 'b'), row(3, 'c')];
    const send = world.http.request;
    // The processing fails for the first member of the request that goes out without the poisoned one.
    world.http.request = (request) => {
      if (request.url.includes(':ingest') && world.asked.some(({ url }) => url.includes(':ingest'))) world.unlucky = 1;
      return send(request);
    };
    const outcome = await session.send(makeBatch(rows), signal);
    if (outcome.kind !== 'submitted') throw new Error('a job was expected');
    expect(outcome.handle.length).toBeLessThan(1_000);
    expect(outcome.handle).not.toContain(sha('b'));
    const later = await world.open('audiences', { audienceId: session.audienceId });
    const keys = rows.map(({ seq, key }) => ({ seq, key }));
    expect(await later.poll?.({ handle: outcome.handle, operation: 'insert', rows: keys }, signal)).toMatchObject({
      kind: 'receipts',
      receipts: [
        { seq: 1, status: 'rejected' },
        { seq: 2, status: 'rejected' },
        { seq: 3, status: 'accepted' },
      ],
    });
  });
});

describe('the status of a request', () => {
  const status = (part: object): Reply => ({ status: 200, body: { requestStatusPerDestination: [part] } });
  const failed = (requestStatus: string, ...errorCounts: object[]): Reply =>
    status({ requestStatus, errorInfo: { errorCounts } });
  const error = (reason: string, recordCount: string, recordIndices?: readonly number[]): object => ({
    ...{ reason: `PROCESSING_ERROR_REASON_${reason}`, recordCount },
    ...(recordIndices === undefined ? {} : { recordIndices }),
  });
  const receipt = (seq: number, said: string): object =>
    said === 'accepted' || said === 'deferred' ? { seq, status: said } : { seq, status: 'rejected', code: said };

  it.each<readonly [string, Reply, object]>([
    ['still processing', status({ requestStatus: 'PROCESSING' }), { kind: 'submitted' }],
    ['not there yet', { status: 200, body: {} }, { kind: 'submitted' }],
    ['processed', status({ requestStatus: 'SUCCESS' }), { kind: 'accepted' }],
    [
      'places of the rows',
      failed('PARTIAL_SUCCESS', error('NO_CONSENT', '1', [2]), error('INTERNAL_ERROR', '1', [0])),
      { receipts: [receipt(1, 'deferred'), receipt(2, 'accepted'), receipt(3, 'google-no-consent')] },
    ],
    ['a number alone', failed('PARTIAL_SUCCESS', error('NO_CONSENT', '2')), { kind: 'counted', accepted: 1 }],
    ['fewer places', failed('PARTIAL_SUCCESS', error('NO_CONSENT', '2', [1])), { kind: 'counted', accepted: 1 }],
    ['strange places', failed('PARTIAL_SUCCESS', error('NO_CONSENT', '1', [3])), { kind: 'counted', accepted: 2 }],
    ['no reason', failed('PARTIAL_SUCCESS'), { kind: 'counted', accepted: 2, code: 'google-failed' }],
    [
      'all of them',
      failed('FAILED', error('INVALID_FORMAT', '3')),
      { receipts: [1, 2, 3].map((seq) => receipt(seq, 'google-invalid-format')) },
    ],
    [
      'the account’s fault',
      failed('FAILED', error('DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED', '3')),
      { receipts: [1, 2, 3].map((seq) => receipt(seq, 'deferred')) },
    ],
    ['there already', failed('PARTIAL_SUCCESS', error('DUPLICATE_TRANSACTION_ID', '1', [1])), { kind: 'accepted' }],
    [
      'there already, by number',
      failed('PARTIAL_SUCCESS', error('DUPLICATE_TRANSACTION_ID', '1')),
      { kind: 'accepted' },
    ],
    ['a broken server', { status: 500, body: '' }, { kind: 'retry' }],
  ])('means what it says: %s', async (_name, reply, expected) => {
    const world = new World();
    const session = await world.open('audiences');
    world.scripted.push({ path: 'requestStatus', reply });
    const rows = [row(1, 'a'), row(2, 'b'), row(3, 'c')];
    const sent = await session.send(makeBatch(rows), signal);
    if (sent.kind !== 'submitted') throw new Error('a job was expected');
    expect(await session.poll?.({ handle: sent.handle, operation: 'insert', rows }, signal)).toMatchObject(expected);
  });

  it('that part of a member is in leaves the member in doubt', async () => {
    const world = new World();
    const session = await world.open('audiences', { config: { ...AUDIENCE, list_type: 'user_id' } });
    const rows = [makeRow({ seq: 1, identifiers: [id('user_id', 'u1'), id('user_id', 'u2', 2)] })];
    world.scripted.push({ path: 'requestStatus', reply: failed('PARTIAL_SUCCESS', error('INVALID_FORMAT', '1')) });
    expect(await settle(session, rows)).toMatchObject({ receipts: [{ seq: 1, status: 'unknown' }] });
  });

  it('of a request that Google does not know is not an answer at once, and unknown later', async () => {
    const world = new World();
    const session = await world.open('audiences');
    const rows = [{ seq: 1, key: '1' }];
    const job = { handle: JSON.stringify(['lost', world.clock.now(), 1]), operation: 'insert', rows } as const;
    expect(await session.poll?.(job, signal)).toMatchObject({ kind: 'submitted', handle: job.handle });
    await world.clock.sleep(31 * 60_000);
    expect(await session.poll?.(job, signal)).toMatchObject({ receipts: [{ seq: 1, status: 'unknown' }] });
  });
});

describe('an answer', () => {
  const refusal = (status: number, error: object): Reply => ({ status, body: { error: { code: status, ...error } } });
  const info = (reason: string, metadata: object = {}): object => ({
    ...{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'datamanager.googleapis.com', metadata },
  });
  const violation = (field: string): object => ({
    '@type': 'type.googleapis.com/google.rpc.BadRequest',
    fieldViolations: [{ field, description: 'said so', reason: 'INVALID_FORMAT' }],
  });
  const invalid = { status: 'INVALID_ARGUMENT', message: 'no' };

  it.each<readonly [string, Reply, object]>([
    [
      'list gone',
      refusal(400, { ...invalid, details: [info('INVALID_USER_LIST_ID'), violation('destinations[0]')] }),
      { kind: 'refused', code: 'google-invalid-user-list-id' },
    ],
    [
      'terms',
      refusal(400, { ...invalid, details: [info('TERMS_AND_CONDITIONS_NOT_SIGNED')] }),
      { kind: 'refused', fix: expect.stringContaining('terms') },
    ],
    [
      'an account of another type',
      refusal(400, { ...invalid, details: [info('DESTINATION_ACCOUNT_TYPE_MISMATCH'), violation('events[0]')] }),
      { kind: 'refused', code: 'google-destination-account-type-mismatch' },
    ],
    [
      'API off',
      refusal(403, { status: 'PERMISSION_DENIED', message: 'no', details: [info('SERVICE_DISABLED')] }),
      { kind: 'refused', fix: expect.stringContaining('Enable') },
    ],
    [
      'fault of the request',
      refusal(400, { ...invalid, details: [violation('destinations[0].operating_account.account_id')] }),
      { kind: 'refused', code: 'google-invalid-argument' },
    ],
    [
      'both',
      refusal(400, { ...invalid, details: [violation('audience_members[0]'), violation('termsOfService')] }),
      { kind: 'refused' },
    ],
    [
      'fault of the rows, whose places are not told',
      refusal(400, { ...invalid, details: [violation('audience_members')] }),
      { kind: 'narrow' },
    ],
    [
      'a header that says how long to wait',
      { ...refusal(503, { status: 'UNAVAILABLE', message: 'no' }), headers: { 'retry-after': '9' } },
      { kind: 'retry', applied: 'maybe', afterMs: 9_000 },
    ],
    ['too many', refusal(400, { ...invalid, details: [info('TOO_MANY_AUDIENCE_MEMBERS')] }), { kind: 'too_large' }],
    [
      'row not sent',
      refusal(400, { ...invalid, details: [violation('audience_members[7].user_data')] }),
      { kind: 'narrow', code: 'google-unreadable-error' },
    ],
    [
      'quota',
      refusal(429, {
        status: 'RESOURCE_EXHAUSTED',
        message: 'no',
        details: [info('RATE_LIMIT_EXCEEDED', { quota_limit: 'IngestionMutateRequestsPerDayPerProject' })],
      }),
      { kind: 'retry', applied: 'no', throttled: true, message: expect.stringContaining('of the day') },
    ],
    ['HTML', { status: 400, body: '<html>' }, { kind: 'retry', applied: 'maybe' }],
    ['no request id', { status: 200, body: {} }, { kind: 'retry', applied: 'maybe' }],
  ])('means what it says: %s', async (_name, reply, expected) => {
    const world = new World();
    const session = await world.open('audiences');
    world.scripted.push({ path: 'audienceMembers', reply });
    expect(await session.send(makeBatch([row(1, 'a')]), signal)).toMatchObject(expected);
  });

  it('in camel case names the row as well', async () => {
    const world = new World();
    const session = await world.open('audiences');
    const reply = refusal(400, { ...invalid, details: [violation('audienceMembers[1].userData')] });
    world.scripted.push({ path: 'audienceMembers', reply });
    await settle(session, [row(1, 'a'), row(2, 'b')]);
    expect(world.held()).toEqual([sha('a')]);
  });
});

describe('replacing by watermark', () => {
  const config = { ...AUDIENCE, replace: 'watermark' };

  /** Somebody else's member is in the list since yesterday. */
  async function withStranger(): Promise<{ readonly world: World; readonly audienceId: string | null }> {
    const world = new World();
    const { audienceId, ...session } = await world.open('audiences');
    await session.send(makeBatch([row(1, 'f')]), signal);
    await world.clock.sleep(24 * 3_600_000);
    return { world, audienceId };
  }

  it('removes whoever was not sent, also others’ members, by Google’s own clock', async () => {
    const { world, audienceId } = await withStranger();
    // Ours is ten minutes ahead: by it, the members just sent would be older than the watermark.
    world.aheadMs = -600_000;
    const session = await world.open('audiences', { config, audienceId, mode: 'full' });
    await settle(session, [row(1, 'a'), row(2, 'b')]);
    await session.finish();
    expect(world.held()).toEqual([sha('a'), sha('b')]);
    expect(world.violations).toEqual([]);
  });

  it('removes nobody while a job is open, a row deferred, or nothing was added', async () => {
    const { world, audienceId } = await withStranger();
    const full = { config, audienceId, mode: 'full' } as const;
    const open = await world.open('audiences', full);
    await open.send(makeBatch([row(1, 'a')]), signal);
    await open.finish();
    const failing = await world.open('audiences', full);
    world.scripted.push({ path: ':ingest', reply: { status: 503, body: { error: { status: 'UNAVAILABLE' } } } });
    await settle(failing, [row(1, 'b')]);
    await settle(failing, [row(2, 'c')]);
    await failing.finish();
    const removing = await world.open('audiences', full);
    await settle(removing, [row(1, 'd', 'delete')]);
    await removing.finish();
    expect(world.held()).toEqual([sha('a'), sha('c'), sha('f')]);
    // Delta, or without the setting, it is not done at all.
    for (const other of [{ config }, { mode: 'full', config: AUDIENCE }] as const) {
      const session = await world.open('audiences', { audienceId, ...other });
      await settle(session, [row(1, 'a')]);
      await session.finish();
    }
    expect(world.asked.some(({ url }) => url.includes('removeAll'))).toBe(false);
  });

  it('needs to know that all were processed', async () => {
    const unconfirmed = { ...config, confirm: 'taken' };
    await expect(new World().open('audiences', { config: unconfirmed })).rejects.toMatchObject({
      code: 'google-watermark-unconfirmed',
    });
  });
});
