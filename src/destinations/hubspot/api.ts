import { exchange, readText } from '../answer.ts';
import type { ServiceContext } from '../destination.ts';
import type { HttpRequest } from '../http.ts';
import { HUBSPOT_VERSION } from './facts.ts';
import { type Reading, readAnswer } from './response.ts';

const BASE_URL = 'https://api.hubapi.com';

/** Talks to HubSpot's CRM API for one sync. Never throws. */
export interface HubspotApi {
  /** `path` as in `/crm/lists/{version}/12`; `{version}` is put in here. */
  call(
    request: Pick<HttpRequest, 'method'> & {
      readonly path: string;
      readonly body?: unknown;
      readonly signal?: AbortSignal;
    },
  ): Promise<Reading>;
}

export function createApi(
  context: Pick<ServiceContext, 'credentials' | 'http' | 'clock'> & Partial<Pick<ServiceContext, 'baseUrl'>>,
): HubspotApi {
  const base = (context.baseUrl ?? BASE_URL).replace(/\/+$/, '');
  return {
    async call({ method, path, body, signal }) {
      const result = await exchange(context.http, {
        method,
        url: `${base}${path.replace('{version}', HUBSPOT_VERSION)}`,
        headers: {
          authorization: `Bearer ${context.credentials['access_token'] ?? ''}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (result.kind === 'outcome') return { ...result, status: null };
      return readAnswer(result.response, context.clock.now());
    },
  };
}

/** The account's id (portal), which only the credentials know; null where they may not ask. */
export async function readAccount(api: HubspotApi): Promise<string | null> {
  const answer = await api.call({ method: 'GET', path: '/account-info/{version}/details' });
  return answer.kind === 'value' ? readText(answer.value['portalId']) : null;
}
