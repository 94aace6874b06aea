import { createHash, randomUUID } from 'node:crypto';
import { type KnownResult, type KnownResults, knownResults, type SetAside } from '../diff/known-results.ts';
import { SHARED_TABLES, type StateSchema, stateTables } from '../diff/state-tables.ts';
import { DinmoError } from '../errors.ts';
import type { Activation, KnowledgeStore } from '../knowledge/store.ts';
import { DELTA_STORAGE_MODEL, findGenerated } from '../models/names.ts';
import { systemProcesses } from '../record/lease.ts';
import { type ActivationState, Ledger, readActivationStates } from '../record/ledger.ts';
import { abandonedTables } from '../record/passing-tables.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { Context } from './context.ts';
import { clockOf, loggerOf } from './options.ts';

/** Where the ledger lives: read back from the manifest; with --sandbox beside it. Throws DinmoError `not-generated`. */
export function storageSchema(context: Context): StateSchema {
  const node = findGenerated(context.project.manifest, DELTA_STORAGE_MODEL);
  if (!node) {
    throw new DinmoError({
      kind: 'artifact',
      code: 'not-generated',
      message: `The manifest has no model ${DELTA_STORAGE_MODEL}, so it is not known where the state lives.`,
      fix: 'Run `dinmo generate`, then `dbt build`.',
    });
  }
  const { database, schema } = node;
  return context.options.sandboxUrl ? rehearsalSchema({ database, schema }) : { database, schema };
}

/** Where rehearsals keep their state. */
export function rehearsalSchema({ database, schema }: StateSchema): StateSchema {
  return { database, schema: `${schema}_SANDBOX` };
}

/** Each time another command was first. */
const RECORD_TRIES = 5;

/** What the delta storage says at the start of a command. */
export interface Storage {
  readonly ledger: Ledger;
  /** Tables that exist; empty before the first sync. */
  readonly existing: ReadonlySet<string>;
  readonly states: ReadonlyMap<string, ActivationState>;
  readonly results: ReadonlyMap<string, KnownResult>;
  /** Results that were found and do not count. */
  readonly setAside: readonly SetAside[];
}

/** Opens the storage for writing: makes what is missing, binds a sandbox's state to its instance, and records what dbt said. */
export async function openStorage(context: Context, warehouse: Warehouse, instance: string | null): Promise<Storage> {
  const ledger = new Ledger(warehouse, storageSchema(context));
  if (instance !== null) await dropOtherInstance(ledger, instance);
  else await warnOfOtherStorage(context, ledger);
  const existing = await ledger.create();
  const abandoned = abandonedTables(existing, systemProcesses, clockOf(context.options).now());
  for (const name of abandoned)
    await warehouse.run(`drop table if exists ${warehouse.state.table({ ...ledger.schema, name })}`);
  if (instance !== null && (await readFact(ledger, 'sandbox_instance')) === null)
    await ledger.insert('facts', { name: 'sandbox_instance', value: instance });
  const known = await rememberResults(context, ledger);
  return { ledger, existing, states: await readActivationStates(ledger), ...known };
}

/** What dbt said, recorded: commands that begin at a time write the same table, and one that came second reads it again. */
async function rememberResults(context: Context, ledger: Ledger): Promise<KnownResults> {
  for (let tries = 1; ; tries++) {
    const recorded = await readResults(ledger);
    const known = resultsOf(context, recorded);
    if (sameResults(recorded, known.results)) return known;
    try {
      await recordResults(ledger, known.results);
      return known;
    } catch (thrown) {
      const isTaken = thrown instanceof DinmoError && thrown.code === 'changed-meanwhile';
      if (!isTaken || tries === RECORD_TRIES) throw thrown;
    }
  }
}

/** Looks at the storage without touching it. */
export async function viewStorage(context: Context, warehouse: Warehouse, instance: string | null): Promise<Storage> {
  const ledger = new Ledger(warehouse, storageSchema(context));
  const existing = await ledger.tables();
  const complete =
    // A storage of before there were jobs is whole without them.
    Object.keys(SHARED_TABLES).every((name) => name === 'jobs' || existing.has(name)) &&
    existing.has('runs') &&
    existing.has('rejections');
  const mine = complete && (instance === null || (await readFact(ledger, 'sandbox_instance')) === instance);
  if (!mine) return { ledger, existing: new Set(), states: new Map(), ...resultsOf(context, []) };
  return {
    ledger,
    existing,
    states: await readActivationStates(ledger),
    ...resultsOf(context, await readResults(ledger)),
  };
}

function resultsOf({ project }: Context, recorded: readonly KnownResult[]): KnownResults {
  const { runResults, freshness, manifest } = project;
  return knownResults(recorded, { runResults, freshness, manifest, targetName: project.profile().targetName });
}

/**
 * Before the first sync into this schema: state of the same kind elsewhere in the database may be another target's, or it
 * may be ours, left behind by a change of schema names; then everything would be sent as new.
 */
