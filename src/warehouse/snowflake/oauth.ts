import { request } from 'node:https';
import { DinmoError, messageOf } from '../../errors.ts';
import type { OauthRefresh } from './profile.ts';

const TIMEOUT_MS = 30_000;

/** Exchanges a refresh token for an access token, as dbt-snowflake does. Throws DinmoError `snowflake-login-refused`. */
export async function accessToken({ url, clientId, clientSecret, refreshToken }: OauthRefresh): Promise<string> {
  const refused = (why: string, cause?: unknown): DinmoError =>
    new DinmoError({
      kind: 'warehouse',
      code: 'snowflake-login-refused',
      message: `${url} gave no access token: ${why}.`,
      fix: 'See `token`, `oauth_client_id` and `oauth_client_secret` of the target in profiles.yml: with a client, `token` is a refresh token.',
      cause,
    });
  try {
    const { ok, status, body } = await post(url, {
      authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
      form: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        redirect_uri: 'http://localhost:9999',
      }).toString(),
    });
    const token = (body as { readonly access_token?: unknown } | null)?.access_token;
    if (ok && typeof token === 'string') return token;
    const said = (body as { readonly error?: unknown } | null)?.error;
    throw refused(`status ${status}${typeof said === 'string' ? `, ${said}` : ''}`);
  } catch (thrown) {
    throw thrown instanceof DinmoError ? thrown : refused(messageOf(thrown), thrown);
  }
}

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: unknown;
}

function post(
  url: string,
  { authorization, form }: { readonly authorization: string; readonly form: string },
): Promise<Answer> {
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const asking = request(url, { method: 'POST', headers, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        resolve({ ok: status === 200, status, body: parsed(text) });
      });
    });
    asking.on('error', reject);
    asking.end(form);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
