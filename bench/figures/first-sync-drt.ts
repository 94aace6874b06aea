import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { SYNC_SHIFT } from '../data/people.ts';
import type { Experiment, FigureFacts, Pair, Round } from '../figure.ts';
import { type DrtVariant, drtWarehouse, runDrt, writeDrtProject } from '../peers/drt/drt.ts';
import { writeTable } from '../peers/table.ts';
import { peerVenv } from '../peers/venv.ts';
import { freshProject, states } from '../project/prepared.ts';
import { makeOnce } from '../run/places.ts';
import { firstSync, mustHaveArrived } from './first-sync.ts';

const ROWS = 1_000_000;
const BEST: DrtVariant = { kind: 'threads', threads: 4 };

/** A database for drt with the first state. */
export async function drtTable(round: Round, rows: number): Promise<string> {
  const { path } = await states(round, rows, SYNC_SHIFT);
  return await makeOnce(join(round.places.kept, `drt-${rows}.duckdb`), (unfinished) =>
    writeTable(unfinished, path, 'first'),
  );
}

async function runLatency(round: Round, rows: number, latencyMs: number): Promise<Pair> {
  const folder = round.places.scratch('drt');
  cpSync(await drtTable(round, rows), drtWarehouse(folder));
  writeDrtProject(folder, round.sink.url, BEST);
  await round.sink.set({ latencyMs });
  const { usage: against } = await runDrt(folder, BEST);
  await mustHaveArrived(round, rows);
  const ours = await firstSync(round, rows, { latencyMs });
  return { ours: ours.wallS, against: against.wallS, usage: { ours, against } };
}

function facts(figure: string, latency: string, times: number): FigureFacts {
  return {
    figure,
    title: `first sync, 1 M rows, ${latency} of latency, 1,000 rows a request`,
    target: { atLeast: times },
    unit: 'wall s',
    ours: 'the whole command',
    against: 'drt 1.2.1 at its best: batches of 10,000, four threads',
    ratio: 'times',
  };
}

export const firstSyncDrt: Experiment = {
  name: 'first-sync-drt',
  figures: [facts('first-sync-drt-0ms', '0 ms', 3), facts('first-sync-drt-10ms', '10 ms', 4)],
  rounds: 3,
  prepare: async (round) => {
    peerVenv('drt');
    await drtTable(round, round.size(ROWS));
    await freshProject(round, round.size(ROWS), SYNC_SHIFT);
  },
  run: async (round) => ({
    'first-sync-drt-0ms': await runLatency(round, round.size(ROWS), 0),
    'first-sync-drt-10ms': await runLatency(round, round.size(ROWS), 10),
  }),
};
