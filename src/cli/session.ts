import { DinmoError, type ExitCode, messageOf, placesOf } from '../errors.ts';
import { type Logger, scrub } from '../log.ts';
import { type Failure, failureJson, renderFailure } from '../report/failure.ts';
import type { Style } from '../report/style.ts';
import { createLogger } from './logger.ts';
import type { GeneralOptions } from './options.ts';
import { Output } from './output.ts';
import type { Shell } from './shell.ts';

/** What the work of a command is given. */
export interface Session {
  readonly shell: Shell;
  readonly output: Output;
  readonly logger: Logger;
}

/** Of what is not a user's mistake: its outcome is not known, like that of a warehouse that failed. */
export const UNEXPECTED_EXIT_CODE: ExitCode = 4;

/** The JSON that a command prints when it stops before it has a result. */
export type FailureForm = (error: { readonly code: string; readonly message: string }, failure: Failure) => unknown;

/** What a command says when it stops: as JSON, and where its text on stdout has a form of its own, in that too. */
export interface FailureWords {
  readonly failed?: FailureForm;
  readonly failedText?: (failure: Failure, style: Style) => string;
}

/** Runs the work of one command and sets the exit code; whatever it throws is told in plain words. */
export async function runCommand(
  shell: Shell,
  flags: GeneralOptions,
  work: FailureWords & { run(session: Session): Promise<ExitCode> },
): Promise<void> {
  const isDebug = flags.debug === true;
  const output = new Output(shell, { output: flags.output, quiet: flags.quiet === true, colour: flags.color });
  const logger = createLogger(output, { debug: isDebug, format: flags.logFormat });
  try {
    shell.setExitCode(await work.run({ shell, output, logger }));
  } catch (thrown) {
    const { failure, exitCode } = toFailure(thrown);
    if (isDebug) output.problem(placesOf(thrown));
    printFailure(output, failure, work);
    shell.setExitCode(exitCode);
  } finally {
    output.clear();
  }
}

/** Tells why a command stopped: on stderr, and with --output json as the one object on stdout too. */
export function printFailure(output: Output, failure: Failure, words: FailureWords = {}): void {
  const { failed = (error) => ({ error }), failedText } = words;
  if (output.format === 'json' || failedText !== undefined) {
    output.result({
      text: (style) => failedText?.(failure, style) ?? '',
      json: () => failed(failureJson(failure), failure),
    });
  }
  output.problem(renderFailure(failure, output.noteStyle));
}

function toFailure(thrown: unknown): { readonly failure: Failure; readonly exitCode: ExitCode } {
  if (thrown instanceof DinmoError) {
    const { code, message, fix, location, exitCode } = thrown;
    return { failure: { code, message, fix, location }, exitCode };
  }
  // What a library says may quote a value.
  const [first = ''] = scrub(messageOf(thrown)).split('\n');
  return {
    failure: {
      code: 'unexpected',
      message: `Something went wrong that should not: ${first}`,
      fix: 'This is a fault of dbt-dinmo. Please report it, with the command and what it prints with --debug.',
      location: null,
    },
    exitCode: UNEXPECTED_EXIT_CODE,
  };
}
