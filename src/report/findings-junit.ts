import type { Finding } from '../finding.ts';
import { mask } from '../log.ts';
import { allFindings, type CheckOutcome, sentences, shownAt } from './check-outcome.ts';
import { formatLocation } from './findings.ts';

/**
 * The findings as JUnit's XML: one test case for each rule and node. Errors are failures, so that a red report and the exit
 * code agree; warnings and notes stand in the output of a case that passed. A command that stopped is an error of its case.
 */
export function renderJunit(outcome: CheckOutcome): string {
  const cases = [...grouped(outcome).values()];
  const failures = cases.filter((findings) => findings.some(isError)).length - (outcome.failure === null ? 0 : 1);
  const errors = outcome.failure === null ? 0 : 1;
  const counts = `tests="${Math.max(1, cases.length)}" failures="${failures}" errors="${errors}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="dinmo check" ${counts} time="0">`,
    `  <testsuite name="dinmo check" ${counts} skipped="0" time="0">`,
    ...(cases.length === 0 ? ['    <testcase classname="dinmo.check" name="no problems found" time="0"/>'] : []),
    ...cases.map((findings, index) => testCase(findings, outcome, outcome.failure !== null && index === 0)),
    '  </testsuite>',
    '</testsuites>',
  ].join('\n');
}

/** By rule and node; what has no node, by its file. */
function grouped(outcome: CheckOutcome): ReadonlyMap<string, readonly Finding[]> {
  const groups = new Map<string, Finding[]>();
  for (const finding of allFindings(outcome)) {
    const key = JSON.stringify([finding.code, subjectOf(finding, outcome)]);
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return groups;
}

function subjectOf(finding: Finding, outcome: CheckOutcome): string {
  return finding.node ?? shownAt(finding, outcome).file;
}

function isError({ severity }: Finding): boolean {
  return severity === 'error';
}

function testCase(findings: readonly Finding[], outcome: CheckOutcome, isFailure: boolean): string {
  const [first] = findings;
  if (first === undefined) return '';
  const { file, line } = shownAt(first, outcome);
  const text = findings.map((finding) => {
    const place = finding.location === null ? outcome.projectFile : formatLocation(finding.location);
    return `${finding.severity}  ${place}\n${sentences(finding)}`;
  });
  const name = `${first.code} · ${subjectOf(first, outcome)}`;
  const opened = `    <testcase ${attributes({ classname: `dinmo.${first.code}`, name, file, line: String(line), time: '0' })}>`;
  const failing = findings.find(isError);
  const body = escapeText(text.join('\n\n'));
  if (failing === undefined) return `${opened}\n      <system-out>${body}</system-out>\n    </testcase>`;
  const tag = isFailure ? 'error' : 'failure';
  const stated = attributes({ message: sentences(failing), type: failing.code });
  return `${opened}\n      <${tag} ${stated}>${body}</${tag}>\n    </testcase>`;
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(
      ([name, value]) => `${name}="${escapeText(value).replaceAll(/[\t\n]/g, (sign) => `&#${sign.charCodeAt(0)};`)}"`,
    )
    .join(' ');
}

const SIGNS: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Secrets are masked before `&` hides them. XML 1.0 has no characters for controls, not even escaped. */
function escapeText(text: string): string {
  return mask(text)
    .toWellFormed()
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[^\t\n\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll(/[&<>"']/g, (sign) => SIGNS[sign] ?? sign);
}
