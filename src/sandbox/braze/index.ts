import { z } from 'zod';
import { FAULT_KINDS } from '../faults.ts';
import {
  type Answer,
  type FailureKind,
  jsonAnswer,
  nothingHeld,
  type RequestContext,
  type RequestLimit,
  type SandboxRequest,
  type SimulatedDestination,
  type SimulatedPlatform,
} from '../platform.ts';
import { brazeError } from './braze-answer.ts';
import { deleteProfiles, setSubscriptions } from './people.ts';
import { Profiles, savedProfiles } from './profiles.ts';
import { savedHappenings, Tracking } from './track.ts';

/** /users/delete has a limit of its own, shared with the other paths that change who people are. */
const DELETE_LIMIT: RequestLimit = { requestsMax: 20_000, windowMs: 60_000 };
const SUBSCRIPTION_LIMIT: RequestLimit = { requestsMax: 5_000, windowMs: 60_000 };

/**
 * Braze's REST API: /users/track, /users/delete, /v2/subscription/status/set. Any key is good but `invalid` (401) and
 * `forbidden` (403).
 */
export const braze: SimulatedPlatform = {
  name: 'braze',
  faults: () => FAULT_KINDS,
  htmlApplies: false,
  failure,
  open: openBraze,
};

const savedWorkspace = z.object({ profiles: savedProfiles, happenings: savedHappenings });

function openBraze(saved: unknown): SimulatedDestination {
  const profiles = new Profiles();
  const tracking = new Tracking(profiles);
  const windows = new Map<string, Window>();
  if (saved !== null) {
    const state = savedWorkspace.parse(saved);
    profiles.restore(state.profiles);
    tracking.restore(state.happenings);
  }
  const routes: Readonly<Record<string, Route>> = {
    '/users/track': {
      limit: (context) => context.limits.braze,
      handle: (request, context) => tracking.handle(request, context),
    },
    '/users/delete': {
      limit: () => DELETE_LIMIT,
      handle: (request, context) => deleteProfiles(profiles, request, context),
    },
    '/v2/subscription/status/set': {
      limit: () => SUBSCRIPTION_LIMIT,
      handle: (request, context) => setSubscriptions(profiles, request, context),
    },
  };
  return {
    handle(request, context) {
      const refusal = keyProblem(request);
      if (refusal !== null) return refusal;
      const route = Object.hasOwn(routes, request.path) ? routes[request.path] : undefined;
      if (route === undefined || request.method !== 'POST') {
        context.violate('unknown-request', `${request.method} on a path that is not simulated`);
        return brazeError(404, 'Not Found');
      }
      const limit = route.limit(context);
      const window = windowAt(windows.get(request.path), limit, context.now);
      windows.set(request.path, window);
      const isOver = window.used >= limit.requestsMax;
      if (!isOver) window.used += 1;
      const answer = isOver ? brazeError(429, 'Over rate limit') : route.handle(request, context);
      return { ...answer, headers: { ...answer.headers, ...limitHeaders(window, limit) } };
    },
    holdings: (rowsMax) => ({
      ...nothingHeld,
      audiences: profiles.audiences(rowsMax),
      events: tracking.holdings(rowsMax),
      objects: profiles.objects(rowsMax),
    }),
    save: () => ({ profiles: profiles.save(), happenings: tracking.save() }),
    configure() {},
  };
}

interface Route {
  limit(context: RequestContext): RequestLimit;
  handle(request: SandboxRequest, context: RequestContext): Answer;
}

/** Windows stand one beside the other on the clock, and do not roll. */
interface Window {
  readonly endsAt: number;
  used: number;
}

function windowAt(known: Window | undefined, limit: RequestLimit, now: number): Window {
  if (known !== undefined && now < known.endsAt) return known;
  return { endsAt: (Math.floor(now / limit.windowMs) + 1) * limit.windowMs, used: 0 };
}

function limitHeaders(window: Window, limit: RequestLimit): Readonly<Record<string, string>> {
  return {
    'x-ratelimit-limit': String(limit.requestsMax),
    'x-ratelimit-remaining': String(limit.requestsMax - window.used),
    'x-ratelimit-reset': String(Math.ceil(window.endsAt / 1000)),
  };
}

function keyProblem(request: SandboxRequest): Answer | null {
  const key = /^Bearer +(.+)$/i.exec(request.headers['authorization'] ?? '')?.[1] ?? 'invalid';
  if (key === 'invalid') return brazeError(401, 'Invalid API key');
  return key === 'forbidden' ? brazeError(403, 'Your account does not have this permission') : null;
}

/** A 429 has no Retry-After: its headers say when the window ends. */
function failure(kind: FailureKind, context: RequestContext): Answer {
  if (kind === 'empty') return jsonAnswer(201, {});
  if (kind === 'throttled') {
    const endsAt = context.now + context.retryAfterSeconds * 1000;
    const limit = context.limits.braze;
    const answer = brazeError(429, 'Over rate limit');
    return { ...answer, headers: { ...answer.headers, ...limitHeaders({ endsAt, used: limit.requestsMax }, limit) } };
  }
  const status = { server_error: 500, unavailable: 503, timeout_after: 504 }[kind];
  return brazeError(status, 'Internal Server Error');
}
