import type { ColumnType } from '../../src/knowledge/store.ts';
import type { SqlDialect } from '../../src/warehouse/dialect.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import { type TableWords, tableWords } from '../warehouse/table-words.ts';
import type { EntityModel, Kind, Model, Row, Value, WayModel, Yaml } from './evaluate.ts';
import { type EntitySpec, type RelationshipSpec, types, type WorldSpec } from './world.ts';

/** Choices, from wherever they come. */
export interface Draw {
  /** From 0 up to and including `most`. */
  nat(most: number): number;
}

export function chance(draw: Draw, percent: number): boolean {
  return draw.nat(99) < percent;
}

export function pick<Item>(draw: Draw, items: readonly Item[]): Item {
  const item = items[draw.nat(items.length - 1)];
  if (item === undefined) throw new Error('Nothing to pick from');
  return item;
}

/** Zones and moments around which days, months and clocks are irregular. No moment falls on a repeated or skipped hour some whole days or months away. */
const MOMENTS: readonly (readonly [timezone: string, now: string])[] = [
  ['Europe/Paris', '2024-04-02T22:30:00Z'],
  ['Europe/Paris', '2024-10-28T23:15:00Z'],
  ['America/New_York', '2024-03-12T04:30:00Z'],
  ['Australia/Lord_Howe', '2024-04-08T14:00:00Z'],
  ['Asia/Kolkata', '2024-02-29T18:45:00Z'],
  ['Pacific/Apia', '2024-03-31T09:59:59Z'],
  ['UTC', '2024-12-31T23:59:59Z'],
];

export const STRINGS = [
  'FR', 'fr', 'FR ', 'é', 'e\u0301', '', 'a', 'ab', 'abc', 'b', 'ß', '😀', '\uFFFD', '%', '_', 'a%b', '\\', "O'Neil", '"',
  'x\ny', 'x\r\ny', '\t', '{{ x }}', '{% raw %}', '{# c #}', '--', '/*', '*/', "'; drop table alphas; --", 'now', '2024-03-31',
] as const; // biome-ignore format: one line is easier to scan

export const COLUMNS: Readonly<
  Record<string, { readonly type: ColumnType; readonly kind: Kind; readonly sql: string }>
> = {
  s1: { type: types.string, kind: 'string', sql: 'varchar' },
  s2: { type: types.string, kind: 'string', sql: 'varchar collate nocase' },
  n: { type: types.integer, kind: 'number', sql: 'integer' },
  d: { type: types.decimal, kind: 'number', sql: 'decimal(12, 2)' },
  f: { type: types.float, kind: 'number', sql: 'double' },
  b: { type: types.boolean, kind: 'boolean', sql: 'boolean' },
  day: { type: types.date, kind: 'date', sql: 'date' },
  at: { type: types.naive, kind: 'instant', sql: 'timestamp' },
  zat: { type: types.zoned, kind: 'instant', sql: 'timestamptz' },
  tags: { type: types.strings, kind: 'array', sql: 'varchar[]' },
  nums: { type: types.integers, kind: 'array', sql: 'integer[]' },
  ref1: { type: types.integer, kind: 'number', sql: 'integer' },
  ref2: { type: types.integer, kind: 'number', sql: 'integer' },
};

export interface World {
  readonly spec: WorldSpec & { readonly timezone: string };
  readonly model: Model;
  readonly now: string;
  readonly tables: readonly Table[];
}

/** A table of a world: types are DuckDB's names. */
export interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, { readonly kind: Kind; readonly sql: string }>>;
  readonly rows: readonly Row[];
}

const ENTITIES = ['alpha', 'beta', 'gamma'] as const;

/** What an engine cannot be asked, each with its reason where it is said. */
export interface Lacks {
  /** Columns that no entity has then. */
  readonly columns?: readonly string[];
  /** Texts that no row has then. */
  readonly strings?: readonly string[];
}

/** Three entities with data, relationships of all types between them, and a custom attribute. */
export function drawWorld(draw: Draw, lacks: Lacks = {}): World {
  const [timezone, now] = pick(draw, MOMENTS);
  const tables: Table[] = [];
  const specs: Record<string, EntitySpec> = {};
  const models: Record<string, EntityModel> = {};
  for (const name of ENTITIES) {
    const { spec, model } = drawEntity(draw, { name, now: Date.parse(now), tables, lacks });
    specs[name] = spec;
    models[name] = model;
  }
  return {
    spec: { timezone, entities: specs },
    model: { entities: models, segments: {}, timezone, now: Date.parse(now) },
    now,
    tables,
  };
}

interface EntityToDraw {
  readonly name: string;
  readonly now: number;
  readonly tables: Table[];
  readonly lacks: Lacks;
}

