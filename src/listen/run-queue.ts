import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CloudEvent } from '../artifacts/dbt-cloud-event.ts';
import { type FinishedRun, type QueuedRun, readFinishedRun, readQueuedRun } from '../artifacts/listener-file.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { UNFINISHED, writeDurably } from './durable-file.ts';

export interface RunQueueOptions {
  /** Made where it is not there. Absolute. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How many finished runs are remembered, also to know a delivery that comes again. Default 500. */
  readonly historyMax?: number;
}

/** An event whose run can be synced. */
export type RunEvent = CloudEvent & { readonly runId: string };

const HISTORY_MAX = 500;
/** More than this are refused, and dbt Cloud sends them again: something has stopped the syncs for days. */
const DEPTH_MAX = 5_000;
/** For how long a test of the folder holds, in milliseconds. */
const PROBE_MS = 5_000;

/**
 * Accepted events, a file each: `waiting/` until the sync is through, then `finished/`. What cannot be read is moved to
 * `aside/`. A file is on the disk before `accept` returns, so that an event outlives any death of the process or machine.
 */
export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #waiting = new Map<string, QueuedRun>();
  readonly #finished: FinishedRun[] = [];
  #setAside = 0;
  #lastStamp = 0;
  #probe = { at: Number.NEGATIVE_INFINITY, writable: true };

  /** Reads what an earlier process left. Throws what the file system throws. */
  constructor(options: RunQueueOptions) {
    this.#options = options;
    for (const name of ['waiting', 'finished', 'aside']) mkdirSync(join(options.folder, name), { recursive: true });
    for (const id of this.#names('finished')) {
      const run = this.#read('finished', id, readFinishedRun);
      if (run !== null) this.#finished.push(run);
    }
    const finished = new Set(this.#finished.map(({ id }) => id));
    for (const id of this.#names('waiting')) {
      this.#lastStamp = Math.max(this.#lastStamp, Number(id.split('-')[0]) || 0);
      // It died between the two steps of `finish`.
      if (finished.has(id)) rmSync(this.#path('waiting', id), { force: true });
      else {
        const run = this.#read('waiting', id, readQueuedRun);
        if (run !== null) this.#waiting.set(id, run);
      }
    }
    this.#setAside = this.#names('aside').length;
  }

  /** How many wait, the one that is being synced included. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** How many files could not be read. */
  get setAside(): number {
    return this.#setAside;
  }

  /** The one finished last; null before the first. */
  get last(): FinishedRun | null {
    return this.#finished.at(-1) ?? null;
  }

  /**
   * Takes an event, on the disk when this returns. `duplicate`: this event or its run was taken before. `full`: too many
   * wait. Throws what the file system throws: then it was not taken.
   */
  accept(event: RunEvent): 'accepted' | 'duplicate' | 'full' {
    const known = [...this.#waiting.values(), ...this.#finished];
    if (known.some(({ eventId, runId }) => eventId === event.eventId || runId === event.runId)) return 'duplicate';
    if (this.#waiting.size >= DEPTH_MAX) return 'full';
    const nowMs = this.#options.clock.now();
    this.#lastStamp = Math.max(this.#lastStamp + 1, Math.round(nowMs));
    const run: QueuedRun = {
      id: `${String(this.#lastStamp).padStart(15, '0')}-${event.runId}`,
      eventId: event.eventId,
      runId: event.runId,
      jobId: event.jobId,
      statusCode: event.runStatusCode,
      receivedAt: new Date(nowMs).toISOString(),
      failures: 0,
      notBefore: 0,
    };
    this.#write('waiting', run);
    this.#waiting.set(run.id, run);
    return 'accepted';
  }

  /** The oldest that may be tried now; null where none may. */
  next(): QueuedRun | null {
    const nowMs = this.#options.clock.now();
    return [...this.#waiting.values()].find(({ notBefore }) => notBefore <= nowMs) ?? null;
  }

  /** When the next one may be tried, in milliseconds since the epoch; null where none waits. */
  nextAt(): number | null {
    const times = [...this.#waiting.values()].map(({ notBefore }) => notBefore);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** A sync of it failed: it is tried again, not before this time. */
  postpone(run: QueuedRun, notBefore: number): void {
    const postponed = { ...run, failures: run.failures + 1, notBefore };
    this.#waiting.set(run.id, postponed);
    this.#write('waiting', postponed);
  }

  /** It is done with, well or not. */
  finish(run: QueuedRun, end: Pick<FinishedRun, 'outcome' | 'exitCode' | 'code'>): FinishedRun {
    const finished = { ...run, ...end, finishedAt: new Date(this.#options.clock.now()).toISOString() };
    this.#write('finished', finished);
    rmSync(this.#path('waiting', run.id), { force: true });
    this.#waiting.delete(run.id);
    this.#finished.push(finished);
    const historyMax = this.#options.historyMax ?? HISTORY_MAX;
    for (const { id } of this.#finished.splice(0, Math.max(0, this.#finished.length - historyMax)))
      rmSync(this.#path('finished', id), { force: true });
    return finished;
  }

  /** Whether an event could be taken now; tried at most every few seconds. */
  isWritable(): boolean {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#probe.at < PROBE_MS) return this.#probe.writable;
    const path = join(this.#options.folder, 'waiting', `.probe${UNFINISHED}`);
    let writable = true;
    try {
      writeDurably(path, 'probe');
      rmSync(path, { force: true });
    } catch {
      writable = false;
    }
    this.#probe = { at: nowMs, writable };
    return writable;
  }

  #write(folder: 'waiting' | 'finished', { id, ...content }: QueuedRun): void {
    writeDurably(this.#path(folder, id), `${JSON.stringify(content)}\n`);
  }

  #path(folder: string, id: string): string {
    return join(this.#options.folder, folder, `${id}.json`);
  }

  /** Of whole files, oldest first; what a death left unfinished was never acknowledged, and goes. */
  #names(folder: string): readonly string[] {
    const names = readdirSync(join(this.#options.folder, folder));
    for (const name of names)
      if (name.endsWith(UNFINISHED)) rmSync(join(this.#options.folder, folder, name), { force: true });
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length))
      .sort();
  }

  /** What cannot be read stops nobody: it is set aside, and said. */
  #read<Run>(folder: 'waiting' | 'finished', id: string, read: (path: string, id: string) => Run | null): Run | null {
    const path = this.#path(folder, id);
    const run = attempt(() => read(path, id));
    if (run !== null) return run;
    const aside = this.#path('aside', existsSync(this.#path('aside', id)) ? `${id}-${Date.now()}` : id);
    attempt(() => renameSync(path, aside));
    this.#options.logger.warn('queue.file_set_aside', { folder, file: `${id}.json`, aside });
    return null;
  }
}

function attempt<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}
