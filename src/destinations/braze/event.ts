import type { FieldValue, Invalidity, OutgoingRow, ServiceContext } from '../destination.ts';
import { renderValue } from './attributes.ts';
import { personValues, renderProfile, withoutPerson } from './profile.ts';

type Config = ServiceContext['config'];
type Fields = Readonly<Record<string, FieldValue>>;
type JsonObject = { readonly [name: string]: FieldValue };

const PURCHASE_FIELDS = new Set(['product_id', 'currency', 'price', 'quantity']);
/** Braze refuses an event with a property of one of these names. */
const RESERVED = ['time', 'event_name'] as const;
/** Clocks differ. Braze gives an event from the future the time of its arrival. */
const AHEAD_MAX_MS = 5 * 60_000;

export function isPurchase(config: Config): boolean {
  return config['send_as'] === 'purchases';
}

/** One object of `events` or `purchases` of /users/track; every other mapped field is a property. NULL stands for no property. */
export function renderEvent(row: OutgoingRow, config: Config, decimals: ReadonlySet<string>): JsonObject {
  const fields = row.fields() ?? {};
  const own = isPurchase(config) ? PURCHASE_FIELDS : new Set(['event_name']);
  const properties = Object.entries(fields).filter(([name, value]) => !own.has(name) && value !== null);
  const appId = textOf(config['app_id']);
  return {
    ...renderProfile(config, personValues(row, config)[0] ?? '', config['update_existing_only'] === true),
    ...(appId === null ? {} : { app_id: appId }),
    ...(isPurchase(config) ? renderPurchase(fields) : { name: nameOf(fields, config) ?? '' }),
    time: row.eventTime,
    ...(properties.length === 0
      ? {}
      : {
          properties: Object.fromEntries(
            properties.map(([name, value]) => [name, renderValue(value, decimals.has(name))]),
          ),
        }),
  };
}

function renderPurchase(fields: Fields): JsonObject {
  const quantity = fields['quantity'] ?? null;
  return {
    product_id: textOf(fields['product_id']) ?? '',
    currency: (textOf(fields['currency']) ?? '').toUpperCase(),
    price: Number(fields['price']),
    ...(quantity === null ? {} : { quantity: Number(quantity) }),
  };
}

function nameOf(fields: Fields, config: Config): string | null {
  return textOf(fields['event_name']) ?? textOf(config['event_name']);
}

function textOf(value: FieldValue | undefined): string | null {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

/**
 * What Braze would refuse, or would keep as something else than was meant: an event without a person, name or time, from the
 * future, with a reserved property; a purchase without product, currency or price, or of more than 100 pieces.
 */
export function validateEvent(row: OutgoingRow, now: number, config: Config | undefined): Invalidity | null {
  const time = Date.parse(row.eventTime ?? '');
  if (Number.isNaN(time)) return { code: 'event-without-time', message: 'The event has no time' };
  if (time > now + AHEAD_MAX_MS) return { code: 'event-in-future', message: 'The event lies in the future' };
  const fields = row.fields() ?? {};
  if (config === undefined) return null;
  if (personValues(row, config).length === 0) return withoutPerson(config);
  const reserved = RESERVED.find((name) => (fields[name] ?? null) !== null && (isPurchase(config) || name === 'time'));
  if (reserved !== undefined)
    return { code: 'reserved-property', message: `${reserved} cannot be the name of a property in Braze` };
  if (isPurchase(config)) return validatePurchase(fields);
  if (nameOf(fields, config) !== null) return null;
  return { code: 'event-without-name', message: 'No event_name: map it, or set config.event_name' };
}

function validatePurchase(fields: Fields): Invalidity | null {
  const { product_id: product, currency, price, quantity } = fields;
  const name = textOf(product);
  if (name === null || name.length > 255)
    return { code: 'purchase-without-product', message: 'A purchase needs a product_id of at most 255 characters' };
  if (!/^[A-Za-z]{3}$/.test(textOf(currency) ?? ''))
    return { code: 'purchase-without-currency', message: 'A purchase needs a currency of three letters' };
  if (textOf(price) === null || !Number.isFinite(Number(price)))
    return { code: 'purchase-without-price', message: 'A purchase needs a numeric price' };
  const count = quantity === undefined || quantity === null ? 1 : Number(quantity);
  if (Number.isInteger(count) && count >= 1 && count <= 100) return null;
  return { code: 'purchase-quantity', message: 'The quantity of a purchase is a whole number from 1 to 100' };
}
