import { type DeliveryOutcome, type DeliveryStop, JOB_OPEN } from '../delivery/deliver.ts';
import { type DeliveryPlan, invalidRows } from '../diff/delivery-plan.ts';
import type { GateVerdict } from '../diff/gate.ts';
import type { DinmoError, ExitCode } from '../errors.ts';
import type { Activation } from '../knowledge/store.ts';
import type { SettledCounts } from '../record/settle.ts';
import type {
  ActivationDetail,
  ActivationReport,
  ActivationStatus,
  RemoteVerdict,
} from '../report/activation-report.ts';
import { failureText } from '../report/failure.ts';
import type { SyncOptions } from './options.ts';
import type { Prepared } from './prepare-run.ts';

/** What became of one activation: the stable report, and what a person is told beside it. */
export interface ActivationResult {
  readonly report: ActivationReport;
  readonly detail: ActivationDetail;
}

/** What gate and guards say of a plan: what stops it, and what was overridden for this run. */
export interface Verdicts {
  readonly blocking: string | null;
  readonly overridden: readonly string[];
}

/** Judges a plan. A clear is asked for by name and confirmed: neither gate nor guards stop it. */
export function verdictsOf(
  plan: DeliveryPlan | null,
  gate: GateVerdict,
  options: SyncOptions,
  clearing = false,
): Verdicts {
  const overridden: string[] = [];
  const blocking: string[] = [];
  if (!gate.open && !clearing) {
    if (options.noGate === true) overridden.push('--no-gate');
    else blocking.push(`gate: ${gate.reason ?? 'closed'} (--no-gate goes on without)`);
  }
  for (const verdict of clearing ? [] : (plan?.guards ?? [])) {
    if (verdict.overridden) overridden.push(verdict.override);
    else blocking.push(`guard ${verdict.guard}: ${verdict.message} (${verdict.override} lets this run pass)`);
  }
  return { blocking: blocking.length > 0 ? blocking.join('; ') : null, overridden: [...new Set(overridden)] };
}

const EMPTY_DETAIL = {
  invalidByCode: {},
  parked: 0,
  segmentRows: null,
  snapshotRows: null,
  staying: 0,
  overridden: [],
  durationMs: null,
} as const;

/** A report of an activation that never got as far as a plan. */
export function plainResult(
  activation: Activation,
  status: ActivationStatus,
  reason: string,
  exitCode: ExitCode,
): ActivationResult {
  return {
    report: {
      activation: activation.id,
      mode: activation.mode,
      status,
      planned: null,
      accepted: null,
      rejected: null,
      deferred: null,
      unknown: null,
      invalid: null,
      unchanged: null,
      reason,
    },
    detail: { ...EMPTY_DETAIL, destination: activation.destination, exitCode },
  };
}

/** An activation that was stopped by what was thrown. */
export function failedResult(activation: Activation, thrown: DinmoError): ActivationResult {
  const reason = failureText(thrown);
  const stopped = thrown.code === 'interrupted' ? 'partial' : 'blocked';
  const status = thrown.kind === 'stopped' ? stopped : 'failed';
  const { report, detail } = plainResult(activation, status, reason, thrown.exitCode);
  return { report, detail: { ...detail, code: thrown.code } };
}

function detailOf(
  prepared: Prepared,
  plan: DeliveryPlan,
  rest: { readonly exitCode: ExitCode; readonly overridden: readonly string[]; readonly durationMs: number | null },
): ActivationDetail {
  return {
    destination: prepared.destination.name,
    invalidByCode: plan.invalid,
    parked: plan.parked,
    segmentRows: plan.segmentRows,
    snapshotRows: plan.snapshotRows,
    staying: plan.staying,
    ...rest,
  };
}

function plannedReport(
  prepared: Prepared,
  plan: DeliveryPlan,
  status: ActivationStatus,
  reason: string | null,
): ActivationReport {
  return {
    activation: prepared.activation.id,
    mode: prepared.activation.mode,
    status,
    planned: plan.planned,
    accepted: null,
    rejected: null,
    deferred: null,
    unknown: null,
    invalid: invalidRows(plan),
    unchanged: plan.unchanged,
    reason,
    ...(plan.withheld === null ? {} : { withheld: plan.withheld }),
    ...(plan.refreshed === 0 ? {} : { refreshed: plan.refreshed }),
  };
}

/** An activation that gate or guards stopped, with the counts of its plan. */
export function blockedResult(prepared: Prepared, plan: DeliveryPlan, verdicts: Verdicts): ActivationResult {
  return {
    report: plannedReport(prepared, plan, 'blocked', verdicts.blocking),
    detail: detailOf(prepared, plan, { exitCode: 1, overridden: verdicts.overridden, durationMs: null }),
  };
}

/** What `plan` says: the counts, and whether a sync would stop. */
export function plannedResult(prepared: Prepared, plan: DeliveryPlan, verdicts: Verdicts): ActivationResult {
  if (verdicts.blocking !== null) return blockedResult(prepared, plan, verdicts);
  return {
    report: plannedReport(prepared, plan, 'planned', noteOf(plan)),
    detail: detailOf(prepared, plan, { exitCode: 0, overridden: verdicts.overridden, durationMs: null }),
  };
}

