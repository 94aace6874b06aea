import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { registerSecret } from '../log.ts';
import {
  type Exchange,
  exchange,
  foreignOutcome,
  readObject,
  readText,
  refused,
  retry,
  statusOutcome,
} from './answer.ts';
import type { BatchOutcome } from './destination.ts';
import type { HttpClient, HttpRequest, HttpResponse } from './http.ts';

/** How a platform gives out access tokens. Addresses are whole; credentials are values, and are never logged. */
export type TokenStrategy = RefreshStrategy | ClientStrategy | JwtStrategy;

/** OAuth 2.0, RFC 6749 section 6: a refresh token that stays the same. A platform that rotates it cannot be used here. */
export interface RefreshStrategy extends TokenRequest {
  readonly kind: 'refresh';
  readonly refreshToken: string;
  readonly clientId: string;
  readonly clientSecret: string | null;
}

/** OAuth 2.0, RFC 6749 section 4.4. */
export interface ClientStrategy extends TokenRequest {
  readonly kind: 'client_credentials';
  readonly clientId: string;
  readonly clientSecret: string;
}

/** RFC 7523 with RS256: Salesforce's JWT bearer flow, Google's service accounts. */
export interface JwtStrategy extends TokenRequest {
  readonly kind: 'jwt_bearer';
  /** PEM, PKCS#8 or PKCS#1; line breaks may be written as `\n`. */
  readonly privateKey: string;
  /** `kid` of the header, where the platform wants one. */
  readonly keyId?: string;
  /** `iss`, `sub`, `aud`, `scope` …; `iat` and `exp` are added. */
  readonly claims: Readonly<Record<string, string>>;
  /** From `iat` to `exp`. Salesforce takes at most 300, Google 3,600. Default 180. */
  readonly lifetimeSeconds?: number;
}

interface TokenRequest {
  /** Where tokens are asked for (POST, form-encoded). */
  readonly url: string;
  /** Further fields of the form: scope, audience, resource. */
  readonly form?: Readonly<Record<string, string>>;
  /** `body` (default): client id and secret in the form; `basic`: as HTTP Basic (RFC 6749 section 2.3.1). */
  readonly clientAuth?: 'body' | 'basic';
  /** Where the answer says no `expires_in` (Salesforce): how long a token is taken for good. Default 15 minutes. */
  readonly lifetimeMs?: number;
}

/** One access token. */
export interface Token {
  readonly value: string;
  /** The whole answer of the token endpoint: Salesforce's `instance_url`. Never log it. */
  readonly answer: Readonly<Record<string, unknown>>;
}

/** A token, or the outcome that it could not be had: `refused` (expired grant, wrong key, clock skew) or `retry`. */
export type TokenResult =
  | { readonly kind: 'token'; readonly token: Token }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/** The access tokens of one account: fetched once however many ask, shared, renewed before they end. Nothing is thrown. */
export interface Tokens {
  /** A token that is good for a while. */
  take(): Promise<TokenResult>;
  /** The platform answered 401 to this token: a newer one. A token that is spent already is not fetched twice. */
  renew(spent: Token): Promise<TokenResult>;
  /**
   * Sends a request with `Authorization: Bearer`, and once more with a new token where the answer is 401. A second 401 is the
   * caller's to read. Give a function where address or headers hang on the token.
   */
  request(request: HttpRequest | ((token: Token) => HttpRequest)): Promise<Exchange>;
}

interface Held {
  readonly token: Token;
  /** When a new one is asked for. */
  readonly renewAt: number;
}

const LIFETIME_MS = 15 * 60_000;
/** Before its end a token is renewed: a request may be on its way for so long. */
const RENEW_BEFORE_MS = 90_000;
const JWT_SECONDS = 180;
/** `iat` is this much in the past: clocks differ. */
const SKEW_SECONDS = 10;
/** Clocks that are further apart than this are told to be. */
const SKEW_TOLD_MS = 60_000;

/** The tokens of one account, for as long as a session lives. */
export function createTokens(
  { http, clock }: { readonly http: HttpClient; readonly clock: Clock },
  strategy: TokenStrategy,
): Tokens {
  let held: Held | null = null;
  let fetching: Promise<TokenResult> | null = null;
  const ask = async (): Promise<TokenResult> => {
    const result = await fetchToken({ http, clock }, strategy);
    if (result.kind === 'outcome') return result;
    registerSecret(result.token.value);
    held = { token: result.token, renewAt: clock.now() + renewAfter(result.token, strategy) };
    return result;
  };
  const fresh = (): Promise<TokenResult> => {
    fetching ??= ask().finally(() => {
      fetching = null;
    });
    return fetching;
  };
  const take = async (): Promise<TokenResult> =>
    held !== null && clock.now() < held.renewAt ? { kind: 'token', token: held.token } : await fresh();
  const renew = async (spent: Token): Promise<TokenResult> => {
    // Several requests meet the same end: the first of them has brought a new one.
    if (held !== null && held.token !== spent) return await take();
    held = null;
    return await fresh();
  };
  return {
    take,
    renew,
    async request(given) {
      const send = async ({ token }: { readonly token: Token }): Promise<Exchange> => {
        const request = typeof given === 'function' ? given(token) : given;
        const headers = { ...request.headers, authorization: `Bearer ${token.value}` };
        return await exchange(http, { ...request, headers });
      };
      const first = await take();
      if (first.kind === 'outcome') return first;
      const answer = await send(first);
      if (answer.kind === 'outcome' || answer.response.status !== 401) return answer;
      const second = await renew(first.token);
      return second.kind === 'outcome' ? second : await send(second);
    },
  };
}

