import type { FieldFact, ServiceFacts } from '../../knowledge/service-facts.ts';
import { ACCESS_TOKEN, META_VERSION } from './version.ts';

export const ITEM_TYPES = [
  'PRODUCT_ITEM',
  'HOTEL',
  'HOTEL_ROOM',
  'FLIGHT',
  'DESTINATION',
  'HOME_LISTING',
  'VEHICLE',
  'VEHICLE_OFFER',
] as const;

/** Values that Meta knows, as its product reference writes them. */
export const CHOICES: Readonly<Record<string, readonly string[]>> = {
  availability: [
    ...['in stock', 'out of stock', 'preorder', 'available for order', 'discontinued', 'pending', 'mark_as_sold'],
  ],
  condition: ['new', 'refurbished', 'used', 'used_like_new', 'used_good', 'used_fair'],
  gender: ['female', 'male', 'unisex'],
  age_group: ['adult', 'all ages', 'teen', 'kids', 'toddler', 'infant', 'newborn'],
  status: ['active', 'archived'],
};

/** Longest texts, in characters. */
export const LENGTHS: Readonly<Record<string, number>> = {
  id: 100,
  title: 200,
  description: 9_999,
  brand: 100,
  link: 2_000,
  image_link: 2_000,
  item_group_id: 100,
  custom_label_0: 100,
  custom_label_1: 100,
  custom_label_2: 100,
  custom_label_3: 100,
  custom_label_4: 100,
};

export const PRICES: ReadonlySet<string> = new Set(['price', 'sale_price', 'unit_price']);
export const LINKS: ReadonlySet<string> = new Set(['link', 'image_link', 'additional_image_link', 'mobile_link']);
export const COUNTS: ReadonlySet<string> = new Set(['inventory', 'quantity_to_sell_on_facebook']);

/** Meta makes no product without. */
const OF_NEW = new Set(['title', 'description', 'availability', 'condition', 'price', 'link', 'image_link']);

const field = (name: string, description: string, type: FieldFact['type'] = 'string'): FieldFact => ({
  ...{ name, type, required: false, description },
  ...(OF_NEW.has(name) ? { neededByNew: true } : {}),
});

const listOf = (name: string): string => `one of: ${CHOICES[name]?.join(', ') ?? ''}`;

/** Fields of a product (Catalog Batch API reference, Marketing API v26.0). Any other name goes to Meta as it is. */
const FIELDS: readonly FieldFact[] = [
  field('id', 'Your id of the item, at most 100 characters; events name it in content_ids'),
  field('title', 'Name, at most 200 characters; a new product needs it'),
  field('description', 'Text without markup, at most 9,999 characters; a new product needs it'),
  field('availability', `${listOf('availability')}; a new product needs it`),
  field('condition', `${listOf('condition')}; a new product needs it`),
  field(
    'price',
    'Amount and ISO 4217 currency, `9.99 EUR`, or a number with config.currency; a new product needs it',
    'any',
  ),
  field('link', 'Address of the product’s page, http or https; a new product needs it'),
  field('image_link', 'Address of the main image, at least 500 × 500 pixels; a new product needs it'),
  field('brand', 'Brand, at most 100 characters; a new product needs it, or gtin or mpn'),
  field('sale_price', 'Reduced price, written as the price', 'any'),
  field('sale_price_effective_date', 'When the reduced price holds: two ISO times with a slash between'),
  field('additional_image_link', 'Array of up to 20 addresses of more images', 'any'),
  field('item_group_id', 'What variants of one product share, at most 100 characters'),
  field('google_product_category', 'Category of Google’s taxonomy, its number or its path'),
  field('fb_product_category', 'Category of Meta’s taxonomy, its number or its path'),
  field('product_type', 'Category of your own, as a path'),
  field('gtin', 'Global trade item number'),
  field('mpn', 'Number that the manufacturer gave'),
  field('color', 'Colour'),
  field('size', 'Size'),
  field('material', 'Material'),
  field('pattern', 'Pattern'),
  field('gender', listOf('gender')),
  field('age_group', listOf('age_group')),
  field('quantity_to_sell_on_facebook', 'Stock, a whole number from 0', 'integer'),
  field('status', `${listOf('status')}: an archived product is not shown in ads`),
  field('shipping_weight', 'Weight with its unit, `2 kg`'),
  ...[0, 1, 2, 3, 4].map((n) => field(`custom_label_${n}`, 'Label for product sets, at most 100 characters')),
];

/** `POST /<catalog>/items_batch`: 5,000 requests and 28 MB at most, up to 3,000 advised. */
export const catalogFacts: ServiceFacts = {
  platform: 'meta',
  service: 'objects',
  title: 'Meta catalog items',
  api: {
    version: META_VERSION,
    sunset: null,
    docs: 'https://developers.facebook.com/docs/marketing-api/reference/product-catalog/items_batch',
  },
  config: [
    {
      name: 'catalog_id',
      type: 'string',
      required: true,
      core: true,
      description: 'Catalog that owns the items: digits',
    },
    {
      name: 'item_type',
      type: 'string',
      required: false,
      core: true,
      default: 'PRODUCT_ITEM',
      choices: ITEM_TYPES,
      description: 'What the items are; formats of fields are checked here for products only',
    },
    {
      name: 'id_field',
      type: 'string',
      required: false,
      core: true,
      default: 'id',
      description:
        'Field by which the catalog knows an item; a mapping has to feed it. `id` for products; for other types what Meta’s reference of the type names (hotel_id, vehicle_id …)',
    },
    {
      name: 'currency',
      type: 'string',
      required: false,
      core: false,
      description: 'ISO 4217 code that is added to prices that are numbers: EUR makes 9.99 into 9.99 EUR',
    },
    {
      name: 'delete_existing',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description:
        'Whether items may be deleted; Meta does not say which of them were there before, so that delete needs it',
    },
  ],
  credentials: [ACCESS_TOKEN],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update'],
  identifiers: null,
  destinationKey: { setting: 'id_field', identifier: null, normalise: 'exact' },
  recordIds: false,
  fields: { known: FIELDS, open: true },
  defaultMapping: 'none',
  audience: null,
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  // How long Meta keeps a handle is not said; a day is seen. Calls are limited by the minute, by the catalog's own traffic.
  jobs: { openMax: 8, deadlineMinutes: 30 },
  limits: { rowsPerRequestMax: 3_000, requestBytesMax: 20_000_000, requestsPerSecondMax: null, connectionsMax: 4 },
};
