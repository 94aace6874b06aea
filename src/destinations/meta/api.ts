import { exchange, retry } from '../answer.ts';
import type { ServiceContext } from '../destination.ts';
import type { HttpRequest } from '../http.ts';
import { type Reading, readAnswer } from './response.ts';
import { pauseMs, readUsage } from './usage.ts';
import { META_VERSION } from './version.ts';

const BASE_URL = 'https://graph.facebook.com';

/** Talks to the Graph API for one sync. */
export interface MetaApi {
  /** `path` begins after the version: `/act_1/customaudiences`. Never throws. */
  call(
    request: Pick<HttpRequest, 'method' | 'signal'> & { readonly path: string; readonly body?: string },
  ): Promise<Reading>;
}

/**
 * When Meta's headers say that the quota is nearly used, requests are answered here, with `retry` and the time left, until
 * it has recovered: the engine then slows down, as for an answer 429, and no request is wasted.
 */
export function createApi(
  context: Pick<ServiceContext, 'credentials' | 'http' | 'clock'> & Partial<Pick<ServiceContext, 'baseUrl'>>,
): MetaApi {
  const base = (context.baseUrl ?? BASE_URL).replace(/\/+$/, '');
  let heldUntil = 0;
  return {
    async call({ method, path, body, signal }) {
      const waitMs = heldUntil - context.clock.now();
      if (waitMs > 0) {
        const message = 'Nearly all of the account’s calls are used';
        return {
          kind: 'outcome',
          outcome: retry({ applied: 'no', throttled: true, afterMs: waitMs, code: 'quota-nearly-used', message }),
        };
      }
      const result = await exchange(context.http, {
        method,
        url: `${base}/${META_VERSION}${path}`,
        headers: {
          authorization: `Bearer ${context.credentials['access_token'] ?? ''}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (result.kind === 'outcome') return result;
      const now = context.clock.now();
      heldUntil = Math.max(heldUntil, now + pauseMs(readUsage(result.response)));
      return readAnswer(result.response, now);
    },
  };
}
