import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Operation } from '../../src/artifacts/annotation.ts';
import type { Clock } from '../../src/clock.ts';
import type { Batch, BatchOutcome, Service, Session } from '../../src/destinations/destination.ts';
import type { DeliveryPlan } from '../../src/diff/delivery-plan.ts';
import type { DiffJob, Overrides } from '../../src/diff/job.ts';
import { planDelivery } from '../../src/diff/plan.ts';
import { type StateSchema, stateTables, tableSuffix } from '../../src/diff/state-tables.ts';
import type { ServiceFacts } from '../../src/knowledge/service-facts.ts';
import { silentLogger } from '../../src/log.ts';
import { closeRun, findUnfinished, recover } from '../../src/pipeline/close-run.ts';
import { execute } from '../../src/pipeline/execute.ts';
import type { Prepared } from '../../src/pipeline/prepare-run.ts';
import { createPreparer } from '../../src/pipeline/preparer.ts';
import { freeze } from '../../src/pipeline/sync-activation.ts';
import { Lease } from '../../src/record/lease.ts';
import { Ledger } from '../../src/record/ledger.ts';
import type { Closing, SettledCounts } from '../../src/record/settle.ts';
import { openDuckdb } from '../../src/warehouse/duckdb/connection.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';

export interface Member {
  readonly id: number | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly country: string | null;
}

const ACTIVATION = 'vip.list';
const SCHEMA: StateSchema = { database: null, schema: 'DELTA' };

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

export const audienceFacts: ServiceFacts = {
  platform: 'simulated',
  service: 'audiences',
  title: 'Simulated audiences',
  api: null,
  config: [],
  credentials: [],
  modes: ['delta', 'full'],
  defaultMode: 'delta',
  operations: ['insert', 'update', 'delete'],
  defaultOperations: ['insert', 'update', 'delete'],
  identifiers: { matching: ['email', 'phone'], hints: ['country'] },
  destinationKey: null,
  recordIds: false,
  fields: { known: [], open: false },
  defaultMapping: 'identifiers',
  audience: { renamable: false },
  eventAgeDaysMax: null,
  deduplicates: true,
  replacesWhole: false,
  nulls: 'skip',
  limits: { rowsPerRequestMax: 4, requestBytesMax: 1_000_000, requestsPerSecondMax: null, connectionsMax: 2 },
};

export function hashed(kind: string, value: string): string {
  return createHash('sha256').update(`${kind}:${value}`).digest('hex').slice(0, 12);
}

/** Normalises as a platform would: an e-mail without @ is none. */
export function normalise(kind: string, value: string): string | null {
  if (kind === 'email' && !value.includes('@')) return null;
  return hashed(kind, value.trim().toLowerCase());
}

/** An audience that keeps rows of identifiers; a removal takes every row that shares one of them. */
export class SimulatedAudience {
  readonly rows = new Map<string, ReadonlySet<string>>();
  readonly removals: ReadonlySet<string>[] = [];
  requests = 0;
  sentRows = 0;
  /** Decides what happens to a request: null lets it through. */
  fault: ((batch: Batch, apply: () => void) => BatchOutcome | Error | null) | null = null;
  /** Identifier values whose rows are refused. */
  poison = new Set<string>();

  send(batch: Batch): BatchOutcome {
    this.requests++;
    this.sentRows += batch.rows.length;
    const apply = (): void => {
      for (const row of batch.rows) {
        const identifiers = new Set(
          row.identifiers.filter(({ kind }) => kind !== 'country').map(({ kind, value }) => `${kind}:${value}`),
        );
        if (batch.operation === 'delete') {
          this.removals.push(identifiers);
          for (const [name, held] of this.rows)
            if ([...held].some((identifier) => identifiers.has(identifier))) this.rows.delete(name);
        } else if (![...identifiers].some((identifier) => this.poison.has(identifier))) {
          this.rows.set([...identifiers].sort().join(' '), identifiers);
        }
      }
    };
    const answer = this.fault?.(batch, apply) ?? null;
    if (answer instanceof Error) throw answer;
    if (answer !== null) return answer;
    const bad =
      batch.operation === 'delete'
        ? []
        : batch.rows.filter((row) => row.identifiers.some(({ kind, value }) => this.poison.has(`${kind}:${value}`)));
    apply();
    return {
      kind: 'counted',
      accepted: batch.rows.length - bad.length,
      code: 'invalid-entries',
      message: 'some entries were invalid',
    };
  }

