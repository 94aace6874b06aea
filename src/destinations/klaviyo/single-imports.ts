import { notAnAcknowledgement, readObject, readText } from '../answer.ts';
import type { FieldValue } from '../destination.ts';
import { renderJson } from '../json.ts';
import type { RowEnd } from '../one-by-one.ts';
import type { KlaviyoApi } from './api.ts';
import type { KlaviyoError, Refusal } from './response.ts';

/** Up to so many rows go one by one: Klaviyo asks for it, and the answer is there at once. */
export const SINGLES_MAX = 50;

/** Between two requests: 75 a second are allowed. */
export const SPACING_MS = 20;

export interface WrittenProfile {
  readonly kind: 'written';
  readonly id: string;
  readonly created: boolean;
  /** ISO timestamp of Klaviyo's clock; null when the answer has none. */
  readonly createdAt: string | null;
  readonly pauseMs: number | null;
}

/** `POST /api/profile-import`: 201 made, 200 updated; null clears. 75 requests a second, 700 a minute. */
export async function importProfile(
  api: KlaviyoApi,
  profile: FieldValue,
  signal: AbortSignal,
): Promise<WrittenProfile | Refusal> {
  const answer = await api.call({
    method: 'POST',
    path: 'profile-import',
    body: renderJson({ data: profile }),
    signal,
  });
  if (answer.kind === 'outcome') return answer;
  const data = readObject(answer.value['data']);
  const id = readText(data?.['id']);
  if (id === null || id === '') {
    const outcome = notAnAcknowledgement('Klaviyo answered without the id of the profile');
    return { kind: 'outcome', outcome, status: answer.status, errors: [] };
  }
  const createdAt = readText(readObject(data?.['attributes'])?.['created']);
  return { kind: 'written', id, created: answer.status === 201, createdAt, pauseMs: answer.pauseMs };
}

/** The profile that stands in the way of this one, as a 409 names it; null where the refusal is another. */
export function duplicateOf({ status, errors }: Refusal): { readonly id: string | null } | null {
  const conflict: KlaviyoError | undefined = errors.find((error) => error.code === 'duplicate_profile');
  if (conflict === undefined && status !== 409) return null;
  return { id: readText(conflict?.meta['duplicate_profile_id']) };
}

/** A refused request as its row's end: what is the row's fault is rejected. */
export function rowEnd(seq: number, { outcome }: Refusal): RowEnd {
  if (outcome.kind !== 'narrow' && outcome.kind !== 'too_large') return { kind: 'outcome', outcome };
  return {
    kind: 'receipt',
    receipt: { seq, status: 'rejected', code: outcome.code, message: outcome.message },
    pauseMs: null,
  };
}