/** Early enough before its end; of a short life, after two thirds of it. */
function renewAfter({ answer }: Token, strategy: TokenStrategy): number {
  const seconds = Number(readText(answer['expires_in']) ?? Number.NaN);
  const stated = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : (strategy.lifetimeMs ?? LIFETIME_MS);
  return Math.max(stated - RENEW_BEFORE_MS, (stated * 2) / 3);
}

async function fetchToken(
  { http, clock }: { readonly http: HttpClient; readonly clock: Clock },
  strategy: TokenStrategy,
): Promise<TokenResult> {
  const assertion = strategy.kind === 'jwt_bearer' ? signedClaims(strategy, clock.now()) : null;
  if (assertion !== null && typeof assertion !== 'string') return { kind: 'outcome', outcome: assertion };
  const sent = await exchange(http, {
    method: 'POST',
    url: strategy.url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...basicOf(strategy) },
    body: formOf(strategy, assertion).toString(),
  });
  // Asking for a token changes nothing at the platform.
  if (sent.kind === 'outcome') return { kind: 'outcome', outcome: notApplied(sent.outcome) };
  return readToken(sent.response, strategy, clock.now());
}

function formOf(strategy: TokenStrategy, assertion: string | null): URLSearchParams {
  const form = new URLSearchParams(strategy.form ?? {});
  switch (strategy.kind) {
    case 'refresh':
      form.set('grant_type', 'refresh_token');
      form.set('refresh_token', strategy.refreshToken);
      break;
    case 'client_credentials':
      form.set('grant_type', 'client_credentials');
      break;
    case 'jwt_bearer':
      form.set('grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer');
      form.set('assertion', assertion ?? '');
      return form;
  }
  if (strategy.clientAuth === 'basic') return form;
  form.set('client_id', strategy.clientId);
  if (strategy.clientSecret !== null) form.set('client_secret', strategy.clientSecret);
  return form;
}

