import { type Loose, listAt, textAt } from './json-file.ts';
import { isMap } from './shape.ts';

/**
 * What one step of a dbt Cloud run is worth to us. `builds`: it makes relations. `tests`: its results speak of tests only.
 * `freshness`: it writes sources.json. `other`: clone, deps, docs, compile and the like, whose results say nothing.
 */
export type CloudStepKind = 'builds' | 'tests' | 'freshness' | 'other';

/** One step of a run. */
export interface CloudStep {
  /** Counts from 1; what the artifacts' `step` parameter takes. */
  readonly index: number;
  readonly kind: CloudStepKind;
  readonly succeeded: boolean;
}

/** One run of a job of dbt Cloud, as the Admin API v2 tells it with `include_related=["run_steps"]`. */
export interface CloudRun {
  readonly id: string;
  /** `status` of the API: 1 queued, 2 starting, 3 running, 10 success, 20 error, 30 cancelled. */
  readonly status: number | null;
  /** Whether nothing of it will change any more. */
  readonly isFinal: boolean;
  readonly steps: readonly CloudStep[];
}

/** A file of a run that is wanted. */
export interface CloudArtifact {
  readonly step: number;
  readonly path: 'manifest.json' | 'run_results.json' | 'sources.json';
}

const FINAL: readonly number[] = [10, 20, 30];
const SUCCESS = 10;

/** Reads the answer to `GET /api/v2/accounts/{account}/runs/{run}/`. Null where it is no such answer. */
export function readCloudRun(body: unknown): CloudRun | null {
  const data = isMap(body) ? body['data'] : null;
  if (!isMap(data)) return null;
  const id = idAt(data, 'id');
  if (id === null) return null;
  const status = numberAt(data, 'status');
  const steps = listAt(data, 'run_steps').flatMap((step) => (isMap(step) ? (readStep(step) ?? []) : []));
  return {
    id,
    status,
    isFinal: status !== null && FINAL.includes(status),
    steps: steps.toSorted((a, b) => a.index - b.index),
  };
}

function readStep(step: Loose): CloudStep | null {
  const index = numberAt(step, 'index');
  if (index === null || !Number.isSafeInteger(index) || index < 1) return null;
  const succeeded =
    numberAt(step, 'status') === SUCCESS || textAt(step, 'status_humanized')?.toLowerCase() === 'success';
  return { index, kind: kindOf(textAt(step, 'name') ?? ''), succeeded };
}

const KINDS: Readonly<Record<string, CloudStepKind>> = {
  ...{ run: 'builds', build: 'builds', seed: 'builds', snapshot: 'builds', retry: 'builds', clone: 'builds' },
  ...{ test: 'tests', freshness: 'freshness' },
  ...{ compile: 'other', docs: 'other', parse: 'other', deps: 'other', clean: 'other', debug: 'other', init: 'other' },
  ...{ list: 'other', ls: 'other', show: 'other', environment: 'other', sl: 'other', 'run-operation': 'other' },
};

/**
 * The name of a step holds its command between backticks (``Invoke dbt with `dbt build --select +tag:dinmo` ``), or is the
 * command. A job's checkboxes make steps without one.
 */
function kindOf(name: string): CloudStepKind {
  const command = /`([^`]*)`/.exec(name)?.[1] ?? name;
  const words = command.trim().split(/\s+/);
  if (!/^dbtf?$/.test(words[0] ?? ''))
    return /\bsource(s)?[\s-]+(snapshot-)?freshness\b/i.test(name) ? 'freshness' : 'other';
  for (const [index, word] of words.entries()) {
    if (index === 0) continue;
    if (word === 'source') return /^(snapshot-)?freshness$/.test(words[index + 1] ?? '') ? 'freshness' : 'other';
    const kind = Object.hasOwn(KINDS, word) ? KINDS[word] : undefined;
    if (kind !== undefined) return kind;
  }
  return 'other';
}

/**
 * Which files of which steps say what was built: run results of every step that built or tested, sources.json of every
 * freshness step. The artifact without a step is that of the last one, which `dbt docs generate` makes worthless.
 */
export function wantedResults(run: CloudRun): readonly CloudArtifact[] {
  return run.steps.flatMap(({ index, kind }): readonly CloudArtifact[] => {
    if (kind === 'builds' || kind === 'tests') return [{ step: index, path: 'run_results.json' }];
    return kind === 'freshness' ? [{ step: index, path: 'sources.json' }] : [];
  });
}

/** Where the manifest may be: at the last step that built, else at one before it; without any, at the last test. */
export function manifestSteps(run: CloudRun): readonly number[] {
  const indexes = (kind: CloudStepKind): readonly number[] =>
    run.steps
      .filter((step) => step.kind === kind)
      .map(({ index }) => index)
      .toReversed();
  return [...indexes('builds'), ...indexes('tests')];
}

/** The id of a run, job or account: digits, given as a number or as text. */
export function idAt(parent: Loose, key: string): string | null {
  const value = parent[key];
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && isCloudId(text) ? text : null;
}

/** Whether a text is an id of dbt Cloud. It becomes part of addresses and of folder names: digits and nothing else. */
export function isCloudId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text);
}

function numberAt(parent: Loose, key: string): number | null {
  const value = parent[key];
  return typeof value === 'number' ? value : null;
}
