import type { FieldFact, ServiceFacts, SettingFact } from '../../knowledge/service-facts.ts';

/**
 * Data Manager API v1 (discovery document of revision 20261106): https://developers.google.com/data-manager/api/reference/rest
 * The Google Ads API takes no new users of Customer Match since 2026-04-01 and of conversion import since 2026-06-15.
 */
export const GOOGLE_VERSION = 'v1';

/** Of one account: `accountTypes/<type>/accounts/<id>`. */
export const ACCOUNT_TYPES = ['GOOGLE_ADS', 'DISPLAY_VIDEO_ADVERTISER', 'DISPLAY_VIDEO_PARTNER'] as const;

/** `Event.eventSource`. */
export const EVENT_SOURCES = ['WEB', 'APP', 'IN_STORE', 'PHONE', 'MESSAGE', 'OTHER'] as const;

const setting = (
  fact: Pick<SettingFact, 'name' | 'description'> & Partial<Omit<SettingFact, 'name' | 'description'>>,
): SettingFact => ({ type: 'string', required: false, core: false, ...fact });

const ACCOUNT: readonly SettingFact[] = [
  setting({
    name: 'customer_id',
    required: true,
    core: true,
    description:
      'Account that receives the data (operatingAccount), with or without dashes: 123-456-7890. For conversions the account that owns the conversion action',
  }),
  setting({
    name: 'account_type',
    core: true,
    default: 'GOOGLE_ADS',
    choices: ACCOUNT_TYPES,
    description: 'What kind of account customer_id is',
  }),
  setting({
    name: 'login_customer_id',
    description: 'Manager account through which the credentials reach customer_id; left out: they reach it directly',
  }),
  setting({
    name: 'quota_project',
    description:
      'Google Cloud project that the requests count against (x-goog-user-project); left out: that of the credentials',
  }),
  setting({
    name: 'confirm',
    default: 'processed',
    choices: ['processed', 'taken'],
    description:
      'When a row counts as accepted: when Google has processed its request (about half an hour, asked for until then), or as soon as the request was taken, whatever the processing finds',
  }),
  setting({
    name: 'encoding',
    default: 'HEX',
    choices: ['HEX', 'BASE64'],
    description: 'How hashes are written in requests. Both mean the same',
  }),
];

const CONSENT_USER_DATA = setting({
  name: 'consent_ad_user_data',
  choices: ['granted'],
  description:
    'granted: everybody in the segment has agreed that their data is sent to Google for advertising. Else map the field ad_user_data to a column that says so',
});

const consentPersonalization = (choices: readonly string[]): SettingFact =>
  setting({
    name: 'consent_ad_personalization',
    choices,
    description:
      'granted: everybody in the segment has agreed to personalised advertising. Else map the field ad_personalization',
  });

const CONSENT_FIELDS: readonly FieldFact[] = [
  {
    name: 'ad_user_data',
    type: 'any',
    required: false,
    requiredWhere: [{ setting: 'consent_ad_user_data', is: [] }],
    description: 'Consent to send data for advertising: true, false, granted or denied; NULL is no consent',
  },
  {
    name: 'ad_personalization',
    type: 'any',
    required: false,
    requiredWhere: [{ setting: 'consent_ad_personalization', is: [] }],
    description: 'Consent to personalised advertising: true, false, granted or denied; NULL is no consent',
  },
];

const CREDENTIALS: readonly SettingFact[] = [
  setting({
    name: 'service_account_json',
    description: 'Key file of a service account, on one line or in base64; or the three below',
  }),
  setting({ name: 'refresh_token', description: 'OAuth refresh token of a user, with the scope datamanager' }),
  setting({ name: 'client_id', description: 'OAuth client of the refresh token' }),
  setting({ name: 'client_secret', description: 'Secret of the OAuth client' }),
];

/** Days that Google keeps a member of a Customer Match list at most: https://support.google.com/google-ads/answer/6276125 */
export const MEMBERSHIP_DAYS_MAX = 540;

/**
 * https://developers.google.com/data-manager/api/devguides/limits: 300 requests a minute and 100,000 a day for each Google
 * Cloud project, reads and writes apart, answered 429 RESOURCE_EXHAUSTED without a header.
 */
const RATE = { requestsPerSecondMax: null, requestsPerMinuteMax: 300, connectionsMax: 4 } as const;

/** The guide on diagnostics advises to ask after 30 minutes: https://developers.google.com/data-manager/api/devguides/diagnostics */
const JOBS = { openMax: 50, deadlineMinutes: 90 } as const;

/** Kinds that Google gets hashed; postal codes, countries and ids are in clear. */
const HASHED = ['email', 'phone', 'first_name', 'last_name'] as const;

