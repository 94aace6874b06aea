import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Changes, onDatabase, PLAN_SHIFT } from '../data/people.ts';
import type { Experiment, Pair, Round } from '../figure.ts';
import { runStages } from '../ours/run-stages.ts';
import {
  runSnapshot,
  SNAPSHOT_DATABASE,
  snapshotSeconds,
  writeSnapshotProject,
} from '../peers/dbt-snapshot/snapshot.ts';
import { moveTable, writeTable } from '../peers/table.ts';
import { dbtVenv } from '../peers/venv.ts';
import { mustBe } from '../project/dinmo.ts';
import { states, syncedProject } from '../project/prepared.ts';
import { copyProject } from '../project/project.ts';
import { runNode } from '../run/measured.ts';
import { must } from '../run/must.ts';
import { makeOnce, ROOT } from '../run/places.ts';
import type { Usage } from '../run/usage.ts';

const ROWS = 10_000_000;

/** A sync by the public function, whose delivery is measured apart from its plan and its record. */
async function ours(round: Round, rows: number): Promise<{ readonly usage: Usage; readonly withoutDelivery: number }> {
  const { changes } = await states(round, rows, PLAN_SHIFT);
  const folder = copyProject(await syncedProject(round, rows, PLAN_SHIFT), round.places.scratch('ours'));
  await round.sink.set();
  const { report, usage, deliver } = await runStages('sync', folder);
  mustBe(report, changes);
  const sent = await round.sink.counts();
  must(sent.rows === changes.insert + changes.update + changes.delete, `${sent.rows} rows were sent`);
  return { usage, withoutDelivery: usage.cpuS - deliver.cpuS };
}

async function snapshotProject(round: Round, rows: number): Promise<string> {
  const { path } = await states(round, rows, PLAN_SHIFT);
  return await makeOnce(join(round.places.kept, `dbt-snapshot-${rows}`), async (unfinished) => {
    round.say(`dbt's first snapshot of ${rows} rows`);
    mkdirSync(unfinished);
    writeSnapshotProject(unfinished);
    await writeTable(join(unfinished, SNAPSHOT_DATABASE), path, 'first');
    await runSnapshot(unfinished);
    await moveTable(join(unfinished, SNAPSHOT_DATABASE), path);
  });
}

async function snapshot(round: Round, rows: number): Promise<{ readonly usage: Usage; readonly statementsS: number }> {
  const { changes } = await states(round, rows, PLAN_SHIFT);
  const folder = copyProject(await snapshotProject(round, rows), round.places.scratch('dbt'));
  const { usage } = await runSnapshot(folder);
  await mustBeClosed(join(folder, SNAPSHOT_DATABASE), rows, changes);
  return { usage, statementsS: snapshotSeconds(folder) };
}

async function mustBeClosed(database: string, rows: number, changes: Changes): Promise<void> {
  const [row] = await onDatabase(database, [
    'select count(*) as all_rows, count(dbt_valid_to) as closed from main_snapshots.kept',
  ]);
  const wanted = [rows + changes.insert + changes.update, changes.update + changes.delete];
  must(
    Number(row?.['all_rows']) === wanted[0] && Number(row?.['closed']) === wanted[1],
    `dbt kept ${JSON.stringify(row)}`,
  );
}

export const planAndPromote: Experiment = {
  name: 'plan-and-promote',
  figures: [
    {
      figure: 'plan-and-promote-cpu',
      title: 'plan and promote, 10 M rows, 4 % changed, CPU of the whole process',
      target: { atLeast: 6 },
      unit: 'CPU s',
      ours: 'a sync from start to exit, less the time in which rows were delivered',
      against: 'dbt snapshot, from start to exit',
      ratio: 'times',
      note: 'dbt delivers nothing, so that delivery is left out on our side.',
    },
    {
      figure: 'plan-and-promote-rss',
      title: 'plan and promote, 10 M rows, 4 % changed, peak memory',
      target: { atMost: 0.25 },
      unit: 'MB',
      ours: 'the whole sync, delivery included',
      against: 'dbt snapshot',
      ratio: 'quotient',
    },
  ],
  rounds: 3,
  prepare: async (round) => {
    dbtVenv();
    await syncedProject(round, round.size(ROWS), PLAN_SHIFT);
    await snapshotProject(round, round.size(ROWS));
  },
  run: async (round) => {
    const rows = round.size(ROWS);
    const mine = await ours(round, rows);
    const theirs = await snapshot(round, rows);
    const usage = { ours: mine.usage, against: theirs.usage };
    return {
      'plan-and-promote-cpu': {
        ours: mine.withoutDelivery,
        against: theirs.usage.cpuS,
        usage,
        seen: { dbt_statements_wall_s: theirs.statementsS, ours_with_delivery_cpu_s: mine.usage.cpuS },
      },
      'plan-and-promote-rss': { ours: mine.usage.rssMb, against: theirs.usage.rssMb, usage },
    };
  },
};

/** A database that keeps the whole segment of its last run. */
async function wholeSegment(round: Round, rows: number): Promise<string> {
  const { path } = await states(round, rows, PLAN_SHIFT);
  return await makeOnce(join(round.places.kept, `whole-${rows}`), async (unfinished) => {
    mkdirSync(unfinished);
    const database = join(unfinished, 'whole.duckdb');
    await writeTable(database, path, 'first');
    await onDatabase(database, ["create table run_1 as select *, 'insert' as op from customers"]);
    await moveTable(database, path);
  });
}

async function runBytes(round: Round, rows: number): Promise<Pair> {
  const { changes } = await states(round, rows, PLAN_SHIFT);
  const folder = copyProject(await wholeSegment(round, rows), round.places.scratch('whole'));
  const layout = await runNode([join(ROOT, 'bench/floors/whole-segment.ts'), join(folder, 'whole.duckdb')], {
    cwd: folder,
  });
  const found = JSON.parse(layout.stdout) as Readonly<Record<string, number>>; // written by our own file
  must(
    found['insert'] === changes.insert && found['delete'] === changes.delete && found['update'] === changes.update,
    layout.stdout,
  );
  const mine = await ours(round, rows);
  must(
    mine.usage.writtenMb !== null && layout.usage.writtenMb !== null,
    'this system does not say how much is written',
  );
  // What went to the destination was written, too, and is none of the state.
  const { bytes } = await round.sink.counts();
  return {
    ours: mine.usage.writtenMb - bytes / 1024 ** 2,
    against: layout.usage.writtenMb,
    usage: { ours: mine.usage, against: layout.usage },
  };
}

export const bytesWritten: Experiment = {
  name: 'bytes-written',
  figures: [
    {
      figure: 'bytes-written',
      title: 'bytes written per sync, 10 M rows, 4 % changed',
      target: { atMost: 1 / 8 },
      unit: 'MB',
      ours: 'a whole sync: plan, frozen changes, ledger, snapshot, log',
      against: 'a layout that stores the whole segment of each run',
      ratio: 'quotient',
    },
  ],
  rounds: 3,
  prepare: async (round) => {
    await syncedProject(round, round.size(ROWS), PLAN_SHIFT);
    await wholeSegment(round, round.size(ROWS));
  },
  run: async (round) => ({ 'bytes-written': await runBytes(round, round.size(ROWS)) }),
};
