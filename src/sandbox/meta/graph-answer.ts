import { type Answer, jsonAnswer, type RequestContext } from '../platform.ts';

export interface GraphError {
  readonly code: number;
  readonly message: string;
  readonly subcode?: number;
  readonly title?: string;
  readonly detail?: string;
  readonly type?: 'OAuthException' | 'GraphMethodException' | 'FacebookApiException';
  readonly status?: number;
  readonly transient?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly rows?: number;
}

/** The Graph API's error body (v26.0). Most failures are status 400; the code says what happened. */
export function graphError(context: RequestContext, error: GraphError): Answer {
  const body = {
    error: {
      message: error.message,
      type: error.type ?? 'OAuthException',
      code: error.code,
      ...(error.subcode === undefined ? {} : { error_subcode: error.subcode }),
      is_transient: error.transient ?? false,
      ...(error.title === undefined
        ? {}
        : { error_user_title: error.title, error_user_msg: error.detail ?? error.title }),
      fbtrace_id: context.traceId,
    },
  };
  const rows = error.rows ?? 0;
  return jsonAnswer(error.status ?? 400, body, {
    rows,
    rejected: rows,
    ...(error.headers === undefined ? {} : { headers: error.headers }),
  });
}

/** Code 100: a parameter is wrong. */
export function invalidParameter(context: RequestContext, message: string, rows = 0): Answer {
  return graphError(context, { code: 100, message: `(#100) ${message}`, rows });
}

/** Code 100, subcode 33: no such object, or no right to see it. */
export function missingObject(context: RequestContext, id: string, method: string): Answer {
  return graphError(context, {
    code: 100,
    subcode: 33,
    type: 'GraphMethodException',
    message: `Unsupported ${method.toLowerCase()} request. Object with ID '${id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation`,
  });
}
