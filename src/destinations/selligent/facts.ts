import type { FieldFact, ServiceFacts, SettingFact } from '../../knowledge/service-facts.ts';

/** Rows of one load or deletion: the most that other clients of the API send at once. */
export const ROWS_MAX = 2_500;

/** The field of an audience list that holds the e-mail address; Selligent looks people up by it where nothing else is said. */
export const MAIL_FIELD = 'MAIL';

const API = { version: 'v1', sunset: null, docs: 'https://developers.meetmarigold.com/engage/api/smc-v1' } as const;

const PLACE: readonly SettingFact[] = [
  {
    name: 'host',
    type: 'string',
    required: true,
    core: true,
    description: 'Host of your environment, such as shop.slgnt.eu or shop.slgnt.us',
  },
  {
    name: 'organization',
    type: 'string',
    required: true,
    core: true,
    description: 'Organization that the list belongs to, as the upper right corner of Admin Configuration writes it',
  },
  {
    name: 'list',
    type: 'string',
    required: true,
    core: true,
    description: 'API name of the list: an audience list, or a data list',
  },
];

const TUNING: readonly SettingFact[] = [
  {
    name: 'batch_size',
    type: 'integer',
    required: false,
    core: false,
    default: 1_000,
    max: 2_500,
    description:
      'Rows of one request, at most 2,500. Take fewer where Selligent answers 408, which it does after 15 seconds',
  },
  {
    name: 'acknowledge_by',
    type: 'string',
    required: false,
    core: false,
    default: 'body',
    choices: ['body', 'status'],
    description:
      'What says that rows were taken: body, a 2xx with JSON that tells of no error; status, any 2xx, for an environment whose answers are empty',
  },
];

const CREDENTIALS: readonly SettingFact[] = [
  {
    name: 'api_key',
    type: 'string',
    required: true,
    core: false,
    description: 'Key of a service account of type custom (Admin Configuration, Access Management, Service Accounts)',
  },
  {
    name: 'api_secret',
    type: 'string',
    required: true,
    core: false,
    description: 'Secret of the same service account',
  },
];

const idField = (description: string): SettingFact => ({
  name: 'id_field',
  type: 'string',
  required: false,
  core: true,
  default: MAIL_FIELD,
  description,
});

/** API names, of no certain case; only `MAIL` is known to every audience list. */
const MAIL: FieldFact = {
  name: MAIL_FIELD,
  type: 'string',
  required: false,
  description: 'E-mail address of an audience list',
  identifier: 'email',
};

const objects: ServiceFacts = {
  platform: 'selligent',
  service: 'objects',
  title: 'Selligent list records',
  erasure: {
    kind: 'profile',
    stays: 'What Selligent logged of messages and clicks stays, as does the person in other lists.',
  },
  api: API,
  config: [
    ...PLACE,
    idField('Field by which a record is found; a mapping has to feed it, and the list needs a unique index on it'),
    ...TUNING,
    {
      name: 'delete_existing',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description:
        'Whether records may be deleted; Selligent does not say which of them were there before, so that delete needs it',
    },
  ],
  credentials: CREDENTIALS,
  // One load or deletion of a list at a time, be it of records or of a segment.
  takesTurnsBy: ['host', 'organization', 'list'],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update'],
  identifiers: null,
  destinationKey: { setting: 'id_field', identifier: 'email', normalise: 'lower', normaliseOnly: MAIL_FIELD },
  recordIds: false,
  fields: { open: true, known: [MAIL] },
  defaultMapping: 'identifiers',
  audience: null,
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  // 2,500 requests a minute are of one API key; one load or deletion of a list may run at a time. 2,500 rows and 20 MB are what other clients keep to, less here: a request has 15 seconds.
  limits: {
    rowsPerRequestMax: ROWS_MAX,
    requestBytesMax: 5_000_000,
    requestsPerSecondMax: null,
    requestsPerMinuteMax: 2_500,
    connectionsMax: 1,
  },
};

const audiences: ServiceFacts = {
  ...objects,
  service: 'audiences',
  title: 'Selligent static segments',
  config: [
    ...PLACE,
    {
      name: 'match_by',
      type: 'string',
      required: false,
      core: true,
      default: 'email',
      choices: ['email', 'external_id'],
      description: 'Kind of identifier by which contacts of the list are found, in the field id_field',
    },
    idField('Field of the list that holds the identifier of match_by; the list needs a unique index on it'),
    {
      name: 'create_segment',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description: 'Makes a missing static segment, by a load of its first member into the list',
    },
    ...TUNING,
  ],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['email', 'external_id'], hints: [], chosenBy: 'match_by' },
  destinationKey: null,
  fields: { known: [], open: false },
  audience: { renamable: false },
};

export const selligentFacts: readonly ServiceFacts[] = [objects, audiences];

/** How many rows a request of this destination takes. */
export function rowsMax(config: Readonly<Record<string, unknown>>): number {
  const stated = config['batch_size'];
  return typeof stated === 'number' ? Math.min(stated, ROWS_MAX) : ROWS_MAX;
}
