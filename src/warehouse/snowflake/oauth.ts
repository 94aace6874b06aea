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
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        redirect_uri: 'http://localhost:9999',
      }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body: unknown = await response.json().catch(() => null);
    const token = (body as { readonly access_token?: unknown } | null)?.access_token;
    if (response.ok && typeof token === 'string') return token;
    const said = (body as { readonly error?: unknown } | null)?.error;
    throw refused(`status ${response.status}${typeof said === 'string' ? `, ${said}` : ''}`);
  } catch (thrown) {
    throw thrown instanceof DinmoError ? thrown : refused(messageOf(thrown), thrown);
  }
}
