import { DinmoError } from '../../errors.ts';
import type { Batch, BatchOutcome, Job, ServiceContext } from '../destination.ts';
import { untilSettled } from '../opening.ts';
import type { GoogleApi } from './api.ts';
import type { JsonObject } from './ingest.ts';

/** Follows what a session sends, and at its end removes everybody that was not sent. */
export interface Watermark {
  sent(batch: Batch, outcome: BatchOutcome): void;
  polled(job: Job, outcome: BatchOutcome): void;
  /** Throws DinmoError where the removal fails: the next full sync does it again. */
  finish(): Promise<void>;
}

/**
 * Replacing a list without ever emptying it, as Google's guide has it ("Remove all members from an audience", API v1.8): note
 * the time, send everybody, wait until all requests have been processed, remove all who were last added before that time.
 * The time is Google's own, since ours may be ahead: then the members just sent would go. Nobody is removed unless every
 * member of this very run was processed, and at least one was: a run that only removes is no replacement.
 */
export function createWatermark(
  api: GoogleApi,
  given: {
    readonly destinations: readonly JsonObject[];
    readonly context: Pick<ServiceContext, 'clock' | 'logger'>;
    readonly replaces: boolean;
  },
): Watermark {
  const { context, destinations } = given;
  const before = api.googleTime();
  const unsettled = new Set<number>();
  let added = 0;
  return {
    sent({ operation, rows }, outcome) {
      if (operation === 'delete') return;
      if (outcome.kind === 'submitted') added += rows.length;
      note(unsettled, rows, outcome);
    },
    polled({ operation, rows }, outcome) {
      if (operation !== 'delete') note(unsettled, rows, outcome);
    },
    async finish() {
      if (!given.replaces || added === 0) return;
      if (unsettled.size > 0 || before === null) {
        context.logger.warn('google.not_replaced', { reason: 'not every member of the run was processed' });
        return;
      }
      const removeAsOfTime = new Date(before).toISOString();
      await untilSettled(context, 'Removing whoever was not sent', async () => {
        const answer = await api.call({
          method: 'POST',
          path: '/audienceMembers:removeAll',
          body: { destinations, removeAsOfTime },
        });
        if (answer.kind === 'items') throw unexpected(answer.items[0]?.message ?? 'no reason');
        return answer;
      });
      context.logger.info('google.replaced', { members: added, removed_before: removeAsOfTime });
    },
  };
}

/** A rejected row is settled: it is not in the list. All rows of a batch are not, until something is said of them. */
function note(unsettled: Set<number>, rows: readonly { readonly seq: number }[], outcome: BatchOutcome): void {
  for (const { seq } of rows) {
    if (outcome.kind === 'accepted') unsettled.delete(seq);
    else unsettled.add(seq);
  }
  if (outcome.kind !== 'receipts') return;
  for (const { seq, status } of outcome.receipts) {
    if (status === 'accepted' || status === 'rejected') unsettled.delete(seq);
  }
}

function unexpected(message: string): DinmoError {
  return new DinmoError({
    kind: 'destination',
    code: 'google-not-replaced',
    message: `Removing whoever was not sent: ${message}`,
    fix: 'Run the sync again.',
  });
}
