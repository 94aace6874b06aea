/**
 * The public API of dbt-dinmo: what the command line does, as functions. Every function takes dbt's own options
 * (`CommandOptions`), answers with a value, and throws `DinmoError` for what a user can cause. Those that look at activations
 * one by one (plan, sync, retry, clear, forget) do not throw it: it stands in their answer, beside what was computed by then.
 */

export { serviceLookup } from './destinations/registry.ts';
export { DinmoError, type ExitCode } from './errors.ts';
export type { Finding } from './finding.ts';
export type { EntityExplanation, ExplainedFact } from './knowledge/explain.ts';
export { explainStore } from './knowledge/explain.ts';
export { printable } from './knowledge/print.ts';
export type { ServiceFacts, ServiceLookup } from './knowledge/service-facts.ts';
export type { Activation, Destination, Entity, KnowledgeStore, Segment } from './knowledge/store.ts';
export type { Logger } from './log.ts';
export { type ActivateOptions, activateSegment } from './pipeline/activate.ts';
export { alertFailure } from './pipeline/alerts.ts';
export { type CheckOptions, type CheckReport, checkProject, locateRepository } from './pipeline/check.ts';
export { cleanState } from './pipeline/clean.ts';
export { clearActivation } from './pipeline/clear.ts';
export { readCloudAccess, readWebhookSecret } from './pipeline/dbt-cloud/access.ts';
export { listenerFolder } from './pipeline/dbt-cloud/artifacts.ts';
export { examineProject } from './pipeline/doctor.ts';
export { forgetPerson } from './pipeline/forget.ts';
export { type GenerateOptions, generateModels, pruneModels } from './pipeline/generate.ts';
export { explainGrants } from './pipeline/grants.ts';
export { assessImpact, type ImpactOptions } from './pipeline/impact.ts';
export { initProject } from './pipeline/init.ts';
export type {
  CleanOptions,
  ClearOptions,
  CommandOptions,
  ForgetOptions,
  ProgressEvent,
  StatusOptions,
  SyncOptions,
} from './pipeline/options.ts';
export { planActivations } from './pipeline/plan.ts';
export { readStatus } from './pipeline/status.ts';
export { retryActivations, syncActivations } from './pipeline/sync.ts';
export type { ActivateReport } from './report/activate-report.ts';
export type { ActivationReport, ActivationStatus, SyncReport } from './report/activation-report.ts';
export type { CleanReport, LeftBehind } from './report/clean-report.ts';
export type { DoctorLine, DoctorReport } from './report/doctor-report.ts';
export type { ForgetReport, ForgottenAt } from './report/forget-report.ts';
export type { GenerateReport } from './report/generate-report.ts';
export type { GrantsReport } from './report/grants-report.ts';
export type { ImpactActivation, ImpactChange, ImpactReport, ImpactSegment } from './report/impact-report.ts';
export type { InitReport, Proposal } from './report/init-report.ts';
export type { StatusReport } from './report/status-report.ts';
