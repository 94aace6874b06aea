import type { Clock } from '../clock.ts';

/**
 * Keeps the requests of one account within its rate, whichever activation they belong to: a token bucket that holds at
 * most one second's worth, and a pause that a throttled answer asks for.
 */
export class Pacer {
  readonly #clock: Clock;
  readonly #perSecond: number | null;
  #nextAt = 0;
  #pausedUntil = 0;

  constructor(clock: Clock, requestsPerSecondMax: number | null) {
    this.#clock = clock;
    this.#perSecond = requestsPerSecondMax;
  }

  /** Resolves when one more request may start. */
  async admit(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    let at = Math.max(now, this.#pausedUntil);
    if (this.#perSecond !== null) {
      at = Math.max(at, this.#nextAt);
      this.#nextAt = at + 1000 / this.#perSecond;
    }
    while (at > this.#clock.now() && !signal.aborted) {
      await this.#clock.sleep(at - this.#clock.now(), signal);
      at = Math.max(at, this.#pausedUntil);
    }
  }

  /** Nothing starts before this long has passed. */
  pause(milliseconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + milliseconds);
  }
}
