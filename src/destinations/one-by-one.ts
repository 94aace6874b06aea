import type { Clock } from '../clock.ts';
import { retry } from './answer.ts';
import type { BatchOutcome, Receipt } from './destination.ts';

const TRIES_MAX = 3;
/** A longer pause is for the engine, or for the next run. */
const WAIT_MS_MAX = 30_000;

/** One row's end: a receipt, or an outcome that speaks of more than the row. */
export type RowEnd =
  | { readonly kind: 'receipt'; readonly receipt: Receipt; readonly pauseMs: number | null }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/** How rows follow each other. */
export interface Steps {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Between two rows, in milliseconds, at least. */
  readonly spacingMs: number;
  /** Whether a row may go out again after an answer was lost. */
  readonly repeatable: boolean;
}

/**
 * Sends the rows of a batch one by one, where a platform takes one a request. An outcome that speaks of more than its row
 * (throttled, out of reach, refused) is the batch's where nothing of it was taken, so that the engine decides. Later, a row is
 * tried again here; in the end the rows that were taken keep their receipts, and the others are deferred.
 */
export async function oneByOne<T extends { readonly seq: number }>(
  rows: readonly T[],
  steps: Steps,
  work: (row: T) => Promise<RowEnd>,
): Promise<BatchOutcome> {
  const receipts: Receipt[] = [];
  let pauseMs = 0;
  for (const [index, row] of rows.entries()) {
    if (index > 0) await steps.clock.sleep(Math.max(steps.spacingMs, pauseMs));
    const isFirst = receipts.every(({ status }) => status === 'rejected');
    const end = isFirst ? await work(row) : await workAgain(row, steps, work);
    if (end.kind === 'receipt') {
      receipts.push(end.receipt);
      pauseMs = end.pauseMs ?? 0;
      continue;
    }
    if (isFirst) return end.outcome;
    for (const { seq } of rows.slice(index)) receipts.push(leftOver(seq, seq === row.seq, end.outcome));
    break;
  }
  return pauseMs > 0 ? { kind: 'receipts', receipts, pauseMs } : { kind: 'receipts', receipts };
}

async function workAgain<T>(row: T, steps: Steps, work: (row: T) => Promise<RowEnd>): Promise<RowEnd> {
  for (let tries = 1; ; tries++) {
    if (steps.signal.aborted) return STOPPED;
    const end = await work(row);
    if (end.kind === 'receipt' || end.outcome.kind !== 'retry' || tries === TRIES_MAX) return end;
    const waitMs = end.outcome.afterMs ?? 500 * 2 ** tries;
    if (waitMs > WAIT_MS_MAX || (end.outcome.applied === 'maybe' && !steps.repeatable)) return end;
    await steps.clock.sleep(waitMs);
  }
}

const STOPPED: RowEnd = {
  kind: 'outcome',
  outcome: retry({ applied: 'no', code: 'not-sent', message: 'The run ended before the row was sent' }),
};

function leftOver(seq: number, isFirst: boolean, outcome: BatchOutcome): Receipt {
  const said = 'code' in outcome ? { code: outcome.code, message: outcome.message } : { code: 'not-sent', message: '' };
  const isDoubtful = isFirst && outcome.kind === 'retry' && outcome.applied === 'maybe';
  return { seq, status: isDoubtful ? 'unknown' : 'deferred', ...said };
}
