import { ruleOf } from '../checks/registry.ts';
import type { Finding, Severity } from '../finding.ts';
import { allFindings, type CheckOutcome, counted, fingerprints, sentences, shownAt } from './check-outcome.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
const LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' };
const ROOT = '%SRCROOT%';

/** GitHub code scanning takes 25,000 results in one run, and refuses the file when there are more. */
const RESULTS_MAX = 25_000;

/** The findings as SARIF 2.1.0 (OASIS, errata 01), for code scanning and the viewers of editors. */
export function sarifJson(outcome: CheckOutcome): object {
  const findings = allFindings({ findings: outcome.findings, failure: null }, outcome.findings.length > RESULTS_MAX);
  const shown = findings.slice(0, RESULTS_MAX);
  const codes = [...new Set(shown.map(({ code }) => code))].sort();
  const prints = fingerprints(shown, outcome);
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'dinmo',
            fullName: `dbt-dinmo ${outcome.version}`,
            version: outcome.version,
            rules: codes.map((code) => rule(code, shown)),
          },
        },
        automationDetails: { id: `dinmo/${folderOf(outcome.projectFile)}` },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { [ROOT]: { description: { text: 'The root of the repository.' } } },
        invocations: [invocation(outcome, findings.slice(RESULTS_MAX))],
        results: shown.map((finding, index) => ({
          ruleId: finding.code,
          ruleIndex: codes.indexOf(finding.code),
          level: LEVELS[finding.severity],
          message: { text: sentences(finding) },
          locations: [location(finding, outcome)],
          partialFingerprints: { 'dinmoFinding/v1': prints[index] },
          properties: { fix: finding.fix },
        })),
      },
    ],
  };
}

/** `transform/dbt/`, '' at the root: two projects of one repository are two analyses. */
function folderOf(projectFile: string): string {
  return projectFile.slice(0, projectFile.lastIndexOf('/') + 1);
}

function rule(code: string, findings: readonly Finding[]): object {
  const { severity, title, why, fix, bad, good } = ruleOf(code);
  const level = findings.find((finding) => finding.code === code)?.severity ?? severity;
  const example = bad === '' ? '' : `\n\n\`\`\`yaml\n# not\n${bad}\n# but\n${good}\n\`\`\``;
  const explanation = [why, fix].filter((text) => text !== '').join(' ');
  return {
    id: code,
    shortDescription: { text: title },
    ...(why === '' ? {} : { fullDescription: { text: why } }),
    help: { text: explanation === '' ? title : explanation, markdown: `${explanation || title}${example}` },
    defaultConfiguration: { level: LEVELS[level] },
    properties: { tags: ['dbt', 'dinmo'], 'problem.severity': level === 'info' ? 'recommendation' : level },
  };
}

function location(finding: Finding, outcome: CheckOutcome): object {
  const { file, line, column } = shownAt(finding, outcome);
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(file), uriBaseId: ROOT },
      region: { startLine: line, startColumn: column },
    },
    ...(finding.node === undefined
      ? {}
      : {
          logicalLocations: [
            { fullyQualifiedName: finding.node, name: finding.node.split('.').at(-1) ?? '', kind: 'resource' },
          ],
        }),
  };
}

function uriOf(file: string): string {
  return file
    .split('/')
    .map((part) => encodeURIComponent(part.toWellFormed()))
    .join('/');
}

function invocation(outcome: CheckOutcome, left: readonly Finding[]): object {
  const { failure, exitCode } = outcome;
  const notifications = [
    ...allFindings({ findings: [], failure }).map((stopped) => ({
      level: 'error',
      descriptor: { id: stopped.code },
      message: { text: sentences(stopped) },
      locations: [location(stopped, outcome)],
    })),
    ...(left.length === 0
      ? []
      : [
          {
            level: 'warning',
            message: { text: `Code scanning takes ${RESULTS_MAX} results: ${counted(left)} were left out.` },
          },
        ]),
  ];
  return {
    executionSuccessful: failure === null,
    ...(exitCode === null ? {} : { exitCode }),
    toolExecutionNotifications: notifications,
  };
}
