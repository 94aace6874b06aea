import type { Clock } from '../clock.ts';

const LATE_MS_MAX = 25;
/** A little more than a minute: the platform's window is measured when requests arrive. */
const MINUTE_MS = 60_250;

/**
 * Keeps the requests of one account within its rate, whichever activation they belong to: each has a slot of its own, and
 * a pause that a throttled answer asks for moves the slots, so that nothing bursts when it ends.
 *
 * An answer that throttles says, or leaves open, whom it means. Where it is open and no rate is known, one such answer among
 * others that are taken holds back its own batch alone; two without one taken in between mean everybody.
 */
export class Pacer {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  /** Requests of any 60 seconds, and when the last so many of them started. */
  readonly #perMinute: number | null;
  #starts: number[] = [];
  #nextAt = 0;
  #pausedUntil = 0;
  #line: Promise<unknown> = Promise.resolve();
  #turns = 0;
  /** The last turn that was given when an answer throttled one request, until a later turn is taken well. */
  #doubtedAt: number | null = null;

  constructor(clock: Clock, requestsPerSecondMax: number | null, requestsPerMinuteMax: number | null = null) {
    this.#clock = clock;
    this.#perMinute = requestsPerMinuteMax;
    this.#intervalMs = requestsPerSecondMax === null ? 0 : 1000 / requestsPerSecondMax;
  }

  /** Resolves when one more request may start, in the order of asking, with its turn; at once when the signal aborts. */
  admit(signal: AbortSignal): Promise<number> {
    const admitted = this.#line.then(async () => {
      await this.#slot(signal);
      return ++this.#turns;
    });
    this.#line = admitted;
    return admitted;
  }

  /**
   * A request was told to wait this long: the whole account, or, as far as one can tell, this request. False where only the
   * batch itself has to wait; else nothing starts before.
   */
  throttle(milliseconds: number, whom: 'account' | 'request'): boolean {
    const isEverybody =
      whom === 'account' || this.#intervalMs > 0 || this.#perMinute !== null || this.#doubtedAt !== null;
    this.#doubtedAt = this.#turns;
    if (isEverybody) this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + milliseconds);
    return isEverybody;
  }

  /** Nothing starts before that long: the platform's headers say that its allowance is spent. */
  pause(milliseconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + milliseconds);
  }

  /** Milliseconds until the pause that was asked for ends; 0 where there is none. */
  get pauseLeftMs(): number {
    return Math.max(0, this.#pausedUntil - this.#clock.now());
  }

  /** The request of this turn was dealt with, well or not: whoever was throttled before it, it was not everybody. */
  taken(turn: number): void {
    if (this.#doubtedAt !== null && turn > this.#doubtedAt) this.#doubtedAt = null;
  }

  async #slot(signal: AbortSignal): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      // A timer that came a little late does not cost rate; a slot that went unused is not made up for.
      const late = now - this.#nextAt <= Math.min(this.#intervalMs, LATE_MS_MAX) ? this.#nextAt : now;
      const at = Math.max(late, this.#pausedUntil, this.#windowOpensAt());
      if (signal.aborted) return;
      if (at <= now) {
        this.#nextAt = at + this.#intervalMs;
        this.#noteStart(now);
        return;
      }
      await this.#clock.sleep(at - now, signal);
    }
  }

  /** When the oldest of as many requests as a minute may have leaves the window. */
  #windowOpensAt(): number {
    const [oldest] = this.#starts;
    return this.#perMinute === null || oldest === undefined || this.#starts.length < this.#perMinute
      ? 0
      : oldest + MINUTE_MS;
  }

  #noteStart(now: number): void {
    if (this.#perMinute === null) return;
    this.#starts.push(now);
    if (this.#starts.length > this.#perMinute) this.#starts.shift();
  }
}
