import { isCloudId } from './dbt-cloud-run.ts';
import { readJson, textAt } from './json-file.ts';
import { isMap } from './shape.ts';

/** An accepted event that waits for its sync, as `dinmo listen` keeps it in a file. Nothing of the webhook's text but its ids. */
export interface QueuedRun {
  /** The file's name without `.json`; sorts by the order in which the events came. */
  readonly id: string;
  readonly eventId: string;
  readonly runId: string;
  readonly jobId: string | null;
  readonly statusCode: number | null;
  /** ISO, UTC. */
  readonly receivedAt: string;
  /** Syncs of it that failed and are tried again. */
  readonly failures: number;
  /** Not tried before; milliseconds since the epoch. */
  readonly notBefore: number;
}

/** One that is done with. */
export interface FinishedRun extends QueuedRun {
  /** `succeeded` exit code 0 · `incomplete` 1, the report says what · `failed` not tried again. */
  readonly outcome: 'succeeded' | 'incomplete' | 'failed';
  /** Of the last sync; null where a signal ended it. */
  readonly exitCode: number | null;
  /** Code of the error that stopped it. */
  readonly code: string | null;
  /** ISO, UTC. */
  readonly finishedAt: string;
}

/** Reads a file of the queue; null for what is none. Throws what `readFileSync` throws. */
export function readQueuedRun(path: string, id: string): QueuedRun | null {
  const read = readMap(path);
  if (read === null) return null;
  const eventId = textAt(read, 'eventId');
  const runId = textAt(read, 'runId');
  const receivedAt = textAt(read, 'receivedAt');
  if (eventId === null || runId === null || !isCloudId(runId) || receivedAt === null) return null;
  const number = (key: string): number | null => (Number.isFinite(read[key]) ? Number(read[key]) : null);
  return {
    id,
    eventId,
    runId,
    jobId: textAt(read, 'jobId'),
    statusCode: number('statusCode'),
    receivedAt,
    failures: number('failures') ?? 0,
    notBefore: number('notBefore') ?? 0,
  };
}

/** Reads a file of the history; null for what is none. Throws what `readFileSync` throws. */
export function readFinishedRun(path: string, id: string): FinishedRun | null {
  const queued = readQueuedRun(path, id);
  const read = readMap(path);
  if (queued === null || read === null) return null;
  const stated = textAt(read, 'outcome');
  return {
    ...queued,
    outcome: stated === 'succeeded' || stated === 'incomplete' ? stated : 'failed',
    exitCode: Number.isInteger(read['exitCode']) ? Number(read['exitCode']) : null,
    code: textAt(read, 'code'),
    finishedAt: textAt(read, 'finishedAt') ?? queued.receivedAt,
  };
}

function readMap(path: string): Readonly<Record<string, unknown>> | null {
  try {
    const read = readJson(path);
    return isMap(read) ? read : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}
