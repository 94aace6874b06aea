import type { Batch, OutgoingRow } from '../../src/destinations/destination.ts';
import type { Exchanged } from './broken-http.ts';
import {
  count,
  type FuzzedService,
  type Json,
  listOf,
  matched,
  membersOf,
  parse,
  parseAny,
  textOf,
} from './fuzzed-service.ts';

/** Braze refuses objects by their index; a row is one object here. */
const tracked: FuzzedService['acknowledged'] = (exchanges, { operation, rows }) => {
  const answer = parse(exchanges.at(-1)?.body);
  const isCounted = operation === 'delete' && answer['message'] === undefined && count(answer['deleted']) >= 0;
  const isTaken = answer['message'] === 'success' || answer['message'] === 'queued' || isCounted;
  const errors = listOf(answer['errors']).map(membersOf);
  const names = (row: OutgoingRow) => !errors.some(({ index }) => count(index) === rows.indexOf(row));
  return { most: isTaken ? rows.length - errors.length : 0, ...(operation === 'delete' ? {} : { names }) };
};
/** Nobody is deleted for leaving an audience. */
const flagged: FuzzedService['acknowledged'] = (exchanges, batch) =>
  tracked(exchanges, { ...batch, operation: 'insert' });
const BRAZE = { rest_endpoint: 'rest.fra-01.braze.eu', id_field: 'email', delete_existing: true };

const GOOGLE = {
  ...{ customer_id: '123', account_type: 'GOOGLE_ADS', list_type: 'contact', encoding: 'HEX', confirm: 'taken' },
  ...{ conversion_action_id: '9', consent_ad_user_data: 'granted', consent_ad_personalization: 'granted' },
};
/** Google takes a request whole, and says so by its number. */
const numbered: FuzzedService['acknowledged'] = (exchanges, { rows }) => ({
  most: textOf(parse(exchanges.at(-1)?.body)['requestId']) === '' ? 0 : rows.length,
});

/** Whatever was taken is accepted only by what its processing came to. */
const processed: FuzzedService['acknowledged'] = (exchanges, { rows }) => {
  const [status] = listOf(parse(exchanges.at(-1)?.body)['requestStatusPerDestination']).map(membersOf);
  const isEnded = ['SUCCESS', 'PARTIAL_SUCCESS', 'FAILED'].includes(textOf(status?.['requestStatus']));
  return { most: isEnded ? rows.length : 0 };
};

const SELLIGENT = { host: 'shop.slgnt.eu', organization: 'Shop', list: 'CUSTOMERS', id_field: 'MAIL' };
/** Any JSON that holds something, less the failures that it counts. */
const told: FuzzedService['acknowledged'] = (exchanges, { rows }) => {
  const answer = parseAny(exchanges.at(-1)?.body);
  const isSilent = !answer || (typeof answer === 'object' && Object.keys(answer).length === 0);
  const { failed, status, error, rejected, errors } = membersOf(answer);
  const failures = Math.max(count(failed) || 0, listOf(rejected).length, listOf(errors).length);
  const isError = status === 'error' || (typeof error === 'object' && error !== null);
  return { most: isSilent ? 0 : Math.max(0, rows.length - Math.max(failures, isError ? 1 : 0)) };
};

