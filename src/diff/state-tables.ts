import { createHash } from 'node:crypto';
import type { StateDialect, StateType } from '../warehouse/state-dialect.ts';
import type { TableName } from '../warehouse/warehouse.ts';

/** Where the state lives: read back from the manifest, never guessed. */
export interface StateSchema {
  readonly database: string | null;
  readonly schema: string;
}

/** A column of a table of our own. */
export interface StateColumn {
  readonly name: string;
  readonly type: StateType;
}

/** Tables shared by all activations of one delta storage. */
export const SHARED_TABLES = {
  /** One row per activation that has state. */
  activations: columns({
    activation_id: 'text',
    table_suffix: 'text',
    destination: 'text',
    platform: 'text',
    service: 'text',
    entity: 'text',
    core: 'text',
    account: 'text',
    audience: 'text',
    audience_id: 'text',
    mode: 'text',
    paused: 'boolean',
    first_synced_at: 'timestamp',
    last_success_at: 'timestamp',
    last_run_id: 'text',
    last_status: 'text',
    lease_owner: 'text',
    lease_host: 'text',
    lease_pid: 'bigint',
    lease_started: 'text',
    lease_expires_at: 'timestamp',
    fence: 'bigint',
  }),
  /** Which changes may have gone out: written before a batch is sent, gone at settlement. */
  sends: columns({ run_id: 'text', lo: 'bigint', hi: 'bigint' }),
  /** What was answered, as ranges: gone at settlement. */
  receipts: columns({
    run_id: 'text',
    lo: 'bigint',
    hi: 'bigint',
    status: 'text',
    code: 'text',
    message: 'text',
    record_id: 'text',
    created: 'boolean',
    record_created_at: 'timestamp',
    identifier_records: 'text',
  }),
  /** Jobs that a platform took and that were open when their run was last heard of: gone at settlement. */
  jobs: columns({
    run_id: 'text',
    handle: 'text',
    batch_id: 'text',
    operation: 'text',
    /** Numbers of its changes: `1-100,105-110`. */
    spans: 'text',
    submitted_at: 'timestamp',
  }),
  /** The newest result known of each dbt node, for the gate. */
  node_results: columns({
    unique_id: 'text',
    kind: 'text',
    status: 'text',
    completed_at: 'timestamp',
    invocation_id: 'text',
    built_from: 'text',
  }),
  /** Facts about the storage itself: `sandbox_instance`. */
  facts: columns({ name: 'text', value: 'text' }),
} as const;

/** What the destination has acknowledged, one row per key. */
export const SNAPSHOT_COLUMNS = columns({
  key: 'text',
  /** Hash of the key, by which the diff meets it, and the mark of the engine version that made it. */
  key_hash: 'fast_hash',
  hash_mark: 'fast_hash',
  fast: 'fast_hash',
  strong: 'strong_hash',
  /** It may differ from what the platform holds: always sent again. */
  dirty: 'boolean',
  /** Left the segment where no delete is allowed (or wanted): outside the counts. */
  departed: 'boolean',
  record_id: 'text',
  /** The platform made the record for us. */
  created: 'boolean',
  /**
   * When the insert of a row was first sent that was never acknowledged; null once it was. A record that the platform made
   * since is ours.
   */
  unsure_since: 'timestamp',
  /** Objects: primary key of the row that last fed this record. */
  owner_key: 'text',
  run_id: 'text',
  /** The day on which it was last sent, counted from 1970-01-01 (UTC): kept where memberships end by themselves. */
  sent_day: 'integer',
});

/** When a row was last sent, which tables of before memberships were renewed lack. */
export const SENT_DAY: StateColumn = { name: 'sent_day', type: 'integer' };

/** What each field was when it was acknowledged, as a text of hashes: where updates carry changed fields only. NULL: not known. */
export const FIELD_HASHES: StateColumn = { name: 'field_hashes', type: 'text' };

/** The same of a row that is sent, and what is held of it where all the rest was acknowledged. */
export const CHANGE_FIELD_HASHES: readonly StateColumn[] = [FIELD_HASHES, { name: 'held_hashes', type: 'text' }];

/** Identifiers as they were sent. `owed`: still on the platform, claimed by no row of the snapshot. */
export const IDENTIFIER_COLUMNS = columns({
  key: 'text',
  kind: 'text',
  rank: 'integer',
  value: 'text',
  normaliser: 'integer',
  record_id: 'text',
  owed: 'boolean',
});

