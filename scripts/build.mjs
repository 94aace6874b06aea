// @ts-check
// Writes dist/, which is what the npm package holds. The code is bundled, readable, into few files, the libraries with it:
// a command loads what it uses in milliseconds, where hundreds of modules take most of a second. tsc writes the types, and
// assets are copied beside.

import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

/** What every command has, so that it is one file. */
const FRAME =
  /[\\/]src[\\/](?:(?:errors|finding|log|clock|about)|report[\\/](?:failure|findings|layout|style|sync))\.ts$/;

requireOneDuckdb();
rmSync(DIST, { recursive: true, force: true });
const compiled = spawnSync(
  join(ROOT, 'node_modules', '.bin', 'tsc'),
  ['-p', 'tsconfig.build.json', '--emitDeclarationOnly'],
  { cwd: ROOT, stdio: 'inherit' },
);
if (compiled.status !== 0) process.exit(1);

const { output } = await build({
  cwd: ROOT,
  input: { index: 'src/index.ts', 'cli/main': 'src/cli/main.ts' },
  platform: 'node',
  // The native part of DuckDB is a package for each platform; the drivers of other warehouses and stores are installed beside.
  external: [
    '@duckdb/node-bindings',
    'pg',
    'pg-cursor',
    'snowflake-sdk',
    '@google-cloud/bigquery',
    'google-auth-library',
    '@aws-sdk/client-s3',
    // Parts of it are made for the machine that it is installed on.
    'ssh2',
    // Its parts find each other through what is installed, and hardly any command loads it.
    '@opentelemetry/api',
    '@opentelemetry/sdk-node',
  ],
  output: {
    dir: DIST,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    comments: { legal: true, annotation: false, jsdoc: false },
    codeSplitting: { groups: [{ name: 'frame', test: FRAME }] },
  },
});
cpSync(join(ROOT, 'src'), DIST, {
  recursive: true,
  filter: (source) => !/\.[cm]?ts$/.test(source),
});
chmodSync(join(DIST, 'cli', 'main.js'), 0o755);
writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licenses(bundledPackages()));

/** DuckDB's API becomes part of the bundle, its native part is installed: they must be of one release. */
function requireOneDuckdb() {
  /** @param {string} path */
  const read = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
  const { version } = read('node_modules/@duckdb/node-api/package.json');
  const native = read('package.json').dependencies['@duckdb/node-bindings'];
  if (version === native) return;
  console.error(`package.json depends on @duckdb/node-bindings ${native}, and @duckdb/node-api is ${version}.`);
  process.exit(1);
}

/** The folders of the packages of which code is in the bundle. */
function bundledPackages() {
  const folders = new Set();
  for (const chunk of output) {
    if (chunk.type !== 'chunk') continue;
    for (const module of chunk.moduleIds) {
      const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(module.replaceAll('\\', '/')) ?? [];
      if (folder !== undefined) folders.add(folder);
    }
  }
  return [...folders].sort();
}

/** @param {readonly string[]} folders */
function licenses(folders) {
  const parts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? `License: ${license}` : readFileSync(join(folder, file), 'utf8').trim();
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return `Code of these packages is part of this one.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
