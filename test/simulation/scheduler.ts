import { AsyncLocalStorage } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import type { Clock } from '../../src/clock.ts';
import type { Ending } from './history.ts';
import type { Random } from './random.ts';

/** One process of the tool, as far as it can be stopped. */
export class Process {
  readonly pid: number;
  readonly host: string;
  readonly ending: Ending | null;
  /** Aborted when somebody asks the process to end. */
  readonly stopping = new AbortController();
  state: 'running' | 'frozen' | 'ended' = 'running';
  /** Nothing reaches the warehouse any more. */
  cutOff = false;
  /** Whether it may be frozen in the middle of a transaction. */
  freezesInside = false;
  /** Transactions that are open. */
  transactions = 0;
  /** The next statement fails. */
  failsNext = false;
  /** Await points passed, by name. */
  readonly points = new Map<string, number>();
  passed = 0;
  last = 'start';
  /** Where its ending met it. */
  struck: { readonly after: string; readonly before: string; readonly nth: number } | null = null;
  /** When it took the lease: the last to do so is its holder. */
  holding = 0;
  /** Called when it is killed: its connections are gone. */
  readonly onKill: (() => void)[] = [];

  constructor(pid: number, host: string, ending: Ending | null) {
    this.pid = pid;
    this.host = host;
    this.ending = ending;
  }

  /** Whether the ending is here; `point` is what would come next. */
  meets(point: string): boolean {
    const nth = (this.points.get(point) ?? 0) + 1;
    this.points.set(point, nth);
    this.passed++;
    const { ending } = this;
    const here =
      ending !== null &&
      this.struck === null &&
      (ending.how !== 'frozen' || this.transactions === 0 || this.freezesInside) &&
      (typeof ending.at === 'number' ? this.passed > ending.at : ending.at.point === point && ending.at.nth === nth);
    if (here) this.struck = { after: this.last, before: point, nth };
    this.last = point;
    return here;
  }
}

interface Turn {
  readonly process: Process;
  readonly point: string;
  readonly ready: () => boolean;
  readonly grant: () => void;
}

interface Timer {
  readonly at: number;
  /** null: of the network, which goes on whatever becomes of the processes. */
  readonly process: Process | null;
  readonly fire: () => void;
}

/** A statement takes no longer than this, so that time passes between any two, but never a lease. */
const STATEMENT_MS_MAX = 2_000;

/**
 * Virtual time, and the order in which everything happens: one statement or one timer after another, chosen by a seed. A
 * process that is killed waits for ever for whatever it waited for: nothing of it runs any more, no `finally` either.
 */
export class Scheduler {
  #now = Date.parse('2026-03-01T12:00:00Z');
  readonly #random: Random;
  #turns: Turn[] = [];
  readonly #timers = new Set<Timer>();
  #busy = 0;
  #holders = 0;
  #idle: (() => void) | null = null;
  readonly #inside = new AsyncLocalStorage<Process>();

  constructor(random: Random) {
    this.#random = random;
  }

  get now(): number {
    return this.#now;
  }

  /** Time in which nothing happens. */
  wait(milliseconds: number): void {
    this.#now += milliseconds;
  }

  get process(): Process | null {
    return this.#inside.getStore() ?? null;
  }

