import { join } from 'node:path';
import { locateProject, type ProjectOptions } from '../../artifacts/project.ts';
import { type CommandOptions, clockOf, loggerOf } from '../options.ts';
import { readCloudAccess } from './access.ts';
import { fetchCloudRun } from './fetch-run.ts';

/** Where `dinmo listen` keeps its queue unless told otherwise: beside what dbt leaves of its runs. */
export function listenerFolder(options: ProjectOptions): string {
  return join(locateProject(options).targetPath, 'dinmo', 'listen');
}

/**
 * The options of a command with the artifacts of the dbt Cloud run that they name, fetched where needed; the same options
 * where they name none. Throws what `readCloudAccess` and `fetchCloudRun` throw.
 */
export async function withCloudArtifacts(options: CommandOptions): Promise<ProjectOptions> {
  const { dbtCloudRun } = options;
  if (dbtCloudRun === undefined) return options;
  const access = readCloudAccess(options.env ?? process.env);
  const artifacts = await fetchCloudRun({
    runId: dbtCloudRun,
    access,
    folder: join(locateProject(options).targetPath, 'dinmo', 'dbt-cloud'),
    clock: clockOf(options),
    logger: loggerOf(options),
    signal: options.signal,
  });
  return { ...options, artifacts, sources: [...artifacts.sources, ...(options.sources ?? [])] };
}
