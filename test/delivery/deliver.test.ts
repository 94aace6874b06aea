import { describe, expect, it } from 'vitest';
import { DEFAULT_RETRY } from '../../src/delivery/attempt.ts';
import { Pacer } from '../../src/delivery/pace.ts';
import { accept, change, changes, Line, retry } from './line.ts';

describe('an attempt', () => {
  it('is made again under the same id, and no two batches share one', async () => {
    const line = new Line();
    let failures = 0;
    line.answer = (batch) => (batch.rows[0]?.seq === 1 && failures++ < 3 ? retry({ applied: 'maybe' }) : accept(batch));
    await line.run([changes(10)], { rows: 4 });
    expect(line.batches.map(({ id, attempt }) => `${id} ${attempt}`).sort()).toEqual([
      'sync:activation:1-4 1',
      'sync:activation:1-4 2',
      'sync:activation:1-4 3',
      'sync:activation:1-4 4',
      'sync:activation:5-8 1',
      'sync:activation:9-10 1',
    ]);
    expect(line.counts()).toEqual({ accepted: 10 });
  });

  it('bears another id as soon as its rows are others, gaps or not', async () => {
    const ids = new Map<string, string>();
    const line = new Line();
    line.answer = (batch) => {
      const rows = batch.rows.map(({ seq }) => seq).join();
      expect(ids.get(batch.id) ?? rows).toBe(rows);
      ids.set(batch.id, rows);
      return batch.rows.length > 1 && line.batches.length < 40
        ? { kind: 'narrow', code: 'no', message: 'no' }
        : accept(batch);
    };
    const gappy = [1, 2, 4, 5, 6, 9, 10, 11, 15, 16, 17, 18].map((seq) => change(seq));
    await line.run([gappy], { rows: 7 });
    expect(line.counts()).toEqual({ accepted: 12 });
  });

  it('waits as long as Retry-After says, and longer with each failure where it says nothing', async () => {
    const line = new Line();
    const answers = [retry({ throttled: true, afterMs: 7000 }), retry({ afterMs: 3000 }), retry(), retry()];
    line.answer = (batch) => answers.shift() ?? accept(batch);
    await line.run([changes(1)]);
    const gaps = line.sentAt.slice(1).map((at, index) => at - (line.sentAt[index] ?? 0));
    expect(gaps.slice(0, 2)).toEqual([7000, 3000]);
    expect(gaps[3]).toBeGreaterThan(gaps[2] ?? 0);
  });

  it('tells what was refused from what may have been applied', async () => {
    const line = new Line();
    line.answer = ({ rows: [first] }) => retry({ applied: first?.seq === 1 ? 'no' : 'maybe' });
    await line.run([changes(2)], { rows: 1 });
    expect([1, 2].map((seq) => line.receipts.get(seq)?.status)).toEqual(['deferred', 'unknown']);
    expect(line.batches).toHaveLength(2 * DEFAULT_RETRY.attemptsMax);
  });

  it('is not repeated where sending twice counts twice', async () => {
    const line = new Line();
    line.answer = ({ rows: [first] }) => retry({ applied: first?.seq === 1 ? 'no' : 'maybe' });
    await line.run([changes(2)], { rows: 1, deduplicates: false });
    expect(line.batches).toHaveLength(DEFAULT_RETRY.attemptsMax + 1);
    expect(line.receipts.get(2)?.status).toBe('unknown');
  });

  it('that puts rows off after one without an answer leaves them in doubt', async () => {
    const line = new Line();
    const said = { code: 'locked', message: 'locked' } as const;
    line.answer = ({ rows, attempt }) =>
      attempt === 1
        ? retry({ applied: rows[0]?.seq === 1 ? 'maybe' : 'no' })
        : { kind: 'receipts', receipts: rows.map(({ seq }) => ({ seq, status: 'deferred', ...said })) };
    await line.run([changes(2)], { rows: 1 });
    expect([1, 2].map((seq) => line.receipts.get(seq)?.status)).toEqual(['unknown', 'deferred']);
  });

  it('that is refused after one without an answer may have been applied', async () => {
    const line = new Line();
    line.answer = () =>
      line.batches.length === 1
        ? retry({ applied: 'maybe' })
        : { kind: 'refused', code: 'expired', message: 'the token expired', fix: 'make a new one' };
    await line.run([changes(3)]);
    expect(line.counts()).toEqual({ unknown: 3 });
  });

  it('that throws counts as one that may have been applied; rows that an answer leaves out have no verdict', async () => {
    const line = new Line();
    line.answer = (batch) => {
      if (batch.rows[0]?.seq === 1) throw new Error('to ada@example.com');
      return { kind: 'receipts', receipts: [{ seq: 3, status: 'accepted' }] };
    };
    await line.run([changes(4)], { rows: 2 });
    expect(line.counts()).toEqual({ unknown: 3, accepted: 1 });
    expect(JSON.stringify([...line.receipts])).not.toContain('ada@example.com');
  });
});

