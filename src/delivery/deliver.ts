import PQueue from 'p-queue';
import type { Receipt } from '../destinations/destination.ts';
import { rangeOf, type SendContext, type SendResult, spansOf } from './attempt.ts';
import { type BatchLimits, OpenBatches } from './batches.ts';
import { Connections } from './connections.ts';
import type { JobNote, OpenJob } from './jobs.ts';
import type { OutgoingChange } from './outgoing.ts';
import { RowTexts, type Span } from './row-texts.ts';
import { sendRows, sendTexts } from './send.ts';

export type { BatchLimits } from './batches.ts';

/** Where intents and answers are kept while delivery goes on. */
export interface DeliveryJournal {
  /** Resolves when it is written down that these changes may go out. */
  intend(lo: number, hi: number): Promise<void>;
  /** Resolves when these answers are written down. */
  acknowledge(receipts: readonly Receipt[]): Promise<void>;
  /** The same for changes that were accepted, all of a span. */
  accept(span: Span): Promise<void>;
  /** Changes that were announced never went out: written down soon. */
  withdraw(span: Span): void;
  /** Resolves when a job's handle is written down, and when it is forgotten again. */
  submitted(note: JobNote): Promise<void>;
  forget(handle: string): Promise<void>;
  flush(): Promise<void>;
}

/** Why delivery ended before every change had been sent. */
export interface DeliveryStop {
  readonly kind: 'refused' | 'unreachable' | 'interrupted' | 'job_open';
  readonly code: string;
  readonly message: string;
  readonly fix: string | null;
}

/** How a delivery ended. What became of each row stands in the journal. */
export interface DeliveryOutcome {
  readonly stop: DeliveryStop | null;
  /** Jobs that may still live: the run stays open until another process has asked for them. */
  readonly openJobs: number;
}

/** What is delivered, within which limits, and where it is written down. */
export interface DeliveryInput {
  /** Changes of one phase, in order, in pages: one by one, or in batches as texts. */
  readonly phases: readonly (() => AsyncIterable<ChangePage>)[];
  readonly limits: BatchLimits;
  readonly journal: DeliveryJournal;
  readonly send: SendContext;
  /** Told after each batch, for a progress line. */
  readonly progress?: (rows: number) => void;
  /** Rows of one batch have equal texts. Left out: any rows of one operation share a batch. */
  readonly homogeneity?: (row: OutgoingChange) => string;
}

/** Some changes of a phase: as rows, of which batches are made here, or as batches that the warehouse made. */
export type ChangePage = readonly OutgoingChange[] | readonly RowTexts[];

/** What goes out at once. */
type Parcel = readonly OutgoingChange[] | RowTexts;

/** Batches that are announced together: fewer writes, and none of them counts as sent when the run ends before it was. */
interface Announcement extends Span {
  readonly waiting: Set<RowTexts>;
  written: Promise<void> | null;
}

