// @ts-check
// Runs the recipes against simulated platforms: Airflow, Dagster and Prefect are installed into .venvs/recipes-<name> first.
// What cannot be installed here is skipped by name. Further arguments go to vitest: -t airflow.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { uvEnvironment, venvPython } from './setup-python.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @param {readonly string[]} args @param {Readonly<Record<string, string | undefined>>} env */
function node(args, env) {
  return spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env: { ...env } }).status ?? 1;
}

const installed = node([join(ROOT, 'scripts/dbt-versions.mjs'), '--recipes'], uvEnvironment(venvPython(ROOT)));
const { recipes } = JSON.parse(readFileSync(join(ROOT, 'scripts/dbt-versions.json'), 'utf8'));
const vitest = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', 'test/recipes', ...process.argv.slice(2)];
const code = node(vitest, { ...process.env, DINMO_TEST_RECIPES: '1' });
for (const { name } of recipes)
  if (!existsSync(join(ROOT, '.venvs', name, 'installed.json')))
    process.stdout.write(`skipped: ${name.replace('recipes-', '')} could not be installed here\n`);
if (!existsSync('/usr/bin/systemd-analyze')) process.stdout.write('skipped: the units, since systemd is not here\n');
process.stdout.write('not run: docker, of which the text alone is tested\n');
process.exitCode = installed === 0 ? code : installed;