describe('a delivery', () => {
  it('stops after five batches in a row without an answer, and not after five of many', async () => {
    const line = new Line();
    line.answer = () => retry();
    const outcome = await line.run([changes(100)], { rows: 1 });
    expect(outcome.stop).toMatchObject({ kind: 'unreachable', code: 'busy' });
    // One more may be under way when the fifth gives up.
    expect(line.receipts.size).toBeLessThanOrEqual(6);
    const patchy = new Line();
    patchy.answer = (batch) => (Number(batch.rows[0]?.seq) % 5 === 0 ? accept(batch) : retry());
    expect((await patchy.run([changes(50)], { rows: 1 })).stop).toBeNull();
    expect(patchy.counts()).toEqual({ accepted: 10, deferred: 40 });
  });

  it('stops at once where the platform asks for more patience than a run has, and asks no more', async () => {
    const line = new Line();
    line.answer = () => retry({ throttled: true, afterMs: 3_600_000 });
    const before = line.clock.now();
    const outcome = await line.run([changes(100)], { rows: 1, connections: 3 });
    expect(outcome.stop).toMatchObject({ kind: 'unreachable' });
    expect(line.batches.length).toBeLessThanOrEqual(3);
    expect(line.clock.now() - before).toBeLessThan(1000);
    expect(line.counts()['unknown']).toBeUndefined();
  });

  it('sends nothing more after a refusal: no batch, no retry, no half of another batch', async () => {
    const line = new Line();
    line.answer = async (batch) => {
      if (batch.rows[0]?.seq === 1) return { kind: 'refused', code: 'no-right', message: 'no right', fix: 'ask' };
      return { kind: 'narrow', code: 'bad', message: 'bad' };
    };
    const outcome = await line.run([changes(400)], { rows: 100, connections: 4 });
    expect(outcome.stop).toMatchObject({ kind: 'refused', code: 'no-right', fix: 'ask' });
    expect(line.batches.length).toBeLessThanOrEqual(8);
    expect([...line.receipts.values()].filter(({ status }) => status !== 'deferred')).toEqual([]);
  });

  it('keeps operations apart, rows and bytes within the limits, and connections too', async () => {
    const line = new Line();
    const mixed = [
      ...changes(30),
      ...Array.from({ length: 30 }, (_, i) =>
        change(31 + i, { operation: 'update', fieldsJson: `{"a":"${'é'.repeat(i * 10)}"}` }),
      ),
      ...Array.from({ length: 30 }, (_, i) => change(61 + i, { operation: 'delete', fieldsJson: null })),
    ];
    line.answer = async (batch) => {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      return accept(batch);
    };
    await line.run([mixed], { rows: 12, bytes: 2000, connections: 3 });
    for (const batch of line.batches) {
      expect(new Set(batch.rows.map(({ operation }) => operation)).size).toBe(1);
      expect(batch.rows.length).toBeLessThanOrEqual(12);
      const body = JSON.stringify(batch.rows.map((row) => ({ key: row.key, fields: row.fieldsJson })));
      expect(batch.rows.length === 1 || Buffer.byteLength(body) <= 2000).toBe(true);
    }
    expect(line.inFlightMax).toBe(3);
    expect(line.counts()).toEqual({ accepted: 90 });
  });

  it('begins a phase when every batch of the one before has an outcome, and holds back whose removal was not accepted', async () => {
    const line = new Line();
    const finished: number[] = [];
    line.answer = async (batch) => {
      const phase = Number(batch.rows[0]?.recordId);
      for (const seen of finished) expect(seen).toBeLessThanOrEqual(phase);
      if (phase > 1) expect(finished.filter((seen) => seen === phase - 1)).toHaveLength(5);
      for (let turn = 0; turn < Number(batch.rows[0]?.seq) % 7; turn++) await Promise.resolve();
      finished.push(phase);
      if (phase !== 2) return accept(batch);
      return {
        kind: 'receipts',
        receipts: batch.rows.map(({ seq, key }) =>
          key === '3' ? { seq, status: 'rejected', code: 'no', message: 'no' } : { seq, status: 'accepted' },
        ),
      };
    };
    const phase = (number: 1 | 2 | 3, part: 'whole' | 'remove' | 'add') =>
      Array.from({ length: 10 }, (_, i) =>
        change(number * 100 + i, { part, key: String(i), recordId: String(number) }),
      );
    await line.run([phase(1, 'whole'), phase(2, 'remove'), phase(3, 'add')], { rows: 2, connections: 3 });
    expect(line.receipts.get(303)).toMatchObject({ status: 'deferred', code: 'removal-not-accepted' });
    expect(line.counts()).toEqual({ accepted: 28, rejected: 1, deferred: 1 });
  });

  it('finishes what is in flight when it is interrupted, and tells what never went out', async () => {
    const line = new Line();
    line.answer = async (batch) => {
      if (line.batches.length === 3) line.stopping.abort();
      await Promise.resolve();
      return accept(batch);
    };
    const outcome = await line.run([changes(100), changes(5)], { rows: 2, connections: 2 });
    expect(outcome.stop).toMatchObject({ kind: 'interrupted' });
    expect(line.counts()['unknown']).toBeUndefined();
    expect(line.receipts.size).toBe(line.intents.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0));
    expect(line.counts()['accepted']).toBe(line.batches.length * 2);
  });

  it('does not take an interruption for a dead destination', async () => {
    const line = new Line();
    line.answer = () => {
      line.stopping.abort();
      return retry({ throttled: true, afterMs: 5000 });
    };
    const outcome = await line.run([changes(100)], { rows: 1, connections: 10 });
    expect(outcome.stop?.kind).toBe('interrupted');
  });

  it('marks a batch as not sent that was announced when the delivery stopped', async () => {
    const line = new Line();
    line.intended = async () => line.stopping.abort();
    const outcome = await line.run([changes(4)], { rows: 2 });
    expect(outcome.stop?.kind).toBe('interrupted');
    expect(line.batches).toEqual([]);
    expect(line.counts()).toEqual({ deferred: 2 });
  });

  it('announces nothing when it may not send any more', async () => {
    const line = new Line();
    line.answer = (batch) => {
      line.maySend = () => {
        throw new Error('the lease ended');
      };
      return accept(batch);
    };
    await expect(line.run([changes(6)], { rows: 2 })).rejects.toThrow('the lease ended');
    expect(line.counts()).toEqual({ accepted: 2 });
    expect(line.intents).toEqual([[1, 2]]);
  });

  it('waits for what is in flight when the rows cannot be read any more', async () => {
    const line = new Line();
    let answered = 0;
    line.answer = async (batch) => {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      answered++;
      return accept(batch);
    };
    const broken = [...changes(8), null as never];
    await expect(line.run([broken], { rows: 2, connections: 4 })).rejects.toThrow();
    expect(answered).toBe(line.batches.length);
    expect(line.receipts.size).toBe(answered * 2);
  });
});

