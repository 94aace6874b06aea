import type { OperationCounts } from '../diff/delivery-plan.ts';
import type { ImpactActivation, ImpactChange, ImpactReport, ImpactSegment } from './impact-report.ts';

/** What `impact --output json` prints: keys and their order are stable, every key is always there. */
export function impactJson(report: ImpactReport): object {
  return {
    base:
      report.base === null
        ? null
        : { kind: report.base.kind, generated_at: report.base.generatedAt, dbt_version: report.base.dbtVersion },
    target: report.target,
    changes: report.changes.map(changeJson),
    segments: report.segments.map(segmentJson),
    activations: report.activations.map(activationJson),
    not_compared: report.notCompared,
    error: report.error === null ? null : { code: report.error.code, message: report.error.message },
  };
}

/** The same of a command that stopped before it had anything. */
export function impactStopped(error: { readonly code: string; readonly message: string }): object {
  const nothing = { base: null, target: null, changes: [], segments: [], activations: [], notCompared: [] };
  return impactJson({ ...nothing, error, exitCode: 4 });
}

function changeJson(change: ImpactChange): object {
  return {
    code: change.code,
    severity: change.severity,
    subject: { kind: change.subject.kind, name: change.subject.name },
    column: change.column,
    message: change.message,
    effect: change.effect,
    before: change.before,
    after: change.after,
    guess: change.guess,
    segments: change.segments,
    activations: change.activations,
    file: change.location?.file ?? null,
    line: change.location?.line ?? null,
  };
}

function segmentJson({ segment, entity, status, size, note }: ImpactSegment): object {
  return {
    segment,
    entity,
    status,
    size_before: size?.before ?? null,
    size_after: size?.after ?? null,
    entering: size?.entering ?? null,
    leaving: size?.leaving ?? null,
    note,
  };
}

function activationJson({
  activation,
  was,
  segment,
  destination,
  status,
  plan,
  today,
  note,
}: ImpactActivation): object {
  return {
    activation,
    was,
    segment,
    destination,
    status,
    verdict: plan?.status ?? null,
    planned: countsJson(plan?.planned ?? null),
    today: countsJson(today),
    invalid: plan?.invalid ?? null,
    unchanged: plan?.unchanged ?? null,
    reason: plan?.reason ?? null,
    note,
  };
}

function countsJson(counts: OperationCounts | null): OperationCounts | null {
  return counts === null ? null : { insert: counts.insert, update: counts.update, delete: counts.delete };
}
