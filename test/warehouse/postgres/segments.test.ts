import { afterAll, beforeAll, test } from 'vitest';
import { postgresDialect } from '../../../src/warehouse/postgres/dialect.ts';
import { checkWorlds, type Engine } from '../../segment/property.ts';
import { createTable, type TableWords } from '../../segment/random-world.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { openTestDatabase } from './database.ts';

const WORLDS = Number(process.env['SEGMENT_WORLDS'] ?? 3);
const SEED = Number(process.env['SEGMENT_SEED'] ?? Date.now() % 1_000_000_000);

let opened: OpenedWarehouse;
const run = (sql: string): Promise<number> => opened.warehouse.run(sql);

beforeAll(async () => {
  opened = await openTestDatabase();
  await run(
    "create schema kept; create collation kept.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
  );
});

afterAll(() => opened.close());

const WORDS: TableWords = {
  type: (name) => name.replace('double', 'double precision').replace('collate nocase', 'collate kept.nocase'),
  array: (items, type) => `cast(array[${items.join(', ')}] as ${type})`,
};

const postgres: Engine = {
  dialect: postgresDialect,
  target: (now) => ({
    node: ({ relationName }) => postgresDialect.quoteIdentifier(relationName ?? ''),
    entity: (name) => `entity_${name}`,
    segment: (name) => `segment_${name}`,
    literal: (text) => text,
    now: `timestamptz '${now}'`,
  }),
  rows: async (sql) =>
    (await opened.warehouse.query(sql)).map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]),
      ),
    ),
  async fill(tables) {
    await run("drop schema public cascade; create schema public; set timezone to 'UTC'");
    for (const table of tables) for (const statement of createTable(table, WORDS)) await run(statement);
  },
  async setZone(zone) {
    await run(`set timezone to '${zone}'`);
  },
  async view(name, sql) {
    await run(`create or replace view ${name} as ${sql}`);
  },
  async table(name, sql) {
    await run(`drop table if exists ${name} cascade`);
    await run(`create table ${name} as ${sql}`);
  },
};

test(`on ${WORLDS} random worlds the SQL of segments says what the evaluator says, as DuckDB's does`, async () => {
  await checkWorlds(postgres, { worlds: WORLDS, seed: SEED });
});
