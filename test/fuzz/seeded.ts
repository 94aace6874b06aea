/** How many cases each fuzzer runs; a soak sets it far higher. */
const RUNS = Number(process.env['DINMO_FUZZ_RUNS'] ?? 0);

/** The usual number of cases, or DINMO_FUZZ_RUNS where that asks for more. */
export function fuzzRuns(usual: number): number {
  return Math.max(usual, Number.isFinite(RUNS) ? RUNS : 0);
}

/** Whether somebody asked for a soak, which may take minutes and run further dbt versions. */
export const isSoak = RUNS > 0;

/** The seed of this run: DINMO_FUZZ_SEED repeats a failure. */
export const SEED = Number(process.env['DINMO_FUZZ_SEED'] ?? 20_260_101);

/** Choices that a seed repeats. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0, below `below`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, below);
  }

  of<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined && items.length === 0) throw new Error('nothing to choose from');
    return item as Item; // an index below the length
  }
}
