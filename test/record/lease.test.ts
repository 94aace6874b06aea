import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stateTables } from '../../src/diff/state-tables.ts';
import { silentLogger } from '../../src/log.ts';
import { recover } from '../../src/pipeline/close-run.ts';
import {
  LEASE_MS,
  Lease,
  type LeaseOptions,
  type ProcessIdentity,
  REQUEST_MS_MAX,
  systemProcesses,
} from '../../src/record/lease.ts';
import { Ledger } from '../../src/record/ledger.ts';
import { EngineBench, SCHEMA } from '../pipeline/engine-bench.ts';

let bench: EngineBench;
let ledger: Ledger;
beforeEach(async () => {
  bench = new EngineBench();
  ledger = new Ledger(await bench.warehouse(), SCHEMA);
  await ledger.create();
  await ledger.insert('activations', { activation_id: 'vip.list', fence: 0 });
});
afterEach(async () => {
  await bench.close();
});

const here: ProcessIdentity = { host: 'here', pid: 7, started: '100' };

function options(self: ProcessIdentity, alive: readonly number[] = [], more: Partial<LeaseOptions> = {}): LeaseOptions {
  return {
    ledger,
    activationId: 'vip.list',
    owner: `run of ${self.host} ${self.pid} ${self.started}`,
    clock: bench.clock,
    logger: silentLogger,
    processes: { self, isAlive: ({ pid }) => alive.includes(pid) },
    waitMsMax: 0,
    signal: new AbortController().signal,
    ...more,
  };
}

const locked = { kind: 'stopped', code: 'activation-locked' };

describe('a lease', () => {
  it('is taken from a dead process of this host at once, and not from a live one', async () => {
    await Lease.acquire(options(here));
    await expect(Lease.acquire(options({ ...here, pid: 8 }, [7]))).rejects.toMatchObject(locked);
    expect((await Lease.acquire(options({ ...here, pid: 8 }))).fence).toBe(2);
  });

  it('is taken from a dead process whose number this one bears now', async () => {
    await Lease.acquire(options(here));
    expect((await Lease.acquire(options({ ...here, started: '200' }))).fence).toBe(2);
    await expect(
      Lease.acquire(options({ ...here, started: '200' }, [], { owner: 'another run' })),
    ).rejects.toMatchObject(locked);
  });

  it('of another host is waited for until it ends, however dead the process looks from here', async () => {
    await Lease.acquire(options(here));
    const elsewhere = { ...here, host: 'elsewhere' };
    await expect(Lease.acquire(options(elsewhere))).rejects.toMatchObject(locked);
    const before = bench.clock.now();
    const taken = await Lease.acquire(options(elsewhere, [], { waitMsMax: LEASE_MS + 1000 }));
    expect(taken.fence).toBe(2);
    expect(bench.clock.now() - before).toBe(LEASE_MS);
  });

  it('names its holder, and is free once released', async () => {
    const lease = await Lease.acquire(options(here));
    await expect(Lease.acquire(options({ ...here, pid: 8 }, [7]))).rejects.toThrow('here (PID 7)');
    await lease.release();
    expect((await Lease.acquire(options({ ...here, pid: 8 }, [7]))).fence).toBe(2);
  });

  it('goes to one of many who ask at the same time', async () => {
    const asked = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((pid) => Lease.acquire(options({ ...here, pid }, [1, 2, 3, 4, 5]))),
    );
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is renewed in passing, and lets nothing go out that it might not outlive', async () => {
    const lease = await Lease.acquire(options(here));
    await bench.clock.sleep(LEASE_MS / 2);
    lease.assertMaySend();
    await lease.verify();
    await bench.clock.sleep(LEASE_MS - REQUEST_MS_MAX - 1);
    lease.assertMaySend();
    await lease.verify();
    await bench.clock.sleep(LEASE_MS - REQUEST_MS_MAX);
    expect(() => lease.assertMaySend()).toThrow('could not be kept');
  });

  it('that was taken over lets its old holder neither send nor settle nor release', async () => {
    const old = await Lease.acquire(options(here));
    await bench.clock.sleep(LEASE_MS);
    const next = await Lease.acquire(options({ ...here, host: 'elsewhere' }));
    await expect(old.verify()).rejects.toMatchObject({ code: 'lease-lost' });
    expect(() => old.assertMaySend()).toThrow('could not be kept');
    await old.release();
    await next.verify();
    next.assertMaySend();
  });

  it('knows the processes of this system', () => {
    const { self, isAlive } = systemProcesses;
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, started: '1' })).toBe(self.started === null);
    expect(isAlive({ host: self.host, pid: 2 ** 22 + 1, started: null })).toBe(false);
  });

  it('that was lost closes nobody: the run that looks dead is that of the next holder', async () => {
    const lost = await Lease.acquire(options(here));
    await Lease.acquire(options({ ...here, pid: 8 }));
    const tables = stateTables(SCHEMA, 'people');
    await ledger.createSnapshot(tables);
    const closing = {
      activationId: 'vip.list',
      runId: 'theirs',
      normaliserVersion: 0,
      attempts: 5,
      matchesPeople: false,
    };
    await ledger.insert('runs', { run_id: 'theirs', activation_id: 'vip.list', status: 'running', closing: '{}' });
    await expect(
      recover(ledger, tables, [{ runId: 'theirs', closing }], {
        lease: lost,
        finishedAt: new Date(bench.clock.now()).toISOString(),
        journalFolder: null,
      }),
    ).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await bench.query(`select status from ${ledger.sql('runs')}`)).toEqual([{ status: 'running' }]);
  });
});
