import { DEFAULT_RETRY, type RetryPolicy, type SendContext } from '../../src/delivery/attempt.ts';
import { type DeliveryInput, type DeliveryJournal, type DeliveryOutcome, deliver } from '../../src/delivery/deliver.ts';
import type { JobNote } from '../../src/delivery/jobs.ts';
import type { OutgoingChange } from '../../src/delivery/outgoing.ts';
import { Pacer } from '../../src/delivery/pace.ts';
import type { Batch, BatchOutcome, Receipt } from '../../src/destinations/destination.ts';
import { silentLogger } from '../../src/log.ts';
import { VirtualClock } from '../pipeline/engine-bench.ts';

/** A change of the change table, whole and inserted unless said otherwise. */
export function change(seq: number, more: Partial<OutgoingChange> = {}): OutgoingChange {
  return {
    seq,
    part: 'whole',
    operation: 'insert',
    key: String(seq),
    keyJson: String(seq),
    fieldsJson: '{}',
    fields: () => ({}),
    identifiers: [],
    recordId: null,
    previousKey: null,
    eventTime: null,
    ...more,
  };
}

export function changes(count: number, more: Partial<OutgoingChange> = {}): OutgoingChange[] {
  return Array.from({ length: count }, (_, index) => change(index + 1, more));
}

/** Everything that one delivery did, in order. */
export class Line {
  readonly clock = new VirtualClock();
  readonly batches: Batch[] = [];
  readonly sentAt: number[] = [];
  readonly receipts = new Map<number, Receipt>();
  readonly intents: [number, number][] = [];
  readonly jobs = new Map<string, JobNote>();
  readonly stopping = new AbortController();
  inFlightMax = 0;
  #inFlight = 0;
  answer: (batch: Batch) => BatchOutcome | Promise<BatchOutcome> = (batch) => accept(batch);
  maySend: () => void = () => {};
  intended: () => Promise<void> = async () => {};
  onReceipt: (receipt: Receipt) => void = () => {};

  context(more: Partial<SendContext> = {}): SendContext {
    return {
      runId: 'sync:activation',
      session: {
        audienceId: null,
        account: null,
        send: (batch) => this.#send(batch),
        finish: async () => {},
        abandon: async () => {},
      },
      pacer: new Pacer(this.clock, null),
      clock: this.clock,
      logger: silentLogger,
      retry: DEFAULT_RETRY,
      random: () => 0.5,
      stopping: this.stopping.signal,
      deduplicates: true,
      assertMaySend: () => this.maySend(),
      tally: { accepted: 0, narrowed: 0 },
      ...more,
    };
  }

  async run(
    phases: readonly (readonly OutgoingChange[])[],
    {
      rows = 1000,
      bytes = 1_000_000,
      connections = 1,
      homogeneity,
      ...more
    }: Partial<SendContext> & {
      rows?: number;
      bytes?: number;
      connections?: number;
      retry?: RetryPolicy;
      homogeneity?: (row: OutgoingChange) => string;
    } = {},
  ): Promise<DeliveryOutcome> {
    const journal: DeliveryJournal = {
      intend: async (lo, hi) => {
        this.intents.push([lo, hi]);
        await this.intended();
      },
      accept: async ({ lo, hi }) => {
        const seqs = Array.from({ length: hi - lo + 1 }, (_, index) => lo + index);
        await journal.acknowledge(seqs.map((seq) => ({ seq, status: 'accepted' })));
      },
      withdraw: ({ lo, hi }) => {
        const said = { code: 'not-sent', message: 'the run ended before it was sent' };
        const seqs = Array.from({ length: hi - lo + 1 }, (_, index) => lo + index);
        void journal.acknowledge(seqs.map((seq) => ({ seq, status: 'deferred', ...said })));
      },
      acknowledge: async (receipts) => {
        for (const receipt of receipts) {
          if (this.receipts.has(receipt.seq)) throw new Error(`row ${receipt.seq} has two receipts`);
          this.receipts.set(receipt.seq, receipt);
          this.onReceipt(receipt);
        }
      },
      submitted: async (note) => {
        this.jobs.set(note.handle, note);
        await this.intended();
      },
      forget: async (handle) => {
        this.jobs.delete(handle);
      },
      flush: async () => {},
    };
    const pages = (phase: readonly OutgoingChange[]) =>
      async function* () {
        for (let from = 0; from < phase.length; from += 700) yield phase.slice(from, from + 700);
      };
    const input: DeliveryInput = {
      phases: phases.map(pages),
      limits: { rowsPerRequestMax: rows, requestBytesMax: bytes, connectionsMax: connections },
      journal,
      send: this.context(more),
      ...(homogeneity === undefined ? {} : { homogeneity }),
    };
    return await deliver(input);
  }

  /** How many rows have each outcome. */
  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { status } of this.receipts.values()) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }

  async #send(batch: Batch): Promise<BatchOutcome> {
    this.batches.push(batch);
    this.sentAt.push(this.clock.now());
    this.#inFlight++;
    this.inFlightMax = Math.max(this.inFlightMax, this.#inFlight);
    try {
      await Promise.resolve();
      return await this.answer(batch);
    } finally {
      this.#inFlight--;
    }
  }
}

export function accept(batch: Batch): BatchOutcome {
  return { kind: 'receipts', receipts: batch.rows.map(({ seq }) => ({ seq, status: 'accepted' })) };
}

export function retry(more: Partial<Extract<BatchOutcome, { kind: 'retry' }>> = {}): BatchOutcome {
  return { kind: 'retry', applied: 'no', throttled: false, afterMs: null, code: 'busy', message: 'busy', ...more };
}
