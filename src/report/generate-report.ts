import type { ExitCode } from '../errors.ts';
import type { Finding } from '../finding.ts';
import { formatMany, wrap } from './layout.ts';
import type { Style } from './style.ts';

/** The answer of `generate`. Paths are relative to the project, with forward slashes. */
export interface GenerateReport {
  readonly findings: readonly Finding[];
  readonly written: readonly string[];
  readonly removed: readonly string[];
  readonly unchanged: number;
  /** Files that stand in the way and were not written by this tool. */
  readonly refused: readonly string[];
  /** With --check: paths that would change. */
  readonly stale: readonly string[];
  readonly exitCode: ExitCode;
}

/** Which generated files were written, removed, or stand in the way. */
export function renderGenerate(report: GenerateReport, style: Style): string {
  const lines = [
    ...report.written.map((path) => `${style.green('written')}  ${path}`),
    ...report.removed.map((path) => `${style.yellow('removed')}  ${path}`),
    ...report.stale.map((path) => `${style.yellow('stale')}    ${path}`),
    ...report.refused.map((path) => `${style.red('refused')}  ${path}`),
  ];
  if (report.refused.length > 0) {
    const text =
      'These files stand where generated ones belong, and this tool did not write them: move them, or set `models_path` in dinmo.yml.';
    lines.push(`         ${wrap(text, style.width - 9, '         ')}`);
  }
  return [...lines, lastLine(report)].join('\n');
}

function lastLine({ written, removed, stale, refused, unchanged, findings }: GenerateReport): string {
  if (findings.some(({ severity }) => severity === 'error')) {
    return 'Nothing was written: the project has errors.';
  }
  if (stale.length > 0) return `${formatMany(stale.length, 'generated file')} out of date: run \`dinmo generate\`.`;
  if (written.length + removed.length + refused.length === 0) {
    return unchanged === 0 ? 'Nothing to do.' : `${formatMany(unchanged, 'generated file')}, all up to date.`;
  }
  return `${written.length} written, ${removed.length} removed, ${unchanged} unchanged. Next: \`dbt build --select +tag:dinmo\`.`;
}

/** What `generate --output json` prints. */
export function generateJson(report: GenerateReport): object {
  const { written, removed, unchanged, refused, stale } = report;
  return { written, removed, unchanged, refused, stale, error: null };
}
