import { randomBytes } from 'node:crypto';
import { clearTimeout, setTimeout } from 'node:timers';
import type { Operation } from '../artifacts/annotation.ts';
import type { Clock } from '../clock.ts';
import { DEFAULT_RETRY } from '../delivery/attempt.ts';
import { changeReader } from '../delivery/changed-fields.ts';
import {
  type ChangePage,
  type DeliveryJournal,
  type DeliveryOutcome,
  type DeliveryStop,
  deliver,
} from '../delivery/deliver.ts';
import type { JobKeeping } from '../delivery/jobs.ts';
import type { OutgoingChange } from '../delivery/outgoing.ts';
import { Pacer } from '../delivery/pace.ts';
import { RowTexts } from '../delivery/row-texts.ts';
import type { Session } from '../destinations/destination.ts';
import type { HttpClient } from '../destinations/http.ts';
import {
  changePages,
  outgoingChanges,
  outgoingTexts,
  type ChangePage as PageOfChanges,
  releaseContent,
} from '../diff/changes.ts';
import type { DiffJob } from '../diff/job.ts';
import { DinmoError } from '../errors.ts';
import { replacesWhole } from '../knowledge/service-facts.ts';
import { HeldJournal, Journal } from '../record/journal.ts';
import type { Lease } from '../record/lease.ts';
import { Ledger } from '../record/ledger.ts';
import { LocalJournal } from '../record/local-journal.ts';
import { PacedJournal } from '../record/paced-journal.ts';
import type { Turns } from '../warehouse/turns.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { clockOf, loggerOf, type SyncOptions } from './options.ts';
import type { Prepared } from './prepare-run.ts';
import type { SegmentCopies } from './segment-copies.ts';

/** Changes that are read at a time: as rows, and as the warehouse's own text. */
const PAGE_ROWS = 10_000;
const TEXT_PAGE_ROWS = 10_000;

/** What the activations of one command share. */
export interface Equipment {
  readonly http: HttpClient;
  /** One per account and service, so that activations of one account keep its rate together. */
  readonly pacers: Map<string, Pacer>;
  /** Where activations go side by side: plans and settlements one after another. Left out: there is nobody to wait for. */
  readonly turns?: Turns;
  /** Told how long this activation is about to pause, in milliseconds: its seat may go to another meanwhile. */
  readonly pauses?: (milliseconds: number) => void;
  /** Segments that several of them read, copied once. Left out: each reads for itself. */
  readonly copies?: SegmentCopies;
}

/** One run's frozen changes, and everything that sending them takes. */
export interface Execution {
  readonly options: SyncOptions;
  readonly prepared: Prepared;
  readonly ledger: Ledger;
  readonly lease: Lease;
  readonly job: DiffJob;
  readonly syncId: string;
  readonly changes: number;
  readonly session: Session;
  readonly equipment: Equipment;
  /** Where this machine remembers what a warehouse is told every so often only; null: nowhere. */
  readonly journalFolder: string | null;
}

