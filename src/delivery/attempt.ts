import { createHash } from 'node:crypto';
import type { Operation } from '../artifacts/annotation.ts';
import type { Clock } from '../clock.ts';
import type { Batch, BatchOutcome, OutgoingRow, Receipt, Session } from '../destinations/destination.ts';
import { messageOf } from '../errors.ts';
import { type Logger, scrub } from '../log.ts';
import { awaitJob, type JobKeeping, type OpenJob } from './jobs.ts';
import type { Pacer } from './pace.ts';
import { RowTexts, type Span } from './row-texts.ts';

/** How often and how long a request is tried again. */
export interface RetryPolicy {
  readonly attemptsMax: number;
  readonly baseDelayMs: number;
  readonly delayMsMax: number;
  /** A platform's Retry-After beyond this ends the attempts: the rows are deferred to the next run. */
  readonly retryAfterMsMax: number;
}

/** Six tries over some seconds: what lasts longer is for the next run. */
export const DEFAULT_RETRY: RetryPolicy = {
  attemptsMax: 6,
  baseDelayMs: 150,
  delayMsMax: 10_000,
  retryAfterMsMax: 120_000,
};

/** What sending a batch takes beside its rows: the same for all batches of one delivery. */
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
  /** Waits before a batch is tried again, and gives way to others meanwhile. Left out: nobody else is kept waiting by it. */
  readonly rest?: (wait: () => Promise<void>) => Promise<void>;
  /** Where the service takes jobs. */
  readonly jobs?: JobKeeping;
  /** Shared by the batches of one delivery. */
  readonly tally: NarrowingTally;
}

/** Rows accepted, and rows rejected one by one by narrowing: with many of these and none of those, the fault is the activation's. */
export interface NarrowingTally {
  accepted: number;
  narrowed: number;
}

/** What became of a batch: one receipt for every row, but for those of spans, and what the delivery as a whole should know. */
export interface SendResult {
  readonly receipts: readonly Receipt[];
  /** Accepted, every one of them. */
  readonly taken: readonly Span[];
  readonly refusal: { readonly code: string; readonly message: string; readonly fix: string } | null;
  /** The attempts were used up: the destination does not answer as it should. */
  readonly exhausted: boolean;
  /** It asks for a longer pause than this run can make: nothing more is sent. */
  readonly over: boolean;
  /** Jobs that nobody waits for any more, and that may live: their rows have no receipt. */
  readonly open: readonly OpenJob[];
}

