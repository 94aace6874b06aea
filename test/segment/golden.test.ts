import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { validate } from '@polyglot-sql/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { compileEntity, compileSegment } from '../../src/segment/compile.ts';
import { compileProjection, type Projection } from '../../src/segment/compile-projection.ts';
import { compileUnmatched } from '../../src/segment/compile-unmatched.ts';
import { resolveRules } from '../../src/segment/resolve.ts';
import type { CompiledQuery, SqlTarget } from '../../src/segment/target.ts';
import { bigqueryDialect } from '../../src/warehouse/bigquery/dialect.ts';
import type { SqlDialect } from '../../src/warehouse/dialect.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import { postgresDialect } from '../../src/warehouse/postgres/dialect.ts';
import { snowflakeDialect } from '../../src/warehouse/snowflake/dialect.ts';
import { shop, shopTables } from './shop.ts';
import { buildStore, dbtTarget, duckdbTarget, type SegmentSpec } from './world.ts';

/** `UPDATE_GOLDEN=1 npm test -- test/segment/golden.test.ts` writes the files anew; read the difference before keeping it. */
const UPDATE = process.env['UPDATE_GOLDEN'] === '1';
const FOLDER = join(import.meta.dirname, '../golden/segment');

const DIALECTS: readonly { readonly dialect: SqlDialect; readonly parser: string }[] = [
  { dialect: duckdbDialect, parser: 'duckdb' },
  { dialect: bigqueryDialect, parser: 'bigquery' },
  { dialect: snowflakeDialect, parser: 'snowflake' },
  { dialect: postgresDialect, parser: 'postgresql' },
];

interface Case {
  readonly segment?: SegmentSpec;
  readonly entity?: string;
  /** What the segment's model lists in vain. */
  readonly unmatched?: boolean;
  readonly projection?: Projection;
}

const SEGMENTS: Readonly<Record<string, SegmentSpec>> = {
  newsletter_optins: { entity: 'customer', where: { attribute: 'is_subscribed', is_true: true } },
  churned: { entity: 'customer', sql: 'churned_customers' },
};

function storeFor(golden: Case) {
  const segments = { ...SEGMENTS, ...(golden.segment ? { asked: golden.segment } : {}) };
  return buildStore({ timezone: 'Europe/Paris', entities: shop, segments });
}

function compile(golden: Case, dialect: SqlDialect, target: SqlTarget): CompiledQuery {
  const store = storeFor(golden);
  const entity = store.entities.get(golden.entity ?? '');
  const segment = store.segments.get('asked');
  if (golden.projection) return compileProjection(store, golden.projection, dialect, target);
  if (entity) return compileEntity(store, entity, dialect, target);
  const unmatched = segment && golden.unmatched ? compileUnmatched(store, segment, dialect, target) : null;
  if (unmatched) return unmatched;
  if (segment) return compileSegment(store, segment, dialect, target);
  throw new Error('A case has a segment, an entity or a projection');
}

/** What dbt would make of it: names, now, and braces. */
function render(sql: string): string {
  return sql
    .replaceAll(/\{\{ ref\('(\w+)'\) \}\}/g, '$1')
    .replaceAll('{{ dinmo.now() }}', 'current_timestamp')
    .replaceAll("{{ '{' }}", '{');
}

let connection: DuckDBConnection;

beforeAll(async () => {
  const instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  for (const statement of shopTables) await connection.run(statement);
  const store = storeFor({});
  const target = duckdbTarget('2024-01-01 00:00:00+00');
  for (const [name, entity] of store.entities) {
    await connection.run(`create view entity_${name} as ${compileEntity(store, entity, duckdbDialect, target).sql}`);
  }
  for (const [name, segment] of store.segments) {
    await connection.run(`create view segment_${name} as ${compileSegment(store, segment, duckdbDialect, target).sql}`);
  }
});

afterAll(() => connection.closeSync());

for (const name of readdirSync(FOLDER).sort()) {
  describe(name, () => {
    const golden: Case = parse(readFileSync(join(FOLDER, name, 'case.yaml'), 'utf8'), { intAsBigInt: true });

    test('its rules resolve', () => {
      expect(resolveRules(storeFor(golden))).toEqual([]);
    });

    test.each(DIALECTS)('is the golden SQL of $dialect.name, which its parser accepts', ({ dialect, parser }) => {
      const { sql } = compile(golden, dialect, dbtTarget);
      const file = join(FOLDER, name, `${dialect.name}.sql`);
      if (UPDATE) writeFileSync(file, `${sql}\n`);
      expect(`${sql}\n`).toBe(readFileSync(file, 'utf8'));
      expect(validate(render(sql), parser, { strictSyntax: true }), render(sql)).toEqual({ valid: true, errors: [] });
    });

    test('DuckDB plans it', async () => {
      const { sql, columns } = compile(golden, duckdbDialect, dbtTarget);
      const reader = await connection.runAndReadAll(render(sql));
      expect(reader.columnNames()).toEqual(columns);
    });
  });
}
