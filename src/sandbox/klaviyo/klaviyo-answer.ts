import { type Answer, jsonAnswer, type RequestContext, type SandboxRequest } from '../platform.ts';

export interface KlaviyoError {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly pointer?: string;
  readonly meta?: Readonly<Record<string, unknown>>;
}

export const MEDIA_TYPE = 'application/vnd.api+json';

/** An answer with `data` in it. */
export function dataAnswer(status: number, body: Readonly<Record<string, unknown>>, rows = 0): Answer {
  return jsonAnswer(status, body, { headers: { 'content-type': MEDIA_TYPE }, rows });
}

/** 202 and 204 have no body. */
export function bareAnswer(status: 202 | 204, rows = 0): Answer {
  return { status, headers: {}, body: '', rows, rejected: 0 };
}

/** Errors as JSON:API words them (revision 2026-07-15). */
export function errorAnswer(context: RequestContext, errors: readonly KlaviyoError[], rows = 0): Answer {
  const list = errors.map(({ status, code, title, detail, pointer = '/data/', meta = {} }, index) => ({
    ...{ id: `${context.traceId}-${index}`, status, code, title, detail },
    ...{ source: { pointer }, links: {}, meta },
  }));
  const headers = { 'content-type': MEDIA_TYPE };
  return jsonAnswer(errors[0]?.status ?? 400, { errors: list }, { headers, rows, rejected: rows });
}

export function invalid(
  context: RequestContext,
  detail: string,
  extra: { pointer?: string; rows?: number } = {},
): Answer {
  const { pointer, rows = 0 } = extra;
  const error = { status: 400, code: 'invalid', title: 'Invalid input.', detail };
  return errorAnswer(context, [pointer === undefined ? error : { ...error, pointer }], rows);
}

export function notFound(context: RequestContext, detail: string): Answer {
  return errorAnswer(context, [{ status: 404, code: 'not_found', title: 'Not found.', detail }]);
}

/** The body as JSON; undefined where it is none, or was not said to be. */
export function readBody(request: SandboxRequest): unknown {
  if (!/^application\/(?:vnd\.api\+)?json\b/i.test(request.headers['content-type'] ?? '')) return undefined;
  try {
    return JSON.parse(request.body);
  } catch {
    return undefined;
  }
}
