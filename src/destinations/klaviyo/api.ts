import { exchange, readArray, readObject, readText } from '../answer.ts';
import type { BatchOutcome, ServiceContext } from '../destination.ts';
import type { HttpRequest } from '../http.ts';
import { KLAVIYO_REVISION } from './facts.ts';
import { type Reading, readAnswer } from './response.ts';

const BASE_URL = 'https://a.klaviyo.com';
const MEDIA_TYPE = 'application/vnd.api+json';

/** Talks to Klaviyo for one sync. */
export interface KlaviyoApi {
  /** `path` follows `/api/`: `lists/Y6nRLr`. `body` is JSON text. Never throws. */
  call(
    request: Pick<HttpRequest, 'method' | 'signal'> & { readonly path: string; readonly body?: string },
  ): Promise<Reading>;
}

export function createApi(
  context: Pick<ServiceContext, 'credentials' | 'http' | 'clock'> & Partial<Pick<ServiceContext, 'baseUrl'>>,
): KlaviyoApi {
  const base = (context.baseUrl ?? BASE_URL).replace(/\/+$/, '');
  return {
    async call({ method, path, body, signal }) {
      const result = await exchange(context.http, {
        method,
        url: `${base}/api/${path}`,
        headers: {
          authorization: `Klaviyo-API-Key ${context.credentials['api_key'] ?? ''}`,
          revision: KLAVIYO_REVISION,
          accept: MEDIA_TYPE,
          ...(body === undefined ? {} : { 'content-type': MEDIA_TYPE }),
        },
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (result.kind === 'outcome') return { ...result, status: null, errors: [] };
      return readAnswer(result.response, context.clock.now());
    },
  };
}

/** The account's public id (`GET /api/accounts`), which only the key knows; null where it may not ask (scope accounts:read). */
export async function readAccount(api: KlaviyoApi): Promise<string | null> {
  const answer = await api.call({ method: 'GET', path: 'accounts' });
  if (answer.kind === 'outcome') return null;
  return readText(readObject(readArray(answer.value['data'])[0])?.['id']);
}

/** `doctor`: whether the key may read what the service is about. */
export async function verifyRead(
  context: Parameters<typeof createApi>[0],
  path: string,
  detail: string,
): Promise<{ ok: boolean; detail: string }> {
  const answer = await createApi(context).call({ method: 'GET', path });
  if (answer.kind === 'value') return { ok: true, detail };
  return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
}

/** The outcome, with the pause that the headers of the last answer ask for. */
export function withPause(outcome: BatchOutcome, pauseMs: number | null): BatchOutcome {
  return pauseMs === null ? outcome : { ...outcome, pauseMs };
}
