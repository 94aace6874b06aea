import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Batch, BatchOutcome, Job } from '../../src/destinations/destination.ts';
import { type BenchActivation, Death, StillOpen } from '../pipeline/engine-bench.ts';
import { RowsWorld, rowsFacts } from '../pipeline/rows-world.ts';

interface Taken {
  readonly batch: Batch;
  readonly readyAt: number;
  ended: boolean;
}

/** Rows go out as jobs that take a while; what a job does is done when it ends, whether somebody asks or not. */
class JobsWorld extends RowsWorld {
  readonly jobs = new Map<string, Taken>();
  /** Handles that stood in the ledger when a process ended. */
  readonly known = new Set<string>();
  readonly violations: string[] = [];
  openMax = 0;
  secondsPerJob = 4;
  answer: (batch: Batch) => BatchOutcome | null = () => null;
  /** What a poll says instead, whatever the job does. */
  trouble: (job: Job) => BatchOutcome | null = () => null;
  /** Jobs that the platform has forgotten. */
  readonly expired = new Set<string>();

  activationOf(more: Partial<BenchActivation> = {}): BenchActivation {
    const facts = rowsFacts('objects', { jobs: { openMax: 2, deadlineMinutes: 10 } });
    return {
      ...this.activation({ facts }),
      send: async (batch) => this.#take(batch),
      poll: async (job) => this.#poll(job),
      ...more,
    };
  }

  async learn(): Promise<void> {
    const rows = await this.bench.query('select handle from "DELTA"."jobs"').catch(() => []);
    for (const { handle } of rows) this.known.add(String(handle));
  }

  #take(batch: Batch): BatchOutcome {
    const handle = `job-${this.jobs.size + 1}`;
    for (const [other, { batch: before, ended }] of this.jobs)
      if (this.known.has(other) && !ended && before.rows.some(({ key }) => batch.rows.some((row) => row.key === key)))
        this.violations.push(`rows of ${other} went out again`);
    this.jobs.set(handle, { batch, readyAt: this.bench.clock.now() + this.secondsPerJob * 1000, ended: false });
    this.openMax = Math.max(this.openMax, [...this.jobs.values()].filter(({ ended }) => !ended).length);
    return { kind: 'submitted', handle, pollAfterMs: this.jobs.size % 2 === 0 ? null : 1500 };
  }

  #poll({ handle, rows, operation }: Job): BatchOutcome {
    const trouble = this.trouble({ handle, rows, operation });
    if (trouble !== null) return trouble;
    const job = this.jobs.get(handle);
    const unknown = { status: 'unknown', code: 'gone', message: 'no such job' } as const;
    if (job === undefined || this.expired.has(handle)) {
      if (job) job.ended = true;
      return { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, ...unknown })) };
    }
    expect(rows.map(({ seq, key }) => [seq, key])).toEqual(job.batch.rows.map(({ seq, key }) => [seq, key]));
    expect(operation).toBe(job.batch.operation);
    if (this.bench.clock.now() < job.readyAt) return { kind: 'submitted', handle, pollAfterMs: null };
    job.ended = true;
    return this.answer(job.batch) ?? this.endpoint.send(job.batch);
  }
}

let world: JobsWorld;
beforeEach(() => {
  world = new JobsWorld();
});
afterEach(() => world.close());

const hold = (count: number, round = 0) =>
  world.bench.fill(
    'rows',
    'id bigint, name varchar',
    Array.from({ length: count }, (_, id) => [id, id % 2 === 0 ? `n${round}` : 'n'] as const),
  );
const held = () =>
  [...world.endpoint.rows].sort(([a], [b]) => Number(a) - Number(b)).map(([key, text]) => `${key} ${text}`);
const wanted = (count: number, round = 0) =>
  Array.from({ length: count }, (_, id) => `${id} {"name":"${id % 2 === 0 ? `n${round}` : 'n'}"}`);

it('jobs are waited for, as many at once as the platform allows, and rows at fault are found', async () => {
  await hold(14);
  const poison = (batch: Batch) => batch.rows.some(({ key }) => key === '4');
  world.answer = (batch) => (poison(batch) ? { kind: 'narrow', code: 'bad', message: 'one is bad' } : null);
  const { counts, openJobs } = await world.bench.sync(world.activationOf());
  expect({ counts, openJobs }).toMatchObject({ counts: { accepted: { insert: 13 }, rejected: 1 }, openJobs: 0 });
  expect(world.openMax).toBe(2);
  expect(await world.bench.query('select * from "DELTA"."jobs"')).toEqual([]);
});

