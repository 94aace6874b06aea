// @ts-check
// What is installed from git (`npm install git+…`, pre-commit) is built where it was fetched: npm runs `prepare` there, and
// nothing else. A checkout that has a dist/ keeps it, and one without the tools to build goes on without.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const hasTools = () => existsSync(path('node_modules/rolldown'));
const npm = process.env['npm_execpath'] ?? '';

if (!existsSync(path('dist/cli/main.js'))) {
  // `npm install -g git+…` puts the tools beside the other global packages, where the build does not find them.
  if (!hasTools() && process.env['npm_config_global'] === 'true' && npm !== '') {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^npm_config_(global|prefix)$/i.test(name)),
    );
    const options = ['--no-global', '--include=dev', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund'];
    spawnSync(process.execPath, [npm, 'install', ...options], { cwd: path('.'), env, stdio: 'inherit' });
  }
  if (hasTools()) {
    const { status } = spawnSync(process.execPath, [path('scripts/build.mjs')], { stdio: 'inherit' });
    process.exitCode = status ?? 1;
  }
}
