import { wrap } from './layout.ts';
import type { Style } from './style.ts';

/** The answer of `activate`. */
export interface ActivateReport {
  /** The new activation's id. */
  readonly activation: string;
  /** Relative to the project. */
  readonly file: string;
  /** Where the new block begins, from 1. */
  readonly line: number;
  /** The block as it was written. */
  readonly text: string;
  /** What is still missing, as check will say it, with what to write where. */
  readonly notes: readonly string[];
  readonly next: readonly string[];
}

/** Which block was written where, and what to run next. */
export function renderActivate(report: ActivateReport, style: Style): string {
  const { activation, file, line, text, notes, next } = report;
  const block = text
    .trimEnd()
    .split('\n')
    .map((each) => `    ${each}`);
  return [
    `${style.green('Written')}  ${activation} in ${file}:${line}`,
    '',
    ...block,
    '',
    ...notes.map((note) => wrap(note, style.width)),
    `${style.bold('Next')}  ${next.join(', ')}`,
  ].join('\n');
}

/** What `activate --output json` prints. */
export function activateJson(report: ActivateReport): object {
  const { activation, file, line, text, notes, next } = report;
  return { activation, file, line, text, notes, next, error: null };
}
