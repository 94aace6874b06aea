import { join } from 'node:path';
import { systemClock } from '../../../src/clock.ts';
import { silentLogger } from '../../../src/log.ts';
import { openDuckdb } from '../../../src/warehouse/duckdb/connection.ts';
import { duckdbState } from '../../../src/warehouse/duckdb/state-dialect.ts';
import { postgresState } from '../../../src/warehouse/postgres/state-dialect.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';
import { people, Shop } from '../../rules/shop.ts';
import { bigqueryOnDuckdb } from './bigquery.ts';
import { PlainSession } from './plain.ts';
import { Record, RecordedWarehouse } from './recorded.ts';
import { snowflakeOnDuckdb } from './snowflake.ts';

export const WAREHOUSES = ['duckdb', 'postgres', 'snowflake', 'bigquery'] as const;
export type WarehouseName = (typeof WAREHOUSES)[number];

/** What is looked at, in the order in which it happens to one list of people. */
export const MOMENTS = ['plan', 'first sync', 'second sync', 'nothing changed', 'recovery', 'clear'] as const;
export type Moment = (typeof MOMENTS)[number];

/** One list of people in a warehouse whose answers DuckDB gives, and what each command of its life sends. */
export class Life {
  readonly #shop: Shop;
  readonly #name: WarehouseName;
  #record = new Record();

  private constructor(shop: Shop, name: WarehouseName) {
    this.#shop = shop;
    this.#name = name;
  }

  static async open(name: WarehouseName): Promise<Life> {
    const shop = await Shop.open({ vip: '      ads: {to: ads}' });
    if (name !== 'duckdb') {
      const path = 'target/manifest.json';
      const quoted = (text: string): string => (name === 'bigquery' ? text.replaceAll('\\"', '`') : text);
      const manifest = shop.workspace.read(path).replace('"adapter_type":"duckdb"', `"adapter_type":"${name}"`);
      shop.workspace.write(path, manifest.replaceAll(/"relation_name":"(?:[^"\\]|\\.)*"/g, quoted));
      shop.workspace.write('profiles.yml', profileOf(name));
    }
    return new Life(shop, name);
  }

  /** What the engine opens in the place of the profile's warehouse. */
  async connect(readOnly: boolean): Promise<Warehouse> {
    const path = join(this.#shop.workspace.folder, 'shop.duckdb');
    const duckdb = await openDuckdb(
      { path, readOnly: readOnly && this.#name === 'duckdb', settings: { threads: '1' }, extensions: [], attach: [] },
      { clock: systemClock, logger: silentLogger, lockTimeoutMs: 0 },
    );
    const record = this.#record;
    switch (this.#name) {
      case 'duckdb':
        return new RecordedWarehouse(
          new PlainSession(duckdbState, duckdb, { record, begin: 'begin transaction' }),
          record,
          same,
        );
      case 'postgres': {
        const begin = 'begin isolation level repeatable read';
        return new RecordedWarehouse(new PlainSession(postgresState, duckdb, { record, begin }), record, same);
      }
      case 'snowflake':
        return await snowflakeOnDuckdb(duckdb, record);
      case 'bigquery':
        return await bigqueryOnDuckdb(duckdb, record);
    }
  }

  /** What each moment sends. Throws where one of them does not do what it is meant to show. */
  async all(): Promise<ReadonlyMap<Moment, readonly string[]>> {
    const found = new Map<Moment, readonly string[]>();
    const sent = async (moment: Moment, work: () => Promise<void>): Promise<void> => {
      await work();
      found.set(moment, this.#record.sent.splice(0));
    };
    const people4 = people(1, 4, { phone: '+33612345678' });
    await this.#shop.hold(people4);
    await sent('plan', () => this.#expect(['plan'], { insert: 4, update: 0, delete: 0 }));
    await sent('first sync', () => this.#expect(['sync'], { insert: 4, update: 0, delete: 0 }));
    const changed = [...people4.slice(1, 3), { id: 4, email: 'new@example.com' }, { id: 5 }];
    await this.#shop.hold(changed);
    await sent('second sync', () => this.#expect(['sync', '--allow-deletes'], { insert: 1, update: 1, delete: 1 }));
    await sent('nothing changed', () => this.#expect(['sync'], { insert: 0, update: 0, delete: 0 }));
    await this.#shop.hold([...changed.slice(1), { id: 6 }]);
    await this.#die();
    await sent('recovery', () => this.#expect(['sync', '--allow-deletes'], null));
    await sent('clear', () => this.#expect(['clear', 'vip.ads', '--yes'], { insert: 0, update: 0, delete: 4 }));
    return found;
  }

  close(): Promise<void> {
    return this.#shop.close();
  }

  async #expect(args: readonly string[], planned: object | null): Promise<void> {
    const done = await this.#shop.one(...args);
    const good = done.code === 0 && (planned === null || JSON.stringify(done.planned) === JSON.stringify(planned));
    if (!good) throw new Error(`${args.join(' ')}: ${JSON.stringify(done)}`);
  }

  /** The process ends when everything was sent, and nothing of it was recorded. */
  async #die(): Promise<void> {
    let dead = false;
    this.#record.mayDie = (sql) => {
      dead ||= /lag\(hi\)/.test(sql);
      if (dead) throw new Error('dead');
    };
    await this.#shop.json('sync', '--allow-deletes');
    this.#record.mayDie = () => {};
    this.#record.sent.splice(0);
    // Whoever held the lease is no process of this machine any more.
    await this.#shop.workspace.sql('update "main_DINMO_DELTA_STORAGE".activations set lease_pid = 4194305');
  }
}

const same = (type: string): string => type;

function profileOf(name: Exclude<WarehouseName, 'duckdb'>): string {
  const fields = {
    postgres: 'host: here, user: me, password: unused, dbname: shop, schema: main',
    snowflake: 'account: here, user: me, database: shop, schema: main',
    bigquery: 'method: oauth, project: shop, dataset: main',
  };
  return `shop:\n  target: dev\n  outputs:\n    dev: {type: ${name}, ${fields[name]}}\n`;
}