/** Sends the changes of a run's change table and writes down what was answered. Throws for what is not a destination's answer. */
export async function execute(execution: Execution): Promise<DeliveryOutcome> {
  const { options, prepared, ledger, lease, job } = execution;
  const clock = seatClock(execution);
  const stopping = options.signal ?? new AbortController().signal;
  // The plan's own tables are this session's: answers are written by another, while the next changes are read.
  const writer = await ledger.warehouse.another();
  const journal = journalOf(execution, writer);
  const atFinish = isAcknowledgedAtFinish(prepared);
  const held = atFinish ? new HeldJournal(journal) : null;
  const { service } = prepared;
  const { jobs } = service.facts;
  const known = { ...service.facts.limits, ...service.limits?.(prepared.endpoint.config, execution.changes) };
  // A batch that became a job holds its connection until that has ended.
  const connectionsMax = Math.min(known.connectionsMax, jobs?.openMax ?? known.connectionsMax);
  const limits = { ...known, connectionsMax };
  const batchRows = prepared.service.rowsAsText ? limits.rowsPerRequestMax : null;
  let asked: Promise<readonly PageOfChanges[]> | null = null;
  const pagesOf = async (phase: number): Promise<readonly PageOfChanges[]> => {
    asked ??= changePages(ledger.warehouse, job, batchRows === null ? PAGE_ROWS : pageOf(batchRows));
    return (await asked).filter((page) => page.phase === phase);
  };
  const heartbeat = every(10_000, () => lease.renew());
  let done = 0;
  try {
    await lease.keep();
    const delivered = await deliver({
      phases: [1, 2, 3].map(
        (phase) => () => readPhase(ledger.warehouse, { job, batchRows, pages: () => pagesOf(phase) }),
      ),
      limits,
      journal: held ?? journal,
      ...(service.homogeneity === undefined ? {} : { homogeneity: (row) => service.homogeneity?.(row) ?? '' }),
      progress: (rows) => {
        done += rows;
        options.progress?.({ activation: job.activationId, stage: 'deliver', done, total: execution.changes });
      },
      send: {
        runId: `${execution.syncId}:${job.activationId}`,
        session: execution.session,
        pacer: pacerOf(execution),
        clock,
        logger: loggerOf(options),
        retry: DEFAULT_RETRY,
        random: () => randomBytes(4).readUInt32LE() / 2 ** 32,
        stopping,
        deduplicates: prepared.service.facts.deduplicates,
        assertMaySend: () => lease.assertMaySend(),
        tally: { accepted: 0, narrowed: 0 },
        ...(jobs === undefined
          ? {}
          : { jobs: keepJobs(held ?? journal, { lease, deadlineMinutes: jobs.deadlineMinutes, stopping }) }),
      },
    });
    const outcome = delivered.stop === null ? await finish(execution.session) : delivered;
    if (outcome.stop !== null) await execution.session.abandon();
    if (held && outcome.openJobs === 0) await held.publish(outcome.stop === null ? 'kept' : 'dropped');
    return outcome;
  } catch (thrown) {
    await execution.session.abandon();
    throw thrown;
  } finally {
    heartbeat();
    await writer.close();
    await releaseContent(ledger.warehouse);
  }
}

/** Whether nothing is with the platform before the session is finished. */
function isAcknowledgedAtFinish({ service, activation, endpoint }: Prepared): boolean {
  if (service.acknowledges !== 'full-finish') return service.acknowledges === 'finish';
  return activation.mode === 'full' && replacesWhole(service.facts, endpoint.config);
}

/** Where each write costs seconds, answers go to the warehouse every so often, and this machine remembers the rest. */
function journalOf(execution: Execution, writer: Warehouse): Journal | PacedJournal {
  const { ledger, job, prepared, changes, options, journalFolder } = execution;
  const journal = new Journal(new Ledger(writer, ledger.schema), job.runId);
  if (writer.answersEveryMs === undefined) return journal;
  return new PacedJournal({
    journal,
    local: new LocalJournal(journalFolder, job.runId),
    clock: clockOf(options),
    everyMs: writer.answersEveryMs,
    last: changes,
    announcesAhead: prepared.service.facts.deduplicates,
  });
}

/** A destination that cannot publish what it was sent (a full disk) has failed: the run is closed with that, not left open. */
async function finish(session: Session): Promise<DeliveryOutcome> {
  try {
    await session.finish();
    return { stop: null, openJobs: 0 };
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    return { stop: refusedBy(thrown), openJobs: 0 };
  }
}

/** A destination that cannot go on, as what ended the delivery. */
export function refusedBy({ code, message, fix }: DinmoError): DeliveryStop {
  return { kind: 'refused', code, message, fix };
}

