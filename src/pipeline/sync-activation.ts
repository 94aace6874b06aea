import { join } from 'node:path';
import { type DeliveryOutcome, JOB_OPEN } from '../delivery/deliver.ts';
import type { DeliveryPlan } from '../diff/delivery-plan.ts';
import type { DiffJob } from '../diff/job.ts';
import { planDelivery } from '../diff/plan.ts';
import { dayOf } from '../diff/renewal.ts';
import { SENT_DAY } from '../diff/state-tables.ts';
import { DinmoError } from '../errors.ts';
import { sendsChangedFieldsOnly } from '../knowledge/service-facts.ts';
import { speakingOf } from '../log.ts';
import type { Closing } from '../record/closing.ts';
import { Lease, systemProcesses } from '../record/lease.ts';
import { LocalJournal } from '../record/local-journal.ts';
import type { SettledCounts } from '../record/settle.ts';
import { closeRun, countColumns, endRun, findUnfinished, recover, type UnfinishedRun } from './close-run.ts';
import { stopwatch, tellPlan, tellSettled } from './events.ts';
import { every, execute, pacerOf, refusedBy, seatClock } from './execute.ts';
import { takeCore } from './first-core.ts';
import { discard, freeze } from './freeze.ts';
import { untilInterrupted } from './interruption.ts';
import { askForJobs } from './open-jobs.ts';
import { openSession } from './open-session.ts';
import { clockOf, LOCK_TIMEOUT_MS, loggerOf } from './options.ts';
import { type Prepared, requireSameDestination } from './prepare-run.ts';
import { collect, isAskedByName, jobOf, planColumns, runRow } from './run-job.ts';
import { newId } from './storage.ts';
import type { SyncRun } from './sync-run.ts';
import {
  type ActivationResult,
  blockedResult,
  openResult,
  plainResult,
  settledResult,
  stillOpenResult,
  verdictsOf,
} from './verdict.ts';

interface Begun {
  readonly job: DiffJob;
  readonly plan: DeliveryPlan;
  readonly closing: Closing;
  readonly startedAt: string;
}

/** Lock, recover, plan, deliver, record: one activation. Throws DinmoError for what stops it; what was sent by then is recorded at the next run. */
export async function syncActivation(command: SyncRun, prepared: Prepared): Promise<ActivationResult> {
  const { ledger } = command.storage;
  const { activation } = prepared;
  const clock = clockOf(command.options);
  await inTurn(command, () => ensureState(command, prepared));
  const runId = newId(clock.now());
  const logger = speakingOf(loggerOf(command.options), { run_id: runId });
  const run: SyncRun = { ...command, options: { ...command.options, logger } };
  ledger.warehouse.tag?.({ activation: activation.id, run: runId });
  const lease = await Lease.acquire({
    ledger,
    activationId: activation.id,
    owner: runId,
    clock,
    logger,
    processes: run.processes ?? systemProcesses,
    waitMsMax: run.options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
    signal: run.options.signal ?? new AbortController().signal,
  });
  try {
    const unfinished = await untilInterrupted(ledger.warehouse, run.options.signal, () =>
      findUnfinished(ledger, activation.id),
    );
    if (await areJobsOpen(run, prepared, { unfinished, lease })) return stillOpenResult(activation);
    const instead = run.forgetting?.instead;
    const plan = async (): Promise<Begun | { readonly result: ActivationResult } | null> => {
      await recover(ledger, prepared.tables, unfinished, {
        lease,
        finishedAt: new Date(clock.now()).toISOString(),
        journalFolder: journalFolder(run),
      });
      for (const dead of unfinished) logger.info('run.recovered', { recovered_run_id: dead.runId });
      await keepCore(run, prepared);
      if (instead !== undefined) return null;
      await run.forgetting?.recovered?.();
      const done = (await run.findDone?.()) ?? null;
      if (done !== null) return { result: plainResult(activation, 'skipped', done, 0) };
      return await begin(run, prepared, { runId, lease });
    };
    const begun = await inTurn(run, () => untilInterrupted(ledger.warehouse, run.options.signal, plan), lease);
    await run.equipment.copies?.release(activation, ledger.warehouse);
    if (begun === null)
      return (await instead?.({ lease, runId })) ?? plainResult(activation, 'skipped', 'nothing to do', 0);
    if ('result' in begun) return begun.result;
    return await send(run, prepared, { begun, lease });
  } finally {
    // It ends by itself, and at once where this process has ended: not worth losing the result for.
    await lease.release().catch(() => {});
  }
}

