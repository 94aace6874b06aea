import { AsyncLocalStorage } from 'node:async_hooks';
import { type HttpClient, type HttpRequest, type HttpResponse, TransportError } from '../../src/destinations/http.ts';
import {
  type Answer,
  defaultLimits,
  type RequestContext,
  type SandboxRequest,
  type SimulatedDestination,
  type SimulatedPlatform,
} from '../../src/sandbox/platform.ts';
import type { FaultKind } from './faults.ts';
import { type Fate, JobReceiver } from './jobs.ts';
import type { Random } from './random.ts';
import type { Process, Scheduler } from './scheduler.ts';

const REQUEST_MS_MAX = 60_000;

/** The batch that a request belongs to: which group its first row is of, and how many requests it made before. */
interface Lead {
  readonly group: number;
  requests: number;
}

export interface NetworkOptions {
  /** A holder that was replaced may send nothing, also not what belongs to a batch that it has begun. */
  readonly strict: boolean;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly platform: SimulatedPlatform;
  readonly notReadyCalls: number;
  readonly poisonAnswer: 'reject' | 'refuse';
  /** Whether a row with these values is never taken. */
  readonly isPoison: (values: readonly string[]) => boolean;
}

/** What is wrong with the network and the platform during one run. */
export interface Weather {
  readonly outage: FaultKind | null;
  readonly opening: FaultKind[];
  /** For the first request that carries rows. */
  first: FaultKind | null;
  /** By group: for requests that begin with a row of it, one after another. */
  readonly groups: ReadonlyMap<number, FaultKind[]>;
}

export const FAIR: Weather = { outage: null, opening: [], first: null, groups: new Map() };

