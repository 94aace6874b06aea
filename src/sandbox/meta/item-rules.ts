/** Rules of catalog items: Catalog Batch API reference, Marketing API v26.0. */
export const ITEM_TYPES: ReadonlySet<string> = new Set(
  'PRODUCT_ITEM HOTEL HOTEL_ROOM FLIGHT DESTINATION HOME_LISTING VEHICLE VEHICLE_OFFER'.split(' '),
);

const REQUIRED = ['title', 'description', 'availability', 'condition', 'price', 'link', 'image_link'] as const;
const AVAILABLE = new Set([
  ...['in stock', 'out of stock', 'preorder', 'available for order', 'discontinued', 'pending', 'mark_as_sold'],
]);
const CONDITIONS = new Set(['new', 'refurbished', 'used', 'used_like_new', 'used_good', 'used_fair']);
const PRICE = /^\d+(?:\.\d{1,4})? [A-Z]{3}$/;

/** What no client sends, whatever its data. */
export function requestProblem(method: string, data: Readonly<Record<string, unknown>>, id: string): string | null {
  if (!['CREATE', 'UPDATE', 'DELETE'].includes(method)) return 'method must be CREATE, UPDATE or DELETE';
  if (id === '' || id.length > 100) return 'data.id must be text of 1 to 100 characters';
  if ('retailer_id' in data) return 'data.retailer_id is a field of another endpoint';
  return method === 'DELETE' && Object.keys(data).length > 1 ? 'a DELETE has an id only' : null;
}

/** Why the item, as it would be, cannot be saved. */
export function itemProblem(type: string, item: Readonly<Record<string, unknown>>): string | null {
  if (type !== 'PRODUCT_ITEM') return null;
  const missing = REQUIRED.find((name) => item[name] === undefined);
  if (missing !== undefined) return `You cannot create a product item without required field ${missing}`;
  const text = (name: string): string => (typeof item[name] === 'string' ? item[name] : '');
  if (!AVAILABLE.has(text('availability'))) return `Invalid value for availability: "${text('availability')}"`;
  if (!CONDITIONS.has(text('condition'))) return `Invalid value for condition: "${text('condition')}"`;
  for (const name of ['price', 'sale_price'])
    if (item[name] !== undefined && !PRICE.test(text(name))) return `Invalid value for ${name}: "${text(name)}"`;
  for (const name of ['link', 'image_link'])
    if (!/^https?:\/\/\S+$/.test(text(name))) return `Invalid value for ${name}: "${text(name)}"`;
  return text('title').length > 200 ? 'The title is longer than 200 characters' : null;
}
