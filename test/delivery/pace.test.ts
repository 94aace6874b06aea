import { describe, expect, it } from 'vitest';
import { Pacer } from '../../src/delivery/pace.ts';
import type { BatchOutcome } from '../../src/destinations/destination.ts';
import { accept, changes, Line, retry } from './line.ts';
import { Timeline } from './timeline.ts';

const LATENCY_MS = 5;

/** Deliveries that take their time, request by request, on a clock that several may wait for. */
class Road {
  readonly clock = new Timeline();
  readonly line = new Line();
  /** When each request started, and whether it was throttled. */
  readonly starts: number[] = [];
  readonly throttledAt: number[] = [];
  readonly stopping = new AbortController();

  constructor(answer: (request: number, started: number) => BatchOutcome | null) {
    this.line.answer = async (batch) => {
      const started = this.clock.now();
      this.starts.push(started);
      const outcome = answer(this.starts.length, started) ?? accept(batch);
      await this.clock.sleep(LATENCY_MS);
      if (outcome.kind === 'retry' && outcome.throttled !== false) this.throttledAt.push(this.clock.now());
      return outcome;
    };
  }

  async drive(batches: number, { connections = 4, rate = null }: { connections?: number; rate?: number | null } = {}) {
    const { clock, line, stopping } = this;
    const pacer = new Pacer(clock, rate);
    const work = line.run([changes(batches)], { rows: 1, connections, clock, pacer, stopping: stopping.signal });
    return await clock.watch(work);
  }
}

const throttled = (afterMs: number, whom: true | 'request' = 'request'): BatchOutcome =>
  retry({ throttled: whom, afterMs, code: 'http-429' });

describe('trouble with single requests', () => {
  it('costs about the longest wait of one batch, not the sum of all', async () => {
    const road = new Road((request) => {
      if (request % 10 === 3) return throttled(1000);
      if (request % 10 === 6) return retry({ applied: 'maybe', code: 'http-500' });
      return request % 10 === 9 ? retry({ applied: 'maybe', code: 'reset' }) : null;
    });
    await road.drive(100);
    expect(road.line.counts()).toEqual({ accepted: 100 });
    // 142 requests of which every tenth has a second to wait: fourteen seconds, were they to wait one after another.
    expect(road.starts.length).toBe(142);
    expect(road.clock.now()).toBeLessThan(4000);
    // However many wait, no more are under way than may be.
    expect(road.line.inFlightMax).toBe(4);
  });

  it('is waited for by the batch that met it, for as long as it was told', async () => {
    const times = new Map<string, number[]>();
    const road = new Road((request) => (request % 10 === 3 ? throttled(1000) : null));
    const { answer } = road.line;
    road.line.answer = (batch) => {
      times.set(batch.id, [...(times.get(batch.id) ?? []), road.clock.now()]);
      return answer(batch);
    };
    await road.drive(100);
    const gaps = [...times.values()].flatMap((list) => list.slice(1).map((at, index) => at - (list[index] ?? 0)));
    expect(gaps.length).toBe(11);
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(1000);
  });

  it('leaves the other connections their work', async () => {
    // The first batch fails six times, with growing pauses; the others go on meanwhile.
    let failed = 0;
    const road = new Road(() => null);
    const { answer } = road.line;
    road.line.answer = async (batch) => {
      const outcome = await answer(batch);
      if (batch.rows[0]?.seq !== 1 || failed >= 5) return outcome;
      failed += 1;
      return retry({ applied: 'maybe', code: 'http-500' });
    };
    await road.drive(200, { connections: 1 });
    expect(road.line.counts()).toEqual({ accepted: 200 });
    const own = 5 * LATENCY_MS + [150, 300, 600, 1200, 2400].reduce((sum, pause) => sum + pause * 0.75, 0);
    expect(road.clock.now()).toBeLessThanOrEqual(Math.max(own, 200 * LATENCY_MS) + 10 * LATENCY_MS);
  });
});

describe('an account that is throttled', () => {
  /** Takes `perSecond` requests in each second, and tells the others to wait for the next. */
  function counting(perSecond: number): (request: number, started: number) => BatchOutcome | null {
    const taken = new Map<number, number>();
    return (_, started) => {
      const second = Math.floor(started / 1000);
      const count = (taken.get(second) ?? 0) + 1;
      taken.set(second, count);
      return count > perSecond ? throttled((second + 1) * 1000 - started) : null;
    };
  }

  it('is found out by the second answer, and left in peace until it takes more', async () => {
    const road = new Road(counting(50));
    await road.drive(400);
    expect(road.line.counts()).toEqual({ accepted: 400 });
    expect(road.clock.now()).toBeLessThanOrEqual(8000);
    // In each second no more were turned away than were on the way, or began before the second one was.
    for (let second = 0; second < 8; second += 1) {
      const turnedAway = road.throttledAt.filter((at) => Math.floor(at / 1000) === second).length;
      expect(turnedAway).toBeLessThanOrEqual(8);
    }
  });

  it('waits as a whole where the platform says that it is the account, however many are turned away at once', async () => {
    const road = new Road((request) => ([5, 6, 7, 8].includes(request) ? throttled(2000, true) : null));
    await road.drive(40);
    expect(road.line.counts()).toEqual({ accepted: 40 });
    const last = Math.max(...road.throttledAt);
    const first = Math.min(...road.throttledAt);
    expect(road.starts.filter((at) => at > first && at < last + 2000 - LATENCY_MS)).toEqual([]);
    // Four pauses of two seconds that begin together are one.
    expect(road.clock.now()).toBeLessThan(2000 + 44 * LATENCY_MS);
  });

  it('waits as a whole where its rate is known', async () => {
    const road = new Road((request) => (request === 5 ? throttled(2000) : null));
    await road.drive(40, { rate: 100 });
    const [at = 0] = road.throttledAt;
    expect(road.starts.filter((start) => start > at && start < at + 2000)).toEqual([]);
    const seconds = (road.clock.now() - 2000) / 1000;
    expect(41 / seconds).toBeGreaterThanOrEqual(95);
  });
});
