import type { ProjectOptions } from '../artifacts/project.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type Logger, silentLogger } from '../log.ts';

/** Options that every command takes. Defaults: the system's clock, no log, no selection, the real platforms. */
export interface CommandOptions extends ProjectOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Ends the command early: the batch in flight is finished and recorded. */
  readonly signal?: AbortSignal;
  /** `vip_france`, `vip_france.meta_customers`, `*.meta_customers`; several are a union. */
  readonly select?: readonly string[];
  readonly exclude?: readonly string[];
  /** Id of a run of dbt Cloud whose artifacts take the place of the target folder's. */
  readonly dbtCloudRun?: string;
  /** Base address of a running sandbox: every destination is redirected to it, and state is kept apart. */
  readonly sandboxUrl?: string | null;
  /** How long to wait for another process that holds the DuckDB file or the activation. Default 60 s. */
  readonly lockTimeoutMs?: number;
  /** Told as delivery goes on, for a progress line. */
  readonly progress?: (event: ProgressEvent) => void;
}

/** How far one activation is. `done` and `total` count rows; `total` is null where nobody knows. */
export interface ProgressEvent {
  readonly activation: string;
  readonly stage: 'gate' | 'plan' | 'deliver' | 'record';
  readonly done: number;
  readonly total: number | null;
}

/** Options of plan, sync and retry. Everything is off unless stated. */
export interface SyncOptions extends CommandOptions {
  /** Send everything again; removals that the snapshot knows are still sent. */
  readonly fullRefresh?: boolean;
  readonly resendEvents?: boolean;
  readonly noGate?: boolean;
  readonly allowDeletes?: boolean;
  readonly allowEmpty?: boolean;
  readonly allowKeyChurn?: boolean;
  /** Takes the pause off activations that `clear` paused. */
  readonly resume?: boolean;
  /** Of the selected activations only those whose schedule asks for a run since their last success. */
  readonly due?: boolean;
  /** `plan`: also asks each platform that has a means for it whether it would take the first changes; nothing is applied. */
  readonly remote?: boolean;
  /** Accounts that are synced side by side. Default 4; a plan takes one activation after another. */
  readonly threads?: number;
}

/** Options of status. */
export interface StatusOptions extends CommandOptions {
  /** An activation whose last success is older makes the exit code 1. */
  readonly staleHours?: number;
}

/** Options of clean. */
export interface CleanOptions extends CommandOptions {
  /** Ids; left out: all that left something behind. */
  readonly activations?: readonly string[];
  /** Without it nothing is changed: what was left behind is reported. */
  readonly yes: boolean;
  /** First remove at the platform what the snapshots hold. */
  readonly removeMembers?: boolean;
  /** And the audience itself, where the service has a means for it. */
  readonly deleteAudience?: boolean;
}

/** Options of clear. */
export interface ClearOptions extends CommandOptions {
  /** The activation's id. */
  readonly activation: string;
  /** Without it nothing is sent: the count is reported. */
  readonly yes: boolean;
}

/** Options of forget. */
export interface ForgetOptions extends CommandOptions {
  /** Name of the entity. */
  readonly entity: string;
  /** The person's primary key: as text, or of a composite key the text of a JSON object. */
  readonly key: string;
  /** Without it nothing is sent or changed: what is known is counted. */
  readonly yes: boolean;
  /** Records that were at a destination before us stay, and nobody's whole profile is erased. */
  readonly keepExisting?: boolean;
}

/** The clock of a command: the system's unless stated. */
export function clockOf(options: CommandOptions): Clock {
  return options.clock ?? systemClock;
}

/** The log of a command: none unless stated. */
export function loggerOf(options: CommandOptions): Logger {
  return options.logger ?? silentLogger;
}

/** How long a command waits for a lock unless told otherwise. */
export const LOCK_TIMEOUT_MS = 60_000;
