import { SHARED_TABLES, stateTables, tableSuffix } from '../diff/state-tables.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';
import type { Lease } from '../record/lease.ts';
import type { ActivationState, Ledger } from '../record/ledger.ts';
import { LocalJournal } from '../record/local-journal.ts';
import type { LeftBehind } from '../report/clean-report.ts';

/** Activations that have state and no block: neither under their id, nor as the former id of another one. */
export function withoutBlock(
  states: ReadonlyMap<string, ActivationState>,
  store: KnowledgeStore,
): readonly ActivationState[] {
  const living = new Set([...store.activations.values()].flatMap(({ id, was }) => (was === null ? [id] : [id, was])));
  return [...states.values()].filter(({ activationId }) => !living.has(activationId));
}

/** What is known of one of them. Some of its tables are gone where a clean before this one was killed. */
export async function describeLeftBehind(
  ledger: Ledger,
  existing: ReadonlySet<string>,
  state: ActivationState,
): Promise<LeftBehind> {
  const { state: dialect } = ledger.warehouse;
  const tables = stateTables(ledger.schema, state.tableSuffix);
  const count = async (name: string, condition: string): Promise<number> => {
    if (!existing.has(name)) return 0;
    const [row] = await ledger.warehouse.query(
      `select count(*) as row_count from ${dialect.table({ ...ledger.schema, name })} where ${condition}`,
    );
    return Number(row?.['row_count'] ?? 0);
  };
  return {
    activation: state.activationId,
    destination: state.destination,
    platform: state.platform,
    service: state.service,
    audience: state.audience,
    audienceId: state.audienceId,
    rows: await count(tables.snapshot.name, 'true'),
    owed: await count(tables.identifiers.name, 'owed'),
    tables: Object.values(tables).flatMap(({ name }) => (existing.has(name) ? [name] : [])),
    lastSuccessAt: state.lastSuccessAt,
    ...{ status: 'found', removedRows: null, reason: null },
  };
}

/** Shared tables whose rows belong to an activation and say nothing without it; `runs` is history. */
const OWNED = [
  ...Object.entries(SHARED_TABLES).flatMap(([name, columns]) =>
    name !== 'activations' && columns.some((column) => column.name === 'activation_id') ? [name] : [],
  ),
  'rejections',
];

/**
 * Removes an activation's state, its row in `activations` last: whoever is killed on the way is found again by it, and goes on.
 * Runs stay; one that was never closed is told interrupted.
 */
export async function dropState(
  ledger: Ledger,
  state: ActivationState,
  with_: { readonly lease: Lease; readonly finishedAt: string; readonly journalFolder: string | null },
): Promise<void> {
  const { warehouse } = ledger;
  const { state: dialect } = warehouse;
  const mine = `activation_id = ${ledger.text(state.activationId)}`;
  const existing = await ledger.tables();
  const unfinished = await warehouse.query(
    `select run_id from ${ledger.sql('runs')} where ${mine} and status = 'running'`,
  );
  const drops = Object.values(stateTables(ledger.schema, state.tableSuffix)).flatMap((table) =>
    existing.has(table.name) ? [`drop table if exists ${dialect.table(table)}`] : [],
  );
  const forget = `delete from ${ledger.sql('activations')} where ${mine}`;
  const inOne = dialect.transactionsHold === 'tables';
  await ledger.transaction(async () => {
    await with_.lease.verify();
    for (const table of ['sends', 'receipts', 'jobs'] as const)
      await warehouse.run(
        `delete from ${ledger.sql(table)} where run_id in (select run_id from ${ledger.sql('runs')} where ${mine})`,
      );
    for (const name of OWNED)
      if (existing.has(name))
        await warehouse.run(`delete from ${dialect.table({ ...ledger.schema, name })} where ${mine}`);
    await ledger.update(
      'runs',
      { status: 'interrupted', reason: 'the state of the activation was cleaned', finished_at: with_.finishedAt },
      `${mine} and status = 'running'`,
    );
    for (const statement of inOne ? [...drops, forget] : []) await warehouse.run(statement);
  });
  for (const statement of inOne ? [] : [...drops, forget]) await warehouse.run(statement);
  for (const row of unfinished) new LocalJournal(with_.journalFolder, String(row['run_id'])).remove();
}

const TABLE = /^(?:snapshot|identifiers|changes|change_identifiers)_(.+_[0-9a-f]{8}(?:_\d+)?)$/;
const CHANGES = /^(?:changes|change_identifiers)_/;

/**
 * Tables of nobody: of an activation that has no row (a clean was killed between them), and changes of a run that is not open,
 * where a run makes and drops those tables itself. An activation of the project that is just being synced for the first time has
 * tables before it has a row.
 */
export async function findStaleTables(
  ledger: Ledger,
  states: ReadonlyMap<string, ActivationState>,
  store: KnowledgeStore,
): Promise<readonly string[]> {
  const existing = await ledger.tables();
  const owners = new Map([...states.values()].map((state) => [state.tableSuffix, state.activationId]));
  const awaited = new Set([...store.activations.keys()].map(tableSuffix));
  const open = new Set(
    existing.has('runs')
      ? (await ledger.warehouse.query(`select activation_id from ${ledger.sql('runs')} where status = 'running'`)).map(
          (row) => String(row['activation_id']),
        )
      : [],
  );
  const comesAndGoes = ledger.warehouse.state.transactionsHold === 'tables';
  return [...existing].sort().filter((name) => {
    const suffix = TABLE.exec(name)?.[1];
    if (suffix === undefined) return false;
    const owner = owners.get(suffix);
    if (owner === undefined) return !awaited.has(suffix.replace(/_\d+$/, '')) && !awaited.has(suffix);
    return comesAndGoes && CHANGES.test(name) && !open.has(owner);
  });
}
