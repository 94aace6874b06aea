import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Manifest, ManifestNode } from '../../src/artifacts/manifest.ts';
import type { RunResults } from '../../src/artifacts/run-results.ts';
import { checkGate } from '../../src/diff/gate.ts';
import { type KnownResult, knownResults } from '../../src/diff/known-results.ts';

const CODE = 'select 1';
const NODE = 'model.shop.segment_vip';

function manifestOf(invocationId: string, rawCode = CODE): Manifest {
  const node = {
    uniqueId: NODE,
    name: 'segment_vip',
    resourceType: 'model',
    tags: ['dinmo'],
    materialized: 'view',
    relationName: 'v',
    rawCode,
    dependsOn: [],
  };
  return {
    metadata: { invocationId, generatedAt: '2026-03-02T09:00:00Z', projectName: 'shop' },
    nodes: new Map([[NODE, node as unknown as ManifestNode]]),
    tests: [],
    parents: new Map(),
  } as unknown as Manifest;
}

function resultsOf(invocationId: string): RunResults {
  return {
    invocationId,
    which: 'build',
    builds: true,
    partialData: false,
    results: new Map([
      [
        NODE,
        {
          uniqueId: NODE,
          status: 'success',
          message: null,
          failures: null,
          relationName: null,
          completedAt: '2026-03-02T08:00:00.123456Z',
        },
      ],
    ]),
  } as unknown as RunResults;
}

function newestResults(recorded: Iterable<KnownResult>, runResults: readonly RunResults[], manifest: Manifest) {
  return knownResults(recorded, { runResults, freshness: [], manifest, targetName: null }).results;
}

function verdict(manifest: Manifest, results: ReturnType<typeof newestResults>, text: string) {
  return checkGate({
    manifest,
    roots: [NODE],
    results,
    setAside: [],
    warnings: 'pass',
    maxAgeHours: 24,
    nowMs: Date.parse('2026-03-02T10:00:00Z'),
    // As after a fresh checkout: the file is younger than the build.
    currentFile: () => ({ text, modifiedMs: Date.parse('2026-03-02T09:30:00Z') }),
  });
}

it('knows a file that was built before, however young it looks, and one that was not', () => {
  const built = newestResults([], [resultsOf('build-1')], manifestOf('build-1'));
  expect(built.get(NODE)?.builtFrom).toBe(createHash('sha256').update(CODE).digest('hex'));
  // A later `dbt parse` wrote another manifest; the same results are read again, as the ledger gives them back.
  const recorded = [...built.values()].map((known) => ({ ...known, completedAt: '2026-03-02T08:00:00.123Z' }));
  const later = newestResults(recorded, [resultsOf('build-1')], manifestOf('parse-2'));
  expect(verdict(manifestOf('parse-2'), later, `${CODE}\n`)).toEqual({ open: true, reason: null });
  const changed = manifestOf('parse-2', 'select 2');
  expect(verdict(changed, later, 'select 2').reason).toContain('built from another file');
  // Nothing is known of what it was built from: the file's age decides.
  const unknown = newestResults([], [resultsOf('build-1')], manifestOf('parse-2'));
  expect(verdict(manifestOf('parse-2'), unknown, CODE).open).toBe(false);
});
