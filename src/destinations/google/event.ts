import type { FieldValue, Invalidity, OutgoingRow, ServiceContext } from '../destination.ts';
import { eventId } from '../event-id.ts';
import { renderJson } from '../json.ts';
import { readConsent, refuseWithoutConsent } from './consent.ts';
import { EVENT_SOURCES } from './facts.ts';
import { IDENTIFIERS_MAX, renderAddress, renderUserIdentifiers } from './members.ts';

type Config = ServiceContext['config'];
type Fields = Readonly<Record<string, FieldValue>>;
type JsonObject = { [name: string]: FieldValue };

/** Mapped fields that have a place of their own; every other one is a custom variable of the conversion action. */
const EVENT_FIELDS = new Set([
  ...['transaction_id', 'value', 'currency', 'event_source', 'customer_type', 'ad_user_data', 'ad_personalization'],
]);
const CUSTOMER_TYPES = ['NEW', 'RETURNING', 'REENGAGED'];

/** In this order: one click id is sent, since Google takes no two of one conversion. */
const CLICK_IDS = ['gclid', 'wbraid', 'gbraid'] as const;

const DAY_MS = 24 * 60 * 60_000;
const AGE_DAYS_MAX = 90;
/** Clocks differ: so far ahead of ours an event may be. */
const AHEAD_MAX_MS = 5 * 60_000;
/** Google Ads' order id. */
const TRANSACTION_ID_LENGTH_MAX = 64;

/** What the conversion is known by. Ours, where the mapping gives none: the same for the same event, for ever. */
export function transactionId(
  row: OutgoingRow,
  given: { readonly config: Config; readonly activation: string },
): string {
  const stated = textOf(row.fields()?.['transaction_id']);
  return stated ?? eventId(given.activation, String(given.config['conversion_action_id']), row.key);
}

/** One `Event` of `events:ingest` (Data Manager API v1). */
export function renderEvent(
  row: OutgoingRow,
  given: { readonly config: Config; readonly activation: string },
): JsonObject {
  const { config } = given;
  const fields = row.fields() ?? {};
  const { adUserData, adPersonalization } = readConsent(fields, config);
  const event: JsonObject = {
    transactionId: transactionId(row, given),
    eventTimestamp: new Date(row.eventTime ?? '').toISOString(),
    consent: { adUserData, adPersonalization },
  };
  const source = sourceOf(fields, config);
  if (source !== null) event['eventSource'] = source;
  const value = numberOf(fields['value']);
  if (value !== null) event['conversionValue'] = value;
  const currency = textOf(fields['currency']) ?? textOf(config['currency']);
  if (value !== null && currency !== null) event['currency'] = currency.toUpperCase();
  const customerType = textOf(fields['customer_type'])?.toUpperCase();
  if (customerType !== undefined) event['userProperties'] = { customerType };
  return { ...event, ...renderPerson(row, config), ...renderVariables(fields) };
}

function renderPerson(row: OutgoingRow, config: Config): JsonObject {
  const person: JsonObject = {};
  const sorted = [...row.identifiers].sort((a, b) => a.rank - b.rank);
  const of = (kind: string): string | undefined => sorted.find((one) => one.kind === kind)?.value;
  const address = renderAddress(sorted, config);
  const userIdentifiers = [...renderUserIdentifiers(sorted, config), ...(address === null ? [] : [{ address }])];
  if (userIdentifiers.length > 0) person['userData'] = { userIdentifiers };
  const click = CLICK_IDS.flatMap((kind) => (of(kind) === undefined ? [] : [[kind, of(kind) ?? ''] as const]))[0];
  if (click !== undefined) person['adIdentifiers'] = { [click[0]]: click[1] };
  const [ipAddress, userAgent] = [of('ip'), of('user_agent')];
  if (ipAddress !== undefined || userAgent !== undefined) {
    person['eventDeviceInfo'] = {
      ...(ipAddress === undefined ? {} : { ipAddress }),
      ...(userAgent === undefined ? {} : { userAgent }),
    };
  }
  return person;
}

