import { createHash } from 'node:crypto';
import type { Finding, Severity } from '../finding.ts';
import { mask } from '../log.ts';
import { allFindings, type CheckOutcome, counted, sentences, shownAt } from './check-outcome.ts';
import { formatLocation, renderFindings } from './findings.ts';
import type { Style } from './style.ts';

/**
 * What GitHub shows of one step: 10 annotations of each level, and drops the rest without a word. Our own last notice says
 * what was left out. Messages end at 64 KB, titles at 255 characters (GitHub Actions, “Usage limits” and check runs API,
 * version 2022-11-28).
 */
const SHOWN_MAX: Readonly<Record<Severity, number>> = { error: 10, warning: 10, info: 9 };
const MESSAGE_CHARACTERS_MAX = 16_000;
const TITLE_CHARACTERS_MAX = 255;

/** A step may write 1 MiB of summary, and loses all of it when it writes more. */
export const SUMMARY_BYTES_MAX = 1024 * 1024;

const COMMANDS = { error: 'error', warning: 'warning', info: 'notice' } as const;

/** The findings as text for the log, and below it the workflow commands that put them beside the lines of the pull request. */
export function renderGithub(outcome: CheckOutcome, style: Style): string {
  // Why a command stopped is told on stderr.
  const text = outcome.failure === null ? fenced(mask(renderFindings(outcome.findings, style))) : [];
  return [...text, ...annotations(outcome)].join('\n');
}

/** The runner takes any line that begins with `::`, or holds `##[`, for a command: where a name of the project does, commands are off. */
function fenced(text: string): readonly string[] {
  if (!/^\s*::|##\[/m.test(text)) return [text];
  const token = createHash('sha256').update(text).digest('hex');
  return [`::stop-commands::${token}`, text, `::${token}::`];
}

function annotations(outcome: CheckOutcome): readonly string[] {
  const shown: Finding[] = [];
  const left: Finding[] = [];
  for (const finding of allFindings(outcome, true)) {
    const alike = shown.filter(({ severity }) => severity === finding.severity).length;
    (alike < SHOWN_MAX[finding.severity] ? shown : left).push(finding);
  }
  const lines = shown.map((finding) => {
    const { file, line, column } = shownAt(finding, outcome);
    const title = cut(finding.code, TITLE_CHARACTERS_MAX);
    const properties = Object.entries({ file, line: String(line), col: String(column), title });
    const text = properties.map(([name, value]) => `${name}=${escapeProperty(mask(value))}`).join(',');
    return `::${COMMANDS[finding.severity]} ${text}::${escapeData(cut(mask(sentences(finding)), MESSAGE_CHARACTERS_MAX))}`;
  });
  if (left.length === 0) return lines;
  const message = `GitHub shows ten of each level: ${counted(left)} more, all of them in the log of this step and in its summary.`;
  return [...lines, `::notice title=dinmo check::${escapeData(message)}`];
}

function cut(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters - 1).toWellFormed()}…` : text;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** The findings as the summary of a job, in Markdown of at most `bytesMax` bytes; it says how many it leaves out. '' where there is no room. */
export function githubSummary(outcome: CheckOutcome, bytesMax: number): string {
  const findings = allFindings(outcome, true);
  const title = `### dinmo check\n\n${findings.length === 0 ? 'No problems found.' : `${counted(findings)}.`}\n`;
  const head = `${title}\n| | place | finding | what to do |\n|---|---|---|---|\n`;
  const rest = (count: number): string => (count === 0 ? '' : `\n${count} more are in the log of the step.\n`);
  if (findings.length === 0) return fits(`${title}\n`, bytesMax);
  let text = head;
  let room = bytesMax - bytesOf(head) - bytesOf(rest(findings.length)) - 1;
  for (const [index, finding] of findings.entries()) {
    const place = finding.location === null ? (finding.node ?? '') : formatLocation(finding.location);
    const cells = [finding.severity, place, `${finding.code}: ${finding.message}`, finding.fix];
    const row = `| ${cells.map((cell) => escapeMarkdown(mask(cell))).join(' | ')} |\n`;
    room -= bytesOf(row);
    if (room < 0) return fits(`${text}${rest(findings.length - index)}\n`, bytesMax);
    text += row;
  }
  return `${text}\n`;
}

function fits(text: string, bytesMax: number): string {
  return bytesOf(text) > bytesMax ? '' : text;
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

/** Text that stays text: names of the project may hold Markdown and HTML. */
function escapeMarkdown(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[&<>|`*_~[\]\\#@!:]/g, (sign) => (sign === ':' ? sign : `&#${sign.charCodeAt(0)};`));
}
