import { printExact } from './exact-json.ts';
import type { FaultKind } from './faults.ts';
import type { Holdings } from './sandbox-state.ts';

/**
 * The contract between the sandbox's server and one simulated platform.
 *
 * A platform is one folder that knows the vendor's rules from the vendor's own documentation. Nothing here is shared with
 * the code that sends, so that a mistake in one is not repeated by the other.
 */
export interface SimulatedPlatform {
  readonly name: string;
  /** Fault kinds that this request can meet. */
  faults(request: Pick<SandboxRequest, 'method' | 'path'>): readonly FaultKind[];
  /** Whether a page of HTML with status 200 stands for a request that was applied. */
  readonly htmlApplies: boolean;
  /** How the platform words a failure of its own. Asked only for kinds that replace the answer. */
  failure(kind: FailureKind, context: RequestContext): Answer;
  /** A destination of its own, empty, or as `save` left it. Throws where `saved` is not what it wrote. */
  open(saved: unknown): SimulatedDestination;
}

export type FailureKind = 'throttled' | 'server_error' | 'unavailable' | 'timeout_after' | 'empty';

export interface SimulatedDestination {
  /** Synchronous: a request is applied whole or not at all, whatever becomes of the answer. */
  handle(request: SandboxRequest, context: RequestContext): Answer;
  /** What it holds; of each list of rows the latest `rowsMax`. */
  holdings(rowsMax: number): Holdings;
  /** What `open` needs to go on, as JSON data (bigint allowed). */
  save(): unknown;
  /** Tells what only the project knows. */
  configure(setup: DestinationSetup): void;
}

/** What a destination may be told before the first request. Only the folder outlives a restart: tell the rest again. */
export interface DestinationSetup {
  /** Webhook: the secret that signs; kept in memory only. */
  readonly secret?: string | undefined;
  /** Files: absolute path of the folder that rows are written to; must have a part named `dinmo_sandbox`. */
  readonly folder?: string | undefined;
  /** HubSpot: the only properties that exist; without it any lower-case name does. */
  readonly properties?: readonly string[] | undefined;
  /** HubSpot: properties with unique values, besides those whose name ends in `_id` or `_key`. */
  readonly uniqueProperties?: readonly string[] | undefined;
  /** Zendesk, without `properties`: fields of the project's mappings, which exist there, since it lists those that do. */
  readonly mappedFields?: readonly string[] | undefined;
  /** HubSpot: the custom objects of the account, by name; without it any object type comes into being when it is used. */
  readonly objectTypes?: Readonly<Record<string, ObjectTypeSetup>> | undefined;
  /** Salesforce; its custom fields, and which of them are external ids, are told as `properties` and `uniqueProperties`. */
  readonly salesforce?: SalesforceSetup | undefined;
  /** Selligent; the fields of its lists, and which have a unique index, are told as `properties` and `uniqueProperties`. */
  readonly selligent?: SelligentSetup | undefined;
}

/** HubSpot: a custom object, as an account defines it. */
export interface ObjectTypeSetup {
  /** `2-123456`. */
  readonly id: string;
  /** By internal name; no others exist, but those that HubSpot sets itself. */
  readonly properties: Readonly<Record<string, PropertySetup>>;
  /** The other types that records of it can be associated with. */
  readonly associates?: readonly string[] | undefined;
}

export interface PropertySetup {
  readonly type?: 'string' | 'number' | 'date' | 'datetime' | 'enumeration' | undefined;
  readonly unique?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
  readonly options?: readonly string[] | undefined;
}

export interface SelligentSetup {
  /** API names of the only static segments that exist; without it any does. */
  readonly segments?: readonly string[] | undefined;
  /** Values of the key field of who is in a list beside what is loaded; without it a segment takes anybody. */
  readonly contacts?: readonly string[] | undefined;
}

export interface SalesforceSetup {
  /** Records that are there before anything is sent, by object. */
  readonly records?: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>;
  /** API calls of 24 hours. */
  readonly apiCallsMax?: number;
  /** How often a job is still in progress when it is asked for. */
  readonly jobPolls?: number;
  /** Requests after which a session ends. */
  readonly sessionRequests?: number;
}

export interface SandboxRequest {
  readonly method: string;
  /** After the destination's base URL; starts with `/`, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The destination's base URL, for links in answers. */
  readonly baseUrl: string;
}

export interface RequestContext {
  readonly destination: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Differs per request, the same in a repeated run. */
  readonly traceId: string;
  readonly limits: RequestLimits;
  readonly retryAfterSeconds: number;
  readonly notReadyCalls: number;
  /** Whether this row falls to an injected partial failure. Ask once a row, only where the platform can refuse single rows. */
  unlucky(): boolean;
  /** Whether the row is poisoned, and how the platform is to answer. */
  poison(values: readonly string[]): 'reject' | 'refuse' | null;
  violate(rule: string, detail: string): void;
  /** Says that this request came before and was recognised. */
  repeat(): void;
}

/** Requests in a rolling window. */
export interface RequestLimit {
  readonly requestsMax: number;
  readonly windowMs: number;
}

export interface RequestLimits {
  /** /users/track: 3,000 in 3 s. */
  readonly braze: RequestLimit;
  /** Free and Starter portals: 100 per 10 s. */
  readonly hubspot: RequestLimit;
  /** Custom-audience calls an hour on the full tier: 190,000. */
  readonly meta: RequestLimit;
  /** For every endpoint; null: each endpoint's own two windows, as Klaviyo states them. */
  readonly klaviyo: RequestLimit | null;
  /** Of one API key: 2,500 a minute. */
  readonly selligent: RequestLimit;
  /** One message a second; short bursts are let through. */
  readonly slack: RequestLimit;
  /** Enterprise: 700 a minute. */
  readonly zendesk: RequestLimit;
}

export const defaultLimits: RequestLimits = {
  braze: { requestsMax: 3_000, windowMs: 3_000 },
  hubspot: { requestsMax: 100, windowMs: 10_000 },
  meta: { requestsMax: 190_000, windowMs: 3_600_000 },
  klaviyo: null,
  selligent: { requestsMax: 2_500, windowMs: 60_000 },
  slack: { requestsMax: 60, windowMs: 60_000 },
  zendesk: { requestsMax: 700, windowMs: 60_000 },
};

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Rows that the request carried. */
  readonly rows: number;
  /** Of them, refused. */
  readonly rejected: number;
}

/** A JSON answer; a bigint is written as a number. `undefined` is an empty body. */
export function jsonAnswer(
  status: number,
  value: unknown,
  extra: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly rows?: number;
    readonly rejected?: number;
  } = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...extra.headers },
    body: value === undefined ? '' : printExact(value),
    rows: extra.rows ?? 0,
    rejected: extra.rejected ?? 0,
  };
}

/** The body as JSON; undefined where it is not JSON or was not said to be. */
export function readJson(request: SandboxRequest): unknown {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return undefined;
  try {
    return JSON.parse(request.body);
  } catch {
    return undefined;
  }
}

export const nothingHeld: Holdings = { audiences: [], events: [], objects: [], files: [] };
