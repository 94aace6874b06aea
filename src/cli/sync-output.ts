import type { ExitCode } from '../errors.ts';
import type { SyncReport } from '../index.ts';
import type { Style } from '../report/style.ts';
import { syncJson } from '../report/sync.ts';
import type { Output } from './output.ts';
import { printFailure, tellFailure } from './session.ts';

/** The JSON of a command that stopped before it computed any activation. */
export function stoppedBeforeAny(error: { readonly code: string; readonly message: string }): object {
  return syncJson({ activations: [], error });
}

/** Prints the answer of plan, sync, run, retry or clear; its exit code. */
export function printSync(
  output: Output,
  report: SyncReport,
  render: (report: SyncReport, style: Style) => string,
): ExitCode {
  if (report.error !== null) {
    const failure = { ...report.error, fix: null, location: null };
    if (report.activations.length === 0) {
      printFailure(output, failure, { failed: stoppedBeforeAny });
      return report.exitCode;
    }
    // What was computed before counts for more than what stopped the rest.
    tellFailure(output, failure);
  }
  output.result({ text: (style) => render(report, style), json: () => syncJson(report) });
  return report.exitCode;
}
