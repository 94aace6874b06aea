import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'vitest';
import { compileEntity, compileSegment } from '../../src/segment/compile.ts';
import { resolveRules } from '../../src/segment/resolve.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import { buildStore, duckdbTarget, type SegmentSpec, type WorldSpec } from './world.ts';

export interface Asked {
  readonly timezone?: string;
  readonly now?: string;
  readonly entities: WorldSpec['entities'];
  readonly segments?: Readonly<Record<string, SegmentSpec>>;
}

/** A DuckDB in memory that is asked for the rows of segments. */
export class Asking {
  readonly connection: DuckDBConnection;

  constructor(connection: DuckDBConnection) {
    this.connection = connection;
  }

  static async open(): Promise<Asking> {
    const instance = await DuckDBInstance.create(':memory:');
    return new Asking(await instance.connect());
  }

  async table(name: string, rows: string): Promise<void> {
    await this.connection.run(`create or replace table ${name} as ${rows}`);
  }

  /** Builds the views and gives the rows of each segment. */
  async rows(asked: Asked): Promise<Record<string, Record<string, unknown>[]>> {
    const store = buildStore(asked);
    expect(resolveRules(store)).toEqual([]);
    const target = duckdbTarget(asked.now ?? '2024-04-01 12:00:00+00');
    for (const [name, entity] of store.entities) {
      const { sql } = compileEntity(store, entity, duckdbDialect, target);
      await this.connection.run(`create or replace view entity_${name} as ${sql}`);
    }
    const rows: Record<string, Record<string, unknown>[]> = {};
    for (const [name, segment] of store.segments) {
      const { sql } = compileSegment(store, segment, duckdbDialect, target);
      await this.connection.run(`create or replace view segment_${name} as ${sql}`);
      rows[name] = (await this.connection.runAndReadAll(`select * from segment_${name}`)).getRowObjectsJson();
    }
    return rows;
  }

  /** The `id`s of the rows of the first entity for which the rule holds, sorted. */
  async ids(asked: Asked, where: unknown): Promise<unknown[]> {
    const [name = ''] = Object.keys(asked.entities);
    const rows = await this.rows({ ...asked, segments: { ...asked.segments, asked: { entity: name, where } } });
    return (rows['asked'] ?? []).map((row) => row['id']).sort();
  }
}
