import { TEMPORARY } from '../diff/candidates.ts';
import type { DiffJob } from '../diff/job.ts';
import {
  CHANGE_COLUMNS,
  CHANGE_FIELD_HASHES,
  CHANGE_IDENTIFIER_COLUMNS,
  createTableAs,
  plannedChanges,
  type StateColumn,
} from '../diff/state-tables.ts';
import type { Ledger } from '../record/ledger.ts';
import type { TableName, Warehouse } from '../warehouse/warehouse.ts';

/** Nothing of the plan is sent: other activations must not see its changes. */
export async function discard(ledger: Ledger, job: DiffJob): Promise<void> {
  const { state } = ledger.warehouse;
  const planned = plannedChanges(state, job);
  await ledger.warehouse.run(
    planned.schema === null ? state.dropTemporary(planned.name) : `drop table if exists ${state.table(planned)}`,
  );
}

/** Writes down, beside its changes, the identifiers that would be sent: what a run that died has to be closed with. */
export async function freeze(ledger: Ledger, job: DiffJob): Promise<void> {
  const { warehouse } = ledger;
  const carried =
    job.facts.identifiers === null
      ? ''
      : ` union all select 'carried', c.key, c.kind, c.rank, c.value from ${TEMPORARY.carried} as c`;
  const identifiers = `select 'new' as side, i.key, i.kind, i.rank, i.value from ${TEMPORARY.newIdentifiers} as i join ${TEMPORARY.actions} as a on a.n = i.n where a.action in ('insert', 'update')${carried}`;
  if (warehouse.state.transactionsHold === 'rows') return await fill(warehouse, job, identifiers);
  await warehouse.run(createTableAs(warehouse.state, job.tables.changeIdentifiers, identifiers));
  // The rest would be held in memory while delivery goes on.
  const { joined, actions, duplicates, ...spent } = TEMPORARY;
  for (const name of Object.values(spent)) await warehouse.run(warehouse.state.dropTemporary(name));
}

/** The run's tables are there: what the plan left in those of the session becomes their rows. */
async function fill(warehouse: Warehouse, { tables, changedFieldsOnly }: DiffJob, identifiers: string): Promise<void> {
  const { state } = warehouse;
  const put = async (table: TableName, shape: readonly StateColumn[], rows: string): Promise<void> => {
    const columns = shape.map(({ name }) => name).join(', ');
    // Left by a plan that never began.
    await warehouse.run(`delete from ${state.table(table)} where true`);
    await warehouse.run(`insert into ${state.table(table)} (${columns}) select ${columns} from ${rows}`);
  };
  const columns = changedFieldsOnly === true ? [...CHANGE_COLUMNS, ...CHANGE_FIELD_HASHES] : CHANGE_COLUMNS;
  await put(tables.changes, columns, plannedChanges(state, { tables }).name);
  await put(tables.changeIdentifiers, CHANGE_IDENTIFIER_COLUMNS, `(${identifiers}) as i`);
}
