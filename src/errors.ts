/** Where in the user's files something stands. `file` is relative to the dbt project, with forward slashes; line and column count from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** 0 done · 1 findings or stopped · 2 usage or configuration · 3 artifact · 4 warehouse or destination. The highest of a run wins. */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

/** What kind of thing went wrong, which decides the exit code. */
export type ErrorKind = 'stopped' | 'configuration' | 'artifact' | 'warehouse' | 'destination';

const EXIT_CODES: Readonly<Record<ErrorKind, ExitCode>> = {
  stopped: 1,
  configuration: 2,
  artifact: 3,
  warehouse: 4,
  destination: 4,
};

export interface ErrorDetail {
  readonly kind: ErrorKind;
  /** Stable and searchable, kebab-case: `profile-not-found`. Documented in docs/errors.md. */
  readonly code: string;
  /** What is wrong: one sentence, no value of a secret, no personal data. */
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
  readonly location?: SourceLocation | null;
  readonly cause?: unknown;
}

/** The one error class of the program: everything that a user can cause or meet is thrown as this, and printed without a stack. */
export class DinmoError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly fix: string | null;
  readonly location: SourceLocation | null;

  constructor(detail: ErrorDetail) {
    super(detail.message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'DinmoError';
    this.kind = detail.kind;
    this.code = detail.code;
    this.fix = detail.fix ?? null;
    this.location = detail.location ?? null;
  }

  get exitCode(): ExitCode {
    return EXIT_CODES[this.kind];
  }
}

/** Where something was thrown: the lines of its stack, without the message, which may quote a value. */
export function placesOf(thrown: unknown): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
