import { compareFindings, type Finding } from '../finding.ts';
import type { CheckContext } from './check.ts';
import { CHECKS } from './registry.ts';

/** Everything that looks wrong, in a reader's order: by file, line and column. The same finding at one place is told once. */
export function runChecks(context: CheckContext): readonly Finding[] {
  const findings = new Map<string, Finding>();
  for (const finding of CHECKS.flatMap((check) => check.run(context))) {
    const { code, message, location } = finding;
    findings.set(`${code} ${location?.file}:${location?.line}:${location?.column} ${message}`, finding);
  }
  return [...findings.values()].sort(compareFindings);
}