it('an interrupted run stays open, and the next one asks before it does anything else', async () => {
  await hold(12);
  const stop = new AbortController();
  world.trouble = () => {
    if (world.jobs.size >= 3) stop.abort();
    return null;
  };
  const first = await world.bench.sync(world.activationOf({ signal: stop.signal }));
  expect(first).toMatchObject({ counts: null, stop: { kind: expect.stringMatching(/interrupted|job_open/) } });
  expect(first.openJobs).toBeGreaterThan(0);
  await world.learn();
  const { planned } = await world.bench.plan(world.activationOf());
  expect(planned.insert + planned.update).toBeGreaterThan(0);
  world.trouble = () => null;
  await hold(12, 1);
  const second = await world.bench.sync(world.activationOf());
  expect(second.stop).toBeNull();
  expect(held()).toEqual(wanted(12, 1));
  // What the job acknowledged counts: rows that did not change since are not sent again.
  expect(world.endpoint.taken.get('1')).toBe(1);
  expect(world.violations).toEqual([]);
});

it('a job beyond its deadline is left open, and nothing is sent while it is', async () => {
  await hold(3);
  world.secondsPerJob = 30 * 60;
  const first = await world.bench.sync(world.activationOf());
  expect(first).toMatchObject({ stop: { kind: 'job_open' }, openJobs: 1, counts: null });
  const jobs = world.jobs.size;
  await expect(world.bench.sync(world.activationOf())).rejects.toThrow(StillOpen);
  expect(world.jobs.size).toBe(jobs);
  for (let tries = 0; tries < 3 && world.endpoint.rows.size === 0; tries++)
    await world.bench.sync(world.activationOf()).catch(() => null);
  expect(held()).toEqual(wanted(3));
  expect(world.jobs.size).toBe(jobs);
});

it('a job that the platform has forgotten leaves its rows in doubt: they go out again', async () => {
  await hold(3);
  world.secondsPerJob = 30 * 60;
  await world.bench.sync(world.activationOf());
  world.expired.add('job-1');
  world.secondsPerJob = 1;
  const { counts } = await world.bench.sync(world.activationOf());
  expect(counts?.accepted).toMatchObject({ update: 3 });
  expect(world.jobs.size).toBe(2);
});

it.each([
  ['in one run', 1],
  ['over two runs', 30 * 60],
])('rows of a job whose handle was lost are removed though the job after it failed, %s', async (_name, seconds) => {
  await hold(3);
  const lost: Batch[] = [];
  const send: BenchActivation['send'] = async (batch, signal) => {
    if (lost.push(batch) > 1) return await takes(batch, signal);
    // It is taken, and the answer is lost.
    world.endpoint.send(batch);
    return { kind: 'retry', applied: 'maybe', throttled: false, afterMs: null, code: 'cut', message: 'cut' };
  };
  const { send: takes } = world.activationOf();
  world.secondsPerJob = seconds;
  const said = { status: 'deferred', code: 'failed', message: 'failed' } as const;
  world.answer = ({ operation, rows }) =>
    operation === 'delete' ? null : { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, ...said })) };
  await world.bench.sync(world.activationOf({ send })).catch(() => null);
  await hold(0);
  world.secondsPerJob = 1;
  for (let tries = 0; tries < 5 && held().length > 0; tries++)
    await world.bench.sync(world.activationOf()).catch(() => null);
  expect(held()).toEqual([]);
});

it('a refused question fails the activation, leaves the job as it is, and what it did is learned later', async () => {
  await hold(3);
  world.trouble = () => ({ kind: 'refused', code: 'http-401', message: 'the token expired', fix: 'renew it' });
  const first = await world.bench.sync(world.activationOf());
  expect(first).toMatchObject({ stop: { kind: 'refused', code: 'http-401' }, openJobs: 1, counts: null });
  await expect(world.bench.sync(world.activationOf())).rejects.toMatchObject({ code: 'http-401', kind: 'destination' });
  world.trouble = () => null;
  await world.bench.sync(world.activationOf());
  expect(held()).toEqual(wanted(3));
  expect(world.jobs.size).toBe(1);
});

describe('wherever the process dies', () => {
  it('ends equal to the segment, and no job that is known of is submitted again while it lives', async () => {
    const STRIDE = 7;
    for (let round = 0, ended = false; !ended; round++) {
      await hold(8 + (round % 3), round);
      world.answer = (batch) =>
        round % 4 === 1 && batch.rows.length > 2 ? { kind: 'narrow', code: 'no', message: 'no' } : null;
      let step = 0;
      world.bench.mayDie = (where) => {
        if (++step > round * STRIDE) throw new Death(where);
      };
      ended = await world.bench.sync(world.activationOf()).then(
        ({ openJobs }) => openJobs === 0,
        () => false,
      );
      world.bench.mayDie = () => {};
      await world.learn();
      const { counts } = await world.bench.sync(world.activationOf());
      expect(counts).toMatchObject({ rejected: 0, unknown: 0 });
      expect(held()).toEqual(wanted(8 + (round % 3), round));
    }
    expect(world.violations).toEqual([]);
    expect(world.known.size).toBeGreaterThan(5);
  }, 600_000);
});
