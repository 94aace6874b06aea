import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Changes, onDatabase, PLAN_SHIFT, type Shift, writeStates } from '../data/people.ts';
import type { Round } from '../figure.ts';
import { runNode } from '../run/measured.ts';
import { makeOnce, ROOT } from '../run/places.ts';
import { dinmo, mustBe } from './dinmo.ts';
import { copyProject, DATABASE, webhookAt, writeDatabase, writeProject } from './project.ts';

/** The two states of a table of this many rows, and what lies between them. */
export async function states(
  round: Round,
  rows: number,
  shift: Shift,
): Promise<{ readonly path: string; readonly changes: Changes }> {
  const name = `states-${rows}-${shift === PLAN_SHIFT ? 'plan' : 'sync'}.duckdb`;
  const path = await makeOnce(join(round.places.kept, name), async (unfinished) => {
    round.say(`making two states of ${rows} rows`);
    await writeStates(unfinished, rows, shift);
  });
  return { path, changes: await changesOf(path) };
}

async function changesOf(path: string): Promise<Changes> {
  const [row] = await onDatabase(':memory:', [
    `attach '${path}' as s (read_only)`,
    `select count(*) filter (where f.key is null) as i, count(*) filter (where n.key is null) as d,
        count(*) filter (where f.updated_at <> n.updated_at) as u
      from s.first as f full join s.second as n on f.key = n.key`,
  ]);
  return { insert: Number(row?.['i']), update: Number(row?.['u']), delete: Number(row?.['d']) };
}

/** A project of the first state that was never synced. */
export async function freshProject(round: Round, rows: number, shift: Shift): Promise<string> {
  const { path } = await states(round, rows, shift);
  return await makeOnce(join(folderOf(round), `fresh-${rows}`), async (unfinished) => {
    await writeProject(unfinished, { destination: webhookAt(round.sink.url) });
    await writeDatabase(unfinished, path, 'select * from states.first');
  });
}

/** A project whose destination holds the first state, and whose table is in the second. `known` has the first one's keys. */
export async function syncedProject(round: Round, rows: number, shift: Shift): Promise<string> {
  const { path } = await states(round, rows, shift);
  return await makeOnce(join(folderOf(round), `synced-${rows}-${shift.changed}`), async (unfinished) => {
    round.say(`bringing a destination to the first state of ${rows} rows`);
    await writeProject(unfinished, { destination: webhookAt(round.sink.url, 10_000) });
    await (rows > SYNCED_MAX ? seedFirst : syncFirst)(round, unfinished, { rows, path });
    await writeProject(unfinished, { destination: webhookAt(round.sink.url) });
    await moveOn(unfinished, path);
  });
}

/** Beyond this many rows a first sync takes minutes, and the state is filled in. */
const SYNCED_MAX = 2_000_000;
const SEED_ROWS = 1000;

interface First {
  readonly rows: number;
  /** Of the two states. */
  readonly path: string;
}

async function syncFirst(round: Round, folder: string, { rows, path }: First): Promise<void> {
  await writeDatabase(folder, path, 'select * from states.first');
  await round.sink.set({ keep: false });
  const { report } = await dinmo(folder, ['sync']);
  mustBe(report, { insert: rows, update: 0, delete: 0 });
}

/** Syncs some rows, and fills in what acknowledging all would have left. */
async function seedFirst(round: Round, folder: string, { path }: First): Promise<void> {
  await writeDatabase(folder, path, `select * from states.first limit ${SEED_ROWS}`);
  await round.sink.set({ keep: false });
  await dinmo(folder, ['sync']);
  await onDatabase(join(folder, DATABASE), [
    `attach '${path}' as states (read_only)`,
    'create or replace table customers as select * from states.first',
    'detach states',
    'checkpoint',
  ]);
  await runNode([join(ROOT, 'bench/project/seed-state.ts'), folder], { cwd: folder });
  const { report } = await dinmo(folder, ['plan']);
  mustBe(report, { insert: 0, update: 0, delete: 0 });
}

/** A project whose destination holds just what its table holds. */
export async function settledProject(round: Round, rows: number, shift: Shift): Promise<string> {
  const before = await syncedProject(round, rows, shift);
  return await makeOnce(join(folderOf(round), `settled-${rows}-${shift.changed}`), async (unfinished) => {
    copyProject(before, unfinished);
    await round.sink.set({ keep: false });
    await dinmo(unfinished, ['sync']);
  });
}

/** Puts the second state into a project's table, as a build of dbt's would. */
export async function moveOn(folder: string, statesPath: string): Promise<void> {
  await onDatabase(join(folder, DATABASE), [
    `attach '${statesPath}' as states (read_only)`,
    'create or replace table customers as select * from states.second',
    'create or replace table known as select key from states.first',
    'detach states',
    'checkpoint',
  ]);
}

const ENGINE = ['diff', 'record', 'warehouse', 'pipeline', 'segment', 'models'];
let engine: string | null = null;

/** What is kept of the engine's own making belongs to the code that made it. */
function folderOf(round: Round): string {
  engine ??= process.env['BENCH_KEEP_STATE'] === '1' ? 'kept' : hashOfEngine(round.sink.url);
  const folder = join(round.places.kept, `projects-${engine}`);
  if (!existsSync(folder)) {
    for (const name of readdirSync(round.places.kept))
      if (name.startsWith('projects-')) rmSync(join(round.places.kept, name), { recursive: true });
    mkdirSync(folder);
  }
  return folder;
}

/** Of its code, and of the destination's address, which a state remembers. */
function hashOfEngine(url: string): string {
  const hash = createHash('sha256').update(url);
  for (const room of ENGINE) {
    const folder = join(ROOT, 'src', room);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    for (const file of files.sort()) hash.update(readFileSync(join(folder, file)));
  }
  return hash.digest('hex').slice(0, 12);
}
