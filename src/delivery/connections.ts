/**
 * How many requests of one delivery may be under way at once. A batch that waits to be tried again lets another go meanwhile;
 * as many batches may rest so as there are connections, so that what is begun and not ended stays small.
 */
export class Connections {
  readonly #max: number;
  #free: number;
  #resting = 0;
  readonly #line: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
    this.#free = max;
  }

  /** Resolves when there is one, in the order of asking. */
  async take(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
  }

  release(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#free += 1;
  }

  /** Waits, and lets go of the connection meanwhile where not too many do. */
  async rest(wait: () => Promise<void>): Promise<void> {
    if (this.#resting >= this.#max) return await wait();
    this.#resting += 1;
    this.release();
    try {
      await wait();
    } finally {
      this.#resting -= 1;
      await this.take();
    }
  }
}
