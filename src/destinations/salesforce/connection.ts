import { readText, refused } from '../answer.ts';
import { createTokens, type Token, type TokenStrategy } from '../auth.ts';
import type { ServiceContext } from '../destination.ts';
import type { HttpRequest } from '../http.ts';
import { type Step, untilSettled } from '../opening.ts';
import { SALESFORCE_VERSION } from './facts.ts';
import { type Reading, readAnswer } from './response.ts';

export interface SalesforceCall {
  readonly method: HttpRequest['method'];
  /** After `/services/data/vNN.0/`. */
  readonly path: string;
  /** JSON text, or CSV with `isCsv`. */
  readonly body?: string;
  readonly isCsv?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Talks to one org for one sync. Nothing is thrown but by `open`. */
export interface SalesforceApi {
  call(call: SalesforceCall): Promise<Reading>;
  /** The org’s id, which only the token says. Throws DinmoError where no token can be had. */
  account(): Promise<string | null>;
  /** API calls of the last 24 hours as the latest answer told them; null before. */
  usage(): { readonly used: number; readonly max: number } | null;
}

type Context = Pick<ServiceContext, 'config' | 'credentials' | 'http' | 'clock' | 'logger'> &
  Partial<Pick<ServiceContext, 'baseUrl'>>;

/** Salesforce says no lifetime with its tokens; a session ends after two hours without a request, unless the org says otherwise. */
const TOKEN_LIFETIME_MS = 60 * 60_000;

/**
 * OAuth 2.0 client credentials, or JWT bearer where a private key is given. The address of the org is that of the token’s answer
 * (`instance_url`), which a moved org corrects; of a `base_url` it is that.
 */
export function createApi(context: Context): SalesforceApi {
  const own = addressOf(context.config);
  const home = context.baseUrl == null ? own : trimmed(context.baseUrl);
  const strategy = strategyOf(context, { home, own });
  const refusal = strategy === null ? NO_CREDENTIALS : own.startsWith('https://') ? null : NOT_HTTPS;
  const tokens = strategy === null || refusal !== null ? null : createTokens(context, strategy);
  const baseOf = (token: Token): string => {
    const moved = readText(token.answer['instance_url']);
    return context.baseUrl == null && moved !== null && moved.startsWith('https://') ? trimmed(moved) : home;
  };
  const percentMax = Number(context.config['api_percent_max'] ?? 100);
  let usage: { readonly used: number; readonly max: number } | null = null;
  return {
    usage: () => usage,
    async call({ method, path, body, isCsv, signal }) {
      if (tokens === null) return { kind: 'outcome', outcome: refusal ?? NO_CREDENTIALS, status: null };
      if (usage !== null && usage.used * 100 > usage.max * percentMax)
        return { kind: 'outcome', outcome: usedUp(usage, percentMax), status: null };
      const contentType = isCsv === true ? 'text/csv; charset=UTF-8' : 'application/json; charset=UTF-8';
      const result = await tokens.request((token) => ({
        method,
        url: `${baseOf(token)}/services/data/v${SALESFORCE_VERSION}/${path}`,
        headers: body === undefined ? {} : { 'content-type': contentType },
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      }));
      if (result.kind === 'outcome') return { ...result, status: null };
      usage = readUsage(result.response.headers['sforce-limit-info']) ?? usage;
      return readAnswer(result.response, context.clock.now());
    },
    account: () =>
      untilSettled(context, 'Signing in to Salesforce', async (): Promise<Step<string | null>> => {
        if (tokens === null) return { kind: 'outcome', outcome: refusal ?? NO_CREDENTIALS };
        const taken = await tokens.take();
        return taken.kind === 'outcome' ? taken : { kind: 'value', value: orgOf(taken.token) };
      }),
  };
}

const NO_CREDENTIALS = refused(
  'no-credentials',
  'There is neither credentials.client_secret nor credentials.private_key with config.username',
  'Give client_secret for the client credentials flow, or private_key and username for the JWT bearer flow.',
);

function usedUp(
  { used, max }: { readonly used: number; readonly max: number },
  percent: number,
): ReturnType<typeof refused> {
  return refused(
    'api-calls-reserved',
    `${used} of the org’s ${max} API calls of 24 hours are used: more than ${percent} percent`,
    'Run the sync again later, or raise config.api_percent_max.',
  );
}

const NOT_HTTPS = refused(
  'instance-url-not-https',
  'config.instance_url is no https address: the secret would go in clear',
  'Give the My Domain address of the org: https://acme.my.salesforce.com',
);

/** The org’s own address, without a path; the scheme may be left out. */
function addressOf(config: Context['config']): string {
  const text = String(config['instance_url'] ?? '').trim();
  const address = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
  return URL.canParse(address) ? new URL(address).origin : '';
}

function strategyOf(
  { config, credentials }: Context,
  { home, own }: { readonly home: string; readonly own: string },
): TokenStrategy | null {
  const url = `${home}/services/oauth2/token`;
  const clientId = credentials['client_id'] ?? '';
  const { client_secret: clientSecret, private_key: privateKey } = credentials;
  const { username } = config;
  if (privateKey !== undefined && username !== undefined) {
    // The audience is the org’s own address even where another one is spoken to.
    const audience = String(config['audience'] ?? own);
    const claims = { iss: clientId, sub: String(username), aud: audience };
    return { kind: 'jwt_bearer', url, privateKey, claims, lifetimeMs: TOKEN_LIFETIME_MS };
  }
  if (clientSecret === undefined) return null;
  return { kind: 'client_credentials', url, clientId, clientSecret, lifetimeMs: TOKEN_LIFETIME_MS };
}

/** `id` of the token’s answer is `https://login.salesforce.com/id/<org>/<user>`. */
function orgOf(token: Token): string | null {
  return /\/id\/(\w{15,18})\/\w+$/.exec(readText(token.answer['id']) ?? '')?.[1] ?? null;
}

/** `Sforce-Limit-Info: api-usage=230/15000`; other counts may follow. */
function readUsage(header: string | undefined): { readonly used: number; readonly max: number } | null {
  const [, used, max] = /(?:^|[\s,;])api-usage=(\d+)\/(\d+)/.exec(header ?? '') ?? [];
  return used === undefined || Number(max) === 0 ? null : { used: Number(used), max: Number(max) };
}

function trimmed(address: string): string {
  return address.replace(/\/+$/, '');
}
