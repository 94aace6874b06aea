import type { FieldFact, ServiceFacts, SettingFact } from '../../knowledge/service-facts.ts';

/**
 * Revision of the API, sent with every request; each is supported for two years.
 * https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy
 */
export const KLAVIYO_REVISION = '2026-07-15';

const API: ServiceFacts['api'] = {
  version: KLAVIYO_REVISION,
  sunset: '2028-07-15',
  docs: 'https://developers.klaviyo.com/en/reference/api_overview',
};

/** Profiles of one bulk import job. */
export const IMPORT_PROFILES_MAX = 10_000;
/** Profile ids in one change of a list's members. */
export const MEMBERS_MAX = 1_000;
/** Events of one bulk request. */
export const EVENTS_MAX = 1_000;

/** Ways to recognise a profile, as the setting says them, with Klaviyo's own names. */
export const PROFILE_KEYS = { email: 'email', phone: 'phone_number', external_id: 'external_id' } as const;

const API_KEY: SettingFact = {
  name: 'api_key',
  type: 'string',
  required: true,
  core: false,
  description: 'Private API key (pk_…) with the scopes that the page of the platform lists for the service',
};

function field(name: string, description: string, identifier?: FieldFact['identifier']): FieldFact {
  const common = { name, type: 'string', required: false, description } as const;
  return identifier === undefined ? common : { ...common, identifier };
}

const objects: ServiceFacts = {
  platform: 'klaviyo',
  service: 'objects',
  title: 'Klaviyo profiles',
  erasure: { kind: 'profile', stays: 'Klaviyo keeps a record of whom it deleted, as it says the law asks for.' },
  api: API,
  config: [
    {
      name: 'id_property',
      type: 'string',
      required: false,
      core: true,
      default: 'email',
      choices: Object.values(PROFILE_KEYS),
      description: 'Attribute by which a profile is found; a mapping has to feed it',
    },
    {
      name: 'delete_existing',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description: 'Whether profiles that were in Klaviyo before may be deleted too',
    },
  ],
  credentials: [API_KEY],
  takesTurnsBy: [],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update'],
  identifiers: null,
  destinationKey: { setting: 'id_property', identifier: 'email', normalise: 'lower', normaliseOnly: 'email' },
  phoneFields: ['phone_number'],
  recordIds: true,
  fields: {
    open: true,
    known: [
      field('email', 'E-mail address', 'email'),
      field('phone_number', 'Phone number, sent as E.164', 'phone'),
      field('external_id', 'Id of the person in another system', 'external_id'),
      field('first_name', 'First name', 'first_name'),
      field('last_name', 'Last name', 'last_name'),
      field('organization', 'Company', 'company'),
      field('title', 'Job title'),
      field('locale', 'Language and country: fr-FR'),
      field('image', 'Address of a picture'),
      field('location.address1', 'Street', 'street'),
      field('location.address2', 'Second line of the address'),
      field('location.city', 'City', 'city'),
      field('location.region', 'State or region', 'state'),
      field('location.zip', 'Postal code', 'zip'),
      field('location.country', 'Country', 'country'),
      field('location.latitude', 'Latitude'),
      field('location.longitude', 'Longitude'),
      field('location.timezone', 'Time zone: Europe/Paris'),
      field('location.ip', 'IP address'),
    ],
  },
  defaultMapping: 'identifiers',
  audience: null,
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  jobs: { openMax: 10, deadlineMinutes: 60 },
  // 10,000 profiles, 5 MB, and 10 requests a second, 150 a minute, are Klaviyo's (profile-bulk-import-jobs). The rest is for
  // what stands around the rows in the body, and for requests that take longer than others to get there.
  limits: {
    rowsPerRequestMax: IMPORT_PROFILES_MAX,
    requestBytesMax: 3_500_000,
    requestsPerSecondMax: 9,
    requestsPerMinuteMax: 140,
    connectionsMax: 1,
  },
};

const audiences: ServiceFacts = {
  platform: 'klaviyo',
  service: 'audiences',
  title: 'Klaviyo lists',
  erasure: { kind: 'profile', stays: 'Klaviyo keeps a record of whom it deleted, as it says the law asks for.' },
  api: API,
  config: [
    {
      name: 'match_by',
      type: 'string',
      required: false,
      core: true,
      default: 'email',
      choices: Object.keys(PROFILE_KEYS),
      description: 'The one kind of identifier by which members are profiles; the others are not sent',
    },
  ],
  credentials: [API_KEY],
  takesTurnsBy: [],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['email', 'phone', 'external_id'], hints: ['country'], chosenBy: 'match_by' },
  destinationKey: null,
  recordIds: true,
  fields: { known: [], open: false },
  defaultMapping: 'identifiers',
  audience: { renamable: true },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  jobs: { openMax: 10, deadlineMinutes: 60 },
  // 1,000 profile ids in a change of members, 10 requests a second and 150 a minute are Klaviyo's; a removal looks ids up first.
  limits: {
    rowsPerRequestMax: MEMBERS_MAX,
    requestBytesMax: 3_500_000,
    requestsPerSecondMax: 5,
    requestsPerMinuteMax: 120,
    connectionsMax: 1,
  },
};

const events: ServiceFacts = {
  platform: 'klaviyo',
  service: 'events',
  title: 'Klaviyo events',
  erasure: {
    kind: 'none',
    stays: 'Events that were sent go with the profile only, which objects and audiences of the account erase.',
  },
  api: API,
  config: [
    {
      name: 'metric',
      type: 'string',
      required: false,
      core: false,
      description: 'Name of every event, where the mapping does not give one (Placed Order …)',
    },
    {
      name: 'backfill',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description: 'Events are recorded and start no flow: for history',
    },
  ],
  credentials: [API_KEY],
  takesTurnsBy: [],
  modes: ['incremental', 'full'],
  defaultMode: 'incremental',
  operations: ['insert'],
  defaultOperations: ['insert'],
  identifiers: { matching: ['email', 'phone', 'external_id'], hints: ['country'] },
  destinationKey: null,
  recordIds: false,
  fields: {
    open: true,
    known: [
      {
        ...field('metric', 'Name of the event, below 128 characters; takes the place of config.metric'),
        ...{ isEventName: true, requiredWhere: [{ setting: 'metric', is: [] }] },
      },
      { name: 'value', type: 'number', required: false, description: 'Amount of money' },
      field('value_currency', 'ISO 4217 code of the amount'),
    ],
  },
  defaultMapping: 'identifiers',
  audience: null,
  eventAgeDaysMax: null,
  // By unique_id, of one profile and one metric.
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  // 1,000 events, 5 MB, 10 requests a second and 150 a minute are Klaviyo's (event-bulk-create-jobs).
  limits: {
    rowsPerRequestMax: EVENTS_MAX,
    requestBytesMax: 3_500_000,
    requestsPerSecondMax: 9,
    requestsPerMinuteMax: 140,
    connectionsMax: 2,
  },
};

export const klaviyoFacts: readonly ServiceFacts[] = [objects, audiences, events];
