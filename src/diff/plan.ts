import type { StateDialect } from '../warehouse/state-dialect.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { decideActions } from './actions.ts';
import { type Collected, collectCandidates, TEMPORARY } from './candidates.ts';
import { arrangeChanges } from './changes.ts';
import { isAppendOnly, isKeyedByField } from './current-rows.ts';
import type { DeliveryPlan } from './delivery-plan.ts';
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
  { rows: segmentRows, withheld, differing, candidates }: Collected,
): Promise<DeliveryPlan> {
  // Where nothing has to be looked at in this process, what a row is and what is done about it is one step.
  if (job.preparer !== null) await warehouse.run(warehouse.state.createTemporary(TEMPORARY.candidates, candidates));
  await prepareCandidates(warehouse, job, differing);
  await decideActions(warehouse, job, job.preparer === null ? `(${candidates})` : TEMPORARY.candidates);
  await arrangeChanges(warehouse, job);
  return await summarise(warehouse, job, { segmentRows, withheld });
}

async function summarise(
  warehouse: Warehouse,
  job: DiffJob,
  { segmentRows, withheld }: Pick<DeliveryPlan, 'segmentRows' | 'withheld'>,
): Promise<DeliveryPlan> {
  const { joiners, leavers, planned, invalid, ...figures } = await countFigures(warehouse, job, segmentRows);
  const guards = checkGuards(
    { reconciles: !isAppendOnly(job), withheld, joiners, leavers, ...figures },
    job.guards,
    job.overrides,
  );
  return { activation: job.activationId, mode: job.mode, planned, invalid, ...figures, withheld, guards };
}

/** What is counted of a plan, with what only the guards look at. */
type Figures = Omit<DeliveryPlan, 'activation' | 'mode' | 'withheld' | 'guards'> &
  Pick<GuardFigures, 'joiners' | 'leavers'>;

/** Asked all at once: each question is a job of seconds on some warehouses. */
async function countFigures(warehouse: Warehouse, job: DiffJob, segmentRows: number): Promise<Figures> {
  const { state } = warehouse;
  const rows = await warehouse.query(figuresSql(state, job));
  const sum = (figure: string, name?: string): number =>
    rows
      .filter((row) => row['figure'] === figure && (name === undefined || row['name'] === name))
      .reduce((total, row) => total + Number(row['row_count']), 0);
  const held = sum('held');
  return {
    planned: { insert: sum('op', 'insert'), update: sum('op', 'update'), delete: sum('op', 'delete') },
    invalid: Object.fromEntries(
      rows
        .filter((row) => row['figure'] === 'invalid')
        .map((row): [string, number] => [String(row['name']), Number(row['row_count'])])
        .sort(),
    ),
    refreshed: sum('renewal'),
    parked: sum('action', 'parked'),
    // An append-only run leaves out what was acknowledged before: that is what is unchanged.
    unchanged: isAppendOnly(job)
      ? Math.max(0, segmentRows - sum('action'))
      : held - sum('touched') - sum('unsound') + sum('return'),
    segmentRows,
    snapshotRows: held,
    staying: sum('action', 'depart') + sum('departed') - sum('leaving'),
    removals: sum('removal'),
    changes: sum('op') + sum('half'),
    joiners: sum('joiner'),
    leavers: sum('leaver'),
  };
}

/** Rows of `figure`, `name` and `row_count`; a figure without rows may be missing. */
function figuresSql(state: StateDialect, job: DiffJob): string {
  const snapshot = state.table(job.tables.snapshot);
  const changes = state.table(plannedChanges(state, job));
  const nobody = `cast(null as ${state.type('text')})`;
  const among = (from: string, figure: string, where: string): string =>
    `select '${figure}' as figure, ${nobody} as name, count(*) as row_count from ${from} where ${where}`;
  const actions = TEMPORARY.actions;
  return [
    `select 'op' as figure, cast(op as ${state.type('text')}) as name, count(*) as row_count from ${changes} where part <> 'remove' group by op`,
    among(changes, 'half', "part = 'remove'"),
    among(changes, 'removal', "wire = 'delete' and part <> 'free'"),
    `select 'action', action, count(*) from ${actions} group by action`,
    `select 'invalid', reason, count(*) from ${actions} where reason is not null and reason <> 'duplicate-key' group by reason`,
    `select 'invalid', 'duplicate-key', cast(sum(copies) as ${state.type('bigint')}) from ${TEMPORARY.duplicates} having count(*) > 0`,
    ...(job.renewal === undefined
      ? []
      : [among(actions, 'renewal', "kind = 'renewal' and action in ('insert', 'update')")]),
    among(actions, 'joiner', "kind = 'insert'"),
    among(actions, 'leaver', "kind = 'leaver' and not coalesce(s_departed, false)"),
    among(actions, 'return', "kind = 'return'"),
    among(actions, 'leaving', "s_departed and action not in ('keep', 'depart')"),
    `select 'touched', ${nobody}, count(distinct s_key) from ${actions} where s_key is not null and not coalesce(s_departed, false) and kind <> 'same'`,
    among(snapshot, 'held', 'not departed'),
    among(snapshot, 'departed', 'departed'),
    ...(isKeyedByField(job) ? [] : [among(snapshot, 'unsound', unsoundRow())]),
  ].join('\n    union all ');
}

/** What the destination has for a key that is duplicated without any difference: invalid, and so not unchanged. */
function unsoundRow(): string {
  return `not departed and key in (select key from ${TEMPORARY.duplicates})
      and key not in (select s_key from ${TEMPORARY.actions} where s_key is not null)`;
}
