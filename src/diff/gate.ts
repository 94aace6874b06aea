import type { Manifest, ManifestNode, ManifestTest } from '../artifacts/manifest.ts';
import { GENERATED_TAG } from '../models/names.ts';
import { fingerprint, isBuilt, type KnownResult, plainText, type SetAside } from './known-results.ts';

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
  /** Results that were found and do not count, so that a refusal can say why. */
  readonly setAside: readonly SetAside[];
  readonly maxAgeHours: number;
  /** Whether a test or a source that warns blocks. */
  readonly warnings: 'pass' | 'block';
  readonly nowMs: number;
  /** A generated model's file as it stands now; null when it is gone. Only asked for generated models. */
  readonly currentFile: (node: ManifestNode) => CurrentFile | null;
}

/** A file as it stands on disk. */
export interface CurrentFile {
  readonly text: string;
  readonly modifiedMs: number;
}

/**
 * What blocks, the likelier cause of others first: of a failed model, its skipped children and what is old by then, the failed
 * one is told.
 */
const CAUSES = ['failed', 'test', 'source', 'missing', 'old', 'file', 'skipped'] as const;

interface Block {
  readonly cause: (typeof CAUSES)[number];
  readonly reason: string;
}

const BUILT = new Set(['success', 'warn', 'reused', 'no-op']);
const FAILED = new Set(['fail', 'error', 'runtime error']);
const OPEN: GateVerdict = { open: true, reason: null };

/**
 * Whether every built model behind an activation succeeded in its newest result, recently enough, its error-severity tests
 * passed, and no source behind it was found stale. A node that was not part of the newest run counts with its last result.
 */
export function checkGate(input: GateInput): GateVerdict {
  const ancestors = ancestorsOf(input.manifest, input.roots);
  const blocks = [
    ...[...ancestors].map((uniqueId) => judgeNode(uniqueId, input)),
    ...input.manifest.tests.map((test) => judgeTest(test, ancestors, input)),
    ...judgeUnitTests(ancestors, input),
  ].filter((block) => block !== null);
  for (const cause of CAUSES) {
    const block = blocks.find((candidate) => candidate.cause === cause);
    if (block) return { open: false, reason: block.reason };
  }
  return OPEN;
}

function judgeNode(uniqueId: string, input: GateInput): Block | null {
  const node = input.manifest.nodes.get(uniqueId);
  const result = input.results.get(uniqueId);
  if (!node) return judgeOther(uniqueId, result);
  if (node.resourceType === 'source') return judgeSource(node, result, input);
  return isBuilt(node) ? judgeBuild(node, result, input) : null;
}

/** What a model may use and is no model: a function. Of most dbt says nothing. */
function judgeOther(uniqueId: string, result: KnownResult | undefined): Block | null {
  if (result?.kind !== 'build' || BUILT.has(result.status)) return null;
  const name = uniqueId.split('.').slice(2).join('.');
  return { cause: 'failed', reason: `${name} did not build (${result.status}): run dbt build` };
}

function judgeBuild(node: ManifestNode, result: KnownResult | undefined, input: GateInput): Block | null {
  const name = titleOf(node, input.manifest);
  const block = (cause: Block['cause'], reason: string): Block => ({ cause, reason });
  if (!result) {
    const why = noteOf(node.uniqueId, input);
    return block(
      'missing',
      `no dbt result is known for ${name}${why}: run dbt build, or name its run_results.json with --run-results`,
    );
  }
  if (result.status === 'partial success')
    return block(
      'failed',
      `${name} was built in part only, some of its batches failed (partial success): run dbt retry`,
    );
  if (!BUILT.has(result.status))
    return block(
      result.status === 'skipped' ? 'skipped' : 'failed',
      `${name} did not build (${result.status}): run dbt build`,
    );
  if (result.status === 'warn' && input.warnings === 'block')
    return block('failed', `${name} was built with a warning, and gate.warnings is block: mend it, and run dbt build`);
  const ageHours = hoursSince(result, input);
  // What has no time has no age that would be small enough.
  if (!(ageHours <= input.maxAgeHours))
    return block(
      'old',
      `${name} was built ${ageText(ageHours)}, more than gate.max_age_hours ${input.maxAgeHours}${noteOf(node.uniqueId, input)}: run dbt build`,
    );
  if (node.tags.includes(GENERATED_TAG) && !isBuiltFromFile(node, result, input))
    return block('file', `${name} was built from another file than the one that is there now: run dbt build`);
  return null;
}

