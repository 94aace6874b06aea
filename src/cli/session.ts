import { readAbout } from '../about.ts';
import { DinmoError, type ExitCode, messageOf, placesOf } from '../errors.ts';
import { type LogData, type Logger, scrub, together } from '../log.ts';
import { type Failure, failureJson, renderFailure } from '../report/failure.ts';
import type { Style } from '../report/style.ts';
import { createLogger } from './logger.ts';
import type { GeneralOptions } from './options.ts';
import { Output } from './output.ts';
import type { Shell } from './shell.ts';
import { openTelemetry } from './telemetry.ts';

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
  const output = new Output(shell, {
    output: flags.output,
    quiet: flags.quiet === true,
    colour: flags.color,
    log: flags.logFormat,
  });
  const log = createLogger(output, { debug: isDebug, format: flags.logFormat });
  const telemetry = await openTelemetry(shell, log);
  const logger = telemetry === null ? log : together(log, telemetry.logger);
  const command = shell.argv[0] ?? '';
  const startedAt = performance.now();
  let exitCode: ExitCode = UNEXPECTED_EXIT_CODE;
  logger.info('command.started', { command, tool_version: readAbout().version });
  try {
    exitCode = await work.run({ shell, output, logger });
  } catch (thrown) {
    const failed = toFailure(thrown);
    exitCode = failed.exitCode;
    if (isDebug) output.problem(placesOf(thrown));
    printFailure(output, failed.failure, work);
    telemetry?.logger.warn('command.failed', failureData(failed.failure));
  } finally {
    output.clear();
    shell.setExitCode(exitCode);
    const duration_ms = Math.round(performance.now() - startedAt);
    logger.info('command.finished', { command, exit_code: exitCode, duration_ms });
    await telemetry?.end();
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
  tellFailure(output, failure);
}

/** Says on stderr what stopped a command, or the rest of it. */
export function tellFailure(output: Output, failure: Failure): void {
  if (output.isLogJson) output.event('warn', 'command.failed', failureData(failure));
  else output.problem(renderFailure(failure, output.noteStyle));
}

function failureData({ code, message, fix, location }: Failure): LogData {
  return { code, message, fix, file: location?.file ?? null, line: location?.line ?? null };
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
