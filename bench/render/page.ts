import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FigureResult, Results } from '../results.ts';
import { ROOT } from '../run/places.ts';
import { type Plot, plotsOf } from './plots.ts';
import { boundOf, short } from './table.ts';

const PAGE = join(ROOT, 'docs/performance.md');
const PLOTS = join(ROOT, 'docs/performance');
const FROM = '<!-- figures: written by npm run bench -- --render -->';
const TO = '<!-- /figures -->';

/** Writes the plots, and the table between the marks of docs/performance.md. */
export function writePage(results: Results): void {
  const plots = plotsOf(results);
  mkdirSync(PLOTS, { recursive: true });
  for (const file of readdirSync(PLOTS)) rmSync(join(PLOTS, file));
  for (const { file, svg } of plots) writeFileSync(join(PLOTS, file), svg);
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(FROM);
  const after = rest?.split(TO)[1];
  if (before === undefined || after === undefined) throw new Error(`${PAGE} lacks the marks ${FROM} and ${TO}`);
  writeFileSync(PAGE, `${before}${FROM}\n\n${section(results, plots)}\n${TO}${after}`);
}

function section({ machine, versions, figures }: Results, plots: readonly Plot[]): string {
  const missed = figures.filter(({ ok }) => !ok).length;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `Measured on ${machine['processors']} × ${machine['processor']}, ${machine['memory_gb']} GB, ${machine['system']}; ${named.join(', ')}.`,
    `${figures.length} figures, ${missed === 0 ? 'all within their targets' : `${missed} outside their targets`}.`,
    '',
    ...plots.flatMap(({ file, title }) => [`![${title}](performance/${file})`, '']),
    '| figure | ours | against | ratio | target | |',
    '|---|---|---|---|---|---|',
    ...figures.map(row),
    '',
    ...notes(figures),
  ];
  return lines.join('\n');
}

function row(result: FigureResult): string {
  const { title, ours, against, unit, of, ratio, ok } = result;
  const other = against === null ? '–' : `${short(against)} ${unit}: ${of.against}`;
  const shown = of.ratio === 'value' ? short(ratio) : `${short(ratio)}×`;
  return `| ${title} | ${short(ours)} ${unit}: ${of.ours} | ${other} | ${shown} | ${boundOf(result)} | ${ok ? 'yes' : '**no**'} |`;
}

function notes(figures: readonly FigureResult[]): readonly string[] {
  const said = new Map(figures.flatMap(({ note, title }) => (note === undefined ? [] : [[note, title] as const])));
  return [...said].map(([note, title]) => `- ${title}: ${note}`);
}
