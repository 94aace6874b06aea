import type { Mode } from '../artifacts/annotation.ts';

/** Rows per operation. */
export interface OperationCounts {
  readonly insert: number;
  readonly update: number;
  readonly delete: number;
}

export const NO_OPERATIONS: OperationCounts = { insert: 0, update: 0, delete: 0 };

/** Why a guard stops the run: the numbers, and the override that lets it pass once. */
export interface GuardVerdict {
  readonly guard: 'empty-segment' | 'delete-percent' | 'delete-rows' | 'key-churn';
  readonly message: string;
  readonly override: '--allow-deletes' | '--allow-empty' | '--allow-key-churn';
  /** True when this run was allowed to pass it. */
  readonly overridden: boolean;
}

/** What a destination would receive: a value that can be printed and saved. The rows themselves stand in the change table. */
export interface DeliveryPlan {
  readonly activation: string;
  readonly mode: Mode;
  readonly planned: OperationCounts;
  /** Of the planned: unchanged, and sent only because their membership would end soon. */
  readonly refreshed: number;
  /** Rows that our own code refuses, by code. */
  readonly invalid: Readonly<Record<string, number>>;
  /** Rows rejected before, too often, and not tried again until they change. */
  readonly parked: number;
  readonly unchanged: number;
  /** Rows of the segment, less held-out and excluded ones, and those without consent. */
  readonly segmentRows: number;
  /** Rows that are not sent for lack of consent; null where nobody is asked. */
  readonly withheld: number | null;
  /** Rows that the destination has acknowledged and that count. */
  readonly snapshotRows: number;
  /** Members that stay at the destination because `delete` is not among the operations. */
  readonly staying: number;
  /** Removals that the platform would get, also as half of an update. */
  readonly removals: number;
  /** Changes to send, in the change table. */
  readonly changes: number;
  readonly guards: readonly GuardVerdict[];
}

/** Rows that our own code refuses, whatever the code. */
export function invalidRows(plan: Pick<DeliveryPlan, 'invalid'>): number {
  return Object.values(plan.invalid).reduce((sum, count) => sum + count, 0);
}
