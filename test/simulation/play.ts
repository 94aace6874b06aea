import type { Operation } from '../../src/artifacts/annotation.ts';
import { stateTables, tableSuffix } from '../../src/diff/state-tables.ts';
import { DinmoError } from '../../src/errors.ts';
import type { Rows, Run, World } from './history.ts';
import { isByKey, usesSecond } from './history.ts';
import { judgePlatform, judgeRejected } from './judge.ts';
import { groupOf, type Laboratory, type Outcome, type Stage } from './laboratory.ts';
import { isPoison, poisonModel, sha256 } from './model.ts';
import { FAIR } from './network.ts';
import { settleOthers } from './others.ts';
import type { Process } from './scheduler.ts';
import { laterForm } from './subject.ts';
import { SETTINGS, type Tally } from './tally.ts';

/** Each waits for ten minutes. */
const RUNS_UNTIL_JOBS_END = 20;
const ALL: readonly Operation[] = ['insert', 'update', 'delete'];

/** What is not as it should be, in words; and the same world, with the names of the await points where its runs ended. */
export interface Verdict {
  readonly problems: readonly string[];
  readonly world: World;
}

/** Plays a world to its end. What is not as it should be, in words; nothing when all is well. */
export async function play(world: World, laboratory: Laboratory, tally: Tally, strict = true): Promise<Verdict> {
  const stage = await laboratory.open(world, { isPoison: poisonOf(world), strict });
  const untake = stage.scheduler.takeTimers();
  try {
    const player = new Player(stage, tally);
    for (const index of world.runs.keys()) await player.troubled(index);
    await player.healthy();
    tally.world(world, stage.network.faultsMet);
    for (const fate of stage.network.fatesMet) tally.count(SETTINGS, fate);
    return { problems: player.problems, world: { ...world, runs: world.runs.map(player.named) } };
  } finally {
    untake();
    await stage.close();
  }
}

function poisonOf({ kind, histories }: World): (values: readonly string[]) => boolean {
  if (isByKey(kind)) return ([id = '']) => id.endsWith('9');
  if (kind !== 'meta list') return (values) => values.some(isPoison);
  const plain = histories.map(({ group }) => sha256(`poison${group}@x.test`));
  const hashes = new Set([...plain, ...plain.map(laterForm)]);
  return (values) => values.some((value) => hashes.has(value));
}

class Player {
  readonly problems: string[] = [];
  readonly #stage: Stage;
  readonly #tally: Tally;
  readonly #theirs: readonly string[];
  /** Processes that ended before their time, since a run of the activation was closed by itself. */
  readonly #lost = { a: 0, b: 0 };
  /** Machines of those processes. */
  readonly #lostOn = new Set<string>();
  readonly #struck = new Map<Run, Process['struck']>();

  constructor(stage: Stage, tally: Tally) {
    this.#stage = stage;
    this.#tally = tally;
    this.#theirs = settleOthers(stage.world, stage.network);
    stage.scheduler.wait(86_400_000);
  }

  named = (run: Run): Run => {
    const struck = this.#struck.get(run);
    if (run.ending === null || !struck) return run;
    return { ...run, ending: { ...run.ending, at: { point: struck.before, nth: struck.nth } } };
  };

  async troubled(index: number): Promise<void> {
    const { world, network } = this.#stage;
    const run = world.runs[index];
    if (run === undefined) return;
    await this.#stage.fill(statesAt(world, index));
    network.setWeather({
      outage: run.outage,
      opening: [...run.opening],
      first: run.first,
      groups: new Map(world.histories.map(({ group, faults }) => [group, [...(faults[index] ?? [])]])),
    });
    const outcomes = await this.#run(run);
    for (const [process, outcome] of outcomes) this.#judgeOutcome(process, outcome, `run ${index + 1}`);
    network.setWeather(FAIR);
  }

