import type { ExitCode } from '../errors.ts';
import { loadContext } from './context.ts';
import type { CommandOptions } from './options.ts';
import type { CheckReport } from './reports.ts';

/** Everything that is wrong with a project, at once. Needs no warehouse and no secret. Throws DinmoError for what cannot be read at all. */
export async function checkProject(options: CommandOptions): Promise<CheckReport> {
  const { findings, store } = await loadContext(options);
  const exitCode: ExitCode = findings.some((finding) => finding.severity === 'error') ? 1 : 0;
  return { findings, store, exitCode };
}
