import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FAULT_KINDS } from '../faults.ts';
import type {
  Answer,
  FailureKind,
  RequestContext,
  SandboxRequest,
  SimulatedDestination,
  SimulatedPlatform,
} from '../platform.ts';
import { jsonAnswer, nothingHeld, readJson } from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';
import { handleCollection } from './collections.ts';
import { Jobs, savedJobs } from './jobs.ts';
import { Org, savedOrg } from './org.ts';
import { notFound, salesforceError } from './salesforce-answer.ts';
import { Sessions, savedSessions } from './sessions.ts';
import { handleQuery } from './soql.ts';

const VERSION = 'v67.0';
/** API calls of 24 hours of an org without further licences. */
const CALLS_MAX = 100_000;
const DAY_MS = 24 * 3_600_000;

/**
 * Salesforce, REST API and Bulk API 2.0, version 67.0: tokens, sObject Collections, ingest jobs, queries, campaigns and their
 * members. Any client is good but one whose secret is `invalid`. Custom fields come into being when they are used, unless their
 * names were given.
 */
export const salesforce: SimulatedPlatform = {
  name: 'salesforce',
  faults: ({ method, path }) =>
    FAULT_KINDS.filter((kind) => {
      if (path.startsWith('/services/oauth2/'))
        return !['throttled', 'partial', 'html', 'empty', 'timeout_after'].includes(kind);
      // The answer to an upload is empty, and that to a change of a campaign: nothing tells them from a silent failure.
      if (kind === 'empty') return method !== 'PUT' && !/\/sobjects\/Campaign\/\w+$/.test(path);
      return true;
    }),
  htmlApplies: false,
  failure,
  open: openSalesforce,
};

const savedWorld = z.object({ org: savedOrg, jobs: savedJobs, sessions: savedSessions });

function openSalesforce(saved: unknown): SimulatedDestination {
  const org = new Org();
  const jobs = new Jobs(org);
  const sessions = new Sessions();
  const calls = new RollingWindow();
  let callsMax = CALLS_MAX;
  let orgId = '';
  if (saved !== null) {
    const world = savedWorld.parse(saved);
    org.restore(world.org);
    jobs.restore(world.jobs);
    sessions.restore(world.sessions);
  }
  return {
    handle(request, context) {
      orgId = `00D${createHash('sha256').update(context.destination).digest('hex').slice(0, 12).toUpperCase()}AAA`;
      if (request.path === '/services/oauth2/token') return sessions.issue(request, context, orgId);
      const refusal = sessions.check(request);
      if (refusal !== null) return refusal;
      const limit = { requestsMax: callsMax, windowMs: DAY_MS };
      const isTaken = calls.take(limit, context.now);
      const answer = isTaken
        ? route({ org, jobs }, request, context)
        : salesforceError(403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.');
      const usage = `api-usage=${calls.used(limit, context.now)}/${callsMax}`;
      return { ...answer, headers: { ...answer.headers, 'sforce-limit-info': usage } };
    },
    holdings: (rowsMax) => ({
      ...nothingHeld,
      objects: org.objects(rowsMax),
      audiences: org.campaigns(orgId, rowsMax),
    }),
    save: () => ({ org: org.save(), jobs: jobs.save(), sessions: sessions.save() }),
    configure({ properties, uniqueProperties, salesforce: setup = {} }) {
      if (properties) org.schema.names = new Set(properties);
      if (uniqueProperties) org.schema.external = new Set(uniqueProperties);
      callsMax = setup.apiCallsMax ?? callsMax;
      jobs.pollsBefore = setup.jobPolls ?? jobs.pollsBefore;
      sessions.requestsMax = setup.sessionRequests ?? sessions.requestsMax;
      for (const [object, records] of Object.entries(setup.records ?? {})) org.seed(object, records);
    },
  };
}

function route(
  { org, jobs }: { readonly org: Org; readonly jobs: Jobs },
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const [services, data, version, area, ...rest] = request.path.split('/').filter((part) => part !== '');
  if (services !== 'services' || data !== 'data' || version !== VERSION) {
    context.violate('unknown-request', `${request.method} on a path that ${VERSION} does not have`);
    return notFound();
  }
  const [first, ...more] = rest;
  if (area === 'query' && request.method === 'GET') return handleQuery(org, rest, request, context);
  if (area === 'composite' && first === 'sobjects') return handleCollection(org, more, request, context);
  if (area === 'jobs' && first === 'ingest') return jobs.handle(more, request, context);
  if (area === 'sobjects' && first === 'Campaign') return handleCampaign(org, more, request, context);
  context.violate('unknown-request', `${request.method} is not supported on this path`);
  return notFound();
}

/** `POST sobjects/Campaign`, `PATCH sobjects/Campaign/{id}`. */
function handleCampaign(org: Org, parts: readonly string[], request: SandboxRequest, context: RequestContext): Answer {
  const wanted = z.record(z.string(), z.union([z.string(), z.boolean(), z.null()])).safeParse(readJson(request));
  const [id, ...more] = parts;
  const isKnown = request.method === (id === undefined ? 'POST' : 'PATCH') && more.length === 0;
  if (!wanted.success || !isKnown) return salesforceError(400, 'JSON_PARSER_ERROR', 'The request cannot be read');
  const fields = new Map(
    Object.entries(wanted.data).map(([name, value]) => [name, value === null ? null : String(value)]),
  );
  if (id !== undefined) fields.set('Id', id);
  const verb = id === undefined ? 'insert' : 'update';
  const written = org.write({ object: 'Campaign', verb, keyField: null, fields, taken: new Set() }, context);
  if ('error' in written) return salesforceError(400, written.error.statusCode, written.error.message);
  return id === undefined ? jsonAnswer(201, { id: written.id, success: true, errors: [] }) : jsonAnswer(204, undefined);
}

function failure(kind: FailureKind): Answer {
  if (kind === 'throttled')
    return salesforceError(403, 'REQUEST_LIMIT_EXCEEDED', 'ConcurrentPerOrgLongTxn Limit exceeded.');
  if (kind === 'empty') return jsonAnswer(200, []);
  if (kind === 'unavailable') return salesforceError(503, 'SERVER_UNAVAILABLE', 'The server is too busy');
  if (kind === 'timeout_after') return salesforceError(504, 'GATEWAY_TIMEOUT', 'No answer in time');
  return salesforceError(500, 'UNKNOWN_EXCEPTION', 'An unexpected error occurred.');
}
