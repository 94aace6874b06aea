import type { ExitCode } from '../errors.ts';
import { wrap } from './layout.ts';
import type { Style } from './style.ts';

/** One thing that `doctor` looked at. */
export interface DoctorLine {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail' | 'skipped';
  readonly detail: string;
  /** What to do; null where nothing is to be done. */
  readonly fix: string | null;
}

/** The answer of `doctor`. */
export interface DoctorReport {
  readonly lines: readonly DoctorLine[];
  /** 1 when a line failed. */
  readonly exitCode: ExitCode;
}

/** A line for each thing, with what to do below it. */
export function renderDoctor(report: DoctorReport, style: Style): string {
  const width = Math.max(...report.lines.map((line) => line.name.length), 0);
  const marks = {
    ok: style.green('ok  '),
    warn: style.yellow('warn'),
    fail: style.red('FAIL'),
    skipped: style.dim('—   '),
  };
  const indent = ' '.repeat(width + 8);
  const lines = report.lines.flatMap((line) => {
    const head = `${marks[line.status]}  ${line.name.padEnd(width)}  ${wrap(line.detail, style.width - indent.length, indent)}`;
    return line.fix === null
      ? [head]
      : [head, `${indent}${style.dim('→')} ${wrap(line.fix, style.width - indent.length - 2, `${indent}  `)}`];
  });
  const failed = report.lines.filter((line) => line.status === 'fail').length;
  const verdict =
    failed === 0
      ? style.green('Everything that was looked at works.')
      : style.red(`${failed} of ${report.lines.length} failed.`);
  return [...lines, '', verdict].join('\n');
}

/** What `doctor --output json` prints. */
export function doctorJson(report: DoctorReport): object {
  return { lines: report.lines.map(({ name, status, detail, fix }) => ({ name, status, detail, fix })), error: null };
}
