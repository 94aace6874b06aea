import type { Mode } from '../artifacts/annotation.ts';
import type { OperationCounts } from '../diff/delivery-plan.ts';
import type { ExitCode } from '../errors.ts';
import type { DueReport } from './due-report.ts';

/**
 * `planned` (plan only) · `skipped` nothing was meant to run · `blocked` by gate, guard or lock · `failed` refused, or the
 * destination or warehouse failed · `partial` some rows rejected, deferred or unknown, or interrupted · `succeeded`.
 */
export type ActivationStatus = 'planned' | 'skipped' | 'blocked' | 'failed' | 'partial' | 'succeeded';

/** What became of one activation. Every key is always present; null where it was not computed. */
export interface ActivationReport {
  readonly activation: string;
  readonly mode: Mode | null;
  readonly status: ActivationStatus;
  readonly planned: OperationCounts | null;
  readonly accepted: OperationCounts | null;
  readonly rejected: number | null;
  readonly deferred: number | null;
  readonly unknown: number | null;
  readonly invalid: number | null;
  readonly unchanged: number | null;
  /** One sentence for a person, with what to do; null when there is nothing to say. */
  readonly reason: string | null;
  /** Rows that are not sent for lack of consent, where consent is asked for. Else it is left out. */
  readonly withheld?: number;
  /** Of the planned: unchanged members that are sent again because their membership would end soon. Where there are none it is left out. */
  readonly refreshed?: number;
  /** `plan`, where the warehouse bills by what it reads: bytes that one look at the rows of the activation would read. Else it is left out. */
  readonly bytes?: number;
  /** `plan --remote`: what the platform says of the first changes. Else it is left out. */
  readonly remote?: RemoteVerdict;
}

/** A platform's own word on changes that it was shown, none of which was applied. */
export interface RemoteVerdict {
  /** False where there was nothing to ask, or no means to. */
  readonly asked: boolean;
  readonly ok: boolean;
  /** One sentence, no personal data. */
  readonly detail: string;
}

/** What a person is told beside the counts; not part of the stable JSON. */
export interface ActivationDetail {
  readonly destination: string;
  readonly exitCode: ExitCode;
  /** The code of what stopped it (docs/errors.md), where something was thrown. */
  readonly code?: string;
  /** Rows not sent, by code. */
  readonly invalidByCode: Readonly<Record<string, number>>;
  readonly parked: number;
  readonly segmentRows: number | null;
  readonly snapshotRows: number | null;
  readonly staying: number;
  /** Guard and gate verdicts that were overridden in this run. */
  readonly overridden: readonly string[];
  readonly durationMs: number | null;
}

/** The answer of plan, sync, run, retry and clear. */
export interface SyncReport {
  readonly activations: readonly ActivationReport[];
  /** Set when the command stopped before it computed any activation. */
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly exitCode: ExitCode;
  readonly details: ReadonlyMap<string, ActivationDetail>;
  /** Activations that have state and no block any more, with the number of rows they left behind. */
  readonly orphans: readonly { readonly activation: string; readonly rows: number }[];
  /** With `--due`: how the selected activations stand to their schedules; those that are not due are not among `activations`. */
  readonly due?: DueReport;
}
