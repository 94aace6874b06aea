import { createHash } from 'node:crypto';
import {
  exchange,
  narrow,
  notAnAcknowledgement,
  readArray,
  readObject,
  readText,
  statusOutcome,
} from '../../src/destinations/answer.ts';
import type { BatchOutcome, Job, Service, ServiceContext, Session } from '../../src/destinations/destination.ts';
import { renderBody, renderHeaders } from '../../src/destinations/webhook/request.ts';
import {
  type Answer,
  jsonAnswer,
  type RequestContext,
  type SandboxRequest,
  type SimulatedDestination,
  type SimulatedPlatform,
} from '../../src/sandbox/platform.ts';
import { webhook } from '../../src/sandbox/webhook/index.ts';

/** How long a run waits for a job: many take longer. */
const DEADLINE_MINUTES = 10;
const MINUTE_MS = 60_000;

/** What can become of a job, by its share of a hundred while there is trouble. */
const FATES = [
  { fate: 'job takes minutes', share: 20 },
  { fate: 'job outlives its run', share: 12 },
  { fate: 'job fails whole', share: 12 },
  { fate: 'job forgotten', share: 8 },
] as const;
export type Fate = (typeof FATES)[number]['fate'];
export const JOB_FATES: readonly Fate[] = FATES.map(({ fate }) => fate);

interface QueuedJob {
  readonly fate: Fate | null;
  readonly readyAt: number;
  /** Carries it out; nothing where the job fails. */
  readonly work: () => Answer | null;
  answer: Answer | null;
  done: boolean;
}

/** Rows by key, taken as jobs: carried out one after another in the order in which they came, whether somebody asks or not. */
export class JobReceiver implements SimulatedDestination {
  /** Whether jobs go wrong. */
  troubled = false;
  readonly met = new Map<Fate, number>();
  readonly #rows = webhook.open(null);
  readonly #jobs = new Map<string, QueuedJob>();
  #freeAt = 0;

  handle(request: SandboxRequest, context: RequestContext): Answer {
    this.#goOn(context.now);
    return request.method === 'GET' ? this.#tell(request.path) : this.#queue(request, context);
  }

  #queue(request: SandboxRequest, context: RequestContext): Answer {
    const dice = createHash('sha256').update(`${request.body} ${context.traceId}`).digest().readUInt32BE();
    const fate = this.troubled ? fateOf(dice % 100) : null;
    if (fate !== null) this.met.set(fate, (this.met.get(fate) ?? 0) + 1);
    this.#freeAt = Math.max(this.#freeAt, context.now) + durationOf(fate, dice >>> 8);
    const id = `job-${this.#jobs.size + 1}`;
    const work = (): Answer | null => (fate === 'job fails whole' ? null : this.#rows.handle(request, context));
    this.#jobs.set(id, { fate, readyAt: this.#freeAt, work, answer: null, done: false });
    return jsonAnswer(202, { job: id });
  }

  #tell(path: string): Answer {
    const job = this.#jobs.get(path.split('/').at(-1) ?? '');
    if (job === undefined || (job.done && job.fate === 'job forgotten'))
      return jsonAnswer(404, { error: 'no such job' });
    if (!job.done) return jsonAnswer(200, { state: 'working' });
    if (job.answer === null) return jsonAnswer(200, { state: 'failed' });
    const said = readObject(JSON.parse(job.answer.body));
    return jsonAnswer(200, {
      state: job.answer.status === 200 ? 'done' : 'refused',
      rejected: readArray(said?.['rejected']).map((one) => String(readObject(one)?.['key'])),
    });
  }

  #goOn(now: number): void {
    for (const job of this.#jobs.values()) {
      if (job.done || job.readyAt > now) continue;
      job.done = true;
      job.answer = job.work();
    }
  }

  /** In the end every job has ended. */
  holdings(rowsMax: number) {
    this.#goOn(Number.POSITIVE_INFINITY);
    return this.#rows.holdings(rowsMax);
  }

  save(): unknown {
    return null;
  }

  configure(): void {}
}

function fateOf(dice: number): Fate | null {
  let below = 0;
  for (const { fate, share } of FATES) {
    below += share;
    if (dice < below) return fate;
  }
  return null;
}

function durationOf(fate: Fate | null, dice: number): number {
  if (fate === 'job takes minutes') return MINUTE_MS + (dice % (7 * MINUTE_MS));
  if (fate === 'job outlives its run') return (DEADLINE_MINUTES + 1) * MINUTE_MS + (dice % (10 * MINUTE_MS));
  return 200 + (dice % 6_000);
}

/** The other side of it. */
export const jobs: SimulatedPlatform = {
  ...webhook,
  htmlApplies: false,
  open: () => new JobReceiver(),
};

/** A service whose batches become jobs, on the facts of one that takes rows by key. */
export function jobService({ rowsAsText: _, ...rows }: Service): Service {
  return {
    ...rows,
    facts: { ...rows.facts, jobs: { openMax: 3, deadlineMinutes: DEADLINE_MINUTES } },
    open: async (context) => openSession(context),
  };
}

function openSession(context: ServiceContext): Session {
  const { http, clock, baseUrl } = context;
  return {
    audienceId: null,
    account: null,
    async send(batch, signal) {
      const body = renderBody(batch, context);
      const headers = renderHeaders(batch, body, undefined);
      const result = await exchange(http, { method: 'POST', url: `${baseUrl}/people`, headers, body, signal });
      if (result.kind === 'outcome') return result.outcome;
      const failed = statusOutcome(result.response, clock.now());
      if (failed !== null) return failed;
      const handle = readText(readObject(result.response.json())?.['job']);
      return handle === null ? notAnAcknowledgement('no job') : { kind: 'submitted', handle, pollAfterMs: null };
    },

    async poll(job, signal) {
      const result = await exchange(http, { method: 'GET', url: `${baseUrl}/jobs/${job.handle}`, signal });
      if (result.kind === 'outcome') return result.outcome;
      const { response } = result;
      if (response.status === 404) return everyRow(job, 'unknown', 'job-expired');
      const failed = statusOutcome(response, clock.now());
      // That a question was refused for its form says nothing of the job.
      if (failed?.kind === 'narrow' || failed?.kind === 'too_large') return notAnAcknowledgement('no answer');
      if (failed !== null) return failed;
      const said = readObject(response.json());
      const rejected = new Set(readArray(said?.['rejected']).map(String));
      switch (said?.['state']) {
        case 'working':
          return { kind: 'submitted', handle: job.handle, pollAfterMs: null };
        case 'failed':
          return everyRow(job, 'deferred', 'job-failed');
        case 'refused':
          return narrow('poison', 'a row cannot be processed');
        case 'done':
          return {
            kind: 'receipts',
            receipts: job.rows.map(({ seq, key }) =>
              rejected.has(key)
                ? { seq, status: 'rejected', code: 'poison', message: 'The row cannot be processed' }
                : { seq, status: 'accepted' },
            ),
          };
        default:
          return notAnAcknowledgement('no state');
      }
    },

    finish: async () => {},
    abandon: async () => {},
  };
}

function everyRow({ rows }: Job, status: 'deferred' | 'unknown', code: string): BatchOutcome {
  return { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, status, code, message: code })) };
}
