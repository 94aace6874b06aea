import type { FieldValue, Invalidity, OutgoingRow, ServiceContext } from '../destination.ts';
import { eventId } from '../event-id.ts';
import { PROFILE_KEYS } from './facts.ts';

/** Mapped fields that stand in the event itself; every other one is a property. */
const EVENT_FIELDS = new Set(['metric', 'value', 'value_currency']);
const PROPERTIES_MAX = 400;
const STRING_BYTES_MAX = 100_000;
const METRIC_CHARACTERS_MAX = 127;
/** Events have to be after the year 2000, and at most a year ahead; a day less, since clocks and calendars differ. */
const TIME_MIN = Date.UTC(2001, 0, 1);
const AHEAD_MS_MAX = 364 * 24 * 60 * 60_000;

type Config = ServiceContext['config'];
type Fields = Readonly<Record<string, FieldValue>>;
type JsonObject = { [name: string]: FieldValue };

/** One entry of `event-bulk-create-jobs` (revision 2026-07-15): a profile with one event. */
export function renderEvent(
  row: OutgoingRow,
  { config, activation }: { readonly config: Config; readonly activation: string },
): JsonObject {
  const fields: Fields = row.fields() ?? {};
  const metric = metricOf(fields, config);
  const event: JsonObject = {
    properties: Object.fromEntries(
      Object.entries(fields).filter(([name, value]) => !EVENT_FIELDS.has(name) && value !== null),
    ),
    time: row.eventTime,
    metric: { data: { type: 'metric', attributes: { name: metric } } },
    unique_id: eventId(activation, metric, row.key),
  };
  const value = numberOf(fields['value']);
  if (value !== null) event['value'] = value;
  if (typeof fields['value_currency'] === 'string') event['value_currency'] = fields['value_currency'].toUpperCase();
  const attributes: JsonObject = {
    profile: { data: { type: 'profile', attributes: profileOf(row) } },
    events: { data: [{ type: 'event', attributes: event }] },
  };
  if (config['backfill'] === true) attributes['backfill'] = true;
  return { type: 'event-bulk-create', attributes };
}

/** The first identifier of each kind. */
function profileOf(row: OutgoingRow): JsonObject {
  const attributes: JsonObject = {};
  for (const { kind, value } of [...row.identifiers].sort((a, b) => a.rank - b.rank)) {
    if (kind === 'email' || kind === 'phone' || kind === 'external_id') attributes[PROFILE_KEYS[kind]] ??= value;
  }
  return attributes;
}

function metricOf(fields: Fields, config: Config): string {
  const stated = fields['metric'] ?? config['metric'];
  return typeof stated === 'string' ? stated.trim() : '';
}

/** Decimals arrive as text, and Klaviyo wants a number. */
function numberOf(value: FieldValue | undefined): number | bigint | null {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : null;
}

/** What Klaviyo would refuse, and with it every other event of the request. Without the settings nothing is known of the name. */
export function validateEvent(row: OutgoingRow, now: number, config: Config | undefined): Invalidity | null {
  const fields: Fields = row.fields() ?? {};
  const metric = metricOf(fields, config ?? {});
  if (metric === '' && config !== undefined) {
    return { code: 'event-without-name', message: 'No metric: map it, or set config.metric' };
  }
  if (metric.length > METRIC_CHARACTERS_MAX) {
    return { code: 'event-name-too-long', message: `The metric has more than ${METRIC_CHARACTERS_MAX} characters` };
  }
  return validateTime(row, now) ?? validateValues(fields);
}

function validateTime(row: OutgoingRow, now: number): Invalidity | null {
  const time = Date.parse(row.eventTime ?? '');
  if (Number.isNaN(time)) return { code: 'event-without-time', message: 'The event has no time' };
  if (time < TIME_MIN) return { code: 'event-too-old', message: 'The event lies before 2001' };
  if (time > now + AHEAD_MS_MAX) return { code: 'event-in-future', message: 'The event lies a year ahead, or more' };
  return null;
}

function validateValues(fields: Fields): Invalidity | null {
  const value = fields['value'];
  if (value !== undefined && value !== null && numberOf(value) === null) {
    return { code: 'value-not-a-number', message: 'The value is no number' };
  }
  if (Object.keys(fields).length > PROPERTIES_MAX + EVENT_FIELDS.size) {
    return { code: 'too-many-properties', message: `The event has more than ${PROPERTIES_MAX} properties` };
  }
  const texts = Object.values(fields).filter((text) => typeof text === 'string');
  if (texts.some((text) => text.length * 3 > STRING_BYTES_MAX && Buffer.byteLength(text) > STRING_BYTES_MAX)) {
    return { code: 'text-too-large', message: 'A property has more than the 100 KB that Klaviyo takes' };
  }
  return null;
}
