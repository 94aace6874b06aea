import type { RequestLimit } from './platform.ts';

/** Counts what happened in the last `windowMs`. */
export class RollingWindow {
  #times: number[] = [];
  #first = 0;

  /** Takes one place, unless the window is full. */
  take(limit: RequestLimit, now: number): boolean {
    if (this.used(limit, now) >= limit.requestsMax) return false;
    this.#times.push(now);
    return true;
  }

  used(limit: RequestLimit, now: number): number {
    while ((this.#times[this.#first] ?? Number.POSITIVE_INFINITY) <= now - limit.windowMs) this.#first += 1;
    if (this.#first > 1000 && this.#first * 2 > this.#times.length) {
      this.#times = this.#times.slice(this.#first);
      this.#first = 0;
    }
    return this.#times.length - this.#first;
  }
}
