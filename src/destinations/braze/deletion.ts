import { notAnAcknowledgement, readCount } from '../answer.ts';
import type { Batch, BatchOutcome, FieldValue, ServiceContext } from '../destination.ts';
import { untilSettled } from '../opening.ts';
import { type BrazeApi, createApi } from './api.ts';
import { IDENTIFIERS_MAX } from './facts.ts';
import { idFieldOf } from './profile.ts';
import { paused } from './response.ts';

interface Deletion {
  readonly api: BrazeApi;
  readonly config: ServiceContext['config'];
  readonly signal?: AbortSignal;
}

const DELETE_ARRAYS = {
  external_id: 'external_ids',
  user_alias: 'user_aliases',
  braze_id: 'braze_ids',
  email: 'email_addresses',
  phone: 'phone_numbers',
} as const;

/** Rows of objects, by their keys. */
export async function deleteRows(deletion: Deletion, { rows }: Batch): Promise<BatchOutcome> {
  // Only younger profiles may go, and Braze does not say how old one is: it stays.
  const keys = rows.filter((row) => row.createdSince == null).map((row) => row.key);
  const deleted = await deleteProfiles(deletion, keys);
  if (deleted.kind === 'outcome') return deleted.outcome;
  return paused({ kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, status: 'accepted' })) }, deleted.pauseMs);
}

/**
 * Deletes profiles for ever, for `forget`: by the values of the id field. Braze queues deletions (`users.delete` is the permission it
 * takes), and whoever has no profile is passed over. Throws DinmoError.
 */
export async function eraseProfiles(
  context: ServiceContext,
  values: readonly string[],
): Promise<{ readonly kind: 'asked'; readonly detail: string }> {
  const { config } = context;
  const api = createApi(context);
  await untilSettled(context, 'Erasing a profile', async () => {
    const deleted = await deleteProfiles({ api, config }, values);
    return deleted.kind === 'outcome' ? deleted : { kind: 'value', value: null };
  });
  return { kind: 'asked', detail: 'Braze has queued the deletion of the profile.' };
}

/**
 * `/users/delete`: up to 50 identifiers of one kind; a deletion may be repeated. Braze answers with how many it queued, and
 * a profile that is not there is gone. https://www.braze.com/docs/api/endpoints/user_data/post_user_delete
 */
async function deleteProfiles(
  { api, config, signal }: Deletion,
  keys: readonly string[],
): Promise<
  | { readonly kind: 'deleted'; readonly pauseMs: number | null }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome }
> {
  let pauseMs: number | null = null;
  for (let start = 0; start < keys.length; start += IDENTIFIERS_MAX) {
    const part = keys.slice(start, start + IDENTIFIERS_MAX).map((key) => renderDeletion(key, config));
    const answer = await api.post('/users/delete', { [DELETE_ARRAYS[idFieldOf(config)]]: part }, signal);
    if (answer.kind === 'outcome') return answer;
    if (answer.isRefused || answer.errors.length + answer.unnamed > 0 || readCount(answer.body['deleted']) === null) {
      const outcome = notAnAcknowledgement('Braze did not say how many profiles it deletes');
      return { kind: 'outcome', outcome: paused(outcome, answer.pauseMs) };
    }
    pauseMs = answer.pauseMs;
  }
  return { kind: 'deleted', pauseMs };
}

/** By e-mail address or phone several profiles may fit: Braze wants to be told which one, and deletes none if more than one is left. */
function renderDeletion(key: string, config: ServiceContext['config']): FieldValue {
  const field = idFieldOf(config);
  if (field === 'user_alias') return { alias_name: key, alias_label: String(config['alias_label']) };
  if (field !== 'email' && field !== 'phone') return key;
  return { [field]: key, prioritization: ['identified', 'most_recently_updated'] };
}
