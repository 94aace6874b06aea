import type { History, Rows, Run, World } from './history.ts';
import { KINDS } from './history.ts';
import type { Member } from './member.ts';

/** Worlds that are a little simpler than this one, the boldest first. */
function* simpler(world: World): Generator<World> {
  for (const part of halves(world.histories)) yield { ...world, histories: part };
  for (const index of world.histories.keys()) yield { ...world, histories: without(world.histories, index) };
  for (const index of world.runs.keys()) if (world.runs.length > 1) yield dropRun(world, index);
  if (world.foreign.length > 0) yield { ...world, foreign: [] };
  for (const index of world.foreign.keys()) yield { ...world, foreign: without(world.foreign, index) };
  for (const [index, run] of world.runs.entries())
    for (const plainer of plainerRuns(run)) yield { ...world, runs: replaced(world.runs, index, plainer) };
  for (const [index, history] of world.histories.entries())
    for (const plainer of plainerHistories(history))
      yield { ...world, histories: replaced(world.histories, index, plainer) };
  if (world.connections > 1) yield { ...world, connections: 1 };
  if (world.rowsPerRequest > 1) yield { ...world, rowsPerRequest: world.rowsPerRequest - 1 };
  if (world.notReadyCalls > 0) yield { ...world, notReadyCalls: 0 };
  if (world.attempts < 50) yield { ...world, attempts: 50 };
  if (world.poisonAnswer === 'refuse') yield { ...world, poisonAnswer: 'reject' };
}

function* plainerRuns(run: Run): Generator<Run> {
  if (run.ending !== null) yield { ...run, ending: null };
  if (run.outage !== null) yield { ...run, outage: null };
  if (run.first !== null) yield { ...run, first: null };
  if (run.opening.length > 0) yield { ...run, opening: [] };
  if (run.fullRefresh) yield { ...run, fullRefresh: false };
  if (run.mode === 'full') yield { ...run, mode: 'delta' };
  if (run.elsewhere) yield { ...run, elsewhere: false };
  if (run.normaliser === 2) yield { ...run, normaliser: 1 };
  if (run.mapping !== 'usual') yield { ...run, mapping: 'usual' };
  if (run.operations.length < 3) yield { ...run, operations: ['insert', 'update', 'delete'] };
  if (run.activation === 'b') yield { ...run, activation: 'a' };
}

function* plainerHistories(history: History): Generator<History> {
  for (const [index, faults] of history.faults.entries())
    for (const fault of faults.keys())
      yield { ...history, faults: replaced(history.faults, index, without(faults, fault)) };
  for (const [index, state] of history.states.entries()) {
    const before = history.states[index - 1];
    const withState = (rows: Rows): History => ({ ...history, states: replaced(history.states, index, rows) });
    if (before && JSON.stringify(before) !== JSON.stringify(state) && index < history.states.length - 1)
      yield withState(before);
    for (const side of ['a', 'b'] as const) {
      for (const row of state[side].keys()) yield withState({ ...state, [side]: without(state[side], row) });
      for (const [row, member] of state[side].entries())
        for (const plainer of plainerMembers(member, before?.[side] ?? []))
          yield withState({ ...state, [side]: replaced(state[side], row, plainer) });
    }
  }
}

/** The row as it was before, else without this and that. */
function* plainerMembers(member: Member, before: readonly Member[]): Generator<Member> {
  const was = before.find(({ id }) => id === member.id);
  if (was !== undefined && JSON.stringify(was) !== JSON.stringify(member)) yield was;
  if (member.name !== null) yield { ...member, name: null };
  if (member.phone !== null) yield { ...member, phone: null };
}

function dropRun(world: World, index: number): World {
  const histories = world.histories.map((history) => ({
    ...history,
    states: without(history.states, index),
    changes: without(history.changes, index),
    faults: without(history.faults, index),
  }));
  return { ...world, runs: without(world.runs, index), histories };
}

function halves<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 4) return [];
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}

function without<T>(items: readonly T[], index: number): readonly T[] {
  return items.filter((_, at) => at !== index);
}

function replaced<T>(items: readonly T[], index: number, item: T): readonly T[] {
  return items.map((one, at) => (at === index ? item : one));
}

/** The plainest world found that still fails, within the time given (in milliseconds of the wall's clock). */
export async function shrink(
  world: World,
  fails: (world: World) => Promise<boolean>,
  millisecondsMax: number,
): Promise<World> {
  const end = Date.now() + millisecondsMax;
  let smallest = world;
  for (let progress = true; progress && Date.now() < end; ) {
    progress = false;
    for (const candidate of simpler(smallest)) {
      if (Date.now() >= end) break;
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      progress = true;
      break;
    }
  }
  return smallest;
}

/** A world for a reader: who is in the segment, what changes, and what goes wrong. */
export function tell(world: World): string {
  const lines = [
    `seed ${world.seed}, ${world.kind}: ${world.connections} connections, ${world.rowsPerRequest} rows a request, ${world.attempts} attempts, poison ${world.poisonAnswer}`,
  ];
  if (world.foreign.length > 0) lines.push(`others keep a member or record in groups ${world.foreign.join(', ')}`);
  const state = (index: number): void => {
    for (const { group, states, faults } of world.histories) {
      for (const side of ['a', 'b'] as const) {
        const now = (states[index]?.[side] ?? []).map(tellMember).join(', ');
        const before = (states[index - 1]?.[side] ?? []).map(tellMember).join(', ');
        if (index === 0 ? now !== '' : now !== before)
          lines.push(`  segment ${side} of group ${group}: ${now || 'nobody'}`);
      }
      if (faults[index]?.length) lines.push(`  requests led by group ${group} meet: ${faults[index].join('; ')}`);
    }
  };
  for (const [index, run] of world.runs.entries()) {
    lines.push(`run ${index + 1}: ${tellRun(run)}`);
    state(index);
  }
  lines.push('then healthy runs:');
  state(world.runs.length);
  return lines.join('\n');
}

function tellRun(run: Run): string {
  const at = run.ending?.at;
  const where = typeof at === 'number' ? `await point ${at}` : `"${at?.point}" number ${at?.nth}`;
  const parts = [
    `activation ${run.activation}, ${run.operations.join('+')}`,
    ...(run.mode === 'full' ? ['mode full'] : []),
    ...(run.fullRefresh ? ['full refresh'] : []),
    ...(run.mapping === 'usual' ? [] : [`${run.mapping} mapping`]),
    ...(run.normaliser === 1 ? [] : ['later normaliser']),
    ...(run.elsewhere ? ['on another machine'] : []),
    ...(run.outage === null ? [] : [`every request meets: ${run.outage}`]),
    ...(run.first === null ? [] : [`the first request with rows meets: ${run.first}`]),
    ...(run.opening.length === 0 ? [] : [`opening meets: ${run.opening.join('; ')}`]),
    ...(run.ending === null ? [] : [`${run.ending.how} at ${where}`]),
  ];
  return parts.join(', ');
}

function tellMember({ id, email, phone, name }: Member): string {
  return `${id ?? 'NULL'}(${[email, phone, name].map((value) => value ?? '–').join(' ')})`;
}

/** Reads what `JSON.stringify` made of a world. */
export function readWorld(text: string): World {
  const world = JSON.parse(text) as World;
  if (!KINDS.includes(world.kind) || !Array.isArray(world.runs) || !Array.isArray(world.histories))
    throw new Error('this is not a world that the simulation has printed');
  return world;
}
