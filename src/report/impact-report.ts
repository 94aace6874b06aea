import type { OperationCounts } from '../diff/delivery-plan.ts';
import type { ExitCode, SourceLocation } from '../errors.ts';
import type { ActivationReport } from './activation-report.ts';

/**
 * `breaks`: something will stop, or is lost, when this is merged. `attention`: people enter or leave, or rows are sent again.
 * `note`: worth knowing, and nobody is touched.
 */
export type ImpactSeverity = 'breaks' | 'attention' | 'note';

/** What a change is a change of. */
export type ImpactSubject = 'project' | 'model' | 'entity' | 'segment' | 'activation' | 'destination' | 'exposure';

/** One difference between the base and this branch, with what follows from it. */
export interface ImpactChange {
  /** Stable, kebab-case: `column-dropped`. docs/ci.md lists them. */
  readonly code: string;
  readonly severity: ImpactSeverity;
  readonly subject: { readonly kind: ImpactSubject; readonly name: string };
  /** The column concerned; null where it is not one. */
  readonly column: string | null;
  /** What changed: one sentence. */
  readonly message: string;
  /** What follows: one sentence. */
  readonly effect: string;
  /** Lines: a rule, a limit, a value; null where there is nothing to show, or it is not known. */
  readonly before: readonly string[] | null;
  readonly after: readonly string[] | null;
  /** It cannot be known for certain from the artifacts. */
  readonly guess: boolean;
  /** Names of the segments and ids of the activations that it reaches, sorted. */
  readonly segments: readonly string[];
  readonly activations: readonly string[];
  /** Where it stands on this branch. */
  readonly location: SourceLocation | null;
}

/** Members of a segment, counted in the warehouse. null: it could not be counted, and `note` of the segment says why. */
export interface SizeChange {
  readonly before: number | null;
  readonly after: number | null;
  readonly entering: number | null;
  readonly leaving: number | null;
}

/** `affected`: its own block is as it was, but something that it reads changed. */
export type ImpactStatus = 'added' | 'removed' | 'renamed' | 'changed' | 'affected';

/** A segment that the change reaches. */
export interface ImpactSegment {
  readonly segment: string;
  readonly entity: string | null;
  readonly status: ImpactStatus;
  /** null without a warehouse. */
  readonly size: SizeChange | null;
  readonly note: string | null;
}

/** An activation that the change reaches. */
export interface ImpactActivation {
  readonly activation: string;
  /** Its former id, where it was renamed. */
  readonly was: string | null;
  readonly segment: string | null;
  readonly destination: string | null;
  readonly status: ImpactStatus;
  /** What its destination would get, as `dinmo plan` says it; null without a warehouse. */
  readonly plan: ActivationReport | null;
  /** What it would get today without this change; null where that could not be computed. */
  readonly today: OperationCounts | null;
  readonly note: string | null;
}

/** What a change does to audiences: the answer of `impact`. */
export interface ImpactReport {
  /** `project`: a copy of the base's whole project was read. `manifest`: its artifacts alone. */
  readonly base: {
    readonly kind: 'project' | 'manifest';
    readonly generatedAt: string;
    readonly dbtVersion: string;
  } | null;
  /** Target of the profile in which sizes and operations were computed; null without a warehouse. */
  readonly target: string | null;
  /** Sorted: what breaks first. */
  readonly changes: readonly ImpactChange[];
  readonly segments: readonly ImpactSegment[];
  readonly activations: readonly ImpactActivation[];
  /** What could not be compared or read, a sentence each. */
  readonly notCompared: readonly string[];
  /** What stopped a part of it; what was computed by then is in the report. */
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly exitCode: ExitCode;
}
