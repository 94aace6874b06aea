import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { SentIdentifier, ServiceContext, Session } from '../../../src/destinations/destination.ts';
import type { HttpClient, HttpRequest } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { google } from '../../../src/sandbox/google/index.ts';
import { defaultLimits, type RequestContext, type SimulatedDestination } from '../../../src/sandbox/platform.ts';
import { makeContext, makeResponse, virtualClock } from '../rows.ts';
import { faultsOf } from './discovery.ts';

export const CREDENTIALS = { refresh_token: 's3cr3t-refresh', client_id: 'client', client_secret: 's3cr3t-client' };

const ACCOUNT = {
  ...{ customer_id: '123-456-7890', account_type: 'GOOGLE_ADS', encoding: 'HEX', confirm: 'processed' },
  ...{ consent_ad_user_data: 'granted', consent_ad_personalization: 'granted' },
};
export const AUDIENCE: ServiceContext['config'] = {
  ...ACCOUNT,
  ...{ terms_accepted: true, list_type: 'contact', membership_days: 540, send_address: false, replace: 'delta' },
};
export const CONVERSION: ServiceContext['config'] = {
  ...ACCOUNT,
  ...{ conversion_action_id: '987', kind: 'conversion', currency: 'EUR' },
};

export const NOON = Date.UTC(2026, 5, 15, 12);

export const id = (kind: SentIdentifier['kind'], value: string, rank = 1): SentIdentifier => ({
  ...{ kind, value, rank, recordId: null },
});

export type Reply = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** The simulated API in this process, on a clock of its own; every request is held against Google's discovery document. */
export class World {
  readonly clock: ServiceContext['clock'];
  /** Google's clock is this much ahead of ours. */
  aheadMs = 0;
  readonly simulated: SimulatedDestination = google.open(null);
  readonly asked: HttpRequest[] = [];
  readonly violations: string[] = [];
  readonly poison = new Map<string, 'reject' | 'refuse'>();
  notReadyCalls = 0;
  unlucky = 0;
  /** Answers that stand in for the platform's, for requests whose path contains the text; each is used once. */
  readonly scripted: { readonly path: string; readonly reply: Reply }[] = [];

  constructor(clock = virtualClock(NOON)) {
    this.clock = clock;
  }

  readonly http: HttpClient = {
    request: async (request) => {
      const url = new URL(request.url);
      const isToken = url.hostname === 'oauth2.googleapis.com';
      if (!isToken) {
        const faults = faultsOf(request);
        if (faults.length > 0) throw new Error(`not as the discovery document has it: ${faults.join('; ')}`);
        this.asked.push(request);
        const index = this.scripted.findIndex(({ path }) => url.pathname.includes(path));
        const [script] = index < 0 ? [] : this.scripted.splice(index, 1);
        if (script !== undefined) return makeResponse(script.reply);
      }
      const answer = this.simulated.handle(
        {
          ...{ method: request.method, path: url.pathname, query: url.searchParams, baseUrl: url.origin },
          ...{ headers: request.headers ?? {}, body: String(request.body ?? '') },
        },
        this.#context(url.pathname),
      );
      return makeResponse({ status: answer.status, headers: answer.headers, body: answer.body });
    },
  };

  #context(path: string): RequestContext {
    let unlucky = /:(ingest|remove)$/.test(path) ? this.unlucky : 0;
    if (unlucky > 0) this.unlucky = 0;
    return {
      ...{ destination: 'd', now: this.clock.now() + this.aheadMs, traceId: `t${this.asked.length}` },
      ...{ limits: defaultLimits, retryAfterSeconds: 1, notReadyCalls: this.notReadyCalls },
      unlucky: () => unlucky-- > 0,
      poison: (values) => values.map((value) => this.poison.get(value)).find((one) => one !== undefined) ?? null,
      violate: (rule, detail) => this.violations.push(`${rule}: ${detail}`),
      repeat: () => {},
    };
  }

  async open(service: ServiceKind, part: Partial<ServiceContext> = {}): Promise<Session> {
    return (await findService('google', service)).open(this.context(service, part));
  }

  context(service: ServiceKind, part: Partial<ServiceContext> = {}): ServiceContext {
    return makeContext({
      ...{ config: service === 'events' ? CONVERSION : AUDIENCE, credentials: CREDENTIALS, audienceName: 'VIP' },
      ...{ http: this.http, clock: this.clock },
      ...part,
    });
  }

  /** E-mail hashes of the lists' members. */
  held(): readonly string[] {
    const { audiences } = this.simulated.holdings(1_000);
    return audiences.flatMap(({ members }) => members.flatMap((member) => member['emailAddress'] ?? [])).sort();
  }

  body(index = -1): Readonly<Record<string, unknown>> {
    return JSON.parse(String(this.asked.at(index)?.body));
  }
}

/** 64 hex digits that a test can tell apart. */
export const sha = (digit: string): string => digit.repeat(64);
