import { stateTables } from '../diff/state-tables.ts';
import type { Activation } from '../knowledge/store.ts';
import type { ActivationStatusRow, RejectionRow, StatusReport } from '../report/status-report.ts';
import type { Row, Warehouse } from '../warehouse/warehouse.ts';
import { connectWarehouse, loadContext, selectActivations } from './context.ts';
import type { CommandOptions } from './options.ts';
import { type KeyContext, shownKey } from './shown-key.ts';
import { findOrphans, type Storage, stateOf, viewStorage } from './storage.ts';

const RUNS_SHOWN = 20;
/** The newest ones; the ledger has them all. */
const REJECTIONS_SHOWN = 1_000;

/** What the ledger says of the selected activations. Writes nothing. Throws DinmoError for what cannot be read. */
export async function readStatus(options: CommandOptions): Promise<StatusReport> {
  const context = await loadContext(options);
  const selected = selectActivations(context.store, options);
  const warehouse = await connectWarehouse(context, { readOnly: true });
  try {
    const storage = await viewStorage(context, warehouse, null);
    const activations: ActivationStatusRow[] = [];
    for (const activation of selected) activations.push(await statusRow(storage, warehouse, activation));
    const synced = storage.existing.has('runs');
    return {
      activations,
      rejections: synced ? await readRejections(storage, context, selected) : [],
      orphans: await findOrphans(storage, context.store),
      runs: synced ? await readRuns(storage, selected) : [],
      exitCode: 0,
    };
  } finally {
    await warehouse.close();
  }
}

async function statusRow(storage: Storage, warehouse: Warehouse, activation: Activation): Promise<ActivationStatusRow> {
  const state = stateOf(storage, activation);
  const base = {
    activation: activation.id,
    destination: activation.destination,
    enabled: activation.enabled,
    paused: state?.paused ?? false,
    lastStatus: state?.lastStatus ?? null,
    lastSuccessAt: state?.lastSuccessAt ?? null,
    audienceId: state?.audienceId ?? null,
  };
  if (state === null)
    return { ...base, held: null, dirty: null, rejected: null, parked: null, owed: null, unfinished: false };
  const { ledger } = storage;
  const { snapshot, identifiers } = stateTables(ledger.schema, state.tableSuffix);
  const id = ledger.text(state.activationId);
  const [row] = await warehouse.query(`select
    (select count(*) from ${warehouse.state.table(snapshot)} where not departed) as held,
    (select count(*) from ${warehouse.state.table(snapshot)} where dirty) as dirty,
    (select count(*) from ${warehouse.state.table(identifiers)} where owed) as owed,
    (select count(*) from ${ledger.sql('rejections')} where activation_id = ${id}) as rejected,
    (select count(*) from ${ledger.sql('rejections')} where activation_id = ${id} and parked) as parked,
    (select count(*) from ${ledger.sql('runs')} where activation_id = ${id} and status = 'running') as unfinished`);
  const number = (name: string): number => Number(row?.[name] ?? 0);
  return {
    ...base,
    held: number('held'),
    dirty: number('dirty'),
    owed: number('owed'),
    rejected: number('rejected'),
    parked: number('parked'),
    unfinished: number('unfinished') > 0,
  };
}

/** Ids under which the ledger knows the activations: a renamed one keeps its former id until its next sync. */
function listOf(storage: Storage, selected: readonly Activation[]): string {
  const ids = selected.map((activation) =>
    storage.ledger.text(stateOf(storage, activation)?.activationId ?? activation.id),
  );
  return ids.length === 0 ? "('')" : `(${ids.join(', ')})`;
}

async function readRejections(
  storage: Storage,
  keys: KeyContext,
  selected: readonly Activation[],
): Promise<readonly RejectionRow[]> {
  const { ledger } = storage;
  const newest = `select * from ${ledger.sql('rejections')} where activation_id in ${listOf(storage, selected)} order by last_seen_at desc, activation_id, key limit ${REJECTIONS_SHOWN}`;
  const rows = await ledger.warehouse.query(
    `select * from (${newest}) as newest order by activation_id, last_seen_at desc, key`,
  );
  return rows.map((row) => ({
    activation: String(row['activation_id']),
    key: shownKey(keys, String(row['activation_id']), String(row['key'])),
    operation: String(row['operation']),
    code: String(row['code']),
    message: String(row['message'] ?? ''),
    attempts: Number(row['attempts']),
    parked: row['parked'] === true,
    firstSeenAt: String(row['first_seen_at']),
    lastSeenAt: String(row['last_seen_at']),
  }));
}

async function readRuns(storage: Storage, selected: readonly Activation[]): Promise<StatusReport['runs']> {
  const { ledger } = storage;
  const rows = await ledger.warehouse.query(
    `select * from ${ledger.sql('runs')} where activation_id in ${listOf(storage, selected)} order by started_at desc limit ${RUNS_SHOWN}`,
  );
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row)
        .filter(([name]) => name !== 'closing')
        .map(([name, value]) => [name, plain(value)]),
    ),
  );
}

function plain(value: Row[string] | undefined): string | number | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'bigint' ? Number(value) : typeof value === 'boolean' ? String(value) : value;
}
