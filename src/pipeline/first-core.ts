import { type StateTables, stateTables } from '../diff/state-tables.ts';
import { type ActivationState, type Ledger, readActivationStates } from '../record/ledger.ts';
import type { Storage } from './storage.ts';

/**
 * Whether nothing was ever taken by a platform under the core settings of an activation, so that others may stand in their place: a
 * first sync that failed because of a wrong one must not make it last. Nothing is known of an account or an audience, no run ended
 * well, none is open, none had a row accepted or left in doubt, and nothing is held.
 */
export async function nothingWasTaken(
  { ledger, existing }: Pick<Storage, 'ledger' | 'existing'>,
  state: ActivationState,
): Promise<boolean> {
  if (state.account !== null || state.audienceId !== null || state.lastSuccessAt !== null) return false;
  const { snapshot, identifiers }: StateTables = stateTables(ledger.schema, state.tableSuffix);
  const taken = ['accepted_insert', 'accepted_update', 'accepted_delete', 'unknown'];
  const runs = `${ledger.sql('runs')} where activation_id = ${ledger.text(state.activationId)}
    and (status = 'running' or ${taken.map((name) => `coalesce(${ledger.warehouse.state.identifier(name)}, 0) > 0`).join(' or ')})`;
  const held = [snapshot, identifiers].filter(({ name }) => existing.has(name));
  return await areEmpty(ledger, [runs, ...held.map((table) => ledger.warehouse.state.table(table))]);
}

async function areEmpty(ledger: Ledger, places: readonly string[]): Promise<boolean> {
  for (const place of places)
    if ((await ledger.warehouse.query(`select 1 as found from ${place} limit 1`)).length > 0) return false;
  return true;
}

/**
 * Records the core settings as they are now where those of before never led anywhere, and forgets what was refused under them; false
 * where something was taken meanwhile. Under the lease, when runs that died are closed.
 */
export async function takeCore({ ledger }: Storage, state: ActivationState, core: string): Promise<boolean> {
  // What was read before the lease may be another run's by now.
  const now = (await readActivationStates(ledger)).get(state.activationId);
  if (now === undefined || now.core !== state.core) return now?.core === core;
  if (!(await nothingWasTaken({ ledger, existing: await ledger.tables() }, now))) return false;
  const mine = `activation_id = ${ledger.text(state.activationId)}`;
  await ledger.warehouse.run(`delete from ${ledger.sql('rejections')} where ${mine}`);
  await ledger.update('activations', { core }, mine);
  return true;
}