  /** The rows come to rest, and nothing goes wrong any more: now the platform has to be right, and nothing is left to do. */
  async healthy(): Promise<void> {
    const { world, network } = this.#stage;
    const states = statesAt(world, world.runs.length);
    await this.#stage.fill(states);
    const last = world.runs.at(-1);
    const calm: Run = {
      activation: 'a',
      mapping: 'usual',
      normaliser: last?.normaliser ?? 1,
      operations: ALL,
      mode: 'delta',
      // Other rules alone send nothing again: what was sent under the former ones stays until it changes.
      fullRefresh: world.runs.some(({ normaliser }) => normaliser === 2),
      elsewhere: false,
      ending: null,
      opening: [],
      first: null,
      outage: null,
    };
    const sides = usesSecond(world) ? (['a', 'b'] as const) : (['a'] as const);
    // What one activation still held when the other's turn came goes at the other's next.
    for (const activation of sides.length > 1 ? [...sides, ...sides] : sides) await this.#calm({ ...calm, activation });
    const rows: Rows = { a: states.flatMap(({ a }) => a), b: states.flatMap(({ b }) => b) };
    this.problems.push(...judgePlatform({ world, network, rows, normaliser: calm.normaliser, theirs: this.#theirs }));
    for (const side of sides) {
      await this.#judgeLedger(side, rows);
      await this.#nothingLeft({ ...calm, activation: side, fullRefresh: false }, rows);
    }
    this.problems.push(...new Set(network.violations));
  }

  async #calm(run: Run): Promise<void> {
    for (const [process, outcome] of await this.#runToItsEnd(run)) {
      this.#judgeOutcome(process, outcome, 'the healthy run');
      if (outcome.kind !== 'result') continue;
      const { rejected, deferred, unknown, reason } = outcome.result.report;
      if (deferred !== 0 || unknown !== 0)
        this.problems.push(`the healthy run left ${deferred} deferred and ${unknown} unknown rows: ${reason}`);
      if (rejected !== 0 && outcome.result.report.status !== 'partial')
        this.problems.push('rejected rows in a run that succeeded');
    }
  }

  /** A run, and where it leaves a job open, those that come after it: in the end every job has ended. */
  async #runToItsEnd(run: Run): Promise<Map<Process, Outcome>> {
    let outcomes = await this.#run(run);
    for (let times = 0; times < RUNS_UNTIL_JOBS_END && [...outcomes.values()].some(isLeftOpen); times++)
      outcomes = await this.#run(run);
    return outcomes;
  }

  /** One run after the last has nothing to do but try again what is poison. */
  async #nothingLeft(run: Run, rows: Rows): Promise<void> {
    const { network, world } = this.#stage;
    const rejected = await this.#stage.ledger.warehouse.query(
      `select key from ${this.#table('rejections')} where activation_id = 'person_${run.activation}.people' and not parked`,
    );
    const poison = poisonModel(rows[run.activation], world.kind);
    const tried = rejected.filter(({ key }) => poison.has(String(key))).length;
    const before = network.requests;
    for (const outcome of (await this.#run(run)).values()) {
      if (outcome.kind !== 'result') {
        this.problems.push(`the run after the last did not end: ${describe(outcome)}`);
        continue;
      }
      const { planned } = outcome.result.report;
      const rows = (planned?.insert ?? 0) + (planned?.update ?? 0);
      // The record of a row whose new address is refused goes when the row is parked.
      const mayDelete = world.kind === 'hubspot objects' && world.attempts < 5 ? poison.size : 0;
      if (rows !== tried || (planned?.delete ?? 0) > mayDelete)
        this.problems.push(
          `the run after the last planned ${JSON.stringify(planned)}, and ${tried} rows are to be tried again`,
        );
      if (tried === 0 && planned?.delete === 0 && network.requests > before)
        this.problems.push('the run after the last sent something');
    }
  }

  async #run(run: Run): Promise<Map<Process, Outcome>> {
    const { scheduler, acknowledged, world, random } = this.#stage;
    const known = acknowledged[run.activation];
    const everything = run.fullRefresh || run.mode === 'full';
    known.begin(
      `${run.mapping} ${run.normaliser}`,
      everything || usesSecond(world) || run.ending?.how === 'frozen',
      this.#stage.rawRows(run.activation),
    );
    const outcomes = new Map<Process, Outcome>();
    await this.#stage.learnJobs();
    const process = this.#stage.newProcess(run, run.ending);
    const alive = [process];
    this.#stage.start(process, run, alive, outcomes);
    await scheduler.run(() => process.state !== 'running');
    if (process.state === 'frozen') {
      const rival = this.#stage.newProcess(run, null);
      alive.push(rival);
      const thawAt = random.below(500);
      scheduler.after(null, random.below(220_000), () => this.#stage.start(rival, run, alive, outcomes));
      await scheduler.run(() => {
        if (process.state === 'frozen' && (rival.passed >= thawAt || rival.state === 'ended'))
          process.state = 'running';
        return process.state === 'ended' && rival.state === 'ended';
      });
    }
    this.#judgeRepetition(run, process.host, known.again);
    this.#struck.set(run, process.struck);
    for (const one of outcomes.keys()) this.#tally.ended(one);
    const lost = [...outcomes].some(([one, outcome]) => one.struck !== null || outcome.kind !== 'result');
    // What was lost is sent again by the next run that gets so far, and settled by one that leaves nothing open.
    if (lost) this.#lostOn.add(process.host);
    if (lost) this.#lost[run.activation]++;
    else if ([...outcomes.values()].every(isComplete)) this.#lost[run.activation] = 0;
    return outcomes;
  }

