import { describe, expect, it } from 'vitest';
import { Pacer } from '../../src/delivery/pace.ts';
import { accept, changes, Line } from './line.ts';

describe('an allowance', () => {
  it('that is spent by an answer that took the rows holds back the next request, not the answer', async () => {
    const line = new Line();
    line.answer = (batch) => (batch.rows[0]?.seq === 1 ? { ...accept(batch), pauseMs: 7_000 } : accept(batch));
    const { stop } = await line.run([changes(3)], { rows: 1 });
    expect(stop).toBeNull();
    expect(line.sentAt.map((at) => at - (line.sentAt[0] ?? 0))).toEqual([0, 7_000, 7_000]);
    expect(line.counts()).toEqual({ accepted: 3 });
  });

  it('that is spent for longer than a run can wait ends it, and fails nothing that was taken', async () => {
    const line = new Line();
    line.answer = (batch) => ({ ...accept(batch), pauseMs: 3_600_000 });
    const { stop } = await line.run([changes(3)], { rows: 1 });
    expect(stop).toMatchObject({ kind: 'unreachable', code: 'allowance-spent' });
    expect(line.counts()).toMatchObject({ accepted: 1 });
    expect(line.batches).toHaveLength(1);
    const last = new Line();
    last.answer = (batch) => ({ ...accept(batch), pauseMs: 3_600_000 });
    expect((await last.run([changes(1)])).stop).toBeNull();
  });

  it('of a minute is kept in any sixty seconds, beside the rate of a second', async () => {
    const line = new Line();
    await line.run([changes(25)], { rows: 1, pacer: new Pacer(line.clock, 5, 10) });
    for (const [index, at] of line.sentAt.entries()) {
      expect(at - (line.sentAt[index - 10] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThan(60_000);
      expect(at - (line.sentAt[index - 1] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(200);
    }
    expect((line.sentAt.at(-1) ?? 0) - (line.sentAt[0] ?? 0)).toBeLessThan(130_000);
  });
});

describe('batches of rows that have to be alike', () => {
  it('are gathered side by side, each announced by its own rows only', async () => {
    const line = new Line();
    const kindOf = (seq: number): string => `kind ${seq % 3}`;
    await line.run([changes(20)], { rows: 4, homogeneity: ({ seq }) => kindOf(seq) });
    for (const { rows } of line.batches) expect(new Set(rows.map(({ seq }) => kindOf(seq))).size).toBe(1);
    expect(line.batches.map(({ rows }) => rows.length).sort()).toEqual([2, 3, 3, 4, 4, 4]);
    const announced = line.intents.flatMap(([lo, hi]) => Array.from({ length: hi - lo + 1 }, (_, index) => lo + index));
    expect(announced.sort((a, b) => a - b)).toEqual(changes(20).map(({ seq }) => seq));
    expect(line.counts()).toEqual({ accepted: 20 });
  });

  it('never hold more kinds open than memory allows', async () => {
    const line = new Line();
    await line.run([changes(1000)], { rows: 1000, homogeneity: ({ seq }) => `kind ${seq % 200}` });
    expect(line.counts()).toEqual({ accepted: 1000 });
    expect(line.batches.length).toBeGreaterThan(200);
  });
});