const KEYS: readonly Readonly<Record<string, { type: ColumnType; kind: Kind; sql: string }>>[] = [
  { id: { type: types.integer, kind: 'number', sql: 'bigint' } },
  { id: { type: types.string, kind: 'string', sql: 'varchar' } },
  { id: { type: types.date, kind: 'date', sql: 'date' } },
  {
    id: { type: types.integer, kind: 'number', sql: 'integer' },
    part: { type: types.string, kind: 'string', sql: 'varchar' },
  },
];

function drawEntity(draw: Draw, { name, now, tables, lacks }: EntityToDraw): { spec: EntitySpec; model: EntityModel } {
  const keyColumns = pick(draw, KEYS);
  const key = Object.keys(keyColumns);
  const columns = {
    ...keyColumns,
    row_id: { type: types.integer, kind: 'number' as Kind, sql: 'integer' },
    ...Object.fromEntries(Object.entries(COLUMNS).filter(([column]) => !lacks.columns?.includes(column))),
  };
  const size = draw.nat(22);
  const rows = Array.from({ length: size }, (_, index): Row => {
    const values = Object.entries(columns).map(([column, { kind }]) => [
      column,
      drawValue(draw, { column, kind, now, lacks }),
    ]);
    return { ...Object.fromEntries(values), row_id: index };
  });
  tables.push({ name: `${name}s`, columns, rows });
  const computed =
    key.length === 1 && chance(draw, 60)
      ? drawCustomAttribute(draw, { name, rows, tables, column: keyColumns['id'] })
      : null;
  const eventTime = pick(
    draw,
    ['at', 'zat', 'day', null].filter((column) => column === null || column in columns),
  );
  const ways = drawWays(draw, name, tables);
  const where = drawWhere(draw, name, ways.specs);
  const hidden = Object.keys(COLUMNS)
    .filter((column) => column in columns)
    .filter(() => chance(draw, 15));
  const typesOf = Object.entries(columns).map(([column, { type }]) => [column, type] as const);
  const kinds = Object.entries(columns).map(([column, { kind }]) => [column, kind] as const);
  return {
    spec: {
      key,
      columns: Object.fromEntries(typesOf),
      hidden,
      ...(eventTime === null ? {} : { eventTime }),
      ...(computed === null ? {} : { customAttributes: { extra: computed.spec } }),
      relationships: ways.specs,
      ...(where === null ? {} : { where }),
    },
    model: {
      kinds: { ...Object.fromEntries(kinds), ...(computed === null ? {} : { extra: 'number' as Kind }) },
      key,
      eventTime,
      rows: computed === null ? rows : rows.map((row) => ({ ...row, extra: computed.valueOf(row['id'] ?? null) })),
      where,
      ways: ways.models,
    },
  };
}

function drawCustomAttribute(
  draw: Draw,
  of: { name: string; rows: readonly Row[]; tables: Table[]; column: { kind: Kind; sql: string } | undefined },
) {
  const table = `${of.name}_extra`;
  const pairs = of.rows
    .flatMap((row) => Array.from({ length: pick(draw, [0, 1, 1, 1, 2]) }, () => row['id'] ?? null))
    .map((id): Row => ({ owner: id, amount: chance(draw, 10) ? null : draw.nat(20) - 5 }));
  const id = of.column ?? { kind: 'number', sql: 'integer' };
  of.tables.push({ name: table, columns: { owner: id, amount: { kind: 'number', sql: 'integer' } }, rows: pairs });
  return {
    spec: { table, key: 'owner', value: 'amount', type: types.integer },
    valueOf(key: Value): Value {
      const own = pairs.filter((pair) => key !== null && pair['owner'] === key);
      return own.length === 1 ? (own[0]?.['amount'] ?? null) : null;
    },
  };
}

function drawWays(draw: Draw, from: string, tables: Table[]) {
  const specs: Record<string, RelationshipSpec> = {};
  const models: Record<string, WayModel> = {};
  for (const to of ENTITIES) {
    for (const type of ['one_to_many', 'many_to_one', 'one_to_one', 'many_to_many'] as const) {
      if (!chance(draw, 45)) continue;
      const name = `${type === 'one_to_many' ? 'many' : type === 'many_to_many' ? 'linked' : type === 'many_to_one' ? 'its' : 'one'}_${to}`;
      const keys: [string, string][] = chance(draw, 20)
        ? [
            ['ref1', pick(draw, ['ref1', 'n'])],
            ['ref2', 'n'],
          ]
        : [[pick(draw, ['ref1', 'ref2', 'n']), pick(draw, ['ref1', 'ref2', 'n', 'row_id'])]];
      if (type !== 'many_to_many') {
        specs[name] = { to, type, keys: Object.fromEntries(keys) };
        models[name] = { to, type, keys, links: [], toKeys: [] };
        continue;
      }
      const table = `${from}_${name}`;
      const links = Array.from({ length: draw.nat(25) }, (): Row => ({ own: drawRef(draw), their: drawRef(draw) }));
      const integer = { kind: 'number' as Kind, sql: 'integer' };
      tables.push({ name: table, columns: { own: integer, their: integer }, rows: links });
      const [own, their] = [pick(draw, ['ref1', 'n']), pick(draw, ['ref2', 'row_id'])];
      specs[name] = { to, type, keys: { [own]: 'own' }, through: table, toKeys: { their } };
      models[name] = { to, type, keys: [[own, 'own']], links, toKeys: [['their', their]] };
    }
  }
  return { specs, models };
}

