import PQueue from 'p-queue';
import type { Receipt } from '../destinations/destination.ts';
import type { SendContext } from './attempt.ts';
import type { OutgoingChange } from './outgoing.ts';
import { sendRows } from './send.ts';

/** What a request may hold. */
export interface BatchLimits {
  readonly rowsPerRequestMax: number;
  readonly requestBytesMax: number;
  readonly connectionsMax: number;
}

/** Where intents and answers are kept while delivery goes on. */
export interface DeliveryJournal {
  /** Resolves when it is written down that these changes may go out. */
  intend(lo: number, hi: number): Promise<void>;
  /** Writes answers down, soon; awaited at the end. */
  acknowledge(receipts: readonly Receipt[]): void;
  flush(): Promise<void>;
}

/** Why delivery ended before every change had been sent. */
export interface DeliveryStop {
  readonly kind: 'refused' | 'unreachable' | 'interrupted';
  readonly code: string;
  readonly message: string;
  readonly fix: string | null;
}

/** How a delivery ended. What became of each row stands in the journal. */
export interface DeliveryOutcome {
  readonly stop: DeliveryStop | null;
}

/** What is delivered, within which limits, and where it is written down. */
export interface DeliveryInput {
  /** Changes of one phase, in order, in pages. */
  readonly phases: readonly (() => AsyncIterable<readonly OutgoingChange[]>)[];
  readonly limits: BatchLimits;
  readonly journal: DeliveryJournal;
  readonly send: SendContext;
  /** Told after each batch, for a progress line. */
  readonly progress?: (rows: number) => void;
}

/** Batches in a row that used up their attempts before the destination counts as unreachable. */
const EXHAUSTED_MAX = 5;

/**
 * Sends every change in batches within the service's limits. Each phase starts when every batch of the one before has an
 * outcome; a changed member whose removal was not accepted is not sent whole. Answers go to the journal as they come.
 */
export async function deliver(input: DeliveryInput): Promise<DeliveryOutcome> {
  const delivery = new Delivery(input);
  try {
    for (const phase of input.phases) {
      if (delivery.stopped) break;
      await delivery.phase(phase());
    }
  } finally {
    // Whatever ended it: answers that came are written down.
    await input.journal.flush();
  }
  return delivery.outcome();
}

class Delivery {
  readonly #input: DeliveryInput;
  readonly #sending: SendContext;
  /** Aborts pauses and further attempts of batches under way, once delivery has stopped. */
  readonly #halt = new AbortController();
  readonly #queue: PQueue;
  readonly #unremoved = new Set<string>();
  #stop: DeliveryStop | null = null;
  #exhausted = 0;
  #failure: { readonly thrown: unknown } | null = null;

  constructor(input: DeliveryInput) {
    this.#input = input;
    this.#sending = { ...input.send, stopping: AbortSignal.any([input.send.stopping, this.#halt.signal]) };
    this.#queue = new PQueue({ concurrency: input.limits.connectionsMax });
  }

  get stopped(): boolean {
    if (this.#stop === null && this.#input.send.stopping.aborted) {
      this.#stop = {
        kind: 'interrupted',
        code: 'interrupted',
        message: 'the run was interrupted',
        fix: 'Run it again: it goes on with what is left.',
      };
    }
    return this.#stop !== null || this.#failure !== null;
  }

  outcome(): DeliveryOutcome {
    if (this.#failure) throw this.#failure.thrown;
    return { stop: this.#stop };
  }

  async phase(pages: AsyncIterable<readonly OutgoingChange[]>): Promise<void> {
    try {
      for await (const batch of this.#batches(pages)) {
        if (this.stopped) break;
        await this.#queue.onSizeLessThan(this.#input.limits.connectionsMax);
        if (this.stopped) break;
        void this.#queue.add(() => this.#send(batch));
      }
    } finally {
      await this.#queue.onIdle();
    }
  }

  async *#batches(pages: AsyncIterable<readonly OutgoingChange[]>): AsyncIterable<readonly OutgoingChange[]> {
    let batch: OutgoingChange[] = [];
    let bytes = 0;
    const { rowsPerRequestMax, requestBytesMax } = this.#input.limits;
    for await (const page of pages) {
      for (const change of page) {
        if (change.part === 'add' && this.#unremoved.has(change.key)) {
          this.#input.journal.acknowledge([
            {
              seq: change.seq,
              status: 'deferred',
              code: 'removal-not-accepted',
              message: 'the removal of its old identifiers was not accepted',
            },
          ]);
          continue;
        }
        const size = sizeOf(change);
        const full =
          batch.length >= rowsPerRequestMax ||
          bytes + size > requestBytesMax ||
          batch[0]?.operation !== change.operation;
        if (batch.length > 0 && full) {
          yield batch;
          batch = [];
          bytes = 0;
        }
        batch.push(change);
        bytes += size;
      }
    }
    if (batch.length > 0) yield batch;
  }

  async #send(batch: readonly OutgoingChange[]): Promise<void> {
    if (this.stopped) return;
    try {
      this.#input.send.assertMaySend();
      await this.#input.journal.intend(batch[0]?.seq ?? 0, batch.at(-1)?.seq ?? 0);
      if (this.stopped) return this.#input.journal.acknowledge(batch.map(unsent));
      const result = await sendRows(batch, this.#sending);
      this.#note(batch, result.receipts);
      this.#exhausted = result.exhausted ? this.#exhausted + 1 : 0;
      if (result.refusal) this.#stop ??= { kind: 'refused', ...result.refusal };
      else if (result.over) this.#giveUp(result.receipts, 'asks for a longer pause than this run can make');
      else if (this.#exhausted >= EXHAUSTED_MAX)
        this.#giveUp(result.receipts, `did not answer as it should, ${EXHAUSTED_MAX} batches in a row`);
    } catch (thrown) {
      this.#failure ??= { thrown };
    }
    if (this.stopped) this.#halt.abort();
  }

  #note(batch: readonly OutgoingChange[], receipts: readonly Receipt[]): void {
    const removals = new Map(
      batch.filter((change) => change.part === 'remove').map((change) => [change.seq, change.key]),
    );
    for (const receipt of receipts) {
      const key = removals.get(receipt.seq);
      if (key !== undefined && receipt.status !== 'accepted') this.#unremoved.add(key);
    }
    this.#input.journal.acknowledge(receipts);
    this.#input.progress?.(batch.length);
  }

  #giveUp(receipts: readonly Receipt[], what: string): void {
    const last = receipts.find((receipt) => receipt.status === 'deferred' || receipt.status === 'unknown');
    const said =
      last && 'message' in last
        ? { code: last.code, message: last.message }
        : { code: 'unreachable', message: 'no answer' };
    this.#stop ??= {
      kind: 'unreachable',
      code: said.code,
      message: `the destination ${what}: ${said.message}`,
      fix: 'Run it again later: nothing is lost, and nothing that was acknowledged is sent again.',
    };
  }
}

/** The delivery stopped after the batch was announced: it never went out. */
function unsent(change: OutgoingChange): Receipt {
  return { seq: change.seq, status: 'deferred', code: 'not-sent', message: 'the run ended before it was sent' };
}

/** A generous estimate of what a row weighs in a request body, in bytes. */
function sizeOf(change: OutgoingChange): number {
  const fields = change.fieldsJson === null ? 0 : Buffer.byteLength(change.fieldsJson) * 1.2;
  const key = Buffer.byteLength(change.keyJson) * 1.2;
  return Math.ceil(fields + key) + change.identifiers.length * 80 + 64;
}
