/** How loud an event is: `debug` only with --debug, `info` with --debug or as JSON, `warn` always, but with --quiet. */
export type LogLevel = 'debug' | 'info' | 'warn';

/** One event of the log. Names and keys are stable; docs/logs.md is written from this table. */
export interface LogEventDoc {
  readonly event: string;
  readonly level: LogLevel;
  /** Name → meaning, of what only this event says; the keys of `SUBJECT_KEYS` may stand in every line. */
  readonly keys: Readonly<Record<string, string>>;
  readonly meaning: string;
  /** What the text log says in place of the name. */
  readonly text?: string;
  /** It takes more than a sync against simulated platforms to see it. */
  readonly rare?: true;
}

/** How a duration is told. */
export const DURATION = 'how long it took, in milliseconds';
