import { DinmoError } from '../../errors.ts';
import { registerSecret } from '../../log.ts';
import { readObject } from '../answer.ts';
import type { TokenStrategy } from '../auth.ts';
import type { FieldValue, ServiceContext } from '../destination.ts';

type Config = ServiceContext['config'];

const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const SCOPE = 'https://www.googleapis.com/auth/datamanager';

/** Digits of an account or list id, however they are written. */
export function digitsOf(value: unknown): string {
  return String(value ?? '').replace(/\D/g, '');
}

/** `accountTypes/GOOGLE_ADS/accounts/1234567890`: the account that owns lists. */
export function accountName(config: Config): string {
  return `accountTypes/${String(config['account_type'])}/accounts/${digitsOf(config['customer_id'])}`;
}

/** `Destination` of the ingestion requests: the account, the way to it, and a list or conversion action. */
export function renderDestination(config: Config, productDestinationId: string): { [name: string]: FieldValue } {
  const accountType = String(config['account_type']);
  const login = digitsOf(config['login_customer_id']);
  return {
    operatingAccount: { accountType, accountId: digitsOf(config['customer_id']) },
    ...(login === '' ? {} : { loginAccount: { accountType, accountId: login } }),
    productDestinationId,
  };
}

/** Headers of requests about lists, which name the way to the account there; and the project that pays. */
export function accountHeaders(config: Config): Readonly<Record<string, string>> {
  const login = digitsOf(config['login_customer_id']);
  const project = config['quota_project'];
  return {
    ...(login === '' ? {} : { 'login-account': `accountTypes/${String(config['account_type'])}/accounts/${login}` }),
    ...(typeof project === 'string' ? { 'x-goog-user-project': project } : {}),
  };
}

/** How tokens are had: by the key of a service account, or by a user's refresh token. Throws DinmoError `google-credentials`. */
export function tokenStrategy(context: Pick<ServiceContext, 'credentials'>, baseUrl: string | null): TokenStrategy {
  const { service_account_json: key, refresh_token, client_id, client_secret } = context.credentials;
  const url = baseUrl === null ? TOKEN_URL : `${baseUrl.replace(/\/+$/, '')}/token`;
  if (key !== undefined) {
    const account = readKey(key);
    if (account === null && isLoopback(baseUrl)) {
      // A rehearsal has no key, and its simulated platform takes any credential.
      return { kind: 'refresh', url, refreshToken: key, clientId: 'rehearsal', clientSecret: 'rehearsal' };
    }
    if (account === null) throw credentialsError('service_account_json is not the key file of a service account');
    registerSecret(account.privateKey);
    const claims = { iss: account.email, scope: SCOPE, aud: TOKEN_URL };
    return { kind: 'jwt_bearer', url, privateKey: account.privateKey, claims, ...account.keyId };
  }
  if (refresh_token !== undefined && client_id !== undefined && client_secret !== undefined) {
    return { kind: 'refresh', url, refreshToken: refresh_token, clientId: client_id, clientSecret: client_secret };
  }
  throw credentialsError(
    'the destination has neither service_account_json nor refresh_token, client_id and client_secret',
  );
}

function isLoopback(baseUrl: string | null): boolean {
  const host = baseUrl !== null && URL.canParse(baseUrl) ? new URL(baseUrl).hostname : '';
  return host === '127.0.0.1' || host === 'localhost' || host === '[::1]';
}

interface ServiceAccount {
  readonly email: string;
  readonly privateKey: string;
  readonly keyId: { readonly keyId?: string };
}

/** null: not a key file. */
function readKey(text: string): ServiceAccount | null {
  const json = text.trimStart().startsWith('{') ? text : Buffer.from(text, 'base64').toString('utf8');
  const key = readObject(parse(json));
  const [email, privateKey, keyId] = [key?.['client_email'], key?.['private_key'], key?.['private_key_id']];
  if (typeof email !== 'string' || typeof privateKey !== 'string') return null;
  return { email, privateKey, keyId: typeof keyId === 'string' ? { keyId } : {} };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

function credentialsError(what: string): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'google-credentials',
    message: `Google: ${what}`,
    fix: 'Set service_account_json to the whole key file (one line, or base64), or refresh_token, client_id and client_secret.',
  });
}
