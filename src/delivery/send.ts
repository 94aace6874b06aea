import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { BatchOutcome, OutgoingRow, Receipt, Session } from '../destinations/destination.ts';
import { messageOf } from '../errors.ts';
import { type Logger, scrub } from '../log.ts';
import type { Pacer } from './pace.ts';

/** How often and how long a request is tried again. */
export interface RetryPolicy {
  readonly attemptsMax: number;
  readonly baseDelayMs: number;
  readonly delayMsMax: number;
  /** A platform's Retry-After beyond this ends the attempts: the rows are deferred to the next run. */
  readonly retryAfterMsMax: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attemptsMax: 6,
  baseDelayMs: 150,
  delayMsMax: 10_000,
  retryAfterMsMax: 120_000,
};

export interface SendContext {
  readonly runId: string;
  readonly session: Session;
  readonly pacer: Pacer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retry: RetryPolicy;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  /** Aborts pauses; a request in flight is finished. */
  readonly stopping: AbortSignal;
  /** False where sending twice would count twice: an unknown outcome is then final. */
  readonly deduplicates: boolean;
  /** Throws when this process may no longer send (its lease ended). */
  readonly assertMaySend: () => void;
  /** Shared by the batches of one delivery. */
  readonly tally: NarrowingTally;
}

/** Rows accepted, and rows rejected one by one by narrowing: with many of these and none of those, the fault is the activation's. */
export interface NarrowingTally {
  accepted: number;
  narrowed: number;
}

const NARROWED_FROM_START_MAX = 25;

/** What became of a batch: one receipt for every row, and what the delivery as a whole should know. */
export interface SendResult {
  readonly receipts: readonly Receipt[];
  readonly refusal: { readonly code: string; readonly message: string; readonly fix: string } | null;
  /** The attempts were used up: the destination does not answer as it should. */
  readonly exhausted: boolean;
}

type Final =
  | Exclude<BatchOutcome, { kind: 'retry' }>
  | {
      readonly kind: 'gave_up';
      readonly status: 'deferred' | 'unknown';
      readonly code: string;
      readonly message: string;
    };

/** Sends rows of one operation until each has a receipt: tries again, halves, and narrows a refused batch down to the rows at fault. */
export async function sendRows(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const outcome = await attempt(rows, context);
  if (outcome.kind === 'too_large' && rows.length > 1) return await sendHalves(rows, context);
  if (!isRefusedForARow(outcome, rows) || rows.length === 1) return count(conclude(outcome, rows), context.tally);
  return await narrow(rows, context);
}

function isRefusedForARow(outcome: Final, rows: readonly OutgoingRow[]): boolean {
  return (
    outcome.kind === 'narrow' ||
    outcome.kind === 'too_large' ||
    (outcome.kind === 'counted' && outcome.accepted < rows.length)
  );
}

async function sendHalves(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const middle = Math.ceil(rows.length / 2);
  const first = await sendRows(rows.slice(0, middle), context);
  if (first.refusal) return first;
  return join([first, await sendRows(rows.slice(middle), context)]);
}

/**
 * Finds one row at fault by halving: a half that is taken is done with, a half that is refused is looked into, and what was
 * never looked at is sent as one batch in the end. About log2(n) + 2 requests for each row at fault.
 */
async function narrow(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const results: SendResult[] = [];
  let suspects = rows;
  let unseen: readonly OutgoingRow[] = [];
  while (suspects.length > 1) {
    if (isHopeless(context.tally)) return join([...results, hopeless([...suspects, ...unseen], context.tally)]);
    const middle = Math.ceil(suspects.length / 2);
    const half = suspects.slice(0, middle);
    const rest = suspects.slice(middle);
    const outcome = await attempt(half, context);
    if (isRefusedForARow(outcome, half)) {
      unseen = [...rest, ...unseen];
      suspects = half;
      if (half.length === 1) results.push(count(conclude(outcome, half), context.tally));
      continue;
    }
    results.push(count(conclude(outcome, half), context.tally));
    if (outcome.kind === 'refused' || outcome.kind === 'gave_up') {
      return join([...results, leave([...rest, ...unseen], outcome)]);
    }
    suspects = rest;
    if (rest.length === 1) results.push(count(conclude(await attempt(rest, context), rest), context.tally));
  }
  if (unseen.length > 0) results.push(await sendRows(unseen, context));
  return join(results);
}

function count(result: SendResult, tally: NarrowingTally): SendResult {
  for (const receipt of result.receipts) if (receipt.status === 'accepted') tally.accepted++;
  if (result.receipts.length === 1 && result.receipts[0]?.status === 'rejected') tally.narrowed++;
  return result;
}

function isHopeless(tally: NarrowingTally): boolean {
  return tally.accepted === 0 && tally.narrowed >= NARROWED_FROM_START_MAX;
}

function hopeless(rows: readonly OutgoingRow[], tally: NarrowingTally): SendResult {
  const refusal = {
    code: 'everything-rejected',
    message: `the first ${tally.narrowed} rows that were tried one by one were rejected, every one`,
    fix: 'Look at the mapping and the settings of the destination: this is hardly the fault of single rows.',
  };
  const { code, message } = refusal;
  return { receipts: rows.map(({ seq }) => ({ seq, status: 'deferred', code, message })), refusal, exhausted: false };
}

