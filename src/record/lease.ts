import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Clock } from '../clock.ts';
import { DinmoError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Value } from '../warehouse/warehouse.ts';
import type { Ledger } from './ledger.ts';

/** Who this process is: enough to tell whether another one that left a lease behind is still alive. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** When the process started, as the system counts; null where it can't be told. Guards against a reused pid. */
  readonly started: string | null;
}

/** The processes of this host, as far as a lease has to know them. */
export interface ProcessTable {
  readonly self: ProcessIdentity;
  /** Whether that process of this host still runs. */
  isAlive(process: ProcessIdentity): boolean;
}

/** The processes that the operating system knows. */
export const systemProcesses: ProcessTable = {
  self: { host: hostname(), pid: process.pid, started: statOf(process.pid)[1] },
  isAlive: ({ pid, started }) => {
    try {
      process.kill(pid, 0);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return false;
    }
    const [state, now] = statOf(pid);
    // A zombie has ended: only its parent has not asked yet.
    if (state === 'Z' || state === 'X') return false;
    return started === null || now === null || now === started;
  },
};

/** State and start of a process, where the system tells. */
function statOf(pid: number): readonly [state: string | null, started: string | null] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [fields[0] ?? null, fields[19] ?? null];
  } catch {
    return [null, null];
  }
}

/** How long a lease lasts that nobody renews: a holder elsewhere that died is waited for so long. */
export const LEASE_MS = 150_000;
/** A request may take this long (the HTTP client's timeout): nothing is sent when the lease would end before. */
export const REQUEST_MS_MAX = 60_000;
const POLL_MS = 500;

/** Which activation is locked, for whom, and how long to wait for it. */
export interface LeaseOptions {
  readonly ledger: Ledger;
  readonly activationId: string;
  /** This run: what the lease is held for. */
  readonly owner: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly processes: ProcessTable;
  readonly waitMsMax: number;
  readonly signal: AbortSignal;
}

