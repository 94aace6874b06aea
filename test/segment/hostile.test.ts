import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Asking } from './asking.ts';
import { type EntitySpec, types } from './world.ts';

let asking: Asking;

beforeAll(async () => {
  asking = await Asking.open();
});

afterAll(() => asking.connection.closeSync());

describe('hostile names and values', () => {
  const NAMES = [
    'a"b',
    'c; drop table hostile; --',
    'd {{ x }}',
    'e {% y %}',
    '/* f',
    "g'h",
    'i\nj',
    'select',
    'Order',
    'é😀',
    '\\',
    '`k`',
  ];
  const VALUES = [
    "'; drop table hostile; --",
    '{{ x }}',
    '{% raw %}',
    '{# c #}',
    '{{{',
    '/*',
    '*/',
    '--',
    '\\',
    "\\'",
    "''",
    '"',
    'a\nb',
    'a\r\nb',
    '\u0001',
    '\u007f',
    '$$',
    '%s',
    '?',
    ':x',
    'é',
    'e\u0301',
    '😀',
    ' x ',
    '',
    '\u2028',
    "E'\\n'",
  ];

  test('mean themselves, in columns, keys and literals', async () => {
    const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
    const columns = ['id', ...NAMES];
    await asking.connection.run(
      `create or replace table hostile (id integer, ${NAMES.map((name) => `${quoted(name)} varchar`).join(', ')})`,
    );
    const insert = await asking.connection.prepare(
      `insert into hostile values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`,
    );
    for (const [index, value] of VALUES.entries()) {
      insert.bind([index, ...NAMES.map(() => value)]);
      await insert.run();
    }
    const hostile: EntitySpec = {
      key: ['id', NAMES[0] ?? ''],
      columns: { id: types.integer, ...Object.fromEntries(NAMES.map((name) => [name, types.string])) },
      hidden: NAMES.slice(6),
      table: 'hostile',
      relationships: {
        twin: { to: 'hostile', type: 'many_to_one', keys: { id: 'id', [NAMES[1] ?? '']: NAMES[2] ?? '' } },
        twins: { to: 'hostile', type: 'one_to_many', keys: { [NAMES[3] ?? '']: NAMES[4] ?? '' } },
      },
    };
    const segments = Object.fromEntries(
      VALUES.flatMap((value, index) => {
        const column = NAMES[index % NAMES.length] ?? '';
        return [
          [`eq_${index}`, { entity: 'hostile', where: { attribute: column, eq: value } }],
          [
            `deep_${index}`,
            {
              entity: 'hostile',
              where: { relation: 'twins', exists: true, where: { attribute: `twin.${column}`, in: [value, 'zz'] } },
            },
          ],
        ] as const;
      }),
    );
    const holdout = { percent: 50, salt: "x';--{{ y }}" };
    const rows = await asking.rows({
      entities: { hostile },
      segments: { ...segments, everyone: { entity: 'hostile', holdout, limit: { rows: 100, by: NAMES[1] } } },
    });
    for (const index of VALUES.keys()) {
      expect(
        rows[`eq_${index}`]?.map((row) => row['id']),
        VALUES[index],
      ).toEqual([index]);
      expect(
        rows[`deep_${index}`]?.map((row) => row['id']),
        VALUES[index],
      ).toEqual([index]);
    }
    expect(rows['everyone']).toHaveLength(VALUES.length);
  });

  test('a chain as deep and a group as long as the language allows still runs', async () => {
    await asking.table('items', "select 'a' as id, 1 as score");
    const item: EntitySpec = { key: ['id'], columns: { id: types.string, score: types.integer }, table: 'items' };
    const deep = Array.from({ length: 30 }).reduce((inner) => ({ not: inner }), {
      attribute: 'score',
      eq: 1,
    } as unknown);
    const long = { any: Array.from({ length: 500 }, (_, index) => ({ attribute: 'score', eq: index })) };
    expect(await asking.ids({ entities: { item } }, { all: [{ not: { not: long } }] })).toEqual(['a']);
    expect(await asking.ids({ entities: { item } }, deep)).toEqual(['a']);
  });
});
