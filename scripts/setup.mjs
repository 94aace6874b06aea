// @ts-check
// Prepares a clone: npm packages (with a current Node among them) and a Python environment with dbt.
// Runs on Node 20 with nothing installed, so it uses built-in modules only. Does nothing when all is in place.
//
//   node scripts/setup.mjs [--with-versions]
//
// --with-versions also prepares one environment for each dbt version that the tests run against.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preparePython, SetupError, uvEnvironment, venvPython } from './setup-python.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE_MIN = /** @type {const} */ ([22, 18]);

/** @param {string} line */
function say(line) {
  process.stdout.write(`setup: ${line}\n`);
}

/** @param {string} version `v24.21.0` */
function isCurrentNode(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

/** @param {string} file @returns {any} */
function readJson(file) {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
}

/**
 * npm writes node_modules/.package-lock.json at the end of a successful installation: when it holds every package of
 * the lock file, there is nothing to do, whether `npm ci` or a developer's `npm install` put them there.
 */
function packagesAreInstalled() {
  if (!existsSync(join(ROOT, 'node_modules/.package-lock.json'))) return false;
  const installed = readJson('node_modules/.package-lock.json').packages;
  const wanted = Object.entries(readJson('package-lock.json').packages);
  return wanted.every(
    ([path, entry]) =>
      path === '' || entry.optional || entry.devOptional || installed[path]?.integrity === entry.integrity,
  );
}

function installPackages() {
  if (packagesAreInstalled()) return;
  say('installing npm packages …');
  const started = Date.now();
  // npm must not run under the Node that it is about to replace.
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== join(ROOT, 'node_modules', '.bin'));
  // `npm ci` refuses a lock file without the packages of every other platform, which not every index has. This installs
  // what is locked and leaves the file alone. Under an older Node it would warn once for each package that wants a newer
  // one; they run under the one that it installs.
  const options = ['--no-save', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync('npm', ['install', ...options], {
    cwd: ROOT,
    env: { ...process.env, PATH: path.join(delimiter) },
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (result.error) throw new SetupError(`npm could not be started (${result.error.message}). It comes with Node.`);
  if (result.status !== 0) throw new SetupError('npm install failed; its message is above.');
  say(`npm packages installed in ${seconds(started)}`);
}

/** Makes sure that scripts run under a Node that reads TypeScript sources: the installed one, or the machine's own. */
function checkNode() {
  const file = join(ROOT, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
  const local = spawnSync(file, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' });
  if (local.status === 0 && isCurrentNode(local.stdout.trim())) return file;
  if (isCurrentNode(process.version)) return process.execPath;
  throw new SetupError(
    [
      `Node ${NODE_MIN.join('.')} or newer is needed; this machine has ${process.version}, and the npm package "node" that brings a newer one is not complete.`,
      'Its install script was skipped, most likely because npm is set to ignore-scripts. Either run',
      '    npm rebuild node --ignore-scripts=false',
      'which places the binary inside node_modules and nothing else, or install a newer Node.',
    ].join('\n'),
  );
}

/** dbt and this package open the same database file, so both need the same DuckDB. */
function checkDuckdb() {
  const embedded = String(readJson('node_modules/@duckdb/node-api/package.json').version).replace(/-.*$/, '');
  const pinned = /^duckdb==(\S+)/m.exec(readFileSync(join(ROOT, 'scripts/python/requirements.txt'), 'utf8'))?.[1];
  if (pinned !== embedded) {
    throw new SetupError(
      `@duckdb/node-api embeds DuckDB ${embedded}, but scripts/python/requirements.txt pins ${pinned}: pin ${embedded} in requirements.in and compile it again (its first lines say how).`,
    );
  }
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}

/** @param {readonly string[]} args */
function main(args) {
  installPackages();
  const node = checkNode();
  checkDuckdb();
  const started = Date.now();
  if (preparePython(ROOT, say)) say(`dbt installed into .venv in ${seconds(started)}`);
  if (args.includes('--with-versions')) {
    const env = uvEnvironment(venvPython(ROOT));
    const script = join(ROOT, 'scripts/dbt-versions.mjs');
    const versions = spawnSync(node, [script], { cwd: ROOT, stdio: 'inherit', env });
    if (versions.status !== 0) throw new SetupError('The environments of the other dbt versions could not be made.');
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`\nsetup: ${error.message}\n`);
  process.exitCode = 1;
}
