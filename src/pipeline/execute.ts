import { randomBytes } from 'node:crypto';
import { clearTimeout, setTimeout } from 'node:timers';
import { DEFAULT_RETRY } from '../delivery/attempt.ts';
import { type DeliveryOutcome, deliver } from '../delivery/deliver.ts';
import { type OutgoingChange, outgoingChange } from '../delivery/outgoing.ts';
import { Pacer } from '../delivery/pace.ts';
import type { Session } from '../destinations/destination.ts';
import type { HttpClient } from '../destinations/http.ts';
import type { DiffJob } from '../diff/job.ts';
import { DinmoError } from '../errors.ts';
import { HeldJournal, Journal } from '../record/journal.ts';
import type { Lease } from '../record/lease.ts';
import type { Ledger } from '../record/ledger.ts';
import type { TableName, Warehouse } from '../warehouse/warehouse.ts';
import { clockOf, loggerOf, type SyncOptions } from './options.ts';
import type { Prepared } from './prepare-run.ts';

/** Rows of the change table that are read at a time. */
const PAGE_ROWS = 10_000;

/** What the activations of one command share. */
export interface Equipment {
  readonly http: HttpClient;
  /** One per account, so that activations of one account keep its rate together. */
  readonly pacers: Map<string, Pacer>;
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
}

/** Sends the changes of a run's change table and writes down what was answered. Throws for what is not a destination's answer. */
export async function execute(execution: Execution): Promise<DeliveryOutcome> {
  const { options, prepared, ledger, lease, job } = execution;
  const clock = clockOf(options);
  const stopping = options.signal ?? new AbortController().signal;
  const reader = await ledger.warehouse.another();
  const journal = new Journal(ledger, job.runId);
  const held = prepared.service.acknowledges === 'finish' ? new HeldJournal(journal) : null;
  const limits = { ...prepared.service.facts.limits, ...prepared.service.limits?.(prepared.endpoint.config) };
  const heartbeat = every(10_000, () => lease.renew());
  let done = 0;
  try {
    const delivered = await deliver({
      phases: [1, 2, 3].map((phase) => () => readPhase(reader, job.tables.changes, phase)),
      limits,
      journal: held ?? journal,
      progress: (rows) => {
        done += rows;
        options.progress?.({ activation: job.activationId, stage: 'deliver', done, total: execution.changes });
      },
      send: {
        runId: `${execution.syncId}:${job.activationId}`,
        session: execution.session,
        pacer: pacerOf(execution, limits.requestsPerSecondMax),
        clock,
        logger: loggerOf(options),
        retry: DEFAULT_RETRY,
        random: () => randomBytes(4).readUInt32LE() / 2 ** 32,
        stopping,
        deduplicates: prepared.service.facts.deduplicates,
        assertMaySend: () => lease.assertMaySend(),
        tally: { accepted: 0, narrowed: 0 },
      },
    });
    const outcome = delivered.stop === null ? await finish(execution.session) : delivered;
    if (outcome.stop !== null) await execution.session.abandon();
    if (held) await held.publish(outcome.stop === null ? 'kept' : 'dropped');
    return outcome;
  } catch (thrown) {
    await execution.session.abandon();
    throw thrown;
  } finally {
    heartbeat();
    await reader.close();
  }
}

/** A destination that cannot publish what it was sent (a full disk) has failed: the run is closed with that, not left open. */
async function finish(session: Session): Promise<DeliveryOutcome> {
  try {
    await session.finish();
    return { stop: null };
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    return { stop: { kind: 'refused', code: thrown.code, message: thrown.message, fix: thrown.fix } };
  }
}

function pacerOf({ options, prepared, equipment }: Execution, perSecond: number | null): Pacer {
  const account = `${prepared.destination.platform} ${prepared.endpoint.core}`;
  const pacer = equipment.pacers.get(account) ?? new Pacer(clockOf(options), perSecond);
  equipment.pacers.set(account, pacer);
  return pacer;
}

function every(milliseconds: number, work: () => void): () => void {
  let timer = setTimeout(function again() {
    work();
    timer = setTimeout(again, milliseconds);
    timer.unref();
  }, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Changes of one phase in their order, page by page: memory stays flat. A `free` leaver needs no request. */
async function* readPhase(
  reader: Warehouse,
  changes: TableName,
  phase: number,
): AsyncIterable<readonly OutgoingChange[]> {
  const table = reader.state.table(changes);
  const [range] = await reader.query(`select min(seq) as lo, max(seq) as hi from ${table} where phase = ${phase}`);
  if (!range || range['lo'] === null || range['hi'] === null) return;
  const hi = Number(range['hi']);
  for (let lo = Number(range['lo']); lo <= hi; lo += PAGE_ROWS) {
    const rows =
      await reader.query(`select seq, phase, part, wire, key, key_json, fields, event_time, wire_ids, record_id, previous_key, may_delete, created_since from ${table}
      where seq between ${lo} and ${Math.min(hi, lo + PAGE_ROWS - 1)} and part <> 'free' order by seq`);
    if (rows.length > 0) yield rows.map(outgoingChange);
  }
}
