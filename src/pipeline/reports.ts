import type { ExitCode } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';

export type { GenerateReport } from '../report/generate-report.ts';
export type { ActivationStatusRow, RejectionRow, StatusReport } from '../report/status-report.ts';

export interface CheckReport {
  readonly findings: readonly Finding[];
  /** What could be derived, also of a project with errors. */
  readonly store: KnowledgeStore;
  /** 1 with any error, else 0. */
  readonly exitCode: ExitCode;
}
