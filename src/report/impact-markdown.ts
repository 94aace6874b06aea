import type { Failure } from './failure.ts';
import {
  activationNotes,
  baseText,
  comparedLines,
  firstLooks,
  headline,
  isUntouched,
  operationTexts,
  sizeText,
  told,
  UNTOUCHED,
} from './impact-order.ts';
import type { ImpactActivation, ImpactChange, ImpactReport, ImpactSegment } from './impact-report.ts';
import { formatMany } from './layout.ts';
import { markdownBlock, markdownCode, markdownText } from './markdown.ts';

/** GitHub takes 65,536 characters in a comment; what posts it adds a marker. */
export const COMMENT_CHARACTERS_MAX = 65_000;
const LOOKS_MAX = 8;
const ROWS_MAX = 100;
const RULE_LINES_MAX = 40;
/** Of one line: a rule may list thousands of values. */
const LINE_CHARACTERS_MAX = 600;

/** What a change does to audiences, as one comment on a pull request: never longer than GitHub takes. */
export function renderImpactMarkdown(report: ImpactReport): string {
  const missing = fold('Not compared', [report.notCompared.map((text) => `- ${short(text)}`).join('\n')]);
  const tail = [...(report.notCompared.length > 0 ? [missing] : []), `<sub>${short(baseText(report))}</sub>`];
  if (isUntouched(report))
    return joined([`### dinmo impact: ${UNTOUCHED}`, ...(report.notCompared.length > 0 ? tail : [])]);
  const head = [
    `### dinmo impact: ${short(headline(report))}`,
    ...(report.error === null ? [] : [`> **Not counted:** ${short(report.error.message)}`]),
    ...activationTable(report.activations, report.segments),
    ...looks(report),
  ];
  const sizes =
    report.segments.length === 0
      ? []
      : [fold(formatMany(report.segments.length, 'segment'), [segmentTable(report.segments)])];
  const room = COMMENT_CHARACTERS_MAX - joined([...head, ...sizes, ...tail]).length - 300;
  return joined([...head, ...sizes, ...details(report.changes, room), ...tail]);
}

/** The same of a command that stopped. */
export function impactFailureMarkdown({ message, fix }: Failure): string {
  return joined([
    '### dinmo impact could not be computed',
    `**${short(message)}**`,
    ...(fix === null ? [] : [short(fix)]),
  ]);
}

function activationTable(
  activations: readonly ImpactActivation[],
  segments: readonly ImpactSegment[],
): readonly string[] {
  if (activations.length === 0) return [];
  const sizes = new Map(segments.map(({ segment, size }) => [segment, sizeText(size)]));
  const rows = activations
    .slice(0, ROWS_MAX)
    .map((one) => [
      cell(one.activation),
      `${one.status}${one.plan === null ? '' : `, ${one.plan.status === 'planned' ? 'passes' : `**${one.plan.status}**`}`}`,
      ...operationTexts(one),
      markdownText(sizes.get(one.segment ?? '') ?? ''),
    ]);
  const more = activations.length - rows.length;
  return [
    table(['activation', 'is', 'insert', 'update', 'delete', 'segment'], rows, [2, 3, 4]),
    ...(more > 0
      ? [
          `… and ${formatMany(more, 'more activation', 'more activations')}: \`dinmo impact --output json\` has them all.`,
        ]
      : []),
  ];
}

function segmentTable(segments: readonly ImpactSegment[]): string {
  const rows = segments
    .slice(0, ROWS_MAX)
    .map(({ segment, status, size, note }) => [cell(segment), status, markdownText(sizeText(size)), short(note ?? '')]);
  const more = segments.length > ROWS_MAX ? `\n\n… and ${segments.length - ROWS_MAX} more.` : '';
  return `${table(['segment', 'is', 'size', ''], rows, [])}${more}`;
}

function looks(report: ImpactReport): readonly string[] {
  const first = firstLooks(report, LOOKS_MAX);
  const notes = report.activations
    .slice(0, ROWS_MAX)
    .flatMap((one) => activationNotes(one).map((note) => `- ${cell(one.activation)}: ${short(note)}`));
  return [
    ...(first.length === 0 ? [] : [`**Look at first**\n\n${first.map((text) => `- ${short(text)}`).join('\n')}`]),
    ...(notes.length === 0 ? [] : [fold('Notes on activations', [notes.slice(0, ROWS_MAX).join('\n')])]),
  ];
}

/** Every change, as many as there is room for. */
function details(changes: readonly ImpactChange[], room: number): readonly string[] {
  const kept: string[] = [];
  let left = room;
  for (const change of changes) {
    const text = changeMarkdown(change);
    left -= text.length + 2;
    if (left < 0) break;
    kept.push(text);
  }
  const missing = changes.length - kept.length;
  const cut =
    missing > 0
      ? [
          `… ${formatMany(missing, 'more change')} left out, since a comment of GitHub holds no more: \`dinmo impact\` prints them.`,
        ]
      : [];
  return [fold(`${formatMany(changes.length, 'change')}, in full`, [...kept, ...cut])];
}

function changeMarkdown(change: ImpactChange): string {
  const place = change.location === null ? '' : ` (${markdownText(`${change.location.file}:${change.location.line}`)})`;
  const lines = shownLines(comparedLines(change.before, change.after));
  const mark = change.severity === 'note' ? change.code : `**${change.severity}** ${change.code}`;
  const head = `${mark} · ${change.subject.kind} ${cell(change.subject.name)}${place}\n${short(told(change))}`;
  return lines.length === 0 ? head : `${head}\n\n${markdownBlock('diff', lines)}`;
}

/** The first lines that changed, with those around them. */
function shownLines(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => !line.startsWith(' '));
  const from = Math.max(0, Math.min(first - 3, lines.length - RULE_LINES_MAX));
  const shown = lines.slice(from, from + RULE_LINES_MAX).map(cut);
  const more = lines.length - from - shown.length;
  return more > 0 ? [...shown, `  … ${more} more lines`] : shown;
}

function fold(summary: string, parts: readonly string[]): string {
  return joined([`<details><summary>${markdownText(summary)}</summary>`, ...parts, '</details>']);
}

function table(titles: readonly string[], rows: readonly (readonly string[])[], right: readonly number[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = titles.map((_, index) => (right.includes(index) ? '---:' : ':---'));
  return [line(titles), line(rule), ...rows.map(line)].join('\n');
}

function cell(name: string): string {
  return markdownCode(cut(name));
}

function short(text: string): string {
  return markdownText(cut(text));
}

function cut(text: string): string {
  return text.length > LINE_CHARACTERS_MAX ? `${text.slice(0, LINE_CHARACTERS_MAX)} …` : text;
}

function joined(parts: readonly string[]): string {
  return parts.join('\n\n');
}
