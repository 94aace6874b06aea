import type { FieldFact, ServiceFacts, SettingFact } from '../../knowledge/service-facts.ts';

/** Objects (attributes, events and purchases together) of one /users/track request, on current plans. https://www.braze.com/docs/api/api_limits */
export const TRACK_OBJECTS_MAX = 75;
/** Identifiers of one /users/delete, and of one group of /v2/subscription/status/set. */
export const IDENTIFIERS_MAX = 50;

/** By which a profile is found. Where an object carries several, Braze takes the first of these that it has. */
export const ID_FIELDS = ['external_id', 'user_alias', 'braze_id', 'email', 'phone'] as const;
export type IdField = (typeof ID_FIELDS)[number];

export const MEMBERSHIPS = ['attribute', 'subscription_group'] as const;

const DOCS = 'https://www.braze.com/docs/api/endpoints/user_data/post_user_track';

// Braze's REST API has no versions but in single paths (/v2/subscription/status/set).
const API = { version: 'unversioned', sunset: null, docs: DOCS } as const;

const API_KEY: SettingFact = {
  name: 'api_key',
  type: 'string',
  required: true,
  core: false,
  description:
    'REST API key (Settings, APIs and Identifiers) with users.track; also users.delete for delete and `dinmo forget`, subscription.status.set for subscription groups',
};

const REST_ENDPOINT: SettingFact = {
  name: 'rest_endpoint',
  type: 'string',
  required: true,
  core: true,
  description:
    'REST host of your instance, such as rest.iad-01.braze.com or rest.fra-02.braze.eu (not the one of the dashboard or of the SDK)',
};

const WORKSPACE: SettingFact = {
  name: 'workspace',
  type: 'string',
  required: false,
  core: true,
  description:
    'Your own name of the workspace, where one instance has several: Braze does not say to which one a key belongs',
};

const ALIAS_LABEL: SettingFact = {
  name: 'alias_label',
  type: 'string',
  required: false,
  core: true,
  description: 'Label of the user aliases, such as customer_number; needed with id_field: user_alias',
};

const UPDATE_EXISTING_ONLY: SettingFact = {
  name: 'update_existing_only',
  type: 'boolean',
  required: false,
  core: false,
  default: false,
  description: 'Leaves people without a profile alone; Braze then takes their rows without a word, and does nothing',
};

const BATCH_SIZE: SettingFact = {
  name: 'batch_size',
  type: 'integer',
  required: false,
  core: false,
  default: TRACK_OBJECTS_MAX,
  max: TRACK_OBJECTS_MAX,
  description:
    'Objects of one /users/track request: at most 75, and 50 on contracts by monthly active users (CY 24-25)',
};

const idField = (description: string): SettingFact => ({
  name: 'id_field',
  type: 'string',
  required: false,
  core: true,
  default: 'external_id',
  choices: ID_FIELDS,
  description,
});

const PERSON_ID = idField(
  'By which profiles are found. email and phone read the identifier of that kind; external_id, user_alias (its name) and braze_id the identifier external_id',
);

const known = (name: string, type: FieldFact['type'], description: string): FieldFact => ({
  name,
  type,
  required: false,
  description,
});

const objects: ServiceFacts = {
  platform: 'braze',
  service: 'objects',
  title: 'Braze user attributes',
  erasure: {
    kind: 'profile',
    stays:
      'Counts of events and purchases, and profiles beyond the one that Braze picks of several with one e-mail address or phone number.',
  },
  api: API,
  config: [
    REST_ENDPOINT,
    WORKSPACE,
    idField('Field by which a profile is found; a mapping has to feed it'),
    ALIAS_LABEL,
    UPDATE_EXISTING_ONLY,
    BATCH_SIZE,
    {
      name: 'delete_existing',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description:
        'Whether profiles may be deleted, for ever; Braze does not say which of them were there before, so that delete needs it',
    },
  ],
  credentials: [API_KEY],
  takesTurnsBy: ['rest_endpoint', 'workspace'],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update'],
  identifiers: null,
  destinationKey: { setting: 'id_field', identifier: null, normalise: 'lower', normaliseOnly: 'email' },
  recordIds: false,
  fields: {
    open: true,
    known: [
      { ...known('external_id', 'string', 'Your own id of the person'), identifier: 'external_id' },
      { ...known('email', 'string', 'E-mail address'), identifier: 'email' },
      {
        ...known('phone', 'string', 'Phone number, best as E.164: a plus, the country’s code, the number'),
        identifier: 'phone',
      },
      { ...known('first_name', 'string', 'First name'), identifier: 'first_name' },
      { ...known('last_name', 'string', 'Last name'), identifier: 'last_name' },
      { ...known('home_city', 'string', 'City'), identifier: 'city' },
      {
        ...known('country', 'string', 'ISO 3166-1 alpha-2; what Braze does not know becomes NULL'),
        identifier: 'country',
      },
      { ...known('dob', 'date', 'Date of birth, YYYY-MM-DD'), identifier: 'date_of_birth' },
      { ...known('gender', 'string', 'M, F, O (other), N (not applicable) or P (not said)'), identifier: 'gender' },
      known('language', 'string', 'ISO 639-1'),
      known('time_zone', 'string', 'IANA name, such as Europe/Paris'),
      known('email_subscribe', 'string', 'opted_in, subscribed or unsubscribed'),
      known('push_subscribe', 'string', 'opted_in, subscribed or unsubscribed'),
      known('user_alias', 'string', 'Name of the user alias, with id_field: user_alias'),
      known('braze_id', 'string', 'Id that Braze gave, with id_field: braze_id'),
    ],
  },
  defaultMapping: 'identifiers',
  audience: null,
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  // Attributes are billed one by one. Several profiles may share an e-mail address or phone, and whom Braze passes over it does not say:
  // there nobody knows what the profile has.
  changedFieldsOnly: [
    { setting: 'id_field', is: ['external_id', 'user_alias', 'braze_id'] },
    { setting: 'update_existing_only', is: ['false'] },
  ],
  // 75 objects and 3,000 requests in 3 seconds are Braze’s (legacy plans: by the hour, which its headers say); 4 MB is what other clients keep to.
  limits: {
    rowsPerRequestMax: TRACK_OBJECTS_MAX,
    requestBytesMax: 4_000_000,
    requestsPerSecondMax: 1_000,
    connectionsMax: 8,
  },
};

