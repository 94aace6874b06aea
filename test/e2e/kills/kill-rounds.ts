import { join } from 'node:path';
import { must, randomNumbers, type Workspace } from '../workspace.ts';
import { buildClub, ClubPlatforms, differences, moveClub } from './club-run.ts';
import { FileWitness } from './file-witness.ts';

export interface KillWish {
  /** SIGKILLs that have to have hit a running process. */
  readonly kills: number;
  readonly seed: number;
  /** A built club; left out, one is built with dbt, and removed. */
  readonly built?: Workspace;
  /** Told as it goes. */
  readonly say?: (line: string) => void;
}

/** What came of many deaths. Rows are counted as the platforms saw them. */
export interface KillReport {
  readonly kills: number;
  readonly seed: number;
  /** Milliseconds of an undisturbed sync, from start to exit: the moments are spread over it. */
  readonly durationMs: number;
  /** Rows missing, left over or out of date at a platform when a sync had run to its end after deaths. */
  readonly lost: number;
  /** Of the webhook, after one death: most rows sent again that had been applied, and the bound: connections × batch size. */
  readonly resentRowsMax: number;
  readonly boundRows: number;
  /** Over all deaths and platforms. */
  readonly resentTotal: number;
  /** Times that the DuckDB file, or a row in it, could not be read after a death. */
  readonly unusableFiles: number;
  /** The same as `resentRowsMax`, for each activation. */
  readonly activations: Readonly<Record<string, { readonly resentRowsMax: number; readonly boundRows: number }>>;
  /** Where the deaths came: `starting` before anything was written or sent, `between` after something of the run was settled. */
  readonly stages: Readonly<Record<'starting' | 'frozen' | 'sending' | 'between', number>>;
  /** Deaths that left a log to be replayed. */
  readonly withLog: number;
  /** Everything that was wrong, in words. */
  readonly problems: readonly string[];
}

const PEOPLE = 240;
const BATCH = 5;
const CONNECTIONS = 4;
const BOUNDS = { hook: CONNECTIONS * BATCH, meta_people: CONNECTIONS * 10_000, contacts: CONNECTIONS * 100 };
/**
 * Each part of a run has its turn: three of ten from the start to the first request (start-up, plan, freeze), the others from
 * there to the exit. The second are counted from the request itself, since a busy machine takes its time to get there.
 */
const PARTS = 10;
const EARLY_PARTS = 3;

/**
 * Kills the real CLI at random moments of real syncs of three activations, with changed data in between, and runs it to its
 * end after one to five deaths. Takes about a second for each death.
 */
export async function killRounds(wish: KillWish): Promise<KillReport> {
  const built = wish.built ?? (await buildClub());
  const platforms = await ClubPlatforms.start(BATCH, 'all');
  const workspace = await moveClub(built, platforms, { people: PEOPLE, every: 3 });
  const witness = new FileWitness();
  try {
    return await new Rounds(wish, { workspace, platforms, witness }).run();
  } finally {
    witness.close();
    await platforms.close();
    workspace.dispose();
    if (wish.built === undefined) built.dispose();
  }
}

interface Scene {
  readonly workspace: Workspace;
  readonly platforms: ClubPlatforms;
  readonly witness: FileWitness;
}

class Rounds {
  readonly #wish: KillWish;
  readonly #scene: Scene;
  readonly #below: (below: number) => number;
  readonly #resentMax = { hook: 0, meta_people: 0, contacts: 0 };
  readonly #stages = { starting: 0, frozen: 0, sending: 0, between: 0 };
  readonly #problems: string[] = [];
  #kills = 0;
  #attempts = 0;
  #durationMs = 0;
  /** Milliseconds to the first request, as they were lately. */
  #firstMs = 0;
  #lost = 0;
  #resent = 0;
  #unusable = 0;
  #withLog = 0;
  /** Of the tables as the death before left them. */
  #mark = '';

  constructor(wish: KillWish, scene: Scene) {
    this.#wish = wish;
    this.#scene = scene;
    this.#below = randomNumbers(wish.seed);
  }

