import { createTokens } from '../auth.ts';
import type { FieldValue, ServiceContext } from '../destination.ts';
import type { HttpRequest } from '../http.ts';
import { renderJson } from '../json.ts';
import { accountHeaders, tokenStrategy } from './account.ts';
import { GOOGLE_VERSION } from './facts.ts';
import { type Reading, readAnswer } from './response.ts';

const BASE_URL = 'https://datamanager.googleapis.com';

/** Talks to the Data Manager API for one sync. */
export interface GoogleApi {
  /** `path` begins after the version: `/audienceMembers:ingest`. Never throws. */
  call(
    request: Pick<HttpRequest, 'method' | 'signal'> & {
      readonly path: string;
      readonly body?: { readonly [name: string]: FieldValue };
    },
  ): Promise<Reading>;
  /** Google's own clock at its latest answer, in milliseconds, cut to the second (the header Date); null before. */
  googleTime(): number | null;
}

/** Throws DinmoError `google-credentials`. */
export function createApi(
  context: Pick<ServiceContext, 'config' | 'credentials' | 'http' | 'clock'> & Partial<Pick<ServiceContext, 'baseUrl'>>,
): GoogleApi {
  const base = (context.baseUrl ?? BASE_URL).replace(/\/+$/, '');
  const tokens = createTokens(context, tokenStrategy(context, context.baseUrl ?? null));
  const headers = accountHeaders(context.config);
  let googleTime: number | null = null;
  return {
    googleTime: () => googleTime,
    async call({ method, path, body, signal }) {
      const result = await tokens.request({
        method,
        url: `${base}/${GOOGLE_VERSION}${path}`,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: renderJson(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (result.kind === 'outcome') return result;
      const date = Date.parse(result.response.headers['date'] ?? '');
      if (Number.isFinite(date)) googleTime = date;
      return readAnswer(result.response, context.clock.now());
    },
  };
}