/** The way between the processes and one simulated platform, without sockets and in virtual time. */
export class Network {
  readonly destination: SimulatedDestination;
  readonly #options: NetworkOptions;
  readonly #lead = new AsyncLocalStorage<Lead>();
  readonly faultsMet = new Map<FaultKind, number>();
  readonly violations: string[] = [];
  weather: Weather = FAIR;
  requests = 0;
  #expired = false;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.destination = options.platform.open(null);
  }

  /** Whatever is sent meanwhile begins with a row of this group. */
  leadBy<T>(group: number, work: () => Promise<T>): Promise<T> {
    return this.#lead.run({ group, requests: 0 }, work);
  }

  setWeather(weather: Weather): void {
    this.weather = weather;
    if (this.destination instanceof JobReceiver) this.destination.troubled = weather !== FAIR;
    this.#expired = false;
  }

  /** What has become of jobs. */
  get fatesMet(): readonly Fate[] {
    return this.destination instanceof JobReceiver ? [...this.destination.met.keys()] : [];
  }

  /** A request of somebody else, or of the simulation itself: no fault, no time. */
  direct(method: string, path: string, body?: unknown): Answer {
    return this.destination.handle(
      requestOf({
        method: method as 'POST',
        url: `http://platform${path}`,
        ...(body ? { body: JSON.stringify(body) } : {}),
      }),
      this.#context(() => false, false),
    );
  }

  clientOf(process: Process): HttpClient {
    return { request: (request) => this.#send(process, request) };
  }

  #send(process: Process, request: HttpRequest): Promise<HttpResponse> {
    const { scheduler, random } = this.#options;
    return new Promise((resolve, reject) => {
      if (!scheduler.pass(process, 'request')) return;
      if (this.#isFenced() && scheduler.isReplaced(process))
        this.violations.push('a holder that was taken over from went on sending');
      const fault = this.#nextFault(request);
      const survives = random.chance(0.5);
      scheduler.after(null, random.below(80), () => {
        if (process.state === 'ended' && !survives) return;
        const outcome = this.#arrive(request, fault);
        scheduler.after(process, outcome.afterMs, () => {
          if (!scheduler.pass(process, 'answer')) return;
          if (outcome.answer instanceof TransportError) reject(outcome.answer);
          else resolve(responseOf(outcome.answer));
        });
      });
    });
  }

  /** Whether the engine has to look at its lease before this request. */
  #isFenced(): boolean {
    const lead = this.#lead.getStore();
    return this.#options.strict || (lead !== undefined && lead.requests++ === 0);
  }

  #nextFault(request: HttpRequest): FaultKind | null {
    const { outage, opening, groups } = this.weather;
    if (this.#expired) return 'expired token';
    const group = this.#lead.getStore()?.group;
    const first = group === undefined ? null : this.weather.first;
    if (first !== null) this.weather.first = null;
    const own = group === undefined ? opening.shift() : groups.get(group)?.shift();
    const fault = outage ?? first ?? own ?? null;
    // An archive is answered without a body when it went well.
    return fault === 'empty answer' && request.url.endsWith('/archive') ? null : fault;
  }

  /** What becomes of a request, and how long its answer takes. */
  #arrive(
    request: HttpRequest,
    fault: FaultKind | null,
  ): { readonly answer: Answer | TransportError; readonly afterMs: number } {
    const { random, platform } = this.#options;
    this.requests++;
    if (fault !== null) this.faultsMet.set(fault, (this.faultsMet.get(fault) ?? 0) + 1);
    const soon = random.below(120);
    // Of a removal from a HubSpot list only contacts that are not there can be left out.
    const partial = fault === 'some rows fail' && !request.url.endsWith('/memberships/remove');
    const unlucky = partial ? firstAndSome(random) : () => false;
    // What is never taken can be taken away.
    const removes = request.method === 'DELETE' || String(request.body).includes('"operation":"delete"');
    const context = this.#context(unlucky, !removes);
    const apply = (): Answer => this.destination.handle(requestOf(request), context);
    const answer = (status: number, body = '', headers: Record<string, string> = {}): Answer => {
      return { status, headers, body, rows: 0, rejected: 0 };
    };
    const said = (it: Answer | TransportError, afterMs = soon) => ({ answer: it, afterMs });
    switch (fault) {
      case null:
      case 'some rows fail':
        return said(apply());
      case 'slow answer':
        return said(apply(), random.between(3_000, 55_000));
      case 'throttled for seconds':
        return said(answer(429, '', { 'retry-after': String(random.between(1, 4)) }));
      case 'throttled until a date':
        return said(answer(429, 'slow down', { 'retry-after': new Date(context.now + 3_000).toUTCString() }));
      case 'throttled for longer than a run':
        return said(answer(429, '', { 'retry-after': '600' }));
      case 'throttled in its own words':
        return said(platform.failure('throttled', context));
      case 'server error, not applied':
        return said(platform.failure('server_error', context));
      case 'server error, applied':
        apply();
        return said(platform.failure('server_error', context));
      case 'unavailable':
        return said(platform.failure('unavailable', context));
      case 'gateway timeout, applied':
        apply();
        return said(platform.failure('timeout_after', context));
      case 'timeout, applied':
        apply();
        return said(new TransportError('timeout', 'No answer in time', 'maybe'), REQUEST_MS_MAX);
      case 'timeout, not applied':
        return said(new TransportError('timeout', 'No answer in time', 'maybe'), REQUEST_MS_MAX);
      case 'connection refused':
        return said(new TransportError('ECONNREFUSED', 'The connection failed (ECONNREFUSED)', 'no'));
      case 'connection reset, applied':
        apply();
        return said(new TransportError('UND_ERR_SOCKET', 'The connection broke (UND_ERR_SOCKET)', 'maybe'));
      case 'connection reset, not applied':
        return said(new TransportError('UND_ERR_SOCKET', 'The connection broke (UND_ERR_SOCKET)', 'maybe'));
      case 'answer cut short, applied': {
        const whole = apply();
        return said({ ...whole, body: whole.body.slice(0, Math.max(1, Math.floor(whole.body.length / 2))) });
      }
      case 'page of HTML, applied':
        apply();
        return said(answer(200, '<html><body>Please wait</body></html>', { 'content-type': 'text/html' }));
      case 'page of HTML, not applied':
        return said(answer(200, '<html><body>Please wait</body></html>', { 'content-type': 'text/html' }));
      case 'empty answer': {
        // A webhook's 2xx means that it took the rows; the others have to say so.
        if (!platform.htmlApplies) return said(answer(200));
        const whole = apply();
        return said(whole.rejected > 0 ? whole : { ...whole, body: '' });
      }
      case 'whole batch refused':
        return said(answer(400, '{"message":"something in here is wrong"}', { 'content-type': 'application/json' }));
      case 'too large':
        return said(answer(413));
      case 'expired token':
        this.#expired = true;
        return said(answer(401, '{"message":"the token has expired"}'));
      case 'redirect':
        return said(answer(302, '', { location: 'http://elsewhere.test/' }));
    }
  }

  #context(unlucky: () => boolean, refuses: boolean): RequestContext {
    const { scheduler, isPoison, poisonAnswer, notReadyCalls } = this.#options;
    return {
      destination: 'simulated',
      now: scheduler.now,
      traceId: `trace-${this.requests}`,
      limits: defaultLimits,
      retryAfterSeconds: 1,
      notReadyCalls,
      unlucky,
      poison: (values) => (refuses && isPoison(values) ? poisonAnswer : null),
      violate: (rule, detail) => this.violations.push(`${rule}: ${detail}`),
      repeat: () => {},
    };
  }
}

function firstAndSome(random: Random): () => boolean {
  let asked = 0;
  return () => ++asked === 1 || random.chance(0.3);
}

function requestOf({ method, url, headers, body }: HttpRequest): SandboxRequest {
  const { pathname, searchParams } = new URL(url);
  return {
    method,
    path: pathname,
    query: searchParams,
    headers: { authorization: 'Bearer good', 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : Buffer.from(body ?? '').toString(),
    baseUrl: 'http://platform',
  };
}

function responseOf({ status, headers, body }: Answer): HttpResponse {
  return {
    status,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body,
    json() {
      try {
        return JSON.parse(body);
      } catch {
        return undefined;
      }
    },
  };
}