describe('the pace', () => {
  it('is kept to the rate and not below it, whoever asks, pauses or not', async () => {
    for (const rate of [0.5, 3, 10, 190]) {
      const line = new Line();
      const throttled = new Set([5, 17, 18]);
      line.answer = (batch) =>
        throttled.delete(line.batches.length) ? retry({ throttled: true, afterMs: 4000 }) : accept(batch);
      const started = line.clock.now();
      await line.run([changes(60)], { rows: 1, connections: 8, pacer: new Pacer(line.clock, rate) });
      for (const from of line.sentAt) {
        const within = line.sentAt.filter((at) => at >= from && at < from + 10_000 - 1).length;
        expect(within).toBeLessThanOrEqual(Math.max(1, Math.ceil(rate * 10)));
      }
      const seconds = (line.clock.now() - started - 3 * 4000) / 1000;
      expect(line.sentAt.length / seconds).toBeGreaterThanOrEqual(rate * 0.95);
    }
  });

  it('is not lost to timers that come late', async () => {
    const line = new Line();
    const clock = { now: () => line.clock.now(), sleep: (ms: number) => line.clock.sleep(ms + 1.3) };
    const started = line.clock.now();
    await line.run([changes(500)], { rows: 1, connections: 4, pacer: new Pacer(clock, 100) });
    expect(500 / ((line.clock.now() - started) / 1000)).toBeGreaterThanOrEqual(95);
  });
});
