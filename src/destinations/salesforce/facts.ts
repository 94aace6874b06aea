import { generateKeyPairSync } from 'node:crypto';
import type { FieldFact, ServiceFacts, SettingFact } from '../../knowledge/service-facts.ts';

/**
 * REST API and Bulk API 2.0, version 67.0 (Summer ’26). Salesforce keeps a version for at least three years and announces its end
 * a year ahead; none is announced for this one. https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/api_rest_eol.htm
 */
export const SALESFORCE_VERSION = '67.0';

/** Records of one sObject Collections request (REST API 67.0, “sObject Collections”). */
export const COLLECTION_MAX = 200;

/**
 * Rows of one Bulk API 2.0 job. Salesforce takes up to 150 million a day, in internal batches of 10,000 (“Understanding Bulk API
 * 2.0 Ingest”); one such batch a job keeps memory flat and results within what one answer may hold.
 */
export const JOB_ROWS_MAX = 10_000;

/** Bytes of CSV of one job: Salesforce takes 100 MB before base64 (“Prepare CSV Files”); its results repeat what was sent. */
export const JOB_BYTES_MAX = 12_000_000;

/** Characters of one field, and of one record, in Bulk API 2.0 (“Limits for Ingest Jobs”). */
export const BULK_FIELD_CHARACTERS_MAX = 32_000;
export const BULK_RECORD_CHARACTERS_MAX = 400_000;

/** Changes from which Salesforce advises its Bulk API: “more than 2,000 records”. */
const BULK_FROM = 2_000;

const ACCOUNT: readonly SettingFact[] = [
  {
    name: 'instance_url',
    type: 'string',
    required: true,
    core: true,
    description:
      'My Domain address of the org, https://acme.my.salesforce.com; of a sandbox https://acme--dev.sandbox.my.salesforce.com',
  },
  {
    name: 'username',
    type: 'string',
    required: false,
    core: false,
    description: 'User to act as with the JWT bearer flow (private_key); client credentials have a run-as user instead',
  },
  {
    name: 'audience',
    type: 'string',
    required: false,
    core: false,
    description:
      'JWT bearer flow: the token’s audience, where it is not the address of the org (https://login.salesforce.com, https://test.salesforce.com)',
  },
  {
    name: 'api_percent_max',
    type: 'integer',
    required: false,
    core: false,
    default: 95,
    description:
      'Percent of the org’s API calls of a day beyond which nothing more is sent, so that other integrations keep theirs',
  },
];

const CREDENTIALS: readonly SettingFact[] = [
  {
    name: 'client_id',
    type: 'string',
    required: true,
    core: false,
    description: 'Consumer key of an external client app (or connected app) with the scope api',
  },
  {
    name: 'client_secret',
    type: 'string',
    required: false,
    core: false,
    description: 'Consumer secret: the client credentials flow',
  },
  {
    name: 'private_key',
    type: 'string',
    required: false,
    core: false,
    description:
      'Private key (PEM, line breaks written as \\n) of the app’s certificate: the JWT bearer flow, in place of the secret',
    standIn: newPrivateKey,
  },
];

/** Something has to be signed with it. */
function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim().replaceAll('\n', '\\n');
}

function field(name: string, identifier: FieldFact['identifier'], description: string): FieldFact {
  return { name, type: 'string', required: false, description, ...(identifier ? { identifier } : {}) };
}

const api = (docs: string): ServiceFacts['api'] => ({ version: SALESFORCE_VERSION, sunset: null, docs });

const OF_PEOPLE = [{ setting: 'object', is: ['Contact', 'Lead'] }];
const OF_BOTH = [{ setting: 'object', is: ['Contact', 'Lead', 'Account'] }];

