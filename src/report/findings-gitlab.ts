import type { Severity } from '../finding.ts';
import { allFindings, type CheckOutcome, fingerprints, sentences, shownAt } from './check-outcome.ts';

/** GitLab's words, from which it takes the colour and the order. */
const SEVERITIES: Readonly<Record<Severity, string>> = { error: 'major', warning: 'minor', info: 'info' };

/** The report of GitLab Code Quality (the fields of Code Climate that GitLab 18 reads): `artifacts: reports: codequality:`. */
export function gitlabJson(outcome: CheckOutcome): readonly object[] {
  const findings = allFindings(outcome);
  const prints = fingerprints(findings, outcome);
  return findings.map((finding, index) => {
    const { file, line, column } = shownAt(finding, outcome);
    const isFailure = outcome.failure !== null && index === 0;
    return {
      type: 'issue',
      check_name: finding.code,
      description: sentences(finding),
      content: { body: finding.fix },
      categories: ['Bug Risk'],
      severity: isFailure ? 'blocker' : SEVERITIES[finding.severity],
      fingerprint: prints[index],
      location: { path: file, lines: { begin: line }, positions: { begin: { line, column } } },
    };
  });
}
