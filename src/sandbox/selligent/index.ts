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
import { changeSegment, deleteRecords, type ListRules, loadRecords } from './data.ts';
import { List, savedList } from './list.ts';
import { selligentError } from './selligent-answer.ts';

/**
 * Selligent's REST API, v1: lists with records and static segments. Any secret is good but `invalid`, and `forbidden`, which may
 * read and not write: both answer 401. Lists come into being when they are used; fields, segments and contacts are there
 * unless they were told.
 */
export const selligent: SimulatedPlatform = {
  name: 'selligent',
  faults: ({ path }) => FAULT_KINDS.filter((kind) => kind !== 'partial' || /\/data(\/load)?$/.test(path)),
  htmlApplies: false,
  failure,
  open: openSelligent,
};

const savedOrganizations = z.array(z.tuple([z.string(), savedList]));

interface World {
  /** By organization and API name, in lower case. */
  readonly lists: Map<string, List>;
  rules: ListRules;
  segments: ReadonlySet<string> | null;
}

function openSelligent(saved: unknown): SimulatedDestination {
  const lists = new Map<string, List>();
  const calls = new RollingWindow();
  const world: World = { lists, rules: { fields: null, indexed: null, contacts: null }, segments: null };
  if (saved !== null) {
    for (const [name, one] of savedOrganizations.parse(saved)) {
      const list = new List();
      list.restore(one);
      lists.set(name, list);
    }
  }
  return {
    handle(request, context) {
      const limit = context.limits.selligent;
      const isTaken = calls.take(limit, context.now);
      const answer = isTaken ? (keyProblem(request) ?? route(world, request, context)) : quota(limit.requestsMax);
      const left = isTaken ? limit.requestsMax - calls.used(limit, context.now) : 0;
      return { ...answer, headers: { ...answer.headers, ...rateHeaders(limit.requestsMax, left, context.now) } };
    },
    holdings: (rowsMax) => ({
      ...nothingHeld,
      objects: [...lists].map(([name, list]) => list.objects(name, rowsMax)),
      audiences: [...lists].flatMap(([name, list]) => list.audiences(name, rowsMax)),
    }),
    save: () => [...lists].map(([name, list]) => [name, list.save()]),
    configure({ properties, uniqueProperties, selligent: setup = {} }) {
      const upper = (names: readonly string[] | undefined) =>
        names === undefined ? null : new Set(names.map((name) => name.toUpperCase()));
      const contacts = setup.contacts === undefined ? null : new Set(setup.contacts.map((one) => one.toLowerCase()));
      world.rules = { fields: upper(properties), indexed: upper(uniqueProperties), contacts };
      world.segments = setup.segments === undefined ? null : new Set(setup.segments.map((one) => one.toLowerCase()));
    },
  };
}

function rateHeaders(requestsMax: number, left: number, now: number): Readonly<Record<string, string>> {
  return {
    'x-ratelimit-limit': `${requestsMax}, ${requestsMax};w=60`,
    'x-ratelimit-remaining': String(left),
    'x-ratelimit-reset': String(60 - (Math.floor(now / 1000) % 60)),
  };
}

function route(world: World, request: SandboxRequest, context: RequestContext): Answer {
  const parts = request.path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [portal, api, organizations, organization = '', lists, listName = '', ...rest] = parts;
  const isPlace = portal === 'Portal' && api === 'Api' && organizations === 'organizations' && lists === 'lists';
  if (!isPlace || listName === '') return unknown(request, context);
  const name = `${organization}/${listName}`.toLowerCase();
  const list = world.lists.get(name) ?? new List();
  world.lists.set(name, list);
  const what = `${request.method} ${rest[0] === 'segments' ? ['segments', '*', ...rest.slice(2)].join('/') : rest.join('/')}`;
  switch (what) {
    case 'GET ':
      return jsonAnswer(200, { api_name: listName, name: listName, type: 'Userlist' });
    case 'GET fields':
      return jsonAnswer(
        200,
        [...(world.rules.fields ?? [])].map((field) => ({ name: field })),
      );
    case 'POST data/load':
      return loadRecords(list, world.rules, request, context);
    case 'DELETE data':
      return deleteRecords(list, world.rules, request, context);
    case 'GET segments/*':
    case 'POST segments/*/data/load':
    case 'DELETE segments/*/data':
      return inSegment({ world, list, apiName: rest[1] ?? '' }, request, context);
    default:
      return unknown(request, context);
  }
}

function inSegment(
  { world, list, apiName }: { readonly world: World; readonly list: List; readonly apiName: string },
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const mayBe = world.segments === null || world.segments.has(apiName.toLowerCase());
  const segment = list.segment(apiName) ?? (mayBe ? list.addSegment(apiName, apiName) : undefined);
  if (segment === undefined) return selligentError(404, 'The resources cannot be found');
  if (request.method === 'GET')
    return jsonAnswer(200, { api_name: segment.apiName, name: segment.name, type: 'StaticSegment' });
  return changeSegment({ list, rules: world.rules, segment }, request, context);
}

function unknown(request: SandboxRequest, context: RequestContext): Answer {
  context.violate('unknown-request', `${request.method} on a path that is not simulated`);
  return selligentError(404, 'The resources cannot be found');
}

/** `X-ApiKey: key:secret`. What an account was not given answers as a wrong key does. */
function keyProblem(request: SandboxRequest): Answer | null {
  const [, secret = 'invalid'] = /^[^:\s]+:(\S+)$/.exec(request.headers['x-apikey'] ?? '') ?? [];
  const isRefused = secret === 'invalid' || (secret === 'forbidden' && request.method !== 'GET');
  return isRefused ? selligentError(401, 'The access key was incorrect') : null;
}

function quota(requestsMax: number): Answer {
  const body = `API calls quota exceeded! The maximum allowed is ${requestsMax} per minute`;
  return { status: 429, headers: { 'content-type': 'text/plain' }, body, rows: 0, rejected: 0 };
}

function failure(kind: FailureKind, context: RequestContext): Answer {
  // One bulk operation of a list at a time: that is a 429 as well, and no header speaks of it.
  if (kind === 'throttled') return selligentError(429, 'A bulk operation is already in progress on this list');
  if (kind === 'empty') return { ...jsonAnswer(200, undefined), body: '' };
  const status = { server_error: 500, unavailable: 503, timeout_after: 504 }[kind];
  const said = selligentError(status, 'Something went wrong');
  return status === 503 ? { ...said, headers: { 'retry-after': String(context.retryAfterSeconds) } } : said;
}
