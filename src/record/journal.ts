import type { DeliveryJournal } from '../delivery/deliver.ts';
import type { Receipt } from '../destinations/destination.ts';
import type { Value } from '../warehouse/warehouse.ts';
import type { Ledger } from './ledger.ts';

/**
 * Writes down what may go out, before it does, and what was answered, as it comes. What gathers while one write is under
 * way goes into the next, in one transaction, so that the number of writes follows time and not rows.
 */
export class Journal implements DeliveryJournal {
  readonly #ledger: Ledger;
  readonly #runId: string;
  #intents: {
    readonly lo: number;
    readonly hi: number;
    readonly done: () => void;
    readonly failed: (thrown: unknown) => void;
  }[] = [];
  #receipts: Receipt[] = [];
  #writing: Promise<void> | null = null;
  #failure: { readonly thrown: unknown } | null = null;

  constructor(ledger: Ledger, runId: string) {
    this.#ledger = ledger;
    this.#runId = runId;
  }

  intend(lo: number, hi: number): Promise<void> {
    return new Promise((done, failed) => {
      this.#intents.push({ lo, hi, done, failed });
      this.#start();
    });
  }

  acknowledge(receipts: readonly Receipt[]): void {
    this.#receipts.push(...receipts);
    this.#start();
  }

  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
    if (this.#failure) throw this.#failure.thrown;
  }

  #start(): void {
    if (this.#failure) this.#fail();
    if (this.#writing || this.#failure) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
      if (this.#intents.length > 0 || this.#receipts.length > 0) this.#start();
    });
  }

  /** After a failed write nothing more may be sent. */
  #fail(): void {
    for (const intent of this.#intents.splice(0)) intent.failed(this.#failure?.thrown);
    this.#receipts = [];
  }

  async #write(): Promise<void> {
    await Promise.resolve();
    const intents = this.#intents.splice(0);
    const receipts = this.#receipts.splice(0);
    try {
      await this.#ledger.warehouse.transaction(async () => {
        const sends = intents.map(({ lo, hi }): Value[] => [this.#runId, lo, hi]);
        await this.#ledger.warehouse.append(this.#ledger.table('sends'), ['text', 'bigint', 'bigint'], sends);
        await this.#ledger.warehouse.append(
          this.#ledger.table('receipts'),
          ['text', 'bigint', 'bigint', 'text', 'text', 'text', 'text', 'boolean', 'timestamp', 'text'],
          receiptRanges(receipts).map((range) => [this.#runId, ...range]),
        );
      });
      for (const intent of intents) intent.done();
    } catch (thrown) {
      this.#failure = { thrown };
      for (const intent of intents) intent.failed(thrown);
      this.#fail();
    }
  }
}

/** Receipts as ranges: neighbours with the same answer are one row. */
export function receiptRanges(receipts: readonly Receipt[]): Value[][] {
  const sorted = [...receipts].sort((a, b) => a.seq - b.seq);
  const ranges: Value[][] = [];
  let open: { hi: number; answer: string; row: Value[] } | null = null;
  for (const receipt of sorted) {
    const answer = answerOf(receipt);
    const same = JSON.stringify(answer);
    if (open && open.hi === receipt.seq - 1 && open.answer === same) {
      open.hi = receipt.seq;
      open.row[1] = receipt.seq;
      continue;
    }
    const row: Value[] = [receipt.seq, receipt.seq, ...answer];
    ranges.push(row);
    open = { hi: receipt.seq, answer: same, row };
  }
  return ranges;
}

function answerOf(receipt: Receipt): Value[] {
  if (receipt.status !== 'accepted') return [receipt.status, receipt.code, receipt.message, null, null, null, null];
  const records = receipt.identifierRecordIds;
  return [
    'accepted',
    null,
    null,
    receipt.recordId ?? null,
    receipt.created ?? null,
    receipt.recordCreatedAt ?? null,
    records ? JSON.stringify(records) : null,
  ];
}
