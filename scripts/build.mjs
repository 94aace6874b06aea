// @ts-check
// Writes dist/: what the npm package holds. tsc alone does the work; assets that it does not know are copied beside.

import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const EXECUTABLE = join(DIST, 'cli', 'main.js');

rmSync(DIST, { recursive: true, force: true });
const compiled = spawnSync(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: ROOT,
  stdio: 'inherit',
});
if (compiled.status !== 0) process.exit(1);
cpSync(join(ROOT, 'src'), DIST, {
  recursive: true,
  filter: (source) => !/\.[cm]?ts$/.test(source),
});
if (existsSync(EXECUTABLE)) chmodSync(EXECUTABLE, 0o755);