const objects: ServiceFacts = {
  platform: 'salesforce',
  service: 'objects',
  title: 'Salesforce objects',
  api: api('https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0_ingest.htm'),
  config: [
    {
      name: 'object',
      type: 'string',
      required: true,
      core: true,
      description: 'API name of the object: Contact, Lead, Account, or a custom one such as Order__c',
    },
    {
      name: 'external_id_field',
      type: 'string',
      required: true,
      core: true,
      description:
        'API name of the field by which a record is found: marked External ID, and Unique; a mapping has to feed it',
    },
    ...ACCOUNT,
    {
      name: 'write',
      type: 'string',
      required: false,
      core: false,
      default: 'upsert',
      choices: ['upsert', 'update'],
      description: 'update: records that are not there are not made, and their rows are rejected',
    },
    {
      name: 'api',
      type: 'string',
      required: false,
      core: false,
      default: 'auto',
      choices: ['auto', 'bulk', 'collections'],
      description: 'Bulk API 2.0 jobs, or requests of 200 records; auto: by the number of changes',
    },
    {
      name: 'bulk_from',
      type: 'integer',
      required: false,
      core: false,
      default: BULK_FROM,
      description: 'Number of changes of a run from which auto takes the Bulk API',
    },
    {
      name: 'delete_existing',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description: 'Whether records that were in Salesforce before may be deleted too',
    },
  ],
  credentials: CREDENTIALS,
  takesTurnsBy: ['instance_url'],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update'],
  identifiers: null,
  destinationKey: { setting: 'external_id_field', identifier: 'external_id', normalise: 'exact' },
  recordIds: true,
  fields: {
    open: true,
    known: [
      { ...field('Email', 'email', 'E-mail address'), where: OF_PEOPLE },
      { ...field('Phone', 'phone', 'Phone number'), where: OF_BOTH },
      { ...field('FirstName', 'first_name', 'First name'), where: OF_PEOPLE },
      {
        ...field('LastName', 'last_name', 'Last name, which contacts and leads have to have'),
        ...{ otherwise: 'full_name', where: OF_PEOPLE, neededByNew: true },
      },
      {
        ...field('Company', 'company', 'Company, which leads have to have'),
        ...{ where: [{ setting: 'object', is: ['Lead'] }], neededByNew: true },
      },
      {
        ...field('Name', 'company', 'Name, which accounts have to have'),
        ...{ where: [{ setting: 'object', is: ['Account'] }], neededByNew: true },
      },
    ],
  },
  defaultMapping: 'none',
  audience: null,
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  jobs: { openMax: 4, deadlineMinutes: 60 },
  // Of the requests that run longer than 20 seconds an org may have 25 at once (“API Request Limits and Allocations”); a rate is not published.
  limits: {
    rowsPerRequestMax: COLLECTION_MAX,
    requestBytesMax: 5_000_000,
    requestsPerSecondMax: null,
    connectionsMax: 3,
  },
};

const audiences: ServiceFacts = {
  platform: 'salesforce',
  service: 'audiences',
  title: 'Salesforce campaign members',
  api: api(
    'https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_campaignmember.htm',
  ),
  config: [
    {
      name: 'member_field',
      type: 'string',
      required: true,
      core: true,
      description: 'API name of the field of contacts (or leads) that holds the identifier: Customer_Id__c, Email',
    },
    {
      name: 'member_object',
      type: 'string',
      required: false,
      core: true,
      default: 'Contact',
      choices: ['Contact', 'Lead'],
      description: 'Who are the members: contacts or leads. Those that Salesforce does not have are not made',
    },
    {
      name: 'member_status',
      type: 'string',
      required: false,
      core: false,
      description: 'Status of a new member; left out, the default of the campaign',
    },
    ...ACCOUNT,
  ],
  credentials: CREDENTIALS,
  takesTurnsBy: ['instance_url'],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['external_id', 'user_id', 'email'], hints: [] },
  destinationKey: null,
  recordIds: true,
  fields: { known: [], open: false },
  defaultMapping: 'identifiers',
  audience: { renamable: true },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  limits: {
    rowsPerRequestMax: COLLECTION_MAX,
    requestBytesMax: 1_000_000,
    requestsPerSecondMax: null,
    connectionsMax: 3,
  },
};

export const salesforceFacts: readonly ServiceFacts[] = [objects, audiences];
