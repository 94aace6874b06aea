import { AsyncLocalStorage } from 'node:async_hooks';

/** Work on one connection, one after another, in the order of asking. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

/**
 * One connection that several flows share: a statement waits for the one before, and a transaction takes a single turn, so
 * that what another flow asks meanwhile comes after it and never in between.
 */
export class SharedTurns {
  readonly #turns = new Turns();
  readonly #inside = new AsyncLocalStorage<Turns>();

  /** One statement. Of the transaction, where it is asked from within one. */
  take<T>(work: () => Promise<T>): Promise<T> {
    return (this.#inside.getStore() ?? this.#turns).take(work);
  }

  /** A transaction: statements that its work asks for take turns among themselves. */
  takeAll<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside.getStore()) return work();
    return this.#turns.take(() => this.#inside.run(new Turns(), work));
  }
}
