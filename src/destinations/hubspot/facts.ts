import type { IdentifierKind } from '../../artifacts/annotation.ts';
import type { FieldFact, ServiceFacts, SettingCondition, SettingFact } from '../../knowledge/service-facts.ts';

/** Date version of the CRM API; each is supported for 18 months. https://developers.hubspot.com/docs/api-reference/overview */
export const HUBSPOT_VERSION = '2026-09';
const SUNSET = '2028-03-31';

/** Inputs of one batch request of the CRM objects API. */
export const INPUTS_MAX = 100;

const ACCESS_TOKEN: SettingFact = {
  name: 'access_token',
  type: 'string',
  required: true,
  core: false,
  description:
    'Service key (or private app token) with read and write scopes on the objects, and on lists for audiences',
};

const CONTACTS = ['contacts', 'contact', '0-1'];
const COMPANIES = ['companies', 'company', '0-2'];
const OF_CONTACTS = [{ setting: 'object_type', is: CONTACTS }];
const OF_COMPANIES = [{ setting: 'object_type', is: COMPANIES }];
const OF_BOTH = [{ setting: 'object_type', is: [...CONTACTS, ...COMPANIES] }];

function field(
  name: string,
  identifier: IdentifierKind,
  text: { readonly description: string; readonly where: readonly SettingCondition[] },
): FieldFact {
  return { name, type: 'string', required: false, identifier, ...text };
}

const objects: ServiceFacts = {
  platform: 'hubspot',
  service: 'objects',
  title: 'HubSpot CRM objects',
  erasure: { kind: 'profile', stays: 'Records of other types that are associated with a contact stay.' },
  api: {
    version: HUBSPOT_VERSION,
    sunset: SUNSET,
    docs: 'https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide',
  },
  config: [
    {
      name: 'object_type',
      type: 'string',
      required: false,
      core: true,
      default: 'contacts',
      description:
        'Object type: contacts, companies, deals …, or a custom object by its id (2-123456) or full name (p123_name)',
    },
    {
      name: 'id_property',
      type: 'string',
      required: false,
      core: true,
      default: 'email',
      description: 'Property with unique values by which a record is found; a mapping has to feed it',
    },
    {
      name: 'replace_associations',
      type: 'boolean',
      required: false,
      core: false,
      default: true,
      description:
        'Whether a record that comes to be associated with another one (a field association.<type>.<property>) leaves the one before; only those that have a value in that property',
    },
    {
      name: 'delete_existing',
      type: 'boolean',
      required: false,
      core: false,
      default: false,
      description: 'Whether records that were in HubSpot before may be deleted (archived) too',
    },
  ],
  credentials: [ACCESS_TOKEN],
  takesTurnsBy: [],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update'],
  identifiers: null,
  destinationKey: { setting: 'id_property', identifier: 'email', normalise: 'lower', normaliseOnly: 'email' },
  recordIds: true,
  fields: {
    open: true,
    known: [
      field('email', 'email', { description: 'E-mail address', where: OF_CONTACTS }),
      field('phone', 'phone', { description: 'Phone number', where: OF_BOTH }),
      field('firstname', 'first_name', { description: 'First name', where: OF_CONTACTS }),
      field('lastname', 'last_name', { description: 'Last name', where: OF_CONTACTS }),
      field('company', 'company', { description: 'Company name', where: OF_CONTACTS }),
      field('name', 'company', { description: 'Name of a company', where: OF_COMPANIES }),
      field('address', 'street', { description: 'Street', where: OF_BOTH }),
      field('city', 'city', { description: 'City', where: OF_BOTH }),
      field('state', 'state', { description: 'State or region', where: OF_BOTH }),
      field('zip', 'zip', { description: 'Postal code', where: OF_BOTH }),
      field('country', 'country', { description: 'Country', where: OF_BOTH }),
    ],
  },
  defaultMapping: 'identifiers',
  audience: null,
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  // 100 inputs are HubSpot’s, the bytes a bound of our own. The smallest plans have 100 requests in any 10 seconds, a burst included:
  // this is below it by as much as a request may take longer than another to get there, 300 ms.
  limits: { rowsPerRequestMax: INPUTS_MAX, requestBytesMax: 3_000_000, requestsPerSecondMax: 9.7, connectionsMax: 4 },
};

const audiences: ServiceFacts = {
  platform: 'hubspot',
  service: 'audiences',
  title: 'HubSpot lists of contacts',
  erasure: { kind: 'profile', stays: 'Records of other types that are associated with a contact stay.' },
  api: {
    version: HUBSPOT_VERSION,
    sunset: SUNSET,
    docs: 'https://developers.hubspot.com/docs/api-reference/latest/crm/lists/guide',
  },
  config: [],
  credentials: [ACCESS_TOKEN],
  takesTurnsBy: [],
  modes: ['delta', 'full', 'incremental'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['email'], hints: [] },
  destinationKey: null,
  recordIds: true,
  fields: { known: [], open: false },
  defaultMapping: 'identifiers',
  audience: { renamable: true },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  // Each batch is two requests, one for the contacts and one for the list: half the rate of the objects, and less.
  limits: { rowsPerRequestMax: INPUTS_MAX, requestBytesMax: 1_000_000, requestsPerSecondMax: 4, connectionsMax: 4 },
};

export const hubspotFacts: readonly ServiceFacts[] = [objects, audiences];
