import { type Answer, jsonAnswer } from '../platform.ts';

/** A failure: the status is the vendor's, the form of the body one of ours, since none is public. */
export function selligentError(status: number, message: string, rows = 0): Answer {
  return jsonAnswer(status, { message }, { rows, rejected: rows });
}
