import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SYNC_SHIFT } from '../data/people.ts';
import type { Experiment, FigureFacts, Pair, Round } from '../figure.ts';
import { runCondor } from '../peers/condor/condor.ts';
import { type DrtVariant, drtWarehouse, runDrt, writeDrtProject } from '../peers/drt/drt.ts';
import { moveTable, writeTable } from '../peers/table.ts';
import { hasPeer } from '../peers/venv.ts';
import { dinmo, mustBe } from '../project/dinmo.ts';
import { states, syncedProject } from '../project/prepared.ts';
import { copyProject, DATABASE } from '../project/project.ts';
import { runNode } from '../run/measured.ts';
import { must } from '../run/must.ts';
import { makeOnce, ROOT } from '../run/places.ts';
import type { Usage } from '../run/usage.ts';

const CURSOR: DrtVariant = { kind: 'cursor' };
const NO_CHANGES = { insert: 0, update: 0, delete: 0 };

/** What a tool sent in a second sync, and what the two runs took. */
interface Second {
  readonly second: Usage;
  readonly nothing: Usage;
}

async function ours(round: Round, rows: number): Promise<Second> {
  const { changes } = await states(round, rows, SYNC_SHIFT);
  const folder = copyProject(await syncedProject(round, rows, SYNC_SHIFT), round.places.scratch('ours'));
  await round.sink.set();
  const second = await dinmo(folder, ['sync']);
  mustBe(second.report, changes);
  await mustBeChanges(round, rows);
  await round.sink.set();
  const nothing = await dinmo(folder, ['sync']);
  mustBe(nothing.report, NO_CHANGES);
  const { requests } = await round.sink.counts();
  must(requests === 0, `${requests} requests for no change`);
  return { second: second.usage, nothing: nothing.usage };
}

/** Exactly the changes arrived: the joined and the changed once each, the left as removals. */
async function mustBeChanges(round: Round, rows: number, removes = true): Promise<void> {
  const { changes } = await states(round, rows, SYNC_SHIFT);
  const wanted = changes.insert + changes.update;
  const { held, removals, sent } = await round.sink.write(join(round.places.scratch('held'), 'held.jsonl'));
  must(held === wanted, `${held} rows arrived, not ${wanted}`);
  must(!removes || removals === changes.delete, `${removals} removals arrived, not ${changes.delete}`);
  must(sent === wanted + (removes ? changes.delete : 0), `${sent} rows were sent`);
}

/** condor's state after its first sync, and its table in the second state. Takes minutes for a million rows; kept. */
async function condorAfterFirst(round: Round, rows: number): Promise<string> {
  const { path } = await states(round, rows, SYNC_SHIFT);
  return await makeOnce(join(round.places.kept, `condor-${rows}.duckdb`), async (unfinished) => {
    round.say(`condor's first sync of ${rows} rows`);
    await writeTable(unfinished, path, 'first');
    await round.sink.set({ keep: false });
    await runCondor(round.places.scratch('condor'), unfinished, round.sink.url);
    await moveTable(unfinished, path);
  });
}

async function condor(round: Round, rows: number): Promise<Second> {
  const folder = round.places.scratch('condor');
  const database = join(folder, 'warehouse.duckdb');
  cpSync(await condorAfterFirst(round, rows), database);
  await round.sink.set();
  const second = await runCondor(folder, database, round.sink.url);
  await mustBeChanges(round, rows);
  await round.sink.set();
  const nothing = await runCondor(folder, database, round.sink.url);
  return { second: second.usage, nothing: nothing.usage };
}

async function rowByRow(round: Round, rows: number): Promise<Usage> {
  const { path } = await states(round, rows, SYNC_SHIFT);
  const script = join(ROOT, 'bench/floors/row-by-row.ts');
  const kept = await makeOnce(join(round.places.kept, `row-by-row-${rows}`), async (unfinished) => {
    mkdirSync(unfinished);
    await writeTable(join(unfinished, DATABASE), path, 'first');
    await round.sink.set({ keep: false });
    await runNode([script, join(unfinished, DATABASE), join(unfinished, 'state.duckdb'), round.sink.url], {
      cwd: unfinished,
    });
    await moveTable(join(unfinished, DATABASE), path);
  });
  const folder = copyProject(kept, round.places.scratch('row-by-row'));
  await round.sink.set();
  const { usage } = await runNode([script, join(folder, DATABASE), join(folder, 'state.duckdb'), round.sink.url], {
    cwd: folder,
  });
  await mustBeChanges(round, rows);
  return usage;
}

