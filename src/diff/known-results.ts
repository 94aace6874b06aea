import { createHash } from 'node:crypto';
import type { Manifest, ManifestNode } from '../artifacts/manifest.ts';
import type { NodeResult, RunResults } from '../artifacts/run-results.ts';
import type { FreshnessResults } from '../artifacts/sources.ts';
import { GENERATED_TAG } from '../models/names.ts';

/** The newest result known of one node, from whatever dbt command. */
export interface KnownResult {
  readonly uniqueId: string;
  /** `build`: it made (or failed to make) the relation. `test`: a test's outcome. `freshness`: how old a source's rows were. */
  readonly kind: 'build' | 'test' | 'freshness';
  readonly status: string;
  /** ISO, UTC. */
  readonly completedAt: string;
  readonly invocationId: string | null;
  /** Fingerprint of the code that was built, of generated models; null where it is not known. */
  readonly builtFrom: string | null;
}

/** Results in a file that say nothing of our relations. */
export interface SetAside {
  readonly file: string;
  /** Half a sentence: `is of the target prod, not dev`. */
  readonly why: string;
  readonly nodes: ReadonlySet<string>;
}

/** What is known of each node, and what was not taken for knowledge. */
export interface KnownResults {
  readonly results: ReadonlyMap<string, KnownResult>;
  readonly setAside: readonly SetAside[];
}

/** What dbt left, and what it is read with. */
export interface ResultFiles {
  readonly runResults: readonly RunResults[];
  readonly freshness: readonly FreshnessResults[];
  readonly manifest: Manifest;
  /** The target that we work on; null where every target's results count. */
  readonly targetName: string | null;
}

/** Merges what was recorded before with what dbt's files say: the newest result of each node wins. */
export function knownResults(recorded: Iterable<KnownResult>, files: ResultFiles): KnownResults {
  const results = new Map<string, KnownResult>();
  for (const known of recorded) results.set(known.uniqueId, known);
  const setAside: SetAside[] = [];
  for (const file of files.runResults) {
    const verdict = sift(file, files);
    setAside.push(...verdict.setAside);
    for (const result of verdict.taken) {
      const known = knownResult(result, file, files.manifest);
      if (known) keepNewest(results, known);
    }
  }
  for (const { sources, invocationId } of files.freshness) {
    for (const { uniqueId, status, checkedAt } of sources.values())
      keepNewest(results, {
        ...{ uniqueId, status, invocationId },
        kind: 'freshness',
        completedAt: checkedAt,
        builtFrom: null,
      });
  }
  return { results, setAside };
}

function keepNewest(results: Map<string, KnownResult>, known: KnownResult): void {
  const before = results.get(known.uniqueId);
  if (before && Date.parse(before.completedAt) > Date.parse(known.completedAt)) return;
  // Read again after another dbt command, the same result has lost sight of the code that it was built from.
  const isSame = before !== undefined && Date.parse(before.completedAt) === Date.parse(known.completedAt);
  if (isSame && known.builtFrom === null && before.status === known.status) return;
  results.set(known.uniqueId, known);
}

/** Which results of a file are of our relations. A file of another target or project never counts, and neither does a node built elsewhere. */
function sift(
  file: RunResults,
  { manifest, targetName }: ResultFiles,
): { readonly taken: readonly NodeResult[]; readonly setAside: readonly SetAside[] } {
  const all = [...file.results.values()];
  const aside = (why: string, results: readonly NodeResult[]): SetAside => ({
    file: file.file,
    why,
    nodes: new Set(results.map(({ uniqueId }) => uniqueId)),
  });
  if (file.target !== null && targetName !== null && file.target !== targetName)
    return { taken: [], setAside: [aside(`is of the target ${file.target}, not ${targetName}`, all)] };
  if (isOfOtherProject(file, manifest))
    return { taken: [], setAside: [aside(`is of another dbt project than ${manifest.metadata.projectName}`, all)] };
  const elsewhere = all.filter((result) => isOfOtherRelation(result, manifest));
  const [first] = elsewhere;
  const setAside = first
    ? [aside(`speaks of ${first.relationName}, which is not the relation of this target`, elsewhere)]
    : [];
  const isBuild = (result: NodeResult): boolean => !isTest(result.uniqueId);
  if (!file.builds && file.which !== null && file.which !== 'test' && all.some(isBuild))
    setAside.push(aside(`is of \`dbt ${commandOf(file.which)}\`, which builds nothing`, all.filter(isBuild)));
  const gone = new Set(elsewhere);
  return { taken: all.filter((result) => !gone.has(result)), setAside };
}

