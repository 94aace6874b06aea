import { expect, it } from 'vitest';
import type { StateDialect } from '../../src/warehouse/state-dialect.ts';
import { RowsWorld } from '../pipeline/rows-world.ts';

/** Keys of one length have one hash: most rows meet rows of another key. */
function colliding(state: StateDialect): Partial<StateDialect> {
  return { keyHash: (keyText) => `cast(length(coalesce(${keyText}, '')) as ${state.type('fast_hash')})` };
}

type Name = readonly [id: number | null, name: string];

async function live(dialect: (own: StateDialect) => Partial<StateDialect>, rounds: readonly (readonly Name[])[]) {
  const world = new RowsWorld();
  try {
    world.bench.dialect = dialect((await world.bench.warehouse()).state);
    const told: unknown[] = [];
    for (const rows of rounds) {
      await world.bench.fill('rows', 'id bigint, name varchar', rows);
      const { plan, log } = await world.sync({});
      told.push({ planned: plan.planned, invalid: plan.invalid, unchanged: plan.unchanged, log });
    }
    return told;
  } finally {
    await world.close();
  }
}

const ROUNDS: readonly (readonly Name[])[] = [
  [
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
    [14, 'n'],
    [15, 'o'],
  ],
  // Joins, leaves and changes among keys of one hash; nothing moves in the other.
  [
    [2, 'b'],
    [3, 'changed'],
    [4, 'd'],
    [14, 'n'],
    [15, 'o'],
  ],
  // A key twice, once as it is held and once not; one twice as it is held; one that is new, twice; none.
  [
    [2, 'b'],
    [2, 'another'],
    [3, 'changed'],
    [3, 'changed'],
    [4, 'd'],
    [5, 'e'],
    [5, 'f'],
    [null, 'x'],
    [14, 'n'],
    [15, 'o'],
  ],
  [
    [2, 'b'],
    [3, 'changed'],
    [4, 'd'],
    [5, 'e'],
    [14, 'n'],
  ],
  [],
];

it('does not depend on the hashes of keys', async () => {
  const told = await live(() => ({}), ROUNDS);
  expect(await live(colliding, ROUNDS)).toEqual(told);
  expect(told).toMatchInlineSnapshot(`
    [
      {
        "invalid": {},
        "log": [
          "insert 1 {"name":"a"}",
          "insert 14 {"name":"n"}",
          "insert 15 {"name":"o"}",
          "insert 2 {"name":"b"}",
          "insert 3 {"name":"c"}",
        ],
        "planned": {
          "delete": 0,
          "insert": 5,
          "update": 0,
        },
        "unchanged": 0,
      },
      {
        "invalid": {},
        "log": [
          "delete 1",
          "insert 4 {"name":"d"}",
          "update 3 {"name":"changed"}",
        ],
        "planned": {
          "delete": 1,
          "insert": 1,
          "update": 1,
        },
        "unchanged": 3,
      },
      {
        "invalid": {
          "duplicate-key": 6,
          "null-key": 1,
        },
        "log": [],
        "planned": {
          "delete": 0,
          "insert": 0,
          "update": 0,
        },
        "unchanged": 3,
      },
      {
        "invalid": {},
        "log": [
          "delete 15",
          "insert 5 {"name":"e"}",
        ],
        "planned": {
          "delete": 1,
          "insert": 1,
          "update": 0,
        },
        "unchanged": 4,
      },
      {
        "invalid": {},
        "log": [
          "delete 14",
          "delete 2",
          "delete 3",
          "delete 4",
          "delete 5",
        ],
        "planned": {
          "delete": 5,
          "insert": 0,
          "update": 0,
        },
        "unchanged": 0,
      },
    ]
  `);
});

it('knows state that another version of the engine hashed', async () => {
  const world = new RowsWorld();
  try {
    const rows: readonly Name[] = [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ];
    await world.bench.fill('rows', 'id bigint, name varchar', rows);
    const { state } = await world.bench.warehouse();
    const other = { sql: `cast('other' as ${state.type('text')})`, dataType: state.type('text') };
    world.bench.dialect = {
      keyHash: (keyText) => state.keyHash(`'other' || ${keyText}`),
      fastHash: (expressions) => state.fastHash([other, ...expressions]),
      hashMark: state.keyHash(other.sql),
    };
    expect((await world.sync({})).log).toHaveLength(3);
    world.bench.dialect = {};
    await world.bench.fill('rows', 'id bigint, name varchar', [...rows.slice(1), [4, 'd']]);
    expect((await world.sync({})).log).toEqual(['delete 1', 'insert 4 {"name":"d"}']);
    const snapshot = await world.bench.snapshot(world.activation({}));
    expect(new Set(snapshot.map((row) => row['hash_mark'])).size).toBe(1);
    expect((await world.sync({})).plan).toMatchObject({ changes: 0, unchanged: 3 });
  } finally {
    await world.close();
  }
});
