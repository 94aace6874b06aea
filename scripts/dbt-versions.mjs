// Installs every dbt release and every emulator that the tests run, each in an environment of its own under .venvs/;
// with --recipes the schedulers of recipes/ instead. Then each release builds the project that the tests compare.
// Needs Node and Python 3.10+ only, so that it runs before `npm install` too. Running it again does nothing when all is there.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildVersionProjects } from './dbt-versions-project.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const environments = join(root, '.venvs');
const pins = JSON.parse(readFileSync(join(root, 'scripts', 'dbt-versions.json'), 'utf8'));
const binaries = process.platform === 'win32' ? 'Scripts' : 'bin';
const executable = process.platform === 'win32' ? '.exe' : '';

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: root });
  if (error === undefined && status === 0) return stdout;
  const reason = error?.message ?? `${stdout}${stderr}`.trim();
  throw new Error(`${[command, ...args].join(' ')} failed:\n${reason}`);
}

function findPython() {
  for (const candidate of ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10']) {
    const { status, stdout } = spawnSync(candidate, ['-c', 'import sys; print(sys.version_info >= (3, 10))'], {
      encoding: 'utf8',
    });
    if (status === 0 && stdout.trim() === 'True') return candidate;
  }
  throw new Error('Python 3.10 or newer is needed to install dbt. Install it, so that `python3 --version` shows it.');
}

/** uv of the main environment where it exists, else one of our own. */
function findUv(python) {
  const main = join(root, '.venv', binaries, `uv${executable}`);
  if (existsSync(main)) return main;
  const own = join(environments, 'uv');
  const uv = join(own, binaries, `uv${executable}`);
  if (!existsSync(uv)) {
    run(python, ['-m', 'venv', own]);
    run(join(own, binaries, `python${executable}`), [
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `uv==${pins.uv}`],
    ]);
  }
  return uv;
}

/** Whether the machine has a Python that this release supports; uv is not to download one. */
function hasPython(uv, range) {
  return spawnSync(uv, ['python', 'find', '--no-project', '--no-python-downloads', range]).status === 0;
}

function pythonRange(version) {
  const [major, minor] = version.pythonMax.split('.').map(Number);
  return `>=${version.pythonMin ?? '3.10'},<${major}.${minor + 1}`;
}

function install(uv, version) {
  const folder = join(environments, version.name);
  rmSync(folder, { recursive: true, force: true });
  run(uv, ['venv', '--quiet', '--no-project', '--no-python-downloads', '--python', pythonRange(version), folder]);
  const overrides = join(folder, 'overrides.txt');
  writeFileSync(overrides, (version.leaveOut ?? []).map((name) => `${name} ; sys_platform == 'never'\n`).join(''));
  const preRelease = version.engine === 'v2' ? ['--prerelease', 'allow', '--only-binary', ':all:'] : [];
  run(uv, [
    'pip',
    'install',
    '--quiet',
    '--python',
    folder,
    '--overrides',
    overrides,
    ...preRelease,
    ...version.packages,
  ]);
  writeFileSync(join(folder, 'installed.json'), JSON.stringify(version));
}

const forRecipes = process.argv.includes('--recipes');
const wanted = forRecipes ? pins.recipes : [...pins.versions, ...pins.clouds, ...pins.emulators];
const todo = wanted.filter((version) => {
  const marker = join(environments, version.name, 'installed.json');
  return !existsSync(marker) || readFileSync(marker, 'utf8') !== JSON.stringify(version);
});
if (todo.length > 0) {
  mkdirSync(environments, { recursive: true });
  const uv = findUv(findPython());
  for (const version of todo) {
    if (!hasPython(uv, pythonRange(version))) {
      process.stderr.write(
        `${version.name} is left out: it needs Python ${version.pythonMin ?? '3.10'} to ${version.pythonMax}\n`,
      );
      continue;
    }
    process.stderr.write(`installing ${version.packages.join(' ')} into .venvs/${version.name}\n`);
    try {
      install(uv, version);
    } catch (error) {
      // A recipe whose scheduler cannot be had here is skipped by name; the others are tried.
      if (!forRecipes) throw error;
      process.stderr.write(`${version.name} is left out: ${error instanceof Error ? error.message : error}\n`);
    }
  }
}
if (!forRecipes) await buildVersionProjects(root, pins.versions);
