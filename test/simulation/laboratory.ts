import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch, BatchOutcome, Job, Service, Session } from '../../src/destinations/destination.ts';
import { type StateSchema, stateTables, tableSuffix } from '../../src/diff/state-tables.ts';
import { silentLogger } from '../../src/log.ts';
import type { Prepared } from '../../src/pipeline/prepare-run.ts';
import type { Storage } from '../../src/pipeline/storage.ts';
import { syncActivation } from '../../src/pipeline/sync-activation.ts';
import type { ActivationResult } from '../../src/pipeline/verdict.ts';
import { Ledger, readActivationStates } from '../../src/record/ledger.ts';
import type { SqlDialect } from '../../src/warehouse/dialect.ts';
import { loadDialect } from '../../src/warehouse/registry.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { observeState } from '../privacy/state.ts';
import { benchName, openBenchWarehouse } from '../warehouse/bench-warehouse.ts';
import type { OpenedWarehouse } from '../warehouse/opened-warehouse.ts';
import { tableWords } from '../warehouse/table-words.ts';
import { Acknowledged } from './acknowledged.ts';
import type { Rows, Run, World } from './history.ts';
import type { Member } from './member.ts';
import { MortalWarehouse } from './mortal-warehouse.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { Process, Scheduler } from './scheduler.ts';
import { activationOf, CASTS, contextOf, endpointOf, realService, serviceOf } from './subject.ts';

/** How long a process waits for another one's lease: longer than any lease lasts. */
const PATIENCE_MS = 400_000;

/** How a process ended: with a result, with what it threw, or not at all (killed). */
export type Outcome =
  | { readonly kind: 'result'; readonly result: ActivationResult }
  | { readonly kind: 'thrown'; readonly thrown: unknown }
  | { readonly kind: 'killed' };

const NO_WAITING = `do $do$ begin
  execute format('alter database %I set lock_timeout = 20', current_database());
end $do$`;

/** Time of the system's, in which nobody waits. */
const CLOCK = { now: () => Date.now(), sleep: async () => {} };

/** The warehouse that tests run on, for any number of worlds, one after another. */
export class Laboratory {
  #opened: Promise<OpenedWarehouse> | null = null;
  #worlds = 0;

