import { DinmoError } from '../errors.ts';
import type { Activation } from '../knowledge/store.ts';
import type { SyncReport } from '../report/activation-report.ts';
import { type ClearOptions, clockOf } from './options.ts';
import { prepareActivation } from './prepare-run.ts';
import { type Bench, conduct } from './run-activations.ts';
import { newId } from './storage.ts';
import { requireTarget, syncRun } from './sync.ts';
import { syncActivation } from './sync-activation.ts';
import { type ActivationResult, plainResult } from './verdict.ts';

/**
 * Removes from the destination what the snapshot holds, nothing else, and pauses the activation. Without `yes` it says how
 * many rows that would be and sends nothing.
 */
export async function clearActivation(options: ClearOptions): Promise<SyncReport> {
  const syncId = newId(clockOf(options).now());
  return await conduct({
    options: { ...options, select: [options.activation] },
    access: 'write',
    allow: (context) => requireTarget(context, 'clear'),
    each: (bench, activation) => clearOne(bench, { options, syncId }, activation),
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
  const prepared = await prepareActivation(bench.context, bench.storage, { activation, secrets: 'needed' });
  const { ledger } = bench.storage;
  const held = prepared.state === null ? 0 : await countHeld(bench, prepared.tables.snapshot);
  if (held === 0) return plainResult(activation, 'skipped', 'the destination holds nothing of this activation', 0);
  if (!options.yes)
    return plainResult(
      activation,
      'blocked',
      `${held} rows would be removed from ${prepared.destination.name}: confirm with --yes`,
      1,
    );
  await ledger.update(
    'activations',
    { paused: true },
    `activation_id = ${ledger.text(prepared.state?.activationId ?? activation.id)}`,
  );
  return await syncActivation({ ...syncRun(bench, options, syncId), clearing: true }, prepared);
}

async function countHeld(
  { storage, warehouse }: Bench,
  snapshot: Parameters<typeof warehouse.state.table>[0],
): Promise<number> {
  if (!storage.existing.has(snapshot.name)) return 0;
  const [row] = await warehouse.query(`select count(*) as rows from ${warehouse.state.table(snapshot)}`);
  return Number(row?.['rows'] ?? 0);
}