  async run(): Promise<KillReport> {
    const { workspace, platforms } = this.#scene;
    platforms.slow(4);
    await must(workspace.dinmo('sync'));
    await this.#measure();
    for (let round = 1; this.#kills < this.#wish.kills; round += 1) {
      await this.#change(round);
      const deaths = 1 + this.#below(5);
      const before = this.#kills;
      for (let death = 1; death <= deaths && this.#kills < this.#wish.kills; death += 1) await this.#die();
      await this.#finish(round, this.#kills - before);
      // What takes long is long on this machine today.
      if (round % 40 === 0) await this.#measure();
    }
    return this.#report();
  }

  /** An undisturbed run over changes like those of every round. */
  async #measure(): Promise<void> {
    await this.#change(0);
    const { workspace } = this.#scene;
    const started = performance.now();
    this.#onFirstRequest(() => {
      this.#firstMs = performance.now() - started;
    });
    await must(workspace.dinmo('sync'));
    this.#durationMs = performance.now() - started;
    this.#wish.say?.(
      `a sync takes ${Math.round(this.#durationMs)} ms, ${Math.round(this.#firstMs)} ms to its first request`,
    );
  }

  async #change(round: number): Promise<void> {
    this.#scene.platforms.newPage();
    await this.#scene.workspace.sql(...changes(this.#below, round), 'checkpoint');
  }

  /** Starts a sync and kills it at a moment of its usual duration. One that ended by itself before does not count. */
  async #die(): Promise<void> {
    const { workspace, platforms } = this.#scene;
    const part = this.#attempts++ % PARTS;
    const share = part + this.#below(1000) / 1000;
    const requests = platforms.requests;
    const started = performance.now();
    const child = workspace.start('sync');
    const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    let timer: NodeJS.Timeout | undefined;
    const killAfter = (milliseconds: number): void => {
      timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
    };
    if (part < EARLY_PARTS) killAfter((share / EARLY_PARTS) * this.#firstMs);
    this.#onFirstRequest(() => {
      this.#firstMs += (performance.now() - started - this.#firstMs) / 3;
      const rest = Math.max(50, this.#durationMs - this.#firstMs);
      if (part >= EARLY_PARTS) killAfter(((share - EARLY_PARTS) / (PARTS - EARLY_PARTS)) * rest);
    });
    const signal = await ended;
    clearTimeout(timer);
    const moment = Math.round(performance.now() - started);
    if (signal !== 'SIGKILL') return;
    this.#kills += 1;
    const { problem, stage, withLog, mark } = await this.#scene.witness.examine(join(workspace.folder, 'shop.duckdb'));
    if (problem !== null) {
      this.#unusable += 1;
      this.#problems.push(`death ${this.#kills} after ${moment} ms: ${problem}`);
    }
    if (withLog) this.#withLog += 1;
    const nothing = platforms.requests === requests && (stage === 'at rest' || mark === this.#mark);
    this.#mark = mark;
    this.#stages[nothing ? 'starting' : stage === 'at rest' ? 'between' : stage] += 1;
    this.#wish.say?.(`death ${this.#kills} after ${moment} ms: ${nothing ? 'starting' : stage}`);
  }

  #onFirstRequest(work: () => void): void {
    let isFirst = true;
    this.#scene.platforms.trouble(() => {
      if (isFirst) work();
      isFirst = false;
      return null;
    });
  }

  /** Runs to the end, mostly in this process, which is quicker, and looks at what came of it. */
  async #finish(round: number, deaths: number): Promise<void> {
    const { workspace, platforms } = this.#scene;
    platforms.trouble(() => null);
    workspace.inProcess = round % 5 !== 0;
    const outcome = await workspace.dinmo('sync');
    workspace.inProcess = false;
    const said = (what: string): void => {
      this.#problems.push(`seed ${this.#wish.seed}, round ${round}, ${deaths} deaths: ${what}`);
    };
    if (outcome.code !== 0) said(`exit code ${outcome.code}\n${outcome.all}`);
    const wrong = await differences(workspace, platforms);
    this.#lost += wrong.length;
    if (wrong.length > 0) said(wrong.slice(0, 5).join('\n'));
    for (const broken of platforms.takeViolations()) said(broken);
    for (const name of ['hook', 'meta_people', 'contacts'] as const) {
      const { again } = platforms.accounts[name];
      this.#resent += again;
      this.#resentMax[name] = Math.max(this.#resentMax[name], again / Math.max(1, deaths));
      if (again > deaths * BOUNDS[name]) said(`${again} rows of ${name} were sent again`);
    }
  }

  #report(): KillReport {
    const of = (name: keyof typeof BOUNDS) => ({
      resentRowsMax: Math.ceil(this.#resentMax[name]),
      boundRows: BOUNDS[name],
    });
    return {
      kills: this.#kills,
      seed: this.#wish.seed,
      durationMs: Math.round(this.#durationMs),
      lost: this.#lost,
      ...of('hook'),
      resentTotal: this.#resent,
      unusableFiles: this.#unusable,
      activations: { hook: of('hook'), meta_people: of('meta_people'), contacts: of('contacts') },
      stages: this.#stages,
      withLog: this.#withLog,
      problems: this.#problems,
    };
  }
}

type Below = (below: number) => number;

const CHANGES: readonly ((below: Below, round: number) => string)[] = [
  // who is a member
  (below) => `update raw.people set active = not active where id % 5 = ${below(5)}`,
  (below) => `update raw.people set active = true where id % 3 = ${below(3)}`,
  // attributes, one that goes everywhere and one that goes to some
  (below, round) => `update raw.people set name = 'Name ' || id || ' r${round}' where id % 4 = ${below(4)}`,
  (below) =>
    `update raw.people set country = case country when 'DE' then 'GB' else 'DE' end where id % 4 = ${below(4)}`,
  // identifiers
  (below, round) => `update raw.people set email = 'p' || id || 'r${round}@example.com' where id % 6 = ${below(6)}`,
  (below, round) =>
    `update raw.people set phone = '+337' || lpad((${round % 1000} * 1000 + id)::varchar, 8, '0') where id % 6 = ${below(6)}`,
  // two members swap theirs
  (below) => {
    const one = 1 + below(PEOPLE - 10);
    return `update raw.people set email = other.email from raw.people as other
      where people.id in (${one}, ${one + 9}) and other.id in (${one}, ${one + 9}) and other.id <> people.id`;
  },
];

function changes(below: Below, round: number): readonly string[] {
  return Array.from({ length: 3 }, () => CHANGES[below(CHANGES.length)]?.(below, round) ?? 'select 1');
}
