import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { DinmoError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { parseExact, printExact } from './exact-json.ts';

const WRITE_DELAY_MS = 250;
/** Writing may take up to this part of the time, however large the state. */
const WRITE_SHARE = 0.1;

const savedState = z.object({
  version: z.literal(1),
  instance: z.string(),
  startedAt: z.string(),
  destinations: z.array(z.object({ platform: z.string(), destination: z.string(), desk: z.unknown() })),
});

export type SavedState = z.infer<typeof savedState>;

/**
 * Keeps the sandbox's state in a file, so that a rehearsal goes on after a restart.
 *
 * It is written a moment after a change, and on `flush`. While changes are unwritten a marker stands beside it; a process
 * that dies then leaves the marker, and the next start begins empty, under a new instance: better no state than
 * one that forgets what it has acknowledged.
 */
export class StateFile {
  readonly #file: string;
  readonly #marker: string;
  readonly #logger: Logger;
  #take: (() => SavedState) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #delayMs = WRITE_DELAY_MS;

  constructor(file: string, logger: Logger) {
    this.#file = file;
    this.#marker = `${file}.unwritten`;
    this.#logger = logger;
  }

  /** What was kept; null where there is nothing, or nothing that can be trusted. */
  read(): SavedState | null {
    if (existsSync(this.#marker)) {
      this.#logger.warn('sandbox.state_lost', { file: this.#file, reason: 'it was not written in time' });
      return null;
    }
    if (!existsSync(this.#file)) return null;
    try {
      return savedState.parse(parseExact(readFileSync(this.#file, 'utf8')));
    } catch {
      this.#logger.warn('sandbox.state_lost', { file: this.#file, reason: 'it cannot be read' });
      return null;
    }
  }

  /** Notes that the state is about to change; `take` is called when it is time to write. Throws DinmoError (sandbox-state-unwritable). */
  touch(take: () => SavedState): void {
    this.#take = take;
    if (this.#timer !== null) return;
    this.#attempt(() => {
      mkdirSync(dirname(this.#file), { recursive: true });
      closeSync(openSync(this.#marker, 'w', 0o600));
    });
    this.#timer = setTimeout(() => {
      try {
        this.flush();
      } catch (thrown) {
        this.#logger.warn('sandbox.state_not_written', { file: this.#file, reason: messageOf(thrown) });
      }
    }, this.#delayMs);
    this.#timer.unref();
  }

  /** Writes what is unwritten. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const take = this.#take;
    this.#take = null;
    if (take === null) return;
    const started = performance.now();
    this.#attempt(() => {
      writeFileSync(`${this.#file}.new`, printExact(take()), { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
      rmSync(this.#marker, { force: true });
    });
    this.#delayMs = Math.max(WRITE_DELAY_MS, (performance.now() - started) / WRITE_SHARE);
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (cause) {
      throw new DinmoError({
        ...{ kind: 'configuration', code: 'sandbox-state-unwritable', cause },
        message: `The sandbox cannot write its state to ${this.#file}: ${messageOf(cause)}.`,
        fix: 'Give a state file in a folder that can be written, or none.',
      });
    }
  }
}
