import type { ExitCode } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { CheckOutcome } from '../report/check-outcome.ts';
import type { Failure } from '../report/failure.ts';
import type { Style } from '../report/style.ts';
import type { FailureWords } from './session.ts';
import type { Shell } from './shell.ts';

/** The forms of the result of `check`. */
export const CHECK_FORMS = ['text', 'json', 'github', 'gitlab', 'sarif', 'junit'] as const;
export type CheckForm = (typeof CHECK_FORMS)[number];

/** The form that was asked for; GitHub's own where the command runs in one of its workflows and none was. */
export function checkForm(asked: string | undefined, env: Shell['env']): CheckForm {
  return CHECK_FORMS.find((form) => form === asked) ?? (env['GITHUB_ACTIONS'] === 'true' ? 'github' : 'text');
}

/** The form of a CI service: what it takes is told apart from what people and scripts read. */
export type ServiceForm = Exclude<CheckForm, 'text' | 'json'>;

export function isServiceForm(form: CheckForm): form is ServiceForm {
  return form !== 'text' && form !== 'json';
}

/** How a form is printed: `result` what was found, `words` why nothing could be. */
export interface ServicePrinter {
  /** For `Output`: JSON is masked and laid out there. */
  readonly output: 'text' | 'json';
  outcome(findings: readonly Finding[], exitCode: ExitCode): CheckOutcome;
  text(outcome: CheckOutcome, style: Style): string;
  json(outcome: CheckOutcome): unknown;
  stopped(failure: Failure): CheckOutcome;
  readonly words: FailureWords;
}

/** Loads what one form needs. `repository` is the project's place: what it says counts from the repository's root. */
export async function servicePrinter(
  form: ServiceForm,
  place: { readonly version: string; readonly prefix: string },
): Promise<ServicePrinter> {
  const { inRepository } = await import('../report/check-outcome.ts');
  const outcomeOf = (rest: Pick<CheckOutcome, 'findings' | 'failure' | 'exitCode'>): CheckOutcome =>
    inRepository({ ...rest, version: place.version, projectFile: 'dbt_project.yml' }, place.prefix);
  const stopped = (failure: Failure): CheckOutcome => outcomeOf({ findings: [], failure, exitCode: null });
  const { text, json } = await formOf(form);
  return {
    output: json === null ? 'text' : 'json',
    outcome: (findings, exitCode) => outcomeOf({ findings, failure: null, exitCode }),
    text: (outcome, style) => text?.(outcome, style) ?? '',
    json: (outcome) => json?.(outcome),
    stopped,
    words: {
      failed: (_error, failure) => json?.(stopped(failure)),
      failedText: (failure, style) => text?.(stopped(failure), style) ?? '',
    },
  };
}

interface Form {
  readonly text: ((outcome: CheckOutcome, style: Style) => string) | null;
  readonly json: ((outcome: CheckOutcome) => unknown) | null;
}

async function formOf(form: ServiceForm): Promise<Form> {
  switch (form) {
    case 'github':
      return { text: (await import('../report/findings-github.ts')).renderGithub, json: null };
    case 'junit':
      return { text: (await import('../report/findings-junit.ts')).renderJunit, json: null };
    case 'gitlab':
      return { text: null, json: (await import('../report/findings-gitlab.ts')).gitlabJson };
    case 'sarif':
      return { text: null, json: (await import('../report/findings-sarif.ts')).sarifJson };
  }
}
