import type { Guards } from '../artifacts/annotation.ts';
import type { GuardVerdict } from './delivery-plan.ts';
import type { Overrides } from './job.ts';

/** What the guards look at. `reconciles` is false where a run only adds: then nothing is removed, and nothing is guarded. */
export interface GuardFigures {
  readonly reconciles: boolean;
  readonly segmentRows: number;
  /** Rows of the segment beside those that are not sent for lack of consent; null or left out: it is not asked for. */
  readonly withheld?: number | null;
  readonly snapshotRows: number;
  readonly removals: number;
  readonly joiners: number;
  readonly leavers: number;
}

/** Every guard that trips on these figures. A verdict that is not overridden stops the run before its first request. */
export function checkGuards(
  figures: GuardFigures,
  guards: Required<Guards>,
  overrides: Overrides,
): readonly GuardVerdict[] {
  // Members that stayed behind are outside the snapshot's count, and removed under the guards all the same.
  if (!figures.reconciles || figures.snapshotRows + figures.removals === 0) return [];
  return [
    empty(figures, guards, overrides),
    percent(figures, guards, overrides),
    rows(figures, guards, overrides),
    churn(figures, guards, overrides),
  ].filter((verdict) => verdict !== null);
}

type Guard = (figures: GuardFigures, guards: Required<Guards>, overrides: Overrides) => GuardVerdict | null;

const empty: Guard = ({ segmentRows, withheld, snapshotRows, removals }, guards, overrides) => {
  if (segmentRows > 0 || guards.allow_empty) return null;
  const why =
    (withheld ?? 0) > 0 ? `nobody in the segment may be sent (${withheld} without consent)` : 'the segment is empty';
  return {
    guard: 'empty-segment',
    message: `${why}, and the destination holds ${Math.max(snapshotRows, removals)} rows`,
    override: '--allow-empty',
    overridden: overrides.allowEmpty,
  };
};

const percent: Guard = ({ removals, snapshotRows }, guards, overrides) => {
  // Those that stayed behind may make it more than all: 100 % still lets everything pass.
  const share = snapshotRows === 0 ? 100 : Math.min(100, (removals / snapshotRows) * 100);
  if (removals <= guards.min_delete_rows || share <= guards.max_delete_percent) return null;
  return {
    guard: 'delete-percent',
    message: `${removals} of ${snapshotRows} rows (${share.toFixed(1)} %) would be removed, more than max_delete_percent ${guards.max_delete_percent}`,
    override: '--allow-deletes',
    overridden: overrides.allowDeletes,
  };
};

const rows: Guard = ({ removals }, guards, overrides) => {
  if (removals <= guards.max_delete_rows) return null;
  return {
    guard: 'delete-rows',
    message: `${removals} rows would be removed, more than max_delete_rows ${guards.max_delete_rows}`,
    override: '--allow-deletes',
    overridden: overrides.allowDeletes,
  };
};

const churn: Guard = ({ joiners, leavers, snapshotRows }, guards, overrides) => {
  const limit = (snapshotRows * guards.key_churn_percent) / 100;
  if (leavers <= guards.min_delete_rows || leavers <= limit || joiners <= limit) return null;
  return {
    guard: 'key-churn',
    message: `${leavers} keys left and ${joiners} joined of ${snapshotRows}, both more than key_churn_percent ${guards.key_churn_percent}: did the primary key change?`,
    override: '--allow-key-churn',
    overridden: overrides.allowKeyChurn,
  };
};