  async open(world: World, given: Pick<StageOptions, 'isPoison' | 'strict'>): Promise<Stage> {
    const service = await realService(world.kind);
    // Elsewhere each world has a place of its own, which goes with it.
    const alone = benchName() !== 'duckdb';
    if (!alone) this.#opened ??= openBenchWarehouse(':memory:', CLOCK);
    const opened = await (alone ? openBenchWarehouse('', CLOCK) : this.#opened);
    if (opened === null) throw new Error('no warehouse to play in');
    // A process that is frozen or dead gives nothing back: who waits for its rows would wait for ever.
    if (opened.warehouse.state.name === 'postgres') await opened.warehouse.run(NO_WAITING);
    const schema = alone ? 'DELTA' : `WORLD_${++this.#worlds}`;
    const folder = mkdtempSync(join(tmpdir(), 'dinmo-simulation-'));
    const dialect = await loadDialect(opened.warehouse.state.name);
    return new Stage(world, opened, { schema, service, dialect, folder, alone, ...given });
  }

  async close(): Promise<void> {
    await (await this.#opened)?.close();
  }
}

interface StageOptions {
  readonly schema: string;
  readonly service: Service;
  readonly dialect: SqlDialect;
  /** What machines remember, a folder each. */
  readonly folder: string;
  /** Whether the warehouse is this world's alone. */
  readonly alone: boolean;
  readonly isPoison: (values: readonly string[]) => boolean;
  /** Looks also at what is known not to hold yet. */
  readonly strict: boolean;
}

/** Where one world plays: its tables, its platform, its time, and the processes that come and go. */
export class Stage {
  readonly world: World;
  readonly warehouse: Warehouse;
  readonly schema: StateSchema;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly strict: boolean;
  readonly acknowledged = { a: new Acknowledged(), b: new Acknowledged() };
  readonly #opened: OpenedWarehouse;
  readonly #given: StageOptions;
  #processes = 0;
  /** What became a job, by its handle. */
  readonly #batches = new Map<string, Batch>();
  /** Handles that stood in the ledger before this run, and whose job nobody has heard the end of. */
  #open: ReadonlySet<string> = new Set();
  readonly #rows: Record<'a' | 'b', string | null> = { a: null, b: null };
  readonly #members: Record<'a' | 'b', readonly Member[]> = { a: [], b: [] };

  constructor(world: World, opened: OpenedWarehouse, given: StageOptions) {
    this.#opened = opened;
    this.#given = given;
    this.strict = given.strict;
    this.world = world;
    this.warehouse = opened.warehouse;
    this.schema = { database: null, schema: given.schema };
    this.random = new Random(world.seed + 1);
    this.scheduler = new Scheduler(this.random);
    this.network = new Network({
      scheduler: this.scheduler,
      random: this.random,
      platform: CASTS[world.kind].simulated,
      notReadyCalls: world.notReadyCalls,
      poisonAnswer: world.poisonAnswer,
      isPoison: given.isPoison,
      strict: given.strict,
    });
  }

  get ledger(): Ledger {
    return new Ledger(this.warehouse, this.schema);
  }

  /** By key (objects: e-mail address), the rows as the warehouse has them. */
  rawRows(side: 'a' | 'b'): ReadonlyMap<string, string> {
    const raw = new Map<string, string>();
    for (const member of this.#members[side]) {
      const key =
        this.world.kind === 'hubspot objects' ? (member.email?.trim().toLowerCase() ?? '') : String(member.id);
      raw.set(key, `${raw.get(key) ?? ''}${JSON.stringify(member)}`);
    }
    return raw;
  }

  async fill(states: readonly Rows[]): Promise<void> {
    for (const side of ['a', 'b'] as const) {
      this.#members[side] = states.flatMap((state) => state[side]);
      const rows = this.#members[side].map((member) => literals(this.warehouse, member));
      const content = rows.join(', ');
      if (this.#rows[side] === content) continue;
      const table = `entity_person_${side}`;
      if (this.#rows[side] === null) {
        const { type } = tableWords(this.warehouse.state.name);
        const columns = `id ${type('bigint')}, ${['email', 'phone', 'name'].map((name) => `${name} ${type('varchar')}`).join(', ')}`;
        await this.warehouse.run(`drop table if exists ${table}`);
        await this.warehouse.run(`create table ${table} (${columns})`);
      } else await this.warehouse.run(`delete from ${table} where 1 = 1`);
      if (rows.length > 0) await this.warehouse.run(`insert into ${table} values ${content}`);
      this.#rows[side] = content;
    }
  }

  newProcess(run: Run, ending: Run['ending']): Process {
    const pid = ++this.#processes;
    const process = new Process(pid, run.elsewhere ? `machine-${pid}` : 'machine', ending);
    process.freezesInside = this.strict;
    return process;
  }

  /** A sync of one activation, by this process; `outcomes` gets how it ended. */
  start(process: Process, run: Run, alive: readonly Process[], outcomes: Map<Process, Outcome>): void {
    outcomes.set(process, { kind: 'killed' });
    this.scheduler.start(process, async () => {
      try {
        outcomes.set(process, { kind: 'result', result: await this.#sync(process, run, alive) });
      } catch (thrown) {
        outcomes.set(process, { kind: 'thrown', thrown });
      }
    });
  }

  async #sync(process: Process, run: Run, alive: readonly Process[]): Promise<ActivationResult> {
    const { scheduler, network, world } = this;
    const clock = scheduler.clockOf(process);
    const connection = await scheduler.step(process, 'connect', {
      ready: () => true,
      work: () => this.warehouse.another(),
    });
    const warehouse = new MortalWarehouse(scheduler, process, connection);
    try {
      const ledger = new Ledger(warehouse, this.schema);
      await ledger.create();
      const states = await readActivationStates(ledger);
      const storage: Storage = { ledger, existing: await ledger.tables(), states, results: new Map(), setAside: [] };
      const projectDir = join(this.#given.folder, process.host);
      const options = {
        clock,
        logger: silentLogger,
        signal: process.stopping.signal,
        lockTimeoutMs: PATIENCE_MS,
        fullRefresh: run.fullRefresh,
        projectDir,
      };
      return await syncActivation(
        {
          context: contextOf(world, run, options),
          options,
          storage,
          dialect: this.#given.dialect,
          syncId: `sync-${process.pid}`,
          equipment: { http: network.clientOf(process), pacers: new Map() },
          toolVersion: '0',
          targetName: 'prod',
          processes: {
            self: { host: process.host, pid: process.pid, started: String(process.pid) },
            isAlive: ({ pid }) => alive.some((one) => one.pid === pid && one.state !== 'ended'),
          },
        },
        this.#prepared(run, states),
      );
    } finally {
      await warehouse.close();
    }
  }

  #prepared(run: Run, states: Awaited<ReturnType<typeof readActivationStates>>): Prepared {
    const activation = activationOf(this.world, run);
    const context = contextOf(this.world, run, { projectDir: '/nowhere' });
    const entity = context.store.entities.get(activation.entity);
    const destination = context.store.destinations.get(activation.destination);
    if (!entity || !destination) throw new Error('the simulated project lacks an entity or its destination');
    const state = states.get(activation.id) ?? null;
    const suffix = state?.tableSuffix ?? tableSuffix(activation.id);
    return {
      activation,
      entity,
      destination,
      service: this.#watched(serviceOf(this.#given.service, this.world, run), run),
      endpoint: endpointOf(CASTS[this.world.kind]),
      state,
      suffix,
      tables: stateTables(this.schema, suffix),
      gate: { open: true, reason: null },
    };
  }

  /** The service, with an eye on what is sent and acknowledged, and the network told which history a batch begins with. */
  #watched(service: Service, run: Run): Service {
    const acknowledged = this.acknowledged[run.activation];
    return {
      ...service,
      open: async (given) => {
        const session = await service.open(given);
        return {
          ...session,
          send: async (batch, signal) => {
            acknowledged.sending(batch);
            this.#judgeOpen(batch);
            const group = groupOf(batch.rows[0]?.key ?? '');
            const outcome = await this.network.leadBy(group, () => session.send(batch, signal));
            acknowledged.answered(batch, outcome);
            if (outcome.kind === 'submitted') this.#batches.set(outcome.handle, batch);
            return outcome;
          },
          ...(session.poll === undefined
            ? {}
            : { poll: (job, signal) => this.#polled(acknowledged, job, () => session.poll?.(job, signal)) }),
        };
      },
    };
  }

  /** Learns which jobs the next process can know of. */
  async learnJobs(): Promise<void> {
    if (this.world.kind !== 'rows by jobs') return;
    const rows = await this.ledger.warehouse.query(`select handle from ${this.ledger.sql('jobs')}`).catch(() => []);
    this.#open = new Set(rows.map(({ handle }) => String(handle)));
  }

  #judgeOpen({ rows }: Batch): void {
    for (const handle of this.#open) {
      const open = this.#batches.get(handle)?.rows ?? [];
      if (open.some(({ key }) => rows.some((row) => row.key === key)))
        this.network.violations.push('rows of a job went out again before anybody had heard of its end');
    }
  }

  async #polled(
    acknowledged: Acknowledged,
    job: Job,
    poll: () => ReturnType<NonNullable<Session['poll']>> | undefined,
  ): Promise<BatchOutcome> {
    const outcome = await this.network.leadBy(groupOf(job.rows[0]?.key ?? ''), async () => await poll());
    if (outcome === undefined) throw new Error('nobody to ask');
    const batch = this.#batches.get(job.handle);
    if (batch !== undefined) acknowledged.answered(batch, outcome);
    if (!['submitted', 'retry', 'refused'].includes(outcome.kind)) this.#batches.delete(job.handle);
    return outcome;
  }

  async close(): Promise<void> {
    const { folder, alone } = this.#given;
    rmSync(folder, { recursive: true, force: true });
    if (this.#opened.shared !== true) await observeState((sql) => this.warehouse.query(sql));
    if (alone) await this.#opened.close();
    else await this.warehouse.run(`drop schema if exists "${this.schema.schema}" cascade`);
  }
}

/** Which history a key belongs to: `37` to group 3, `a12@x.test` to group 12. */
export function groupOf(key: string): number {
  const address = /(\d+)@/.exec(key)?.[1];
  return address === undefined ? Math.floor(Number(key) / 10) : Number(address);
}

function literals({ state }: Warehouse, { id, email, phone, name }: Member): string {
  const text = (value: string | null): string => (value === null ? 'null' : state.text(value));
  return `(${id ?? 'null'}, ${text(email)}, ${text(phone)}, ${text(name)})`;
}
