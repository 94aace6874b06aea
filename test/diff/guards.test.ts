import { describe, expect, it } from 'vitest';
import type { Guards } from '../../src/artifacts/annotation.ts';
import { checkGuards, type GuardFigures } from '../../src/diff/guards.ts';

const DEFAULTS: Required<Guards> = {
  max_delete_percent: 20,
  max_delete_rows: 50_000,
  min_delete_rows: 100,
  key_churn_percent: 50,
  allow_empty: false,
};
const QUIET: GuardFigures = {
  reconciles: true,
  segmentRows: 1000,
  snapshotRows: 1000,
  removals: 0,
  joiners: 0,
  leavers: 0,
};
const NO_OVERRIDES = { allowDeletes: false, allowEmpty: false, allowKeyChurn: false };

function tripped(figures: Partial<GuardFigures>, guards: Guards = {}, overrides = NO_OVERRIDES): readonly string[] {
  return checkGuards({ ...QUIET, ...figures }, { ...DEFAULTS, ...guards }, overrides).map(
    ({ guard, overridden }) => `${guard}${overridden ? ' (overridden)' : ''}`,
  );
}

describe('guards', () => {
  it.each([
    ['nothing leaves', {}, []],
    ['a few leave', { removals: 100, leavers: 100 }, []],
    [
      'many of a small list leave, below the number that counts',
      { snapshotRows: 100, removals: 100, leavers: 100 },
      [],
    ],
    ['a fifth leaves', { removals: 200 }, []],
    ['more than a fifth leaves', { removals: 201 }, ['delete-percent']],
    ['too many rows leave', { snapshotRows: 1_000_000, removals: 50_001 }, ['delete-rows']],
    ['the segment is empty', { segmentRows: 0, removals: 1000, leavers: 1000 }, ['empty-segment', 'delete-percent']],
    ['the segment is empty, and nothing may be deleted', { segmentRows: 0, leavers: 1000 }, ['empty-segment']],
    ['the segment is empty before the first sync', { segmentRows: 0, snapshotRows: 0 }, []],
    ['keys are exchanged', { leavers: 501, joiners: 501, removals: 501 }, ['delete-percent', 'key-churn']],
    ['keys are exchanged where nothing may be deleted', { leavers: 501, joiners: 501 }, ['key-churn']],
    [
      'the keys of a small list are exchanged, below the number that counts',
      { snapshotRows: 100, removals: 100, leavers: 100, joiners: 100 },
      [],
    ],
    ['many join and few leave', { leavers: 101, joiners: 5000 }, []],
    [
      'only those leave that had stayed behind',
      { snapshotRows: 0, segmentRows: 0, removals: 101 },
      ['empty-segment', 'delete-percent'],
    ],
    ['those leave that had stayed behind, too', { removals: 1500 }, ['delete-percent']],
    ['only new keys are sent', { reconciles: false, segmentRows: 0, removals: 1000, leavers: 1000 }, []],
  ] as const)('when %s', (_name, figures, wanted) => {
    expect(tripped(figures)).toEqual(wanted);
  });

  it('let one run pass, and say so', () => {
    const figures = { segmentRows: 0, removals: 60_000, snapshotRows: 60_000, leavers: 60_000, joiners: 40_000 };
    expect(tripped(figures, {}, { allowDeletes: true, allowEmpty: true, allowKeyChurn: true })).toEqual([
      'empty-segment (overridden)',
      'delete-percent (overridden)',
      'delete-rows (overridden)',
      'key-churn (overridden)',
    ]);
    expect(tripped(figures, {}, { ...NO_OVERRIDES, allowDeletes: true })).toEqual([
      'empty-segment',
      'delete-percent (overridden)',
      'delete-rows (overridden)',
      'key-churn',
    ]);
  });

  it('are what the project says they are', () => {
    expect(tripped({ removals: 1000 }, { max_delete_percent: 100 })).toEqual([]);
    expect(tripped({ removals: 1500 }, { max_delete_percent: 100 })).toEqual([]);
    expect(tripped({ segmentRows: 0, removals: 3 }, { allow_empty: true })).toEqual([]);
    expect(tripped({ removals: 1 }, { max_delete_percent: 0, min_delete_rows: 0 })).toEqual(['delete-percent']);
    expect(tripped({ removals: 1 }, { max_delete_rows: 0 })).toEqual(['delete-rows']);
  });

  it('a segment whose members have all withdrawn consent is not called empty', () => {
    const figures = { ...QUIET, segmentRows: 0, withheld: 12, removals: 12 };
    const [verdict] = checkGuards(figures, DEFAULTS, NO_OVERRIDES);
    expect(verdict).toMatchObject({ guard: 'empty-segment', message: expect.stringContaining('12 without consent') });
  });
});
