import { join } from 'node:path';
import { SYNC_SHIFT } from '../data/people.ts';
import type { Experiment, FigureFacts, Pair, Round } from '../figure.ts';
import { dinmo, mustBe } from '../project/dinmo.ts';
import { freshProject, states } from '../project/prepared.ts';
import { copyProject, DATABASE, setConnections } from '../project/project.ts';
import { type Ended, runNode } from '../run/measured.ts';
import { must } from '../run/must.ts';
import { ROOT } from '../run/places.ts';
import type { Usage } from '../run/usage.ts';

const ROWS = 1_000_000;

/** A first sync of everything by the whole command. Throws unless the destination holds exactly the segment. */
export async function firstSync(
  round: Round,
  rows: number,
  { latencyMs = 0, connections }: { readonly latencyMs?: number; readonly connections?: number } = {},
): Promise<Usage> {
  const folder = copyProject(await freshProject(round, rows, SYNC_SHIFT), round.places.scratch('first-sync'));
  if (connections !== undefined) setConnections(folder, connections);
  await round.sink.set({ latencyMs });
  const { report, usage } = await dinmo(folder, ['sync']);
  mustBe(report, { insert: rows, update: 0, delete: 0 });
  await mustHaveArrived(round, rows);
  return usage;
}

/** All rows of the first state, once each; in the round that compares, cell by cell. */
export async function mustHaveArrived(round: Round, rows: number): Promise<void> {
  const counts = await round.sink.counts();
  must(counts.rows === rows, `${counts.rows} rows arrived, not ${rows}`);
  if (!round.compares) return;
  const { path } = await states(round, rows, SYNC_SHIFT);
  await round.sink.mustHold(round.places.scratch('held'), path, 'first');
}

async function runFloor(round: Round, name: string, rows: number): Promise<Usage> {
  const folder = await freshProject(round, rows, SYNC_SHIFT);
  await round.sink.set();
  const ended: Ended = await runNode([join(ROOT, `bench/floors/${name}.ts`), join(folder, DATABASE), round.sink.url], {
    cwd: folder,
  });
  await mustHaveArrived(round, rows);
  return ended.usage;
}

function wall(ours: Usage, against: Usage): Pair {
  return { ours: ours.wallS, against: against.wallS, usage: { ours, against } };
}

const FACTS: Omit<FigureFacts, 'figure' | 'title' | 'target' | 'against'> = {
  unit: 'wall s',
  ours: 'the whole command, with plan, ledger, receipts and snapshot',
  ratio: 'times',
};

export const firstSyncFloors: Experiment = {
  name: 'first-sync',
  figures: [
    {
      ...FACTS,
      figure: 'first-sync-row-objects',
      title: 'first sync, 1 M rows to a webhook, against a script without an engine',
      target: { atLeast: 2 },
      against: 'row objects, JSON.stringify and fetch, four requests under way',
    },
    {
      ...FACTS,
      figure: 'first-sync-best',
      title: 'first sync, 1 M rows to a webhook, share of the best possible speed',
      target: { atLeast: 0.6 },
      against: 'bodies made by SQL, a pool of four connections, nothing recorded',
    },
  ],
  rounds: 5,
  prepare: async (round) => {
    await freshProject(round, round.size(ROWS), SYNC_SHIFT);
  },
  run: async (round) => {
    const rows = round.size(ROWS);
    const objects = await runFloor(round, 'row-objects', rows);
    const ours = await firstSync(round, rows);
    const best = await runFloor(round, 'sql-bodies', rows);
    return { 'first-sync-row-objects': wall(ours, objects), 'first-sync-best': wall(ours, best) };
  },
};

export const firstSyncCpu: Experiment = {
  name: 'first-sync-cpu',
  figures: [
    {
      figure: 'first-sync-cpu',
      title: 'first sync, 1 M rows, no latency, one connection each, CPU of the whole process',
      target: { atMost: 1.3 },
      unit: 'CPU s',
      ours: 'the whole command, with plan, ledger, receipts and snapshot',
      against: 'a loop over bodies made by SQL, one connection, nothing recorded',
      ratio: 'quotient',
    },
  ],
  rounds: 5,
  prepare: async (round) => {
    await freshProject(round, round.size(ROWS), SYNC_SHIFT);
  },
  run: async (round) => {
    const rows = round.size(ROWS);
    const floor = await runFloor(round, 'one-by-one', rows);
    const ours = await firstSync(round, rows, { connections: 1 });
    return { 'first-sync-cpu': { ours: ours.cpuS, against: floor.cpuS, usage: { ours, against: floor } } };
  },
};
