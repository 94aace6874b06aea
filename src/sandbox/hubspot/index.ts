import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FAULT_KINDS } from '../faults.ts';
import type {
  Answer,
  FailureKind,
  ObjectTypeSetup,
  RequestContext,
  SandboxRequest,
  SimulatedDestination,
  SimulatedPlatform,
} from '../platform.ts';
import { jsonAnswer, nothingHeld } from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';
import type { ObjectSetState } from '../sandbox-state.ts';
import { Associations, savedAssociations } from './associations.ts';
import { eraseContact } from './erase.ts';
import { hubspotError, notFound } from './hubspot-answer.ts';
import { Lists, savedLists } from './lists.ts';
import { ObjectTypes, readProperties, unknownType } from './object-types.ts';
import { archiveBatch, listRecords, type Portal, readRecords, writeBatch } from './objects.ts';
import type { PropertyRules } from './properties.ts';
import { Records, savedRecords } from './records.ts';

const VERSION = '2026-09';
const DAILY_MAX = 250_000;

/**
 * HubSpot, date version 2026-09: CRM objects in batches and lists and associations by record id. Any token is good but `invalid`
 * (401) and `forbidden` (403). Object types come into being when they are used, unless the custom ones are told.
 */
export const hubspot: SimulatedPlatform = {
  name: 'hubspot',
  // A 2xx that names no record is a silent failure only where the answer should name each.
  faults: ({ path }) => FAULT_KINDS.filter((kind) => kind !== 'empty' || /\/batch\/(?:upsert|update)$/.test(path)),
  htmlApplies: false,
  failure,
  open: openHubspot,
};

const savedPortal = z.object({
  records: savedRecords,
  lists: savedLists,
  associations: savedAssociations.default([]),
});

function openHubspot(saved: unknown): SimulatedDestination {
  const records = new Records();
  const lists = new Lists(records);
  const calls = new RollingWindow();
  const associations = new Associations(records);
  let rules: PropertyRules = { names: null, unique: new Set() };
  let custom: Readonly<Record<string, ObjectTypeSetup>> | null = null;
  let portal: Portal = { records, types: new ObjectTypes(rules, null) };
  if (saved !== null) {
    const state = savedPortal.parse(saved);
    records.restore(state.records);
    lists.restore(state.lists);
    associations.restore(state.associations);
  }
  return {
    handle(request, context) {
      const refusal = tokenProblem(request, context);
      if (refusal) return refusal;
      const limit = context.limits.hubspot;
      if (!calls.take(limit, context.now)) return throttled(context);
      const answer = route({ portal, lists, associations }, request, context);
      const left = limit.requestsMax - calls.used(limit, context.now);
      const rolling = {
        'x-hubspot-ratelimit-max': String(limit.requestsMax),
        'x-hubspot-ratelimit-remaining': String(left),
        'x-hubspot-ratelimit-interval-milliseconds': String(limit.windowMs),
      };
      return { ...answer, headers: { ...answer.headers, ...dailyHeaders(), ...rolling } };
    },
    holdings: (rowsMax) => ({
      ...nothingHeld,
      audiences: lists.holdings(rowsMax),
      objects: associatedHoldings(records, associations, rowsMax),
    }),
    save: () => ({ records: records.save(), lists: lists.save(), associations: associations.save() }),
    configure({ properties, uniqueProperties, objectTypes }) {
      rules = {
        names: properties ? new Set(properties) : rules.names,
        unique: uniqueProperties ? new Set(uniqueProperties) : rules.unique,
      };
      custom = objectTypes ?? custom;
      portal = { records, types: new ObjectTypes(rules, custom) };
    },
  };
}

interface Services {
  readonly portal: Portal;
  readonly lists: Lists;
  readonly associations: Associations;
}

function route({ portal, lists, associations }: Services, request: SandboxRequest, context: RequestContext): Answer {
  const parts = request.path.split('/').filter((part) => part !== '');
  const [area, api, version, ...rest] = parts;
  if (area === 'account-info' && rest.length === 0 && version === 'details' && request.method === 'GET') {
    return jsonAnswer(200, { portalId: portalId(context.destination), accountType: 'DEVELOPER_TEST', timeZone: 'UTC' });
  }
  const { types } = portal;
  if (area !== 'crm' || version !== VERSION || !APIS.includes(api ?? '')) {
    context.violate('unknown-request', `${request.method} on a path that version ${VERSION} does not have`);
    return notFound(context, `There is nothing at this path; the version is ${VERSION}`);
  }
  if (api === 'lists') return lists.handle(rest, request, context);
  if (api === 'associations') return associations.handle({ types, parts: rest }, request, context);
  const [named = '', batch, verb] = rest.map(decodeURIComponent);
  if (api === 'properties' && request.method === 'GET' && rest.length <= 2)
    return readProperties(portal, { named, name: batch ?? null }, context);
  const type = types.find(named);
  if (type === null) return unknownType(named, context);
  if (rest.length === 1 && request.method === 'GET') return listRecords(portal, type, request, context);
  const isBatch = api === 'objects' && batch === 'batch' && rest.length === 3 && request.method === 'POST';
  if (isBatch && (verb === 'upsert' || verb === 'update')) return writeBatch(portal, { type, verb }, request, context);
  if (isBatch && verb === 'read') return readRecords(portal, type, request, context);
  const forget = (id: string): void => {
    lists.forget(id);
    associations.forget(id);
  };
  if (isBatch && verb === 'archive') return archiveBatch({ portal, type, forget }, request, context);
  const isErasure = api === 'objects' && batch === 'gdpr-delete' && rest.length === 2 && request.method === 'POST';
  if (isErasure) return eraseContact({ records: portal.records, type, forget }, request, context);
  context.violate('unknown-request', `${request.method} is not supported on this path`);
  return notFound(context, 'There is nothing at this path');
}

const APIS = ['objects', 'lists', 'properties', 'associations'];

/** Records with the ids of those that they are associated with, as a field for each other type. */
function associatedHoldings(records: Records, associations: Associations, rowsMax: number): readonly ObjectSetState[] {
  const sets = records.holdings(rowsMax);
  return sets.map((set) => ({
    ...set,
    records: set.records.map((record) => {
      const others = sets.flatMap(({ type }) => {
        const ids = associations.of(String(record.id), type);
        return ids.length === 0 ? [] : [[`association.${type}`, ids.join(';')] as const];
      });
      return others.length === 0 ? record : { ...record, fields: { ...record.fields, ...Object.fromEntries(others) } };
    }),
  }));
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
