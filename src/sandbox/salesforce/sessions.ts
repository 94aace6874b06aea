import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, type SandboxRequest } from '../platform.ts';
import { salesforceError } from './salesforce-answer.ts';

export const savedSessions = z.object({ nextId: z.number(), open: z.array(z.tuple([z.string(), z.number()])) });

const USER = '005000000000001AAA';
/** Seconds that a JWT may live at most. */
const JWT_SECONDS_MAX = 300;

/** Access tokens of one org: given out for client credentials or a JWT, good for a number of requests. */
export class Sessions {
  /** Requests by token. */
  readonly #open = new Map<string, number>();
  #nextId = 1;
  requestsMax = Number.POSITIVE_INFINITY;

  /** `POST /services/oauth2/token`. */
  issue(request: SandboxRequest, context: RequestContext, orgId: string): Answer {
    const form = new URLSearchParams(request.body);
    const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '');
    const problem = request.method !== 'POST' || !isForm ? 'unsupported_grant_type' : grantProblem(form, context.now);
    if (problem !== null)
      return jsonAnswer(400, { error: problem, error_description: 'the client or its grant is not valid' });
    const token = `${orgId}!${context.traceId}${this.#nextId++}`;
    this.#open.set(token, 0);
    return jsonAnswer(200, {
      ...{ access_token: token, signature: 'c2lnbmF0dXJl', token_format: 'opaque', scope: 'api' },
      ...{ instance_url: request.baseUrl, id: `https://login.salesforce.com/id/${orgId}/${USER}` },
      ...{ token_type: 'Bearer', issued_at: String(context.now) },
    });
  }

  /** 401 where the request's token is none, or has ended. */
  check(request: SandboxRequest): Answer | null {
    const token = /^Bearer +(.+)$/i.exec(request.headers['authorization'] ?? '')?.[1] ?? '';
    const used = this.#open.get(token);
    if (used !== undefined && used < this.requestsMax) {
      this.#open.set(token, used + 1);
      return null;
    }
    this.#open.delete(token);
    return salesforceError(401, 'INVALID_SESSION_ID', 'Session expired or invalid');
  }

  save(): z.infer<typeof savedSessions> {
    return { nextId: this.#nextId, open: [...this.#open] };
  }

  restore(saved: z.infer<typeof savedSessions>): void {
    this.#nextId = saved.nextId;
    for (const [token, used] of saved.open) this.#open.set(token, used);
  }
}

function grantProblem(form: URLSearchParams, now: number): string | null {
  const grant = form.get('grant_type');
  if (grant === 'client_credentials') {
    const secret = form.get('client_secret') ?? '';
    return form.get('client_id') && secret !== '' && secret !== 'invalid' ? null : 'invalid_client';
  }
  if (grant !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return 'unsupported_grant_type';
  return isGoodAssertion(form.get('assertion') ?? '', now) ? null : 'invalid_grant';
}

const claims = z.object({ iss: z.string().min(1), sub: z.string().min(1), aud: z.url(), exp: z.number() });

/** The shape of a JWT of RS256 and its claims; whose signature it is cannot be told without the certificate. */
function isGoodAssertion(assertion: string, now: number): boolean {
  const [head = '', body = '', signature = '', ...more] = assertion.split('.');
  const read = (part: string): unknown => {
    try {
      return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    } catch {
      return null;
    }
  };
  const header = z.object({ alg: z.literal('RS256') }).safeParse(read(head));
  const claimed = claims.safeParse(read(body));
  if (more.length > 0 || signature === '' || !header.success || !claimed.success) return false;
  const left = claimed.data.exp - now / 1000;
  return left > 0 && left <= JWT_SECONDS_MAX;
}