/** Core settings other than those of before are taken where nothing was ever sent under those. Throws DinmoError `destination-core-changed`. */
async function keepCore(run: SyncRun, { activation, destination, endpoint, state }: Prepared): Promise<void> {
  if (state === null || state.core === null || state.core === endpoint.core) return;
  // The row stands under the activation's own id by now.
  if (await takeCore(run.storage, { ...state, activationId: activation.id }, endpoint.core)) return;
  requireSameDestination(activation, destination, state, endpoint);
}

/** Whether jobs of runs that were left open live still; what became of those that ended is written down by then. */
async function areJobsOpen(
  run: SyncRun,
  prepared: Prepared,
  { unfinished, lease }: { readonly unfinished: readonly UnfinishedRun[]; readonly lease: Lease },
): Promise<boolean> {
  if (!unfinished.some(({ closing }) => closing.takesJobs === true)) return false;
  const { options, equipment } = run;
  const heartbeat = every(10_000, () => lease.renew());
  try {
    const open = await askForJobs({
      ledger: run.storage.ledger,
      tables: prepared.tables,
      unfinished,
      facts: prepared.service.facts,
      lease,
      clock: seatClock(run),
      logger: loggerOf(options),
      stopping: options.signal ?? new AbortController().signal,
      journalFolder: journalFolder(run),
      open: async (changes) => {
        const job = await jobOf(run, prepared, { runId: unfinished[0]?.runId ?? '' });
        const session = await openSession(run, prepared, { job, changes });
        if (session instanceof DinmoError) throw session;
        return { session, pacer: pacerOf({ options, prepared, equipment }) };
      },
    });
    return open > 0;
  } finally {
    heartbeat();
  }
}

/**
 * Where other activations are under way beside this one: no two of them plan or settle at a time, since a warehouse may let only one
 * of two transactions over the shared tables pass. The lease is kept while it waits.
 */
async function inTurn<T>(run: SyncRun, work: () => Promise<T>, lease?: Lease): Promise<T> {
  const { turns } = run.equipment;
  if (turns === undefined) return await work();
  const heartbeat = lease === undefined ? () => {} : every(10_000, () => lease.renew());
  return await turns.take(async () => {
    heartbeat();
    return await work();
  });
}

/** The activation's row and its snapshot tables, with the columns that its service needs. */
async function ensureState(run: SyncRun, prepared: Prepared): Promise<void> {
  await ensureTables(run, prepared);
  const { service, endpoint, tables } = prepared;
  if (sendsChangedFieldsOnly(service.facts, endpoint.config)) await run.storage.ledger.keepFields(tables);
}

/** The row stands under the activation's own id if it was renamed. */
async function ensureTables(run: SyncRun, prepared: Prepared): Promise<void> {
  const { ledger } = run.storage;
  const { activation, destination, state, tables, endpoint } = prepared;
  if (state === null) {
    await ledger.transaction(async () => {
      await ledger.createSnapshot(tables);
      await ledger.insert('activations', {
        activation_id: activation.id,
        table_suffix: prepared.suffix,
        destination: destination.name,
        platform: destination.platform,
        service: destination.service,
        entity: activation.entity,
        core: endpoint.core,
        audience: activation.audience,
        mode: activation.mode,
        paused: false,
        fence: 0,
      });
    });
    return;
  }
  if (prepared.service.facts.memberships !== undefined && run.storage.existing.has(tables.snapshot.name))
    await ledger.addMissing(tables.snapshot, SENT_DAY);
  if (state.activationId === activation.id) return await ledger.createSnapshot(tables, run.storage.existing);
  await ledger.transaction(async () => {
    const renamed = { activation_id: activation.id };
    const former = `activation_id = ${ledger.text(state.activationId)}`;
    await ledger.update('activations', renamed, former);
    await ledger.update('runs', renamed, former);
    await ledger.update('rejections', renamed, former);
  });
}

