import type { Clock } from '../clock.ts';

const LATE_MS_MAX = 25;

/**
 * Keeps the requests of one account within its rate, whichever activation they belong to: each has a slot of its own, and
 * a pause that a throttled answer asks for moves the slots, so that nothing bursts when it ends.
 */
export class Pacer {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #nextAt = 0;
  #pausedUntil = 0;
  #line: Promise<void> = Promise.resolve();

  constructor(clock: Clock, requestsPerSecondMax: number | null) {
    this.#clock = clock;
    this.#intervalMs = requestsPerSecondMax === null ? 0 : 1000 / requestsPerSecondMax;
  }

  /** Resolves when one more request may start, in the order of asking; at once when the signal aborts. */
  admit(signal: AbortSignal): Promise<void> {
    const admitted = this.#line.then(() => this.#turn(signal));
    this.#line = admitted;
    return admitted;
  }

  /** Nothing starts before this long has passed. */
  pause(milliseconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + milliseconds);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      // A timer that came a little late does not cost rate; a slot that went unused is not made up for.
      const late = now - this.#nextAt <= Math.min(this.#intervalMs, LATE_MS_MAX) ? this.#nextAt : now;
      const at = Math.max(late, this.#pausedUntil);
      if (signal.aborted) return;
      if (at <= now) {
        this.#nextAt = at + this.#intervalMs;
        return;
      }
      await this.#clock.sleep(at - now, signal);
    }
  }
}