/** What came of a batch in the end: no answer any more that says "try again". */
export type Final = (
  | Exclude<BatchOutcome, { kind: 'retry' | 'submitted' }>
  | OpenJob
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

/** A receipt for every row of a batch. */
export function conclude(outcome: Final, rows: readonly OutgoingRow[]): SendResult {
  const each = (status: 'rejected' | 'deferred' | 'unknown', code: string, message: string): Receipt[] =>
    rows.map((row) => ({ seq: row.seq, status, code, message: scrub(message) }));
  const done = (receipts: readonly Receipt[]): SendResult => ({
    receipts,
    taken: [],
    refusal: null,
    exhausted: false,
    over: false,
    open: [],
  });
  switch (outcome.kind) {
    case 'accepted':
      return allTaken(rows);
    case 'receipts':
      return done(inDoubtWhere(outcome.maybe === true, completed(outcome.receipts, rows)));
    case 'counted':
      if (outcome.accepted >= rows.length) return allTaken(rows);
      return done(each('rejected', outcome.code, outcome.message));
    case 'narrow':
    case 'too_large':
      return done(each('rejected', outcome.code, outcome.message));
    case 'open':
      return { ...done([]), open: [outcome] };
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

/** Rows that an earlier try may have brought there are not out of the world because this one did nothing. */
export function inDoubtWhere(maybe: boolean, receipts: readonly Receipt[]): readonly Receipt[] {
  if (!maybe) return receipts;
  return receipts.map((receipt) => (receipt.status === 'deferred' ? { ...receipt, status: 'unknown' } : receipt));
}

/** Every row was accepted. */
export function allTaken(rows: readonly OutgoingRow[] | RowTexts): SendResult {
  return { receipts: [], taken: spansOf(rows), refusal: null, exhausted: false, over: false, open: [] };
}

/** The numbers of these rows, neighbours together. */
export function spansOf(rows: readonly OutgoingRow[] | RowTexts): readonly Span[] {
  if (rows instanceof RowTexts) return [rows];
  const spans: { lo: number; hi: number }[] = [];
  for (const { seq } of rows) {
    const last = spans.at(-1);
    if (last !== undefined && last.hi === seq - 1) last.hi = seq;
    else spans.push({ lo: seq, hi: seq });
  }
  return spans;
}

/** A platform that leaves rows out of its answer has not acknowledged them: they are unknown. */
export function completed(receipts: readonly Receipt[], rows: readonly { readonly seq: number }[]): Receipt[] {
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
export async function attempt(sent: readonly OutgoingRow[] | RowTexts, context: SendContext): Promise<Final> {
  const batch = sent instanceof RowTexts ? sent : rowBatch(sent);
  if (batch === null) return { kind: 'receipts', receipts: [] };
  const id = batchId(sent, context.runId);
  let maybe = false;
  for (let number = 1; ; number++) {
    if (context.pacer.pauseLeftMs > context.retry.retryAfterMsMax) return allowanceSpent(maybe);
    const turn = await context.pacer.admit(context.stopping);
    if (context.stopping.aborted)
      return {
        kind: 'gave_up',
        status: maybe ? 'unknown' : 'deferred',
        code: 'interrupted',
        message: 'the run was interrupted',
        reason: 'interrupted',
      };
    context.assertMaySend();
    const outcome = await ask(sendable(batch, id, number), context);
    if (outcome.pauseMs !== undefined) context.pacer.pause(outcome.pauseMs);
    if (outcome.kind === 'submitted') {
      context.pacer.taken(turn);
      const end = await follow(outcome, { batch, batchId: id, sent }, context);
      return maybe ? { ...end, maybe } : end;
    }
    if (outcome.kind !== 'retry') {
      context.pacer.taken(turn);
      return maybe ? { ...outcome, maybe } : outcome;
    }
    maybe ||= outcome.applied === 'maybe';
    context.logger.info('request.retried', {
      batch: rangeOf(sent),
      attempt: number,
      code: outcome.code,
      after_ms: outcome.afterMs,
    });
    const delay = outcome.afterMs ?? backoff(number, context);
    const tooLong = delay > context.retry.retryAfterMsMax;
    // A pause that this run cannot make is not begun: it would hold up whatever else is under way.
    const everybodyWaits = outcome.throttled !== false && !tooLong && throttle(outcome.throttled, delay, context);
    if (outcome.throttled !== false)
      context.logger.info('rate.limited', { code: outcome.code, after_ms: Math.round(delay), account: everybodyWaits });
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
    if (!everybodyWaits) await rest(delay, context);
  }
}

/** A job's handle is written down before anything else happens, and its rows go out again only when that is forgotten. */
async function follow(
  { handle, pollAfterMs }: Extract<BatchOutcome, { kind: 'submitted' }>,
  {
    batch,
    batchId: id,
    sent,
  }: {
    readonly batch: Pick<Batch, 'operation' | 'rows'>;
    readonly batchId: string;
    readonly sent: readonly OutgoingRow[] | RowTexts;
  },
  context: SendContext,
): Promise<Final> {
  const { jobs: keeping } = context;
  const { operation } = batch;
  if (keeping === undefined) {
    const message = 'the platform took it as a job, which nothing here asks for';
    return { kind: 'gave_up', status: 'unknown', code: 'job-unknown', message, reason: 'exhausted' };
  }
  const submittedAt = new Date(context.clock.now()).toISOString();
  await keeping.submitted({ handle, batchId: id, operation, spans: spansOf(sent), submittedAt });
  context.logger.debug('job.submitted', { batch: rangeOf(sent), after_ms: pollAfterMs });
  const rows = batch.rows.map(({ seq, key }) => ({ seq, key }));
  const end = await awaitJob({ handle, operation, rows }, pollAfterMs, { context, keeping });
  const isShort = end.kind === 'counted' && end.accepted < rows.length;
  if (end.kind === 'narrow' || end.kind === 'too_large' || isShort) await keeping.forget(handle);
  return end;
}

function allowanceSpent(maybe: boolean): Final {
  const message = 'its allowance is spent for longer than this run can wait';
  return { kind: 'gave_up', status: maybe ? 'unknown' : 'deferred', code: 'allowance-spent', message, reason: 'over' };
}

function rowBatch(
  rows: readonly OutgoingRow[],
): { readonly operation: Operation; readonly rows: readonly OutgoingRow[] } | null {
  const [first] = rows;
  return first === undefined ? null : { operation: first.operation, rows };
}

function sendable(from: Pick<Batch, 'operation' | 'rows' | 'text'>, id: string, number: number): Batch {
  const { operation, text } = from;
  return {
    id,
    operation,
    attempt: number,
    get rows() {
      return from.rows;
    },
    ...(text === undefined ? {} : { text }),
  };
}

function throttle(throttled: true | 'request', delay: number, { pacer }: SendContext): boolean {
  return pacer.throttle(delay, throttled === true ? 'account' : throttled);
}

async function rest(milliseconds: number, { clock, stopping, rest: giveWay }: SendContext): Promise<void> {
  const wait = (): Promise<void> => clock.sleep(milliseconds, stopping);
  await (giveWay === undefined ? wait() : giveWay(wait));
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

/** The first and the last change of a batch, by number. */
export function rangeOf(rows: readonly OutgoingRow[] | RowTexts): string {
  const { lo, hi } = rows instanceof RowTexts ? rows : { lo: rows[0]?.seq ?? 0, hi: rows.at(-1)?.seq ?? 0 };
  return `${lo}-${hi}`;
}

/** Made of the run and the batch's range: the same when it is sent again, never shared by two batches or two runs. */
export function batchId(rows: readonly OutgoingRow[] | RowTexts, runId: string): string {
  if (rows instanceof RowTexts) return `${runId}:${rows.lo}-${rows.hi}`;
  const lo = rows[0]?.seq ?? 0;
  const hi = rows.at(-1)?.seq ?? lo;
  const range = `${runId}:${lo}-${hi}`;
  if (hi - lo + 1 === rows.length) return range;
  return `${range}:${createHash('sha256')
    .update(rows.map((row) => row.seq).join(','))
    .digest('hex')
    .slice(0, 12)}`;
}
