import type { OperationCounts } from '../diff/delivery-plan.ts';
import {
  CHANGE_COLUMNS,
  CHANGE_IDENTIFIER_COLUMNS,
  createTemporaryTable,
  IDENTIFIER_COLUMNS,
  SNAPSHOT_COLUMNS,
  type StateColumn,
  type StateTables,
} from '../diff/state-tables.ts';
import { DinmoError } from '../errors.ts';
import type { Closing } from '../record/closing.ts';
import { Journal } from '../record/journal.ts';
import type { Lease } from '../record/lease.ts';
import type { Ledger } from '../record/ledger.ts';
import { LocalJournal, tellWarehouse } from '../record/local-journal.ts';
import { type SettledCounts, type SettlementTables, settle } from '../record/settle.ts';
import type { TableName, Value } from '../warehouse/warehouse.ts';

/** A run that died before it was closed. */
export interface UnfinishedRun {
  readonly runId: string;
  readonly closing: Closing;
}

/** Runs of an activation that were begun and never closed: there is at most one, as each start closes the one before. */
export async function findUnfinished(ledger: Ledger, activationId: string): Promise<readonly UnfinishedRun[]> {
  const rows = await ledger.warehouse.query(
    `select run_id, closing from ${ledger.sql('runs')} where activation_id = ${ledger.text(activationId)} and status = 'running' order by started_at`,
  );
  return rows.map((row) => ({
    runId: String(row['run_id']),
    closing: { ...(JSON.parse(String(row['closing'])) as Closing), activationId },
  }));
}

/** The tables that settling a run of this activation reads and writes. */
export function settlementTables(ledger: Ledger, tables: StateTables): SettlementTables {
  return {
    ...tables,
    sends: ledger.table('sends'),
    receipts: ledger.table('receipts'),
    rejections: ledger.table('rejections'),
    runs: ledger.table('runs'),
  };
}

/** Settles a run and clears away what only it needed. Run it inside a transaction. */
export async function closeRun(
  ledger: Ledger,
  tables: StateTables,
  closing: Closing,
  complete: boolean,
): Promise<SettledCounts> {
  const counts = await settle(ledger.warehouse, settlementTables(ledger, tables), closing, complete);
  const { state } = ledger.warehouse;
  const run = ledger.text(closing.runId);
  // Also what came late for a run that another process had closed by then.
  const open = `select run_id from ${ledger.sql('runs')} where status = 'running' and run_id <> ${run}`;
  const kept = closing.takesJobs === true ? (['sends', 'receipts', 'jobs'] as const) : (['sends', 'receipts'] as const);
  for (const table of kept)
    await ledger.warehouse.run(`delete from ${ledger.sql(table)} where run_id not in (${open})`);
  const clear = (table: TableName): string =>
    state.transactionsHold === 'tables'
      ? `drop table if exists ${state.table(table)}`
      : `delete from ${state.table(table)} where true`;
  await ledger.warehouse.run(clear(tables.changes));
  await ledger.warehouse.run(clear(tables.changeIdentifiers));
  return counts;
}

/** The columns of `runs` that say what became of it. */
export function countColumns(counts: SettledCounts): Readonly<Record<string, number>> {
  return {
    ...operationColumns('accepted', counts.accepted),
    rejected: counts.rejected,
    deferred: counts.deferred,
    unknown: counts.unknown,
  };
}

/** The columns of `runs` for one count per operation. */
export function operationColumns(
  what: 'planned' | 'accepted',
  counts: OperationCounts,
): Readonly<Record<string, number>> {
  return { [`${what}_insert`]: counts.insert, [`${what}_update`]: counts.update, [`${what}_delete`]: counts.delete };
}

/**
 * Says in its row what became of a run: last in the transaction that closes it, since a run is closed once, by whoever comes
 * first. Throws DinmoError `run-closed`.
 */
