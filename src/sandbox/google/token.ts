import { z } from 'zod';
import { type Answer, jsonAnswer, type RequestContext, type SandboxRequest } from '../platform.ts';
import { googleError } from './google-answer.ts';

const LIFETIME_SECONDS = 3_599;
const PREFIX = 'ya29.sandbox.';
const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const SCOPE = 'https://www.googleapis.com/auth/datamanager';

/**
 * `POST /token` (oauth2.googleapis.com): a refresh token, or the assertion of a service account (RFC 7523; its signature is
 * not looked at, since any key is one of the sandbox's). Any refresh token or issuer is good but `invalid`; `forbidden` gets a
 * token without rights.
 */
export function giveToken(request: SandboxRequest, context: RequestContext): Answer {
  const form = new URLSearchParams(request.body);
  const grant = form.get('grant_type');
  const who = grant === 'refresh_token' ? readRefresh(form) : readAssertion(form, context);
  if (who === null || who.startsWith('invalid')) {
    return jsonAnswer(400, { error: 'invalid_grant', error_description: 'Bad Request' });
  }
  const mark = who.startsWith('forbidden') ? 'forbidden' : String(context.now);
  const token = { access_token: `${PREFIX}${mark}`, expires_in: LIFETIME_SECONDS, scope: SCOPE, token_type: 'Bearer' };
  return jsonAnswer(200, token);
}

function readRefresh(form: URLSearchParams): string | null {
  return form.get('client_id') && form.get('client_secret') ? form.get('refresh_token') : null;
}

const claimsShape = z.object({
  iss: z.string().min(1),
  aud: z.literal(TOKEN_URL),
  scope: z.string().refine((scope) => scope.split(' ').includes(SCOPE)),
  iat: z.number(),
  exp: z.number(),
});

function readAssertion(form: URLSearchParams, context: RequestContext): string | null {
  if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return null;
  const [header, claims, signature] = (form.get('assertion') ?? '').split('.').map((part) => {
    const text = Buffer.from(part, 'base64url').toString();
    return text.startsWith('{') ? (JSON.parse(text) as unknown) : text;
  });
  const head = z.object({ alg: z.literal('RS256') }).safeParse(header);
  const read = claimsShape.safeParse(claims);
  if (!head.success || !read.success || !signature) {
    context.violate('assertion', 'an assertion that is not as RFC 7523 and Google want it');
    return null;
  }
  const { iat, exp, iss } = read.data;
  const seconds = context.now / 1000;
  const isTimely = exp - iat <= 3_600 && exp > seconds && iat <= seconds + 300;
  return isTimely ? iss : null;
}

/** Why a request is not let in; null where its token is good. */
export function tokenProblem(request: SandboxRequest, context: RequestContext): Answer | null {
  const token = /^Bearer +(.+)$/.exec(request.headers['authorization'] ?? '')?.[1] ?? '';
  const mark = token.startsWith(PREFIX) ? token.slice(PREFIX.length) : '';
  if (mark === 'forbidden') {
    const message = 'The caller does not have permission';
    return googleError(context, { status: 'PERMISSION_DENIED', message, reason: 'PERMISSION_DENIED' });
  }
  if (/^\d+$/.test(mark) && context.now - Number(mark) < LIFETIME_SECONDS * 1000) return null;
  const message = 'Request had invalid authentication credentials. Expected OAuth 2 access token.';
  return googleError(context, { status: 'UNAUTHENTICATED', message });
}
