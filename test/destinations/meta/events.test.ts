import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BatchOutcome, OutgoingRow, ServiceContext } from '../../../src/destinations/destination.ts';
import { eventId } from '../../../src/destinations/event-id.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { makeBatch, makeContext, makeRow, NOON, type Scripted, scriptedHttp } from '../rows.ts';

const DAY = 86_400_000;
const at = (milliseconds: number): string => new Date(NOON - milliseconds).toISOString();

async function send(
  row: OutgoingRow,
  answer: Scripted,
  config: ServiceContext['config'] = {},
): Promise<{ readonly outcome: BatchOutcome; readonly body: unknown; readonly url: string | undefined }> {
  const { http, asked } = scriptedHttp([answer]);
  const service = await findService('meta', 'events');
  const session = await service.open(
    makeContext({ config: { dataset_id: '99', ...config }, credentials: { access_token: 's3cr3t-t-o-k-e-n' }, http }),
  );
  const outcome = await session.send(makeBatch([row]), new AbortController().signal);
  return { outcome, body: JSON.parse(String(asked[0]?.body ?? '')), url: asked[0]?.url };
}

describe('an event', () => {
  it('has a name, a time in seconds, an id of its own for ever, and hashed people', async () => {
    const row = makeRow({
      seq: 1,
      key: 'o-1',
      eventTime: '2026-06-15T10:00:00.900Z',
      identifiers: [
        { kind: 'email', value: 'E2', rank: 2, recordId: null },
        { kind: 'email', value: 'E1', rank: 1, recordId: null },
        { kind: 'first_name', value: 'FN', rank: 1, recordId: null },
        { kind: 'user_agent', value: 'Mozilla', rank: 1, recordId: null },
      ],
      fieldsJson:
        '{"event_name":"Purchase","value":"12.50","currency":"EUR","order_id":"A-1","event_source_url":"https://shop.example/x","content_ids":["a","b"]}',
    });
    const { outcome, body, url } = await send(
      row,
      { status: 200, body: { events_received: 1 } },
      { test_event_code: 'TEST1' },
    );
    expect(outcome).toMatchObject({ kind: 'counted', accepted: 1 });
    expect(url).toBe('https://graph.facebook.com/v26.0/99/events');
    expect(body).toEqual({
      data: [
        {
          event_name: 'Purchase',
          event_time: NOON / 1000 - 7200,
          event_id: hash('sha256', '["vip.there","Purchase","o-1"]'),
          action_source: 'website',
          user_data: { em: ['E1', 'E2'], fn: 'FN', client_user_agent: 'Mozilla' },
          event_source_url: 'https://shop.example/x',
          custom_data: {
            value: 12.5,
            currency: 'EUR',
            order_id: 'A-1',
            content_ids: ['a', 'b'],
          },
        },
      ],
      test_event_code: 'TEST1',
    });
  });

  it('differs by activation, name and key, and by nothing else', () => {
    const ids = [
      eventId('a.b', 'Lead', '1'),
      eventId('a.c', 'Lead', '1'),
      eventId('a.b', 'Lead2', '1'),
      eventId('a.b', 'Lead', '2'),
    ];
    expect(new Set(ids).size).toBe(4);
    expect(eventId('a.b', 'Lead', '1')).toBe(ids[0]);
  });

  it('has no value where its text is empty', async () => {
    const row = makeRow({ seq: 1, eventTime: at(0), fieldsJson: '{"value":"","order_id":"1"}' });
    const { body } = await send(row, { status: 200, body: { events_received: 1 } }, { event_name: 'Lead' });
    expect(body).toMatchObject({ data: [{ custom_data: { order_id: '1' } }] });
    expect(JSON.stringify(body)).not.toContain('"value"');
  });

  it('comes from where the mapping or the settings say, else from the site only if it can be', async () => {
    const answer = { status: 200, body: { events_received: 1 } };
    const sourceOf = async (fields: string, config: ServiceContext['config'] = {}): Promise<unknown> => {
      const { body } = await send(makeRow({ seq: 1, eventTime: at(0), fieldsJson: fields }), answer, {
        event_name: 'Lead',
        ...config,
      });
      return (body as { data: { action_source: string }[] }).data[0]?.action_source;
    };
    expect(await sourceOf('{}')).toBe('other');
    expect(await sourceOf('{}', { action_source: 'app' })).toBe('app');
    expect(await sourceOf('{"action_source":"email"}', { action_source: 'app' })).toBe('email');
  });
});

describe('what is not sent', () => {
  const config = { dataset_id: '99' };
  const cases: readonly (readonly [string, string, ServiceContext['config'], string | null])[] = [
    [at(1000), '{"event_name":"Lead"}', config, null],
    [at(1000), '{}', config, 'event-without-name'],
    [at(1000), '{}', { ...config, event_name: 'Lead' }, null],
    [at(7 * DAY - 1), '{"event_name":"Lead"}', config, null],
    [at(7 * DAY + 1), '{"event_name":"Lead"}', config, 'event-too-old'],
    [at(8 * DAY), '{"event_name":"Lead","action_source":"physical_store"}', config, null],
    [at(63 * DAY), '{"event_name":"Lead"}', { ...config, action_source: 'physical_store' }, 'event-too-old'],
    [at(-3_600_000), '{"event_name":"Lead"}', config, 'event-in-future'],
    ['yesterday', '{"event_name":"Lead"}', config, 'event-without-time'],
    [at(0), '{"event_name":"Lead","action_source":"shop"}', config, 'unknown-action-source'],
    [at(0), '{"event_name":"Purchase","currency":"EUR"}', config, 'purchase-without-value'],
    [at(0), '{"event_name":"Lead","value":"12,50"}', config, 'invalid-number'],
    [at(0), '{"event_name":"Lead","num_items":true}', config, 'invalid-number'],
    [at(0), '{"event_name":"Lead","value":"","num_items":null,"predicted_ltv":9007199254740993}', config, null],
    [at(0), '{"event_name":"Purchase","value":"9.99"}', config, 'purchase-without-currency'],
    [at(0), '{"event_name":"Purchase","value":"9.99","currency":"EUR"}', config, null],
  ];
  it.each(cases)('%s %s %j: %s', async (eventTime, fieldsJson, settings, code) => {
    const service = await findService('meta', 'events');
    const invalidity = service.validate?.(makeRow({ seq: 1, eventTime, fieldsJson }), NOON, settings) ?? null;
    expect(invalidity?.code ?? null).toBe(code);
  });
});
