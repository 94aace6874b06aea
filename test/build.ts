import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const BUILT = join(ROOT, 'dist/cli/main.js');

/** The command under test is the one that is shipped: built once, before the tests, where the code is newer than what was built. */
export function setup(): void {
  const newest = Math.max(...['src', 'scripts', 'package-lock.json'].map((name) => newestIn(join(ROOT, name))));
  if (existsSync(BUILT) && statSync(BUILT).mtimeMs > newest) return;
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], { stdio: 'inherit', cwd: ROOT });
  if (status !== 0) throw new Error('the command could not be built');
}

function newestIn(path: string): number {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}
