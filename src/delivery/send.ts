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
  /** It asks for a longer pause than this run can make: nothing more is sent. */
  readonly over: boolean;
}

type Final = (
  | Exclude<BatchOutcome, { kind: 'retry' }>
  | {
      readonly kind: 'gave_up';
      readonly status: 'deferred' | 'unknown';
      readonly code: string;
      readonly message: string;
      /** `interrupted`: on our side. `over`: the platform wants a longer pause than this run can make. */
      readonly reason: 'exhausted' | 'interrupted' | 'over';
    }
) & {
  /** An earlier try of the same batch had no answer: it may have been applied. */
  readonly maybe?: boolean;
};

/** Sends rows of one operation until each has a receipt: tries again, halves, and narrows a refused batch down to the rows at fault. */
export async function sendRows(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const outcome = await attempt(rows, context);
  if (outcome.kind === 'too_large' && rows.length > 1) return await sendHalves(rows, context);
  if (!isRefusedForARow(outcome, rows) || rows.length === 1) return count(conclude(outcome, rows), context.tally);
  return await narrow(rows, outcome, context);
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
  const rest = rows.slice(middle);
  if (first.refusal) return join([first, leave(rest, first.refusal)]);
  return join([first, await sendRows(rest, context)]);
}

/** Narrows a refused batch. Rows that may have been applied, and got no answer of their own in the end, are unknown. */
async function narrow(rows: readonly OutgoingRow[], refused: Final, context: SendContext): Promise<SendResult> {
  const narrowing = { context, mayBeApplied: false };
  noteRefusal(refused, narrowing);
  const result = await findFaults(rows, narrowing);
  if (!narrowing.mayBeApplied) return result;
  const receipts = result.receipts.map((receipt) =>
    receipt.status === 'deferred' ? { ...receipt, status: 'unknown' as const } : receipt,
  );
  return { ...result, receipts };
}

interface Narrowing {
  readonly context: SendContext;
  mayBeApplied: boolean;
}

/** A short count says that some of the rows were taken, and not which. */
function noteRefusal(refused: Final, narrowing: Narrowing): void {
  const taken = refused.kind === 'counted' ? refused.accepted : 0;
  narrowing.context.tally.accepted += taken;
  if (taken > 0 || refused.maybe === true) narrowing.mayBeApplied = true;
}

/**
 * Finds one row at fault by halving: a half that is taken is done with, a half that is refused is looked into, and what was
 * never looked at is sent as one batch in the end. About log2(n) + 2 requests for each row at fault.
 */
async function findFaults(rows: readonly OutgoingRow[], narrowing: Narrowing): Promise<SendResult> {
  const { context } = narrowing;
  const results: SendResult[] = [];
  let suspects = rows;
  let unseen: readonly OutgoingRow[] = [];
  while (suspects.length > 0) {
    if (isHopeless(context.tally)) return join([...results, await giveUp([...suspects, ...unseen], context)]);
    const half = suspects.slice(0, Math.ceil(suspects.length / 2));
    const rest = suspects.slice(half.length);
    const outcome = await attempt(half, context);
    if (isRefusedForARow(outcome, half) && half.length > 1) {
      noteRefusal(outcome, narrowing);
      unseen = [...rest, ...unseen];
      suspects = half;
      continue;
    }
    results.push(count(conclude(outcome, half), context.tally));
    if (outcome.kind === 'refused' || outcome.kind === 'gave_up')
      return join([...results, leave([...rest, ...unseen], outcome)]);
    if (isRefusedForARow(outcome, half)) unseen = [...rest, ...unseen];
    suspects = isRefusedForARow(outcome, half) ? [] : rest;
  }
  if (unseen.length > 0) results.push(await sendRows(unseen, context));
  return join(results);
}

