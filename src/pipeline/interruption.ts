import { clearInterval, setInterval } from 'node:timers';
import { DinmoError } from '../errors.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';

/** Between two statements there is nothing to stop, and the next one may take long. */
const AGAIN_MS = 1_000;

/**
 * Work in the warehouse that can be given up at any moment, since nothing of it lasts before its end: a plan, or what comes before it. The
 * signal stops the statement that runs, and each that follows, until the work has ended. Throws DinmoError `interrupted`.
 */
export async function untilInterrupted<T>(
  warehouse: Warehouse,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return await work();
  if (signal.aborted) throw interrupted(null);
  let timer: ReturnType<typeof setInterval> | null = null;
  const stop = (): void => {
    warehouse.interrupt();
    timer ??= setInterval(() => warehouse.interrupt(), AGAIN_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await work();
  } catch (thrown) {
    // What fails while it is given up was not at fault.
    if (signal.aborted) throw interrupted(thrown);
    throw thrown;
  } finally {
    signal.removeEventListener('abort', stop);
    if (timer !== null) clearInterval(timer);
  }
}

function interrupted(cause: unknown): DinmoError {
  return new DinmoError({
    kind: 'stopped',
    code: 'interrupted',
    message: 'The run was interrupted before anything was sent, and nothing of it was kept.',
    fix: 'Run it again.',
    ...(cause === null ? {} : { cause }),
  });
}
