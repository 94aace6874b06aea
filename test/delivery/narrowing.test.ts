import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch, BatchOutcome } from '../../src/destinations/destination.ts';
import { accept, changes, Line, retry } from './line.ts';

const narrow: BatchOutcome = { kind: 'narrow', code: 'invalid', message: 'one of the rows is invalid' };

/** A platform that takes a batch whole or not at all. */
function refusing(poison: ReadonlySet<number>) {
  return (batch: Batch): BatchOutcome => (batch.rows.some(({ seq }) => poison.has(seq)) ? narrow : accept(batch));
}

/** A platform that takes the good rows and says how many they were. */
function counting(poison: ReadonlySet<number>) {
  return (batch: Batch): BatchOutcome => ({
    kind: 'counted',
    accepted: batch.rows.filter(({ seq }) => !poison.has(seq)).length,
    code: 'invalid-entries',
    message: 'some entries were invalid',
  });
}

function spread(count: number, among: number, seed: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (let x = seed; found.size < count; x = (x * 48_271) % 2_147_483_647) found.add((x % among) + 1);
  return found;
}

describe('a batch that is refused for the sake of some rows', () => {
  it.each([
    { name: 'refused whole', platform: refusing, rows: 10_000 },
    { name: 'refused whole', platform: refusing, rows: 1000 },
    { name: 'refused whole', platform: refusing, rows: 500 },
    { name: 'counted', platform: counting, rows: 10_000 },
    { name: 'counted', platform: counting, rows: 500 },
  ])('leaves 9,993 of 10,000 rows accepted, at a price ($name, $rows a request)', async ({ platform, rows }) => {
    let extra = 0;
    const seeds = 20;
    for (let seed = 1; seed <= seeds; seed++) {
      const poison = spread(7, 10_000, seed * 7919);
      const line = new Line();
      line.answer = platform(poison);
      await line.run([changes(10_000)], { rows });
      expect(line.counts()).toEqual({ accepted: 9993, rejected: 7 });
      for (const seq of poison) expect(line.receipts.get(seq)?.status).toBe('rejected');
      extra += line.batches.length - 10_000 / rows;
    }
    expect(extra / seeds).toBeLessThanOrEqual(1.2 * 7 * Math.log2(rows));
  });

  it('gives every row exactly one receipt, whatever the platform answers', async () => {
    const answers = fc.array(
      fc.constantFrom(
        'ok',
        'ok',
        'narrow',
        'counted',
        'counted none',
        'too_large',
        'throttled',
        'lost',
        'refused',
        'throws',
      ),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(
        answers,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 20 }),
        async (list, count, rows) => {
          const line = new Line();
          let at = 0;
          const applied = new Set<number>();
          line.answer = (batch) => {
            const answer = list[at++] ?? 'ok';
            const some = batch.rows.slice(0, Math.floor(batch.rows.length / 2));
            const code = answer;
            const message = answer;
            for (const { seq } of answer === 'counted' ? some : answer === 'lost' || answer === 'ok' ? batch.rows : [])
              applied.add(seq);
            if (answer === 'throws') throw new Error('socket hang up');
            if (answer === 'narrow' || answer === 'too_large') return { kind: answer, code, message };
            if (answer === 'counted') return { kind: 'counted', accepted: some.length, code, message };
            if (answer === 'counted none') return { kind: 'counted', accepted: 0, code, message };
            if (answer === 'refused') return { kind: 'refused', code, message, fix: 'mend it' };
            if (answer === 'throttled') return retry({ throttled: true });
            if (answer === 'lost') return retry({ applied: 'maybe' });
            return accept(batch);
          };
          const outcome = await line.run([changes(count)], { rows });
          const announced = line.intents.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0);
          expect(line.receipts.size).toBe(announced);
          if (outcome.stop === null) expect(announced).toBe(count);
          // What the platform took is never taken for not sent.
          for (const seq of applied) expect(line.receipts.get(seq)?.status).not.toBe('deferred');
          for (const batch of line.batches) expect(batch.rows.length).toBeLessThanOrEqual(rows);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is halved when it is too large, and a single row that is too large is rejected', async () => {
    const line = new Line();
    line.answer = (batch) =>
      batch.rows.length > 3 || batch.rows.some(({ seq }) => seq === 5)
        ? { kind: 'too_large', code: 'too-large', message: 'too large' }
        : accept(batch);
    await line.run([changes(20)], { rows: 20 });
    expect(line.counts()).toEqual({ accepted: 19, rejected: 1 });
    expect(line.receipts.get(5)).toMatchObject({ status: 'rejected', code: 'too-large' });
  });

  it('is not the activation’s fault while good rows stand behind the bad ones', async () => {
    const line = new Line();
    line.answer = refusing(new Set(changes(60).map(({ seq }) => seq)));
    const outcome = await line.run([changes(1000)], { rows: 500 });
    expect(outcome.stop).toBeNull();
    expect(line.counts()).toEqual({ accepted: 940, rejected: 60 });
  });

  it('stops the activation when every single row is refused', async () => {
    const line = new Line();
    line.answer = () => narrow;
    const outcome = await line.run([changes(10_000)], { rows: 500 });
    expect(outcome.stop).toMatchObject({ kind: 'refused', code: 'everything-rejected' });
    expect(line.counts()).toEqual({ rejected: 30, deferred: 470 });
    expect(line.batches.length).toBeLessThan(330);
  });

  it('stays in doubt where a count said that some were taken and nothing told which', async () => {
    const line = new Line();
    line.answer = () => {
      if (line.batches.length > 1) return { kind: 'refused', code: 'no-right', message: 'no right', fix: 'ask' };
      return { kind: 'counted', accepted: 8, code: 'short', message: 'short' };
    };
    const outcome = await line.run([changes(10)]);
    expect(outcome.stop?.kind).toBe('refused');
    expect(line.counts()).toEqual({ unknown: 10 });
  });
});