/** The changes of one run: one row per thing to send. What is sent is not kept: a run that died sends nothing more. */
export const CHANGE_COLUMNS = columns({
  seq: 'bigint',
  /** Which kind of change it is, in the order in which they are made. */
  place: 'integer',
  /** Changes of a phase are sent when those of the one before have an outcome. */
  phase: 'integer',
  /** The operation that is counted. */
  op: 'text',
  /** `whole`; or one half of a changed member: `remove`, `add`; or `owed`. */
  part: 'text',
  /** The operation on the wire. */
  wire: 'text',
  /** The platform gets the row for the first time, as far as we know. */
  fresh: 'boolean',
  /** Identifiers as they go over the wire, hashed where the platform wants them so. */
  wire_ids: 'text',
  key: 'text',
  fast: 'fast_hash',
  strong: 'strong_hash',
  record_id: 'text',
  previous_key: 'text',
  /** An update in place under a new key: whether the record under the old one may be deleted, should it be in the way. */
  may_delete: 'boolean',
  /** A removal of a record that is only ours if the platform made it since. */
  created_since: 'timestamp',
  owner_key: 'text',
  /** The row of the plan that it comes from. */
  n: 'bigint',
});

/** Identifiers of one run's changes: `new` ones of members that are sent, and those that removals carry. */
export const CHANGE_IDENTIFIER_COLUMNS = columns({
  side: 'text',
  key: 'text',
  kind: 'text',
  rank: 'integer',
  value: 'text',
});

/** The tables of one activation. */
export interface StateTables {
  readonly snapshot: TableName;
  readonly identifiers: TableName;
  readonly changes: TableName;
  readonly changeIdentifiers: TableName;
}

/** The suffix of an activation's tables: readable, and unique by a short hash of its id. */
export function tableSuffix(activationId: string): string {
  const slug = activationId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 40);
  return `${slug}_${createHash('sha256').update(activationId).digest('hex').slice(0, 8)}`;
}

/** The tables of the activation whose names end in `suffix`. */
export function stateTables(schema: StateSchema, suffix: string): StateTables {
  const named = (kind: string): TableName => ({ ...schema, name: `${kind}_${suffix}` });
  return {
    snapshot: named('snapshot'),
    identifiers: named('identifiers'),
    changes: named('changes'),
    changeIdentifiers: named('change_identifiers'),
  };
}

/** Where a plan leaves its changes: in the run's own table, or, until they are frozen, in one of the session. */
export function plannedChanges(
  dialect: StateDialect,
  { tables }: { readonly tables: Pick<StateTables, 'changes'> },
): TableName {
  return dialect.transactionsHold === 'tables'
    ? tables.changes
    : { database: null, schema: null, name: 'dinmo_changes' };
}

/** `create table if not exists` of a state table. */
export function createTable(dialect: StateDialect, table: TableName, shape: readonly StateColumn[]): string {
  const lines = shape.map((column) => `  ${dialect.identifier(column.name)} ${dialect.type(column.type)}`);
  return `create table if not exists ${dialect.table(table)} (\n${lines.join(',\n')}\n)`;
}

/** Adds a column that a table of an older version lacks. Written alike in DuckDB, PostgreSQL, Snowflake and GoogleSQL. */
export function addColumn(dialect: StateDialect, table: TableName, { name, type }: StateColumn): string {
  return `alter table ${dialect.table(table)} add column if not exists ${dialect.identifier(name)} ${dialect.type(type)}`;
}

/** An empty temporary table of this shape, in the place of any of its name. */
export function createTemporaryTable(dialect: StateDialect, name: string, shape: readonly StateColumn[]): string {
  return dialect.createTemporary(name, noRows(dialect, shape));
}

/** A query with these columns and no row. */
export function noRows(dialect: StateDialect, shape: readonly StateColumn[]): string {
  const fields = shape.map(
    (column) => `cast(null as ${dialect.type(column.type)}) as ${dialect.identifier(column.name)}`,
  );
  return `select ${fields.join(', ')} from (select 1 as one) as nothing where false`;
}

/** The rows of a query as a table, in the place of any of its name. */
export function createTableAs(dialect: StateDialect, table: TableName, select: string): string {
  if (table.schema === null) return dialect.createTemporary(table.name, select);
  return dialect.createTable(table, select);
}

function columns(shape: Readonly<Record<string, StateType>>): readonly StateColumn[] {
  return Object.entries(shape).map(([name, type]) => ({ name, type }));
}
