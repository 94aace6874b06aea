// @ts-check
// Installs the tools that the bench compares with, each in an environment of its own under bench/.venvs. dbt is the one of
// `npm run setup`. A tool whose Python is not on this machine is left out, and the bench leaves its figures out.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.venvs', import.meta.url));

/** Newer releases need not take the same settings, so the releases are pinned. */
const PEERS = [
  { name: 'drt', python: '3.11', packages: ['drt-core[duckdb]==1.2.1', 'duckdb==2.0.0', 'httpx==0.28.1'] },
  { name: 'condor', python: '3.12', packages: ['condor-retl[duckdb]==0.1.1', 'duckdb==1.5.6', 'requests==2.34.2'] },
];

/** @param {string} command @param {readonly string[]} args */
function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return { ok: status === 0, out: stdout ?? '', problem: error?.message ?? stderr ?? '' };
}

/** The Python of this version: on the path, or among those that pyenv keeps. @param {string} version */
function findPython(version) {
  const versions = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  const kept = existsSync(versions) ? readdirSync(versions).filter((name) => name.startsWith(`${version}.`)) : [];
  const candidates = [`python${version}`, 'python3', ...kept.map((name) => join(versions, name, 'bin/python'))];
  return candidates.find(
    (name) => run(name, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']).out.trim() === version,
  );
}

for (const { name, python, packages } of PEERS) {
  const folder = join(FOLDER, name);
  const marker = join(folder, 'installed.json');
  if (existsSync(marker)) continue;
  const found = findPython(python);
  if (found === undefined) {
    process.stdout.write(`${name} is left out: it needs Python ${python}, which is not here\n`);
    continue;
  }
  process.stdout.write(`installing ${packages.join(' ')}\n`);
  rmSync(folder, { recursive: true, force: true });
  const made = run(found, ['-m', 'venv', folder]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
  const installed = made.ok ? run(join(folder, 'bin/python'), pip) : made;
  if (installed.ok) writeFileSync(marker, JSON.stringify(packages));
  else process.stdout.write(`${name} is left out: ${installed.problem.trim().split('\n').at(-1)}\n`);
}
