import { type Dialect, parse } from '@polyglot-sql/sdk';
import { describe, expect, test } from 'vitest';
import { compileEntity, compileSegment } from '../../src/segment/compile.ts';
import { compileProjection } from '../../src/segment/compile-projection.ts';
import { resolveRules } from '../../src/segment/resolve.ts';
import type { SqlTarget } from '../../src/segment/target.ts';
import { bigqueryDialect } from '../../src/warehouse/bigquery/dialect.ts';
import type { SqlDialect } from '../../src/warehouse/dialect.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import { postgresDialect } from '../../src/warehouse/postgres/dialect.ts';
import { snowflakeDialect } from '../../src/warehouse/snowflake/dialect.ts';
import { buildStore, types, type WorldSpec } from '../segment/world.ts';
import { HOSTILE_NAMES, HOSTILE_VALUES } from './hostile.ts';

/**
 * What the SQL says does not hang on what things are called: as another grammar reads it, the statement of a hostile name
 * or value is that of a harmless one, with the name in its place.
 */
const DIALECTS: readonly { readonly dialect: SqlDialect; readonly grammar: string }[] = [
  { dialect: duckdbDialect, grammar: 'duckdb' },
  { dialect: bigqueryDialect, grammar: 'bigquery' },
  { dialect: snowflakeDialect, grammar: 'snowflake' },
  { dialect: postgresDialect, grammar: 'postgresql' },
];

const target: SqlTarget = {
  node: (node) => node.relationName ?? '',
  entity: (name) => `entity_${name}`,
  segment: (name) => `segment_${name}`,
  literal: (text) => text,
  now: 'current_timestamp',
};

/** A world in which the name and the value stand wherever a user's may. */
function world(name: string, value: string): WorldSpec {
  const condition = { attribute: name, eq: value };
  return {
    entities: {
      person: {
        key: ['id', name],
        columns: { id: types.integer, [name]: types.string, plain_tags: types.strings },
        table: 'people',
        where: { attribute: name, neq: value },
        relationships: { twin: { to: 'person', type: 'many_to_one', keys: { [name]: name } } },
      },
    },
    segments: {
      all_of_it: {
        entity: 'person',
        where: {
          any: [
            condition,
            { attribute: name, in: [value, 'other'] },
            { attribute: name, not_contains: value },
            { attribute: name, starts_with: value },
            { attribute: name, between: [value, 'zz'] },
            { attribute: `twin.${name}`, ends_with: value },
            { attribute: 'plain_tags', contains_any: [value] },
            { relation: 'twin', count: { gte: 1 }, where: condition },
            { relation: 'twin', max: { of: name, gt: value } },
          ],
        },
        limit: { rows: 5, by: name },
        holdout: { percent: 10, salt: value === '' ? 's' : value },
      },
    },
  };
}

function statements(name: string, value: string, dialect: SqlDialect): readonly string[] {
  const store = buildStore(world(name, value));
  expect(resolveRules(store)).toEqual([]);
  const entity = store.entities.get('person');
  const segment = store.segments.get('all_of_it');
  if (!entity || !segment) throw new Error('the world has both');
  const columns = [
    { alias: name, source: { kind: 'column' as const, path: ['twin', name] } },
    { alias: 'member', source: { kind: 'segment' as const, segment: 'all_of_it' } },
  ];
  return [
    compileEntity(store, entity, dialect, target).sql,
    compileSegment(store, segment, dialect, target).sql,
    compileProjection(store, { from: { kind: 'segment', name: 'all_of_it' }, columns }, dialect, target).sql,
  ];
}

/** What is said of a statement, without how it is spelt: names in place of hostile ones, and any text as a text. */
function shapeOf(sql: string, grammar: string, names: Readonly<Record<string, string>>): unknown {
  const answer = parse(sql, grammar as Dialect);
  if (!answer.success) throw new Error(`${grammar} does not read it: ${answer.error}\n${sql}`);
  const visit = (node: unknown): unknown => {
    if (typeof node === 'string') return names[node] ?? node;
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== 'object' || node === null) return node;
    const entries = Object.entries(node).filter(([key]) => key !== 'span' && key !== 'quoted');
    const literal = 'literal_type' in node ? String(node.literal_type) : '';
    if (/string/.test(literal)) return 'a text';
    return Object.fromEntries(entries.map(([key, inner]) => [key, visit(inner)]));
  };
  return visit(answer.ast);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\0-\t\v-\x1f\x7f]/;

/** How the name comes back from the grammar: Snowflake has what dbt wrote unquoted in capitals, Postgres in small letters. */
function namesOf(name: string): Readonly<Record<string, string>> {
  return { [name]: 'harmless', [name.toUpperCase()]: 'harmless', [name.toLowerCase()]: 'harmless' };
}

describe.each(DIALECTS)('$grammar reads the same statement', ({ dialect, grammar }) => {
  const harmless = statements('harmless', 'value', dialect).map((sql) => shapeOf(sql, grammar, {}));

  test('whatever columns and fields are called', () => {
    for (const name of HOSTILE_NAMES) {
      const shapes = statements(name, 'value', dialect).map((sql) => shapeOf(sql, grammar, namesOf(name)));
      expect(shapes, JSON.stringify(name)).toEqual(harmless);
    }
  });

  test('whatever values, salts and parts of text are', () => {
    for (const value of HOSTILE_VALUES) {
      const texts = statements('harmless', value, dialect);
      const shapes = texts.map((sql) => shapeOf(sql, grammar, {}));
      expect(shapes, JSON.stringify(value.slice(0, 100))).toEqual(harmless);
      // Nothing of it can be changed on its way by an editor, by git, or by Jinja.
      for (const sql of texts) expect(sql).not.toMatch(CONTROLS);
    }
  });
});
