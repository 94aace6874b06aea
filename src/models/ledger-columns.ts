/** What a column of the ledger holds, whatever the warehouse calls it. Timestamps are UTC. */
export type LedgerType = 'string' | 'integer' | 'boolean' | 'timestamp';

/** A public column of the ledger: its name and meaning are stable, see docs/warehouse-tables.md. */
export interface LedgerColumn {
  readonly name: string;
  readonly type: LedgerType;
  readonly description: string;
  /** All that it can be, which a test of the model holds. */
  readonly values?: readonly string[];
  /** It is never null, which a test of the model holds. */
  readonly always?: true;
}

export interface LedgerTable {
  /** The table's name in delta storage. */
  readonly name: string;
  readonly description: string;
  /** Columns that together say which row it is. */
  readonly key: readonly string[];
  readonly columns: readonly LedgerColumn[];
}

type Held = Pick<LedgerColumn, 'values' | 'always'>;

function column(name: string, type: LedgerType, description: string, held: Held = {}): LedgerColumn {
  return { name, type, description, ...held };
}

const ALWAYS: Held = { always: true };
const OPERATIONS = ['insert', 'update', 'delete'];
const MODES = ['full', 'incremental', 'delta', 'clear', 'forget'];
const STATUSES = ['running', 'blocked', 'failed', 'partial', 'succeeded', 'interrupted', 'skipped'];

/** One row per sync. The ledger creates the table with these columns; the model `sync_runs` shows them. */
export const RUNS_TABLE: LedgerTable = {
  name: 'runs',
  description: 'One row per run of an activation: what was planned, and what the destination answered.',
  key: ['run_id'],
  columns: [
    column('run_id', 'string', 'This run of this activation.'),
    column('sync_id', 'string', 'The command that ran it: the same for every activation of one `dinmo sync`.'),
    column('activation_id', 'string', 'The activation: `<segment or entity>.<name>`.', ALWAYS),
    column('destination', 'string', 'The destination, as `dinmo.yml` names it.'),
    column('mode', 'string', 'full, incremental or delta; clear for `dinmo clear`, forget for `dinmo forget`.', {
      values: MODES,
    }),
    column('status', 'string', 'skipped, blocked, failed, partial, succeeded or interrupted; running until it ends.', {
      ...ALWAYS,
      values: STATUSES,
    }),
    column('reason', 'string', 'Why it was skipped, blocked, failed or partial; null otherwise.'),
    column('target', 'string', 'The dbt target.'),
    column('invocation_id', 'string', 'The dbt invocation that built the rows; null where it is not known.'),
    column('started_at', 'timestamp', 'When the run started, UTC.', ALWAYS),
    column('finished_at', 'timestamp', 'When the run ended, UTC; null while it runs.'),
    column('planned_insert', 'integer', 'Rows that the destination did not have.'),
    column('planned_update', 'integer', 'Rows whose mapped columns had changed.'),
    column('planned_delete', 'integer', 'Rows that had left.'),
    column('accepted_insert', 'integer', 'Inserts that the destination acknowledged.'),
    column('accepted_update', 'integer', 'Updates that the destination acknowledged.'),
    column('accepted_delete', 'integer', 'Removals that the destination acknowledged.'),
    column('rejected', 'integer', 'Rows that the destination refused for a fault of their own.'),
    column('deferred', 'integer', 'Rows put off to the next run.'),
    column('unknown', 'integer', 'Rows that may or may not have been applied.'),
    column('invalid', 'integer', 'Rows that were not sent because they cannot be valid for this destination.'),
    column('unchanged', 'integer', 'Rows that the destination already had as they are.'),
    column('segment_rows', 'integer', 'Rows of the segment or entity at the time of the plan.'),
    column('overrides', 'string', 'Guards and gate switched off for this run, separated by commas; null when none.'),
    column('gate', 'string', 'What the gate said of the models behind the activation.'),
    column('tool_version', 'string', 'The version of dbt-dinmo.'),
  ],
};

/** The rows that a destination refused and has not accepted since. */
export const REJECTIONS_TABLE: LedgerTable = {
  name: 'rejections',
  description: 'One row per row that the destination refused and has not accepted since.',
  key: ['activation_id', 'key', 'operation'],
  columns: [
    column('activation_id', 'string', 'The activation: `<segment or entity>.<name>`.'),
    column('key', 'string', 'The primary key of the row, or its destination key.'),
    column('operation', 'string', 'insert, update or delete.', { values: OPERATIONS }),
    column('code', 'string', "The destination's own error code, or ours."),
    column('message', 'string', 'What the destination said, without values of the row.'),
    column('attempts', 'integer', 'Runs in which it was tried.'),
    column('parked', 'boolean', 'True when it is not tried again until its data changes.'),
    column('first_seen_at', 'timestamp', 'The first refusal, UTC.'),
    column('last_seen_at', 'timestamp', 'The latest refusal, UTC.'),
    column('run_id', 'string', 'The run of the latest refusal.'),
  ],
};

export const LEDGER_TABLES: readonly LedgerTable[] = [RUNS_TABLE, REJECTIONS_TABLE];
