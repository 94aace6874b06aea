import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Workspace } from './workspace.ts';

const ROOT = join(import.meta.dirname, '../..');
const KEPT = join(ROOT, 'node_modules/.built-projects');
/** Below the 24 hours after which the gate calls what dbt built too old. */
const HOURS_MAX = 6;

/** A project of the tests, and what a person does with it before the first sync. */
export interface BuildRecipe {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Whatever else the result hangs on. */
  readonly data: readonly string[];
  build(workspace: Workspace): Promise<void>;
}

/**
 * A copy of the built project. It is built by real dbt once for all files of tests, whichever comes first; the others wait for
 * it. What was built by another version of the command, from other files or hours ago is built anew.
 */
export async function builtOnce(recipe: BuildRecipe): Promise<Workspace> {
  mkdirSync(KEPT, { recursive: true });
  const folder = join(KEPT, `${recipe.name}-${keyOf(recipe)}`);
  while (!isFresh(folder)) {
    if (takeTurn(`${folder}.turn`)) await makeInTurn(folder, recipe);
    else await pause(100);
  }
  return new Workspace(folder, recipe.env).copy();
}

async function makeInTurn(folder: string, recipe: BuildRecipe): Promise<void> {
  try {
    if (isFresh(folder)) return;
    for (const old of readdirSync(KEPT))
      if (old.startsWith(`${recipe.name}-`) && !old.endsWith('.turn')) rmSync(join(KEPT, old), { recursive: true });
    const workspace = Workspace.create(recipe.files, recipe.env);
    await recipe.build(workspace);
    cpSync(workspace.folder, folder, { recursive: true, preserveTimestamps: true });
    workspace.dispose();
    writeFileSync(`${folder}.made`, '');
  } finally {
    rmSync(`${folder}.turn`, { force: true });
  }
}

function isFresh(folder: string): boolean {
  const made = statSync(`${folder}.made`, { throwIfNoEntry: false })?.mtimeMs;
  return made !== undefined && Date.now() - made < HOURS_MAX * 3_600_000;
}

/** One process at a time builds; a turn whose process is gone is anybody's. */
function takeTurn(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const holder = Number(readIfThere(file));
    if (holder > 0 && !isRunning(holder)) rmSync(file, { force: true });
    return false;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function keyOf({ files, env, data }: BuildRecipe): string {
  const command = ['dist', '.venv/pyvenv.cfg'].map((path) => newest(join(ROOT, path)));
  const text = JSON.stringify([files, Object.keys(env), data, command]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function newest(path: string): number {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
