import type { Operation } from '../../src/artifacts/annotation.ts';
import { applyChange, CHANGES, type ChangeKind, heal } from './changes.ts';
import { FAULTS, type FaultKind, FLAVOURS, flavoursWith, OUTAGES, STOPPING } from './faults.ts';
import {
  ENDINGS,
  type Ending,
  type History,
  isByKey,
  type Kind,
  type Rows,
  type Run,
  usesSecond,
  type World,
} from './history.ts';
import type { Member } from './member.ts';
import { Random } from './random.ts';

/** A sync has about this many await points; later ones are reached by the longer ones only. */
const POINTS = 170;
const ALL: readonly Operation[] = ['insert', 'update', 'delete'];

/** The world that a seed stands for. */
export function generateWorld(seed: number, kind: Kind, histories: number): World {
  const random = new Random(seed);
  const two = kind === 'hubspot objects' && random.chance(0.4);
  // Where rejected rows are soon parked, only poison may be rejected.
  const attempts = random.chance(0.25) ? random.between(1, 2) : 50;
  const runs = Array.from({ length: random.between(2, 3) }, (_, index) => {
    // Each fault in its turn, so that none is left to chance.
    const first = FAULTS[(seed * 3 + index) % FAULTS.length] ?? null;
    return generateRun(random, { kind, two, first: first !== null && mayMeet(first, attempts) ? first : null });
  });
  const usable = runs.map(({ first }) => {
    const stops = random.chance(0.3);
    const flavours = attempts < 50 ? FLAVOURS.slice(0, 1) : first === null ? FLAVOURS : flavoursWith(first);
    return random.pick(flavours).filter((fault) => stops || !STOPPING.has(fault));
  });
  const world: World = {
    seed,
    kind,
    connections: random.between(1, 3),
    rowsPerRequest: random.between(2, 5),
    attempts,
    poisonAnswer: random.pick(['reject', 'refuse']),
    foreign: Array.from({ length: histories }, (_, group) => group + 1).filter(() => random.chance(0.2)),
    notReadyCalls: random.mostly(0, [1, 3], 0.3),
    runs,
    histories: [],
  };
  const groups = Array.from({ length: histories }, (_, index) => index + 1);
  return { ...world, histories: groups.map((group) => generateHistory(random, world, { group, usable })) };
}

/** Whether sound rows that are rejected once come to be accepted all the same. */
function mayMeet(fault: FaultKind, attempts: number): boolean {
  return attempts === 50 || (FLAVOURS[0]?.includes(fault) ?? false);
}

interface Circumstances {
  readonly kind: Kind;
  readonly two: boolean;
  readonly first: FaultKind | null;
}

function generateRun(random: Random, { kind, two, first }: Circumstances): Run {
  const outage = random.chance(0.12) ? random.pick(OUTAGES) : null;
  const ending: Ending | null = random.chance(0.75)
    ? { how: random.mostly('killed', ENDINGS.slice(1), 0.35), at: random.below(POINTS) }
    : null;
  return {
    activation: two && random.chance(0.5) ? 'b' : 'a',
    mapping: random.mostly('usual', ['narrow', 'other'], 0.2),
    normaliser: kind.endsWith('list') ? random.mostly(1, [2], 0.15) : 1,
    operations: random.mostly(ALL, [['insert', 'update'], ['insert'], ['insert', 'delete']], 0.25),
    mode: random.mostly('delta', ['full'], 0.1),
    fullRefresh: random.chance(0.15),
    elsewhere: random.chance(0.12),
    ending,
    opening: Array.from({ length: random.mostly(0, [1, 2], 0.15) }, () => random.pick(OUTAGES)),
    first,
    outage,
  };
}

interface Casting {
  readonly group: number;
  /** By run. */
  readonly usable: readonly (readonly FaultKind[])[];
}

function generateHistory(random: Random, world: World, { group, usable }: Casting): History {
  const scene = { group, random, byKey: isByKey(world.kind) };
  const two = usesSecond(world);
  const states: Rows[] = [];
  const changes: ChangeKind[][] = [];
  let rows: Rows = { a: [], b: [] };
  for (let state = 0; state <= world.runs.length; state++) {
    const seen: ChangeKind[] = [];
    const change = (side: readonly Member[], times: number): readonly Member[] => {
      let now = side;
      for (let time = 0; time < times; time++) {
        const kind = state === 0 && time < 3 ? 'join' : random.pick(CHANGES);
        const next = applyChange(now, kind, scene);
        if (next !== null) seen.push(kind);
        now = next ?? now;
      }
      return state === world.runs.length ? heal(now) : now;
    };
    rows = {
      a: change(rows.a, state === 0 ? random.between(0, 4) : random.between(0, 3)),
      b: two ? change(rows.b, state === 0 ? random.between(0, 3) : random.between(0, 2)) : [],
    };
    states.push(rows);
    changes.push(seen);
  }
  const faults = usable.map((kinds) =>
    Array.from({ length: random.mostly(0, [1, 1, 2, 2, 3], 0.7) }, () => random.pick(kinds)),
  );
  return { group, states, changes, faults };
}
