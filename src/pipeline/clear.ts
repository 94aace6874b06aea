import type { DeliveryPlan } from '../diff/delivery-plan.ts';
import { planAlone } from '../diff/plan.ts';
import { DinmoError } from '../errors.ts';
import type { Activation } from '../knowledge/store.ts';
import { countOpenJobs } from '../record/job-notes.ts';
import type { SyncReport } from '../report/activation-report.ts';
import { formatMany } from '../report/layout.ts';
import { findUnfinished, tablesForPlan } from './close-run.ts';
import { prepareTelling } from './events.ts';
import { untilInterrupted } from './interruption.ts';
import { type ClearOptions, clockOf } from './options.ts';
import { buildJob, type Prepared } from './prepare-run.ts';
import { type Bench, conduct, loggerFrom } from './run-activations.ts';
import { newId } from './storage.ts';
import { requireTarget, syncRun } from './sync.ts';
import { syncActivation } from './sync-activation.ts';
import { type ActivationResult, openJobsNote, plainResult, withReason } from './verdict.ts';

/**
 * Removes from the destination what the snapshot holds, nothing else, and pauses the activation. Without `yes` it says how
 * many rows that would be and sends nothing.
 */
export async function clearActivation(options: ClearOptions): Promise<SyncReport> {
  const syncId = newId(clockOf(options).now());
  return await conduct({
    options: { ...options, select: [options.activation] },
    syncId,
    access: 'write',
    allow: (context) => requireTarget(context, 'clear'),
    each: (bench, activation) => clearOne(bench, { options: { ...options, ...loggerFrom(bench) }, syncId }, activation),
  });
}

async function clearOne(
  bench: Bench,
  { options, syncId }: { readonly options: ClearOptions; readonly syncId: string },
  activation: Activation,
): Promise<ActivationResult> {
  if (!activation.operations.includes('delete')) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'clear-needs-delete',
      message: `${activation.id} may not delete: its operations are ${activation.operations.join(', ')}.`,
      fix: 'Add `delete` to the operations of the activation.',
      location: activation.origin.locate([...activation.at, 'operations']),
    });
  }
  const prepared = await prepareTelling(bench, { activation, secrets: 'needed' });
  const { state, destination } = prepared;
  if (state === null) return nothingToClear(activation, 0);
  const plan = await untilInterrupted(bench.warehouse, options.signal, () =>
    planClearing(bench, { options, prepared, id: state.activationId }),
  );
  if (plan.changes === 0) return nothingToClear(activation, plan.staying);
  if (!options.yes) {
    const rows = formatMany(plan.planned.delete, 'row');
    const reason = `${rows} would be removed from ${destination.name}${stayingNote(plan.staying)}: confirm with --yes`;
    const { ledger, existing } = bench.storage;
    const jobs = await countOpenJobs(ledger, { existing, activationId: state.activationId });
    const asked = plainResult(activation, 'blocked', reason, 1);
    return jobs === 0 ? asked : withReason(asked, openJobsNote(jobs));
  }
  const { ledger } = bench.storage;
  await ledger.update('activations', { paused: true }, `activation_id = ${ledger.text(state.activationId)}`);
  return await syncActivation({ ...syncRun(bench, options, syncId), clearing: true }, prepared);
}

function nothingToClear(activation: Activation, staying: number): ActivationResult {
  const reason = `the destination holds nothing of this activation that may be removed${stayingNote(staying)}`;
  return plainResult(activation, 'skipped', reason, 0);
}

function stayingNote(staying: number): string {
  return staying === 0 ? '' : `; ${formatMany(staying, 'row')} that it may not delete will stay`;
}

/** What a clear would remove: identifiers that are owed too, and not what was there before or is held by another activation. */
async function planClearing(
  { context, storage, warehouse, dialect }: Bench,
  { options, prepared, id }: { readonly options: ClearOptions; readonly prepared: Prepared; readonly id: string },
): Promise<DeliveryPlan> {
  const { ledger } = storage;
  const existing = await ledger.tables();
  const unfinished = await findUnfinished(ledger, id);
  const { tables, rejections } = await tablesForPlan({ ledger, tables: prepared.tables, existing, unfinished });
  const job = await buildJob({
    ...{ context, options, storage, prepared, warehouse, dialect, tables, rejections },
    runId: 'plan',
  });
  const source = { ...job.source, sql: `select * from (${job.source.sql}) as cleared where false` };
  return await planAlone(warehouse, { ...job, mode: 'full', everything: true, source });
}
