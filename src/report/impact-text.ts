import {
  activationNotes,
  baseText,
  comparedLines,
  headline,
  isUntouched,
  operationTexts,
  sizeText,
  told,
  UNTOUCHED,
} from './impact-order.ts';
import type { ImpactChange, ImpactReport } from './impact-report.ts';
import { renderTable, type TableColumn, wrap } from './layout.ts';
import type { Style } from './style.ts';

const COUNTED: readonly TableColumn[] = [
  { title: 'activation', align: 'left' },
  { title: 'is', align: 'left' },
  { title: 'verdict', align: 'left' },
  { title: 'insert', align: 'right' },
  { title: 'update', align: 'right' },
  { title: 'delete', align: 'right' },
];
const SIZES: readonly TableColumn[] = [
  { title: 'segment', align: 'left' },
  { title: 'is', align: 'left' },
  { title: 'size', align: 'left' },
];

/** What a change does to audiences, for a terminal. */
export function renderImpact(report: ImpactReport, style: Style): string {
  const missing = report.notCompared.map(
    (text) => `${style.dim('not compared')}  ${wrap(text, style.width - 14, '              ')}`,
  );
  if (isUntouched(report)) return [UNTOUCHED, ...missing].join('\n');
  return [
    ...report.changes.map((change) => renderChange(change, style)),
    ...tables(report, style),
    ...missing,
    ...(report.target === null ? [] : ['Nothing was sent or written.']),
    style.dim(baseText(report)),
    `${headline(report)}.`,
  ].join('\n');
}

function renderChange(change: ImpactChange, style: Style): string {
  const paint = { breaks: style.red, attention: style.yellow, note: style.dim }[change.severity];
  const place = change.location === null ? '' : `  ${style.dim(`${change.location.file}:${change.location.line}`)}`;
  return [
    `${paint(change.severity)}  ${change.code}  ${style.bold(`${change.subject.kind} ${change.subject.name}`)}${place}`,
    `    ${wrap(told(change), style.width - 4, '    ')}`,
    ...comparedLines(change.before, change.after).map((line) => `      ${line}`),
    '',
  ].join('\n');
}

function tables(report: ImpactReport, style: Style): readonly string[] {
  const segments = report.segments.map(({ segment, status, size, note }) => ({
    cells: [segment, status, sizeText(size)],
    notes: note === null ? [] : [style.dim(note)],
  }));
  const activations = report.activations.map((one) => ({
    cells: [one.activation, one.status, one.plan?.status ?? '', ...operationTexts(one)],
    notes: activationNotes(one).map((note) => style.dim(note)),
  }));
  return [
    ...(segments.length === 0 ? [] : [renderTable(SIZES, segments, style.width), '']),
    ...(activations.length === 0 ? [] : [renderTable(COUNTED, activations, style.width), '']),
  ];
}