/** The same with the platform's own word: what it would not take makes the exit code 1. */
export function withRemote({ report, detail }: ActivationResult, remote: RemoteVerdict): ActivationResult {
  const exitCode = remote.ok ? detail.exitCode : (Math.max(detail.exitCode, 1) as ExitCode);
  return { report: { ...report, remote }, detail: { ...detail, exitCode } };
}

/** The same with one more thing to say. */
export function withReason({ report, detail }: ActivationResult, said: string): ActivationResult {
  return { report: { ...report, reason: report.reason === null ? said : `${report.reason}; ${said}` }, detail };
}

/** For whoever looks while jobs of an earlier run may still live. */
export function openJobsNote(jobs: number): string {
  const [are, them] =
    jobs === 1 ? ['a job of an earlier run is', 'it'] : [`${jobs} jobs of an earlier run are`, 'them'];
  return `${are} open at the platform: a sync asks for ${them} first and sends nothing before that, so that these counts may change`;
}

/** A run that was left open: what it sent is counted when it is closed. */
export function openResult(
  prepared: Prepared,
  plan: DeliveryPlan,
  {
    stop,
    overrides,
    durationMs,
  }: { readonly stop: DeliveryStop; readonly overrides: Verdicts; readonly durationMs: number },
): ActivationResult {
  const failed = stop.kind === 'refused' || stop.kind === 'unreachable';
  const told = [...new Set([stop, JOB_OPEN])].map(({ message, fix }) => failureText({ message, location: null, fix }));
  const report = plannedReport(prepared, plan, failed ? 'failed' : 'partial', told.join('; '));
  const exitCode = failed ? 4 : 1;
  return { report, detail: detailOf(prepared, plan, { exitCode, overridden: overrides.overridden, durationMs }) };
}

/** A job that an earlier run left is open still: nothing was sent. */
export function stillOpenResult(activation: Activation): ActivationResult {
  const { message, fix } = JOB_OPEN;
  return plainResult(activation, 'partial', failureText({ message, location: null, fix }), 1);
}

/** A run after its settlement. */
export interface SettledInput {
  readonly prepared: Prepared;
  readonly plan: DeliveryPlan;
  readonly counts: SettledCounts;
  readonly outcome: DeliveryOutcome;
  readonly overrides: Verdicts;
  readonly durationMs: number;
}

/** What became of an activation that was sent. */
export function settledResult({
  prepared,
  plan,
  counts,
  outcome,
  overrides,
  durationMs,
}: SettledInput): ActivationResult {
  const { status, exitCode } = statusOf(counts, outcome);
  const report: ActivationReport = {
    ...plannedReport(prepared, plan, status, reasonOf(counts, outcome, prepared) ?? noteOf(plan)),
    accepted: counts.accepted,
    rejected: counts.rejected,
    deferred: counts.deferred,
    unknown: counts.unknown,
  };
  return { report, detail: detailOf(prepared, plan, { exitCode, overridden: overrides.overridden, durationMs }) };
}

function statusOf(
  counts: SettledCounts,
  { stop }: DeliveryOutcome,
): { readonly status: ActivationStatus; readonly exitCode: ExitCode } {
  if (stop?.kind === 'refused' || stop?.kind === 'unreachable') return { status: 'failed', exitCode: 4 };
  if (stop?.kind === 'interrupted' || stop?.kind === 'job_open') return { status: 'partial', exitCode: 1 };
  const open = counts.deferred + counts.unknown;
  const accepted = counts.accepted.insert + counts.accepted.update + counts.accepted.delete;
  if (open > 0 && accepted === 0 && counts.rejected === 0) return { status: 'failed', exitCode: 4 };
  return open + counts.rejected > 0 ? { status: 'partial', exitCode: 1 } : { status: 'succeeded', exitCode: 0 };
}

function reasonOf(counts: SettledCounts, { stop }: DeliveryOutcome, { endpoint }: Prepared): string | null {
  const parts: string[] = [];
  if (stop) parts.push(failureText({ message: stop.message, location: null, fix: stop.fix }));
  if (counts.rejected > 0)
    parts.push(
      `${rowsText(counts.rejected)} rejected by the destination${counts.parked > 0 ? `, ${counts.parked} of them parked` : ''}: see dinmo status --rejected${endpoint.isRehearsal ? ' --sandbox' : ''}`,
    );
  if (counts.deferred > 0) parts.push(`${rowsText(counts.deferred)} put off to the next run`);
  if (counts.unknown > 0) parts.push(`${rowsText(counts.unknown)} without a clear answer, sent again at the next run`);
  return parts.length > 0 ? parts.join('; ') : null;
}

/** Digits as they are, so that scripts find them. */
function rowsText(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`;
}

function noteOf(plan: DeliveryPlan): string | null {
  const parts: string[] = [];
  if (plan.parked > 0)
    parts.push(
      `${plan.parked === 1 ? '1 row is' : `${plan.parked} rows are`} parked: see dinmo status --rejected, dinmo retry`,
    );
  if (plan.staying > 0)
    parts.push(
      `${plan.staying} rows left and stay at the destination: delete is not among the operations, or they are not ours to delete`,
    );
  return parts.length > 0 ? parts.join('; ') : null;
}
