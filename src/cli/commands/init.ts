import { Command } from 'commander';
import { addGeneralOptions, addProjectOptions, type ProjectFlags, toCommandOptions } from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

/** `dinmo init` */
export function initCommand(shell: Shell): Command {
  const command = new Command('init')
    .summary('write dinmo.yml and propose annotations')
    .description(
      'Writes a commented dinmo.yml beside dbt_project.yml, where there is none, and proposes annotations of the models that dbt knows. Asks nothing.',
    );
  return addGeneralOptions(addProjectOptions(command)).action((flags: ProjectFlags) =>
    runCommand(shell, flags, {
      async run({ output, logger }) {
        const { initProject } = await import('../../index.ts');
        const { initJson, renderInit } = await import('../../report/init-report.ts');
        const report = await initProject({ ...toCommandOptions(shell, flags), logger });
        output.result({ text: (style) => renderInit(report, style), json: () => initJson(report) });
        return 0;
      },
    }),
  );
}