/** gamma has none, so that the `where` of the others may look at it without a cycle. */
function drawWhere(draw: Draw, name: string, ways: Readonly<Record<string, RelationshipSpec>>): Yaml | null {
  if (name === 'gamma' || !chance(draw, 40)) return null;
  const toGamma = Object.entries(ways).find(([, way]) => way.to === 'gamma');
  if (toGamma && chance(draw, 40)) return { not: { relation: toGamma[0], count: { gt: 2 } } };
  return pick(draw, [
    { attribute: 'b', is_true: false },
    { attribute: 'n', neq: 3 },
    { attribute: 's1', not_contains: 'b' },
  ]);
}

function drawRef(draw: Draw): Value {
  return chance(draw, 10) ? null : draw.nat(6);
}

const HOUR = 3_600_000;

export function drawInstant(draw: Draw, now: number): number {
  const units = [HOUR / 60, HOUR, 24 * HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR];
  return now + (draw.nat(24) - 12) * pick(draw, units) + (chance(draw, 20) ? 1000 : 0);
}

function drawValue(
  draw: Draw,
  { column, kind, now, lacks }: { column: string; kind: Kind; now: number; lacks: Lacks },
): Value {
  if (chance(draw, column === 'id' || column === 'part' ? 6 : 15)) return null;
  if (column.startsWith('ref')) return draw.nat(6);
  switch (kind) {
    case 'string':
      return pick(draw, stringsOf(lacks));
    case 'number':
      return column === 'd' || column === 'f' ? (draw.nat(40) - 15) / 4 : draw.nat(column === 'id' ? 40 : 8) - 1;
    case 'boolean':
      return chance(draw, 50);
    case 'date':
      return new Date(drawInstant(draw, now)).toISOString().slice(0, 10);
    case 'instant':
      return drawInstant(draw, now);
    case 'array':
      return Array.from({ length: draw.nat(3) }, () =>
        column === 'tags' ? pick(draw, stringsOf(lacks)) : draw.nat(4),
      );
  }
}

function stringsOf({ strings }: Lacks): readonly string[] {
  return STRINGS.filter((text) => !strings?.includes(text));
}

/** How texts and names are written; DuckDB's way where nothing is said. */
type Writes = Pick<SqlDialect, 'stringLiteral' | 'quoteIdentifier'>;

/** Statements that create and fill a table. */
export function createTable(
  { name, columns, rows }: Table,
  words: TableWords = tableWords('duckdb'),
  { stringLiteral, quoteIdentifier }: Writes = duckdbDialect,
): string[] {
  const definition = Object.entries(columns).map(
    ([column, { sql }]) => `${quoteIdentifier(column)} ${words.type(sql)}`,
  );
  const valueText = (value: Value, kind: Kind, sql: string): string => {
    if (value === null) return 'null';
    if (kind === 'array') {
      const items = value as readonly (string | number)[]; // as it was drawn
      return words.array(
        items.map((item) => (typeof item === 'string' ? stringLiteral(item) : String(item))),
        sql,
      );
    }
    // A literal with offset fills both kinds of column with the UTC reading, because the session's zone is UTC while tables are filled.
    if (kind === 'instant') {
      const utc = new Date(Number(value)).toISOString().replace('T', ' ').replace('Z', '');
      return stringLiteral(words.offsets === false && sql === 'timestamp' ? utc : `${utc}+00`);
    }
    return typeof value === 'string' ? stringLiteral(value) : String(value);
  };
  const values = rows.map(
    (row) =>
      `(${Object.entries(columns)
        .map(([column, { kind, sql }]) => valueText(row[column] ?? null, kind, sql))
        .join(', ')})`,
  );
  const table = quoteIdentifier(name);
  const create = [`drop table if exists ${table}`, `create table ${table} (${definition.join(', ')})`];
  if (values.length === 0) return create;
  // Where VALUES takes constants only, rows are selected.
  const filled =
    words.selects === true
      ? values.map((row) => `select ${row.slice(1, -1)}`).join(' union all ')
      : `values ${values.join(', ')}`;
  return [...create, `insert into ${table} ${filled}`];
}
