import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ManifestNode, ManifestTest } from '../../src/artifacts/manifest.ts';
import { type Project, readProject } from '../../src/artifacts/project.ts';
import { serviceLookup } from '../../src/destinations/registry.ts';
import { buildKnowledgeStore } from '../../src/knowledge/build.ts';
import { printable } from '../../src/knowledge/print.ts';

/**
 * The real thing: every dbt release that is in use builds one project, and all their artifacts must say the same.
 * The environments, and what each of them built, are made by scripts/dbt-versions.mjs.
 */
const run = promisify(execFile);
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const pins: { readonly versions: readonly { readonly name: string }[] } = JSON.parse(
  readFileSync(join(root, 'scripts', 'dbt-versions.json'), 'utf8'),
);
const REFERENCE = 'dbt-1.12';
const projects = new Map<string, Project>();

beforeAll(async () => {
  await run(process.execPath, [join(root, 'scripts', 'dbt-versions.mjs')]);
  for (const { name } of pins.versions) {
    const projectDir = join(root, '.venvs', name, 'project');
    // None where this machine has no Python that the release supports.
    if (existsSync(projectDir)) projects.set(name, await readProject({ projectDir, cwd: projectDir, env: {} }));
  }
}, 300_000);

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
