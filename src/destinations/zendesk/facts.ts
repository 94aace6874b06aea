import type { ServiceFacts, SettingFact } from '../../knowledge/service-facts.ts';

/** The API has one version, in its path. */
export const ZENDESK_VERSION = 'v2';

/** Users of one `create_or_update_many` or `destroy_many`, ids of one `show_many`. https://developer.zendesk.com/api-reference/ticketing/users/users/ */
export const USERS_MAX = 100;

/** Members of one batch of tags: each is one to three requests, one after the other. */
const TAGGED_MAX = 10;

const SUBDOMAIN: SettingFact = {
  name: 'subdomain',
  type: 'string',
  required: true,
  core: true,
  description: 'The account: `shop` of https://shop.zendesk.com',
};

const REQUESTS_PER_MINUTE: SettingFact = {
  name: 'requests_per_minute',
  type: 'integer',
  required: false,
  core: false,
  default: 180,
  description:
    'Requests in any minute, at most. The account’s plan allows 200 (Team), 400 (Growth, Professional), 700 (Enterprise) or 2,500 (high-volume add-on) for all its integrations together',
};

const CREDENTIALS: readonly SettingFact[] = [
  {
    name: 'email',
    type: 'string',
    required: false,
    core: false,
    description:
      'E-mail address of the agent or administrator that the API token acts as; not needed with access_token',
    standIn: () => 'rehearsal@localhost',
  },
  {
    name: 'api_token',
    type: 'string',
    required: false,
    core: false,
    description: 'API token (Admin Center, Apps and integrations, API tokens), together with email',
  },
  {
    name: 'access_token',
    type: 'string',
    required: false,
    core: false,
    description:
      'OAuth access token with the scopes users:write and organizations:write, in place of email and api_token',
  },
];

const API_DOCS = 'https://developer.zendesk.com/api-reference/ticketing';

const objects: ServiceFacts = {
  platform: 'zendesk',
  service: 'objects',
  title: 'Zendesk users and organizations',
  erasure: { kind: 'profile', stays: 'Tickets stay, without the name of whoever asked.' },
  api: { version: ZENDESK_VERSION, sunset: null, docs: `${API_DOCS}/users/users/` },
  config: [
    SUBDOMAIN,
    {
      name: 'object_type',
      type: 'string',
      required: false,
      core: true,
      default: 'users',
      choices: ['users', 'organizations'],
      description: 'What rows become',
    },
    {
      name: 'id_field',
      type: 'string',
      required: false,
      core: true,
      default: 'email',
      choices: ['email', 'external_id'],
      description:
        'Field by which Zendesk finds a record; a mapping has to feed it. Organizations have external_id only: names never match',
    },
    {
      name: 'delete_existing',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description: 'Whether records that were in Zendesk before may be deleted too',
    },
    REQUESTS_PER_MINUTE,
  ],
  credentials: CREDENTIALS,
  takesTurnsBy: ['subdomain'],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update'],
  identifiers: null,
  // E-mail addresses and external ids are the same in any case: `C1` and `c1` are one record.
  destinationKey: { setting: 'id_field', identifier: 'email', normalise: 'lower' },
  recordIds: true,
  fields: {
    open: true,
    known: [
      {
        name: 'name',
        type: 'string',
        required: true,
        description: 'Name: Zendesk makes no record without',
        identifier: 'full_name',
      },
      {
        name: 'email',
        type: 'string',
        required: false,
        description: 'Primary e-mail address of a user',
        identifier: 'email',
      },
      {
        name: 'external_id',
        type: 'string',
        required: false,
        description: 'Your own id of the record, unique in any case',
        identifier: 'external_id',
      },
      {
        name: 'phone',
        type: 'string',
        required: false,
        description: 'Primary phone number of a user, E.164',
        identifier: 'phone',
      },
      { name: 'details', type: 'string', required: false, description: 'Details: the address, for example' },
      { name: 'notes', type: 'string', required: false, description: 'Notes that only agents see' },
      {
        name: 'organization_id',
        type: 'integer',
        required: false,
        description: 'Zendesk’s id of a user’s organization',
      },
    ],
  },
  defaultMapping: 'identifiers',
  audience: null,
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  // Zendesk keeps the result of a job for a day (an older page: an hour), and queues 30 for the whole account.
  jobs: { openMax: 20, deadlineMinutes: 45 },
  // 100 users are Zendesk’s, the bytes a bound of our own; `requests_per_minute` takes the place of the rate.
  limits: {
    rowsPerRequestMax: USERS_MAX,
    requestBytesMax: 1_000_000,
    requestsPerSecondMax: null,
    requestsPerMinuteMax: 180,
    connectionsMax: 4,
  },
};

const audiences: ServiceFacts = {
  platform: 'zendesk',
  service: 'audiences',
  title: 'Zendesk tags of users',
  erasure: { kind: 'profile', stays: 'Tickets stay, without the name of whoever asked.' },
  api: { version: ZENDESK_VERSION, sunset: null, docs: `${API_DOCS}/ticket-management/tags/` },
  config: [
    SUBDOMAIN,
    {
      name: 'create_users',
      type: 'boolean',
      required: false,
      core: false,
      default: true,
      description: 'Whether members that Zendesk does not know become users; else they are rejected',
    },
    REQUESTS_PER_MINUTE,
  ],
  credentials: CREDENTIALS,
  takesTurnsBy: ['subdomain'],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['email'], hints: [] },
  destinationKey: null,
  recordIds: true,
  fields: { known: [], open: false },
  defaultMapping: 'identifiers',
  // A tag has no id but its name.
  audience: { renamable: false },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  limits: {
    rowsPerRequestMax: TAGGED_MAX,
    requestBytesMax: 1_000_000,
    requestsPerSecondMax: null,
    requestsPerMinuteMax: 9,
    connectionsMax: 2,
  },
};

/** Batches of tags in a minute: two requests for each member is the usual. */
export function tagBatchesPerMinute(requestsPerMinute: number): number {
  return Math.max(1, Math.floor(requestsPerMinute / (2 * TAGGED_MAX)));
}

export const zendeskFacts: readonly ServiceFacts[] = [objects, audiences];
