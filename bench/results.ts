import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { FigureFacts, Pair } from './figure.ts';
import { ROOT } from './run/places.ts';
import { median, medianUsage, type Usage } from './run/usage.ts';

/** One figure as it is published. */
export interface FigureResult {
  readonly figure: string;
  readonly title: string;
  /** Median of the rounds' ratios. */
  readonly ratio: number;
  readonly target: number;
  readonly bound: 'at most' | 'at least';
  readonly ok: boolean;
  /** Medians, in `unit`. */
  readonly ours: number;
  readonly against: number | null;
  readonly rounds: number;
  readonly unit: string;
  readonly of: { readonly ours: string; readonly against: string | null; readonly ratio: FigureFacts['ratio'] };
  readonly note?: string;
  /** Every round's ratio. */
  readonly ratios: readonly number[];
  /** Medians of the processes, where processes were measured. */
  readonly usage?: { readonly ours: Usage; readonly against: Usage | null };
  readonly seen?: Readonly<Record<string, number | string>>;
  readonly measured: string;
}

export interface Results {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly figures: readonly FigureResult[];
}

const FILE = join(ROOT, 'bench/results.json');

export function summarise(facts: FigureFacts, pairs: readonly Pair[]): FigureResult {
  const ratios = pairs.map((pair) => ratioOf(facts, pair));
  const ratio = median(ratios);
  const { target } = facts;
  const against = pairs.map((pair) => pair.against).filter((value) => value !== null);
  const usages = pairs.flatMap(({ usage }) => usage ?? []);
  const seen = pairs.at(-1)?.seen;
  return {
    figure: facts.figure,
    title: facts.title,
    ratio: rounded(ratio),
    target: 'atMost' in target ? target.atMost : target.atLeast,
    bound: 'atMost' in target ? 'at most' : 'at least',
    ok: 'atMost' in target ? ratio <= target.atMost : ratio >= target.atLeast,
    ours: rounded(median(pairs.map((pair) => pair.ours))),
    against: against.length === 0 ? null : rounded(median(against)),
    rounds: pairs.length,
    unit: facts.unit,
    of: { ours: facts.ours, against: facts.against, ratio: facts.ratio },
    ...(facts.note === undefined ? {} : { note: facts.note }),
    ratios: ratios.map(rounded),
    ...(usages.length === 0 ? {} : { usage: medians(usages) }),
    ...(seen === undefined ? {} : { seen }),
    measured: new Date().toISOString().slice(0, 10),
  };
}

function medians(usages: readonly NonNullable<Pair['usage']>[]): NonNullable<FigureResult['usage']> {
  const against = usages.map((usage) => usage.against).filter((usage) => usage !== null);
  const round = (usage: Usage): Usage =>
    // The same keys, their numbers rounded.
    Object.fromEntries(
      Object.entries(usage).map(([name, value]) => [name, typeof value === 'number' ? rounded(value) : value]),
    ) as unknown as Usage;
  return {
    ours: round(medianUsage(usages.map((usage) => usage.ours))),
    against: against.length === 0 ? null : round(medianUsage(against)),
  };
}

function ratioOf(facts: FigureFacts, { ours, against }: Pair): number {
  if (facts.ratio === 'value' || against === null) return ours;
  return facts.ratio === 'quotient' ? ours / against : against / ours;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

export function readResults(): Results {
  const before = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Results) : null; // written by ourselves
  return before ?? { machine: {}, versions: {}, figures: [] };
}

/** The figures that were measured now in the place of those of the same name; in this order, others left out. */
export function mergeResults(before: Results, measured: readonly FigureResult[], order: readonly string[]): Results {
  const known = new Map([...before.figures, ...measured].map((result) => [result.figure, result]));
  return { machine: machine(), versions: versions(), figures: order.flatMap((figure) => known.get(figure) ?? []) };
}

export function writeResults(results: Results): void {
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);
}

function machine(): Results['machine'] {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    processors: processors.length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
  };
}

function versions(): Results['versions'] {
  const installed = (name: string): string => {
    const file = join(ROOT, 'node_modules', name, 'package.json');
    return existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
      : 'missing'; // npm's own file
  };
  return {
    node: process.versions.node,
    duckdb: installed('@duckdb/node-api'),
    undici: installed('undici'),
    'drt-core': '1.2.1',
    'condor-retl': '0.1.1',
    'dbt-core': '1.12.6',
    'dbt-duckdb': '1.11.1',
  };
}
