import { Command } from 'commander';
import { addGeneralOptions, addProjectOptions, type ProjectFlags, toCommandOptions } from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

/** `dinmo check` */
export function checkCommand(shell: Shell): Command {
  const command = new Command('check')
    .summary('what is wrong with the project, with file and line')
    .description(
      'Derives the Knowledge Store from the dbt project and lists everything that is wrong with it, with file and line.',
    )
    .option('--explain', 'from where each fact came, and what was seen and not used');
  return addGeneralOptions(addProjectOptions(command)).action((flags: ProjectFlags & { readonly explain?: boolean }) =>
    runCommand(shell, flags, {
      failed: (error) => ({ findings: [], summary: null, error }),
      async run({ output, logger }) {
        const { checkProject, explainStore } = await import('../../index.ts');
        const { findingsJson, renderFindings } = await import('../../report/findings.ts');
        const { explanationJson, renderExplanation } = await import('../../report/explain.ts');
        const { findings, store, exitCode } = await checkProject({ ...toCommandOptions(shell, flags), logger });
        const explanation = flags.explain ? explainStore(store) : null;
        output.result({
          text: (style) =>
            [
              ...(explanation === null ? [] : [renderExplanation(explanation, style), '']),
              renderFindings(findings, style),
            ].join('\n'),
          json: () => ({
            ...findingsJson(findings),
            ...(explanation === null ? {} : { explanation: explanationJson(explanation) }),
          }),
        });
        return exitCode;
      },
    }),
  );
}
