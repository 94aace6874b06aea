import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Guards, Mode, Operation } from '../../src/artifacts/annotation.ts';
import type { Clock } from '../../src/clock.ts';
import type { DeliveryStop } from '../../src/delivery/deliver.ts';
import { unknownJob } from '../../src/delivery/jobs.ts';
import { Pacer } from '../../src/delivery/pace.ts';
import type { Normaliser, Service, ServiceContext, Session } from '../../src/destinations/destination.ts';
import { collectCandidates } from '../../src/diff/candidates.ts';
import type { DeliveryPlan } from '../../src/diff/delivery-plan.ts';
import type { DiffJob, Overrides, Source } from '../../src/diff/job.ts';
import { planAlone, planDelivery } from '../../src/diff/plan.ts';
import { dayOf, renewalOf } from '../../src/diff/renewal.ts';
import { FIELD_HASHES, SENT_DAY, type StateSchema, stateTables, tableSuffix } from '../../src/diff/state-tables.ts';
import { type ServiceFacts, sendsChangedFieldsOnly } from '../../src/knowledge/service-facts.ts';
import { silentLogger } from '../../src/log.ts';
import { closeRun, findUnfinished, recover, tablesForPlan } from '../../src/pipeline/close-run.ts';
import { execute } from '../../src/pipeline/execute.ts';
import { discard, freeze } from '../../src/pipeline/freeze.ts';
import { askForJobs } from '../../src/pipeline/open-jobs.ts';
import type { Prepared } from '../../src/pipeline/prepare-run.ts';
import { createPreparer } from '../../src/pipeline/preparer.ts';
import type { Closing } from '../../src/record/closing.ts';
import { Lease } from '../../src/record/lease.ts';
import { Ledger } from '../../src/record/ledger.ts';
import type { SettledCounts } from '../../src/record/settle.ts';
import type { StateDialect } from '../../src/warehouse/state-dialect.ts';
import type { Row, Warehouse } from '../../src/warehouse/warehouse.ts';
import { observe } from '../privacy/observer.ts';
import { observeState } from '../privacy/state.ts';
import { openBenchWarehouse } from '../warehouse/bench-warehouse.ts';
import type { OpenedWarehouse } from '../warehouse/opened-warehouse.ts';
import { tableWords } from '../warehouse/table-words.ts';

export const SCHEMA: StateSchema = { database: null, schema: 'DELTA' };

/** Time that passes only when somebody sleeps. */
export class VirtualClock implements Clock {
  #now = Date.parse('2026-03-01T12:00:00Z');
  now(): number {
    return this.#now;
  }
  sleep(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    return Promise.resolve();
  }
}

export interface SyncSettings {
  readonly mode?: Mode;
  readonly operations?: readonly Operation[];
  readonly everything?: boolean;
  readonly resendEvents?: boolean;
  readonly overrides?: Overrides;
  readonly guards?: Guards;
  readonly attempts?: number;
  readonly eventsFrom?: string;
  readonly deleteExisting?: boolean;
  readonly signal?: AbortSignal;
  /** Nothing but the removal of whoever has this key. */
  readonly forget?: string;
}

/** One activation as the engine sees it: its rows, its service, and the other side. */
export interface BenchActivation extends SyncSettings {
  readonly id: string;
  readonly facts: ServiceFacts;
  /** Settings of the destination that the engine itself looks at. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly source: Source;
  readonly normaliser?: Normaliser;
  readonly validate?: Service['validate'];
  readonly acknowledges?: 'finish';
  readonly send: Session['send'];
  readonly poll?: Session['poll'];
  readonly homogeneity?: Service['homogeneity'];
  readonly finish?: () => Promise<void>;
}

export interface Synced {
  readonly plan: DeliveryPlan;
  /** null: a guard stopped the run. */
  readonly counts: SettledCounts | null;
  readonly stop: DeliveryStop | null;
  /** Jobs that the run left open; then it was not closed. */
  readonly openJobs: number;
}

