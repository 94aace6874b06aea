import type { Call, Fault } from '../platforms/platform-server.ts';
import { endOf, type Outcome, randomNumbers, type Workspace } from '../workspace.ts';
import { ClubPlatforms, differences, keysOf, moveClub } from './club-run.ts';

/** What came of one kind of trouble, as the destination saw it. */
export interface FaultRow {
  readonly name: FaultName;
  /** Rows of the segment, and rows in a request. */
  readonly rows: number;
  readonly batchRows: number;
  /** Rows that the destination holds as they are, when the runs of this case have ended. */
  readonly delivered: number;
  /** Rows that it should hold and does not; a row that it refuses is not lost. */
  readonly lost: number;
  /** Rows sent again though the destination had applied them. */
  readonly sentAgain: number;
  /** Different rows that the last run of the case sent. */
  readonly lastRunRows: number;
  /** Requests of the first run, and how many of them an untroubled run would not have made. */
  readonly requests: number;
  readonly extraRequests: number;
  /** Exit codes and wall seconds of the whole process, run by run. */
  readonly exitCodes: readonly (number | null)[];
  readonly seconds: readonly number[];
  /** What the first run printed. */
  readonly said: string;
}

export type FaultName = 'poison' | 'down twice' | 'terminated' | 'killed' | 'killed at full speed' | 'faulty requests';

export const FAULT_ROWS = 10_000;
export const FAULT_CONNECTIONS = 4;
export const POISON_ROWS = 7;

interface Case {
  readonly name: FaultName;
  readonly batchRows: number;
  readonly run: (stage: Stage) => Promise<void>;
}

/** One club with 10,000 members, stored in no order of their keys, and its webhook. */
class Stage {
  readonly workspace: Workspace;
  readonly platforms: ClubPlatforms;
  readonly outcomes: Outcome[] = [];
  readonly seconds: number[] = [];
  /** Keys sent by each run, one entry for each time. */
  readonly sent: string[][] = [];
  readonly requests: number[] = [];

  constructor(workspace: Workspace, platforms: ClubPlatforms) {
    this.workspace = workspace;
    this.platforms = platforms;
  }

  /** A sync in a process of its own, which gets a signal at a request of its own. */
  async sync(trouble: (request: number, call: Call) => Fault, end?: { signal: NodeJS.Signals; at: number }) {
    const keys: string[] = [];
    let request = 0;
    const child = this.workspace.start('sync', '--output', 'json');
    this.platforms.trouble((call) => {
      request += 1;
      keys.push(...keysOf(call));
      if (end !== undefined && request === end.at) child.kill(end.signal);
      return trouble(request, call);
    });
    const started = performance.now();
    this.outcomes.push(await endOf(child));
    this.seconds.push((performance.now() - started) / 1000);
    this.platforms.trouble(() => null);
    this.sent.push(keys);
    this.requests.push(request);
  }
}

const healthy = (): Fault => null;

const CASES: readonly Case[] = [
  {
    // A request that holds one of them is refused with 400, which does not say why.
    name: 'poison',
    batchRows: 1000,
    async run(stage) {
      const poison = poisonKeys();
      const refuse = (_: number, call: Call): Fault =>
        keysOf(call).some((key) => poison.has(key)) ? { status: 400, body: { error: 'invalid request' } } : null;
      await stage.sync(refuse);
      await stage.sync(refuse);
    },
  },
  {
    name: 'down twice',
    batchRows: 1000,
    async run(stage) {
      await stage.sync(() => ({ status: 500 }));
      await stage.sync(() => ({ status: 500 }));
      await stage.sync(healthy);
    },
  },
  {
    name: 'terminated',
    batchRows: 100,
    async run(stage) {
      stage.platforms.slow(3);
      await stage.sync(healthy, { signal: 'SIGTERM', at: 45 });
      await stage.sync(healthy);
    },
  },
  {
    name: 'killed',
    batchRows: 100,
    async run(stage) {
      stage.platforms.slow(3);
      await stage.sync(healthy, { signal: 'SIGKILL', at: 45 });
      await stage.sync(healthy);
    },
  },
  {
    // Without latency, answers come faster than they can be written down one by one.
    name: 'killed at full speed',
    batchRows: 10,
    async run(stage) {
      await stage.sync(healthy, { signal: 'SIGKILL', at: 700 });
      await stage.sync(healthy);
    },
  },
  {
    // Every tenth request is throttled, every tenth fails, every tenth loses its connection after it was applied.
    name: 'faulty requests',
    batchRows: 100,
    async run(stage) {
      await stage.sync((request) => {
        if (request % 10 === 3) return { status: 429, headers: { 'retry-after': '1' } };
        if (request % 10 === 6) return { status: 500 };
        return request % 10 === 9 ? 'cut-after' : null;
      });
    },
  },
];

/** The same seven of 10,000 rows each time, far apart. */
export function poisonKeys(): ReadonlySet<string> {
  const below = randomNumbers(7);
  const keys = new Set<string>();
  while (keys.size < POISON_ROWS) keys.add(String(1 + below(FAULT_ROWS)));
  return keys;
}

/** Runs one case against the real CLI over real HTTP. `built`: a club as `buildClub` makes it. */
export async function faultCase(name: FaultName, built: Workspace): Promise<FaultRow> {
  const found = CASES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no case ${name}`);
  const { batchRows } = found;
  const platforms = await ClubPlatforms.start(batchRows);
  const workspace = await moveClub(built, platforms, { people: FAULT_ROWS });
  try {
    const stage = new Stage(workspace, platforms);
    await found.run(stage);
    const wrong = await differences(workspace, platforms);
    const violations = platforms.takeViolations();
    if (violations.length > 0) throw new Error(violations.join('\n'));
    const delivered = FAULT_ROWS - wrong.length;
    return {
      name,
      rows: FAULT_ROWS,
      batchRows,
      delivered,
      lost: wrong.length - (name === 'poison' ? Math.min(POISON_ROWS, wrong.length) : 0),
      sentAgain: platforms.accounts.hook.again,
      lastRunRows: new Set(stage.sent.at(-1)).size,
      requests: stage.requests[0] ?? 0,
      extraRequests: Math.max(0, (stage.requests[0] ?? 0) - FAULT_ROWS / batchRows),
      exitCodes: stage.outcomes.map(({ code }) => code),
      seconds: stage.seconds,
      said: stage.outcomes[0]?.all ?? '',
    };
  } finally {
    await platforms.close();
    workspace.dispose();
  }
}
