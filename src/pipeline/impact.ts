import { DinmoError, type ExitCode } from '../errors.ts';
import { failureJson } from '../report/failure.ts';
import type { ImpactReport } from '../report/impact-report.ts';
import { compareSides } from './impact/compare.ts';
import { measure } from './impact/measure.ts';
import { type ImpactOptions, readBase, readBranch } from './impact/sides.ts';

export type { ImpactOptions } from './impact/sides.ts';

/**
 * What this branch does to audiences, compared with a base: from the artifacts of both, and with `warehouse` counted in the
 * profile's target, which writes nothing. What the warehouse refuses stands in the report beside what was compared before.
 * Throws DinmoError for what cannot be read at all: `state-missing`, and what reading a project throws.
 */
export async function assessImpact(options: ImpactOptions): Promise<ImpactReport> {
  const branch = readBranch(options);
  const base = readBase(options, branch);
  const comparison = await compareSides(base, branch);
  const breaks = comparison.changes.some(({ severity }) => severity === 'breaks');
  const { generatedAt, dbtVersion } = base.project.manifest.metadata;
  const report: ImpactReport = {
    base: { kind: base.kind, generatedAt, dbtVersion },
    target: null,
    ...comparison,
    error: null,
    exitCode: breaks ? 1 : 0,
  };
  if (options.warehouse !== true) return report;
  try {
    const { exitCode, notCompared, ...measured } = await measure(options, { base, branch, comparison });
    return {
      ...report,
      ...measured,
      notCompared: [...report.notCompared, ...notCompared],
      exitCode: Math.max(report.exitCode, exitCode) as ExitCode, // the greater of two exit codes is one
    };
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    const exitCode = Math.max(report.exitCode, thrown.exitCode) as ExitCode; // as above
    return { ...report, error: failureJson(thrown), exitCode };
  }
}