/** A source that was never looked at is not judged, and neither is one whose good answer is too old to say anything. */
function judgeSource(node: ManifestNode, result: KnownResult | undefined, input: GateInput): Block | null {
  if (result?.kind !== 'freshness') return null;
  const name = `the source ${node.sourceName ?? ''}.${node.name}`;
  const fix = 'load it, and run dbt source freshness';
  if (FAILED.has(result.status))
    return {
      cause: 'source',
      reason: `${name} is not fresh (${result.status}, looked at ${ageText(hoursSince(result, input))}): ${fix}`,
    };
  const isRecent = hoursSince(result, input) <= input.maxAgeHours;
  if (result.status === 'warn' && input.warnings === 'block' && isRecent)
    return { cause: 'source', reason: `${name} is getting old (warn), and gate.warnings is block: ${fix}` };
  return null;
}

function judgeTest(test: ManifestTest, ancestors: ReadonlySet<string>, input: GateInput): Block | null {
  const result = input.results.get(test.uniqueId);
  // Most tests passed: nothing more is asked of those.
  if (result?.kind !== 'test' || result.status === 'pass' || !test.enabled) return null;
  const isWarning = result.status === 'warn' || test.severity === 'warn';
  if ((isWarning && input.warnings === 'pass') || !speaksOf(test, ancestors)) return null;
  const reason = testReason(`the test ${testName(test.uniqueId)}`, result, {
    input,
    tested: test.attachedNode ?? test.dependsOn[0],
  });
  return { cause: 'test', reason };
}

/** A unit test speaks of the model whose code it tries; dbt build does not build what fails it. */
function* judgeUnitTests(ancestors: ReadonlySet<string>, input: GateInput): Iterable<Block> {
  for (const result of input.results.values()) {
    if (!result.uniqueId.startsWith('unit_test.') || !FAILED.has(result.status)) continue;
    const tested = input.manifest.parents.get(result.uniqueId) ?? [];
    if (tested.length === 0 || !tested.every((uniqueId) => ancestors.has(uniqueId))) continue;
    const name = `the unit test ${result.uniqueId.split('.').slice(2).join('.')}`;
    yield { cause: 'test', reason: testReason(name, result, { input, tested: tested[0] }) };
  }
}

function testReason(
  name: string,
  result: KnownResult,
  { input, tested }: { readonly input: GateInput; readonly tested: string | undefined },
): string {
  const node = tested === undefined ? undefined : input.manifest.nodes.get(tested);
  const of = node ? ` of ${titleOf(node, input.manifest)}` : '';
  if (result.status === 'warn')
    return `${name}${of} warns, and gate.warnings is block: mend the data or the test, and run dbt build`;
  const build = tested === undefined ? undefined : input.results.get(tested);
  const isOlder = build?.kind === 'build' && Date.parse(build.completedAt) > Date.parse(result.completedAt);
  const fix = isOlder ? 'it was built again since: run dbt test' : 'mend the data or the test, and run dbt build';
  return `${name} did not pass (${result.status})${of}: ${fix}`;
}

function testName(uniqueId: string): string {
  return uniqueId.split('.').at(2) ?? uniqueId;
}

/** A test of one of these nodes; a singular test, when it reads nothing else: those that `dbt build` would stop for, too. */
function speaksOf(test: ManifestTest, nodes: ReadonlySet<string>): boolean {
  if (test.attachedNode !== null) return nodes.has(test.attachedNode);
  return test.dependsOn.length > 0 && test.dependsOn.every((uniqueId) => nodes.has(uniqueId));
}

/** Results of this node that were found and do not count. */
function noteOf(uniqueId: string, { setAside }: GateInput): string {
  const found = setAside.find(({ nodes }) => nodes.has(uniqueId)) ?? setAside[0];
  return found === undefined ? '' : ` (${found.file} ${found.why})`;
}

/** Two packages may have models of one name, and one model several versions. */
function titleOf(node: ManifestNode, { metadata }: Manifest): string {
  const isForeign = metadata.projectName !== '' && node.packageName !== metadata.projectName;
  const prefix = isForeign && node.packageName ? `${node.packageName}.` : '';
  return `${prefix}${node.name}${node.version ? `.v${node.version}` : ''}`;
}

function hoursSince({ completedAt }: KnownResult, { nowMs }: GateInput): number {
  return (nowMs - Date.parse(completedAt)) / 3_600_000;
}

function ageText(hours: number): string {
  return Number.isNaN(hours) ? 'at a time that dbt does not say' : `${hours.toFixed(1)} hours ago`;
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

/** The nodes themselves and everything upstream of them, each after what it reads. */
export function ancestorsOf(manifest: Manifest, roots: readonly string[]): ReadonlySet<string> {
  const entered = new Set<string>();
  const ordered = new Set<string>();
  const waiting = [...roots];
  for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
    if (entered.has(next)) {
      waiting.pop();
      ordered.add(next);
      continue;
    }
    entered.add(next);
    const parents = manifest.parents.get(next) ?? manifest.nodes.get(next)?.dependsOn ?? [];
    waiting.push(...parents.filter((parent) => !entered.has(parent)).reverse());
  }
  return ordered;
}
