import { type Answer, jsonAnswer } from '../platform.ts';

/** What is wrong with one record. */
export interface RowError {
  readonly statusCode: string;
  readonly message: string;
  readonly fields?: readonly string[];
}

/** Salesforce's error body: a list of one error (REST API 67.0). */
export function salesforceError(status: number, errorCode: string, message: string, rows = 0): Answer {
  return jsonAnswer(status, [{ message, errorCode }], { rows, rejected: rows });
}

export function notFound(): Answer {
  return salesforceError(404, 'NOT_FOUND', 'The requested resource does not exist');
}