  /** Begins what a process does. */
  start(process: Process, work: () => Promise<void>): void {
    void this.#inside.run(process, async () => {
      try {
        await work();
      } finally {
        if (process.state !== 'ended') this.#end(process);
      }
    });
  }

  /** Goes on until `done`; throws where nothing can go on any more. */
  async run(done: () => boolean): Promise<void> {
    for (;;) {
      await this.#settled();
      if (done()) return;
      const ready = this.#turns.filter((turn) => turn.process.state === 'running' && turn.ready());
      const timer = this.#earliest();
      const soon = timer !== null && timer.at - this.#now <= STATEMENT_MS_MAX;
      if (ready.length > 0 && !(soon && this.#random.chance(0.25))) this.#take(this.#random.pick(ready));
      else if (timer !== null) this.#fire(timer);
      else {
        const waiting = this.#turns.map(({ process, point }) => `${process.pid} (${process.state}) at ${point}`);
        throw new Error(`the simulation stands still: nothing is left that could happen; ${waiting.join(', ')}`);
      }
    }
  }

  /** One step that reaches outside the process, when its turn has come. */
  async step<T>(
    process: Process,
    point: string,
    { ready, work }: { ready: () => boolean; work: () => Promise<T> },
  ): Promise<T> {
    await this.turn(process, point, ready);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** Resolves when the step may be taken; call `leave` when it has been. */
  async turn(process: Process, point: string, ready: () => boolean): Promise<void> {
    await new Promise<void>((grant) => {
      if (process.state !== 'ended') this.#turns.push({ process, point, ready, grant });
    });
  }

  enter(): void {
    this.#busy++;
  }

  leave(): void {
    this.#busy--;
    if (this.#busy === 0) this.#idle?.();
  }

  /** Something that happens later. Belongs to a process, and goes with it, or to the network (null). */
  after(process: Process | null, milliseconds: number, fire: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, milliseconds), process, fire };
    if (process?.state !== 'ended') this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  hold(process: Process): void {
    process.holding = ++this.#holders;
  }

  /** Whether another process took the lease since this one did. */
  isReplaced(process: Process): boolean {
    return process.holding < this.#holders;
  }

  /** Passes an await point that is no statement: false when the process ended there. What is frozen here stops at the next one. */
  pass(process: Process, point: string): boolean {
    this.#strike(process, point);
    return process.state !== 'ended';
  }

  kill(process: Process): void {
    this.#end(process);
    for (const gone of process.onKill) gone();
  }

  clockOf(process: Process): Clock {
    return {
      now: () => this.#now,
      sleep: (milliseconds, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const end = (): void => {
            cancel();
            signal?.removeEventListener('abort', end);
            resolve();
          };
          const cancel = this.after(process, milliseconds, () => {
            if (this.pass(process, 'pause')) end();
          });
          signal?.addEventListener('abort', end, { once: true });
        }),
    };
  }

  /** Timers of the system, set by a process, take virtual time. Returns how to undo it. */
  takeTimers(): () => void {
    const { setTimeout: set, clearTimeout: clear } = timers;
    const ours = new Map<object, () => void>();
    const scheduler = this;
    Object.assign(timers, {
      setTimeout(work: () => void, milliseconds = 0) {
        const { process } = scheduler;
        if (process === null) return set(work, milliseconds);
        const handle = { unref: () => handle, ref: () => handle };
        const run = (): void => {
          ours.delete(handle);
          if (process.state !== 'ended') scheduler.#inside.run(process, work);
        };
        ours.set(handle, scheduler.after(process, milliseconds, run));
        return handle;
      },
      clearTimeout(handle: object | undefined) {
        const cancel = handle === undefined ? undefined : ours.get(handle);
        if (cancel === undefined) return clear(handle as NodeJS.Timeout | undefined);
        if (handle !== undefined) ours.delete(handle);
        cancel();
      },
    });
    syncBuiltinESMExports();
    return () => {
      Object.assign(timers, { setTimeout: set, clearTimeout: clear });
      syncBuiltinESMExports();
    };
  }

  /** Every flow of every process has come as far as it can. */
  async #settled(): Promise<void> {
    do {
      if (this.#busy > 0) await new Promise<void>((idle) => (this.#idle = idle));
      this.#idle = null;
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#busy > 0);
  }

  #earliest(): Timer | null {
    let found: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.process !== null && timer.process.state !== 'running') continue;
      if (found === null || timer.at < found.at) found = timer;
    }
    return found;
  }

  #take(turn: Turn): void {
    const struck = this.#strike(turn.process, turn.point);
    if (struck === 'stays') return;
    this.#turns = this.#turns.filter((one) => one !== turn);
    this.enter();
    turn.grant();
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.fire();
  }

  /** `stays`: the process goes no further, for now or for ever. */
  #strike(process: Process, point: string): 'goes on' | 'stays' {
    if (process.state === 'ended') return 'stays';
    if (!process.meets(point)) return 'goes on';
    switch (process.ending?.how) {
      case 'killed':
        this.kill(process);
        return 'stays';
      case 'frozen':
        process.state = 'frozen';
        return 'stays';
      case 'interrupted':
        process.stopping.abort();
        return 'goes on';
      case 'warehouse lost':
        process.cutOff = true;
        return 'goes on';
      case 'statement fails':
        process.failsNext = true;
        return 'goes on';
      case undefined:
        return 'goes on';
    }
  }

  #end(process: Process): void {
    process.state = 'ended';
    this.#turns = this.#turns.filter((turn) => turn.process !== process);
    for (const timer of this.#timers) if (timer.process === process) this.#timers.delete(timer);
  }
}
