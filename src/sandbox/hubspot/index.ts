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
import { jsonAnswer, nothingHeld } from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';
import { hubspotError, notFound } from './hubspot-answer.ts';
import { Lists, OBJECT_TYPES, savedLists } from './lists.ts';
import { archiveBatch, listRecords, type Portal, readRecords, writeBatch } from './objects.ts';
import { isUnique, propertyExists } from './properties.ts';
import { Records, savedRecords } from './records.ts';

const VERSION = '2026-09';
const DAILY_MAX = 250_000;

/**
 * HubSpot, date version 2026-09: CRM objects in batches and lists by record id. Any token is good but `invalid` (401) and
 * `forbidden` (403). Object types come into being when they are used.
 */
export const hubspot: SimulatedPlatform = {
  name: 'hubspot',
  // A 2xx that names no record is a silent failure only where the answer should name each.
  faults: ({ path }) => FAULT_KINDS.filter((kind) => kind !== 'empty' || /\/batch\/(?:upsert|update)$/.test(path)),
  htmlApplies: false,
  failure,
  open: openHubspot,
};

const savedPortal = z.object({ records: savedRecords, lists: savedLists });

function openHubspot(saved: unknown): SimulatedDestination {
  const records = new Records();
  const lists = new Lists(records);
  const calls = new RollingWindow();
  let portal: Portal = { records, rules: { names: null, unique: new Set() } };
  if (saved !== null) {
    const state = savedPortal.parse(saved);
    records.restore(state.records);
    lists.restore(state.lists);
  }
  return {
    handle(request, context) {
      const refusal = tokenProblem(request, context);
      if (refusal) return refusal;
      const limit = context.limits.hubspot;
      if (!calls.take(limit, context.now)) return throttled(context);
      const answer = route({ portal, lists }, request, context);
      const left = limit.requestsMax - calls.used(limit, context.now);
      const rolling = {
        'x-hubspot-ratelimit-max': String(limit.requestsMax),
        'x-hubspot-ratelimit-remaining': String(left),
        'x-hubspot-ratelimit-interval-milliseconds': String(limit.windowMs),
      };
      return { ...answer, headers: { ...answer.headers, ...dailyHeaders(), ...rolling } };
    },
    holdings: (rowsMax) => ({ ...nothingHeld, audiences: lists.holdings(rowsMax), objects: records.holdings(rowsMax) }),
    save: () => ({ records: records.save(), lists: lists.save() }),
    configure({ properties, uniqueProperties }) {
      portal = {
        records,
        rules: {
          names: properties ? new Set(properties) : portal.rules.names,
          unique: uniqueProperties ? new Set(uniqueProperties) : portal.rules.unique,
        },
      };
    },
  };
}

function route(
  { portal, lists }: { readonly portal: Portal; readonly lists: Lists },
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const parts = request.path.split('/').filter((part) => part !== '');
  const [area, api, version, ...rest] = parts;
  if (area === 'account-info' && rest.length === 0 && version === 'details' && request.method === 'GET') {
    return jsonAnswer(200, { portalId: portalId(context.destination), accountType: 'DEVELOPER_TEST', timeZone: 'UTC' });
  }
  if (area !== 'crm' || version !== VERSION || (api !== 'objects' && api !== 'lists' && api !== 'properties')) {
    context.violate('unknown-request', `${request.method} on a path that version ${VERSION} does not have`);
    return notFound(context, `There is nothing at this path; the version is ${VERSION}`);
  }
  if (api === 'lists') return lists.handle(rest, request, context);
  const [named = '', batch, verb] = rest;
  const type = OBJECT_TYPES[named] ?? named;
  if (api === 'properties' && request.method === 'GET')
    return readProperty(portal, { type, name: batch ?? '' }, context);
  if (rest.length === 1 && request.method === 'GET') return listRecords(portal, type, request, context);
  const isBatch =
    batch === 'batch' && rest.length === 3 && request.method === 'POST' && /^[a-z0-9][a-z0-9_-]*$/.test(type);
  if (isBatch && (verb === 'upsert' || verb === 'update')) return writeBatch(portal, { type, verb }, request, context);
  if (isBatch && verb === 'read') return readRecords(portal, type, request, context);
  if (isBatch && verb === 'archive') {
    return archiveBatch({ portal, type, forget: (id) => lists.forget(id) }, request, context);
  }
  context.violate('unknown-request', `${request.method} is not supported on this path`);
  return notFound(context, 'There is nothing at this path');
}

/** `GET /crm/properties/2026-09/{type}/{name}`. */
function readProperty(
  { rules }: Portal,
  { type, name }: { readonly type: string; readonly name: string },
  context: RequestContext,
): Answer {
  if (!propertyExists(rules, name)) return notFound(context, `Property "${name}" does not exist`);
  return jsonAnswer(200, {
    name,
    label: name,
    type: 'string',
    fieldType: 'text',
    hasUniqueValue: isUnique(rules, type, name),
  });
}

/** The account behind the credentials: one portal per destination, whatever the token. */
function portalId(destination: string): number {
  return 10_000_000 + (createHash('sha256').update(destination).digest().readUInt32LE(0) % 80_000_000);
}

function tokenProblem(request: SandboxRequest, context: RequestContext): Answer | null {
  const token = /^Bearer +(.+)$/i.exec(request.headers['authorization'] ?? '')?.[1] ?? 'invalid';
  if (token === 'forbidden') {
    return hubspotError(context, {
      status: 403,
      category: 'MISSING_SCOPES',
      message: 'This app has not been granted all required scopes',
    });
  }
  if (token !== 'invalid') return null;
  return hubspotError(context, {
    status: 401,
    category: 'INVALID_AUTHENTICATION',
    message: 'Authentication credentials not found or not valid',
  });
}

function dailyHeaders(): Record<string, string> {
  return { 'x-hubspot-ratelimit-daily': String(DAILY_MAX), 'x-hubspot-ratelimit-daily-remaining': String(DAILY_MAX) };
}

/** A 429 has the daily headers only, and no Retry-After. */
function throttled(context: RequestContext): Answer {
  const answer = hubspotError(context, {
    ...{ status: 429, category: 'RATE_LIMITS', policyName: 'TEN_SECONDLY_ROLLING' },
    message: 'You have reached your ten_secondly_rolling limit.',
  });
  return { ...answer, headers: { ...answer.headers, ...dailyHeaders() } };
}

function failure(kind: FailureKind, context: RequestContext): Answer {
  if (kind === 'throttled') return throttled(context);
  if (kind === 'empty') return jsonAnswer(200, { status: 'COMPLETE', results: [] });
  const status = { server_error: 500, unavailable: 503, timeout_after: 504 }[kind];
  return hubspotError(context, { status, category: 'INTERNAL_ERROR', message: 'internal error' });
}
