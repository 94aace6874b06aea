import { columnsOf } from './style.ts';

/** The text in lines of at most `width` columns, the second and later ones indented. Words longer than a line stay whole. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      const room = width - (lines.length === 0 ? 0 : indent.length);
      if (line !== '' && columnsOf(line) + 1 + columnsOf(word) > room) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines.map((line, index) => (index === 0 ? line : `${indent}${line}`)).join('\n');
}

export interface TableColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export interface TableRow {
  readonly cells: readonly string[];
  /** Lines below the row, indented. */
  readonly notes?: readonly string[];
}

/**
 * A table with its columns aligned. Where a row would not fit into the width, the first cell stands on a line of its own, so
 * that no name is ever cut.
 */
export function renderTable(columns: readonly TableColumn[], rows: readonly TableRow[], width: number): string {
  const widths = columns.map((column, index) =>
    Math.max(columnsOf(column.title), ...rows.map(({ cells }) => columnsOf(cells[index] ?? ''))),
  );
  const total = widths.reduce((sum, each) => sum + each + 2, -2);
  const line = (cells: readonly string[], from: number): string =>
    columns
      .slice(from)
      .map((column, index) => pad(cells[from + index] ?? '', { width: widths[from + index] ?? 0, align: column.align }))
      .join('  ')
      .trimEnd();
  const titles = columns.map((column) => column.title);
  const isBroken = total > width && columns.length > 1;
  const lines: string[] = isBroken ? [titles[0] ?? '', `    ${line(titles, 1)}`] : [line(titles, 0)];
  for (const { cells, notes = [] } of rows) {
    if (isBroken) lines.push(cells[0] ?? '', `    ${line(cells, 1)}`);
    else lines.push(line(cells, 0));
    for (const note of notes) lines.push(`    ${wrap(note, width - 4, '    ')}`);
  }
  return lines.join('\n');
}

function pad(text: string, to: { readonly width: number; readonly align: 'left' | 'right' }): string {
  const blank = ' '.repeat(Math.max(0, to.width - columnsOf(text)));
  return to.align === 'right' ? `${blank}${text}` : `${text}${blank}`;
}

/** 12,345 */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `1 row`, `2 rows`, `3 activities`. */
export function formatMany(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `512 bytes`, `1.5 MB`, `20 GB`: by the powers of 1,024 in which warehouses bill. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB', 'PB'];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 || amount >= 10 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`;
}

/** `4 s`, `3 min 20 s`, `2 h 5 min` */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
}