/** Batches of texts in one announcement. After a death they may all have gone out, and are sent again. */
const ANNOUNCED_BATCHES = 16;

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
    delivery.withdraw();
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
  readonly #connections: Connections;
  readonly #unremoved = new Set<string>();
  readonly #announcements = new Map<RowTexts, Announcement>();
  #stop: DeliveryStop | null = null;
  #exhausted = 0;
  #openJobs = 0;
  #failure: { readonly thrown: unknown } | null = null;

  constructor(input: DeliveryInput) {
    this.#input = input;
    const connections = new Connections(input.limits.connectionsMax);
    this.#connections = connections;
    this.#sending = {
      ...input.send,
      stopping: AbortSignal.any([input.send.stopping, this.#halt.signal]),
      rest: (wait) => connections.rest(wait),
    };
    // As many again: they stand ready for a connection, or rest until they are tried again.
    this.#queue = new PQueue({ concurrency: 2 * input.limits.connectionsMax });
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
    return { stop: this.#stop, openJobs: this.#openJobs };
  }

  async phase(pages: AsyncIterable<ChangePage>): Promise<void> {
    try {
      for await (const batch of this.#batches(pages)) {
        if (this.stopped) break;
        await this.#queue.onSizeLessThan(1);
        if (this.stopped) break;
        void this.#queue.add(() => this.#send(batch));
      }
    } finally {
      await this.#queue.onIdle();
    }
  }

  async *#batches(pages: AsyncIterable<ChangePage>): AsyncIterable<Parcel> {
    const { limits, homogeneity, journal } = this.#input;
    const batches = new OpenBatches(limits, homogeneity ?? null);
    for await (const page of pages) {
      this.#gather(page);
      for (const change of rowsOf(page, limits.requestBytesMax)) {
        if (change instanceof RowTexts) {
          for (const batch of batches.all()) yield batch;
          yield change;
        } else if (change.part === 'add' && this.#unremoved.has(change.key)) {
          await journal.acknowledge([notRemoved(change)]);
        } else for (const batch of batches.add(change)) yield batch;
      }
    }
    for (const batch of batches.all()) yield batch;
  }

  async #send(parcel: Parcel): Promise<void> {
    await this.#connections.take();
    try {
      if (this.stopped) return;
      this.#input.send.assertMaySend();
      await this.#announce(parcel);
      if (this.stopped) return this.#takeBack(parcel);
      if (parcel instanceof RowTexts) this.#begin(parcel);
      const startedAt = this.#sending.clock.now();
      const result =
        parcel instanceof RowTexts ? await sendTexts(parcel, this.#sending) : await sendRows(parcel, this.#sending);
      await this.#note(parcel, result);
      this.#sending.logger.debug('batch.delivered', {
        batch: rangeOf(parcel),
        rows: parcel instanceof RowTexts ? parcel.size : parcel.length,
        outcome: outcomeOf(result),
        duration_ms: this.#sending.clock.now() - startedAt,
      });
      this.#exhausted = result.exhausted ? this.#exhausted + 1 : 0;
      this.#noteOpen(result.open);
      if (result.refusal) this.#stop ??= { kind: 'refused', ...result.refusal };
      else if (result.over) this.#giveUp(result.receipts, 'asks for a longer pause than this run can make');
      else if (this.#exhausted >= EXHAUSTED_MAX)
        this.#giveUp(result.receipts, `did not answer as it should, ${EXHAUSTED_MAX} batches in a row`);
    } catch (thrown) {
      this.#failure ??= { thrown };
    } finally {
      this.#connections.release();
    }
    if (this.stopped) this.#halt.abort();
  }

  /** Where an unknown outcome may be repeated, announcing a few batches more than are sent does no harm. */
  #gather(page: ChangePage): void {
    if (!this.#sending.deduplicates) return;
    const texts = page.filter((item) => item instanceof RowTexts);
    for (let from = 0; from < texts.length; from += ANNOUNCED_BATCHES) {
      const batches = texts.slice(from, from + ANNOUNCED_BATCHES);
      const announcement = {
        lo: Math.min(...batches.map(({ lo }) => lo)),
        hi: Math.max(...batches.map(({ hi }) => hi)),
        waiting: new Set(batches),
        written: null,
      };
      for (const batch of batches) this.#announcements.set(batch, announcement);
    }
  }

  async #announce(parcel: Parcel): Promise<void> {
    const announcement = parcel instanceof RowTexts ? this.#announcements.get(parcel) : undefined;
    const { journal, homogeneity } = this.#input;
    if (announcement === undefined) {
      // Rows between those of a batch may go out with another one, or not at all.
      if (homogeneity === undefined || parcel instanceof RowTexts) {
        const { lo, hi } = spanOf(parcel);
        return await journal.intend(lo, hi);
      }
      const spans = spansOf(parcel);
      await Promise.all(spans.map(({ lo, hi }) => journal.intend(lo, hi)));
      return;
    }
    announcement.written ??= journal.intend(announcement.lo, announcement.hi);
    await announcement.written;
  }

  /** What was announced and never sent is not in doubt. */
  withdraw(): void {
    for (const [batch, { written, waiting }] of this.#announcements)
      if (written !== null && waiting.has(batch)) this.#input.journal.withdraw(batch);
  }

  #takeBack(parcel: Parcel): void {
    // A batch of texts is still waiting: it is withdrawn with the others.
    if (parcel instanceof RowTexts && this.#announcements.has(parcel)) return;
    if (parcel instanceof RowTexts) this.#input.journal.withdraw(parcel);
    else void this.#input.journal.acknowledge(parcel.map(unsent));
  }

  #begin(batch: RowTexts): void {
    this.#announcements.get(batch)?.waiting.delete(batch);
    this.#announcements.delete(batch);
  }

  /** A connection is not free before the answer is written: so few batches are in doubt after a death. */
  async #note(parcel: Parcel, { receipts, taken }: SendResult): Promise<void> {
    if (!(parcel instanceof RowTexts)) this.#noteRemovals(parcel, receipts);
    const { journal } = this.#input;
    await Promise.all([journal.acknowledge(receipts), ...taken.map((span) => journal.accept(span))]);
    this.#input.progress?.(parcel instanceof RowTexts ? parcel.size : parcel.length);
  }

  #noteRemovals(batch: readonly OutgoingChange[], receipts: readonly Receipt[]): void {
    const removals = new Map(
      batch.filter((change) => change.part === 'remove').map((change) => [change.seq, change.key]),
    );
    for (const receipt of receipts) {
      const key = removals.get(receipt.seq);
      if (key !== undefined && receipt.status !== 'accepted') this.#unremoved.add(key);
    }
  }

  #noteOpen(jobs: readonly OpenJob[]): void {
    this.#openJobs += jobs.length;
    const refusal = jobs.find((job) => job.refusal !== null)?.refusal;
    if (refusal) this.#stop ??= { kind: 'refused', ...refusal };
    else if (jobs.length > 0) this.#stop ??= JOB_OPEN;
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

