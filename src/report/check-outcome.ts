import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { SourceLocation } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { Failure } from './failure.ts';
import { formatMany } from './layout.ts';

/** What `check` found, as CI services are told: every place counts from the root of the repository. */
export interface CheckOutcome {
  readonly findings: readonly Finding[];
  /** Why the command stopped before it could look; null where it went through. */
  readonly failure: Failure | null;
  /** `dbt_project.yml`, from the repository's root: the place of what has none of its own. */
  readonly projectFile: string;
  /** Of dinmo. */
  readonly version: string;
  /** null where the command stopped. */
  readonly exitCode: number | null;
}

/** The outcome with places that count from the dbt project told from the root of the repository; `prefix` leads there. */
export function inRepository(outcome: CheckOutcome, prefix: string): CheckOutcome {
  const placed = <At extends { readonly location: SourceLocation | null }>(at: At): At =>
    at.location === null ? at : { ...at, location: { ...at.location, file: posix.join(prefix, at.location.file) } };
  return {
    ...outcome,
    findings: outcome.findings.map(placed),
    failure: outcome.failure === null ? null : placed(outcome.failure),
    projectFile: `${prefix}${outcome.projectFile}`,
  };
}

/** The findings, or why there are none, in one list; errors first where `errorsFirst`. */
export function allFindings(
  { findings, failure }: Pick<CheckOutcome, 'findings' | 'failure'>,
  errorsFirst = false,
): readonly Finding[] {
  const stopped: readonly Finding[] =
    failure === null ? [] : [{ ...failure, severity: 'error', fix: failure.fix ?? '' }];
  const all = [...stopped, ...findings];
  return errorsFirst
    ? (['error', 'warning', 'info'] as const).flatMap((each) => all.filter(({ severity }) => severity === each))
    : all;
}

/** Where a finding is shown. */
export function shownAt({ location }: Finding, { projectFile }: CheckOutcome): SourceLocation {
  return location ?? { file: projectFile, line: 1, column: 1 };
}

/** What is wrong and what to do, in sentences. */
export function sentences({ message, fix }: Finding): string {
  return fix === '' ? message : `${/[.!?]$/.test(message) ? message : `${message}.`} ${fix}`;
}

/**
 * One fingerprint for each finding, in their order: of the code, the node, the file and the words, without any line number, so
 * that it is the same when the YAML around it moves. Findings that are alike are told apart by their order.
 */
export function fingerprints(findings: readonly Finding[], outcome: CheckOutcome): readonly string[] {
  const seen = new Map<string, number>();
  return findings.map((finding) => {
    const words = finding.message.replaceAll(/(\.(?:ya?ml|sql)):\d+(?::\d+)?/g, '$1');
    const fact = JSON.stringify([finding.code, finding.node ?? '', shownAt(finding, outcome).file, words]);
    const before = seen.get(fact) ?? 0;
    seen.set(fact, before + 1);
    return createHash('sha256').update(`${fact}${before}`).digest('hex').slice(0, 40);
  });
}

/** `3 errors, 1 warning`, or ''. */
export function counted(findings: readonly Finding[]): string {
  const names = { error: 'error', warning: 'warning', info: 'note' } as const;
  return (['error', 'warning', 'info'] as const)
    .map((severity) => [names[severity], findings.filter((finding) => finding.severity === severity).length] as const)
    .flatMap(([name, count]) => (count === 0 ? [] : [formatMany(count, name)]))
    .join(', ');
}
