import type { ExitCode } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';

export interface CheckReport {
  readonly findings: readonly Finding[];
  /** What could be derived, also of a project with errors. */
  readonly store: KnowledgeStore;
  /** 1 with any error, else 0. */
  readonly exitCode: ExitCode;
}

export interface GenerateReport {
  readonly findings: readonly Finding[];
  readonly written: readonly string[];
  readonly removed: readonly string[];
  readonly unchanged: number;
  /** Files that stand in the way and were not written by this tool. */
  readonly refused: readonly string[];
  /** With --check: paths that would change. */
  readonly stale: readonly string[];
  readonly exitCode: ExitCode;
}

export interface ActivationStatusRow {
  readonly activation: string;
  readonly destination: string;
  readonly enabled: boolean;
  readonly paused: boolean;
  readonly lastStatus: string | null;
  readonly lastSuccessAt: string | null;
  /** Rows that the destination has acknowledged. */
  readonly held: number | null;
  readonly dirty: number | null;
  readonly rejected: number | null;
  readonly parked: number | null;
  readonly owed: number | null;
  readonly audienceId: string | null;
  /** A run that died is waiting to be closed. */
  readonly unfinished: boolean;
}

export interface RejectionRow {
  readonly activation: string;
  /** Masked where the key is an identifier. */
  readonly key: string;
  readonly operation: string;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  readonly parked: boolean;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

export interface StatusReport {
  readonly activations: readonly ActivationStatusRow[];
  readonly rejections: readonly RejectionRow[];
  readonly orphans: readonly { readonly activation: string; readonly rows: number }[];
  readonly runs: readonly Readonly<Record<string, string | number | null>>[];
  readonly exitCode: ExitCode;
}
