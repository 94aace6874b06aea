import type { RequestContext } from '../platform.ts';
import type { ProfileName } from './profiles.ts';

export type ArrayName = 'attributes' | 'events' | 'purchases';
export type JsonObject = Readonly<Record<string, unknown>>;

const ITEM_BYTES_MAX = 100_000;
const EMAIL = /^[^\s@<>(),;:"]+@[^\s@<>(),;:".]+(?:\.[^\s@<>(),;:".]+)+$/;
const OPERATORS = ['inc', 'add', 'remove', 'update', '$add', '$remove', '$update'];
/** Event object, purchase object: names that no property may have. */
const RESERVED: Readonly<Record<ArrayName, readonly string[]>> = {
  attributes: [],
  events: ['time', 'event_name'],
  purchases: ['time', 'product_id', 'quantity', 'event_name', 'price', 'currency'],
};
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})$/;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How the object names its person: the first of external id, alias, Braze id, e-mail address, phone. */
export function nameIn(object: JsonObject): ProfileName | null {
  const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
  const externalId = text(object['external_id']);
  if (externalId !== null) return { kind: 'external_id', value: externalId };
  const alias = object['user_alias'];
  if (isObject(alias)) {
    const value = text(alias['alias_name']);
    const label = text(alias['alias_label']);
    if (value !== null && label !== null) return { kind: 'user_alias', label, value };
  }
  for (const kind of ['braze_id', 'email', 'phone'] as const) {
    const value = text(object[kind]);
    if (value !== null) return { kind, value };
  }
  return null;
}

/** Why Braze would not take the object, or null. What a correct client never sends is a violation, too. */
export function objectProblem(array: ArrayName, object: unknown, context: RequestContext): string | null {
  const never = (rule: string, message: string): string => {
    context.violate(rule, message);
    return message;
  };
  if (!isObject(object)) return never('object-shape', `an entry of '${array}' is not an object`);
  if (JSON.stringify(object).length > ITEM_BYTES_MAX) return 'the object is too large';
  if (nameIn(object) === null)
    return never('no-identifier', "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required");
  const email = object['email'];
  if (typeof email === 'string' && !EMAIL.test(email))
    return "The value provided for the 'email' field is not a valid email.";
  if (array === 'attributes') return attributesProblem(object, never);
  const time = object['time'];
  if (typeof time !== 'string' || !TIME.test(time)) return never('event-time', "'time' is not valid");
  const properties = object['properties'] ?? {};
  if (!isObject(properties)) return never('properties-shape', "'properties' is not valid");
  const reserved = Object.keys(properties).find((name) => RESERVED[array].includes(name) || name.startsWith('$'));
  if (reserved !== undefined) return never('reserved-property', `property '${reserved}' is reserved`);
  return array === 'events' ? eventProblem(object, never) : purchaseProblem(object, never);
}

type Never = (rule: string, message: string) => string;

function attributesProblem(object: JsonObject, never: Never): string | null {
  for (const [name, value] of Object.entries(object)) {
    if (name.startsWith('$') || name.length > 255) return never('attribute-name', 'an attribute name is not valid');
    if (isObject(value) && name !== 'user_alias' && Object.keys(value).some((key) => OPERATORS.includes(key)))
      return never('operator', 'an order to change a value, which is not safe to repeat');
  }
  return null;
}

function eventProblem(object: JsonObject, never: Never): string | null {
  return typeof object['name'] === 'string' && object['name'] !== '' ? null : never('event-name', "'name' is required");
}

function purchaseProblem(object: JsonObject, never: Never): string | null {
  const { product_id: product, currency, price, quantity = 1 } = object;
  if (typeof product !== 'string' || product === '' || product.length > 255)
    return never('product-id', "'product_id' is not valid");
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) return never('currency', "'currency' is not valid");
  if (typeof price !== 'number') return never('price', "'price' is not valid");
  const isCount = typeof quantity === 'number' && Number.isInteger(quantity) && quantity >= 1 && quantity <= 100;
  return isCount ? null : never('quantity', "'quantity' is not valid");
}

/** A nested attribute that holds a NULL is dropped whole, without an error. */
export function holdsNull(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => item === null || holdsNull(item));
  return isObject(value) && Object.values(value).some((item) => item === null || holdsNull(item));
}