/** Plans, and freezes the plan in one transaction with the run's row: from then on another process can close it. */
async function begin(
  run: SyncRun,
  prepared: Prepared,
  { runId, lease }: { readonly runId: string; readonly lease: Lease },
): Promise<Begun | { readonly result: ActivationResult }> {
  const { ledger } = run.storage;
  const { activation, service } = prepared;
  const startedAt = new Date(clockOf(run.options).now()).toISOString();
  run.options.progress?.({ activation: activation.id, stage: 'plan', done: 0, total: null });
  const passed = stopwatch();
  const { job, collected } = await collect(run, prepared, runId);
  const closing: Closing = {
    activationId: activation.id,
    runId,
    normaliserVersion: service.normaliser?.version ?? 0,
    attempts: activation.attempts,
    matchesPeople: service.facts.identifiers !== null,
    ...(run.forgetting === undefined ? {} : { onlyOne: true }),
    ...(service.facts.jobs === undefined ? {} : { takesJobs: true }),
    ...(service.facts.memberships === undefined ? {} : { sentDay: dayOf(Date.parse(startedAt)) }),
    ...(job.changedFieldsOnly === true ? { keepsFields: true } : {}),
  };
  // What is written to a folder needs no client.
  if (!collected.unchanged && prepared.endpoint.config['path'] === undefined) run.equipment.http.load?.();
  return await ledger.transaction(async () => {
    await lease.verify();
    const plan = await planDelivery(ledger.warehouse, job, collected);
    tellPlan(loggerOf(run.options), plan, passed());
    const verdicts = verdictsOf(plan, prepared.gate, run.options, isAskedByName(run));
    const row = {
      ...runRow(run, prepared, { runId, startedAt }),
      ...planColumns(plan),
      overrides: verdicts.overridden.join(',') || null,
    };
    if (verdicts.blocking !== null) {
      await discard(ledger, job);
      await ledger.insert('runs', { ...row, status: 'blocked', reason: verdicts.blocking, finished_at: startedAt });
      await ledger.update(
        'activations',
        { last_run_id: runId, last_status: 'blocked' },
        `activation_id = ${ledger.text(activation.id)}`,
      );
      return { result: blockedResult(prepared, plan, verdicts) };
    }
    await freeze(ledger, job);
    await ledger.insert('runs', { ...row, status: 'running', closing: JSON.stringify(closing) });
    // A plan takes its time: whoever lost the lease meanwhile begins nothing.
    await lease.seal({ mode: run.forgetting === undefined ? activation.mode : (prepared.state?.mode ?? null) });
    // Events since then are this activation's, whatever becomes of this run.
    await ledger.update(
      'activations',
      { first_synced_at: startedAt },
      `activation_id = ${ledger.text(activation.id)} and first_synced_at is null`,
    );
    return { job, plan, closing, startedAt };
  });
}

/** A new name goes to the platform at once, not with the next change. */
function hasNewAudienceName({ activation, state }: Prepared): boolean {
  return typeof state?.audienceId === 'string' && state.audience !== null && state.audience !== activation.audience;
}