function commandOf(which: string): string {
  return which === 'generate' ? 'docs generate' : which;
}

/** Our own package is named by no node, and some package is that the manifest does not know. */
function isOfOtherProject(file: RunResults, manifest: Manifest): boolean {
  if (file.invocationId !== null && file.invocationId === manifest.metadata.invocationId) return false;
  const packages = new Set([...file.results.keys()].map((uniqueId) => uniqueId.split('.')[1] ?? ''));
  const own = manifest.metadata.projectName;
  if (packages.size === 0 || own === '' || packages.has(own)) return false;
  const known = new Set([...manifest.nodes.keys()].map((uniqueId) => uniqueId.split('.')[1] ?? ''));
  return [...packages].some((name) => !known.has(name));
}

/** dbt 2 does not say for which target it ran, but it names the relation. */
function isOfOtherRelation({ uniqueId, relationName }: NodeResult, manifest: Manifest): boolean {
  if (relationName === null || isTest(uniqueId)) return false;
  const node = manifest.nodes.get(uniqueId);
  if (!node || node.relationName === null || node.materialized === 'ephemeral') return false;
  return plainName(node.relationName) !== plainName(relationName);
}

function plainName(relation: string): string {
  return relation.replaceAll(/["`[\]]/g, '').toLowerCase();
}

function isTest(uniqueId: string): boolean {
  return uniqueId.startsWith('test.') || uniqueId.startsWith('unit_test.');
}

/** Commands that run tests. dbt 2 writes errors of tests that it only compiled for `source freshness`. */
const TESTING = new Set(['build', 'test', 'retry']);
/** What says something of the data: a skipped test does not. */
const TESTED = new Set(['pass', 'warn', 'fail', 'error', 'runtime error']);

/** `compile`, `docs` and `test` say `success` of models that they never built; and a skipped test, or one of no rows, says nothing. */
function knownResult(result: NodeResult, file: RunResults, manifest: Manifest): KnownResult | null {
  const { uniqueId, completedAt } = result;
  const tested = isTest(uniqueId);
  if (tested && (!TESTING.has(file.which ?? 'test') || !TESTED.has(result.status) || file.partialData)) return null;
  if (!tested && !file.builds) return null;
  return {
    ...{ uniqueId, completedAt },
    kind: tested ? 'test' : 'build',
    status: file.partialData ? 'built with --empty or --sample' : result.status,
    invocationId: file.invocationId,
    builtFrom: builtFrom(uniqueId, file, manifest),
  };
}

function builtFrom(uniqueId: string, file: RunResults, manifest: Manifest): string | null {
  const node = manifest.nodes.get(uniqueId);
  const isOfBuild =
    file.sameCode === true || (file.invocationId !== null && file.invocationId === manifest.metadata.invocationId);
  return isOfBuild && node?.tags.includes(GENERATED_TAG) ? fingerprint(node.rawCode) : null;
}

/** Line ends and white space at the ends are not kept in manifests. */
export function plainText(code: string): string {
  return code.replaceAll('\r\n', '\n').trim();
}

/** What tells one text of a generated model from another. */
export function fingerprint(code: string): string {
  return createHash('sha256').update(plainText(code)).digest('hex');
}

/** A relation of its own that a command of this project makes: not a source, nothing ephemeral, no model of another project. */
export function isBuilt(node: ManifestNode): boolean {
  if (node.resourceType === 'source' || node.materialized === 'ephemeral' || node.relationName === null) return false;
  // Models that another project lends have no file in this one.
  return node.originalFilePath !== '';
}
