import type { Clock } from '../clock.ts';
import { type HttpClient, type HttpResponse, TransportError } from '../destinations/http.ts';
import { SIGNATURE_HEADER, signatureOf } from '../destinations/signature.ts';
import { scrub } from '../log.ts';

const ATTEMPTS_MAX = 3;
const TIMEOUT_MS = 5_000;
/** The longest pause between two attempts: who asks for more is asked again by the next command. */
const PAUSE_MS_MAX = 5_000;

/** An alert on its way. */
export interface AlertPost {
  readonly url: string;
  readonly body: string;
  /** Signs the body as the webhook platform does; null: no signature. */
  readonly secret: string | null;
  readonly http: HttpClient;
  readonly clock: Clock;
  /** Once it aborts there is no second attempt. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Posts an alert: up to three attempts of five seconds each. What the receiver answers with 429 or 5xx is tried again, and so is
 * a broken connection; anything else is final. Throws an Error that says why, without the address.
 */
export async function postAlert(post: AlertPost): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const answer = await ask(post);
    if ('status' in answer && answer.status >= 200 && answer.status < 300) return;
    const pauseMs = 'status' in answer ? pauseOf(answer, attempt) : 500 * attempt;
    const isLast = attempt === ATTEMPTS_MAX || pauseMs === null || post.signal?.aborted === true;
    if (isLast || pauseMs > PAUSE_MS_MAX) throw new Error(describe(answer));
    await post.clock.sleep(pauseMs, post.signal);
  }
}

async function ask({ url, body, secret, http }: AlertPost): Promise<HttpResponse | TransportError> {
  const headers = {
    'content-type': 'application/json',
    ...(secret === null ? {} : { [SIGNATURE_HEADER]: signatureOf(secret, body) }),
  };
  try {
    return await http.request({ method: 'POST', url, headers, body, timeoutMs: TIMEOUT_MS });
  } catch (thrown) {
    if (thrown instanceof TransportError) return thrown;
    throw thrown;
  }
}

/** How long to wait before the next attempt; null: the answer is final. */
function pauseOf({ status, headers }: HttpResponse, attempt: number): number | null {
  if (status !== 429 && status < 500) return null;
  const after = Number(headers['retry-after']);
  return Number.isFinite(after) && after >= 0 ? after * 1000 : 500 * attempt;
}

/** Slack says in one word what it dislikes: `invalid_payload`, `no_service`. */
function describe(answer: HttpResponse | TransportError): string {
  if (!('status' in answer)) return answer.message;
  const said = scrub(answer.body.slice(0, 200)).split('\n')[0] ?? '';
  return `it answered ${answer.status}${said === '' ? '' : `: ${said}`}`;
}
