import type { Mode } from '../artifacts/annotation.ts';
import {
  addColumn,
  CHANGE_COLUMNS,
  CHANGE_FIELD_HASHES,
  CHANGE_IDENTIFIER_COLUMNS,
  createTable,
  FIELD_HASHES,
  IDENTIFIER_COLUMNS,
  SHARED_TABLES,
  SNAPSHOT_COLUMNS,
  type StateColumn,
  type StateSchema,
  type StateTables,
} from '../diff/state-tables.ts';
import { LEDGER_TABLES, type LedgerTable, type LedgerType } from '../models/ledger-columns.ts';
import type { StateType } from '../warehouse/state-dialect.ts';
import type { Row, TableName, Value, Warehouse } from '../warehouse/warehouse.ts';

const LEDGER_TYPES: Readonly<Record<LedgerType, StateType>> = {
  string: 'text',
  integer: 'bigint',
  boolean: 'boolean',
  timestamp: 'timestamp',
};

/** What the ledger keeps beside its public columns. */
const PRIVATE_COLUMNS: Readonly<Record<string, readonly StateColumn[]>> = {
  /** What closing an unfinished run needs to know. */
  runs: [{ name: 'closing', type: 'text' }],
  /** The row's lasting fingerprint when it was refused: another one lets it be tried at once. */
  rejections: [{ name: 'fingerprint', type: 'strong_hash' }],
};

/** The ledger of one delta storage: names its tables, makes them, and reads and writes its rows. */
export class Ledger {
  readonly warehouse: Warehouse;
  readonly schema: StateSchema;

  constructor(warehouse: Warehouse, schema: StateSchema) {
    this.warehouse = warehouse;
    this.schema = schema;
  }

  table(name: keyof typeof SHARED_TABLES | 'runs' | 'rejections'): TableName {
    return { ...this.schema, name };
  }

  sql(name: keyof typeof SHARED_TABLES | 'runs' | 'rejections'): string {
    return this.warehouse.state.table(this.table(name));
  }

  text(value: string | null): string {
    return value === null ? 'null' : this.warehouse.state.text(value);
  }

  transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.warehouse.transaction(work);
  }

  /** Makes the schema and the shared tables where they are missing; the names of all tables that are there then. */
  async create(): Promise<ReadonlySet<string>> {
    const { state } = this.warehouse;
    const existing = await this.tables();
    // Who may not make schemas may not even ask for one that exists.
    if (existing.size === 0) await this.warehouse.run(state.createSchema(this.schema));
    const shapes = [
      ...Object.entries(SHARED_TABLES),
      ...LEDGER_TABLES.map((table) => [table.name, ledgerShape(table)] as const),
    ];
    for (const [name, shape] of shapes)
      if (!existing.has(name)) await this.warehouse.run(createTable(state, { ...this.schema, name }, shape));
    return new Set([...existing, ...shapes.map(([name]) => name)]);
  }

  /** Makes an activation's snapshot tables where they are missing; also those of its changes where a run cannot make them itself. `existing`: names of tables that are there. */
  async createSnapshot(tables: StateTables, existing: ReadonlySet<string> = new Set()): Promise<void> {
    const { state } = this.warehouse;
    const make = async (table: TableName, shape: readonly StateColumn[]): Promise<void> => {
      if (!existing.has(table.name)) await this.warehouse.run(createTable(state, table, shape));
    };
    await make(tables.snapshot, SNAPSHOT_COLUMNS);
    await make(tables.identifiers, IDENTIFIER_COLUMNS);
    if (state.transactionsHold === 'tables') return;
    await make(tables.changes, CHANGE_COLUMNS);
    await make(tables.changeIdentifiers, CHANGE_IDENTIFIER_COLUMNS);
  }

  /** Adds a column of today's shape to a table that an older version made. Nothing is changed where it is there. */
  async addMissing(table: TableName, column: StateColumn): Promise<void> {
    if (await this.hasColumn(table, column.name)) return;
    await this.warehouse.run(addColumn(this.warehouse.state, table, column));
  }

  /** Adds the columns that tables of an activation have where updates carry changed fields only. */
  async keepFields(tables: StateTables): Promise<void> {
    await this.addMissing(tables.snapshot, FIELD_HASHES);
    if (this.warehouse.state.transactionsHold === 'tables') return;
    for (const column of CHANGE_FIELD_HASHES) await this.addMissing(tables.changes, column);
  }

  async hasColumn(table: TableName, name: string): Promise<boolean> {
    const columns = await this.warehouse.describe(`select * from ${this.warehouse.state.table(table)}`);
    return columns.some((column) => column.name.toLowerCase() === name);
  }

  /** Names of the tables that exist in the storage; empty when the schema does not. */
  async tables(): Promise<ReadonlySet<string>> {
    const listed = await this.warehouse.tables?.(this.schema);
    if (listed !== undefined) return new Set(listed);
    const rows = await this.warehouse.query(this.warehouse.state.tablesOf(this.schema));
    return new Set(rows.map((row) => String(row['table_name'])));
  }

  async insert(
    name: keyof typeof SHARED_TABLES | 'runs' | 'rejections',
    values: Readonly<Record<string, Value>>,
  ): Promise<void> {
    const columns = Object.keys(values).map((column) => this.warehouse.state.identifier(column));
    await this.warehouse.run(
      `insert into ${this.sql(name)} (${columns.join(', ')}) values (${Object.values(values)
        .map((value) => this.literal(value))
        .join(', ')})`,
    );
  }

  async update(
    name: keyof typeof SHARED_TABLES | 'runs' | 'rejections',
    values: Readonly<Record<string, Value>>,
    where: string,
  ): Promise<number> {
    const pairs = Object.entries(values).map(
      ([column, value]) => `${this.warehouse.state.identifier(column)} = ${this.literal(value)}`,
    );
    return await this.warehouse.run(`update ${this.sql(name)} set ${pairs.join(', ')} where ${where}`);
  }

  /**
   * The same of one row that must be there: whether it was. Where a transaction only finds out at its end, it fails then.
   */
  async updateOne(
    name: keyof typeof SHARED_TABLES | 'runs' | 'rejections',
    values: Readonly<Record<string, Value>>,
    where: string,
  ): Promise<boolean> {
    const required = this.warehouse.require?.(`select 1 from ${this.sql(name)} where ${where}`) ?? false;
    return (await this.update(name, values, where)) === 1 || required;
  }

  literal(value: Value): string {
    if (value === null) return 'null';
    if (typeof value === 'string')
      return ISO_INSTANT.test(value) ? this.warehouse.state.timestamp(value) : this.warehouse.state.text(value);
    return String(value);
  }
}

const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

function ledgerShape(table: LedgerTable): readonly StateColumn[] {
  return [
    ...table.columns.map(({ name, type }) => ({ name, type: LEDGER_TYPES[type] })),
    ...(PRIVATE_COLUMNS[table.name] ?? []),
  ];
}

/** What is known of one activation's state. */
export interface ActivationState {
  readonly activationId: string;
  readonly tableSuffix: string;
  readonly destination: string;
  readonly platform: string;
  readonly service: string;
  readonly entity: string | null;
  readonly mode: Mode | null;
  readonly core: string | null;
  readonly account: string | null;
  readonly audience: string | null;
  readonly audienceId: string | null;
  readonly paused: boolean;
  readonly firstSyncedAt: string | null;
  readonly lastSuccessAt: string | null;
  readonly lastStatus: string | null;
  readonly lastRunId: string | null;
}

/** Every activation that has state, by id. */
export async function readActivationStates(ledger: Ledger): Promise<ReadonlyMap<string, ActivationState>> {
  const rows = await ledger.warehouse.query(`select * from ${ledger.sql('activations')} order by activation_id`);
  return new Map(rows.map((row) => [String(row['activation_id']), activationState(row)]));
}

function activationState(row: Row): ActivationState {
  const text = (name: string): string | null =>
    row[name] === null || row[name] === undefined ? null : String(row[name]);
  return {
    activationId: text('activation_id') ?? '',
    tableSuffix: text('table_suffix') ?? '',
    destination: text('destination') ?? '',
    platform: text('platform') ?? '',
    service: text('service') ?? '',
    entity: text('entity'),
    mode: text('mode') as Mode | null, // only ever written from one
    core: text('core'),
    account: text('account'),
    audience: text('audience'),
    audienceId: text('audience_id'),
    paused: row['paused'] === true,
    firstSyncedAt: text('first_synced_at'),
    lastSuccessAt: text('last_success_at'),
    lastStatus: text('last_status'),
    lastRunId: text('last_run_id'),
  };
}
