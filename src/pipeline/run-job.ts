import { type Collected, collectCandidates } from '../diff/candidates.ts';
import { type DeliveryPlan, invalidRows, NO_OPERATIONS } from '../diff/delivery-plan.ts';
import type { DiffJob, Source } from '../diff/job.ts';
import { DinmoError } from '../errors.ts';
import type { TableName } from '../warehouse/warehouse.ts';
import { operationColumns } from './close-run.ts';
import { buildJob, type Prepared } from './prepare-run.ts';
import type { SyncRun } from './sync-run.ts';

/**
 * What differs from the snapshot, and the job that it was computed for. Where other activations of the command read the same rows, so
 * does this one; where those cannot be had, it reads the view as if it were alone. Throws DinmoError of kind `warehouse`.
 */
export async function collect(
  run: SyncRun,
  prepared: Prepared,
  runId: string,
): Promise<{ readonly job: DiffJob; readonly collected: Collected }> {
  const { ledger } = run.storage;
  const compare = async (copied: Source | null): Promise<{ readonly job: DiffJob; readonly collected: Collected }> => {
    const job = await jobOf(run, prepared, { runId, copied });
    return { job, collected: await ledger.transaction(() => collectCandidates(ledger.warehouse, job)) };
  };
  const copies = isAskedByName(run) ? undefined : run.equipment.copies;
  const copied = (await copies?.sourceOf(prepared, ledger.warehouse)) ?? null;
  if (copies === undefined || copied === null) return await compare(null);
  try {
    return await compare(copied);
  } catch (thrown) {
    if (!(thrown instanceof DinmoError) || run.options.signal?.aborted) throw thrown;
    copies.giveUp(prepared.activation, thrown);
    return await compare(null);
  }
}

/** The diff's view of an activation in this run. */
export async function jobOf(
  run: SyncRun,
  prepared: Prepared,
  { runId, copied = null }: { readonly runId: string; readonly copied?: Source | null },
): Promise<DiffJob> {
  const { ledger } = run.storage;
  const job = await buildJob({
    context: run.context,
    options: run.options,
    storage: run.storage,
    prepared,
    warehouse: ledger.warehouse,
    dialect: run.dialect,
    runId,
    tables: prepared.tables,
    rejections: ledger.table('rejections'),
    copied,
  });
  const { forgetting } = run;
  if (!isAskedByName(run)) return job;
  const nobody: DiffJob = {
    ...job,
    mode: 'full',
    everything: true,
    source: { ...job.source, sql: `select * from (${job.source.sql}) as cleared where false` },
  };
  if (forgetting === undefined) return nobody;
  const ofOthers = ({ name }: TableName): boolean => !forgetting.ownElsewhere.has(name);
  const { otherSnapshots, otherChanges } = nobody;
  return {
    ...nobody,
    only: forgetting.key,
    otherSnapshots: otherSnapshots.filter(ofOthers),
    otherChanges: otherChanges.filter(ofOthers),
  };
}

/** A removal that was asked for by name and confirmed: neither gate nor guards stop it. */
export function isAskedByName({ clearing, forgetting }: SyncRun): boolean {
  return clearing === true || forgetting !== undefined;
}

/** What is known of a run when it begins, as columns of `runs`. */
export function runRow(
  run: SyncRun,
  prepared: Prepared,
  { runId, startedAt }: { readonly runId: string; readonly startedAt: string },
) {
  return {
    run_id: runId,
    sync_id: run.syncId,
    activation_id: prepared.activation.id,
    destination: prepared.destination.name,
    mode: run.forgetting !== undefined ? 'forget' : run.clearing === true ? 'clear' : prepared.activation.mode,
    target: run.targetName,
    invocation_id:
      run.context.project.runResults.at(-1)?.invocationId ?? run.context.project.manifest.metadata.invocationId,
    started_at: startedAt,
    gate: prepared.gate.open ? 'open' : (prepared.gate.reason ?? 'closed'),
    tool_version: run.toolVersion,
  };
}

/** The columns of `runs` that say what was planned. */
export function planColumns(plan: DeliveryPlan): Readonly<Record<string, number>> {
  return {
    ...operationColumns('planned', plan.planned),
    ...operationColumns('accepted', NO_OPERATIONS),
    rejected: 0,
    deferred: 0,
    unknown: 0,
    invalid: invalidRows(plan),
    unchanged: plan.unchanged,
    segment_rows: plan.segmentRows,
  };
}
