import { existsSync } from 'node:fs';
import { DinmoError } from '../errors.ts';
import { isoTime } from './iso-time.ts';
import { type Loose, listAt, mapAt, readJson, textAt } from './json-file.ts';
import { isMap } from './shape.ts';

/** What happened to one node in one dbt invocation. */
export interface NodeResult {
  readonly uniqueId: string;
  /** Lower case: success, error, skipped, pass, fail, warn, reused, no-op, partial success, runtime error. */
  readonly status: string;
  readonly message: string | null;
  readonly failures: number | null;
  /** When it finished; falls back to the invocation's `generatedAt`. ISO, UTC. */
  readonly completedAt: string;
  /** The relation that was built, quoted for the adapter: a result of another target has another one. Null where dbt does not say. */
  readonly relationName: string | null;
}

/** One run_results.json. */
export interface RunResults {
  readonly file: string;
  readonly invocationId: string | null;
  readonly generatedAt: string;
  readonly dbtVersion: string;
  /** `build`, `run`, `test`, `compile` …; null when the file does not say. */
  readonly which: string | null;
  /** True for run, build, seed, snapshot, retry, clone without `--empty` or `--sample`: only these build relations. */
  readonly builds: boolean;
  /** True when `--empty` or `--sample` was among the arguments. */
  readonly partialData: boolean;
  readonly target: string | null;
  /** True where it is known that the code that was built is the one that the manifest holds, though another command wrote that. */
  readonly sameCode?: boolean;
  readonly results: ReadonlyMap<string, NodeResult>;
}

/** The commands that build relations; `compile`, `docs generate` and `test` also report `success` for what they merely compiled. */
const BUILDING = new Set(['run', 'build', 'seed', 'snapshot', 'retry', 'clone']);

/**
 * Reads a run_results.json (schemas v4 to v6, dbt 1.x and 2.x). Null when there is no file.
 * Throws DinmoError `run-results-unreadable` (artifact).
 */
export function readRunResults(path: string): RunResults | null {
  if (!existsSync(path)) return null;
  const root = readRoot(path);
  const metadata = mapAt(root, 'metadata');
  const args = mapAt(root, 'args');
  const generatedAt = isoTime(textAt(metadata, 'generated_at')) ?? '';
  const which = (textAt(args, 'which') ?? textAt(args, 'command'))?.toLowerCase() ?? null;
  const results = new Map<string, NodeResult>();
  for (const result of listAt(root, 'results')) {
    if (!isMap(result)) continue;
    const uniqueId = textAt(result, 'unique_id');
    if (uniqueId !== null) results.set(uniqueId, readResult(uniqueId, result, generatedAt));
  }
  return {
    file: path,
    invocationId: textAt(metadata, 'invocation_id'),
    generatedAt,
    dbtVersion: textAt(metadata, 'dbt_version') ?? 'unknown',
    which,
    builds: which !== null && BUILDING.has(which),
    partialData: hasPartialData(args),
    target: textAt(args, 'target'),
    results,
  };
}

function readRoot(path: string): Loose {
  let root: unknown;
  let cause: unknown;
  try {
    root = readJson(path);
  } catch (error) {
    cause = error;
  }
  if (isMap(root) && isMap(root['metadata'])) return root;
  throw new DinmoError({
    kind: 'artifact',
    code: 'run-results-unreadable',
    message: `The run results at ${path} cannot be read.`,
    fix: 'Run dbt again; if a dbt command is running, wait for it to end.',
    cause,
  });
}

function readResult(uniqueId: string, result: Loose, generatedAt: string): NodeResult {
  const failures = result['failures'];
  return {
    uniqueId,
    status: (textAt(result, 'status') ?? 'unknown').toLowerCase(),
    message: textAt(result, 'message'),
    failures: typeof failures === 'number' ? failures : null,
    completedAt: completedAt(result) ?? generatedAt,
    relationName: textAt(result, 'relation_name'),
  };
}

function completedAt(result: Loose): string | null {
  const ends = listAt(result, 'timing').flatMap((timing) =>
    isMap(timing) ? (isoTime(textAt(timing, 'completed_at')) ?? []) : [],
  );
  return ends.sort().at(-1) ?? null;
}

/** dbt 1.x records `empty` and `sample` among all its arguments; dbt 2 records few, so that the command line is looked at too. */
function hasPartialData(args: Loose): boolean {
  const isOn = (value: unknown): boolean => value !== undefined && value !== null && value !== false && value !== '';
  const more = mapAt(args, '__other__');
  const commandLine = textAt(args, 'invocation_command') ?? '';
  return (
    [args['empty'], args['sample'], more['empty'], more['sample']].some(isOn) ||
    /\s--(?:empty|sample)(?:[\s=]|$)/.test(commandLine)
  );
}
