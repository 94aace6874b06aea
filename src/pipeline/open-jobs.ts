import type { Clock } from '../clock.ts';
import { completed, inDoubtWhere } from '../delivery/attempt.ts';
import { awaitJob, type JobEnd, type OpenJob, unknownJob } from '../delivery/jobs.ts';
import type { Pacer } from '../delivery/pace.ts';
import type { Job, Receipt, Session } from '../destinations/destination.ts';
import type { StateTables } from '../diff/state-tables.ts';
import { DinmoError } from '../errors.ts';
import type { ServiceFacts } from '../knowledge/service-facts.ts';
import { type Logger, scrub } from '../log.ts';
import { type NotedJob, readJobs } from '../record/job-notes.ts';
import { Journal } from '../record/journal.ts';
import type { Lease } from '../record/lease.ts';
import type { Ledger } from '../record/ledger.ts';
import { LocalJournal, tellWarehouse } from '../record/local-journal.ts';
import type { Spans } from '../record/spans.ts';
import type { UnfinishedRun } from './close-run.ts';

/** A job that is not done and not refused for so long is given up: its rows count as unknown, and are sent again. */
const JOB_MS_MAX = 7 * 24 * 60 * 60_000;

/** What asking for the jobs of runs that were left open takes. */
export interface OpenJobsInput {
  readonly ledger: Ledger;
  readonly tables: StateTables;
  readonly unfinished: readonly UnfinishedRun[];
  readonly facts: ServiceFacts;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
  readonly journalFolder: string | null;
  /** Called when there is a job to ask for. Throws DinmoError where the destination cannot be opened. */
  readonly open: (changes: number) => Promise<{ readonly session: Session; readonly pacer: Pacer }>;
}

/**
 * Asks for the jobs that runs of this activation left open, and writes down what became of their rows; the number of those that
 * are still open. Nothing of such a run is sent again before all of them have ended. Throws DinmoError `destination` where the
 * platform refuses to tell.
 */
export async function askForJobs(input: OpenJobsInput): Promise<number> {
  const noted: NotedJob[] = [];
  for (const { runId, closing } of input.unfinished)
    if (closing.takesJobs === true) noted.push(...(await findJobs(input, runId)));
  if (noted.length === 0) return 0;
  const changes = noted.flatMap(({ spans }) => spans).reduce((sum, { lo, hi }) => sum + hi - lo + 1, 0);
  const { session, pacer } = await input.open(changes);
  try {
    // None goes on asking after the session was given back.
    const asked = await Promise.allSettled(noted.map((job) => ask(input, job, { session, pacer })));
    const ends = asked.map((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
    const open = ends.filter((end) => end !== null);
    const refusal = open.find((job) => job.refusal !== null)?.refusal;
    if (refusal) throw new DinmoError({ ...refusal, kind: 'destination' });
    return open.length;
  } finally {
    await session.abandon();
  }
}

async function findJobs({ ledger, journalFolder }: OpenJobsInput, runId: string): Promise<readonly NotedJob[]> {
  if ((await readJobs(ledger, runId)).length === 0) return [];
  const local = new LocalJournal(journalFolder, runId);
  await tellWarehouse(ledger, { runId, journal: new Journal(ledger, runId), local });
  return (await readJobs(ledger, runId)).filter(({ missing }) => missing.length > 0);
}

/** Asks for one job, and writes down what became of it; null where it has ended. */
async function ask(
  input: OpenJobsInput,
  noted: NotedJob,
  { session, pacer }: { readonly session: Session; readonly pacer: Pacer },
): Promise<OpenJob | null> {
  const { clock, logger, lease, ledger } = input;
  const rows = await readRows(input, noted.spans);
  const end = await awaitJob({ handle: noted.handle, operation: noted.operation, rows }, 0, {
    context: { session, pacer, clock, logger },
    keeping: {
      // At least one question, whatever the facts say.
      deadlineMs: (input.facts.jobs?.deadlineMinutes ?? 0) * 60_000 + 1,
      stopping: input.stopping,
      keep: () => lease.keep(),
    },
  });
  if (end.kind === 'open' && clock.now() - noted.submittedAt < JOB_MS_MAX) return end;
  // Nobody knows whether the process that died had sent the same rows before, without an answer.
  const maybe = input.facts.deduplicates;
  const receipts = end.kind === 'open' ? unknownJob({ rows }).receipts : inDoubtWhere(maybe, receiptsOf(end, rows));
  const isMissing = ({ seq }: Receipt): boolean => noted.missing.some(({ lo, hi }) => lo <= seq && seq <= hi);
  await new Journal(ledger, noted.runId).acknowledge(receipts.filter(isMissing));
  logger.info('job.recovered', { rows: rows.length, outcome: end.kind });
  return null;
}

async function readRows({ ledger, tables }: OpenJobsInput, spans: Spans): Promise<Job['rows']> {
  const { warehouse } = ledger;
  const among = spans.map(({ lo, hi }) => `seq between ${lo} and ${hi}`).join(' or ');
  const rows = await warehouse.query(
    `select seq, key from ${warehouse.state.table(tables.changes)} where ${among} order by seq`,
  );
  return rows.map((row) => ({ seq: Number(row['seq']), key: String(row['key'] ?? '') }));
}

/** A job that was refused for the sake of some row applied nothing: its rows are sent again, and narrowed then. */
function receiptsOf(end: Exclude<JobEnd, { kind: 'open' }>, rows: Job['rows']): readonly Receipt[] {
  const each = (status: 'rejected' | 'deferred' | 'unknown', code: string, message: string): readonly Receipt[] =>
    rows.map(({ seq }) => ({ seq, status, code, message: scrub(message) }));
  const accepted = (): readonly Receipt[] => rows.map(({ seq }) => ({ seq, status: 'accepted' }));
  switch (end.kind) {
    case 'accepted':
      return accepted();
    case 'receipts':
      return completed(end.receipts, rows);
    case 'counted':
      return end.accepted >= rows.length ? accepted() : each('unknown', end.code, end.message);
    case 'narrow':
    case 'too_large':
      return each(rows.length === 1 ? 'rejected' : 'deferred', end.code, end.message);
  }
}
