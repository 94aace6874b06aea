import { execFile } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ManifestNode, ManifestTest } from '../../src/artifacts/manifest.ts';
import { type Project, readProject } from '../../src/artifacts/project.ts';
import { serviceLookup } from '../../src/destinations/registry.ts';
import { buildKnowledgeStore } from '../../src/knowledge/build.ts';
import { printable } from '../../src/knowledge/print.ts';
import { tempFolder } from './raw-project.ts';

/**
 * The real thing: every dbt release that is in use builds one project, and all their artifacts must say the same.
 * The environments are made by scripts/dbt-versions.mjs.
 */
const run = promisify(execFile);
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const fixture = join(root, 'test', 'fixtures', 'versions-project');

interface Version {
  readonly name: string;
  readonly engine: 'v1' | 'v2';
}

const pins: { readonly versions: readonly Version[] } = JSON.parse(
  readFileSync(join(root, 'scripts', 'dbt-versions.json'), 'utf8'),
);
const REFERENCE = 'dbt-1.12';
const projects = new Map<string, Project>();

beforeAll(async () => {
  await run(process.execPath, [join(root, 'scripts', 'dbt-versions.mjs')]);
  const waiting = pins.versions.filter(({ name }) => dbtOf(name) !== null);
  const work = async (): Promise<void> => {
    for (let version = waiting.shift(); version !== undefined; version = waiting.shift()) {
      projects.set(version.name, await build(version));
    }
  };
  await Promise.all([work(), work()]);
}, 300_000);

/** null where this machine has no Python that the release supports. */
function dbtOf(name: string): string | null {
  const folder = process.platform === 'win32' ? 'Scripts' : 'bin';
  const path = join(root, '.venvs', name, folder, process.platform === 'win32' ? 'dbt.exe' : 'dbt');
  return existsSync(path) ? path : null;
}

async function build({ name, engine }: Version): Promise<Project> {
  const dir = tempFolder();
  cpSync(fixture, dir, { recursive: true });
  if (name === 'dbt-1.8' || name === 'dbt-1.9') spellTestsFlat(dir);
  const driver = engine === 'v2' ? duckdbDriver(dir) : {};
  const env = { ...process.env, ...driver, DBT_SEND_ANONYMOUS_USAGE_STATS: '0', DO_NOT_TRACK: '1', HOME: dir };
  try {
    await run(dbtOf(name) ?? '', ['build', '--no-use-colors'], { cwd: dir, env, maxBuffer: 10_000_000 });
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout).slice(-3000) : '';
    throw new Error(`${name} did not build the project:\n${output}`, { cause: error });
  }
  return readProject({ projectDir: dir, cwd: dir, env: {} });
}

/** dbt before 1.10 takes a test's arguments beside its name; dbt 2 takes them under `arguments` only. */
function spellTestsFlat(dir: string): void {
  for (const folder of ['models', 'seeds']) {
    for (const name of readdirSync(join(dir, folder)).filter((file) => file.endsWith('.yml'))) {
      const path = join(dir, folder, name);
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/\{arguments: (\{.*\})\}/g, '$1'));
    }
  }
}

/** dbt 2 loads DuckDB as an ADBC driver: the very library that our own client brings serves as one. */
function duckdbDriver(dir: string): Readonly<Record<string, string>> {
  const bindings = join(root, 'node_modules', '@duckdb');
  const folder = readdirSync(bindings).find((name) => name.startsWith('node-bindings-')) ?? '';
  const library = readdirSync(join(bindings, folder)).find((name) => /^(lib)?duckdb\.(so|dylib|dll)$/.test(name)) ?? '';
  const system = { linux: 'linux', darwin: 'macos', win32: 'windows' }[process.platform as string] ?? 'linux';
  const platform = `${system}_${process.arch === 'x64' ? 'amd64' : 'arm64'}`;
  writeFileSync(
    join(dir, 'duckdb.toml'),
    `manifest_version = 1
name = "DuckDB"
[Driver]
entrypoint = "duckdb_adbc_init"
[Driver.shared]
${platform} = ${JSON.stringify(join(bindings, folder, library))}
`,
  );
  return { ADBC_DRIVER_PATH: dir };
}

