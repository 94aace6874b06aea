import type { BigQuery, BigQueryOptions } from '@google-cloud/bigquery';
import type { AuthClient, GoogleAuthOptions } from 'google-auth-library';
import { DinmoError, messageOf } from '../../errors.ts';
import type { BigqueryAuth, BigqueryPlace } from './profile.ts';

/**
 * Google's client for a profile. Retries are ours, since only we know which job a request was for. Throws DinmoError
 * `bigquery-login-refused` where there are no credentials, or they cannot be read.
 */
export async function bigqueryClient(place: BigqueryPlace): Promise<BigQuery> {
  const { BigQuery } = await import('@google-cloud/bigquery');
  const authClient = await authOf(place);
  const options: BigQueryOptions = {
    projectId: place.executionProject,
    ...(place.location === null ? {} : { location: place.location }),
    ...(place.apiEndpoint === null ? {} : { apiEndpoint: place.apiEndpoint }),
    scopes: [...place.scopes],
    retryOptions: { autoRetry: false, maxRetries: 0 },
    userAgent: 'dbt-dinmo',
    // The client brings a copy of the library of its own; what it asks of one of these is the same in both.
    authClient: authClient as unknown as NonNullable<BigQueryOptions['authClient']>,
  };
  return new BigQuery(options);
}

/** What identifies us to Google. */
async function authOf(place: BigqueryPlace): Promise<AuthClient> {
  const { auth, impersonate } = place;
  try {
    const own = await ownAuth(auth, place);
    if (place.quotaProject !== null) own.quotaProjectId = place.quotaProject;
    if (impersonate === null) return own;
    const { Impersonated } = await import('google-auth-library');
    const [target = '', ...delegates] = impersonate
      .split(',')
      .map((name) => name.trim())
      .reverse();
    return new Impersonated({
      sourceClient: own,
      targetPrincipal: target,
      delegates: delegates.reverse(),
      targetScopes: [...place.scopes],
      lifetime: 3600,
    });
  } catch (thrown) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'bigquery-login-refused',
      message: `There are no usable credentials for BigQuery: ${messageOf(thrown).split('\n')[0]}`,
      fix:
        auth.kind === 'default'
          ? 'Run `gcloud auth application-default login`, or choose another `method:`.'
          : 'See the credentials of the target in profiles.yml; `dbt debug` uses the same.',
      cause: thrown,
    });
  }
}

async function ownAuth(auth: BigqueryAuth, { scopes, apiEndpoint }: BigqueryPlace): Promise<AuthClient> {
  const { GoogleAuth, OAuth2Client, PassThroughClient, UserRefreshClient } = await import('google-auth-library');
  const by = async (options: GoogleAuthOptions): Promise<AuthClient> =>
    await new GoogleAuth({ ...options, scopes: [...scopes] }).getClient();
  switch (auth.kind) {
    case 'default':
      return await by({});
    case 'key-file':
      return await by({ keyFilename: auth.path });
    case 'key':
      return await by({ credentials: auth.credentials as NonNullable<GoogleAuthOptions['credentials']> }); // its members were looked at when it was read
    case 'token': {
      // A server on this machine is no one to show a token to.
      if (apiEndpoint !== null && /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:|$)/.test(apiEndpoint))
        return new PassThroughClient();
      const client = new OAuth2Client();
      client.setCredentials({ access_token: auth.token });
      return client;
    }
    case 'refresh-token': {
      const client = new UserRefreshClient({
        clientId: auth.clientId,
        clientSecret: auth.clientSecret,
        refreshToken: auth.token,
        ...(auth.tokenUri === null ? {} : { endpoints: { oauth2TokenUrl: auth.tokenUri } }),
      });
      return client;
    }
  }
}
