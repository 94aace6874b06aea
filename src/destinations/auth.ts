import type { Clock } from '../clock.ts';
import type { Exchange } from './answer.ts';
import type { BatchOutcome } from './destination.ts';
import type { HttpClient, HttpRequest } from './http.ts';

/** How a platform gives out access tokens. Addresses are whole; credentials are values, and are never logged. */
export type TokenStrategy =
  /** OAuth 2.0, RFC 6749 section 6: a refresh token that stays the same. A platform that rotates it cannot be used here. */
  | (TokenRequest & {
      readonly kind: 'refresh';
      readonly refreshToken: string;
      readonly clientId: string;
      readonly clientSecret: string | null;
    })
  /** OAuth 2.0, RFC 6749 section 4.4. */
  | (TokenRequest & {
      readonly kind: 'client_credentials';
      readonly clientId: string;
      readonly clientSecret: string;
    })
  /** RFC 7523 with RS256: Salesforce's JWT bearer flow, Google's service accounts. */
  | (TokenRequest & {
      readonly kind: 'jwt_bearer';
      /** PEM, PKCS#8 or PKCS#1; line breaks may be written as `\n`. */
      readonly privateKey: string;
      /** `kid` of the header, where the platform wants one. */
      readonly keyId?: string;
      /** `iss`, `sub`, `aud`, `scope` …; `iat`, `exp` (in 3 minutes unless `lifetimeSeconds`) are added. */
      readonly claims: Readonly<Record<string, string>>;
      /** Salesforce: at most 300; Google: at most 3,600. Default 180. */
      readonly lifetimeSeconds?: number;
    });

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

/** The tokens of one account, for as long as a session lives. */
export declare function createTokens(
  means: { readonly http: HttpClient; readonly clock: Clock },
  strategy: TokenStrategy,
): Tokens;
