import { type DeliveryPlan, invalidRows, type OperationCounts } from '../diff/delivery-plan.ts';
import type { Activation } from '../knowledge/store.ts';
import { type LogData, type Logger, speakingOf } from '../log.ts';
import type { SettledCounts } from '../record/settle.ts';
import type { Context } from './context.ts';
import { loggerOf } from './options.ts';
import { type Prepared, prepareActivation } from './prepare-run.ts';
import type { Storage } from './storage.ts';
import type { ActivationResult } from './verdict.ts';

/** Milliseconds since this was called, each time it is asked. Wall time: what a person waits for, whatever the clock of the run. */
export function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => Math.round(performance.now() - startedAt);
}

/** Prepares an activation, and tells what the gate says. Throws as `prepareActivation` does. */
export async function prepareTelling(
  { context, storage }: { readonly context: Context; readonly storage: Storage },
  asked: Parameters<typeof prepareActivation>[2],
): Promise<Prepared> {
  const passed = stopwatch();
  const prepared = await prepareActivation(context, storage, asked);
  const { open, reason } = prepared.gate;
  loggerOf(context.options).info('gate.judged', { open, reason, duration_ms: passed() });
  return prepared;
}

/** Tells what would be sent, and what the guards say of it. */
export function tellPlan(logger: Logger, plan: DeliveryPlan, durationMs: number): void {
  logger.info('plan.computed', {
    ...operations('planned', plan.planned),
    invalid: invalidRows(plan),
    unchanged: plan.unchanged,
    parked: plan.parked,
    segment_rows: plan.segmentRows,
    snapshot_rows: plan.snapshotRows,
    duration_ms: durationMs,
  });
  for (const { guard, message, overridden } of plan.guards)
    logger.info('guard.tripped', { guard, message, overridden });
}

/** Tells what a settlement wrote down. */
export function tellSettled(logger: Logger, counts: SettledCounts, durationMs: number): void {
  const { accepted, rejected, deferred, unknown } = counts;
  logger.info('run.settled', {
    ...operations('accepted', accepted),
    ...{ rejected, deferred, unknown, duration_ms: durationMs },
  });
}

/** The log of one activation, which has told that it begins. */
export function tellStarted(logger: Logger, activation: Activation, lastSuccessAt: string | null): Logger {
  const own = speakingOf(logger, { activation: activation.id, destination: activation.destination });
  own.info('activation.started', { mode: activation.mode, last_success_at: lastSuccessAt });
  return own;
}

/** Tells what became of an activation. */
export function tellFinished(
  logger: Logger,
  { report, detail }: ActivationResult,
  times: { readonly lastSuccessAt: string | null; readonly nowMs: number; readonly durationMs: number },
): void {
  const succeeded = report.status === 'succeeded';
  const { lastSuccessAt, nowMs, durationMs } = times;
  const age = lastSuccessAt === null ? null : Math.max(0, Math.round((nowMs - Date.parse(lastSuccessAt)) / 1000));
  logger.info('activation.finished', {
    status: report.status,
    reason: report.reason,
    exit_code: detail.exitCode,
    mode: report.mode,
    ...operations('planned', report.planned),
    ...operations('accepted', report.accepted),
    rejected: report.rejected,
    deferred: report.deferred,
    unknown: report.unknown,
    invalid: report.invalid,
    unchanged: report.unchanged,
    segment_rows: detail.segmentRows,
    last_success_age_s: succeeded ? 0 : age,
    duration_ms: durationMs,
  });
}

function operations(what: 'planned' | 'accepted', counts: OperationCounts | null): LogData {
  const { insert = null, update = null, delete: removed = null } = counts ?? {};
  return { [`${what}_insert`]: insert, [`${what}_update`]: update, [`${what}_delete`]: removed };
}
