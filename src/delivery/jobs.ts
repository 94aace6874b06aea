import type { Clock } from '../clock.ts';
import type { BatchOutcome, Job, Session } from '../destinations/destination.ts';
import { messageOf } from '../errors.ts';
import { type Logger, scrub } from '../log.ts';
import type { Pacer } from './pace.ts';
import type { Span } from './row-texts.ts';

/** A job as it is written down: what another process needs to ask for it. */
export interface JobNote {
  readonly handle: string;
  readonly batchId: string;
  readonly operation: Job['operation'];
  /** Numbers of its rows. */
  readonly spans: readonly Span[];
  /** ISO timestamp, our clock. */
  readonly submittedAt: string;
}

/** How jobs of a delivery are kept and waited for. */
export interface JobKeeping {
  /** How long each is waited for, from its submission. */
  readonly deadlineMs: number;
  /** Ends the waiting: the process was asked to stop. Trouble with other batches does not. */
  readonly stopping: AbortSignal;
  /** Resolves when this process may go on (its lease is kept); throws where it may not. */
  keep(): Promise<void>;
  /** Resolves when the handle is written down. */
  submitted(note: JobNote): Promise<void>;
  /** Resolves when it is forgotten: the job took none of its rows, or not all, and nothing says which, and they go out again. */
  forget(handle: string): Promise<void>;
}

/** The part of it that waiting takes. */
export type Waiting = Pick<JobKeeping, 'deadlineMs' | 'stopping' | 'keep'>;

/** What waiting for a job takes. */
export interface JobContext {
  readonly session: Pick<Session, 'poll'>;
  readonly pacer: Pacer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The job may still live when nobody waits for it any more. `refusal`: the platform would not say. */
export interface OpenJob {
  readonly kind: 'open';
  readonly handle: string;
  readonly rows: Job['rows'];
  readonly refusal: { readonly code: string; readonly message: string; readonly fix: string } | null;
}

/** What a job ended with. */
export type JobEnd = Exclude<BatchOutcome, { kind: 'submitted' | 'retry' | 'refused' }> | OpenJob;

const POLL_MS_FIRST = 1_000;
const POLL_MS_MAX = 30_000;
const POLL_GROWTH = 1.5;

/**
 * Asks for a job until it has ended, its time is over, or the process has to stop. A question that fails is asked again; one
 * that is refused leaves the job open: what became of its rows is not known by that.
 */
export async function awaitJob(
  job: Job,
  firstMs: number | null,
  { context, keeping }: { readonly context: JobContext; readonly keeping: Waiting },
): Promise<JobEnd> {
  const { clock, logger, pacer } = context;
  const open: OpenJob = { kind: 'open', handle: job.handle, rows: job.rows, refusal: null };
  const deadline = clock.now() + keeping.deadlineMs;
  let growing = POLL_MS_FIRST;
  let afterMs = firstMs;
  for (let polls = 1; ; polls++) {
    const left = deadline - clock.now();
    if (keeping.stopping.aborted || left <= 0) return open;
    await sleep(Math.min(Math.max(0, afterMs ?? growing), left), { clock, keeping });
    growing = Math.min(POLL_MS_MAX, growing * POLL_GROWTH);
    await pacer.admit(keeping.stopping);
    if (keeping.stopping.aborted) return open;
    await keeping.keep();
    const outcome = await ask(job, context);
    if (outcome.pauseMs !== undefined) pacer.pause(outcome.pauseMs);
    logger.debug('job.polled', { rows: job.rows.length, polls, outcome: outcome.kind });
    if (outcome.kind === 'refused') {
      const { code, message, fix } = outcome;
      return { ...open, refusal: { code, message: scrub(message), fix } };
    }
    if (outcome.kind !== 'submitted' && outcome.kind !== 'retry') return outcome;
    afterMs = outcome.kind === 'submitted' ? outcome.pollAfterMs : outcome.afterMs;
    if (outcome.kind === 'retry' && outcome.throttled !== false)
      pacer.throttle(afterMs ?? growing, outcome.throttled === true ? 'account' : 'request');
  }
}

/** Long waits in pieces: the lease is kept meanwhile. */
async function sleep(
  milliseconds: number,
  { clock, keeping }: { readonly clock: Clock; readonly keeping: Waiting },
): Promise<void> {
  for (let left = milliseconds; left > 0 && !keeping.stopping.aborted; left -= POLL_MS_MAX) {
    await clock.sleep(Math.min(left, POLL_MS_MAX), keeping.stopping);
    if (left > POLL_MS_MAX) await keeping.keep();
  }
}

async function ask(job: Job, { session }: JobContext): Promise<BatchOutcome> {
  try {
    // Without means to ask nobody will ever know.
    if (session.poll === undefined) return unknownJob(job);
    return await session.poll(job, new AbortController().signal);
  } catch (thrown) {
    const message = messageOf(thrown);
    return { kind: 'retry', applied: 'no', throttled: false, afterMs: null, code: 'unexpected', message };
  }
}

/** Every row of a job that nobody can tell about. */
export function unknownJob({ rows }: Pick<Job, 'rows'>): Extract<BatchOutcome, { kind: 'receipts' }> {
  const said = { code: 'job-unknown', message: 'the platform does not say what became of the job' };
  return { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, status: 'unknown', ...said })) };
}

/** Spans as text: `1-100,105-110`. */
export function spansText(spans: readonly Span[]): string {
  return spans.map(({ lo, hi }) => `${lo}-${hi}`).join(',');
}

/** The spans of such a text; what is not one is left out. */
export function readSpans(text: string): readonly Span[] {
  return text.split(',').flatMap((part) => {
    const [, lo, hi] = /^(\d+)-(\d+)$/.exec(part) ?? [];
    return lo === undefined || hi === undefined ? [] : [{ lo: Number(lo), hi: Number(hi) }];
  });
}
