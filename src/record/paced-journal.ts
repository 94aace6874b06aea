import type { Clock } from '../clock.ts';
import type { DeliveryJournal } from '../delivery/deliver.ts';
import type { JobNote } from '../delivery/jobs.ts';
import type { Span } from '../delivery/row-texts.ts';
import type { Receipt } from '../destinations/destination.ts';
import type { Value } from '../warehouse/warehouse.ts';
import { acceptedRange, type Journal, receiptRanges, withdrawnRange } from './journal.ts';
import type { LocalJournal } from './local-journal.ts';
import { united, without } from './spans.ts';

/** Changes that are announced at once, before it is known how fast they go. */
const AHEAD_ROWS = 10_000;

export interface PacedOptions {
  readonly journal: Journal;
  readonly local: LocalJournal;
  readonly clock: Clock;
  /** Between two writes of answers. */
  readonly everyMs: number;
  /** Number of the last change. */
  readonly last: number;
  /** Whether more may be announced than goes out at once: of what a lost machine announced, nobody knows whether it was sent. */
  readonly announcesAhead: boolean;
}

/**
 * A journal for warehouses where each write is a job of seconds and counts against a quota: what may go out is announced for the
 * seconds to come, answers are written every so often, and this machine remembers what happens in between.
 */
export class PacedJournal implements DeliveryJournal {
  readonly #options: PacedOptions;
  /** Everything up to this one is announced. */
  #announcedTo = 0;
  #announcing: Promise<void> | null = null;
  #announcements: Span[] = [];
  /** What went out, or has an answer because it never will. */
  #settled: Span[] = [];
  #ranges: (readonly Value[])[] = [];
  #rowsSince = 0;
  #writtenAt: number;
  #aheadRows = AHEAD_ROWS;

  constructor(options: PacedOptions) {
    this.#options = options;
    this.#writtenAt = options.clock.now();
  }

  async intend(lo: number, hi: number): Promise<void> {
    if (!this.#options.announcesAhead) await this.#options.journal.intend(lo, hi);
    else while (hi > this.#announcedTo) await (this.#announcing ?? this.#announce(hi));
    this.#settle({ lo, hi });
    this.#options.local.sends({ lo, hi });
  }

  acknowledge(receipts: readonly Receipt[]): Promise<void> {
    return this.write(receiptRanges(receipts));
  }

  accept(span: Span): Promise<void> {
    return this.write([acceptedRange(span)]);
  }

  withdraw(span: Span): void {
    void this.write([withdrawnRange(span)]);
  }

  /** In the warehouse at once: another process has to find the job, also where this machine is lost. */
  submitted(note: JobNote): Promise<void> {
    return this.#options.journal.submitted(note);
  }

  forget(handle: string): Promise<void> {
    return this.#options.journal.forget(handle);
  }

  /** Kept on this machine at once; a failed write to the warehouse is thrown by `flush`, and stops the next announcement. */
  write(ranges: readonly (readonly Value[])[]): Promise<void> {
    this.#options.local.answered(ranges);
    this.#ranges.push(...ranges);
    for (const [first = 0, last = 0] of ranges) {
      const [lo, hi] = [Number(first), Number(last)];
      this.#rowsSince += hi - lo + 1;
      this.#settle({ lo, hi });
    }
    const { clock, everyMs } = this.#options;
    if (clock.now() - this.#writtenAt >= everyMs) this.#pass();
    return Promise.resolve();
  }

  async flush(): Promise<void> {
    // What was announced, never went out and was not spoken of is not in doubt.
    const unsent = without(united(this.#announcements), united(this.#settled));
    this.#announcements = [];
    this.#ranges.push(...unsent.map(withdrawnRange));
    this.#pass();
    await this.#options.journal.flush();
  }

  #settle(span: Span): void {
    this.#settled.push(span);
    if (this.#settled.length > 1_000) this.#settled = [...united(this.#settled)];
  }

  #announce(hi: number): Promise<void> {
    const from = this.#announcedTo + 1;
    const to = Math.max(hi, Math.min(this.#options.last, from + this.#aheadRows - 1));
    this.#announcing = this.#options.journal.intend(from, to).then(
      () => {
        this.#announcements.push({ lo: from, hi: to });
        this.#announcedTo = to;
        this.#announcing = null;
      },
      (thrown: unknown) => {
        this.#announcing = null;
        throw thrown;
      },
    );
    return this.#announcing;
  }

  /** Hands what gathered to the warehouse: as few rows as say the same. */
  #pass(): void {
    const { clock, everyMs, journal } = this.#options;
    const elapsed = Math.max(1, clock.now() - this.#writtenAt);
    if (elapsed >= everyMs) this.#aheadRows = Math.max(AHEAD_ROWS, Math.round((this.#rowsSince * everyMs) / elapsed));
    this.#writtenAt = clock.now();
    this.#rowsSince = 0;
    const ranges = joined(this.#ranges);
    this.#ranges = [];
    void journal.write(ranges);
  }
}

/** Neighbours with the same answer become one range. */
function joined(ranges: readonly (readonly Value[])[]): Value[][] {
  const sorted = [...ranges].sort((a, b) => Number(a[0]) - Number(b[0]));
  const whole: Value[][] = [];
  for (const range of sorted) {
    const last = whole.at(-1);
    const follows = last !== undefined && Number(last[1]) === Number(range[0]) - 1;
    if (follows && JSON.stringify(last.slice(2)) === JSON.stringify(range.slice(2))) last[1] = range[1] ?? null;
    else whole.push([...range]);
  }
  return whole;
}