/** Every row so far was at fault. Before the rest is given up, a few from all over are tried: those may just stand together. */
async function giveUp(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const tried = await probe(rows, context);
  const seen = new Set(tried.receipts.map((receipt) => receipt.seq));
  const rest = rows.filter((row) => !seen.has(row.seq));
  if (tried.refusal) return join([tried, leave(rest, tried.refusal)]);
  return join([tried, isHopeless(context.tally) ? hopeless(rest, context.tally) : await sendRows(rest, context)]);
}

const PROBES = 5;

async function probe(rows: readonly OutgoingRow[], context: SendContext): Promise<SendResult> {
  const results: SendResult[] = [];
  for (let number = 1; number <= PROBES; number++) {
    const row = rows[Math.floor((rows.length * number) / PROBES) - 1];
    if (row === undefined) continue;
    const outcome = await attempt([row], context);
    const result = count(conclude(outcome, [row]), context.tally);
    results.push(result);
    if (context.tally.accepted > 0 || outcome.kind === 'refused' || outcome.kind === 'gave_up') break;
  }
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
  return { ...leave(rows, refusal), refusal };
}

/** Rows that were not tried again after the destination failed. Nothing of them was applied: their last answer was a refusal. */
function leave(
  rows: readonly OutgoingRow[],
  { code, message }: { readonly code: string; readonly message: string },
): SendResult {
  const receipts = rows.map(({ seq }) => ({ seq, status: 'deferred' as const, code, message: scrub(message) }));
  return { receipts, refusal: null, exhausted: false, over: false };
}

function join(results: readonly SendResult[]): SendResult {
  return {
    receipts: results.flatMap((result) => result.receipts),
    refusal: results.find((result) => result.refusal !== null)?.refusal ?? null,
    exhausted: results.some((result) => result.exhausted),
    over: results.some((result) => result.over),
  };
}

function conclude(outcome: Final, rows: readonly OutgoingRow[]): SendResult {
  const each = (status: 'rejected' | 'deferred' | 'unknown', code: string, message: string): Receipt[] =>
    rows.map((row) => ({ seq: row.seq, status, code, message: scrub(message) }));
  const done = (receipts: readonly Receipt[]): SendResult => ({
    receipts,
    refusal: null,
    exhausted: false,
    over: false,
  });
  switch (outcome.kind) {
    case 'receipts':
      return done(completed(outcome.receipts, rows));
    case 'counted':
      if (outcome.accepted >= rows.length) return done(rows.map((row) => ({ seq: row.seq, status: 'accepted' })));
      return done(each('rejected', outcome.code, outcome.message));
    case 'narrow':
    case 'too_large':
      return done(each('rejected', outcome.code, outcome.message));
    case 'gave_up':
      return {
        ...done(each(outcome.status, outcome.code, outcome.message)),
        exhausted: outcome.reason === 'exhausted',
        over: outcome.reason === 'over',
      };
    case 'refused':
      return {
        ...done(each(outcome.maybe === true ? 'unknown' : 'deferred', outcome.code, outcome.message)),
        refusal: { ...outcome, message: scrub(outcome.message) },
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
        reason: 'interrupted',
      };
    context.assertMaySend();
    const outcome = await ask({ id, operation: first.operation, rows, attempt: number }, context);
    if (outcome.kind !== 'retry') return maybe ? { ...outcome, maybe } : outcome;
    maybe ||= outcome.applied === 'maybe';
    context.logger.debug('batch.retry', {
      run: context.runId,
      batch: id,
      attempt: number,
      code: outcome.code,
      after_ms: outcome.afterMs,
    });
    const delay = outcome.afterMs ?? backoff(number, context);
    const tooLong = delay > context.retry.retryAfterMsMax;
    // A pause that this run cannot make is not begun: it would hold up whatever else is under way.
    if (outcome.throttled && !tooLong) context.pacer.pause(delay);
    if (number >= context.retry.attemptsMax || tooLong || (maybe && !context.deduplicates)) {
      const { code, message } = outcome;
      return {
        kind: 'gave_up',
        status: maybe ? 'unknown' : 'deferred',
        code,
        message,
        reason: tooLong ? 'over' : 'exhausted',
      };
    }
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
