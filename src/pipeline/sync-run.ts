import type { Lease, ProcessTable } from '../record/lease.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import type { Context } from './context.ts';
import type { Equipment } from './execute.ts';
import type { SyncOptions } from './options.ts';
import type { Storage } from './storage.ts';
import type { ActivationResult } from './verdict.ts';

/** One person's removal, in place of a sync. */
export interface Forgetting {
  /** The person's key as text, as the state writes keys. */
  readonly key: string;
  /** Tables of the other activations of the destination in which the person alone holds what this one holds. */
  readonly ownElsewhere: ReadonlySet<string>;
  /** Called once an unfinished run is closed, and before anything is planned: what is known of the person may have changed by it. */
  readonly recovered?: () => Promise<void>;
  /** Called in the transaction that closes the run, once nothing is left to remove: takes the person out of the state. */
  readonly scrub: () => Promise<void>;
  /** What is done in place of planning and sending, once the activation is locked and an unfinished run is closed. Left out: those two. */
  readonly instead?: (locked: { readonly lease: Lease; readonly runId: string }) => Promise<ActivationResult>;
}

/** What one command's activations share. */
export interface SyncRun {
  readonly context: Context;
  readonly options: SyncOptions;
  readonly storage: Storage;
  readonly dialect: SqlDialect;
  readonly syncId: string;
  readonly equipment: Equipment;
  readonly toolVersion: string;
  readonly targetName: string;
  readonly processes?: ProcessTable;
  /** Turns the source into nothing, so that everything the snapshot holds is removed. */
  readonly clearing?: boolean;
  /** Nobody but one person is removed, and nothing else is sent. */
  readonly forgetting?: Forgetting;
  /** Asked once the activation is locked: why there is nothing to do any more, as when another process was quicker. */
  readonly findDone?: () => Promise<string | null>;
}