/** What a test writes into a column. */
export type Literal = string | number | bigint | null;

/** Jobs of an earlier run are open, so that nothing was done. */
export class StillOpen extends Error {}

/** A process died here. */
export class Death extends Error {}

const NO_GUARDS: Required<Guards> = {
  max_delete_percent: 100,
  max_delete_rows: 1_000_000,
  min_delete_rows: 0,
  key_churn_percent: 100,
  allow_empty: true,
};

/** The engine on a real warehouse, from plan to settlement, with the state of any number of activations. */
export class EngineBench {
  readonly clock = new VirtualClock();
  readonly #folder: string | null;
  #opened: Promise<OpenedWarehouse> | null = null;
  #runs = 0;
  readonly #known = new Set<string>();
  /** Takes the place of parts of the warehouse's dialect. */
  dialect: Partial<StateDialect> = {};
  /** Where this machine remembers what the warehouse was not told yet. */
  journalFolder: string | null = null;
  /** Called at every await point of a run; throws to die there. */
  mayDie: (where: string) => void = () => {};

  /** `file`: on disk, as dbt leaves it; else in memory, which is much faster. */
  constructor(place: 'memory' | 'file' = 'memory') {
    this.#folder = place === 'file' ? mkdtempSync(join(tmpdir(), 'dinmo-engine-')) : null;
  }

