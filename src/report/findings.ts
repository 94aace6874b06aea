import type { SourceLocation } from '../errors.ts';
import type { Finding, Severity } from '../finding.ts';
import { formatMany, wrap } from './layout.ts';
import type { Style } from './style.ts';

/** `models/_customers.yml:12:9` */
export function formatLocation(location: SourceLocation): string {
  return `${location.file}:${location.line}:${location.column}`;
}

/** Findings as text, in the order given, under the place where each stands; ends with a line that counts them. */
export function renderFindings(findings: readonly Finding[], style: Style): string {
  const blocks = findings.map((finding) => renderFinding(finding, style));
  return [...blocks, summarise(findings, style)].join('\n');
}

function renderFinding(finding: Finding, style: Style): string {
  const paint = { error: style.red, warning: style.yellow, info: style.dim }[finding.severity];
  const place = finding.location ? formatLocation(finding.location) : (finding.node ?? '');
  const indent = '    ';
  const head = `${style.bold(place)}${place === '' ? '' : '  '}${paint(finding.severity)}  ${finding.code}`;
  return [
    head,
    `${indent}${wrap(finding.message, style.width - indent.length, indent)}`,
    `${indent}${style.dim('→')} ${wrap(finding.fix, style.width - 6, '      ')}`,
    '',
  ].join('\n');
}

function summarise(findings: readonly Finding[], style: Style): string {
  const { error, warning, info } = countFindings(findings);
  const parts = [
    ...(error > 0 ? [style.red(formatMany(error, 'error'))] : []),
    ...(warning > 0 ? [style.yellow(formatMany(warning, 'warning'))] : []),
    ...(info > 0 ? [formatMany(info, 'note')] : []),
  ];
  return parts.length === 0 ? style.green('No problems found.') : `${parts.join(', ')}.`;
}

/** How many findings there are of each severity. */
export function countFindings(findings: readonly Finding[]): Readonly<Record<Severity, number>> {
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  return { error: count('error'), warning: count('warning'), info: count('info') };
}

/** One finding as JSON; every key is always present. `path` is the file from the root of the repository, to which `prefix` leads. */
export function findingJson(finding: Finding, prefix = ''): object {
  return {
    code: finding.code,
    severity: finding.severity,
    message: finding.message,
    fix: finding.fix,
    file: finding.location?.file ?? null,
    path: finding.location === null ? null : `${prefix}${finding.location.file}`,
    line: finding.location?.line ?? null,
    column: finding.location?.column ?? null,
    node: finding.node ?? null,
  };
}

/** What `check --output json` prints. */
export function findingsJson(findings: readonly Finding[], prefix = ''): object {
  const { error, warning, info } = countFindings(findings);
  return {
    findings: findings.map((finding) => findingJson(finding, prefix)),
    summary: { errors: error, warnings: warning, infos: info },
    error: null,
  };
}