function keepJobs(
  journal: DeliveryJournal,
  {
    lease,
    deadlineMinutes,
    stopping,
  }: { readonly lease: Lease; readonly deadlineMinutes: number; readonly stopping: AbortSignal },
): JobKeeping {
  return {
    keep: () => lease.keep(),
    deadlineMs: deadlineMinutes * 60_000,
    stopping,
    submitted: (note) => journal.submitted(note),
    forget: (handle) => journal.forget(handle),
  };
}

/** The pacer of an account and service: limits of one service are not those of another. */
export function pacerOf({
  options,
  prepared,
  equipment,
}: Pick<Execution, 'options' | 'prepared' | 'equipment'>): Pacer {
  const { facts, limits } = prepared.service;
  const { requestsPerSecondMax, requestsPerMinuteMax } = { ...facts.limits, ...limits?.(prepared.endpoint.config) };
  const account = `${facts.platform} ${facts.service} ${prepared.endpoint.account}`;
  const known = equipment.pacers.get(account);
  const pacer =
    known ?? new Pacer(seatClock({ options, equipment }), requestsPerSecondMax, requestsPerMinuteMax ?? null);
  equipment.pacers.set(account, pacer);
  return pacer;
}

/** The command's clock; whoever shares out the seats is told of each pause. */
export function seatClock({ options, equipment }: Pick<Execution, 'options' | 'equipment'>): Clock {
  const clock = clockOf(options);
  const { pauses } = equipment;
  if (pauses === undefined) return clock;
  return {
    now: () => clock.now(),
    sleep: (milliseconds, signal) => {
      pauses(milliseconds);
      return clock.sleep(milliseconds, signal);
    },
  };
}

/** Does the work every so often until the function that it gives is called. */
export function every(milliseconds: number, work: () => void): () => void {
  let timer = setTimeout(function again() {
    work();
    timer = setTimeout(again, milliseconds);
    timer.unref();
  }, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Changes of one phase in their order, page by page: memory stays flat. The next page is read while one is sent. */
async function* readPhase(
  warehouse: Warehouse,
  {
    job,
    batchRows,
    pages: findPages,
  }: {
    readonly job: DiffJob;
    readonly batchRows: number | null;
    readonly pages: () => Promise<readonly PageOfChanges[]>;
  },
): AsyncIterable<ChangePage> {
  const pages = await findPages();
  const read = (index: number): Promise<ChangePage> | null => {
    const page = pages[index];
    if (page === undefined) return null;
    const rows =
      batchRows === null ? readRows(warehouse, job, page) : readTexts(warehouse, job, { page, size: batchRows });
    // It is awaited when its turn comes, or not at all where delivery has stopped by then.
    rows.catch(() => {});
    return rows;
  };
  let next = read(0);
  for (let index = 1; next !== null; index++) {
    const rows = await next;
    next = read(index);
    if (rows.length > 0) yield rows;
  }
}

/** Whole batches. */
function pageOf(batchRows: number): number {
  return Math.max(1, Math.round(TEXT_PAGE_ROWS / batchRows)) * batchRows;
}

async function readRows(warehouse: Warehouse, job: DiffJob, page: PageOfChanges): Promise<readonly OutgoingChange[]> {
  const rows = await warehouse.query(outgoingChanges(warehouse.state, job, page));
  return rows.map(changeReader(job));
}

async function readTexts(
  warehouse: Warehouse,
  job: DiffJob,
  batches: { readonly page: PageOfChanges; readonly size: number },
): Promise<ChangePage> {
  const rows = await warehouse.query(outgoingTexts(warehouse.state, job, batches));
  // A text stands for neighbours without gaps. Where there are any, rows are read one by one.
  if (rows.some(({ lo, hi, size }) => Number(hi) - Number(lo) + 1 !== Number(size)))
    return await readRows(warehouse, job, batches.page);
  return rows.map(
    (row) =>
      new RowTexts({
        lo: Number(row['lo']),
        hi: Number(row['hi']),
        operation: String(row['wire']) as Operation,
        text: String(row['text']),
      }),
  );
}
