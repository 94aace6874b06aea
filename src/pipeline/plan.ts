import { planAlone } from '../diff/plan.ts';
import type { Activation } from '../knowledge/store.ts';
import { countOpenJobs } from '../record/job-notes.ts';
import type { SyncReport } from '../report/activation-report.ts';
import { askRemote } from './ask-remote.ts';
import { findUnfinished, tablesForPlan } from './close-run.ts';
import { chooseDue } from './due.ts';
import { prepareTelling, stopwatch, tellPlan } from './events.ts';
import { untilInterrupted } from './interruption.ts';
import { loggerOf, type SyncOptions } from './options.ts';
import { buildJob } from './prepare-run.ts';
import { type Bench, conduct } from './run-activations.ts';
import {
  type ActivationResult,
  openJobsNote,
  plainResult,
  plannedResult,
  verdictsOf,
  withReason,
  withRemote,
} from './verdict.ts';

/** What each destination would receive: nothing is sent, nothing is written, no lock is taken. Works on every target. */
export async function planActivations(options: SyncOptions): Promise<SyncReport> {
  return await conduct({
    options,
    access: 'read',
    allow: () => {},
    ...(options.due === true ? { choose: chooseDue(options) } : {}),
    each: (bench, activation) =>
      untilInterrupted(bench.warehouse, options.signal, () => planOne(options, bench, activation)),
  });
}

/** What one activation would send, as `plan` says it. */
export async function planOne(
  options: SyncOptions,
  bench: Pick<Bench, 'context' | 'storage' | 'warehouse' | 'dialect'> & Partial<Pick<Bench, 'equipment'>>,
  activation: Activation,
): Promise<ActivationResult> {
  const { context, storage, warehouse, dialect, equipment } = bench;
  const isAsked = options.remote === true && equipment !== undefined;
  const secrets = isAsked ? 'needed' : 'unused';
  const prepared = await prepareTelling({ context, storage }, { activation, secrets });
  if (prepared.state?.paused === true && options.resume !== true) return pausedResult(activation);
  const { ledger, existing } = storage;
  const passed = stopwatch();
  const unfinished = prepared.state === null ? [] : await findUnfinished(ledger, prepared.state.activationId);
  const { tables, rejections } = await tablesForPlan({ ledger, tables: prepared.tables, existing, unfinished });
  const built = await buildJob({
    context,
    options,
    storage,
    prepared,
    warehouse,
    dialect,
    runId: 'plan',
    tables,
    rejections,
  });
  // The ledger knows a renamed activation by its former id until its first sync under the new one.
  const job = { ...built, activationId: prepared.state?.activationId ?? activation.id };
  options.progress?.({ activation: job.activationId, stage: 'plan', done: 0, total: null });
  warehouse.tag?.({ activation: job.activationId, run: 'plan' });
  const bytes = await warehouse.estimate?.(job.source.sql);
  const plan = await planAlone(warehouse, job);
  tellPlan(loggerOf(context.options), plan, passed());
  const verdict = plannedResult(prepared, plan, verdictsOf(plan, prepared.gate, options));
  const jobs = unfinished.length === 0 ? 0 : await countOpenJobs(ledger, { existing, activationId: job.activationId });
  const local = jobs === 0 ? verdict : withReason(verdict, openJobsNote(jobs));
  const planned = isAsked
    ? withRemote(
        local,
        await askRemote({ context, equipment, warehouse }, prepared, { job, changes: plan.changes, options }),
      )
    : local;
  return bytes === undefined ? planned : { ...planned, report: { ...planned.report, bytes } };
}

/** An activation that `clear` paused: nothing runs until somebody says so. */
export function pausedResult(activation: Activation): ActivationResult {
  return plainResult(activation, 'skipped', 'paused since it was cleared: dinmo sync --resume takes the pause off', 0);
}
