import type { IdentifierKind } from '../../artifacts/annotation.ts';
import type { FieldValue, Invalidity, OutgoingRow, ServiceContext } from '../destination.ts';
import { eventId } from '../event-id.ts';
import { ACTION_SOURCES } from './facts.ts';

/** user_data of the Conversions API: which kind fills which member; those that are arrays take every identifier of the kind. */
const USER_DATA: Readonly<Partial<Record<IdentifierKind, { readonly name: string; readonly many: boolean }>>> = {
  email: { name: 'em', many: true },
  phone: { name: 'ph', many: true },
  external_id: { name: 'external_id', many: true },
  first_name: { name: 'fn', many: false },
  last_name: { name: 'ln', many: false },
  gender: { name: 'ge', many: false },
  date_of_birth: { name: 'db', many: false },
  city: { name: 'ct', many: false },
  state: { name: 'st', many: false },
  zip: { name: 'zp', many: false },
  country: { name: 'country', many: false },
  ip: { name: 'client_ip_address', many: false },
  user_agent: { name: 'client_user_agent', many: false },
  fbc: { name: 'fbc', many: false },
  fbp: { name: 'fbp', many: false },
  mobile_advertising_id: { name: 'madid', many: false },
};

/** Mapped fields that stand in the event itself; every other one is custom_data. */
const EVENT_FIELDS = new Set(['event_name', 'action_source', 'event_source_url', 'opt_out']);
const NUMBERS = new Set(['value', 'num_items', 'predicted_ltv']);

const DAY_MS = 24 * 60 * 60_000;
const AGE_DAYS_MAX = 7;
const AGE_DAYS_MAX_IN_STORE = 62;
/** Clocks differ: so far ahead of ours an event may be. */
const AHEAD_MAX_MS = 5 * 60_000;

type Config = ServiceContext['config'];
type Fields = Readonly<Record<string, FieldValue>>;
type JsonObject = { [name: string]: FieldValue };

/** One event of `/<dataset>/events` (Conversions API v26.0). */
export function renderEvent(
  row: OutgoingRow,
  given: { readonly config: Config; readonly activation: string },
): JsonObject {
  const fields = row.fields() ?? {};
  const userData = renderUserData(row);
  const eventName = nameOf(fields, given.config);
  const event: JsonObject = {
    event_name: eventName,
    event_time: Math.floor(Date.parse(row.eventTime ?? '') / 1000),
    event_id: eventId(given.activation, eventName, row.key),
    action_source: sourceOf(fields, given.config, 'client_user_agent' in userData),
    user_data: userData,
  };
  for (const name of ['event_source_url', 'opt_out']) {
    const value = fields[name];
    if (value !== undefined && value !== null) event[name] = value;
  }
  const customData = renderCustomData(fields);
  if (Object.keys(customData).length > 0) event['custom_data'] = customData;
  return event;
}

function renderUserData(row: OutgoingRow): JsonObject {
  const data: JsonObject = {};
  for (const { kind, value } of [...row.identifiers].sort((a, b) => a.rank - b.rank)) {
    const target = USER_DATA[kind];
    if (target === undefined) continue;
    const known = data[target.name];
    if (target.many) data[target.name] = [...(Array.isArray(known) ? known : []), value];
    else data[target.name] ??= value;
  }
  return data;
}

function renderCustomData(fields: Fields): JsonObject {
  const data: JsonObject = {};
  for (const [name, value] of Object.entries(fields)) {
    if (EVENT_FIELDS.has(name) || value === null || (NUMBERS.has(name) && value === '')) continue;
    // Decimals arrive as text, and Meta wants a number.
    data[name] = NUMBERS.has(name) && typeof value === 'string' ? Number(value) : value;
  }
  return data;
}

function nameOf(fields: Fields, config: Config): string {
  return textOf(fields['event_name']) ?? textOf(config['event_name']) ?? '';
}

function sourceOf(fields: Fields, config: Config, hasUserAgent: boolean): string {
  const stated = textOf(fields['action_source']) ?? textOf(config['action_source']);
  if (stated !== null) return stated;
  return hasUserAgent && textOf(fields['event_source_url']) !== null ? 'website' : 'other';
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/**
 * What Meta would refuse, and with it every other event of the request: an event without a name or time, from the future,
 * or older than 7 days (62 in a physical store), an unknown action source, a Purchase without currency or value.
 */
export function validateEvent(
  row: OutgoingRow,
  given: { readonly config: Config | null; readonly now: number },
): Invalidity | null {
  const fields = row.fields() ?? {};
  const name = nameOf(fields, given.config ?? {});
  if (name === '' && given.config !== null) {
    return { code: 'event-without-name', message: 'No event_name: map it, or set config.event_name' };
  }
  const source = textOf(fields['action_source']) ?? textOf(given.config?.['action_source']);
  if (source !== null && !ACTION_SOURCES.some((known) => known === source)) {
    return { code: 'unknown-action-source', message: `action_source must be one of ${ACTION_SOURCES.join(', ')}` };
  }
  for (const field of NUMBERS) {
    if (isNumeric(fields[field] ?? '0')) continue;
    return { code: 'invalid-number', message: `${field} must be a number` };
  }
  const mayBeInStore = source === 'physical_store' || (source === null && given.config === null);
  return validateTime(row, mayBeInStore, given.now) ?? (name === 'Purchase' ? validatePurchase(fields) : null);
}

/** Decimals arrive as text; the empty text says nothing. */
function isNumeric(value: FieldValue): boolean {
  if (typeof value === 'string') return Number.isFinite(Number(value));
  return typeof value === 'number' || typeof value === 'bigint';
}

function validateTime(row: OutgoingRow, inStore: boolean, now: number): Invalidity | null {
  const time = Date.parse(row.eventTime ?? '');
  if (Number.isNaN(time)) return { code: 'event-without-time', message: 'The event has no time' };
  if (time > now + AHEAD_MAX_MS) return { code: 'event-in-future', message: 'The event lies in the future' };
  const daysMax = inStore ? AGE_DAYS_MAX_IN_STORE : AGE_DAYS_MAX;
  if (time >= now - daysMax * DAY_MS) return null;
  return { code: 'event-too-old', message: `The event is older than the ${daysMax} days that Meta takes` };
}

function validatePurchase(fields: Fields): Invalidity | null {
  const value = fields['value'];
  const isNumber = value !== undefined && value !== null && value !== '' && Number.isFinite(Number(value));
  if (!isNumber) return { code: 'purchase-without-value', message: 'A Purchase needs a numeric value' };
  const isCurrency = /^[A-Za-z]{3}$/.test(textOf(fields['currency']) ?? '');
  return isCurrency
    ? null
    : { code: 'purchase-without-currency', message: 'A Purchase needs a currency of three letters' };
}
