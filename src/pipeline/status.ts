import { stateTables } from '../diff/state-tables.ts';
import type { Activation } from '../knowledge/store.ts';
import { countOpenJobs } from '../record/job-notes.ts';
import type { DueActivation } from '../report/due-report.ts';
import type { ActivationStatusRow, RejectionRow, StatusReport } from '../report/status-report.ts';
import type { Row, Warehouse } from '../warehouse/warehouse.ts';
import { connectWarehouse, loadContext, selectActivations } from './context.ts';
import { examineDue } from './due.ts';
import { clockOf, type StatusOptions } from './options.ts';
import { type KeyContext, shownKey } from './shown-key.ts';
import { findOrphans, type Storage, stateOf, viewStorage } from './storage.ts';

const RUNS_SHOWN = 20;
/** The newest ones; the ledger has them all. */
const REJECTIONS_SHOWN = 1_000;
const HOUR_MS = 3_600_000;

/**
 * What the ledger says of the selected activations. Writes nothing. Exit code 1 where `staleHours` is given and an activation
 * that is meant to run has not succeeded for longer. Throws DinmoError for what cannot be read.
 */
export async function readStatus(options: StatusOptions): Promise<StatusReport> {
  const context = await loadContext(options);
  const selected = selectActivations(context.store, options);
  const warehouse = await connectWarehouse(context, { readOnly: true });
  try {
    const storage = await viewStorage(context, warehouse, null);
    const due = await examineDue(context, storage, selected);
    const dueOf = new Map(due.activations.map((one) => [one.activation, one]));
    const staleMs = options.staleHours === undefined ? null : options.staleHours * HOUR_MS;
    const clock = { nowMs: clockOf(options).now(), staleMs };
    const activations: ActivationStatusRow[] = [];
    for (const activation of selected) {
      const state = await readState(storage, warehouse, activation);
      activations.push(statusRow(activation, { state, due: dueOf.get(activation.id), ...clock }));
    }
    const synced = storage.existing.has('runs');
    return {
      activations,
      timezone: due.timezone,
      staleHours: options.staleHours ?? null,
      rejections: synced ? await readRejections(storage, context, selected) : [],
      orphans: await findOrphans(storage, context.store),
      runs: synced ? await readRuns(storage, selected) : [],
      exitCode: activations.some(({ isStale }) => isStale) ? 1 : 0,
    };
  } finally {
    await warehouse.close();
  }
}

type StateFacts = Pick<
  ActivationStatusRow,
  | 'paused'
  | 'lastStatus'
  | 'lastSuccessAt'
  | 'audienceId'
  | 'held'
  | 'dirty'
  | 'owed'
  | 'rejected'
  | 'parked'
  | 'deferred'
  | 'unknown'
  | 'segmentRows'
  | 'unfinished'
  | 'openJobs'
>;

interface RowFacts {
  readonly state: StateFacts;
  readonly due: DueActivation | undefined;
  readonly nowMs: number;
  /** null: nobody asks. */
  readonly staleMs: number | null;
}

function statusRow(activation: Activation, { state, due, nowMs, staleMs }: RowFacts): ActivationStatusRow {
  const ageMs = state.lastSuccessAt === null ? null : Math.max(0, nowMs - Date.parse(state.lastSuccessAt));
  const runs = activation.enabled && !state.paused;
  return {
    ...{ activation: activation.id, destination: activation.destination, enabled: activation.enabled },
    ...state,
    ageMs,
    schedule: activation.schedule,
    isDue: due?.isDue ?? false,
    dueSince: due?.dueSince ?? null,
    nextAt: due?.nextAt ?? null,
    isStale: staleMs !== null && runs && (ageMs === null || ageMs > staleMs),
  };
}

const NEVER_SYNCED: StateFacts = {
  ...{ paused: false, lastStatus: null, lastSuccessAt: null, audienceId: null, unfinished: false, openJobs: 0 },
  ...{ held: null, dirty: null, owed: null, rejected: null, parked: null },
  ...{ deferred: null, unknown: null, segmentRows: null },
};

async function readState(storage: Storage, warehouse: Warehouse, activation: Activation): Promise<StateFacts> {
  const state = stateOf(storage, activation);
  if (state === null) return NEVER_SYNCED;
  const { ledger } = storage;
  const { snapshot, identifiers } = stateTables(ledger.schema, state.tableSuffix);
  const id = ledger.text(state.activationId);
  const ofLastRun = (column: string): string =>
    `(select max(${column}) from ${ledger.sql('runs')} where run_id = ${ledger.text(state.lastRunId)}) as ${column}`;
  const [row] = await warehouse.query(`select
    (select count(*) from ${warehouse.state.table(snapshot)} where not departed) as held,
    (select count(*) from ${warehouse.state.table(snapshot)} where dirty) as dirty,
    (select count(*) from ${warehouse.state.table(identifiers)} where owed) as owed,
    (select count(*) from ${ledger.sql('rejections')} where activation_id = ${id}) as rejected,
    (select count(*) from ${ledger.sql('rejections')} where activation_id = ${id} and parked) as parked,
    (select count(*) from ${ledger.sql('runs')} where activation_id = ${id} and status = 'running') as unfinished,
    ${ofLastRun('deferred')}, ${ofLastRun('unknown')}, ${ofLastRun('segment_rows')}`);
  const number = (name: string): number => Number(row?.[name] ?? 0);
  const unfinished = number('unfinished') > 0;
  const { activationId } = state;
  const orNull = (name: string): number | null => (row?.[name] == null ? null : Number(row[name]));
  return {
    ...{ paused: state.paused, lastStatus: state.lastStatus, lastSuccessAt: state.lastSuccessAt },
    audienceId: state.audienceId,
    ...{ held: number('held'), dirty: number('dirty'), owed: number('owed') },
    ...{ rejected: number('rejected'), parked: number('parked') },
    ...{ deferred: orNull('deferred'), unknown: orNull('unknown'), segmentRows: orNull('segment_rows') },
    unfinished,
    openJobs: unfinished ? await countOpenJobs(ledger, { existing: storage.existing, activationId }) : 0,
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
