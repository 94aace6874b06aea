import { wrap } from './layout.ts';
import type { Style } from './style.ts';

/** A piece of a file that the user is asked to add. */
export interface Proposal {
  /** Relative to the project. */
  readonly file: string;
  readonly why: string;
  /** YAML. */
  readonly text: string;
}

/** The answer of `init`. */
export interface InitReport {
  readonly project: string;
  /** Relative to the project. */
  readonly settingsFile: string;
  /** False when dinmo.yml was there before: it is never overwritten. */
  readonly created: boolean;
  readonly proposals: readonly Proposal[];
  /** What was looked at and could not be used: no manifest yet, no profile found … */
  readonly notes: readonly string[];
  /** Commands to run next, in order. */
  readonly next: readonly string[];
}

/** What was written, what to add by hand, what to run next. */
export function renderInit(report: InitReport, style: Style): string {
  const { settingsFile, created, proposals, notes, next } = report;
  const blocks = [
    created ? `${style.green('Written')}  ${settingsFile}` : `${settingsFile} is there already, and was left as it is.`,
    ...proposals.map(
      ({ file, why, text }) =>
        `${style.bold(file)}  ${wrap(why, style.width - file.length - 2, '    ')}\n\n${indented(text)}`,
    ),
    ...(notes.length === 0 ? [] : [notes.map((note) => wrap(note, style.width)).join('\n')]),
    `${style.bold('Next')}\n${next.map((command) => `    ${command}`).join('\n')}`,
  ];
  return blocks.join('\n\n');
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n');
}

/** What `init --output json` prints. */
export function initJson(report: InitReport): object {
  return {
    project: report.project,
    settings_file: report.settingsFile,
    created: report.created,
    proposals: report.proposals.map(({ file, why, text }) => ({ file, why, text })),
    notes: report.notes,
    next: report.next,
    error: null,
  };
}
