import type { DeliveryJournal } from '../delivery/deliver.ts';
import { type JobNote, spansText } from '../delivery/jobs.ts';
import type { Span } from '../delivery/row-texts.ts';
import type { Receipt } from '../destinations/destination.ts';
import type { AppendType, Value } from '../warehouse/warehouse.ts';
import type { Ledger } from './ledger.ts';

/** Whoever waits for a write. */
interface Waiting {
  readonly done: () => void;
  readonly failed: (thrown: unknown) => void;
}

/**
 * Writes down what may go out, before it does, and what was answered, as it comes. What gathers while one write is under
 * way goes into the next, in one transaction, so that the number of writes follows time and not rows.
 */
export class Journal implements DeliveryJournal {
  readonly #ledger: Ledger;
  readonly #runId: string;
  #intents: (Waiting & Span)[] = [];
  #answers: (Waiting & { readonly ranges: readonly Value[][] })[] = [];
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

  acknowledge(receipts: readonly Receipt[]): Promise<void> {
    return this.write(receiptRanges(receipts));
  }

  accept(span: Span): Promise<void> {
    return this.write([acceptedRange(span)]);
  }

  withdraw(span: Span): void {
    void this.write([withdrawnRange(span)]);
  }

  async submitted({ handle, batchId, operation, spans, submittedAt }: JobNote): Promise<void> {
    await this.#ledger.insert('jobs', {
      run_id: this.#runId,
      handle,
      batch_id: batchId,
      operation,
      spans: spansText(spans),
      submitted_at: submittedAt,
    });
  }

  async forget(handle: string): Promise<void> {
    const { warehouse } = this.#ledger;
    const mine = `run_id = ${this.#ledger.text(this.#runId)} and handle = ${this.#ledger.text(handle)}`;
    await warehouse.run(`delete from ${this.#ledger.sql('jobs')} where ${mine}`);
  }

  /** Answers as `receiptRanges` makes them. */
  write(ranges: readonly Value[][]): Promise<void> {
    if (ranges.length === 0) return Promise.resolve();
    const written = new Promise<void>((done, failed) => {
      this.#answers.push({ ranges, done, failed });
      this.#start();
    });
    // Who does not wait for it is told by `flush`.
    written.catch(() => {});
    return written;
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
      if (this.#intents.length > 0 || this.#answers.length > 0) this.#start();
    });
  }

  /** After a failed write nothing more may be sent. */
  #fail(): void {
    for (const waiting of [...this.#intents.splice(0), ...this.#answers.splice(0)])
      waiting.failed(this.#failure?.thrown);
  }

  async #write(): Promise<void> {
    await Promise.resolve();
    const intents = this.#intents.splice(0);
    const answers = this.#answers.splice(0);
    try {
      await this.#keep(
        intents.map(({ lo, hi }): Value[] => [this.#runId, lo, hi]),
        answers.flatMap(({ ranges }) => ranges).map((range): Value[] => [this.#runId, ...range]),
      );
      for (const waiting of [...intents, ...answers]) waiting.done();
    } catch (thrown) {
      this.#failure = { thrown };
      for (const waiting of [...intents, ...answers]) waiting.failed(thrown);
      this.#fail();
    }
  }

  /** Most writes are one or the other: those need no transaction of their own. */
  async #keep(sends: readonly Value[][], receipts: readonly Value[][]): Promise<void> {
    const write = async (): Promise<void> => {
      await this.#insert('sends', SEND_TYPES, sends);
      await this.#insert('receipts', RECEIPT_TYPES, receipts);
    };
    if (sends.length > 0 && receipts.length > 0) await this.#ledger.warehouse.transaction(write);
    else await write();
  }

  async #insert(table: 'sends' | 'receipts', types: readonly AppendType[], rows: readonly Value[][]): Promise<void> {
    if (rows.length === 0) return;
    const { warehouse } = this.#ledger;
    // An appender costs more than a statement until there is something to append.
    if (rows.length > APPENDED_FROM) return await warehouse.append(this.#ledger.table(table), types, rows);
    const values = rows.map((row) => `(${row.map((value, index) => this.#literal(value, types[index])).join(', ')})`);
    await warehouse.run(`insert into ${this.#ledger.sql(table)} values ${values.join(', ')}`);
  }

  #literal(value: Value, type: AppendType | undefined): string {
    const { state } = this.#ledger.warehouse;
    if (value === null) return 'null';
    if (type === 'timestamp') return state.timestamp(String(value));
    return type === 'text' ? state.text(String(value)) : String(value);
  }
}

const APPENDED_FROM = 50;
const SEND_TYPES: readonly AppendType[] = ['text', 'bigint', 'bigint'];
const RECEIPT_TYPES: readonly AppendType[] = [
  ...SEND_TYPES,
  'text',
  'text',
  'text',
  'text',
  'boolean',
  'timestamp',
  'text',
];

/** What keeps ranges of answers. */
export type RangeJournal = Pick<Journal, 'intend' | 'write' | 'flush' | 'submitted' | 'forget'>;

/** For services that publish everything at the end: answers are kept back, as ranges, until they have. */
export class HeldJournal implements DeliveryJournal {
  readonly #journal: RangeJournal;
  #ranges: Value[][] = [];

  constructor(journal: RangeJournal) {
    this.#journal = journal;
  }

  intend(lo: number, hi: number): Promise<void> {
    return this.#journal.intend(lo, hi);
  }

  acknowledge(receipts: readonly Receipt[]): Promise<void> {
    this.#keep(receiptRanges(receipts));
    return Promise.resolve();
  }

  accept(span: Span): Promise<void> {
    this.#keep([acceptedRange(span)]);
    return Promise.resolve();
  }

  withdraw(span: Span): void {
    this.#keep([withdrawnRange(span)]);
  }

  submitted(note: JobNote): Promise<void> {
    return this.#journal.submitted(note);
  }

  forget(handle: string): Promise<void> {
    return this.#journal.forget(handle);
  }

  #keep(ranges: Value[][]): void {
    for (const range of ranges) {
      const last = this.#ranges.at(-1);
      const follows = last !== undefined && Number(last[1]) === Number(range[0]) - 1;
      if (follows && JSON.stringify(last.slice(2)) === JSON.stringify(range.slice(2))) last[1] = range[1] ?? null;
      else this.#ranges.push(range);
    }
  }

  async flush(): Promise<void> {
    await this.#journal.flush();
  }

  /** `dropped`: nothing was published, so nothing of it was applied. */
  async publish(fate: 'kept' | 'dropped'): Promise<void> {
    const dropped = [
      'deferred',
      'not-published',
      'the run ended before anything was published',
      null,
      null,
      null,
      null,
    ];
    await this.#journal.write(
      fate === 'kept' ? this.#ranges : this.#ranges.map(([lo = 0, hi = 0]) => [lo, hi, ...dropped]),
    );
    this.#ranges = [];
    await this.#journal.flush();
  }
}

export function acceptedRange({ lo, hi }: Span): Value[] {
  return [lo, hi, 'accepted', null, null, null, null, null, null];
}

export function withdrawnRange({ lo, hi }: Span): Value[] {
  return [lo, hi, 'deferred', 'not-sent', 'the run ended before it was sent', null, null, null, null];
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