/** Services that answer for a batch at once. */
export const BATCH_SERVICES: readonly FuzzedService[] = [
  {
    ...{ platform: 'google', service: 'audiences', config: { ...GOOGLE, confirm: 'processed' } },
    ...{ operations: ['insert', 'delete'], row: matched, acknowledged: processed },
  },
  {
    ...{ platform: 'google', service: 'events', config: { ...GOOGLE, currency: 'EUR' } },
    ...{ operations: ['insert'], row: matched, acknowledged: numbered },
  },
  {
    ...{ platform: 'braze', service: 'objects', config: BRAZE },
    ...{ operations: ['insert', 'delete'], row: matched, acknowledged: tracked },
  },
  {
    ...{ platform: 'braze', service: 'events', config: { ...BRAZE, event_name: 'ordered' } },
    ...{ operations: ['insert'], row: matched, acknowledged: tracked },
  },
  {
    ...{ platform: 'braze', service: 'audiences', config: { ...BRAZE, membership: 'attribute' } },
    ...{ operations: ['insert', 'delete'], row: matched, acknowledged: flagged },
  },
  {
    platform: 'webhook',
    service: 'objects',
    config: { url: 'https://hooks.example/in', batch_size: 100 },
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) => {
      const rejected = listOf(parse(exchanges.at(-1)?.body)['rejected']).map((entry) => membersOf(entry)['key']);
      return { most: batch.rows.length, names: (row) => !rejected.includes(row.key) };
    },
  },
  {
    platform: 'salesforce',
    service: 'objects',
    config: {
      ...{ instance_url: 'https://acme.my.salesforce.com', object: 'Contact', external_id_field: 'Email' },
      ...{ api: 'collections', write: 'upsert', api_percent_max: 95 },
    },
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) =>
      batch.operation === 'delete' ? queried(exchanges, batch) : upserted(exchanges, batch),
  },
  {
    ...{ platform: 'selligent', service: 'objects', config: { ...SELLIGENT, delete_existing: true } },
    ...{ operations: ['insert', 'delete'], row: matched, acknowledged: told },
  },
  {
    ...{ platform: 'selligent', service: 'audiences', config: { ...SELLIGENT, match_by: 'email' } },
    ...{ operations: ['insert', 'delete'], row: matched, acknowledged: told },
  },
  {
    ...{ platform: 'klaviyo', service: 'events', config: { metric: 'Placed Order', backfill: false } },
    ...{ operations: ['insert'], row: matched },
    acknowledged: (exchanges, { rows }) => ({ most: exchanges.at(-1)?.status === 202 ? rows.length : 0 }),
  },
  {
    platform: 'meta',
    service: 'audiences',
    config: { ad_account_id: '1234567890' },
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) => {
      const answer = parse(exchanges.at(-1)?.body);
      const invalid = answer['num_invalid_entries'] == null ? 0 : count(answer['num_invalid_entries']);
      const taken = Math.min(count(answer['num_received']), batch.rows.length) - invalid;
      return { most: Number.isNaN(taken) ? 0 : Math.max(0, taken) };
    },
  },
  {
    platform: 'meta',
    service: 'events',
    config: { dataset_id: '987654321', event_name: 'Lead', action_source: 'system_generated' },
    operations: ['insert'],
    row: matched,
    acknowledged: (exchanges) => ({ most: count(parse(exchanges.at(-1)?.body)['events_received']) || 0 }),
  },
  {
    platform: 'hubspot',
    service: 'objects',
    config: { object_type: 'contacts', id_property: 'email', delete_existing: false },
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) =>
      batch.operation === 'delete' ? found(exchanges, batch) : written(exchanges, batch, (row) => row.key),
  },
  {
    platform: 'hubspot',
    service: 'audiences',
    config: {},
    operations: ['insert', 'delete'],
    row: matched,
    acknowledged: (exchanges, batch) =>
      batch.operation === 'delete'
        ? found(exchanges, batch)
        : written(exchanges, batch, (row) => row.identifiers[0]?.value ?? ''),
  },
];

/** HubSpot names each record that it wrote; one that stands among the errors too was not. */
function written(exchanges: readonly Exchanged[], batch: Batch, emailOf: (row: OutgoingRow) => string) {
  const answers = exchanges.filter(({ request }) => request.url.includes('/batch/')).map(({ body }) => parse(body));
  const traceOf = (row: OutgoingRow) =>
    exchanges
      .filter(({ request }) => /upsert|update/.test(request.url))
      .flatMap(({ request }) => listOf(parse(String(request.body))['inputs']).map(membersOf))
      .filter((input) => textOf(input['id']).toLowerCase() === emailOf(row))
      .map((input) => input['objectWriteTraceId']);
  const names = (row: OutgoingRow) => {
    const traces = traceOf(row);
    const isMine = (result: Json) =>
      traces.includes(result['objectWriteTraceId']) ||
      textOf(membersOf(result['properties'])['email']).toLowerCase() === emailOf(row) ||
      // One input and one result: its id says nothing else.
      textOf(result['id']).toLowerCase() === emailOf(row);
    return answers.some((answer) =>
      listOf(answer['results'])
        .map(membersOf)
        .some((result) => isMine(result) && ['string', 'number'].includes(typeof result['id'])),
    );
  };
  return { most: batch.rows.length, names };
}

/** Who is not in the results of a lookup counts as gone, so the lookup has to be a whole one. */
function found(exchanges: readonly Exchanged[], batch: Batch) {
  const lookups = exchanges.filter(({ request }) => request.url.endsWith('/batch/read')).map(({ body }) => parse(body));
  const isWhole = lookups.every(
    (answer) =>
      Array.isArray(answer['results']) &&
      listOf(answer['results']).every((item) => ['string', 'number'].includes(typeof membersOf(item)['id'])),
  );
  return { most: isWhole ? batch.rows.length : 0 };
}

/** Salesforce answers by the order of the records, and says of each that it succeeded. */
function upserted(exchanges: readonly Exchanged[], batch: Batch) {
  const writes = exchanges.filter(({ request }) => request.url.includes('/composite/sobjects/'));
  const names = (row: OutgoingRow) =>
    writes.some(({ request, body }) => {
      const records = listOf(parse(String(request.body))['records']).map(membersOf);
      const results = listOf(parseAny(body)).map(membersOf);
      const { success, id } = results[records.findIndex(({ Email }) => Email === row.key)] ?? {};
      return success === true && textOf(id) !== '' && results.length === records.length;
    });
  return { most: batch.rows.length, names };
}

/** Who is not in the answer to a query counts as gone. */
function queried(exchanges: readonly Exchanged[], batch: Batch) {
  const queries = exchanges.filter(({ request }) => request.url.includes('/query'));
  const isWhole = queries.some(({ body }) => Array.isArray(parse(body)['records']) && parse(body)['done'] === true);
  return { most: isWhole ? batch.rows.length : 0 };
}