  identifiers(): ReadonlySet<string> {
    return new Set([...this.rows.values()].flatMap((identifiers) => [...identifiers]));
  }
}

export interface SyncSettings {
  readonly operations?: readonly Operation[];
  readonly everything?: boolean;
  readonly overrides?: Overrides;
  readonly guards?: Partial<DiffJob['guards']>;
  readonly attempts?: number;
  readonly signal?: AbortSignal;
}

export interface Synced {
  readonly plan: DeliveryPlan;
  readonly counts: SettledCounts | null;
  readonly stopped: string | null;
}

/** A process died here. */
export class Death extends Error {}

/** A segment in a real DuckDB file, the state beside it, and one simulated audience. */
export class EngineWorld {
  readonly clock = new VirtualClock();
  readonly audience = new SimulatedAudience();
  readonly #folder = mkdtempSync(join(tmpdir(), 'dinmo-engine-'));
  #warehouse: Warehouse | null = null;
  #runs = 0;
  /** Called at every await point of a run; throws to die there. */
  mayDie: (where: string) => void = () => {};

  async warehouse(): Promise<Warehouse> {
    this.#warehouse ??= await openDuckdb(
      { path: join(this.#folder, 'world.duckdb'), readOnly: false, settings: {}, extensions: [], attach: [] },
      { clock: this.clock, logger: silentLogger, lockTimeoutMs: 0 },
    );
    return this.#warehouse;
  }

  async hold(members: readonly Member[]): Promise<void> {
    const warehouse = await this.warehouse();
    await warehouse.run('create or replace table members (id bigint, email varchar, phone varchar, country varchar)');
    await warehouse.append({ database: null, schema: null, name: 'members' }, ['bigint', 'text', 'text', 'text'], []);
    const literal = (value: string | number | null): string =>
      value === null ? 'null' : typeof value === 'number' ? String(value) : warehouse.state.text(value);
    if (members.length > 0)
      await warehouse.run(
        `insert into members values ${members.map((m) => `(${[m.id, m.email, m.phone, m.country].map(literal).join(', ')})`).join(', ')}`,
      );
  }

  async sync(settings: SyncSettings = {}): Promise<Synced> {
    const warehouse = this.#mortal(await this.warehouse());
    const ledger = new Ledger(warehouse, SCHEMA);
    const tables = stateTables(SCHEMA, tableSuffix(ACTIVATION));
    const runId = `run-${++this.#runs}`;
    await ledger.create();
    await ledger.createSnapshot(tables);
    const [known] = await warehouse.query(`select 1 as known from ${ledger.sql('activations')}`);
    if (!known)
      await ledger.insert('activations', {
        activation_id: ACTIVATION,
        table_suffix: tableSuffix(ACTIVATION),
        fence: 0,
      });
    const lease = await Lease.acquire({
      ledger,
      activationId: ACTIVATION,
      owner: runId,
      clock: this.clock,
      logger: silentLogger,
      // Every run is a process of its own, and the one before it is dead.
      processes: { self: { host: 'here', pid: this.#runs, started: null }, isAlive: () => false },
      waitMsMax: 0,
      signal: new AbortController().signal,
    });
    await recover(ledger, tables, await findUnfinished(ledger, ACTIVATION), new Date(this.clock.now()).toISOString());
    const service = this.#service();
    const job: DiffJob = {
      activationId: ACTIVATION,
      runId,
      mode: 'delta',
      everything: settings.everything ?? false,
      resendEvents: false,
      operations: settings.operations ?? ['insert', 'update', 'delete'],
      facts: service.facts,
      source: {
        sql: 'select id as k0, email as i0, phone as i1, country as i2 from members',
        keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
        identifiers: [
          { name: 'email_1', sql: 'i0', dataType: 'VARCHAR', kind: 'email', rank: 1, matching: true },
          { name: 'phone_1', sql: 'i1', dataType: 'VARCHAR', kind: 'phone', rank: 1, matching: true },
          { name: 'country_1', sql: 'i2', dataType: 'VARCHAR', kind: 'country', rank: 1, matching: false },
        ],
        fields: [],
        eventTime: null,
        destinationKey: null,
      },
      preparer: createPreparer(service, {}, this.clock),
      guards: {
        max_delete_percent: 100,
        max_delete_rows: 1_000_000,
        min_delete_rows: 0,
        key_churn_percent: 100,
        allow_empty: true,
        ...settings.guards,
      },
      overrides: settings.overrides ?? { allowDeletes: false, allowEmpty: false, allowKeyChurn: false },
      eventsFrom: null,
      deleteExisting: false,
      tables,
      rejections: ledger.table('rejections'),
      otherSnapshots: [],
      otherChanges: [],
    };
    const closing: Closing = {
      activationId: ACTIVATION,
      runId,
      normaliserVersion: 1,
      attempts: settings.attempts ?? 5,
      matchesPeople: true,
    };
    const plan = await warehouse.transaction(async () => {
      const planned = await planDelivery(warehouse, job);
      await freeze(ledger, job);
      await ledger.insert('runs', {
        run_id: runId,
        activation_id: ACTIVATION,
        status: 'running',
        started_at: new Date(this.clock.now()).toISOString(),
        closing: JSON.stringify(closing),
      });
      return planned;
    });
    const prepared = {
      service,
      endpoint: { config: {}, credentials: {}, baseUrl: null, core: '{}' },
      destination: { platform: 'simulated' },
    } as unknown as Prepared;
    const outcome = await execute({
      options: { clock: this.clock, ...(settings.signal ? { signal: settings.signal } : {}) },
      prepared,
      ledger,
      lease,
      job,
      syncId: runId,
      changes: plan.changes,
      session: await service.open({} as never),
      equipment: { http: { request: () => Promise.reject(new Error('no network')) }, pacers: new Map() },
    });
    const counts = await warehouse.transaction(async () => {
      await lease.verify();
      const settled = await closeRun(ledger, tables, closing, true);
      await ledger.update('runs', { status: 'succeeded' }, `run_id = '${runId}'`);
      return settled;
    });
    await lease.release();
    return { plan, counts, stopped: outcome.stop?.kind ?? null };
  }

  async close(): Promise<void> {
    await this.#warehouse?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #service(): Service {
    const session: Session = {
      audienceId: 'a1',
      account: null,
      send: async (batch) => {
        this.mayDie('before request');
        const outcome = this.audience.send(batch);
        this.mayDie('after request');
        return outcome;
      },
      finish: async () => {},
      abandon: async () => {},
    };
    return {
      facts: audienceFacts,
      normaliser: { version: 1, normalise: (kind, value) => normalise(kind, value) },
      validate: null,
      open: async () => session,
      verify: async () => ({ ok: true, detail: '' }),
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
      state: warehouse.state,
      run: (sql) => around(sql.slice(0, 40), () => warehouse.run(sql)),
      query: (sql) => around(sql.slice(0, 40), () => warehouse.query(sql)),
      stream: (sql) => warehouse.stream(sql),
      append: (table, types, rows) => around(`append ${table.name}`, () => warehouse.append(table, types, rows)),
      transaction: (work) => around('transaction', () => warehouse.transaction(work)),
      describe: (sql) => warehouse.describe(sql),
      another: () => warehouse.another(),
      interrupt: () => warehouse.interrupt(),
      close: () => Promise.resolve(),
    };
  }
}
