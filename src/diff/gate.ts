import { createHash } from 'node:crypto';
import type { Manifest, ManifestNode, ManifestTest } from '../artifacts/manifest.ts';
import type { NodeResult, RunResults } from '../artifacts/run-results.ts';
import { GENERATED_TAG } from '../models/names.ts';

/** The newest result known of one node, from whatever dbt command. */
export interface KnownResult {
  readonly uniqueId: string;
  /** `build`: it made (or failed to make) the relation. `test`: a test's outcome. */
  readonly kind: 'build' | 'test';
  readonly status: string;
  /** ISO, UTC. */
  readonly completedAt: string;
  readonly invocationId: string | null;
  /** Fingerprint of the code that was built, of generated models; null where it is not known. */
  readonly builtFrom: string | null;
}

/** Whether an activation may be synced, as far as dbt's results go. */
export interface GateVerdict {
  readonly open: boolean;
  /** Names the node that blocks, and what to do; null when open. */
  readonly reason: string | null;
}

/** What the gate is judged by. */
export interface GateInput {
  readonly manifest: Manifest;
  /** unique_ids that the activation reads: its segment's and entities' generated models, and so on. Their ancestors follow. */
  readonly roots: readonly string[];
  readonly results: ReadonlyMap<string, KnownResult>;
  readonly maxAgeHours: number;
  readonly nowMs: number;
  /** A generated model's file as it stands now; null when it is gone. Only asked for generated models. */
  readonly currentFile: (node: ManifestNode) => CurrentFile | null;
}

/** A file as it stands on disk. */
export interface CurrentFile {
  readonly text: string;
  readonly modifiedMs: number;
}

const BUILT = new Set(['success', 'warn', 'reused', 'no-op', 'partial success']);
const OPEN: GateVerdict = { open: true, reason: null };

/**
 * Whether every built model behind an activation succeeded in its newest result, recently enough, and its error-severity
 * tests passed. A node that was not part of the newest run counts with its last result.
 */
export function checkGate(input: GateInput): GateVerdict {
  const ancestors = ancestorsOf(input.manifest, input.roots);
  // dbt skips a node because of another one: that one is told, and the skipped node only if no other is found.
  let skipped: string | null = null;
  for (const uniqueId of ancestors) {
    const node = input.manifest.nodes.get(uniqueId);
    if (!node || !isBuilt(node)) continue;
    const reason = judgeBuild(node, input);
    if (reason === null) continue;
    if (input.results.get(uniqueId)?.status !== 'skipped') return { open: false, reason };
    skipped ??= reason;
  }
  for (const test of input.manifest.tests) {
    if (!test.enabled || test.severity !== 'error' || !speaksOf(test, ancestors)) continue;
    const result = input.results.get(test.uniqueId);
    if (result && (result.status === 'fail' || result.status === 'error' || result.status === 'runtime error')) {
      return {
        open: false,
        reason: `the test ${test.uniqueId.split('.').at(2) ?? test.uniqueId} did not pass (${result.status}): mend the data or the test, and run dbt build`,
      };
    }
  }
  return skipped === null ? OPEN : { open: false, reason: skipped };
}

function judgeBuild(node: ManifestNode, input: GateInput): string | null {
  const result = input.results.get(node.uniqueId);
  if (!result)
    return `no dbt result is known for ${node.name}: run dbt build, or name its run_results.json with --run-results`;
  if (!BUILT.has(result.status)) return `${node.name} did not build (${result.status}): run dbt build`;
  const ageHours = (input.nowMs - Date.parse(result.completedAt)) / 3_600_000;
  if (ageHours > input.maxAgeHours)
    return `${node.name} was built ${ageHours.toFixed(1)} hours ago, more than gate.max_age_hours ${input.maxAgeHours}: run dbt build`;
  if (node.tags.includes(GENERATED_TAG) && !isBuiltFromFile(node, result, input))
    return `${node.name} was built from another file than the one that is there now: run dbt build`;
  return null;
}

