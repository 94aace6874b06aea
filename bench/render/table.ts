import type { FigureResult } from '../results.ts';

/** A number in few digits. */
export function short(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The ratio with its bound: `1.23 (≤ 1.6)`. */
export function boundOf({ bound, target }: FigureResult): string {
  return `${bound === 'at most' ? '≤' : '≥'} ${target}`;
}

export function printTable(figures: readonly FigureResult[]): void {
  const lines = figures.map((result) => [
    result.ok ? 'ok' : 'MISSED',
    result.figure,
    short(result.ratio),
    boundOf(result),
    `${short(result.ours)}${result.against === null ? '' : ` : ${short(result.against)}`} ${result.unit}`,
    `${short(Math.min(...result.ratios))}–${short(Math.max(...result.ratios))}`,
  ]);
  const head = ['', 'figure', 'ratio', 'target', 'ours : against', 'rounds'];
  const widths = head.map((name, column) => Math.max(name.length, ...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of [head, ...lines])
    process.stdout.write(
      `${line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
}
