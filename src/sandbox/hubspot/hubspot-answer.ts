import { type Answer, jsonAnswer, type RequestContext } from '../platform.ts';

export interface HubspotError {
  readonly status: number;
  readonly category: string;
  readonly message: string;
  readonly subCategory?: string;
  readonly context?: Readonly<Record<string, readonly string[]>>;
  readonly errors?: readonly unknown[];
  readonly policyName?: string;
  readonly rows?: number;
}

/** HubSpot's error body (2026-09). */
export function hubspotError(context: RequestContext, error: HubspotError): Answer {
  const { status, rows = 0, ...body } = error;
  const answer = { status: 'error', correlationId: context.traceId, ...body };
  return jsonAnswer(status, answer, { rows, rejected: rows });
}

/** 400 VALIDATION_ERROR for the whole request. */
export function invalidRequest(context: RequestContext, message: string, rows = 0): Answer {
  return hubspotError(context, { status: 400, category: 'VALIDATION_ERROR', message, rows });
}

export function notFound(context: RequestContext, message: string, subCategory?: string): Answer {
  return hubspotError(context, {
    ...{ status: 404, category: 'OBJECT_NOT_FOUND', message },
    ...(subCategory === undefined ? {} : { subCategory }),
  });
}