const { changedFieldsOnly, ...shared } = objects;

const audiences: ServiceFacts = {
  ...shared,
  service: 'audiences',
  title: 'Braze audiences (a true or false attribute, or a subscription group)',
  config: [
    REST_ENDPOINT,
    WORKSPACE,
    {
      name: 'membership',
      type: 'string',
      required: false,
      core: true,
      default: 'attribute',
      choices: MEMBERSHIPS,
      description:
        'attribute: the audience’s name is a custom attribute, true for members and false for who left; subscription_group: it is the id of one',
    },
    PERSON_ID,
    ALIAS_LABEL,
    UPDATE_EXISTING_ONLY,
    BATCH_SIZE,
  ],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['external_id', 'email', 'phone'], hints: ['country'] },
  destinationKey: null,
  fields: { known: [], open: false },
  audience: { renamable: false },
};

const PURCHASES = [{ setting: 'send_as', is: ['purchases'] }];

const events: ServiceFacts = {
  ...shared,
  service: 'events',
  title: 'Braze custom events and purchases',
  erasure: {
    kind: 'none',
    stays: 'Events that were sent go with the profile only, which objects and audiences of the account erase.',
  },
  config: [
    REST_ENDPOINT,
    WORKSPACE,
    {
      name: 'send_as',
      type: 'string',
      required: false,
      core: false,
      default: 'events',
      choices: ['events', 'purchases'],
      description: 'Custom events, or purchases (which count as revenue)',
    },
    {
      name: 'event_name',
      type: 'string',
      required: false,
      core: false,
      description: 'Name of every event, where the mapping does not give one',
    },
    {
      name: 'app_id',
      type: 'string',
      required: false,
      core: false,
      description: 'App identifier (Settings, APIs and Identifiers) that the events are counted for',
    },
    PERSON_ID,
    ALIAS_LABEL,
    UPDATE_EXISTING_ONLY,
    BATCH_SIZE,
  ],
  modes: ['incremental', 'full'],
  defaultMode: 'incremental',
  operations: ['insert'],
  defaultOperations: ['insert'],
  identifiers: { matching: ['external_id', 'email', 'phone'], hints: ['country'] },
  destinationKey: null,
  fields: {
    open: true,
    known: [
      {
        ...known('event_name', 'string', 'Name of the event; takes the place of config.event_name'),
        ...{
          isEventName: true,
          requiredWhere: [
            { setting: 'send_as', is: ['events'] },
            { setting: 'event_name', is: [] },
          ],
        },
      },
      { ...known('product_id', 'string', 'Purchases need it: product, or a group of them'), requiredWhere: PURCHASES },
      { ...known('currency', 'string', 'Purchases need it: ISO 4217'), requiredWhere: PURCHASES },
      {
        ...known('price', 'number', 'Purchases need it: of one piece, in the currency’s main unit'),
        requiredWhere: PURCHASES,
      },
      known('quantity', 'integer', 'Purchases: 1 to 100; 1 where left out'),
    ],
  },
  // Each event that comes in is one of its own: nothing tells a repeated one.
  deduplicates: false,
};

/** How many objects a /users/track request of this destination takes. */
export function objectsMax(config: Readonly<Record<string, unknown>>): number {
  const stated = config['batch_size'];
  return typeof stated === 'number' ? Math.min(stated, TRACK_OBJECTS_MAX) : TRACK_OBJECTS_MAX;
}

/** Whether Braze keeps the name as a field of its own: "Braze user profile fields". */
export function isProfileField(name: string): boolean {
  return PROFILE_FIELDS.has(name) || objects.fields.known.some((field) => field.name === name);
}

const PROFILE_FIELDS: ReadonlySet<string> = new Set([
  ...['alias_name', 'alias_label', 'current_location', 'date_of_first_session', 'date_of_last_session'],
  ...[
    'email_open_tracking_disabled',
    'email_click_tracking_disabled',
    'facebook',
    'twitter',
    'marked_email_as_spam_at',
  ],
  ...['push_tokens', 'push_token_import', 'subscription_groups'],
]);

export const brazeFacts: readonly ServiceFacts[] = [objects, audiences, events];
