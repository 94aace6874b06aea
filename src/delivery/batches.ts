import type { OutgoingChange } from './outgoing.ts';

/** What a request may hold. */
export interface BatchLimits {
  readonly rowsPerRequestMax: number;
  readonly requestBytesMax: number;
  readonly connectionsMax: number;
}

interface OpenBatch {
  readonly rows: OutgoingChange[];
  bytes: number;
}

type Batch = readonly OutgoingChange[];

const NONE: readonly Batch[] = [];

/** Batches of different rows that are gathered side by side: memory stays flat. */
const OPEN_MAX = 64;

/** Gathers changes into batches of one operation, within the limits of a request; where rows have to be alike, side by side. */
export class OpenBatches {
  readonly #limits: BatchLimits;
  readonly #homogeneity: ((row: OutgoingChange) => string) | null;
  readonly #open = new Map<string, OpenBatch>();

  constructor(limits: BatchLimits, homogeneity: ((row: OutgoingChange) => string) | null) {
    this.#limits = limits;
    this.#homogeneity = homogeneity;
  }

  /** Takes one more change; the batches that have to go out before it does. */
  add(change: OutgoingChange): readonly Batch[] {
    const { rowsPerRequestMax, requestBytesMax } = this.#limits;
    const kind = this.#homogeneity === null ? change.operation : `${change.operation} ${this.#homogeneity(change)}`;
    const size = sizeOf(change);
    const batch = this.#open.get(kind);
    if (batch !== undefined && batch.rows.length < rowsPerRequestMax && batch.bytes + size <= requestBytesMax) {
      batch.rows.push(change);
      batch.bytes += size;
      return NONE;
    }
    const full = this.#makeRoom(kind);
    this.#open.set(kind, { rows: [change], bytes: size });
    return full;
  }

  /** What is left, oldest first. */
  all(): readonly Batch[] {
    const batches = [...this.#open.values()].map(({ rows }) => rows);
    this.#open.clear();
    return batches;
  }

  /** Without kinds there is one batch at a time, in the order of the changes. */
  #makeRoom(kind: string): readonly Batch[] {
    if (this.#homogeneity === null) return this.all();
    const full = this.#open.get(kind);
    if (full === undefined) return this.#open.size < OPEN_MAX ? NONE : [this.#takeLargest()];
    this.#open.delete(kind);
    return [full.rows];
  }

  #takeLargest(): Batch {
    const [largest] = [...this.#open].sort(([, a], [, b]) => b.rows.length - a.rows.length);
    if (largest === undefined) return [];
    this.#open.delete(largest[0]);
    return largest[1].rows;
  }
}

/** A generous estimate of what a row weighs in a request body, in bytes. */
function sizeOf(change: OutgoingChange): number {
  const fields = change.fieldsJson === null ? 0 : Buffer.byteLength(change.fieldsJson) * 1.2;
  const key = Buffer.byteLength(change.keyJson) * 1.2;
  return Math.ceil(fields + key) + change.identifiers.length * 80 + 64;
}
