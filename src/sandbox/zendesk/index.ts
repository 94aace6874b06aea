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
import { jsonAnswer, nothingHeld } from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';
import { Jobs, savedJobs } from './jobs.ts';
import { Records, savedRecords } from './records.ts';
import { type Desk, route } from './route.ts';
import { throttled, zendeskError } from './zendesk-answer.ts';

/**
 * Zendesk, Ticketing API v2: users with identities and tags, organizations, jobs. Any token is good but `invalid` (401),
 * `forbidden` (403) and `no-imports` (bulk writes of users are not enabled).
 */
export const zendesk: SimulatedPlatform = {
  name: 'zendesk',
  faults: ({ path }) =>
    FAULT_KINDS.filter((kind) => kind !== 'partial' || /\/users\/create_or_update_many$/.test(path)),
  htmlApplies: false,
  failure,
  open: openZendesk,
};

const savedDesk = z.object({ records: savedRecords, jobs: savedJobs });

function openZendesk(saved: unknown): SimulatedDestination {
  const records = new Records();
  const jobs = new Jobs();
  const calls = new RollingWindow();
  let desk: Desk = { records, jobs, updates: new Map(), customFields: null };
  if (saved !== null) {
    const state = savedDesk.parse(saved);
    records.restore(state.records);
    jobs.restore(state.jobs);
  }
  return {
    handle(request, context) {
      const refusal = credentialProblem(request);
      if (refusal) return refusal;
      const limit = context.limits.zendesk;
      if (!calls.take(limit, context.now))
        return throttled(context.retryAfterSeconds, 'Number of allowed API requests per minute exceeded');
      const [api, version, ...parts] = request.path
        .replace(/\.json$/, '')
        .split('/')
        .filter((part) => part !== '');
      const answer =
        api === 'api' && version === 'v2'
          ? route(desk, parts, request, context)
          : zendeskError(404, 'InvalidEndpoint', 'Not found');
      return { ...answer, headers: { ...answer.headers, ...rateHeaders(limit, calls, context) } };
    },
    holdings: (rowsMax) => ({
      ...nothingHeld,
      ...{ audiences: records.audiences(rowsMax), objects: records.objects(rowsMax) },
    }),
    save: () => ({ records: records.save(), jobs: jobs.save() }),
    configure({ properties, mappedFields }) {
      const keys = properties ?? mappedFields?.map((field) => field.replace(/^(?:user|organization)_fields\./, ''));
      desk = { ...desk, customFields: keys ? new Set(keys) : desk.customFields };
    },
  };
}

function rateHeaders(
  limit: RequestContext['limits']['zendesk'],
  calls: RollingWindow,
  context: RequestContext,
): Record<string, string> {
  const [total, left] = [String(limit.requestsMax), String(limit.requestsMax - calls.used(limit, context.now))];
  return {
    ...{ 'x-rate-limit': total, 'x-rate-limit-remaining': left, 'ratelimit-limit': total, 'ratelimit-remaining': left },
    'ratelimit-reset': String(60 - (Math.floor(context.now / 1000) % 60)),
  };
}

/** Basic with `{email}/token:{api_token}`, or a bearer token. */
function credentialProblem(request: SandboxRequest): Answer | null {
  const [, scheme = '', value = ''] = /^(Basic|Bearer) +(.+)$/i.exec(request.headers['authorization'] ?? '') ?? [];
  const basic = /^[^:]+@[^:]+\/token:(.+)$/.exec(Buffer.from(value, 'base64').toString('utf8'))?.[1];
  const token = /^basic$/i.test(scheme) ? (basic ?? 'invalid') : value || 'invalid';
  if (token === 'invalid') return jsonAnswer(401, { error: 'Couldn’t authenticate you' });
  const error = { title: 'Forbidden', message: 'You do not have access to this page.' };
  if (token === 'forbidden') return jsonAnswer(403, { error });
  const isImport = /\/users\/create_or_update_many$/.test(request.path);
  if (token === 'no-imports' && isImport) return zendeskError(403, 'Forbidden', 'Data imports are not enabled');
  return null;
}

function failure(kind: FailureKind, context: RequestContext): Answer {
  if (kind === 'throttled')
    return throttled(context.retryAfterSeconds, 'Number of allowed API requests per minute exceeded');
  if (kind === 'empty') return jsonAnswer(200, {});
  const status = { server_error: 500, unavailable: 503, timeout_after: 504 }[kind];
  return zendeskError(status, 'InternalError', 'Sorry, something went wrong');
}
