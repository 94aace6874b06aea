import type { FinishedRun, QueuedRun } from '../artifacts/listener-file.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { type Logger, scrub } from '../log.ts';
import type { RunQueue } from './run-queue.ts';

/** How a sync ended. */
export interface SyncEnd {
  /** null: a signal ended it, or it could not be started. */
  readonly exitCode: number | null;
  /** Code of the error that stopped it; null without one. */
  readonly code: string | null;
  /** How many activations have which status; null where its report could not be read. */
  readonly activations: Readonly<Record<string, number>> | null;
  /** Activations that were stopped or are not whole, with what the report says of them. */
  readonly problems: readonly { readonly activation: string; readonly status: string; readonly reason: string }[];
}

/** A sync that is under way, in a process of its own. */
export interface SyncProcess {
  /** null: it could not be started. */
  readonly pid: number | null;
  /** Never rejects. */
  readonly ended: Promise<SyncEnd>;
  /** Asks it to end: the batch in flight is finished and recorded. */
  stop(): void;
}

export interface WorkerOptions {
  readonly queue: RunQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly startSync: (runId: string) => SyncProcess;
  /** How often a failed sync is tried again. */
  readonly retries: number;
}

/** The first wait before a failed sync is tried again, in milliseconds; each further one is twice as long. */
const FIRST_WAIT_MS = 60_000;
const WAIT_MS_MAX = 3_600_000;

/** Codes of what passes by itself, though the exit code is not that of a failure outside. */
const PASSING: readonly string[] = ['dbt-cloud-unreachable', 'dbt-cloud-run-under-way', 'duckdb-locked', 'lease-lost'];

/** Syncs the runs of the queue, one at a time. */
export class Worker {
  readonly #options: WorkerOptions;
  #wake: () => void = () => undefined;
  #isStopping = false;
  #running: { readonly run: QueuedRun; readonly process: SyncProcess } | null = null;
  readonly #ended: Promise<void>;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#ended = this.#work();
  }

  /** Id of the run that is being synced. */
  get running(): string | null {
    return this.#running?.run.runId ?? null;
  }

  /** Something was added to the queue. */
  wake(): void {
    this.#wake();
  }

  /** Starts nothing more, and lets the running sync finish its batch; what is left stays in the queue. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#running?.process.stop();
    this.#wake();
    await this.#ended;
  }

  async #work(): Promise<void> {
    const { queue, logger } = this.#options;
    while (!this.#isStopping) {
      const run = queue.next();
      if (run === null) {
        await this.#pause(queue.nextAt());
        continue;
      }
      try {
        await this.#sync(run);
      } catch (thrown) {
        // The queue could not be written: nothing is lost, the run is synced again.
        logger.warn('queue.write_failed', { dbt_run_id: run.runId, reason: scrub(messageOf(thrown)) });
        await this.#pause(this.#options.clock.now() + FIRST_WAIT_MS);
      }
    }
  }

  /** Until something is added, or this time has come. */
  async #pause(untilMs: number | null): Promise<void> {
    const { clock } = this.#options;
    const waking = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = () => {
        waking.abort();
        resolve();
      };
    });
    if (this.#isStopping) return;
    const wait = untilMs === null ? null : Math.min(Math.max(untilMs - clock.now(), 0), WAIT_MS_MAX);
    await (wait === null ? woken : Promise.race([woken, clock.sleep(wait, waking.signal)]));
  }

  async #sync(run: QueuedRun): Promise<void> {
    const { queue, clock, logger, startSync } = this.#options;
    const startedAt = clock.now();
    const process = startSync(run.runId);
    const { pid } = process;
    logger.info('sync.started', { dbt_run_id: run.runId, attempt: run.failures + 1, depth: queue.depth, pid });
    this.#running = { run, process };
    const end = await process.ended;
    this.#running = null;
    const facts = {
      dbt_run_id: run.runId,
      exit_code: end.exitCode,
      code: end.code,
      seconds: Math.round((clock.now() - startedAt) / 1000),
      ...Object.fromEntries(Object.entries(end.activations ?? {}).map(([status, count]) => [status, count])),
    };
    if (this.#isStopping && end.exitCode !== 0) {
      logger.info('sync.interrupted', facts);
      return;
    }
    logger.info('sync.finished', facts);
    for (const problem of end.problems) logger.warn('sync.incomplete', { dbt_run_id: run.runId, ...problem });
    if (!mayPass(end)) {
      queue.finish(run, { outcome: outcomeOf(end), exitCode: end.exitCode, code: end.code });
      return;
    }
    this.#again(run, end);
  }

  #again(run: QueuedRun, end: SyncEnd): void {
    const { queue, clock, logger, retries } = this.#options;
    if (run.failures >= retries) {
      queue.finish(run, { outcome: 'failed', exitCode: end.exitCode, code: end.code });
      logger.warn('sync.given_up', { dbt_run_id: run.runId, attempts: run.failures + 1, code: end.code });
      return;
    }
    const wait = Math.min(FIRST_WAIT_MS * 2 ** run.failures, WAIT_MS_MAX);
    queue.postpone(run, clock.now() + wait);
    logger.warn('sync.postponed', { dbt_run_id: run.runId, failures: run.failures + 1, seconds: wait / 1000 });
  }
}

/** A warehouse, a destination or dbt Cloud that failed, and a process that died, may do better later. */
function mayPass({ exitCode, code }: SyncEnd): boolean {
  return exitCode === null || exitCode > 3 || (exitCode !== 0 && code !== null && PASSING.includes(code));
}

function outcomeOf({ exitCode }: SyncEnd): FinishedRun['outcome'] {
  if (exitCode === 0) return 'succeeded';
  return exitCode === 1 ? 'incomplete' : 'failed';
}
