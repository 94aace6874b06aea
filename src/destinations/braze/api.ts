import { DinmoError } from '../../errors.ts';
import { exchange } from '../answer.ts';
import type { FieldValue, ServiceContext } from '../destination.ts';
import { renderJson } from '../json.ts';
import { type BrazePath, type Reading, readAnswer } from './response.ts';

/** Of an instance: rest.iad-01.braze.com, rest.fra-02.braze.eu. https://www.braze.com/docs/api/basics#endpoints */
const REST_HOST = /^rest\.[a-z]{2,4}-\d{2}\.braze\.(com|eu)$/;

/** Talks to Braze's REST API for one sync. Never throws. */
export interface BrazeApi {
  post(path: BrazePath, body: { readonly [name: string]: FieldValue }, signal?: AbortSignal): Promise<Reading>;
}

type Context = Pick<ServiceContext, 'config' | 'credentials' | 'http' | 'clock'> &
  Partial<Pick<ServiceContext, 'baseUrl'>>;

/** Throws DinmoError `invalid-rest-endpoint` where the setting is no REST host of Braze's: the key goes nowhere else. */
export function createApi(context: Context): BrazeApi {
  // Looked at in a rehearsal, too.
  const own = restUrl(context.config);
  const base = (context.baseUrl ?? own).replace(/\/+$/, '');
  return {
    async post(path, body, signal) {
      const result = await exchange(context.http, {
        method: 'POST',
        url: `${base}${path}`,
        headers: {
          authorization: `Bearer ${context.credentials['api_key'] ?? ''}`,
          'content-type': 'application/json',
        },
        body: renderJson(body),
        ...(signal === undefined ? {} : { signal }),
      });
      return result.kind === 'outcome' ? result : readAnswer(result.response, context.clock.now(), path);
    },
  };
}

function restUrl(config: ServiceContext['config']): string {
  const host = String(config['rest_endpoint'])
    .trim()
    .toLowerCase()
    .replace(/^https:\/\//, '')
    .replace(/\/+$/, '');
  if (REST_HOST.test(host)) return `https://${host}`;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-rest-endpoint',
    message: 'config.rest_endpoint is not the REST host of a Braze instance',
    fix: 'Write it as in Settings, APIs and Identifiers: rest.<instance>.braze.com or .eu, such as rest.fra-01.braze.eu.',
  });
}

/**
 * Proves the key for `doctor` without changing anything: a request that holds nothing is refused for that (400), and for the
 * key or its rights if they are wrong (401, 403). Reading anything would take rights that a sync does not need.
 */
export async function verifyKey(context: Context, path: BrazePath): Promise<{ ok: boolean; detail: string }> {
  try {
    const answer = await createApi(context).post(path, {});
    const isEmpty = answer.kind === 'outcome' && answer.outcome.kind === 'narrow';
    if (answer.kind === 'answer' || isEmpty) return { ok: true, detail: `the key may call ${path}` };
    return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
  } catch (thrown) {
    if (thrown instanceof DinmoError) return { ok: false, detail: thrown.message };
    throw thrown;
  }
}
