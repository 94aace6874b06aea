import { registerSecret } from '../../log.ts';
import { exchange, readObject } from '../answer.ts';
import { createTokens } from '../auth.ts';
import type { HttpRequest } from '../http.ts';
import type { Place } from './place.ts';
import { placeText } from './place.ts';
import type { StoreContext } from './store.ts';
import { credentialsRefused, settingsRefused } from './store-failure.ts';

/** Requests of one account: they carry its token. Faults are outcomes, as elsewhere. */
export type Requests = (request: HttpRequest) => ReturnType<typeof exchange>;

const TOKEN_URL = 'https://oauth2.googleapis.com/token';
/** "OAuth 2.0 scopes for Cloud Storage": to make and replace objects. */
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';

/**
 * How requests are authenticated: by the key of a service account, else by application default credentials; another server
 * (`base_url`) gets no token that nobody gave for it. Throws DinmoError `invalid-setting`, and `files-credentials` at the first request.
 */
export function gcsRequests(place: Place, { credentials, baseUrl, http, clock }: StoreContext): Requests {
  const title = placeText(place);
  const given = credentials['service_account_json'];
  if (given !== undefined) {
    const key = readKey(given);
    if (key === null)
      throw settingsRefused(
        title,
        'service_account_json is not the key file of a service account',
        'Set it to the whole key file, on one line or as base64.',
      );
    registerSecret(key.privateKey);
    const url = baseUrl === null ? TOKEN_URL : `${baseUrl.replace(/\/+$/, '')}/token`;
    const claims = { iss: key.email, scope: SCOPE, aud: TOKEN_URL };
    const tokens = createTokens({ http, clock }, { kind: 'jwt_bearer', url, privateKey: key.privateKey, claims });
    return (request) => tokens.request(request);
  }
  if (baseUrl !== null) return (request) => exchange(http, request);
  const defaultToken = findDefaultToken(title);
  return async (request) =>
    await exchange(http, {
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${await defaultToken()}` },
    });
}

/** Tokens of application default credentials: a file named by GOOGLE_APPLICATION_CREDENTIALS, gcloud's, the machine's own. */
function findDefaultToken(title: string): () => Promise<string> {
  let client: Promise<{ getAccessToken(): Promise<string | null | undefined> }> | null = null;
  return async () => {
    try {
      client ??= import('google-auth-library').then(({ GoogleAuth }) => new GoogleAuth({ scopes: SCOPE }));
      const token = await (await client).getAccessToken();
      if (typeof token !== 'string') throw new Error('no token was given');
      registerSecret(token);
      return token;
    } catch {
      // The library's own text may quote a file of credentials.
      throw credentialsRefused({ title, said: 'there are no application default credentials that work' });
    }
  };
}

/** null: not a key file. */
function readKey(text: string): { readonly email: string; readonly privateKey: string } | null {
  const json = text.trimStart().startsWith('{') ? text : Buffer.from(text, 'base64').toString('utf8');
  const key = readObject(parse(json));
  const [email, privateKey] = [key?.['client_email'], key?.['private_key']];
  return typeof email === 'string' && typeof privateKey === 'string' ? { email, privateKey } : null;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
