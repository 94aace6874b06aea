import type { FigureResult, Results } from '../results.ts';
import { type Bar, type BarGroup, barPlot } from './bars.ts';
import { growthPlot } from './growth-plot.ts';

/** A picture made of the results. */
export interface Plot {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** What of a figure becomes a bar. */
interface Wish {
  readonly figure: string;
  readonly side: 'ours' | 'against';
  readonly label: string;
}

/** Every plot that the results have figures for. */
export function plotsOf(results: Results): readonly Plot[] {
  const figures = new Map(results.figures.map((result) => [result.figure, result]));
  return [
    planPlot(figures),
    growth(figures),
    firstSyncPlot(figures),
    secondSyncPlot(figures),
    memoryPlot(figures),
  ].flatMap((plot) => plot ?? []);
}

type Figures = ReadonlyMap<string, FigureResult>;

function groupOf(figures: Figures, heading: string, wishes: readonly Wish[]): readonly BarGroup[] {
  const bars = wishes.flatMap(({ figure, side, label }): Bar[] => {
    const value = figures.get(figure)?.[side];
    return value === undefined || value === null ? [] : [{ label, value, isOurs: side === 'ours' }];
  });
  return bars.length < 2 ? [] : [{ heading, bars }];
}

function plot(name: string, title: string, unit: string, groups: readonly BarGroup[]): Plot | null {
  return groups.length === 0 ? null : { file: `${name}.svg`, title, svg: barPlot(title, unit, groups) };
}

function planPlot(figures: Figures): Plot | null {
  const groups = (['1m', '10m', '50m'] as const).flatMap((size) =>
    groupOf(figures, `${size.replace('m', '')} million rows, 4 % changed`, [
      { figure: `plan-${size}`, side: 'ours', label: 'dinmo plan' },
      { figure: `plan-${size}`, side: 'against', label: 'bare hash join on the key' },
    ]),
  );
  const snapshot = groupOf(figures, '10 million rows, plan and promote', [
    { figure: 'plan-and-promote-cpu', side: 'ours', label: 'dinmo sync, less delivery' },
    { figure: 'plan-and-promote-cpu', side: 'against', label: 'dbt snapshot' },
  ]);
  return plot('plan', 'What a plan costs', 'CPU s', [...groups, ...snapshot]);
}

function growth(figures: Figures): Plot | null {
  const seen = figures.get('plan-growth')?.seen ?? {};
  const points = Object.entries(seen).map(
    ([name, seconds]) => [Number(name.split('_').at(-1)), Number(seconds)] as const,
  );
  if (points.length < 2) return null;
  const title = 'How a plan grows with the segment';
  return { file: 'growth.svg', title, svg: growthPlot(title, points) };
}

function firstSyncPlot(figures: Figures): Plot | null {
  return plot('first-sync', 'First sync of 1 million rows to a webhook', 's', [
    ...groupOf(figures, 'no latency', [
      { figure: 'first-sync-best', side: 'ours', label: 'dinmo sync' },
      { figure: 'first-sync-best', side: 'against', label: 'best possible, nothing recorded' },
      { figure: 'first-sync-row-objects', side: 'against', label: 'script: row objects and fetch' },
      { figure: 'first-sync-drt-0ms', side: 'against', label: 'drt 1.2.1, four threads' },
    ]),
    ...groupOf(figures, '10 ms of latency', [
      { figure: 'first-sync-drt-10ms', side: 'ours', label: 'dinmo sync' },
      { figure: 'first-sync-drt-10ms', side: 'against', label: 'drt 1.2.1, four threads' },
    ]),
  ]);
}

function secondSyncPlot(figures: Figures): Plot | null {
  const groups = (['100k', '1m'] as const).flatMap((size) => {
    const rows = size === '1m' ? '1 million' : '100,000';
    return [
      ...groupOf(figures, `${rows} rows, 2 % differ`, [
        { figure: `second-sync-row-by-row-${size}`, side: 'ours', label: 'dinmo sync' },
        { figure: `second-sync-drt-${size}`, side: 'against', label: 'drt 1.2.1, cursor: no removals' },
        { figure: `second-sync-row-by-row-${size}`, side: 'against', label: 'row by row in Node' },
        { figure: `second-sync-condor-${size}`, side: 'against', label: 'condor-retl 0.1.1' },
      ]),
      ...groupOf(figures, `${rows} rows, nothing changed`, [
        { figure: `nothing-changed-condor-${size}`, side: 'ours', label: 'dinmo sync' },
        { figure: `nothing-changed-condor-${size}`, side: 'against', label: 'condor-retl 0.1.1' },
      ]),
    ];
  });
  return plot('second-sync', 'Second sync, whole process', 's', groups);
}

function memoryPlot(figures: Figures): Plot | null {
  return plot('memory', 'Peak memory', 'MB', [
    ...groupOf(figures, '5 million rows, memory_limit 512 MB', [
      { figure: 'memory-5m', side: 'ours', label: 'dinmo sync' },
      { figure: 'memory-5m', side: 'against', label: 'bare hash join' },
    ]),
    ...groupOf(figures, '10 million rows, no limit', [
      { figure: 'plan-and-promote-rss', side: 'ours', label: 'dinmo sync' },
      { figure: 'plan-and-promote-rss', side: 'against', label: 'dbt snapshot' },
    ]),
  ]);
}
