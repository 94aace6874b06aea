import { createPrivateKey } from 'node:crypto';
import type { ConnectionOptions } from 'snowflake-sdk';
import type { Profile } from '../../artifacts/profile.ts';
import { ProfileFields } from '../profile-fields.ts';

/** How Snowflake is reached: what dbt-snowflake makes of a profile, for the driver. */
export interface SnowflakeAccount {
  /** Options of the driver, but for a token that has to be fetched first. */
  readonly options: ConnectionOptions;
  /** OAuth: the token is a refresh token, which is exchanged for one that lasts minutes. */
  readonly refresh: OauthRefresh | null;
  /** The driver opens a browser and waits for it. */
  readonly interactive: boolean;
  readonly insecure: boolean;
  /** Of the profile: goes into ours. */
  readonly queryTag: string | null;
  /** In messages. */
  readonly place: string;
}

/** What the account's token endpoint is asked (RFC 6749, section 6). */
export interface OauthRefresh {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
}

type Login = Pick<SnowflakeAccount, 'refresh' | 'interactive'> & { readonly options: ConnectionOptions };

const SUPPORTED =
  'password, username_password_mfa, a key pair (private_key or private_key_path), oauth, jwt, programmatic_access_token, externalbrowser, and an Okta address';

/**
 * The account of a dbt-snowflake profile (dbt-snowflake 1.8 to 1.12). `terminal`: whether somebody can use a browser. Throws DinmoError
 * `profile-invalid` naming the field, `authenticator-unsupported`, `authenticator-needs-terminal`.
 */
export function snowflakeAccount(profile: Profile, { terminal }: { readonly terminal: boolean }): SnowflakeAccount {
  const read = new ProfileFields(profile);
  // Host names have no underscores, so dbt writes hyphens.
  const account = read.required('account').replaceAll('_', '-');
  const host = read.text('host');
  const protocol = read.text('protocol') ?? 'https';
  const port = read.number('port') ?? (protocol === 'http' ? 80 : 443);
  const base = host === null ? `https://${account}.snowflakecomputing.com` : `${protocol}://${host}:${port}`;
  const login = loginOf(read, { base, terminal });
  const proxyPort = read.number('proxy_port');
  const options: ConnectionOptions = {
    account,
    ...given('username', read.text('user')),
    ...given('role', read.text('role')),
    ...given('warehouse', read.text('warehouse')),
    database: read.text('database') ?? read.required('dbname'),
    schema: read.required('schema'),
    ...(host === null ? {} : { host, port, protocol, accessUrl: base }),
    ...given('proxyHost', read.text('proxy_host')),
    ...(proxyPort === null ? {} : { proxyPort }),
    clientSessionKeepAlive: read.flag('client_session_keep_alive'),
    sfRetryMaxLoginRetries: read.number('connect_retries') ?? 1,
    ...login.options,
  };
  return {
    options,
    refresh: login.refresh,
    interactive: login.interactive,
    insecure: read.flag('insecure_mode'),
    queryTag: read.text('query_tag'),
    place: host === null ? account : `${account} (${host}:${port})`,
  };
}

const ADD_LOGIN = 'Add `password:`, or a key pair (`private_key_path:`), or another way to log in (`authenticator:`).';

function loginOf(
  read: ProfileFields,
  { base, terminal }: { readonly base: string; readonly terminal: boolean },
): Login {
  const stated = read.text('authenticator') ?? read.text('method');
  const plain = (options: ConnectionOptions): Login => ({ options, refresh: null, interactive: false });
  const keyed = read.text('private_key') !== null || read.text('private_key_path') !== null;
  const method = stated?.toLowerCase() ?? (keyed ? 'snowflake_jwt' : 'snowflake');
  const token = (authenticator: string): Login => plain({ authenticator, token: read.required('token') });
  if (/^https:\/\/[^/]*okta/.test(method))
    return plain({ authenticator: stated ?? '', ...user(read), password: read.required('password') });
  switch (method) {
    case 'snowflake':
    case 'password':
    case 'snowflake_jwt':
    case 'key_pair':
    case 'keypair':
      if (keyed) return plain({ authenticator: 'SNOWFLAKE_JWT', ...user(read), privateKey: privateKeyOf(read) });
      if (method !== 'snowflake' && method !== 'password') read.required('private_key_path');
      return plain({
        authenticator: 'SNOWFLAKE',
        ...user(read),
        password: read.required('password', { fix: ADD_LOGIN }),
      });
    case 'username_password_mfa':
      return plain({ authenticator: 'USERNAME_PASSWORD_MFA', ...user(read), password: read.required('password') });
    case 'oauth':
      return oauth(read, base);
    // dbt's `jwt` is a token that somebody else made.
    case 'jwt':
      return token('OAUTH');
    case 'programmatic_access_token':
      return token('PROGRAMMATIC_ACCESS_TOKEN');
    case 'externalbrowser':
      if (terminal)
        return { options: { authenticator: 'EXTERNALBROWSER', ...user(read) }, refresh: null, interactive: true };
      throw read.failure(
        'authenticator-needs-terminal',
        '`externalbrowser` needs somebody at a terminal',
        'Use a key pair or a programmatic access token where nobody is.',
      );
    default:
      throw read.failure('authenticator-unsupported', `\`${stated}\` is not supported`, `Supported are: ${SUPPORTED}.`);
  }
}

function user(read: ProfileFields): ConnectionOptions {
  return { username: read.required('user') };
}

function oauth(read: ProfileFields, base: string): Login {
  const token = read.required('token');
  const clientId = read.text('oauth_client_id');
  const clientSecret = read.text('oauth_client_secret');
  if (clientId === null && clientSecret === null)
    return { options: { authenticator: 'OAUTH', token }, refresh: null, interactive: false };
  const refresh = {
    url: `${base}/oauth/token-request`,
    clientId: clientId ?? read.required('oauth_client_id'),
    clientSecret: clientSecret ?? read.required('oauth_client_secret'),
    refreshToken: token,
  };
  return { options: { authenticator: 'OAUTH' }, refresh, interactive: false };
}

/** The key as the driver takes it: PEM, PKCS 8, decrypted. A profile has it as PEM, as base64 of DER, or in a file. */
function privateKeyOf(read: ProfileFields): string {
  const path = read.text('private_key_path');
  const text = read.text('private_key');
  if (path !== null && text !== null)
    throw read.invalid('private_key', 'stands beside `private_key_path`', 'Keep one of the two.');
  const field = path === null ? 'private_key' : 'private_key_path';
  const written = read.file('private_key_path') ?? text ?? '';
  const passphrase = read.text('private_key_passphrase') ?? undefined;
  const isPem = written.includes('-----BEGIN');
  try {
    const key = isPem
      ? createPrivateKey({ key: written.replaceAll('\\n', '\n'), format: 'pem', passphrase })
      : createPrivateKey({ key: Buffer.from(written, 'base64'), format: 'der', type: 'pkcs8', passphrase });
    return key.export({ type: 'pkcs8', format: 'pem' }).toString();
  } catch {
    const why =
      passphrase === undefined
        ? 'If it is encrypted, add `private_key_passphrase`.'
        : 'See whether `private_key_passphrase` is the right one.';
    throw read.invalid(field, 'holds no private key that can be read', `PEM, or base64 of DER (PKCS 8). ${why}`);
  }
}

function given<K extends string>(name: K, value: string | null): { readonly [key in K]?: string } {
  return (value === null ? {} : { [name]: value }) as { readonly [key in K]?: string }; // one key or none
}
