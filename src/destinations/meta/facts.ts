import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { catalogFacts } from './catalog-facts.ts';
import { ACCESS_TOKEN, META_VERSION } from './version.ts';

export const ACTION_SOURCES = [
  'website',
  'app',
  'phone_call',
  'chat',
  'email',
  'physical_store',
  'system_generated',
  'business_messaging',
  'other',
] as const;

/** Kinds that Meta gets as one SHA-256 each. A date of birth is three in an audience, and ids are in clear there. */
const HASHED = ['email', 'phone', 'first_name', 'last_name', 'gender', 'city', 'state', 'zip', 'country'] as const;

const audiences: ServiceFacts = {
  platform: 'meta',
  service: 'audiences',
  title: 'Meta custom audiences',
  api: {
    version: META_VERSION,
    sunset: null,
    docs: 'https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences',
  },
  config: [
    {
      name: 'ad_account_id',
      type: 'string',
      required: true,
      core: true,
      description: 'Ad account that owns the audiences: digits, with or without act_',
    },
    {
      name: 'replace',
      type: 'string',
      required: false,
      core: false,
      default: 'delta',
      choices: ['delta', 'session'],
      description:
        'session: a sync in mode full exchanges all members at once, at its end; whoever others have added to the audience is removed too, so that it has to be one that dinmo made',
    },
  ],
  credentials: [ACCESS_TOKEN],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: {
    matching: ['email', 'phone', 'external_id', 'mobile_advertising_id'],
    hints: ['first_name', 'last_name', 'date_of_birth', 'gender', 'city', 'state', 'zip', 'country'],
    hashed: HASHED,
  },
  destinationKey: null,
  recordIds: false,
  fields: {
    known: [
      {
        name: 'value',
        type: 'number',
        required: false,
        description:
          'What the member is worth, a number from 0 (a lifetime value): the seed of a value-based lookalike. The audience is made for it, for its life; NULL is 0',
      },
    ],
    open: false,
  },
  defaultMapping: 'identifiers',
  audience: { renamable: true },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  replacesWhen: { setting: 'replace', value: 'session' },
  nulls: 'skip',
  // 10,000 rows is Meta's; the bytes are a bound of our own. Calls are limited by the hour, and told in headers.
  limits: { rowsPerRequestMax: 10_000, requestBytesMax: 16_000_000, requestsPerSecondMax: null, connectionsMax: 4 },
};

const events: ServiceFacts = {
  platform: 'meta',
  service: 'events',
  title: 'Meta Conversions API',
  api: {
    version: META_VERSION,
    sunset: null,
    docs: 'https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api',
  },
  config: [
    {
      name: 'dataset_id',
      type: 'string',
      required: true,
      core: true,
      description: 'Dataset (pixel) that receives the events: digits',
    },
    {
      name: 'event_name',
      type: 'string',
      required: false,
      core: false,
      description: 'Name of every event, where the mapping does not give one (Purchase, Lead …)',
    },
    {
      name: 'action_source',
      type: 'string',
      required: false,
      core: false,
      choices: ACTION_SOURCES,
      description:
        'Where the events happened, where the mapping does not say; left out: website for an event with event_source_url and a user agent, else other',
    },
    {
      name: 'test_event_code',
      type: 'string',
      required: false,
      core: false,
      description: "Sends the events to the Test Events view of Meta's Events Manager",
    },
  ],
  credentials: [ACCESS_TOKEN],
  modes: ['incremental', 'full'],
  defaultMode: 'incremental',
  operations: ['insert'],
  defaultOperations: ['insert'],
  identifiers: {
    matching: ['email', 'phone', 'external_id', 'mobile_advertising_id', 'fbc', 'fbp'],
    hints: [
      'first_name',
      'last_name',
      'date_of_birth',
      'gender',
      'city',
      'state',
      'zip',
      'country',
      'ip',
      'user_agent',
    ],
    hashed: [...HASHED, 'external_id', 'date_of_birth'],
  },
  destinationKey: null,
  recordIds: false,
  fields: {
    open: true,
    known: [
      {
        name: 'event_name',
        type: 'string',
        required: false,
        description: 'Name of the event; takes the place of config.event_name',
        isEventName: true,
        requiredWhere: [{ setting: 'event_name', is: [] }],
      },
      {
        name: 'action_source',
        type: 'string',
        required: false,
        description: 'Where it happened; takes the place of config.action_source',
      },
      {
        name: 'event_source_url',
        type: 'string',
        required: false,
        description: 'Page on which it happened; website events need it',
      },
      { name: 'opt_out', type: 'boolean', required: false, description: 'Kept out of the delivery of ads' },
      { name: 'currency', type: 'string', required: false, description: 'ISO 4217; a Purchase needs it' },
      { name: 'value', type: 'number', required: false, description: 'Amount; a Purchase needs it' },
      { name: 'order_id', type: 'string', required: false, description: 'Order or transaction' },
      { name: 'content_ids', type: 'any', required: false, description: 'Array of product ids' },
      { name: 'contents', type: 'any', required: false, description: 'Array of {id, quantity, item_price}' },
      { name: 'content_type', type: 'string', required: false, description: 'product or product_group' },
      { name: 'content_name', type: 'string', required: false, description: 'Page or product' },
      { name: 'content_category', type: 'string', required: false, description: 'Category of the page or product' },
      { name: 'num_items', type: 'integer', required: false, description: 'Number of items' },
    ],
  },
  defaultMapping: 'identifiers',
  audience: null,
  eventAgeDaysMax: 7,
  eventAgeExceptions: [{ setting: 'action_source', value: 'physical_store', daysMax: 62 }],
  // By event_name and event_id, within 48 hours.
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  // 1,000 events is Meta's; the bytes are a bound of our own.
  limits: { rowsPerRequestMax: 1_000, requestBytesMax: 8_000_000, requestsPerSecondMax: null, connectionsMax: 4 },
};

export const metaFacts: readonly ServiceFacts[] = [audiences, events, catalogFacts];
