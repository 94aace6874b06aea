import type { Warehouse } from '../../src/warehouse/warehouse.ts';

/** An empty database for one test. */
export interface OpenedWarehouse {
  readonly warehouse: Warehouse;
  close(): Promise<void>;
}
