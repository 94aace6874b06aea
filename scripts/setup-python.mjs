// @ts-check
// The Python side of the set-up: `.venv` with the dbt that scripts/python/requirements.txt pins, package by package.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PYTHON_MIN = '3.10';

/** Ends the set-up with a message for people, without a stack. */
export class SetupError extends Error {}

/** @param {string} command @param {readonly string[]} args @param {NodeJS.ProcessEnv} [env] */
function run(command, args, env = process.env) {
  const result = spawnSync(command, args, { encoding: 'utf8', env });
  return {
    ok: result.status === 0,
    out: result.stdout ?? '',
    err: result.error ? result.error.message : (result.stderr ?? ''),
  };
}

/** The first Python on the path that is new enough; `python3` is asked first. @returns {string} */
function findPython() {
  const seen = [];
  for (const name of ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10']) {
    const asked = run(name, ['-c', 'import sys; print("%d.%d %s" % (*sys.version_info[:2], sys.executable))']);
    if (!asked.ok) continue;
    const [version = '', ...path] = asked.out.trim().split(' ');
    if (Number(version.split('.')[0]) === 3 && Number(version.split('.')[1]) >= 10) return path.join(' ');
    seen.push(`${name} is ${version}`);
  }
  throw new SetupError(
    `Python ${PYTHON_MIN} or newer is needed for dbt; ${seen.length > 0 ? seen.join(', ') : 'none was found on the path'}.`,
  );
}

/** @param {string} venv */
function makeVenv(venv) {
  const python = findPython();
  rmSync(venv, { recursive: true, force: true });
  const made = run(python, ['-m', 'venv', venv]);
  if (made.ok) return;
  rmSync(venv, { recursive: true, force: true });
  throw new SetupError(
    `${python} -m venv failed. On Debian and Ubuntu the module is a package of its own: apt install python3-venv.\n${made.out}${made.err}`,
  );
}

/**
 * uv does not read pip's configuration; what this machine says there about indexes and certificates holds for uv too.
 * A setting that already speaks to uv wins.
 * @param {string} python
 */
export function uvEnvironment(python) {
  const settings = new Map();
  for (const line of run(python, ['-m', 'pip', 'config', 'list']).out.split('\n')) {
    const found = /^(?:global|install|:env:)\.([a-z-]+)='(.*)'$/.exec(line.trim());
    if (found) settings.set(found[1], found[2]);
  }
  const names = {
    'index-url': 'UV_DEFAULT_INDEX',
    'extra-index-url': 'UV_INDEX',
    'find-links': 'UV_FIND_LINKS',
    cert: 'SSL_CERT_FILE',
  };
  const env = { ...process.env };
  for (const [pip, uv] of Object.entries(names)) {
    const value = settings.get(pip);
    // pip separates several values by white space, uv's links by commas.
    if (value && !env[uv]) env[uv] = uv === 'UV_FIND_LINKS' ? value.replaceAll(/\\n|\s+/g, ',') : value;
  }
  return env;
}

/** The Python of `.venv`. @param {string} root */
export function venvPython(root) {
  return join(root, '.venv', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
}

/**
 * Makes or updates `.venv`. Returns whether there was anything to do.
 * @param {string} root
 * @param {(line: string) => void} say
 */
export function preparePython(root, say) {
  const venv = join(root, '.venv');
  const python = venvPython(root);
  const requirements = join(root, 'scripts/python/requirements.txt');
  const uvVersion = JSON.parse(readFileSync(join(root, 'scripts/dbt-versions.json'), 'utf8')).uv;
  const stampFile = join(venv, '.dinmo-stamp');
  const stamp = createHash('sha256').update(readFileSync(requirements)).update(uvVersion).digest('hex');
  const works = existsSync(python) && run(python, ['-c', 'import sys']).ok;
  if (works && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false;

  say('installing dbt into .venv …');
  if (!works) makeVenv(venv);
  const uv = run(python, ['-m', 'pip', 'install', '--quiet', `uv==${uvVersion}`]);
  const overrides = join(root, 'scripts/python/overrides.txt');
  let installed = uv.ok
    ? run(
        python,
        ['-m', 'uv', 'pip', 'install', '-p', python, '--overrides', overrides, '-r', requirements],
        uvEnvironment(python),
      )
    : uv;
  // The pins are complete, so pip without its resolver gives the same set, a little later.
  if (!installed.ok) {
    say('uv could not install it, trying pip …');
    installed = run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', requirements]);
  }
  if (!installed.ok) {
    throw new SetupError(`dbt could not be installed from the Python index.\n${installed.out}${installed.err}`);
  }
  writeFileSync(stampFile, stamp);
  return true;
}
