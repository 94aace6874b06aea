import { expect, it } from 'vitest';
import type { Run, World } from './history.ts';
import { Laboratory } from './laboratory.ts';
import type { Member } from './member.ts';
import { play } from './play.ts';
import { Tally } from './tally.ts';

// Smallest worlds that once showed a fault.

const QUIET: Run = {
  activation: 'a',
  mapping: 'usual',
  normaliser: 1,
  operations: ['insert', 'update', 'delete'],
  mode: 'delta',
  fullRefresh: false,
  elsewhere: false,
  ending: null,
  opening: [],
  first: null,
  outage: null,
};

function member(id: number, email: string): Member {
  return { id, email, phone: null, name: null };
}

/** One history of one run: its rows then, and how they come to rest. */
function small(
  given: Partial<World> & { readonly run?: Partial<Run>; readonly rows: readonly (readonly Member[])[] },
): World {
  const { run, rows, ...rest } = given;
  return {
    seed: 1,
    kind: 'meta list',
    connections: 1,
    rowsPerRequest: 1,
    attempts: 50,
    poisonAnswer: 'reject',
    foreign: [],
    notReadyCalls: 0,
    runs: [{ ...QUIET, ...run }],
    histories: [{ group: 1, states: rows.map((a) => ({ a, b: [] })), changes: [[], []], faults: [[]] }],
    ...rest,
  };
}

async function problemsOf(world: World): Promise<readonly string[]> {
  const laboratory = new Laboratory();
  try {
    return (await play(world, laboratory, new Tally(), true)).problems;
  } finally {
    await laboratory.close();
  }
}

it('a rejection of a row that has become invalid is forgotten', async () => {
  const rows = [[member(12, 'poison1@x.test')], [member(12, 'nonsense')]];
  expect(await problemsOf(small({ rows }))).toEqual([]);
});

it('a holder that comes back in the middle of its plan sends nothing, not even to open the destination', async () => {
  const ending = { how: 'frozen', at: { point: 'create temporary table dinmo_held_rows', nth: 1 } } as const;
  expect(await problemsOf(small({ seed: 28, run: { ending }, rows: [[member(13, 'a1@x.test')], []] }))).toEqual([]);
});

it('a holder that comes back leaves nothing in the ledger of a run that another one closed', async () => {
  const world = small({
    seed: 4,
    run: { ending: { how: 'frozen', at: { point: 'answer', nth: 3 } } },
    rows: [[member(12, 'e1@x.test')], []],
  });
  expect(await problemsOf(world)).toEqual([]);
});

it('a holder that comes back while it freezes its plan does not begin: the warehouse sees no conflict where columns differ', async () => {
  const frozen = { how: 'frozen', at: { point: 'drop table dinmo_claimed', nth: 1 } } as const;
  const world = small({
    seed: 69,
    kind: 'hubspot list',
    runs: [QUIET, { ...QUIET, ending: frozen }],
    histories: [
      {
        group: 3,
        states: [
          { a: [], b: [] },
          { a: [member(34, 'a3@x.test')], b: [] },
          { a: [], b: [] },
        ],
        changes: [[], [], []],
        faults: [[], []],
      },
    ],
    rows: [],
  });
  expect(await problemsOf(world)).toEqual([]);
});
