import type { Exchanged } from './broken-http.ts';
import { count, type FuzzedService, listOf, matched, membersOf, parse, textOf } from './fuzzed-service.ts';

const isGood = ({ status }: Exchanged): boolean => status >= 200 && status < 300;
const to = (exchanges: readonly Exchanged[], end: RegExp): readonly Exchanged[] =>
  exchanges.filter(({ request }) => end.test(new URL(request.url).pathname));

const DESK = { subdomain: 'shop', object_type: 'users', id_field: 'email', create_users: true, delete_existing: true };

/** A job's results say of each row what became of it; whoever is not found by a whole search needs no deletion. */
const jobbed: FuzzedService['acknowledged'] = (exchanges, { operation, rows }) => {
  const searches = to(exchanges, /\/users\/search$/);
  const isWhole = searches.every(({ body }) => Array.isArray(parse(body)['users']));
  const job = membersOf(parse(to(exchanges, /\/job_statuses\//).at(-1)?.body)['job_status']);
  const isEnded = ['completed', 'failed', 'killed'].includes(textOf(job['status']));
  if (operation === 'delete') return { most: isWhole && (isEnded || searches.length > 0) ? rows.length : 0 };
  const done = listOf(job['results'])
    .map(membersOf)
    .filter(
      ({ success, error, id, status }) =>
        success !== false && error == null && (success === true || id != null || textOf(status) !== ''),
    );
  return { most: isEnded ? Math.min(done.length, rows.length) : 0 };
};

/** Zendesk repeats all tags of a user: one without ours was not tagged. */
const tagged: FuzzedService['acknowledged'] = (exchanges, { operation }) => {
  if (operation === 'delete')
    return { most: to(exchanges, /\/users\/search$/).filter(({ body }) => Array.isArray(parse(body)['users'])).length };
  const holds = ({ body }: Exchanged) => listOf(parse(body)['tags']).some((tag) => textOf(tag).toLowerCase() === 'vip');
  return { most: to(exchanges, /\/tags$/).filter((one) => isGood(one) && holds(one)).length };
};

const hasProfile = (one: Exchanged): boolean => isGood(one) && textOf(membersOf(parse(one.body)['data'])['id']) !== '';

/** Each profile answers with its id; who is deleted was looked up, all of them. */
const imported: FuzzedService['acknowledged'] = (exchanges, { operation, rows }) => {
  if (operation !== 'delete') return { most: to(exchanges, /\/profile-import$/).filter(hasProfile).length };
  // A page that was told to wait is asked for again.
  const lookups = to(exchanges, /\/profiles$/).filter(({ status }) => status !== 429);
  return { most: lookups.every(({ body }) => Array.isArray(parse(body)['data'])) ? rows.length : 0 };
};

/** A job that is complete, less what it says has failed. */
const imports: FuzzedService['acknowledged'] = (exchanges, { rows }) => {
  const asked = to(exchanges, /\/profile-bulk-import-jobs\/[^/]+$/).at(-1);
  const { status, failed_count: failed } = membersOf(membersOf(parse(asked?.body)['data'])['attributes']);
  return { most: status === 'complete' ? Math.max(0, rows.length - (count(failed) || 0)) : 0 };
};

/** Members are those whose profiles are there, once the list has taken them. */
const listed: FuzzedService['acknowledged'] = (exchanges, { operation, rows }) => {
  const isChanged = to(exchanges, /\/relationships\/profiles$/).some(isGood);
  if (operation !== 'delete')
    return { most: isChanged ? to(exchanges, /\/profile-import$/).filter(hasProfile).length : 0 };
  // Nobody has to leave the list when a whole search finds nobody.
  const last = to(exchanges, /\/profiles$/)
    .filter(({ request }) => request.method === 'GET')
    .at(-1);
  const nobody = Array.isArray(parse(last?.body)['data']) && listOf(parse(last?.body)['data']).length === 0;
  return { most: isChanged || nobody ? rows.length : 0 };
};

/** Services that take several requests for a batch: a search, a job and its results, a message each. */
export const STEP_SERVICES: readonly FuzzedService[] = [
  {
    ...{ platform: 'zendesk', service: 'objects', config: DESK, operations: ['insert', 'delete'] },
    ...{ row: matched, acknowledged: jobbed },
  },
  {
    ...{ platform: 'zendesk', service: 'audiences', config: DESK, operations: ['insert', 'delete'] },
    ...{ row: matched, acknowledged: tagged, oneByOne: true },
  },
  {
    ...{ platform: 'klaviyo', service: 'objects', config: { id_property: 'email' }, operations: ['insert', 'delete'] },
    ...{ row: matched, acknowledged: imported, oneByOne: true },
  },
  {
    ...{ platform: 'klaviyo', service: 'objects', config: { id_property: 'email' }, operations: ['insert'] },
    ...{ row: matched, acknowledged: imports, changes: 1_000 },
  },
  {
    ...{ platform: 'klaviyo', service: 'audiences', config: { match_by: 'email' }, operations: ['insert', 'delete'] },
    ...{ row: matched, acknowledged: listed, oneByOne: true },
  },
  {
    ...{ platform: 'slack', service: 'events', config: { messages: 'each' }, operations: ['insert'] },
    ...{ row: matched, oneByOne: true },
    acknowledged: (exchanges) => ({
      most: exchanges.filter(({ status, body }) => status === 200 && body === 'ok').length,
    }),
  },
  {
    ...{ platform: 'slack', service: 'events', config: { messages: 'digest' }, operations: ['insert'] },
    ...{ row: matched, oneByOne: true },
    acknowledged: (exchanges, { rows }) => ({
      most: exchanges.some(({ status, body }) => status === 200 && body === 'ok') ? rows.length : 0,
    }),
  },
];
