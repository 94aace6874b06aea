// @ts-check
// What is installed from git (`npm install git+…`, pre-commit) is built where it was fetched: npm runs `prepare` there, and
// nothing else. A checkout that has a dist/ keeps it, and one without the tools to build goes on without.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));

if (!existsSync(path('dist/cli/main.js')) && existsSync(path('node_modules/rolldown'))) {
  const { status } = spawnSync(process.execPath, [path('scripts/build.mjs')], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