const audiences: ServiceFacts = {
  platform: 'google',
  service: 'audiences',
  title: 'Google Customer Match lists',
  api: {
    version: GOOGLE_VERSION,
    sunset: null,
    docs: 'https://developers.google.com/data-manager/api/devguides/audiences',
  },
  config: [
    ...ACCOUNT,
    setting({
      name: 'terms_accepted',
      type: 'boolean',
      required: true,
      choices: ['true'],
      description: 'true: the account has accepted the Customer Match terms of service; sent with every request',
    }),
    CONSENT_USER_DATA,
    consentPersonalization(['granted']),
    setting({
      name: 'list_type',
      core: true,
      default: 'contact',
      choices: ['contact', 'mobile', 'user_id'],
      description:
        'What a new list is made of; a list holds one kind: e-mail and phone, mobile advertising ids, or user ids',
    }),
    setting({ name: 'app_id', description: 'list_type mobile: the app that the ids come from' }),
    setting({
      name: 'key_space',
      choices: ['IOS', 'ANDROID'],
      description: 'list_type mobile: the system of that app',
    }),
    setting({
      name: 'membership_days',
      type: 'integer',
      default: MEMBERSHIP_DAYS_MAX,
      max: MEMBERSHIP_DAYS_MAX,
      description: 'Days that a member stays in a new list after it was last sent, at most 540',
    }),
    setting({
      name: 'send_address',
      type: 'boolean',
      default: false,
      description:
        'Also send first name, last name, zip and country where a member has all four. A removal carries none of it: whom Google knows by address alone then stays until the membership ends',
    }),
    setting({
      name: 'replace',
      default: 'delta',
      choices: ['delta', 'watermark'],
      description:
        'watermark: a sync in mode full ends by removing everybody that it did not send, also those that others have added to the list',
    }),
  ],
  credentials: CREDENTIALS,
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: {
    matching: ['email', 'phone', 'mobile_advertising_id', 'user_id'],
    hints: ['first_name', 'last_name', 'zip', 'country'],
    hashed: HASHED,
  },
  memberships: { daysMax: MEMBERSHIP_DAYS_MAX, setting: 'membership_days' },
  destinationKey: null,
  recordIds: false,
  fields: { known: CONSENT_FIELDS, open: false },
  defaultMapping: 'identifiers',
  audience: { renamable: true },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  // A NULL in a consent column has to be told from a column that is not mapped.
  nulls: 'null',
  jobs: JOBS,
  // 10,000 members of 10 identifiers each are Google's; the bytes are a bound of our own.
  limits: { rowsPerRequestMax: 10_000, requestBytesMax: 10_000_000, ...RATE },
};

const events: ServiceFacts = {
  platform: 'google',
  service: 'events',
  title: 'Google conversions',
  api: {
    version: GOOGLE_VERSION,
    sunset: null,
    docs: 'https://developers.google.com/data-manager/api/devguides/events',
  },
  config: [
    ...ACCOUNT,
    setting({
      name: 'conversion_action_id',
      required: true,
      core: true,
      description: 'Conversion action that receives the events: digits, from its address in Google Ads (ctId)',
    }),
    setting({
      name: 'kind',
      core: true,
      default: 'conversion',
      choices: ['conversion', 'adjustment'],
      description:
        'adjustment: each row restates the value of a conversion that Google has, found by transaction_id, or adds user data that it lacked. The API retracts no conversion: the nearest is a value of 0',
    }),
    setting({
      name: 'event_source',
      choices: EVENT_SOURCES,
      description: 'Where the events happened, where the mapping does not say',
    }),
    setting({ name: 'currency', description: 'Currency of value where the mapping gives none: EUR' }),
    CONSENT_USER_DATA,
    consentPersonalization(['granted', 'denied']),
  ],
  credentials: CREDENTIALS,
  modes: ['incremental', 'full'],
  defaultMode: 'incremental',
  operations: ['insert'],
  defaultOperations: ['insert'],
  identifiers: {
    matching: ['gclid', 'gbraid', 'wbraid', 'email', 'phone'],
    hints: ['first_name', 'last_name', 'zip', 'country', 'ip', 'user_agent'],
    hashed: HASHED,
  },
  destinationKey: null,
  recordIds: false,
  fields: {
    known: [
      {
        name: 'transaction_id',
        type: 'string',
        required: false,
        description:
          'Id of the conversion, the order’s for instance: one conversion for each, and what an adjustment is matched by. Left out: made of activation and key',
      },
      { name: 'value', type: 'number', required: false, description: 'Value of the conversion' },
      { name: 'currency', type: 'string', required: false, description: 'ISO 4217 code of value' },
      { name: 'event_source', type: 'string', required: false, description: EVENT_SOURCES.join(', ') },
      {
        name: 'customer_type',
        type: 'string',
        required: false,
        description: 'NEW, RETURNING or REENGAGED, as the advertiser judges',
      },
      ...CONSENT_FIELDS,
    ],
    open: true,
  },
  defaultMapping: 'identifiers',
  audience: null,
  // Google says EVENT_TOO_OLD only after processing, and publishes no one number: clicks count for 90 days.
  eventAgeDaysMax: 90,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'null',
  jobs: JOBS,
  limits: { rowsPerRequestMax: 2_000, requestBytesMax: 10_000_000, ...RATE },
};

/** The facts of Google's services, without any code. */
export const googleFacts: readonly ServiceFacts[] = [audiences, events];
