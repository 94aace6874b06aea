import { expect, test } from 'vitest';
import { loadDialect } from '../../src/warehouse/registry.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { placed } from './placed-warehouse.ts';

const TEXTS = [
  "'; drop table alphas; --",
  '\\',
  "\\'",
  'DELTA.x',
  "a''from alphas",
  'x\ny from alphas',
  '"',
  '`',
  "E'",
];

test.each(['duckdb', 'postgres', 'snowflake', 'bigquery'])(
  'on %s names of tables are placed, and texts stay',
  async (name) => {
    const { stringLiteral } = await loadDialect(name);
    const asked: string[] = [];
    const state = {
      name,
      text: (text: string) => `'${text}'`,
      table: (table: { schema: string | null; name: string }) => `${table.schema}:${table.name}`,
    };
    const inner = { state, run: async (sql: string) => void asked.push(sql) } as unknown as Warehouse; // what is called of it
    const warehouse = placed(inner, { bare: 'own', schemas: { DELTA: 'own_delta' } });
    await warehouse.run('create table alphas (s text)');
    const values = TEXTS.map((text) => `(${stringLiteral(text)})`).join(', ');
    await warehouse.run(`insert into alphas values ${values}`);
    await warehouse.run(`select 1 from DELTA.x join alphas on 'DELTA' = ${stringLiteral("O'Neil")}`);
    expect(asked).toEqual([
      'create table own:alphas (s text)',
      `insert into own:alphas values ${values}`,
      `select 1 from own_delta:x join own:alphas on 'own_delta' = ${stringLiteral("O'Neil")}`,
    ]);
  },
);
