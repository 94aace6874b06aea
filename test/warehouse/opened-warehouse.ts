import type { Warehouse } from '../../src/warehouse/warehouse.ts';

/** A part of a warehouse that belongs to one test, and is empty at first. */
export interface OpenedWarehouse {
  readonly warehouse: Warehouse;
  /** Where tables stand that are made by a bare name. */
  readonly schema: string;
  /** Whether others have tables in the same database, so that nobody may look through all of it. */
  readonly shared?: true;
  close(): Promise<void>;
}
