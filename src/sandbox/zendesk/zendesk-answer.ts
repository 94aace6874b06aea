import { type Answer, jsonAnswer } from '../platform.ts';
import type { WriteProblem } from './writes.ts';

export function zendeskError(
  status: number,
  error: string,
  description: string,
  extra: { readonly details?: unknown; readonly rows?: number } = {},
): Answer {
  const { details, rows = 0 } = extra;
  const body = { error, description, ...(details === undefined ? {} : { details }) };
  return jsonAnswer(status, body, { rows, rejected: rows });
}

export function notFound(): Answer {
  return zendeskError(404, 'RecordNotFound', 'Not found');
}

export function recordInvalid({ error, field, description }: WriteProblem): Answer {
  const details = { [field]: [{ description, error }] };
  return zendeskError(422, 'RecordInvalid', 'Record validation errors', { details, rows: 1 });
}

/** Limits are told in words, not as JSON. */
export function throttled(retryAfterSeconds: number, text: string): Answer {
  return {
    ...{ status: 429, body: text, rows: 0, rejected: 0 },
    headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': String(retryAfterSeconds) },
  };
}
