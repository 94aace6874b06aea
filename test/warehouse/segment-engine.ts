import { loadDialect } from '../../src/warehouse/registry.ts';
import type { Row, Value } from '../../src/warehouse/warehouse.ts';
import type { Engine, Lacks } from '../segment/property.ts';
import { createTable } from '../segment/random-world.ts';
import type { OpenedWarehouse } from './opened-warehouse.ts';
import { HOSTILE_POSTGRES } from './postgres/hostile.ts';
import { tableWords } from './table-words.ts';

/** How a session is told its zone; null: it has none. */
const ZONES: Readonly<Record<string, ((zone: string) => string) | null>> = {
  bigquery: null,
  duckdb: (zone) => `set TimeZone = '${zone}'`,
  postgres: (zone) => `set timezone to '${zone}'`,
  snowflake: (zone) => `alter session set timezone = '${zone}'`,
};

/** The laws of segments, asked of a warehouse of a test. `lacks`: what its emulator cannot do. */
export async function segmentEngine({ warehouse }: OpenedWarehouse, lacks: Lacks = {}): Promise<Engine> {
  const { name } = warehouse.state;
  const dialect = await loadDialect(name);
  const words = tableWords(name);
  const cascade = name === 'postgres' ? ' cascade' : '';
  const views = new Set<string>();
  const tables = new Set<string>();
  const drop = async (kind: 'view' | 'table', made: Set<string>): Promise<void> => {
    for (const one of [...made].reverse()) await warehouse.run(`drop ${kind} if exists ${one}${cascade}`);
    made.clear();
  };
  const setZone = async (zone: string): Promise<void> => {
    const statement = ZONES[name]?.(zone);
    if (statement !== undefined) await warehouse.run(statement);
  };
  // Who reads a view has settings of their own.
  if (name === 'postgres')
    for (const [setting, value] of Object.entries(HOSTILE_POSTGRES))
      if (setting !== 'client_encoding') await warehouse.run(`set ${setting} to '${value}'`);
  if (name === 'postgres')
    await warehouse.run(
      "create schema if not exists kept; create collation if not exists kept.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    );
  return {
    dialect,
    lacks,
    target: (now) => ({
      node: ({ relationName }) => dialect.quoteIdentifier(relationName ?? ''),
      entity: (entity) => `entity_${entity}`,
      segment: (segment) => `segment_${segment}`,
      literal: (text) => text,
      now: dialect.instantLiteral(now.replace('T', ' ').replace('Z', '')),
    }),
    rows: async (sql) => (await warehouse.query(sql)).map(plain),
    async fill(given) {
      await drop('view', views);
      await drop('table', tables);
      await setZone('UTC');
      for (const table of given) {
        tables.add(table.name);
        for (const statement of createTable(table, words, dialect)) await warehouse.run(statement);
      }
    },
    setZone,
    async view(view, sql) {
      views.add(view);
      await warehouse.run(`create or replace view ${view} as ${sql}`);
    },
    async table(table, sql) {
      tables.add(table);
      await warehouse.run(`drop table if exists ${table}${cascade}`);
      await warehouse.run(`create table ${table} as ${sql}`);
    },
  };
}

function plain(row: Row): Record<string, unknown> {
  const read = (value: Value): unknown => {
    if (typeof value === 'bigint') return Number(value);
    // A day as this session writes it.
    return typeof value === 'string' ? value.replace(/^(\d\d)\/(\d\d)\/(\d{4})$/, '$3-$2-$1') : value;
  };
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toLowerCase(), read(value)]));
}
