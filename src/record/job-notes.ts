import type { Operation } from '../artifacts/annotation.ts';
import { readSpans } from '../delivery/jobs.ts';
import type { Ledger } from './ledger.ts';
import { type Spans, united, without } from './spans.ts';

/** A job as the ledger remembers it. */
export interface NotedJob {
  readonly runId: string;
  readonly handle: string;
  readonly operation: Operation;
  /** Milliseconds since the epoch, our clock. */
  readonly submittedAt: number;
  /** Numbers of its rows. */
  readonly spans: Spans;
  /** Numbers of its rows that have no answer. */
  readonly missing: Spans;
}

/** The jobs of a run, in the order in which they were submitted. */
export async function readJobs(ledger: Ledger, runId: string): Promise<readonly NotedJob[]> {
  const ofRun = `run_id = ${ledger.text(runId)}`;
  const jobs = await ledger.warehouse.query(`select * from ${ledger.sql('jobs')} where ${ofRun} order by submitted_at`);
  if (jobs.length === 0) return [];
  const receipts = await ledger.warehouse.query(`select lo, hi from ${ledger.sql('receipts')} where ${ofRun}`);
  const answered = united(receipts.map((row) => ({ lo: Number(row['lo']), hi: Number(row['hi']) })));
  return jobs.map((row): NotedJob => {
    const spans = united(readSpans(String(row['spans'])));
    return {
      runId,
      handle: String(row['handle']),
      operation: String(row['operation']) as Operation, // only ever written from one
      submittedAt: Date.parse(String(row['submitted_at'])),
      spans,
      missing: without(spans, answered),
    };
  });
}

/** How many jobs of runs that were never closed have rows without an answer, as far as the ledger knows. `existing`: its tables. */
export async function countOpenJobs(
  ledger: Ledger,
  { existing, activationId }: { readonly existing: ReadonlySet<string>; readonly activationId: string },
): Promise<number> {
  if (!existing.has('jobs') || !existing.has('runs')) return 0;
  const runs = await ledger.warehouse.query(
    `select run_id from ${ledger.sql('runs')} where activation_id = ${ledger.text(activationId)} and status = 'running'`,
  );
  let count = 0;
  for (const row of runs)
    for (const { missing } of await readJobs(ledger, String(row['run_id']))) if (missing.length > 0) count += 1;
  return count;
}
