import { stateTables } from '../diff/state-tables.ts';
import { Ledger, readActivationStates } from '../record/ledger.ts';
import { PersonState } from '../record/person.ts';
import type { Bench } from './run-activations.ts';
import { rehearsalSchema } from './storage.ts';

/**
 * A rehearsal (`--sandbox`) remembers people as the real thing does: what its state knows of one goes as well. Nothing else does: its
 * platforms are simulated. Throws DinmoError where the schema may not be read or written.
 */
export async function scrubRehearsal({ storage }: Bench, entity: string, key: string): Promise<void> {
  const { warehouse, schema } = storage.ledger;
  const ledger = new Ledger(warehouse, rehearsalSchema(schema));
  const existing = await ledger.tables();
  if (!existing.has('activations')) return;
  for (const state of (await readActivationStates(ledger)).values()) {
    if (state.entity !== entity) continue;
    const tables = stateTables(ledger.schema, state.tableSuffix);
    const place = { ledger, activationId: state.activationId, tables, existing, key };
    const keys = await new PersonState({ ...place, keys: [] }).keys();
    await ledger.transaction(() => new PersonState({ ...place, keys }).scrub());
  }
}