/** drt with a cursor column, which sees no row that left. */
async function drtCursor(round: Round, rows: number): Promise<Usage> {
  const { path } = await states(round, rows, SYNC_SHIFT);
  const kept = await makeOnce(join(round.places.kept, `drt-cursor-${rows}`), async (unfinished) => {
    mkdirSync(unfinished);
    await writeTable(drtWarehouse(unfinished), path, 'first');
    writeDrtProject(unfinished, round.sink.url, CURSOR);
    await round.sink.set({ keep: false });
    await runDrt(unfinished, CURSOR);
    await writeTable(drtWarehouse(unfinished), path, 'second');
  });
  const folder = copyProject(kept, round.places.scratch('drt'));
  await round.sink.set();
  const { usage } = await runDrt(folder, CURSOR);
  await mustBeChanges(round, rows, false);
  return usage;
}

function pair(mine: Usage, against: Usage, seen?: Pair['seen']): Pair {
  return { ours: mine.wallS, against: against.wallS, usage: { ours: mine, against }, ...(seen ? { seen } : {}) };
}

function facts(
  size: string,
  what: string,
  times: number,
  more: Pick<FigureFacts, 'title' | 'against'> & { readonly note?: string },
): FigureFacts {
  return {
    figure: `${what}-${size}`,
    target: { atLeast: times },
    unit: 'wall s',
    ours: 'the whole command',
    ratio: 'times',
    ...more,
  };
}

function secondSync(size: string, rows: number, rounds: number): Experiment {
  const of = `${size.replace('k', ' k').replace('m', ' M')} rows`;
  const change = '1 % changed, 0.5 % in, 0.5 % out';
  return {
    name: `second-sync-${size}`,
    figures: [
      facts(size, 'second-sync-condor', 10, {
        title: `second sync, ${of}, ${change}`,
        against: 'condor-retl 0.1.1, the peer whose second sync is complete',
      }),
      facts(size, 'second-sync-row-by-row', 15, {
        title: `second sync, ${of}, against a diff in Node`,
        against: 'row by row, fingerprints in a Map',
      }),
      facts(size, 'second-sync-drt', 1, {
        title: `second sync, ${of}, against a cursor`,
        against: 'drt 1.2.1 with a cursor column',
        note: 'The cursor sees no row that left: its destination keeps them all.',
      }),
      facts(size, 'nothing-changed-condor', 8, {
        title: `nothing changed, ${of}, whole process`,
        against: 'condor-retl 0.1.1',
      }),
    ],
    rounds,
    prepare: async (round) => {
      await syncedProject(round, round.size(rows), SYNC_SHIFT);
      if (hasPeer('condor')) await condorAfterFirst(round, round.size(rows));
      else round.say('  without condor-retl: node bench/setup-peers.mjs says why');
      if (!hasPeer('drt')) round.say('  without drt: node bench/setup-peers.mjs says why');
    },
    run: async (round) => {
      const count = round.size(rows);
      const other = hasPeer('condor') ? await condor(round, count) : null;
      const mine = await ours(round, count);
      const diff = await rowByRow(round, count);
      const cursor = hasPeer('drt') ? await drtCursor(round, count) : null;
      return {
        [`second-sync-row-by-row-${size}`]: pair(mine.second, diff),
        ...(other && {
          [`second-sync-condor-${size}`]: pair(mine.second, other.second),
          [`nothing-changed-condor-${size}`]: pair(mine.nothing, other.nothing),
        }),
        ...(cursor && { [`second-sync-drt-${size}`]: pair(mine.second, cursor) }),
      };
    },
  };
}

export const secondSync100k = secondSync('100k', 100_000, 3);
export const secondSync1m = secondSync('1m', 1_000_000, 3);
