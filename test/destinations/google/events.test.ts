import { describe, expect, it } from 'vitest';
import type { FieldValue, OutgoingRow, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { fieldsOf, makeBatch, makeRow } from '../rows.ts';
import { CONVERSION, id, NOON, sha, World } from './world.ts';

const signal = new AbortController().signal;
const GCLID = 'Cj0KCQjw-sandbox-click';

function event(
  seq: number,
  fields: Readonly<Record<string, FieldValue>>,
  part: Partial<OutgoingRow> = {},
): OutgoingRow {
  const eventTime = new Date(NOON - 3_600_000).toISOString();
  const { fields: _fields, ...rest } = part;
  const identifiers = [id('gclid', GCLID)];
  return makeRow({ seq, key: `o${seq}`, eventTime, identifiers, ...rest, fieldsJson: fieldsOf(fields) });
}

async function settle(session: Session, rows: readonly OutgoingRow[]): Promise<unknown> {
  const sent = await session.send(makeBatch(rows), signal);
  if (sent.kind !== 'submitted') return sent;
  return session.poll?.({ handle: sent.handle, operation: 'insert', rows }, signal);
}

describe('an event', () => {
  it('is as the discovery document has it', async () => {
    const world = new World();
    const session = await world.open('events');
    const identifiers = [
      ...[id('gclid', GCLID), id('wbraid', 'CjgKCAjw-other'), id('email', sha('a')), id('phone', sha('b'))],
      ...[id('first_name', sha('1')), id('last_name', sha('2')), id('zip', '69001'), id('country', 'FR')],
      ...[id('ip', '192.0.2.1'), id('user_agent', 'Mozilla/5.0')],
    ];
    const fields = {
      value: '12.50',
      currency: 'eur',
      event_source: 'web',
      customer_type: 'new',
      shop: 'Lyon',
      lines: ['a', { n: 1 }],
      gone: null,
    };
    expect(await settle(session, [event(1, fields, { identifiers })])).toEqual({ kind: 'accepted' });
    expect(world.body(-2)).toEqual({
      destinations: [
        { operatingAccount: { accountType: 'GOOGLE_ADS', accountId: '1234567890' }, productDestinationId: '987' },
      ],
      encoding: 'HEX',
      events: [
        {
          transactionId: expect.stringMatching(/^[0-9a-f]{64}$/),
          eventTimestamp: '2026-06-15T11:00:00.000Z',
          consent: { adUserData: 'CONSENT_GRANTED', adPersonalization: 'CONSENT_GRANTED' },
          ...{ eventSource: 'WEB', conversionValue: 12.5, currency: 'EUR', userProperties: { customerType: 'NEW' } },
          adIdentifiers: { gclid: GCLID },
          userData: {
            userIdentifiers: [
              { emailAddress: sha('a') },
              { phoneNumber: sha('b') },
              { address: { givenName: sha('1'), familyName: sha('2'), regionCode: 'FR', postalCode: '69001' } },
            ],
          },
          eventDeviceInfo: { ipAddress: '192.0.2.1', userAgent: 'Mozilla/5.0' },
          customVariables: [
            { variable: 'shop', value: 'Lyon' },
            { variable: 'lines', value: '["a",{"n":1}]' },
          ],
        },
      ],
    });
    expect(world.violations).toEqual([]);
  });

  it('sent twice is one conversion, and an adjustment restates its value and adds user data', async () => {
    const world = new World();
    const conversions = await world.open('events');
    await settle(conversions, [event(1, { transaction_id: 'order-1', value: 50 })]);
    await settle(conversions, [event(1, { transaction_id: 'order-1', value: 50 })]);
    const adjustments = await world.open('events', {
      ...{ activation: 'refunds.google', config: { ...CONVERSION, kind: 'adjustment' } },
    });
    const identifiers = [id('email', sha('a'))];
    await settle(adjustments, [event(9, { transaction_id: 'order-1', value: 0 }, { identifiers })]);
    expect(world.simulated.holdings(9).events).toMatchObject([
      {
        size: 1,
        events: [
          {
            ...{ transactionId: 'order-1', conversionValue: 0, adIdentifiers: { gclid: GCLID } },
            userData: { userIdentifiers: [{ emailAddress: sha('a') }] },
          },
        ],
      },
    ]);
  });

  it('whose processing fails is rejected by its place', async () => {
    const world = new World();
    const session = await world.open('events');
    world.unlucky = 1;
    expect(await settle(session, [event(1, {}), event(2, {})])).toMatchObject({
      receipts: [
        { seq: 1, status: 'rejected', code: 'google-click-not-found' },
        { seq: 2, status: 'accepted' },
      ],
    });
  });

  it.each<readonly [string, Readonly<Record<string, FieldValue>>, ServiceContext['config'], string | null]>([
    ['fine', {}, {}, null],
    ['adjustment of nothing', {}, { kind: 'adjustment' }, 'adjustment-without-transaction'],
    ['long transaction', { transaction_id: 'x'.repeat(65) }, {}, 'transaction-id-too-long'],
    ['negative value', { value: -1 }, {}, 'invalid-value'],
    ['value of words', { value: 'much' }, {}, 'invalid-value'],
    ['value without currency', { value: 1 }, { currency: '' }, 'value-without-currency'],
    ['source', { event_source: 'billboard' }, {}, 'unknown-event-source'],
    ['customer', { customer_type: 'old' }, {}, 'unknown-customer-type'],
    ['denied consent', { ad_user_data: false }, {}, 'consent-denied'],
    ['denied personalisation', { ad_personalization: false }, {}, null],
    ['no word of consent', { ad_personalization: null }, {}, 'consent-unknown'],
  ])('is looked at before: %s', async (_name, fields, config, code) => {
    const service = await findService('google', 'events');
    expect(service.validate?.(event(1, fields), NOON, { ...CONVERSION, ...config })?.code ?? null).toBe(code);
  });

  it.each([
    [null, 'event-without-time'],
    ['2026-02-01T00:00:00Z', 'event-too-old'],
    ['2026-06-16T00:00:00Z', 'event-in-future'],
  ])('of %s is %s', async (eventTime, code) => {
    const service = await findService('google', 'events');
    expect(service.validate?.(event(1, {}, { eventTime }), NOON, CONVERSION)).toMatchObject({ code });
  });

  it('is tried by doctor without being taken', async () => {
    const world = new World();
    const service = await findService('google', 'events');
    expect(await service.verify(world.context('events'))).toMatchObject({ ok: true });
    expect(world.body()).toMatchObject({ validateOnly: true });
    expect(world.simulated.holdings(9).events).toEqual([]);
  });
});
