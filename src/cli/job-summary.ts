import { appendFileSync, statSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import type { CheckOutcome } from '../report/check-outcome.ts';
import { githubSummary, SUMMARY_BYTES_MAX } from '../report/findings-github.ts';
import { printText } from './output.ts';
import type { Shell } from './shell.ts';

/** Adds to the summary of a job of GitHub Actions, as far as the step has room left. Why it could not is answered, and is no failure of the check. */
export function writeJobSummary(shell: Shell, outcome: CheckOutcome): string | null {
  const path = shell.env['GITHUB_STEP_SUMMARY'] ?? '';
  if (path === '') return null;
  try {
    const used = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    appendFileSync(path, printText(githubSummary(outcome, SUMMARY_BYTES_MAX - used)));
    return null;
  } catch (thrown) {
    return `The summary of the job was not written: ${messageOf(thrown)}`;
  }
}