/** The manifest of the build itself holds the file's text; without its fingerprint, a file that is older than the build is the one. */
function isBuiltFromFile(node: ManifestNode, result: KnownResult, { manifest, currentFile }: GateInput): boolean {
  const file = currentFile(node);
  if (file === null) return false;
  if (plainText(node.rawCode) !== plainText(file.text)) return false;
  if (manifest.metadata.invocationId === result.invocationId) return true;
  if (result.builtFrom !== null) return result.builtFrom === fingerprint(file.text);
  return (
    Date.parse(manifest.metadata.generatedAt) <= Date.parse(result.completedAt) ||
    file.modifiedMs <= Date.parse(result.completedAt)
  );
}

/** Line ends and white space at the ends are not kept in manifests. */
function plainText(code: string): string {
  return code.replaceAll('\r\n', '\n').trim();
}

function fingerprint(code: string): string {
  return createHash('sha256').update(plainText(code)).digest('hex');
}

/** A relation of its own that a dbt command makes. */
function isBuilt(node: ManifestNode): boolean {
  return node.resourceType !== 'source' && node.materialized !== 'ephemeral' && node.relationName !== null;
}

/** The nodes themselves and everything upstream of them. */
export function ancestorsOf(manifest: Manifest, roots: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = [...roots];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    waiting.push(...(manifest.parents.get(next) ?? manifest.nodes.get(next)?.dependsOn ?? []));
  }
  return seen;
}

/** Merges what was recorded before with what these run results say: the newest result of each node wins. */
export function newestResults(
  recorded: Iterable<KnownResult>,
  files: readonly RunResults[],
  manifest: Manifest,
): ReadonlyMap<string, KnownResult> {
  const results = new Map<string, KnownResult>();
  for (const known of recorded) results.set(known.uniqueId, known);
  for (const file of files) {
    for (const result of file.results.values()) {
      const known = knownResult(result, { file, manifest });
      if (!known) continue;
      const before = results.get(known.uniqueId);
      if (before && Date.parse(before.completedAt) > Date.parse(known.completedAt)) continue;
      // Read again after another dbt command, the same result has lost sight of the code that it was built from.
      const isSame = before !== undefined && Date.parse(before.completedAt) === Date.parse(known.completedAt);
      if (isSame && known.builtFrom === null) continue;
      results.set(known.uniqueId, known);
    }
  }
  return results;
}

/** `compile`, `docs` and `test` say `success` of models that they never built; and a skipped test says nothing. */
function knownResult(
  result: NodeResult,
  { file, manifest }: { readonly file: RunResults; readonly manifest: Manifest },
): KnownResult | null {
  const isTest = result.uniqueId.startsWith('test.') || result.uniqueId.startsWith('unit_test.');
  if (isTest && (file.which === 'compile' || file.which === 'generate' || result.status === 'skipped')) return null;
  if (!isTest && !file.builds) return null;
  const status = file.partialData && !isTest ? 'built with --empty or --sample' : result.status;
  return {
    uniqueId: result.uniqueId,
    kind: isTest ? 'test' : 'build',
    status,
    completedAt: result.completedAt,
    invocationId: file.invocationId,
    builtFrom: builtFrom(result.uniqueId, file, manifest),
  };
}

function builtFrom(uniqueId: string, file: RunResults, manifest: Manifest): string | null {
  const node = manifest.nodes.get(uniqueId);
  const isOfBuild = file.invocationId !== null && file.invocationId === manifest.metadata.invocationId;
  return isOfBuild && node?.tags.includes(GENERATED_TAG) ? fingerprint(node.rawCode) : null;
}

/** A test of one of these nodes; a singular test, when it reads nothing else. */
function speaksOf(test: ManifestTest, nodes: ReadonlySet<string>): boolean {
  if (test.attachedNode !== null) return nodes.has(test.attachedNode);
  return test.dependsOn.length > 0 && test.dependsOn.every((uniqueId) => nodes.has(uniqueId));
}
