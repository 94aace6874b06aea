import type { Clock } from '../../clock.ts';
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

const TRIES_MAX = 3;

/**
 * The account's public id (`GET /api/accounts`), which only the key knows; null where it may not ask (scope accounts:read).
 * One request a second is allowed, and several activations may open at once.
 */
export async function readAccount(api: KlaviyoApi, clock: Clock): Promise<string | null> {
  for (let tries = 1; ; tries++) {
    const answer = await api.call({ method: 'GET', path: 'accounts' });
    if (answer.kind === 'value') return readText(readObject(readArray(answer.value['data'])[0])?.['id']);
    if (answer.status !== 429 || tries === TRIES_MAX) return null;
    const wanted = answer.outcome.kind === 'retry' ? answer.outcome.afterMs : null;
    await clock.sleep(Math.min(wanted ?? 1_000, 10_000));
  }
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