/** A run that ends so is not closed: what the job did is asked for by the next one. */
export const JOB_OPEN: DeliveryStop = {
  kind: 'job_open',
  code: 'job-open',
  message: 'a job is still open at the platform, and its rows have no answer yet',
  fix: 'Run it again later: it asks for the job first, and sends nothing while that is open.',
};

/** One word for what became of a batch. */
function outcomeOf({
  receipts,
  taken,
  refusal,
  open,
}: SendResult): 'accepted' | 'mixed' | 'refused' | 'deferred' | 'open' {
  if (open.length > 0) return 'open';
  const accepted = receipts.filter(({ status }) => status === 'accepted').length;
  if (accepted === receipts.length) return 'accepted';
  if (accepted > 0 || taken.length > 0) return 'mixed';
  return refusal === null && receipts.some(({ status }) => status !== 'rejected') ? 'deferred' : 'refused';
}

function spanOf(parcel: Parcel): Span {
  if (parcel instanceof RowTexts) return parcel;
  return { lo: parcel[0]?.seq ?? 0, hi: parcel.at(-1)?.seq ?? 0 };
}

/** Texts that are too long for one request are taken apart, so that batches are made of their rows. */
function* rowsOf(page: ChangePage, bytesMax: number): Iterable<OutgoingChange | RowTexts> {
  for (const item of page) {
    if (item instanceof RowTexts && Buffer.byteLength(item.text) > bytesMax) yield* item.rows;
    else yield item;
  }
}

/** The delivery stopped after the batch was announced: it never went out. */
function unsent(change: OutgoingChange): Receipt {
  return { seq: change.seq, status: 'deferred', code: 'not-sent', message: 'the run ended before it was sent' };
}

function notRemoved({ seq }: OutgoingChange): Receipt {
  const message = 'the removal of its old identifiers was not accepted';
  return { seq, status: 'deferred', code: 'removal-not-accepted', message };
}