/** Rows that were not tried again after the destination failed. Nothing of them was applied: their last answer was a refusal. */
function leave(rows: readonly OutgoingRow[], outcome: Extract<Final, { kind: 'refused' | 'gave_up' }>): SendResult {
  return {
    receipts: rows.map((row) => ({
      seq: row.seq,
      status: 'deferred' as const,
      code: outcome.code,
      message: outcome.message,
    })),
    refusal: null,
    exhausted: false,
  };
}

function join(results: readonly SendResult[]): SendResult {
  return {
    receipts: results.flatMap((result) => result.receipts),
    refusal: results.find((result) => result.refusal !== null)?.refusal ?? null,
    exhausted: results.some((result) => result.exhausted),
  };
}

function conclude(outcome: Final, rows: readonly OutgoingRow[]): SendResult {
  const each = (status: 'rejected' | 'deferred' | 'unknown', code: string, message: string): Receipt[] =>
    rows.map((row) => ({ seq: row.seq, status, code, message: scrub(message) }));
  switch (outcome.kind) {
    case 'receipts':
      return { receipts: completed(outcome.receipts, rows), refusal: null, exhausted: false };
    case 'counted':
      if (outcome.accepted >= rows.length)
        return { receipts: rows.map((row) => ({ seq: row.seq, status: 'accepted' })), refusal: null, exhausted: false };
      return { receipts: each('rejected', outcome.code, outcome.message), refusal: null, exhausted: false };
    case 'narrow':
    case 'too_large':
      return { receipts: each('rejected', outcome.code, outcome.message), refusal: null, exhausted: false };
    case 'gave_up':
      return { receipts: each(outcome.status, outcome.code, outcome.message), refusal: null, exhausted: true };
    case 'refused':
      return {
        receipts: each('deferred', outcome.code, outcome.message),
        refusal: { ...outcome, message: scrub(outcome.message) },
        exhausted: false,
      };
  }
}

/** A platform that leaves rows out of its answer has not acknowledged them: they are unknown. */
function completed(receipts: readonly Receipt[], rows: readonly OutgoingRow[]): Receipt[] {
  const bySeq = new Map(receipts.map((receipt) => [receipt.seq, receipt]));
  return rows.map((row) => {
    const receipt = bySeq.get(row.seq) ?? {
      seq: row.seq,
      status: 'unknown' as const,
      code: 'no-verdict',
      message: 'the answer does not mention this row',
    };
    return 'message' in receipt ? { ...receipt, message: scrub(receipt.message) } : receipt;
  });
}

/** Sends one batch, again and again while the answer is "try again". */
async function attempt(rows: readonly OutgoingRow[], context: SendContext): Promise<Final> {
  const [first] = rows;
  if (!first) return { kind: 'receipts', receipts: [] };
  const id = batchId(rows, context.runId);
  let maybe = false;
  for (let number = 1; ; number++) {
    await context.pacer.admit(context.stopping);
    if (context.stopping.aborted)
      return {
        kind: 'gave_up',
        status: maybe ? 'unknown' : 'deferred',
        code: 'interrupted',
        message: 'the run was interrupted',
      };
    context.assertMaySend();
    const outcome = await ask({ id, operation: first.operation, rows, attempt: number }, context);
    if (outcome.kind !== 'retry') return outcome;
    maybe ||= outcome.applied === 'maybe';
    context.logger.debug('batch.retry', {
      run: context.runId,
      batch: id,
      attempt: number,
      code: outcome.code,
      after_ms: outcome.afterMs,
    });
    const delay = outcome.afterMs ?? backoff(number, context);
    if (outcome.throttled) context.pacer.pause(delay);
    const final =
      number >= context.retry.attemptsMax || delay > context.retry.retryAfterMsMax || (maybe && !context.deduplicates);
    if (final)
      return { kind: 'gave_up', status: maybe ? 'unknown' : 'deferred', code: outcome.code, message: outcome.message };
    if (!outcome.throttled) await context.clock.sleep(delay, context.stopping);
  }
}

/** A platform's code must not throw for what comes from outside; should it all the same, the batch may have gone out. */
async function ask(batch: Parameters<Session['send']>[0], context: SendContext): Promise<BatchOutcome> {
  try {
    return await context.session.send(batch, new AbortController().signal);
  } catch (thrown) {
    return {
      kind: 'retry',
      applied: 'maybe',
      throttled: false,
      afterMs: null,
      code: 'unexpected',
      message: messageOf(thrown),
    };
  }
}

function backoff(attemptNumber: number, { retry, random }: SendContext): number {
  return Math.min(retry.delayMsMax, retry.baseDelayMs * 2 ** (attemptNumber - 1)) * (0.5 + random() / 2);
}

/** Made of the run and the batch's range: the same when it is sent again, never shared by two batches or two runs. */
export function batchId(rows: readonly OutgoingRow[], runId: string): string {
  const lo = rows[0]?.seq ?? 0;
  const hi = rows.at(-1)?.seq ?? lo;
  const range = `${runId}:${lo}-${hi}`;
  if (hi - lo + 1 === rows.length) return range;
  return `${range}:${createHash('sha256')
    .update(rows.map((row) => row.seq).join(','))
    .digest('hex')
    .slice(0, 12)}`;
}
