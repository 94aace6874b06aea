import { RUN_COMPLETED, readCloudEvent } from '../artifacts/dbt-cloud-event.ts';
import { type Clock, systemClock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { type Logger, registerSecret, scrub } from '../log.ts';
import { lockQueue } from './queue-lock.ts';
import { RunQueue } from './run-queue.ts';
import { isSigned } from './signature.ts';
import { openWebhookServer, type Reply, type Route } from './webhook-server.ts';
import { type SyncProcess, Worker } from './worker.ts';

/** Where dbt Cloud sends its webhooks. */
export const WEBHOOK_PATH = '/dbt-cloud';

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Of the webhook, as dbt Cloud showed it once. */
  readonly secret: string;
  /** Events of other accounts are ignored; null: any. */
  readonly accountId: string | null;
  /** Only runs of these jobs; empty: of every job. */
  readonly jobs: readonly string[];
  /** Holds what was accepted and what became of it. Absolute. */
  readonly queueFolder: string;
  readonly startSync: (runId: string) => SyncProcess;
  /** How often a failed sync is tried again. Default 5. */
  readonly retries?: number;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Time for a whole request, in milliseconds. */
  readonly requestMs?: number;
}

export interface Listener {
  /** `http://<host>:<port>/dbt-cloud`, as it is reached on this machine. */
  readonly url: string;
  /** Accepted events that were found waiting at the start. */
  readonly found: number;
  /** Takes nothing more, lets the running sync finish its batch, and leaves the rest in the queue. */
  stop(): Promise<void>;
}

/**
 * Takes webhooks of dbt Cloud and syncs the runs that they speak of, one at a time. An event is on the disk before it is
 * acknowledged, and before its sync begins. Throws DinmoError `listener-running`, `listener-port-taken`.
 */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { host, port, queueFolder, startSync, logger, clock = systemClock, retries = 5 } = options;
  registerSecret(options.secret);
  const unlock = lockQueue(queueFolder);
  try {
    const queue = new RunQueue({ folder: queueFolder, clock, logger });
    let isStopping = false;
    const found = queue.depth;
    const parts: Parts = { ...options, queue, isStopping: () => isStopping };
    let worker: Worker | null = null;
    const routes = new Map<string, Route>([
      [WEBHOOK_PATH, { method: 'POST', answer: (request) => takeEvent(parts, request, () => worker?.wake()) }],
      ['/healthz', { method: 'GET', answer: () => ({ status: 200, body: { status: 'alive' } }) }],
      ['/readyz', { method: 'GET', answer: () => readiness(parts, worker) }],
    ]);
    const server = await openWebhookServer({
      ...{ host, port, routes },
      refused: (reason, status) => logger.warn('event.refused', { reason, status }),
      ...(options.requestMs === undefined ? {} : { requestMs: options.requestMs }),
    });
    worker = new Worker({ queue, clock, logger, startSync, retries });
    logger.info('listener.started', { url: server.url, depth: found });
    return {
      url: `${server.url}${WEBHOOK_PATH}`,
      found,
      async stop() {
        isStopping = true;
        logger.info('listener.stopping', { depth: queue.depth });
        await Promise.all([server.close(), worker?.stop()]);
        unlock();
        logger.info('listener.stopped', { depth: queue.depth });
      },
    };
  } catch (thrown) {
    unlock();
    throw thrown;
  }
}

interface Parts extends Pick<ListenerOptions, 'secret' | 'accountId' | 'jobs' | 'logger'> {
  readonly queue: RunQueue;
  isStopping(): boolean;
}

/** The signature first: of what is not dbt Cloud's nothing is read. */
function takeEvent(parts: Parts, request: Parameters<Route['answer']>[0], wake: () => void): Reply {
  const { queue, logger, secret } = parts;
  const refuse = (status: number, reason: string, headers = {}): Reply => {
    logger.warn('event.refused', { reason, status });
    return { status, body: { status: 'refused', reason }, headers };
  };
  const { authorization } = request.headers;
  if (!isSigned(request.body, authorization, secret)) return refuse(401, 'the signature is missing or wrong');
  if (parts.isStopping()) return refuse(503, 'the listener is stopping', { 'retry-after': '10' });
  const event = readCloudEvent(request.body.toString('utf8'));
  if (event === null) return refuse(400, 'the body is not a webhook of dbt Cloud');
  const facts = {
    event_id: event.eventId,
    event_type: event.eventType,
    dbt_run_id: event.runId,
    job_id: event.jobId,
    run_status_code: event.runStatusCode,
  };
  const ignored = reasonToIgnore(parts, event);
  if (ignored !== null || event.runId === null) {
    const reason = ignored ?? 'it names no run';
    logger.info('event.ignored', { ...facts, reason });
    return { status: 200, body: { status: 'ignored', reason } };
  }
  try {
    const taken = queue.accept({ ...event, runId: event.runId });
    if (taken === 'full') return refuse(503, 'too many events wait', { 'retry-after': '60' });
    logger.info(taken === 'accepted' ? 'event.accepted' : 'event.duplicate', { ...facts, depth: queue.depth });
    // The answer goes out first: what is started here runs after this turn of the event loop.
    if (taken === 'accepted') setImmediate(wake);
    return { status: 200, body: { status: taken } };
  } catch (thrown) {
    logger.warn('queue.write_failed', { dbt_run_id: event.runId, reason: scrub(messageOf(thrown)) });
    return refuse(503, 'the queue cannot be written', { 'retry-after': '60' });
  }
}

function reasonToIgnore(
  { accountId, jobs }: Parts,
  event: NonNullable<ReturnType<typeof readCloudEvent>>,
): string | null {
  if (event.eventType !== RUN_COMPLETED) return `only ${RUN_COMPLETED} is acted on`;
  if (accountId !== null && event.accountId !== accountId) return 'it is of another account';
  if (jobs.length > 0 && !jobs.includes(event.jobId ?? '')) return 'it is of another job';
  // Cancelled: somebody stopped it on purpose.
  return event.runStatusCode === 30 ? 'the run was cancelled' : null;
}

/** Whether an event could be taken now; what became of the last sync is said, and does not count. */
function readiness({ queue, isStopping }: Parts, worker: Worker | null): Reply {
  const writable = queue.isWritable();
  const { last } = queue;
  const status = isStopping() ? 'stopping' : writable ? 'ready' : 'queue not writable';
  return {
    status: status === 'ready' ? 200 : 503,
    body: {
      status,
      depth: queue.depth,
      running: worker?.running ?? null,
      set_aside: queue.setAside,
      last_sync:
        last === null
          ? null
          : {
              run_id: last.runId,
              outcome: last.outcome,
              exit_code: last.exitCode,
              code: last.code,
              finished_at: last.finishedAt,
            },
    },
  };
}