async function warnOfOtherStorage(context: Context, ledger: Ledger): Promise<void> {
  if ((await ledger.tables()).has('activations')) return;
  const { warehouse, schema } = ledger;
  // Nothing there lists the tables of all schemas, for each of which it would have to be asked.
  if (warehouse.tables !== undefined) return;
  const rows = await warehouse.query(
    `select table_schema from information_schema.tables where lower(table_name) in ('activations', 'sends', 'receipts', 'node_results') and table_schema <> ${ledger.text(schema.schema)}${schema.database === null ? '' : ` and table_catalog = ${ledger.text(schema.database)}`} group by table_schema having count(*) = 4`,
  );
  const others = rows.map((row) => String(row['table_schema'])).filter((name) => !name.endsWith('_SANDBOX'));
  if (others.length === 0) return;
  loggerOf(context.options).warn('storage.new', {
    schema: schema.schema,
    others: others.join(', '),
    fix: 'if the schema was only renamed, stop, and move its tables: what they remember is otherwise sent as new',
  });
}

/** A new sandbox starts empty, and so does what we think it holds. */
async function dropOtherInstance(ledger: Ledger, instance: string): Promise<void> {
  const existing = await ledger.tables();
  if (!existing.has('facts') || (await readFact(ledger, 'sandbox_instance')) === instance) return;
  const { state } = ledger.warehouse;
  for (const name of existing)
    await ledger.warehouse.run(`drop table if exists ${state.table({ ...ledger.schema, name })}`);
}

async function readFact(ledger: Ledger, name: string): Promise<string | null> {
  const [row] = await ledger.warehouse.query(
    `select value from ${ledger.sql('facts')} where name = ${ledger.text(name)}`,
  );
  return row ? String(row['value']) : null;
}

async function readResults(ledger: Ledger): Promise<readonly KnownResult[]> {
  const rows = await ledger.warehouse.query(`select * from ${ledger.sql('node_results')}`);
  return rows.map((row) => ({
    uniqueId: String(row['unique_id']),
    kind: row['kind'] === 'test' || row['kind'] === 'freshness' ? row['kind'] : 'build',
    status: String(row['status']),
    completedAt: String(row['completed_at']),
    invocationId: row['invocation_id'] === null ? null : String(row['invocation_id']),
    builtFrom: row['built_from'] === null ? null : String(row['built_from']),
  }));
}

/** Most commands follow one that knew the same. */
function sameResults(recorded: readonly KnownResult[], results: ReadonlyMap<string, KnownResult>): boolean {
  return (
    recorded.length === results.size &&
    recorded.every((one) => {
      const other = results.get(one.uniqueId);
      const at = (known: KnownResult): number => Date.parse(known.completedAt);
      return (
        other !== undefined &&
        at(one) === at(other) &&
        (['kind', 'status', 'invocationId', 'builtFrom'] as const).every((part) => one[part] === other[part])
      );
    })
  );
}

async function recordResults(ledger: Ledger, results: ReadonlyMap<string, KnownResult>): Promise<void> {
  const rows = [...results.values()].filter((result) => !Number.isNaN(Date.parse(result.completedAt)));
  await ledger.warehouse.transaction(async () => {
    await ledger.warehouse.run(`delete from ${ledger.sql('node_results')} where true`);
    await ledger.warehouse.append(
      ledger.table('node_results'),
      ['text', 'text', 'text', 'timestamp', 'text', 'text'],
      rows.map(({ uniqueId, kind, status, completedAt, invocationId, builtFrom }) => [
        uniqueId,
        kind,
        status,
        completedAt,
        invocationId,
        builtFrom,
      ]),
    );
  });
}

/**
 * The state of an activation, also when it was renamed (`was:`). null before its first sync. Throws DinmoError `was-conflict`.
 */
export function stateOf(storage: Storage, activation: Activation): ActivationState | null {
  const own = storage.states.get(activation.id) ?? null;
  const former = activation.was === null ? null : (storage.states.get(activation.was) ?? null);
  if (own && former) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'was-conflict',
      message: `Both ${activation.id} and its former id ${activation.was} have state.`,
      fix: `Take \`was: ${activation.was}\` out, or clear one of the two.`,
      location: activation.origin.locate([...activation.at, 'was']),
    });
  }
  return own ?? former;
}

/** Activations that have state and no block any more, with the rows they left at their destination. */
export async function findOrphans(
  storage: Storage,
  store: KnowledgeStore,
): Promise<readonly { activation: string; rows: number }[]> {
  const known = new Set(
    [...store.activations.values()].flatMap((activation) => [
      activation.id,
      ...(activation.was === null ? [] : [activation.was]),
    ]),
  );
  const orphans: { activation: string; rows: number }[] = [];
  for (const state of storage.states.values()) {
    if (known.has(state.activationId)) continue;
    const { snapshot } = stateTables(storage.ledger.schema, state.tableSuffix);
    if (!storage.existing.has(snapshot.name)) continue;
    const [row] = await storage.ledger.warehouse.query(
      `select count(*) as row_count from ${storage.ledger.warehouse.state.table(snapshot)}`,
    );
    const rows = Number(row?.['row_count'] ?? 0);
    if (rows > 0) orphans.push({ activation: state.activationId, rows });
  }
  return orphans;
}

/** A short id, unique enough for a ledger, that sorts by time. */
export function newId(nowMs: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').slice(0, 15);
  return `${time}-${createHash('sha256').update(randomUUID()).digest('hex').slice(0, 10)}`;
}