function renderVariables(fields: Fields): JsonObject {
  const customVariables = Object.entries(fields).flatMap(([variable, value]) => {
    if (EVENT_FIELDS.has(variable) || value === null) return [];
    return [{ variable, value: typeof value === 'object' ? renderJson(value) : String(value) }];
  });
  return customVariables.length === 0 ? {} : { customVariables };
}

/**
 * What Google would refuse, and with it every other event of the request: no consent, no or a wrong time, a value that is no
 * number or has no currency, an unknown source; an adjustment that says nothing of the conversion it is of.
 */
export function validateEvent(
  row: OutgoingRow,
  given: { readonly config: Config; readonly now: number },
): Invalidity | null {
  const { config, now } = given;
  const fields = row.fields() ?? {};
  return (
    refuseWithoutConsent(readConsent(fields, config), false) ??
    validateTime(row, now) ??
    validateId(fields, config) ??
    validateValue(fields, config) ??
    validateWords(fields) ??
    validateIdentifiers(row)
  );
}

function validateTime(row: OutgoingRow, now: number): Invalidity | null {
  const time = Date.parse(row.eventTime ?? '');
  if (Number.isNaN(time)) return { code: 'event-without-time', message: 'The event has no time' };
  if (time > now + AHEAD_MAX_MS) return { code: 'event-in-future', message: 'The event lies in the future' };
  if (time >= now - AGE_DAYS_MAX * DAY_MS) return null;
  return { code: 'event-too-old', message: `The event is older than ${AGE_DAYS_MAX} days` };
}

function validateId(fields: Fields, config: Config): Invalidity | null {
  const id = textOf(fields['transaction_id']);
  if (id === null && config['kind'] === 'adjustment') {
    return {
      code: 'adjustment-without-transaction',
      message: 'An adjustment needs the transaction_id of its conversion',
    };
  }
  if (id === null || id.length <= TRANSACTION_ID_LENGTH_MAX) return null;
  return {
    code: 'transaction-id-too-long',
    message: `transaction_id may have ${TRANSACTION_ID_LENGTH_MAX} characters`,
  };
}

function validateValue(fields: Fields, config: Config): Invalidity | null {
  const given = fields['value'];
  if (given === undefined || given === null || given === '') return null;
  const value = numberOf(given);
  if (value === null || value < 0) return { code: 'invalid-value', message: 'value must be a number from 0' };
  const currency = textOf(fields['currency']) ?? textOf(config['currency']);
  if (currency !== null && /^[A-Za-z]{3}$/.test(currency)) return null;
  return { code: 'value-without-currency', message: 'value needs a currency of three letters' };
}

function validateWords(fields: Fields): Invalidity | null {
  const source = textOf(fields['event_source'])?.toUpperCase();
  if (source !== undefined && !EVENT_SOURCES.some((known) => known === source)) {
    return { code: 'unknown-event-source', message: `event_source must be one of ${EVENT_SOURCES.join(', ')}` };
  }
  const type = textOf(fields['customer_type'])?.toUpperCase();
  if (type === undefined || CUSTOMER_TYPES.includes(type)) return null;
  return { code: 'unknown-customer-type', message: `customer_type must be one of ${CUSTOMER_TYPES.join(', ')}` };
}

function validateIdentifiers(row: OutgoingRow): Invalidity | null {
  const count = row.identifiers.filter(({ kind }) => kind === 'email' || kind === 'phone').length;
  if (count < IDENTIFIERS_MAX) return null;
  return { code: 'too-many-identifiers', message: `An event may have ${IDENTIFIERS_MAX} user identifiers` };
}

function sourceOf(fields: Fields, config: Config): string | null {
  return textOf(fields['event_source'])?.toUpperCase() ?? textOf(config['event_source']);
}

/** Decimals arrive as text. */
function numberOf(value: FieldValue | undefined): number | null {
  if (value === undefined || value === null || value === '' || typeof value === 'boolean') return null;
  const number = typeof value === 'object' ? Number.NaN : Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Text, or a number as its digits; null for what says nothing. */
function textOf(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}