  /** Rows in flight, of each process that was lost, may be sent again; no others. */
  #judgeRepetition(run: Run, host: string, again: readonly string[]): void {
    const { connections, rowsPerRequest } = this.#stage.world;
    // Where answers are written every so often, the last of them are known to the machine alone that got them.
    const paced = this.#stage.warehouse.answersEveryMs !== undefined;
    if (paced && [...this.#lostOn].some((lost) => lost !== host)) return;
    const bound = this.#lost[run.activation] * connections * rowsPerRequest;
    if (again.length > bound)
      this.problems.push(
        `${again.length} acknowledged rows were sent again, at most ${bound} may be: ${again.join(', ')}`,
      );
    if (again.length > 0) this.#tally.count('Acknowledged rows sent again', 'after a process was lost', again.length);
  }

  #judgeOutcome(process: Process, outcome: Outcome, where: string): void {
    if (outcome.kind !== 'thrown') {
      if (outcome.kind === 'killed' && process.ending === null) this.problems.push(`${where} never ended`);
      return;
    }
    const troubled = process.struck !== null || this.#stage.world.runs.some(({ ending }) => ending?.how === 'frozen');
    // A platform that refuses to tell what became of a job stops the activation.
    const refused = isRefusal(outcome.thrown) && this.#stage.world.kind === 'rows by jobs' && where.startsWith('run');
    if (refused) return;
    if (!(outcome.thrown instanceof DinmoError) || !troubled) this.problems.push(`${where}: ${describe(outcome)}`);
  }

  async #judgeLedger(side: 'a' | 'b', rows: Rows): Promise<void> {
    const { world, schema, ledger } = this.#stage;
    const id = `person_${side}.people`;
    const tables = stateTables(schema, tableSuffix(id));
    const { state } = ledger.warehouse;
    const rejected = await ledger.warehouse.query(
      `select key from ${this.#table('rejections')} where activation_id = '${id}'`,
    );
    this.problems.push(
      ...judgeRejected(world.kind, {
        members: rows[side],
        rejected: rejected.map(({ key }) => String(key)),
        strict: this.#stage.strict,
      }),
    );
    // Of a row that was refused after it may have gone out, nobody can say that it is not there.
    const poison = poisonModel(rows[side], world.kind);
    const inDoubt = new Set([...poison].map(groupOf));
    const none = async (what: string, sql: string): Promise<void> => {
      const found = (await ledger.warehouse.query(sql)).filter(({ key }) => !inDoubt.has(groupOf(String(key))));
      if (found.length > 0) this.problems.push(`${found.length} ${what} (${found.map(({ key }) => key).join(', ')})`);
    };
    const snapshot = state.table(tables.snapshot);
    const identifiers = state.table(tables.identifiers);
    await none('rows of the snapshot are dirty', `select key from ${snapshot} where dirty and not departed`);
    await none('identifiers are still owed', `select key from ${identifiers} where owed`);
    await none(
      'identifiers belong to nobody in the snapshot',
      `select key from ${identifiers} where key not in (select key from ${snapshot})`,
    );
    await none('runs were never closed', `select run_id as key from ${this.#table('runs')} where status = 'running'`);
    await none(
      'leases are still held',
      `select activation_id as key from ${this.#table('activations')} where lease_owner is not null`,
    );
    // A holder that comes back after its run was closed still writes down what it was answered.
    if (!this.#stage.strict && world.runs.some(({ ending }) => ending?.how === 'frozen')) return;
    for (const table of ['sends', 'receipts', 'jobs'] as const)
      await none(`rows are left in ${table}`, `select run_id as key from ${this.#table(table)}`);
  }

  #table(name: 'runs' | 'rejections' | 'activations' | 'sends' | 'receipts' | 'jobs'): string {
    return this.#stage.ledger.sql(name);
  }
}

function isLeftOpen(outcome: Outcome): boolean {
  return outcome.kind === 'result' && outcome.result.report.reason?.includes('a job is still open') === true;
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof DinmoError && thrown.kind === 'destination';
}

function isComplete(outcome: Outcome): boolean {
  if (outcome.kind !== 'result') return false;
  const { deferred, unknown, status } = outcome.result.report;
  return deferred === 0 && unknown === 0 && status !== 'failed';
}

function statesAt(world: World, index: number): readonly Rows[] {
  return world.histories.map(({ states }) => states[index] ?? { a: [], b: [] });
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'killed') return 'it stopped in the middle';
  if (outcome.kind === 'result') return String(outcome.result.report.reason);
  const { thrown } = outcome;
  return thrown instanceof Error
    ? `${thrown.name} ${thrown.message}${thrown instanceof DinmoError ? ` (${thrown.code})` : `\n${thrown.stack}`}`
    : String(thrown);
}
