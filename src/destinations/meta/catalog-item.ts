import type { FieldValue, Invalidity, OutgoingRow, ServiceContext } from '../destination.ts';
import { renderJson } from '../json.ts';
import { CHOICES, COUNTS, LENGTHS, LINKS, PRICES } from './catalog-facts.ts';

type Config = ServiceContext['config'];
type Fields = Readonly<Record<string, FieldValue>>;

const PRICE = /^\d+(\.\d+)? [A-Z]{3}$/;
const AMOUNT = /^\d+(\.\d+)?$/;
const ADDITIONAL_IMAGES_MAX = 20;

export function idFieldOf(config: Config): string {
  return String(config['id_field'] ?? 'id');
}

function isProduct(config: Config): boolean {
  return (config['item_type'] ?? 'PRODUCT_ITEM') === 'PRODUCT_ITEM';
}

/**
 * One element of `requests`. `UPDATE` makes an item that is not there (`allow_upsert`). To unset a field takes an empty text:
 * null would leave it as it is (Catalog Batch API reference, Marketing API v26.0).
 */
export function renderRequest(row: OutgoingRow, config: Config): string {
  const idField = idFieldOf(config);
  if (row.operation === 'delete') return renderJson({ method: 'DELETE', data: { [idField]: row.key } });
  const data: { [name: string]: FieldValue } = { [idField]: row.key };
  for (const [name, value] of Object.entries(row.fields() ?? {})) {
    if (name !== idField) data[name] = isProduct(config) ? renderField(name, value, config) : (value ?? '');
  }
  return renderJson({ method: 'UPDATE', data });
}

function renderField(name: string, value: FieldValue, config: Config): FieldValue {
  if (value === null) return '';
  if (PRICES.has(name)) return renderPrice(value, config) ?? value;
  if (name in CHOICES) return textOf(value).toLowerCase();
  return value;
}

/** `9.99 EUR`; null where it is no price, or a number without a currency. */
function renderPrice(value: FieldValue, config: Config): string | null {
  const text = textOf(value).replace(/\s+/g, ' ').toUpperCase();
  if (PRICE.test(text)) return text;
  const currency = textOf(config['currency'] ?? '').toUpperCase();
  return AMOUNT.test(text) && /^[A-Z]{3}$/.test(currency) ? `${text} ${currency}` : null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value).trim()
    : '';
}

/** What Meta would refuse of a product, with our own knowledge: prices, addresses, listed values, lengths. */
export function validateItem(row: OutgoingRow, config: Config | undefined): Invalidity | null {
  if (row.operation === 'delete' || config === undefined) return null;
  if (row.key === '' || row.key.length > (LENGTHS['id'] ?? 0))
    return { code: 'invalid-id', message: 'The id of an item has 1 to 100 characters' };
  if (!isProduct(config)) return null;
  const fields: Fields = row.fields() ?? {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === '' || name === idFieldOf(config)) continue;
    const problem = fieldProblem(name, value, config);
    if (problem !== null) return problem;
  }
  return null;
}

function fieldProblem(name: string, value: FieldValue, config: Config): Invalidity | null {
  if (PRICES.has(name) && renderPrice(value, config) === null) {
    return AMOUNT.test(textOf(value))
      ? { code: 'price-without-currency', message: `${name} has no currency: write 9.99 EUR, or set config.currency` }
      : { code: 'invalid-price', message: `${name} is no amount with a currency, such as 9.99 EUR` };
  }
  const choices = CHOICES[name];
  if (choices !== undefined && !choices.includes(textOf(value).toLowerCase()))
    return { code: `invalid-${name.replaceAll('_', '-')}`, message: `${name} must be one of ${choices.join(', ')}` };
  if (LINKS.has(name)) return linkProblem(name, value);
  if (COUNTS.has(name) && !/^\d+$/.test(textOf(value)))
    return { code: 'invalid-quantity', message: `${name} must be a whole number from 0` };
  const longest = LENGTHS[name];
  if (longest === undefined || [...textOf(value)].length <= longest) return null;
  return { code: 'text-too-long', message: `${name} is longer than ${longest} characters` };
}

function linkProblem(name: string, value: FieldValue): Invalidity | null {
  const links: readonly FieldValue[] = Array.isArray(value) ? value : [value];
  if (Array.isArray(value) && name !== 'additional_image_link')
    return { code: 'invalid-link', message: `${name} must be one address` };
  if (links.length > ADDITIONAL_IMAGES_MAX)
    return { code: 'too-many-images', message: `${name} takes ${ADDITIONAL_IMAGES_MAX} addresses` };
  const fine = links.every((link) => {
    const text = textOf(link);
    return /^https?:\/\//i.test(text) && URL.canParse(text) && text.length <= (LENGTHS['link'] ?? 0);
  });
  return fine ? null : { code: 'invalid-link', message: `${name} must be an address with http or https` };
}
