import { type Answer, jsonAnswer, type RequestContext } from '../platform.ts';

export interface GoogleError {
  /** google.rpc.Code, by name. */
  readonly status: keyof typeof HTTP;
  readonly message: string;
  /** ErrorInfo.reason. */
  readonly reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly { readonly field: string; readonly description: string; readonly reason?: string }[];
  readonly rows?: number;
}

const HTTP = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
} as const;

const TYPE = 'type.googleapis.com/google.rpc.';

/** The error body of Google's APIs (google.rpc.Status): ErrorInfo, BadRequest and RequestInfo among the details. No Retry-After. */
export function googleError(context: RequestContext, error: GoogleError): Answer {
  const { status, message, reason, metadata, violations, rows = 0 } = error;
  const details = [
    ...(reason === undefined
      ? []
      : [{ '@type': `${TYPE}ErrorInfo`, reason, domain: 'datamanager.googleapis.com', metadata: { ...metadata } }]),
    ...(violations === undefined ? [] : [{ '@type': `${TYPE}BadRequest`, fieldViolations: violations }]),
    { '@type': `${TYPE}RequestInfo`, requestId: context.traceId },
  ];
  return jsonAnswer(
    HTTP[status],
    { error: { code: HTTP[status], message, status, details } },
    { rows, rejected: rows },
  );
}

/** 400: one field of the request. `field` as in the answers of the API: snake case, places in brackets. */
export function invalidField(
  context: RequestContext,
  said: { readonly field: string; readonly reason: string; readonly message: string; readonly rows?: number },
): Answer {
  return googleError(context, {
    status: 'INVALID_ARGUMENT',
    message: 'There was a problem with the request.',
    reason: 'INVALID_ARGUMENT',
    violations: [{ field: said.field, description: said.message, reason: said.reason }],
    ...(said.rows === undefined ? {} : { rows: said.rows }),
  });
}
