import { type Answer, jsonAnswer } from '../platform.ts';

/** Which object of a /users/track request is wrong, and why. */
export interface ObjectError {
  readonly type: string;
  readonly input_array: string;
  readonly index: number;
}

/** A failure in Braze's words: `{message}`, with `errors` where objects are named. */
export function brazeError(
  status: number,
  message: string,
  detail: { readonly errors?: readonly ObjectError[]; readonly rows?: number } = {},
): Answer {
  const { errors, rows = 0 } = detail;
  return jsonAnswer(status, { message, ...(errors === undefined ? {} : { errors }) }, { rows, rejected: rows });
}
