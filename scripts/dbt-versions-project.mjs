// Builds the project of the tests with every dbt release that is installed under .venvs/, and keeps what each wrote in
// .venvs/<name>/project/. Does nothing for a release whose project is there as it would be built now.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MARKER = 'made-of.txt';

/**
 * @typedef {{ readonly name: string, readonly engine?: string }} Version
 * @param {string} root the repository
 * @param {readonly Version[]} versions
 */
export async function buildVersionProjects(root, versions) {
  const recipe = textOf(join(root, 'scripts/dbt-versions-project.mjs')) + fixtureText(root);
  const waiting = versions.filter(({ name }) => existsSync(dbtOf(root, name)));
  const work = async () => {
    for (let version = waiting.shift(); version !== undefined; version = waiting.shift())
      await build(root, version, recipe);
  };
  await Promise.all([work(), work()]);
}

/** @param {string} root @param {Version} version @param {string} recipe */
async function build(root, version, recipe) {
  const { name, engine } = version;
  const kept = join(root, '.venvs', name, 'project');
  const installed = textOf(join(root, '.venvs', name, 'installed.json'));
  const madeOf = createHash('sha256').update(recipe).update(installed).digest('hex');
  if (existsSync(join(kept, MARKER)) && textOf(join(kept, MARKER)) === madeOf) return;
  const dir = mkdtempSync(join(root, '.venvs', name, 'building-'));
  const home = mkdtempSync(join(tmpdir(), 'dinmo-home-'));
  try {
    cpSync(fixtureOf(root), dir, { recursive: true });
    if (name === 'dbt-1.8' || name === 'dbt-1.9') spellTestsFlat(dir);
    const driver = engine === 'v2' ? duckdbDriver(root, dir) : {};
    const env = { ...process.env, ...driver, DBT_SEND_ANONYMOUS_USAGE_STATS: '0', DO_NOT_TRACK: '1', HOME: home };
    await run(dbtOf(root, name), ['build', '--no-use-colors'], { cwd: dir, env, maxBuffer: 10_000_000 });
    writeFileSync(join(dir, MARKER), madeOf);
    rmSync(kept, { recursive: true, force: true });
    renameSync(dir, kept);
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout).slice(-3000) : String(error);
    throw new Error(`${name} did not build the project of the tests:\n${output}`, { cause: error });
  } finally {
    rmSync(dir, { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
  }
}

/** @param {string} root @param {string} name */
function dbtOf(root, name) {
  return process.platform === 'win32'
    ? join(root, '.venvs', name, 'Scripts', 'dbt.exe')
    : join(root, '.venvs', name, 'bin', 'dbt');
}

/** @param {string} root */
function fixtureOf(root) {
  return join(root, 'test', 'fixtures', 'versions-project');
}

/** @param {string} root */
function fixtureText(root) {
  const fixture = fixtureOf(root);
  const files = readdirSync(fixture, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return JSON.stringify(paths.map((path) => [relative(fixture, path), textOf(path)]));
}

/** @param {string} path */
function textOf(path) {
  return readFileSync(path, 'utf8');
}

/**
 * dbt before 1.10 takes a test's arguments beside its name; dbt 2 takes them under `arguments` only.
 * @param {string} dir
 */
function spellTestsFlat(dir) {
  for (const folder of ['models', 'seeds']) {
    for (const name of readdirSync(join(dir, folder)).filter((file) => file.endsWith('.yml'))) {
      const path = join(dir, folder, name);
      writeFileSync(path, textOf(path).replaceAll(/\{arguments: (\{.*\})\}/g, '$1'));
    }
  }
}

/**
 * dbt 2 loads DuckDB as an ADBC driver: the very library that our own client brings serves as one.
 * @param {string} root @param {string} dir
 */
function duckdbDriver(root, dir) {
  const bindings = join(root, 'node_modules', '@duckdb');
  const folder = readdirSync(bindings).find((name) => name.startsWith('node-bindings-')) ?? '';
  const library = readdirSync(join(bindings, folder)).find((name) => /^(lib)?duckdb\.(so|dylib|dll)$/.test(name)) ?? '';
  const systems = /** @type {Record<string, string>} */ ({ linux: 'linux', darwin: 'macos', win32: 'windows' });
  const platform = `${systems[process.platform] ?? 'linux'}_${process.arch === 'x64' ? 'amd64' : 'arm64'}`;
  const path = JSON.stringify(join(bindings, folder, library));
  writeFileSync(
    join(dir, 'duckdb.toml'),
    `manifest_version = 1\nname = "DuckDB"\n[Driver]\nentrypoint = "duckdb_adbc_init"\n[Driver.shared]\n${platform} = ${path}\n`,
  );
  return { ADBC_DRIVER_PATH: dir };
}
