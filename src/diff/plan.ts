import type { Warehouse } from '../warehouse/warehouse.ts';
import { decideActions } from './actions.ts';
import { type Collected, collectCandidates, TEMPORARY } from './candidates.ts';
import { arrangeChanges } from './changes.ts';
import { isAppendOnly, isKeyedByField } from './current-rows.ts';
import type { DeliveryPlan, OperationCounts } from './delivery-plan.ts';
import { checkGuards, type GuardFigures } from './guards.ts';
import type { DiffJob } from './job.ts';
import { prepareCandidates } from './prepare.ts';
import { plannedChanges } from './state-tables.ts';

/**
 * Computes, inside the warehouse, what the destination would receive, in two transactions: the segment is read in the first,
 * by one statement that counts, and only state of our own in the second. Throws DinmoError of kind `warehouse`.
 */
export async function planAlone(warehouse: Warehouse, job: DiffJob): Promise<DeliveryPlan> {
  const collected = await warehouse.transaction(() => collectCandidates(warehouse, job));
  return await warehouse.transaction(() => planDelivery(warehouse, job, collected));
}

/**
 * The second half, for what was collected: the value that is returned, and the changes themselves in the job's table of
 * changes. Nothing else that lasts is written, and nothing at all where that table is temporary. Run it in a transaction. Throws DinmoError of kind `warehouse`.
 */
export async function planDelivery(
  warehouse: Warehouse,
  job: DiffJob,
  { rows: segmentRows, candidates }: Collected,
): Promise<DeliveryPlan> {
  // Where nothing has to be looked at in this process, what a row is and what is done about it is one step.
  if (job.preparer !== null) await warehouse.run(warehouse.state.createTemporary(TEMPORARY.candidates, candidates));
  await prepareCandidates(warehouse, job);
  await decideActions(warehouse, job, job.preparer === null ? `(${candidates})` : TEMPORARY.candidates);
  await arrangeChanges(warehouse, job);
  return await summarise(warehouse, job, segmentRows);
}

async function summarise(warehouse: Warehouse, job: DiffJob, segmentRows: number): Promise<DeliveryPlan> {
  const planned = await countOperations(warehouse, job);
  const invalid = await countInvalid(warehouse);
  const { joiners, leavers, ...figures } = await countFigures(warehouse, job, segmentRows);
  const guards = checkGuards(
    { reconciles: !isAppendOnly(job), joiners, leavers, ...figures },
    job.guards,
    job.overrides,
  );
  return { activation: job.activationId, mode: job.mode, planned, invalid, ...figures, guards };
}

async function countOperations(warehouse: Warehouse, job: DiffJob): Promise<OperationCounts> {
  const rows = await warehouse.query(
    `select op, count(*) as row_count from ${warehouse.state.table(plannedChanges(warehouse.state, job))} where part <> 'remove' group by op`,
  );
  const count = (operation: string): number => Number(rows.find((row) => row['op'] === operation)?.['row_count'] ?? 0);
  return { insert: count('insert'), update: count('update'), delete: count('delete') };
}

async function countInvalid(warehouse: Warehouse): Promise<Record<string, number>> {
  const rows = await warehouse.query(
    `select reason, count(*) as row_count from ${TEMPORARY.actions} where reason is not null and reason <> 'duplicate-key' group by reason
     union all select 'duplicate-key', cast(sum(copies) as bigint) from ${TEMPORARY.duplicates} having count(*) > 0`,
  );
  return Object.fromEntries(rows.map((row) => [String(row['reason']), Number(row['row_count'])]).sort());
}

/** What is counted of a plan, with what only the guards look at. */
type Figures = Omit<DeliveryPlan, 'activation' | 'mode' | 'planned' | 'invalid' | 'guards'> &
  Pick<GuardFigures, 'joiners' | 'leavers'>;

async function countFigures(warehouse: Warehouse, job: DiffJob, segmentRows: number): Promise<Figures> {
  const snapshot = warehouse.state.table(job.tables.snapshot);
  const changes = warehouse.state.table(plannedChanges(warehouse.state, job));
  const [row] = await warehouse.query(`select
    (select count(*) from ${TEMPORARY.actions} where action = 'parked') as parked,
    (select count(*) from ${snapshot} where not departed) as held,
    (select count(distinct s_key) from ${TEMPORARY.actions} where s_key is not null and not coalesce(s_departed, false) and kind <> 'same') as touched,
    ${unsoundRows(job, snapshot)} as unsound,
    (select count(*) from ${TEMPORARY.actions} where kind = 'return') as returned,
    (select count(*) from ${TEMPORARY.actions} where action = 'depart') + (select count(*) from ${snapshot} where departed)
      - (select count(*) from ${TEMPORARY.actions} where s_departed and action not in ('keep', 'depart')) as staying,
    (select count(*) from ${changes} where wire = 'delete' and part <> 'free') as removals,
    (select count(*) from ${changes}) as changes,
    (select count(*) from ${TEMPORARY.actions} where kind = 'insert') as joiners,
    (select count(*) from ${TEMPORARY.actions} where kind = 'leaver' and not coalesce(s_departed, false)) as leavers`);
  const number = (name: string): number => Number(row?.[name] ?? 0);
  const append = isAppendOnly(job);
  return {
    parked: number('parked'),
    // An append-only run leaves out what was acknowledged before: that is what is unchanged.
    unchanged: append
      ? Math.max(0, segmentRows - (await countFresh(warehouse)))
      : number('held') - number('touched') - number('unsound') + number('returned'),
    segmentRows,
    snapshotRows: number('held'),
    staying: number('staying'),
    removals: number('removals'),
    changes: number('changes'),
    joiners: number('joiners'),
    leavers: number('leavers'),
  };
}

/** What the destination has for keys that are duplicated without any difference: invalid, and so not unchanged. */
function unsoundRows(job: DiffJob, snapshot: string): string {
  if (isKeyedByField(job)) return '0';
  return `(select count(*) from ${snapshot} where not departed and key in (select key from ${TEMPORARY.duplicates})
      and key not in (select s_key from ${TEMPORARY.actions} where s_key is not null))`;
}

async function countFresh(warehouse: Warehouse): Promise<number> {
  const [row] = await warehouse.query(`select count(*) as row_count from ${TEMPORARY.actions}`);
  return Number(row?.['row_count'] ?? 0);
}