function basicOf(strategy: TokenStrategy): Readonly<Record<string, string>> {
  if (strategy.kind === 'jwt_bearer' || strategy.clientAuth !== 'basic') return {};
  // Both parts are form-encoded before they are joined (RFC 6749 section 2.3.1).
  const encoded = [strategy.clientId, strategy.clientSecret ?? ''].map((part) =>
    new URLSearchParams({ part }).toString().slice('part='.length),
  );
  const pair = encoded.join(':');
  registerSecret(pair);
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** RFC 7515, compact. An outcome where the key cannot be read: what node says of it may quote it. */
function signedClaims(strategy: JwtStrategy, now: number): string | BatchOutcome {
  const key = readKey(strategy.privateKey);
  if (key === null)
    return refused(
      'private-key-unreadable',
      'The private key is not an RSA key in PEM',
      'Give the whole PEM text, from -----BEGIN to -----END; in an environment variable line breaks may be written as \\n.',
    );
  const issuedAt = Math.floor(now / 1000) - SKEW_SECONDS;
  const expiresAt = issuedAt + (strategy.lifetimeSeconds ?? JWT_SECONDS);
  const header = { alg: 'RS256', typ: 'JWT', ...(strategy.keyId === undefined ? {} : { kid: strategy.keyId }) };
  const claims = { ...strategy.claims, iat: issuedAt, exp: expiresAt };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`;
}

function readKey(pem: string): KeyObject | null {
  try {
    const key = createPrivateKey(pem.replaceAll('\\n', '\n'));
    return key.asymmetricKeyType === 'rsa' ? key : null;
  } catch {
    return null;
  }
}

function readToken(response: HttpResponse, strategy: TokenStrategy, now: number): TokenResult {
  const outcome = (made: BatchOutcome): TokenResult => ({ kind: 'outcome', outcome: notApplied(made) });
  const body = readObject(response.json());
  if (response.status >= 500 || response.status === 429 || response.status === 408)
    return outcome(statusOutcome(response, now) ?? foreignOutcome(response, now));
  if (response.status >= 300) return outcome(grantRefused(response, strategy, now));
  if (body === null) return outcome(foreignOutcome(response, now));
  const value = readText(body['access_token']);
  // Some answer 200 with an error in the body.
  if (value === null || value === '')
    return outcome(
      body['error'] === undefined
        ? retry({ applied: 'no', code: 'no-access-token', message: 'The token endpoint answered without a token' })
        : grantRefused(response, strategy, now),
    );
  const rotated = readText(body['refresh_token']);
  if (strategy.kind === 'refresh' && rotated !== null && rotated !== strategy.refreshToken)
    return outcome(
      refused(
        'refresh-token-rotated',
        'The platform gives out a new refresh token each time, and there is nowhere to keep it: the one that is configured is spent by now',
        'Let refresh tokens of this app last (no rotation), or use an app with client credentials or a key; then make a new refresh token.',
      ),
    );
  return { kind: 'token', token: { value, answer: body } };
}

/** A fault on the way or of the endpoint: the batch that a token was needed for never went out. */
function notApplied(outcome: BatchOutcome): BatchOutcome {
  if (outcome.kind === 'retry') return { ...outcome, applied: 'no' };
  if (outcome.kind === 'refused') return outcome;
  const said =
    'code' in outcome ? outcome : { code: 'unexpected-answer', message: 'an answer that makes no sense here' };
  return refused(
    said.code,
    `No access token: ${said.message}`,
    'Check the credentials and the address of the token endpoint.',
  );
}

/** RFC 6749 section 5.2: `error`, `error_description`. The description is the platform's own text: it is told, but for what we sent. */
function grantRefused(response: HttpResponse, strategy: TokenStrategy, now: number): BatchOutcome {
  const body = readObject(response.json());
  const code = readText(body?.['error']) ?? `http-${response.status}`;
  const said = withoutSecrets(readText(body?.['error_description']) ?? `the answer was ${response.status}`, strategy);
  const skewMs = skewOf(response, now);
  const isCode = /^[\w.-]{1,64}$/.test(code) && withoutSecrets(code, strategy) === code;
  const [what, fix] = explain(isCode ? code : '', said, { strategy, skewMs });
  return refused(
    isCode ? `token-${code.toLowerCase().replaceAll('_', '-')}` : 'token-refused',
    `${what} (${said})`,
    fix,
  );
}

function explain(
  code: string,
  said: string,
  { strategy, skewMs }: { readonly strategy: TokenStrategy; readonly skewMs: number },
): readonly [what: string, fix: string] {
  const signs = strategy.kind === 'jwt_bearer';
  if (signs && (Math.abs(skewMs) > SKEW_TOLD_MS || /\biat\b|\bexp\b|clock|time ?frame|not yet valid/i.test(said)))
    return [
      `No access token: the signed assertion is out of time, this machine's clock is ${Math.round(Math.abs(skewMs) / 1000)} seconds ${skewMs > 0 ? 'ahead' : 'behind'}`,
      'Set the clock of this machine (NTP), then run it again.',
    ];
  if (code === 'invalid_grant')
    return signs
      ? [
          'No access token: the assertion was refused',
          'Check that the private key belongs to the certificate or service account that the platform knows, and that issuer and user may use it.',
        ]
      : [
          'No access token: the grant has expired or was withdrawn',
          'Authorise the app again, and put the new refresh token in its variable.',
        ];
  if (code === 'invalid_client' || code === 'unauthorized_client')
    return [
      'No access token: the platform does not accept the client',
      'Check client id and secret (or key), and that the app may use this kind of grant.',
    ];
  if (code === 'invalid_scope')
    return [
      'No access token: the app may not have these rights',
      'Give the app the rights that the documentation of the destination lists.',
    ];
  return ['No access token: the platform refused', 'Check the credentials and their rights.'];
}

/** How far this machine's clock is ahead of the platform's, by the `Date` header (RFC 9110); 0 where it says nothing. */
function skewOf(response: HttpResponse, now: number): number {
  const date = Date.parse(response.headers['date'] ?? '');
  return Number.isNaN(date) ? 0 : now - date;
}

const TEXT_LENGTH_MAX = 200;

/** A description that repeats what was sent must not carry it any further. */
function withoutSecrets(text: string, strategy: TokenStrategy): string {
  const secrets =
    strategy.kind === 'jwt_bearer'
      ? [strategy.privateKey]
      : [strategy.clientSecret, strategy.kind === 'refresh' ? strategy.refreshToken : null];
  let clean = text;
  for (const secret of secrets) if (secret) clean = clean.replaceAll(secret, '<secret>');
  // An assertion or a token that is quoted.
  return clean.replaceAll(/[\w-]{20,}\.[\w-]{20,}(\.[\w-]*)?/g, '<token>').slice(0, TEXT_LENGTH_MAX);
}
