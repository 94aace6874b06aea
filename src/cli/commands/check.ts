import { Command, Option } from 'commander';
import type { CheckOutcome } from '../../report/check-outcome.ts';
import { CHECK_FORMS, checkForm, isServiceForm, type ServiceForm, servicePrinter } from '../check-forms.ts';
import { addGeneralOptions, addProjectOptions, type ProjectFlags, toCommandOptions } from '../options.ts';
import { runCommand, type Session } from '../session.ts';
import type { Shell } from '../shell.ts';

interface CheckFlags extends Omit<ProjectFlags, 'output'> {
  readonly output?: string;
  readonly explain?: boolean;
  readonly parse?: boolean;
  readonly dbt?: string;
  /** False with `--no-warehouse`. */
  readonly warehouse: boolean;
}

type Flags = CheckFlags & Pick<ProjectFlags, 'output'>;

/** `dinmo check` */
export function checkCommand(shell: Shell, version: string): Command {
  const command = new Command('check')
    .summary('what is wrong with the project, with file and line')
    .description(
      'Derives the Knowledge Store from the dbt project and lists everything that is wrong with it, with file and line. Needs no warehouse, no profile and no secret.',
    )
    .option('--explain', 'from where each fact came, and what was seen and not used (text and json)')
    .option('--parse', 'run `dbt parse` first, so that the manifest says what the files say')
    .option('--dbt <path>', 'the dbt to run (default: the one of VIRTUAL_ENV, of PATH, or of .venv)')
    .option('--no-warehouse', 'do not look into the warehouse for what is left behind; so too in the forms of CI');
  const output = new Option(
    '--output <format>',
    'form of the result on stdout (default: text; github in its workflows)',
  );
  addGeneralOptions(addProjectOptions(command), output.choices([...CHECK_FORMS]));
  return command.action(async (flags: CheckFlags) => {
    const form = checkForm(flags.output, shell.env);
    if (isServiceForm(form)) await checkForService(shell, flags, { form, version });
    else await checkForReaders(shell, { ...flags, output: form });
  });
}

async function checkForReaders(shell: Shell, flags: Flags): Promise<void> {
  await runCommand(shell, flags, {
    failed: (error) => ({ findings: [], summary: null, error }),
    async run(session) {
      const { checkProject, explainStore, locateRepository } = await import('../../index.ts');
      const { findingsJson, renderFindings } = await import('../../report/findings.ts');
      const { explanationJson, renderExplanation } = await import('../../report/explain.ts');
      await parseFirst(session, flags);
      const options = { ...toCommandOptions(shell, flags), logger: session.logger };
      const { findings, store, exitCode } = await checkProject({ ...options, offline: !flags.warehouse });
      const explanation = flags.explain ? explainStore(store) : null;
      session.output.result({
        text: (style) =>
          [
            ...(explanation === null ? [] : [renderExplanation(explanation, style), '']),
            renderFindings(findings, style),
          ].join('\n'),
        json: () => ({
          ...findingsJson(findings, locateRepository(options).prefix),
          ...(explanation === null ? {} : { explanation: explanationJson(explanation) }),
        }),
      });
      return exitCode;
    },
  });
}

async function checkForService(
  shell: Shell,
  flags: CheckFlags,
  { form, version }: { readonly form: ServiceForm; readonly version: string },
): Promise<void> {
  const { checkProject, locateRepository } = await import('../../index.ts');
  const { writeJobSummary } = await import('../job-summary.ts');
  const stated: Flags = { ...flags, output: 'text' };
  const options = toCommandOptions(shell, stated);
  const printer = await servicePrinter(form, { version, prefix: locateRepository(options).prefix });
  const summarise = (outcome: CheckOutcome): string | null =>
    form === 'github' ? writeJobSummary(shell, outcome) : null;
  await runCommand(
    shell,
    { ...stated, output: printer.output },
    {
      ...printer.words,
      failedText: (failure, style) => {
        summarise(printer.stopped(failure));
        return printer.text(printer.stopped(failure), style);
      },
      async run(session) {
        await parseFirst(session, stated);
        const { findings, exitCode } = await checkProject({ ...options, logger: session.logger, offline: true });
        const outcome = printer.outcome(findings, exitCode);
        session.output.result({ text: (style) => printer.text(outcome, style), json: () => printer.json(outcome) });
        const unwritten = summarise(outcome);
        if (unwritten !== null) session.output.note(unwritten);
        return exitCode;
      },
    },
  );
}

async function parseFirst(session: Session, flags: Flags): Promise<void> {
  if (flags.parse !== true) return;
  const { createDbt } = await import('../dbt.ts');
  const dbt = createDbt(session, flags);
  if (!(await dbt.parse())) throw dbt.failure('parse');
}