/**
 * One sync per activation at a time. Taken from a dead process of this host at once; from any other only when its time is
 * over. Throws DinmoError `activation-locked` naming the holder.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly fence: number;
  #expiresAt: number;
  #renewal: Promise<void> | null = null;
  #lost = false;

  private constructor(options: LeaseOptions, fence: number, expiresAt: number) {
    this.#options = options;
    this.fence = fence;
    this.#expiresAt = expiresAt;
  }

  static async acquire(options: LeaseOptions): Promise<Lease> {
    const startedAt = options.clock.now();
    const deadline = startedAt + options.waitMsMax;
    let hasWaited = false;
    for (;;) {
      const held = await readHolder(options);
      if (held === null || held.expiresAt <= options.clock.now() || isDead(held, options.processes)) {
        const fence = (held?.fence ?? 0) + 1;
        const expiresAt = options.clock.now() + LEASE_MS;
        if (!(await take(options, fence, expiresAt))) continue;
        if (hasWaited) options.logger.info('lease.waited', { waited_ms: options.clock.now() - startedAt });
        return new Lease(options, fence, expiresAt);
      }
      if (options.clock.now() >= deadline || options.signal.aborted) throw lockedError(options.activationId, held);
      if (!hasWaited) options.logger.info('lease.held', { host: held.host, pid: held.pid });
      hasWaited = true;
      await options.clock.sleep(Math.min(POLL_MS, Math.max(1, held.expiresAt - options.clock.now())), options.signal);
    }
  }

  /** Throws when the lease might end before a request does, or was taken by another. Renews it in passing. */
  assertMaySend(): void {
    const left = this.#expiresAt - this.#options.clock.now();
    if (this.#lost || left <= REQUEST_MS_MAX) {
      throw new DinmoError({
        kind: 'stopped',
        code: 'lease-lost',
        message: `The lock of ${this.#options.activationId} could not be kept, so nothing more is sent.`,
        fix: 'Run the sync again: it goes on with what is left.',
      });
    }
    if (left < LEASE_MS * 0.75) this.renew();
  }

  /** Renews it where much of its time is over: what comes before the first request may have taken long. Throws `lease-lost`. */
  async keep(): Promise<void> {
    while (this.#renewal) await this.#renewal;
    if (this.#expiresAt - this.#options.clock.now() < LEASE_MS * 0.75) await this.#extend();
    this.assertMaySend();
  }

  /** Renews in the background; one at a time. */
  renew(): void {
    if (this.#renewal) return;
    this.#renewal = this.#extend()
      // Left out once, it is tried again before long; left out for good, assertMaySend stops the run.
      .catch((thrown: unknown) => this.#options.logger.debug('lease.not_renewed', { reason: messageOf(thrown) }))
      .finally(() => {
        this.#renewal = null;
      });
  }

  /**
   * Whether this process still holds the lease; part of every transaction that moves state. Where the changes of a transaction are made
   * together at its end, it is found out then.
   */
  async verify(): Promise<void> {
    const { ledger, activationId } = this.#options;
    const held = `select 1 as held from ${ledger.sql('activations')} where activation_id = ${ledger.text(activationId)} and fence = ${this.fence} and lease_owner = ${ledger.text(this.#options.owner)}`;
    if (ledger.warehouse.require?.(held) === true) return;
    const rows = await ledger.warehouse.query(held);
    if (rows.length === 1) return;
    this.#lost = true;
    this.assertMaySend();
  }

  /**
   * Changes the activation's row, if this process still holds the lease: last in a transaction that begins something, whatever its
   * other statements saw. Throws `lease-lost`.
   */
  async seal(values: Readonly<Record<string, Value>>): Promise<void> {
    const { ledger, activationId, owner } = this.#options;
    const held = `activation_id = ${ledger.text(activationId)} and fence = ${this.fence} and lease_owner = ${ledger.text(owner)}`;
    // With the fence itself: a warehouse may see two writers of a row only where they write one column.
    if (await ledger.updateOne('activations', { ...values, fence: this.fence }, held)) return;
    this.#lost = true;
    this.assertMaySend();
  }

  async release(): Promise<void> {
    while (this.#renewal) await this.#renewal;
    const { ledger, activationId } = this.#options;
    await ledger.update(
      'activations',
      { lease_owner: null, lease_host: null, lease_pid: null, lease_started: null, lease_expires_at: null },
      `activation_id = ${ledger.text(activationId)} and fence = ${this.fence}`,
    );
  }

  async #extend(): Promise<void> {
    const { ledger, activationId, clock } = this.#options;
    const expiresAt = clock.now() + LEASE_MS;
    const changed = await ledger.update(
      'activations',
      { lease_expires_at: new Date(expiresAt).toISOString() },
      `activation_id = ${ledger.text(activationId)} and fence = ${this.fence}`,
    );
    if (changed === 1) this.#expiresAt = expiresAt;
    else this.#lost = true;
  }
}

interface Holder extends ProcessIdentity {
  readonly owner: string;
  readonly fence: number;
  readonly expiresAt: number;
}

async function readHolder({ ledger, activationId }: LeaseOptions): Promise<Holder | null> {
  const [row] = await ledger.warehouse.query(
    `select * from ${ledger.sql('activations')} where activation_id = ${ledger.text(activationId)}`,
  );
  if (!row) return null;
  const expires = row['lease_expires_at'];
  return {
    owner: row['lease_owner'] === null ? '' : String(row['lease_owner']),
    host: row['lease_host'] === null ? '' : String(row['lease_host']),
    pid: Number(row['lease_pid'] ?? 0),
    started: row['lease_started'] === null ? null : String(row['lease_started']),
    fence: Number(row['fence'] ?? 0),
    expiresAt: expires === null || expires === undefined ? 0 : Date.parse(String(expires)),
  };
}

function isDead(holder: Holder, processes: ProcessTable): boolean {
  if (holder.host !== processes.self.host) return false;
  // A container that starts again may well give the process its old number.
  if (holder.pid === processes.self.pid) return holder.started !== processes.self.started;
  return !processes.isAlive(holder);
}

async function take(options: LeaseOptions, fence: number, expiresAt: number): Promise<boolean> {
  const { ledger, activationId, owner, processes } = options;
  const { host, pid, started } = processes.self;
  const changed = await ledger.update(
    'activations',
    {
      lease_owner: owner,
      lease_host: host,
      lease_pid: pid,
      lease_started: started,
      lease_expires_at: new Date(expiresAt).toISOString(),
      fence,
    },
    `activation_id = ${ledger.text(activationId)} and coalesce(fence, 0) = ${fence - 1}`,
  );
  return changed === 1;
}

function lockedError(activationId: string, holder: Holder): DinmoError {
  return new DinmoError({
    kind: 'stopped',
    code: 'activation-locked',
    message: `Another sync of ${activationId} is under way on ${holder.host} (PID ${holder.pid}), until ${new Date(holder.expiresAt).toISOString()} at the latest.`,
    fix: 'Let it end, or wait longer with --lock-timeout.',
  });
}
