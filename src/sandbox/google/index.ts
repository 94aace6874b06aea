import { z } from 'zod';
import { FAULT_KINDS } from '../faults.ts';
import {
  type Answer,
  type FailureKind,
  jsonAnswer,
  nothingHeld,
  type RequestContext,
  type SandboxRequest,
  type SimulatedDestination,
  type SimulatedPlatform,
} from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';
import { Conversions, savedActions } from './conversions.ts';
import { googleError } from './google-answer.ts';
import { changeMembers, removeEverybody, takeEvents, type World } from './ingestion.ts';
import { Lists, savedLists } from './lists.ts';
import { Requests, savedRequests } from './requests.ts';
import { giveToken, tokenProblem } from './token.ts';

/** Of each Google Cloud project, reads and writes apart: https://developers.google.com/data-manager/api/devguides/limits */
const REQUESTS = { requestsMax: 300, windowMs: 60_000 };

/**
 * Google's Data Manager API v1 with its token endpoint (`/token`): user lists, audience members, events, request status.
 * What is taken is processed at once, and asked for as the API has it; `partial` makes items fail in the processing. Any
 * number is an account or a conversion action.
 */
export const google: SimulatedPlatform = {
  name: 'google',
  faults: ({ path }) =>
    path === '/token' ? [] : FAULT_KINDS.filter((kind) => kind !== 'partial' || /:(ingest|remove)$/.test(path)),
  htmlApplies: false,
  failure,
  open: openGoogle,
};

const savedGoogle = z.object({ lists: savedLists, conversions: savedActions, requests: savedRequests });

function openGoogle(saved: unknown): SimulatedDestination {
  const world: World = { lists: new Lists(), conversions: new Conversions(), requests: new Requests() };
  const windows = { read: new RollingWindow(), write: new RollingWindow() };
  let latest = 0;
  if (saved !== null) {
    const state = savedGoogle.parse(saved);
    world.lists.restore(state.lists);
    world.conversions.restore(state.conversions);
    world.requests.restore(state.requests);
  }
  return {
    handle(request, context) {
      latest = context.now;
      if (request.method === 'POST' && request.path === '/token') return giveToken(request, context);
      const refusal = tokenProblem(request, context);
      const window = request.method === 'GET' ? windows.read : windows.write;
      const answer =
        refusal ?? (window.take(REQUESTS, context.now) ? route(world, request, context) : throttled(context));
      return { ...answer, headers: { ...answer.headers, date: new Date(context.now).toUTCString() } };
    },
    holdings: (rowsMax) => ({
      ...nothingHeld,
      audiences: world.lists.holdings(rowsMax, latest),
      events: world.conversions.holdings(rowsMax),
    }),
    save: () => ({ lists: world.lists.save(), conversions: world.conversions.save(), requests: world.requests.save() }),
    configure() {},
  };
}

function route(world: World, request: SandboxRequest, context: RequestContext): Answer {
  const asked = { world, request, context };
  switch (`${request.method} ${request.path}`) {
    case 'POST /v1/audienceMembers:ingest':
      return changeMembers('ingest', asked);
    case 'POST /v1/audienceMembers:remove':
      return changeMembers('remove', asked);
    case 'POST /v1/audienceMembers:removeAll':
      return removeEverybody(asked);
    case 'POST /v1/events:ingest':
      return takeEvents(asked);
    case 'GET /v1/requestStatus:retrieve':
      return world.requests.status(request.query.get('requestId') ?? '', context);
    default:
      return listRequest(world, request, context);
  }
}

function listRequest({ lists }: World, request: SandboxRequest, context: RequestContext): Answer {
  const [, account = '', id] =
    /^\/v1\/(accountTypes\/[A-Z_]+\/accounts\/\d+)\/userLists(?:\/(\d+))?$/.exec(request.path) ?? [];
  if (account === '') {
    context.violate('unknown-request', `${request.method} is not supported on this path`);
    return googleError(context, { status: 'NOT_FOUND', message: 'Method not found.' });
  }
  if (id === undefined) {
    if (request.method === 'POST') return lists.create(account, request, context);
    if (request.method === 'GET') return lists.list(account, request, context);
  }
  const list = lists.find(account, id ?? '');
  if (list === undefined) {
    return googleError(context, { status: 'NOT_FOUND', message: 'Resource not found.', reason: 'NOT_FOUND' });
  }
  if (request.method === 'GET') return lists.read(list);
  if (request.method === 'PATCH') return lists.rename(list, request, context);
  if (request.method === 'DELETE') return lists.remove(list);
  return googleError(context, { status: 'NOT_FOUND', message: 'Method not found.' });
}

/** 429 without Retry-After; the quota is named. */
function throttled(context: RequestContext): Answer {
  return googleError(context, {
    ...{ status: 'RESOURCE_EXHAUSTED', message: 'Quota exceeded for the project.', reason: 'RATE_LIMIT_EXCEEDED' },
    metadata: { quota_limit: 'IngestionMutateRequestsPerMinutePerProject' },
  });
}

function failure(kind: FailureKind, context: RequestContext): Answer {
  if (kind === 'empty') return jsonAnswer(200, undefined);
  if (kind === 'throttled') return throttled(context);
  if (kind === 'unavailable') {
    return googleError(context, { status: 'UNAVAILABLE', message: 'The service is currently unavailable.' });
  }
  if (kind === 'timeout_after') {
    return googleError(context, {
      status: 'DEADLINE_EXCEEDED',
      message: 'Deadline expired.',
      reason: 'DEADLINE_EXCEEDED',
    });
  }
  return googleError(context, { status: 'INTERNAL', message: 'Internal error encountered.', reason: 'INTERNAL_ERROR' });
}
