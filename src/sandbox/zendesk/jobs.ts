import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { RequestContext } from '../platform.ts';

/** Queued or running at once, in one account. https://developer.zendesk.com/api-reference/introduction/rate-limits/#job-limit */
const OPEN_MAX = 30;
/** The status of a job is kept for a day. https://developer.zendesk.com/api-reference/ticketing/ticket-management/job_statuses/ */
const KEPT_MS = 24 * 3_600_000;
/** A job that nobody asks for has ended after this long. */
const RUNS_MS = 10_000;

const savedJob = z.object({
  ...{ id: z.string(), type: z.string(), createdAt: z.number(), waits: z.number(), ended: z.boolean() },
  results: z.array(z.record(z.string(), z.unknown())),
});
export const savedJobs = z.object({ next: z.number(), jobs: z.array(savedJob) });

type ZendeskJob = z.infer<typeof savedJob>;

/** What became of the jobs of one account. Their work is done when they are queued; it is told later. */
export class Jobs {
  readonly #jobs = new Map<string, ZendeskJob>();
  #next = 1;

  /** Whether no further job is taken. */
  isFull(now: number): boolean {
    return [...this.#jobs.values()].filter((job) => !job.ended && now - job.createdAt < RUNS_MS).length >= OPEN_MAX;
  }

  queue(type: string, results: readonly Readonly<Record<string, unknown>>[], context: RequestContext): object {
    const id = createHash('md5')
      .update(`${context.traceId} ${this.#next++}`)
      .digest('hex');
    const job = { id, type, createdAt: context.now, waits: context.notReadyCalls, ended: false, results: [...results] };
    this.#jobs.set(id, job);
    return describe(job, 'queued');
  }

  /** The job's status as it is told now; null where it is not known any more. */
  status(id: string, now: number): object | null {
    const job = this.#jobs.get(id);
    if (job === undefined || now - job.createdAt > KEPT_MS) return null;
    if (job.waits > 0) {
      job.waits -= 1;
      return describe(job, 'working');
    }
    job.ended = true;
    return describe(job, 'completed');
  }

  save(): z.infer<typeof savedJobs> {
    return { next: this.#next, jobs: [...this.#jobs.values()] };
  }

  restore(saved: z.infer<typeof savedJobs>): void {
    this.#next = saved.next;
    for (const job of saved.jobs) this.#jobs.set(job.id, { ...job });
  }
}

function describe(job: ZendeskJob, status: 'queued' | 'working' | 'completed'): object {
  const ended = status === 'completed';
  const { id, type: job_type, results } = job;
  return {
    ...{
      id,
      job_type,
      status,
      total: results.length,
      progress: ended ? results.length : status === 'queued' ? null : 0,
    },
    ...{
      message: ended ? `Completed at ${new Date(job.createdAt).toISOString()}` : null,
      results: ended ? results : null,
    },
  };
}