  async warehouse(): Promise<Warehouse> {
    const path = this.#folder === null ? ':memory:' : join(this.#folder, 'world.duckdb');
    this.#opened ??= openBenchWarehouse(path, this.clock);
    return (await this.#opened).warehouse;
  }

  async run(sql: string): Promise<number> {
    return await (await this.warehouse()).run(sql);
  }

  async query(sql: string): Promise<Row[]> {
    return await (await this.warehouse()).query(sql);
  }

  /** Replaces a table's rows; types are DuckDB's names, values SQL literals by JavaScript type. */
  async fill(table: string, columns: string, rows: readonly (readonly Literal[])[]): Promise<void> {
    const words = tableWords((await this.warehouse()).state.name);
    const typed = columns.split(', ').map((column) => {
      const [, name = '', type = ''] = /^(\S+) (.*)$/.exec(column) ?? [];
      return `${name} ${words.type(type)}`;
    });
    await this.run(`drop table if exists ${table}`);
    await this.run(`create table ${table} (${typed.join(', ')})`);
    const { state } = await this.warehouse();
    const literal = (value: Literal): string =>
      value === null ? 'null' : typeof value === 'string' ? state.text(value) : String(value);
    if (rows.length > 0)
      await this.run(`insert into ${table} values ${rows.map((row) => `(${row.map(literal).join(', ')})`).join(', ')}`);
  }

  /** One sync, in a process of its own. */
  async sync(activation: BenchActivation): Promise<Synced> {
    const warehouse = this.#mortal(await this.warehouse());
    const ledger = new Ledger(warehouse, SCHEMA);
    const tables = stateTables(SCHEMA, tableSuffix(activation.id));
    const runId = `run-${++this.#runs}`;
    if (!this.#known.has(activation.id)) {
      await ledger.create();
      await ledger.createSnapshot(tables);
      await this.#introduce(ledger, activation);
      this.#known.add(activation.id);
    }
    if (activation.facts.memberships !== undefined) await ledger.addMissing(tables.snapshot, SENT_DAY);
    const changedOnly = sendsChangedFieldsOnly(activation.facts, activation.config ?? {});
    if (changedOnly) await ledger.keepFields(tables);
    const lease = await Lease.acquire({
      ledger,
      activationId: activation.id,
      owner: runId,
      clock: this.clock,
      logger: silentLogger,
      // Every run is a process of its own, and the one before it is dead.
      processes: { self: { host: 'here', pid: this.#runs, started: null }, isAlive: () => false },
      waitMsMax: 0,
      signal: new AbortController().signal,
    });
    const now = (): string => new Date(this.clock.now()).toISOString();
    const unfinished = await findUnfinished(ledger, activation.id);
    const session = this.#session(activation);
    const openBefore = await askForJobs({
      ...{ ledger, tables, unfinished, facts: activation.facts, lease, clock: this.clock, logger: silentLogger },
      stopping: activation.signal ?? new AbortController().signal,
      journalFolder: this.journalFolder,
      open: async () => ({ session, pacer: new Pacer(this.clock, null) }),
    });
    if (openBefore > 0) {
      await lease.release();
      throw new StillOpen(`${openBefore} jobs`);
    }
    await recover(ledger, tables, unfinished, {
      lease,
      finishedAt: now(),
      journalFolder: this.journalFolder,
    });
    const service = serviceOf(activation);
    const job = await this.#job(ledger, activation, { runId, tables, rejections: ledger.table('rejections') });
    const closing: Closing = {
      activationId: activation.id,
      runId,
      normaliserVersion: service.normaliser?.version ?? 0,
      attempts: activation.attempts ?? 5,
      matchesPeople: activation.facts.identifiers !== null,
      ...(activation.forget === undefined ? {} : { onlyOne: true }),
      ...(activation.facts.jobs === undefined ? {} : { takesJobs: true }),
      ...(activation.facts.memberships === undefined ? {} : { sentDay: dayOf(this.clock.now()) }),
      ...(job.changedFieldsOnly === true ? { keepsFields: true } : {}),
    };
    const collected = await warehouse.transaction(() => collectCandidates(warehouse, job));
    const plan = await warehouse.transaction(async () => {
      const planned = await planDelivery(warehouse, job, collected);
      observe('plan', planned);
      if (planned.guards.some((verdict) => !verdict.overridden)) {
        await discard(ledger, job);
        return planned;
      }
      await freeze(ledger, job);
      await ledger.insert('runs', {
        run_id: runId,
        activation_id: activation.id,
        status: 'running',
        started_at: now(),
        closing: JSON.stringify(closing),
      });
      return planned;
    });
    if (plan.guards.some((verdict) => !verdict.overridden)) {
      await lease.release();
      return { plan, counts: null, stop: null, openJobs: 0 };
    }
    const prepared = {
      service,
      endpoint: { config: {}, credentials: {}, baseUrl: null, core: '{}' },
      destination: { platform: activation.facts.platform },
    } as unknown as Prepared; // what delivery reads of it
    const outcome = await execute({
      options: { clock: this.clock, ...(activation.signal ? { signal: activation.signal } : {}) },
      prepared,
      ledger,
      lease,
      job,
      syncId: runId,
      changes: plan.changes,
      session,
      equipment: { http: { request: () => Promise.reject(new Error('no network')) }, pacers: new Map() },
      journalFolder: this.journalFolder,
    });
    if (outcome.openJobs > 0) {
      await lease.release();
      return { plan, counts: null, stop: outcome.stop, openJobs: outcome.openJobs };
    }
    const counts = await warehouse.transaction(async () => {
      await lease.verify();
      const settled = await closeRun(ledger, tables, closing, true);
      await ledger.update('runs', { status: 'succeeded' }, `run_id = '${runId}'`);
      return settled;
    });
    await lease.release();
    return { plan, counts, stop: outcome.stop, openJobs: 0 };
  }

  /** What a sync would do now, as `dinmo plan` finds out: an unfinished run is closed in temporary copies. */
  async plan(activation: BenchActivation): Promise<DeliveryPlan> {
    const warehouse = await this.warehouse();
    const ledger = new Ledger(warehouse, SCHEMA);
    const existing = await ledger.tables();
    const unfinished = existing.has('runs') ? await findUnfinished(ledger, activation.id) : [];
    const own = stateTables(SCHEMA, tableSuffix(activation.id));
    const { tables, rejections } = await tablesForPlan({ ledger, tables: own, existing, unfinished });
    const job = await this.#job(ledger, activation, { runId: 'plan', tables, rejections });
    return await planAlone(warehouse, job);
  }

  /** Every lasting table with a hash of its rows. */
  async contents(): Promise<Readonly<Record<string, string>>> {
    const warehouse = await this.warehouse();
    const { schema: bare } = (await this.#opened) ?? SCHEMA;
    const found: Record<string, string> = {};
    for (const schema of [bare, SCHEMA.schema]) {
      const ledger = new Ledger(warehouse, { database: null, schema });
      for (const name of await ledger.tables()) {
        // Tables of the session, which some warehouses list beside those that stay.
        if (schema === bare && /^(dinmo|plan)_/.test(name)) continue;
        const table = warehouse.state.table({ database: null, schema, name });
        const rows = (await this.query(`select * from ${table}`)).map((row) =>
          Object.values(row).map(String).join(' | '),
        );
        found[`${schema}.${name}`] = createHash('sha256').update(rows.sort().join('\n')).digest('hex');
      }
    }
    return found;
  }

  async snapshot(activation: BenchActivation): Promise<Row[]> {
    return await this.query(`select * from "DELTA"."snapshot_${tableSuffix(activation.id)}" order by key`);
  }

  async close(): Promise<void> {
    const opened = await this.#opened;
    if (opened !== null) {
      if (opened.shared !== true) await observeState((sql) => opened.warehouse.query(sql));
      await opened.close();
    }
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }

  async #introduce(ledger: Ledger, activation: BenchActivation): Promise<void> {
    const known = await ledger.warehouse.query(
      `select 1 as known from ${ledger.sql('activations')} where activation_id = ${ledger.text(activation.id)}`,
    );
    if (known.length > 0) return;
    await ledger.insert('activations', {
      activation_id: activation.id,
      table_suffix: tableSuffix(activation.id),
      fence: 0,
    });
  }

  async #job(
    ledger: Ledger,
    activation: BenchActivation,
    { runId, tables, rejections }: Pick<DiffJob, 'runId' | 'tables' | 'rejections'>,
  ): Promise<DiffJob> {
    const existing = await ledger.tables();
    const others = existing.has('activations')
      ? await ledger.warehouse.query(
          `select activation_id from ${ledger.sql('activations')} where activation_id <> ${ledger.text(activation.id)} order by 1`,
        )
      : [];
    const renewal = renewalOf(activation.facts, activation.config ?? {}, this.clock.now());
    const changedOnly = sendsChangedFieldsOnly(activation.facts, activation.config ?? {});
    const keepsFields = changedOnly && (await ledger.hasColumn(tables.snapshot, FIELD_HASHES.name));
    const isDated = renewal !== null && (await ledger.hasColumn(tables.snapshot, SENT_DAY.name));
    const theirs = others.map((row) => stateTables(SCHEMA, tableSuffix(String(row['activation_id']))));
    const source = inWordsOf(ledger.warehouse.state.name, activation.source);
    const { forget } = activation;
    const alone: Partial<DiffJob> =
      forget === undefined
        ? {}
        : {
            ...{ mode: 'full', everything: true, only: forget },
            source: { ...source, sql: `select * from (${source.sql}) as nobody where false` },
          };
    return {
      activationId: activation.id,
      runId,
      mode: activation.mode ?? activation.facts.defaultMode,
      everything: activation.everything ?? activation.mode === 'full',
      resendEvents: activation.resendEvents ?? false,
      operations: activation.operations ?? activation.facts.defaultOperations,
      facts: activation.facts,
      source,
      preparer: createPreparer(
        serviceOf(activation),
        (activation.config ?? {}) as ServiceContext['config'],
        this.clock,
      ),
      guards: { ...NO_GUARDS, ...activation.guards },
      overrides: activation.overrides ?? { allowDeletes: false, allowEmpty: false, allowKeyChurn: false },
      eventsFrom: activation.eventsFrom ?? null,
      deleteExisting: activation.deleteExisting ?? false,
      ...(isDated ? { renewal } : {}),
      ...(keepsFields ? { changedFieldsOnly: true } : {}),
      tables,
      rejections,
      otherSnapshots: theirs.map(({ snapshot }) => snapshot).filter(({ name }) => existing.has(name)),
      otherChanges: theirs.map(({ changes }) => changes).filter(({ name }) => existing.has(name)),
      ...alone,
    };
  }

  #session(activation: BenchActivation): Session {
    return {
      audienceId: null,
      account: null,
      send: async (batch, signal) => {
        this.mayDie('before request');
        const outcome = await activation.send(batch, signal);
        this.mayDie('after request');
        return outcome;
      },
      ...(activation.poll === undefined
        ? {}
        : {
            poll: async (job, signal) => {
              this.mayDie('before poll');
              const outcome = await activation.poll?.(job, signal);
              this.mayDie('after poll');
              return outcome ?? unknownJob(job);
            },
          }),
      finish: activation.finish ?? (async () => {}),
      abandon: async () => {},
    };
  }

  /** The same warehouse, in a process that may die before and after each statement. */
  #mortal(warehouse: Warehouse): Warehouse {
    const around = async <T>(where: string, work: () => Promise<T>): Promise<T> => {
      this.mayDie(`before ${where}`);
      const result = await work();
      this.mayDie(`after ${where}`);
      return result;
    };
    return {
      state: { ...warehouse.state, ...this.dialect },
      run: (sql) => around(sql.slice(0, 60), () => warehouse.run(sql)),
      query: (sql) => around(sql.slice(0, 60), () => warehouse.query(sql)),
      stream: (sql) => warehouse.stream(sql),
      append: (table, types, rows) => around(`append ${table.name}`, () => warehouse.append(table, types, rows)),
      transaction: (work) => around('transaction', () => warehouse.transaction(work)),
      ...(warehouse.require ? { require: (query) => warehouse.require?.(query) ?? false } : {}),
      ...(warehouse.answersEveryMs === undefined ? {} : { answersEveryMs: warehouse.answersEveryMs }),
      ...(warehouse.tables ? { tables: async (schema) => (await warehouse.tables?.(schema)) ?? [] } : {}),
      describe: (sql) => warehouse.describe(sql),
      another: () => warehouse.another(),
      interrupt: () => warehouse.interrupt(),
      close: () => Promise.resolve(),
    };
  }
}

/** Types of a source are DuckDB's names too. */
function inWordsOf(warehouse: string, source: Source): Source {
  const words = tableWords(warehouse);
  const typed = <T extends { readonly dataType: string }>(column: T): T => ({
    ...column,
    dataType: words.type(column.dataType),
  });
  const { keys, identifiers, fields, eventTime, destinationKey } = source;
  return {
    ...source,
    keys: keys.map(typed),
    identifiers: identifiers.map(typed),
    fields: fields.map((field) => ({ ...field, column: field.column === null ? null : typed(field.column) })),
    eventTime: eventTime === null ? null : typed(eventTime),
    destinationKey: destinationKey === null ? null : typed(destinationKey),
  };
}

function serviceOf(activation: BenchActivation): Service {
  return {
    facts: activation.facts,
    normaliser: activation.normaliser ?? null,
    ...(activation.homogeneity ? { homogeneity: activation.homogeneity } : {}),
    ...(activation.acknowledges ? { acknowledges: activation.acknowledges } : {}),
    validate: activation.validate ?? null,
    open: () => Promise.reject(new Error('the bench opens sessions itself')),
    verify: async () => ({ ok: true, detail: '' }),
  };
}