/** What a project says, less what must differ: versions, times, absolute paths. */
function said({ manifest, annotations, findings, runResults, settings }: Project): unknown {
  return {
    findings,
    annotations: annotations.map(({ origin, ...rest }) => ({
      ...rest,
      at: origin.locate([]),
      name: origin.locate(['name']),
    })),
    nodes: [...manifest.nodes.values()].map(nodeFacts).sort(byId),
    tests: manifest.tests.map(testFacts).sort(byId),
    disabled: [...manifest.disabled].sort(),
    built: runResults.map(({ builds, partialData, results }) => ({
      ...{ builds, partialData },
      results: [...results.values()]
        .filter(({ status }) => status !== 'skipped')
        .map(({ uniqueId, status }) => `${uniqueId} ${status}`)
        .sort(),
    })),
    destinations: [...settings.destinations.keys()],
  };
}

function nodeFacts(node: ManifestNode): { readonly uniqueId: string; readonly facts: unknown } {
  const {
    uniqueId,
    name,
    relationName,
    materialized,
    patchPath,
    originalFilePath,
    version,
    latestVersion,
    description,
  } = node;
  const { checksum, dependsOn, annotation, annotationInOldPlace } = node;
  const columns = [...node.columns.values()].map((column) => [column.name, column.annotation, column.dataType]);
  const facts = {
    ...{ name, relationName, materialized, originalFilePath, version, latestVersion, description },
    // dbt 1.12 hashes another text than those before it, so that checksums compare within one version only.
    ...{ hasChecksum: checksum !== null, patchPath },
    ...{ dependsOn: [...dependsOn].sort(), annotation, annotationInOldPlace, columns: columns.sort() },
  };
  return { uniqueId, facts };
}

function testFacts({ uniqueId, dependsOn, ...test }: ManifestTest): {
  readonly uniqueId: string;
  readonly facts: unknown;
} {
  return { uniqueId, facts: { ...test, dependsOn: [...dependsOn].sort() } };
}

function byId(a: { readonly uniqueId: string }, b: { readonly uniqueId: string }): number {
  return a.uniqueId < b.uniqueId ? -1 : 1;
}

function project(name: string, skip: (note: string) => void): Project {
  const found = projects.get(name);
  if (found !== undefined) return found;
  skip('no Python on this machine that this dbt release supports');
  throw new Error(`${name} is not installed`);
}

describe('one project, built by every dbt release', () => {
  it('says what it should under the reference', () => {
    const { annotations, findings, manifest, runResults } = project(REFERENCE, () => {});
    expect(findings).toEqual([]);
    expect(annotations.map((annotation) => annotation.kind).sort()).toEqual([
      ...Array<string>(6).fill('column'),
      'custom_attribute',
      ...Array<string>(6).fill('entity'),
      'segment',
      'sql_segment',
    ]);
    expect(
      manifest.tests
        .filter((test) => test.testName === 'relationships')
        .map((test) => [test.attachedNode, test.targetNode])
        .sort(),
    ).toEqual([
      ['model.shop.customers', 'model.shop.plans'],
      ['model.shop.orders', 'model.shop.customers'],
      ['seed.shop.raw_visits', 'model.shop.customers'],
      ['source.shop.crm.leads', 'model.shop.plans'],
    ]);
    expect(runResults[0]).toMatchObject({ which: 'build', builds: true, partialData: false });
  });

  const others = pins.versions.map(({ name }) => name).filter((name) => name !== REFERENCE);
  it.for(others)('%s says the same', (name, { skip }) => {
    expect(said(project(name, skip))).toEqual(said(project(REFERENCE, skip)));
  });

  it.for(others)('%s gives the same Knowledge Store', (name, { skip }) => {
    const store = (version: string): unknown => {
      const built = buildKnowledgeStore(project(version, skip), serviceLookup());
      expect(built.findings.filter((finding) => finding.severity === 'error')).toEqual([]);
      return printable(built.store);
    };
    expect(store(name)).toEqual(store(REFERENCE));
  });

  it('reads the profile of each', () => {
    for (const [name, { profile }] of projects) {
      expect([name, profile().targetName, profile().fields['path']]).toEqual([name, 'dev', 'shop.duckdb']);
    }
  });
});
