import type { ProcessTable } from '../record/lease.ts';
import type { SqlDialect } from '../warehouse/dialect.ts';
import type { Context } from './context.ts';
import type { Equipment } from './execute.ts';
import type { SyncOptions } from './options.ts';
import type { Storage } from './storage.ts';

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
  /** Asked once the activation is locked: why there is nothing to do any more, as when another process was quicker. */
  readonly findDone?: () => Promise<string | null>;
}