async function send(
  run: SyncRun,
  prepared: Prepared,
  { begun, lease }: { readonly begun: Begun; readonly lease: Lease },
): Promise<ActivationResult> {
  const { ledger } = run.storage;
  const { job, plan, closing, startedAt } = begun;
  const clock = clockOf(run.options);
  const logger = loggerOf(run.options);
  let outcome: DeliveryOutcome = { stop: null, openJobs: 0 };
  const publishes =
    prepared.service.facts.replacesWhole && prepared.activation.mode === 'full' && run.forgetting === undefined;
  if (plan.changes > 0 || publishes || hasNewAudienceName(prepared)) {
    const passed = stopwatch();
    logger.info('delivery.started', { changes: plan.changes });
    const session = await openSession(run, prepared, { job, changes: plan.changes });
    if (session instanceof DinmoError) outcome = { stop: refusedBy(session), openJobs: 0 };
    else
      outcome = await execute({
        options: run.options,
        prepared,
        ledger,
        lease,
        job,
        syncId: run.syncId,
        changes: plan.changes,
        session,
        equipment: run.equipment,
        journalFolder: journalFolder(run),
      });
    logger.info('delivery.finished', { stop: outcome.stop?.code ?? null, duration_ms: passed() });
  }
  if (outcome.openJobs > 0) return await leaveOpen(run, prepared, { begun, lease, outcome });
  const settling = stopwatch();
  run.options.progress?.({ activation: job.activationId, stage: 'record', done: plan.changes, total: plan.changes });
  const finishedAt = new Date(clock.now()).toISOString();
  let counted: SettledCounts | null = null;
  const settle = async (): Promise<ActivationResult> => {
    await lease.verify();
    const counts: SettledCounts = await closeRun(ledger, job.tables, closing, true);
    const result = settledResult({
      prepared,
      // Who else is parked, or has left and stays, has nothing to do with it.
      plan: run.forgetting === undefined ? plan : { ...plan, parked: 0, staying: 0 },
      counts,
      outcome,
      durationMs: Date.parse(finishedAt) - Date.parse(startedAt),
      overrides: verdictsOf(plan, prepared.gate, run.options, isAskedByName(run)),
    });
    const { status, reason } = result.report;
    counted = counts;
    await endRun(ledger, closing.runId, { ...countColumns(counts), status, reason, finished_at: finishedAt });
    if (run.forgetting !== undefined) {
      if (status === 'succeeded') await run.forgetting.scrub();
      // Nobody else was looked at: for the schedule, and for who asks how the activation is, it was no run.
      await lease.seal({});
      return result;
    }
    const success = status === 'succeeded' ? { last_success_at: finishedAt } : {};
    await lease.seal({ last_run_id: closing.runId, last_status: status, ...success });
    return result;
  };
  const settled = await inTurn(run, () => ledger.transaction(settle), lease);
  new LocalJournal(journalFolder(run), closing.runId).remove();
  if (counted !== null) tellSettled(logger, counted, settling());
  return settled;
}

/** Jobs may still live: the run is not closed, so that nobody sends its rows again before they have been asked for. */
async function leaveOpen(
  run: SyncRun,
  prepared: Prepared,
  { begun, lease, outcome }: { readonly begun: Begun; readonly lease: Lease; readonly outcome: DeliveryOutcome },
): Promise<ActivationResult> {
  const { ledger } = run.storage;
  const { runId } = begun.closing;
  const result = openResult(prepared, begun.plan, {
    stop: outcome.stop ?? JOB_OPEN,
    durationMs: clockOf(run.options).now() - Date.parse(begun.startedAt),
    overrides: verdictsOf(begun.plan, prepared.gate, run.options, isAskedByName(run)),
  });
  const { status, reason } = result.report;
  loggerOf(run.options).info('run.left_open', { jobs: outcome.openJobs });
  const note = async (): Promise<void> => {
    await lease.verify();
    await ledger.update('runs', { reason }, `run_id = ${ledger.text(runId)}`);
    await lease.seal({ last_run_id: runId, last_status: status });
  };
  await inTurn(run, () => ledger.transaction(note), lease);
  return result;
}

/** Beside what dbt leaves of its runs. */
function journalFolder({ context }: SyncRun): string {
  return join(context.project.dir, 'target', 'dinmo', 'runs');
}