export async function endRun(ledger: Ledger, runId: string, values: Readonly<Record<string, Value>>): Promise<void> {
  const open = `run_id = ${ledger.text(runId)} and status = 'running'`;
  if (await ledger.updateOne('runs', values, open)) return;
  throw new DinmoError({
    kind: 'stopped',
    code: 'run-closed',
    message: 'Another process has closed this run: it held this one to be dead.',
    fix: 'Run the sync again: it goes on with what is left.',
  });
}

/** Closes the run of a process that died: acknowledged changes enter the snapshot, what may have gone out becomes dirty. */
export async function recover(
  ledger: Ledger,
  tables: StateTables,
  unfinished: readonly UnfinishedRun[],
  {
    lease,
    finishedAt,
    journalFolder,
  }: { readonly lease: Lease; readonly finishedAt: string; readonly journalFolder: string | null },
): Promise<void> {
  for (const { runId, closing } of unfinished) {
    const local = new LocalJournal(journalFolder, runId);
    await tellWarehouse(ledger, { runId, journal: new Journal(ledger, runId), local });
    await ledger.warehouse.transaction(async () => {
      // What looks dead to a process that lost its own lease meanwhile may be the run of the one that took it.
      await lease.verify();
      const counts = await closeRun(ledger, tables, closing, false);
      await endRun(ledger, runId, {
        status: 'interrupted',
        reason: 'the process ended before the run was closed',
        finished_at: finishedAt,
        ...countColumns(counts),
      });
      await lease.seal({});
    });
    local.remove();
  }
}

/**
 * State tables for a plan, which writes nothing: the real ones where they exist, empty temporary ones where they don't,
 * and temporary copies, closed as a sync would close them, where a run died.
 */
export async function tablesForPlan(input: {
  readonly ledger: Ledger;
  readonly tables: StateTables;
  readonly existing: ReadonlySet<string>;
  readonly unfinished: readonly UnfinishedRun[];
}): Promise<{ readonly tables: StateTables; readonly rejections: TableName | null }> {
  const { ledger, existing, unfinished } = input;
  const copy = unfinished.length > 0;
  const copies: Record<string, TableName> = {};
  const shapes: Readonly<Record<keyof StateTables, readonly StateColumn[]>> = {
    snapshot: SNAPSHOT_COLUMNS,
    identifiers: IDENTIFIER_COLUMNS,
    changes: CHANGE_COLUMNS,
    changeIdentifiers: CHANGE_IDENTIFIER_COLUMNS,
  };
  for (const [part, shape] of Object.entries(shapes) as [keyof StateTables, readonly StateColumn[]][]) {
    const real = input.tables[part];
    copies[part] =
      existing.has(real.name) && !copy
        ? real
        : await temporary(ledger, real, { shape, filled: existing.has(real.name) });
  }
  const closed = copies as unknown as StateTables;
  const tables = { ...closed, changes: { database: null, schema: null, name: 'plan_changes' } };
  const rejections = existing.has('rejections') ? ledger.table('rejections') : null;
  if (!copy) return { tables, rejections };
  const settlement = {
    ...settlementTables(ledger, closed),
    rejections: await copyOf(ledger, ledger.table('rejections')),
  };
  for (const { closing } of unfinished) await settle(ledger.warehouse, settlement, closing, false);
  return { tables, rejections: settlement.rejections };
}

async function temporary(
  ledger: Ledger,
  real: TableName,
  { shape, filled }: { readonly shape: readonly StateColumn[]; readonly filled: boolean },
): Promise<TableName> {
  if (filled) return await copyOf(ledger, real);
  const name: TableName = { database: null, schema: null, name: `plan_${real.name}` };
  await ledger.warehouse.run(createTemporaryTable(ledger.warehouse.state, name.name, shape));
  return name;
}

async function copyOf(ledger: Ledger, real: TableName): Promise<TableName> {
  const name: TableName = { database: null, schema: null, name: `plan_${real.name}` };
  await ledger.warehouse.run(
    ledger.warehouse.state.createTemporary(name.name, `select * from ${ledger.warehouse.state.table(real)}`),
  );
  return name;
}
