import type { Row, Warehouse } from '../warehouse/warehouse.ts';
import { CurrentRows, isAppendOnly, isKeyedByField } from './current-rows.ts';
import type { DiffJob } from './job.ts';
import { isDueForRenewal } from './renewal.ts';

/** Rows that are looked at before all are: of a segment that changed throughout, some of them did. */
const PROBE_ROWS = 512;
/** Below this a look at all rows costs no more. */
const PROBE_FROM_ROWS = 100_000;

const SEGMENT = 'dinmo_segment';

/** What is known of segment and snapshot before they are compared row by row. */
export interface SegmentState {
  /** Rows of the segment, whatever their keys. */
  readonly rows: number;
  readonly snapshotRows: number;
  /** Every row of the segment is in the snapshot as it is, and there is nothing else to do. */
  readonly unchanged: boolean;
  /** The key hashes of the snapshot are those of this version of the engine. */
  readonly hashesCurrent: boolean;
  /** The job whose source gives these very rows, however often it is asked. */
  readonly job: DiffJob;
}

/**
 * Finds out whether there is anything to compare: the number of rows and the sum (by exclusive or) of their fingerprints, which
 * cover their keys, say so for the price of reading the segment once.
 */
export async function readSegment(warehouse: Warehouse, job: DiffJob): Promise<SegmentState> {
  const { state } = warehouse;
  const isSteady = state.steadyReads || job.source.steady === true;
  const snapshot = state.table(job.tables.snapshot);
  // Flags are nearly always the same in every row: asked one by one, they are answered without reading the rows.
  const any = (condition: string): string => `exists (select 1 from ${snapshot} where ${condition})`;
  const owed =
    job.facts.identifiers === null
      ? ''
      : `exists (select 1 from ${state.table(job.tables.identifiers)} where owed) as owed,\n      `;
  const due = job.renewal === undefined ? '' : `${any(isDueForRenewal(job.renewal))} as due,\n      `;
  const [held = {}] = await warehouse.query(`select count(*) as row_count, ${state.digest('fast')} as digest,
      ${owed}${due}${any('dirty')} as dirty, ${any('departed')} as departed,
      ${any(`hash_mark <> ${state.hashMark}`)} or ${any('hash_mark is null')} as stale
    from ${snapshot}`);
  const snapshotRows = Number(held['row_count']);
  const current = new CurrentRows(state, job);
  const known = { snapshotRows, hashesCurrent: held['stale'] !== true, job };
  if (mayBeUnchanged(job, held) && !(await differsAtOnce(warehouse, current, { snapshot, snapshotRows }))) {
    const [seen = {}] = await warehouse.query(
      `select count(*) as row_count, ${state.digest('c_fast')} as digest from (${current.sql()}) as c`,
    );
    const rows = Number(seen['row_count']);
    const unchanged = rows === snapshotRows && seen['digest'] === held['digest'];
    if (unchanged || isSteady) return { ...known, rows, unchanged };
  }
  const still = isSteady ? job : await copySegment(warehouse, job);
  const eligible = new CurrentRows(state, still).eligible();
  const [seen = {}] = await warehouse.query(`select count(*) as row_count from (${eligible}) as src`);
  return { ...known, job: still, rows: Number(seen['row_count']), unchanged: false };
}

/** Where each statement sees what was committed by then, the rows are read once: several looks at them must not differ. */
async function copySegment(warehouse: Warehouse, job: DiffJob): Promise<DiffJob> {
  await warehouse.run(warehouse.state.createTemporary(SEGMENT, job.source.sql));
  return { ...job, source: { ...job.source, sql: `select * from ${SEGMENT}` } };
}

/** Whether equal rows would mean that nothing is to be done at all. */
function mayBeUnchanged(job: DiffJob, held: Row): boolean {
  if (job.everything || isAppendOnly(job) || isKeyedByField(job)) return false;
  return (
    ['dirty', 'departed', 'stale', 'owed', 'due'].every((what) => held[what] !== true) && Number(held['row_count']) > 0
  );
}

/** A few rows tell most changed segments from unchanged ones, without reading all of them. */
async function differsAtOnce(
  warehouse: Warehouse,
  current: CurrentRows,
  { snapshot, snapshotRows }: { readonly snapshot: string; readonly snapshotRows: number },
): Promise<boolean> {
  if (!warehouse.state.stopsAtLimit || snapshotRows < PROBE_FROM_ROWS) return false;
  const probe = `select c_fast from (${current.sql()}) as c limit ${PROBE_ROWS}`;
  const [row] = await warehouse.query(`select count(*) as found from ${snapshot} where fast in (${probe})`);
  return Number(row?.['found']) < PROBE_ROWS;
}
