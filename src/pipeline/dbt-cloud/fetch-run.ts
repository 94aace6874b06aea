import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CloudRun, isCloudId, manifestSteps, readCloudRun, wantedResults } from '../../artifacts/dbt-cloud-run.ts';
import type { Clock } from '../../clock.ts';
import { DinmoError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { CloudAccess } from './access.ts';
import { CloudApi } from './api.ts';
import { type CloudArtifacts, type KeptRun, readKeptRun, removeOldRuns, writeKeptRun } from './kept-run.ts';

export interface FetchOptions {
  readonly runId: string;
  readonly access: CloudAccess;
  /** Where runs are kept, one folder each. Absolute. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
  readonly idleMs?: number | undefined;
}

/**
 * Fetches what a run of dbt Cloud left: the manifest of the last step that built, the run results of every step that built
 * or tested, and sources.json. A failed run is fetched too: the gate judges each activation. What was fetched is kept, and
 * not fetched again.
 *
 * Throws DinmoError: `dbt-cloud-run-invalid`, `dbt-cloud-run-not-found`, `dbt-cloud-run-under-way`,
 * `dbt-cloud-artifact-missing`, and what `CloudApi` throws.
 */
export async function fetchCloudRun(options: FetchOptions): Promise<CloudArtifacts> {
  const { runId, access, folder, logger } = options;
  if (!isCloudId(runId)) throw invalidRun();
  const kept = readKeptRun(join(folder, runId), access);
  if (kept !== null) return kept;
  const api = new CloudApi(options);
  const part = join(folder, `${runId}.${process.pid}.part`);
  try {
    const run = readCloudRun(await api.run(runId));
    if (run === null) throw notFound(runId, access);
    if (!run.isFinal) throw underWay(runId);
    mkdirSync(folder, { recursive: true });
    // In a project that is under version control, what was fetched is no part of it.
    writeFileSync(join(folder, '.gitignore'), '*\n');
    rmSync(part, { recursive: true, force: true });
    mkdirSync(part);
    const files = await fetchFiles(api, run, part);
    writeKeptRun(part, { access, files });
    const place = join(folder, runId);
    rmSync(place, { recursive: true, force: true });
    renameSync(part, place);
    logger.info('dbt_cloud.run_fetched', { dbt_run_id: runId, status: run.status, files: files.length });
    removeOldRuns(folder, runId);
    const fetched = readKeptRun(place, access);
    if (fetched !== null) return fetched;
    throw new Error(`what was fetched of run ${runId} is not whole`);
  } finally {
    rmSync(part, { recursive: true, force: true });
    await api.close();
  }
}

/** One after another: they are large, and dbt Cloud counts requests. */
async function fetchFiles(api: CloudApi, run: CloudRun, folder: string): Promise<KeptRun['files']> {
  const files: string[] = [];
  const take = async (step: number, path: 'manifest.json' | 'run_results.json' | 'sources.json', name: string) => {
    if (!(await api.artifact(run.id, { step, path }, join(folder, name)))) return false;
    if (!files.includes(name)) files.push(name);
    return true;
  };
  let hasManifest = false;
  for (const step of manifestSteps(run)) {
    hasManifest = await take(step, 'manifest.json', 'manifest.json');
    if (hasManifest) break;
  }
  if (!hasManifest) throw noManifest(run);
  for (const { step, path } of wantedResults(run)) {
    const name = path.replace('.', `.${String(step).padStart(4, '0')}.`);
    const found = await take(step, path, name);
    if (!found && path === 'run_results.json' && run.steps.some((known) => known.index === step && known.succeeded))
      throw noResults(run, step);
  }
  return files;
}

function invalidRun(): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'dbt-cloud-run-invalid',
    message: 'This is not the id of a run of dbt Cloud.',
    fix: 'Give the number that stands in the address of the run: /runs/<id>.',
  });
}

function notFound(runId: string, { accountId, origin }: CloudAccess): DinmoError {
  return new DinmoError({
    kind: 'artifact',
    code: 'dbt-cloud-run-not-found',
    message: `There is no run ${runId} in account ${accountId} at ${origin}, or the token may not see it.`,
    fix: 'Check the id, DBT_CLOUD_ACCOUNT_ID, DBT_CLOUD_ACCOUNT_HOST, and that the token may read runs of this project.',
  });
}

function underWay(runId: string): DinmoError {
  return new DinmoError({
    kind: 'artifact',
    code: 'dbt-cloud-run-under-way',
    message: `Run ${runId} of dbt Cloud has not ended yet.`,
    fix: 'Wait for its end, or let `dinmo listen` wait for it: dbt Cloud tells when a run has completed.',
  });
}

function noManifest(run: CloudRun): DinmoError {
  const builds = run.steps.some(({ kind }) => kind === 'builds' || kind === 'tests');
  return new DinmoError({
    kind: 'artifact',
    code: 'dbt-cloud-artifact-missing',
    message: `Run ${run.id} of dbt Cloud has no manifest${builds ? ': it failed before dbt had read the project' : ': none of its steps builds or tests'}.`,
    fix: 'Choose a run with a step such as `dbt build`, or correct what the run says.',
  });
}

function noResults(run: CloudRun, step: number): DinmoError {
  return new DinmoError({
    kind: 'artifact',
    code: 'dbt-cloud-artifact-missing',
    message: `Step ${step} of run ${run.id} succeeded, but dbt Cloud has no run_results.json of it.`,
    fix: 'Let the job write its artifacts (no `--no-write-json`); artifacts of old runs are deleted by dbt Cloud.',
  });
}
