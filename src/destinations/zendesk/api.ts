import { DinmoError } from '../../errors.ts';
import { registerSecret } from '../../log.ts';
import { exchange } from '../answer.ts';
import type { BatchOutcome, ServiceContext } from '../destination.ts';
import type { HttpRequest } from '../http.ts';
import { ZENDESK_VERSION } from './facts.ts';
import { type Reading, readAnswer, readPause } from './response.ts';

/** Talks to the Ticketing API of one account. Never throws. */
export interface ZendeskApi {
  /** `path` begins after `/api/v2`. */
  call(
    request: Pick<HttpRequest, 'method'> & {
      readonly path: string;
      readonly body?: unknown;
      readonly signal?: AbortSignal;
    },
  ): Promise<Reading>;
  /** The outcome, with what is left of the longest pause that an answer asked for. */
  withPause(outcome: BatchOutcome): BatchOutcome;
}

type Context = Pick<ServiceContext, 'config' | 'credentials' | 'http' | 'clock'> &
  Partial<Pick<ServiceContext, 'baseUrl'>>;

/** Throws DinmoError `invalid-setting` for a subdomain that is none, `missing-credential` where nothing authenticates. */
export function createApi(context: Context): ZendeskApi {
  const base = (context.baseUrl ?? accountUrl(String(context.config['subdomain'] ?? ''))).replace(/\/+$/, '');
  const authorization = authorizationOf(context.credentials);
  let pausedUntil = 0;
  return {
    async call({ method, path, body, signal }) {
      const result = await exchange(context.http, {
        method,
        url: `${base}/api/${ZENDESK_VERSION}${path}`,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (result.kind === 'outcome') return { ...result, status: null };
      const now = context.clock.now();
      pausedUntil = Math.max(pausedUntil, now + (readPause(result.response) ?? 0));
      return readAnswer(result.response, now);
    },
    withPause(outcome) {
      const pauseMs = pausedUntil - context.clock.now();
      return pauseMs > 0 ? { ...outcome, pauseMs: Math.max(pauseMs, outcome.pauseMs ?? 0) } : outcome;
    },
  };
}

/** The text becomes part of a host that credentials are sent to. */
function accountUrl(subdomain: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(subdomain))
    return `https://${subdomain.toLowerCase()}.zendesk.com`;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-setting',
    message: 'config.subdomain of Zendesk is not a subdomain',
    fix: 'Write `shop` for https://shop.zendesk.com.',
  });
}

/** Basic with `{email}/token:{api_token}`, or an OAuth bearer token. https://developer.zendesk.com/api-reference/introduction/security-and-auth/ */
function authorizationOf(credentials: Readonly<Record<string, string>>): string {
  const { access_token: accessToken, email, api_token: apiToken } = credentials;
  if (accessToken !== undefined) return `Bearer ${accessToken}`;
  if (email !== undefined && apiToken !== undefined) {
    const pair = `${email}/token:${apiToken}`;
    // In base64 the token alone is not to be recognised.
    registerSecret(pair);
    return `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  throw new DinmoError({
    kind: 'configuration',
    code: 'missing-credential',
    message: 'Zendesk needs credentials.email and credentials.api_token, or credentials.access_token',
    fix: 'Make an API token in the Admin Center (Apps and integrations, API tokens) and set both in the environment.',
  });
}
