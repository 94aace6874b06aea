import { Command } from 'commander';
import {
  addDbtCloudOption,
  addGeneralOptions,
  addProjectOptions,
  addSandboxOption,
  addWarehouseOptions,
  type ProjectFlags,
  toCommandOptions,
} from '../options.ts';
import { createProgress } from '../progress.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';
import { printSync, stoppedBeforeAny } from '../sync-output.ts';

/** `dinmo clear` */
export function clearCommand(shell: Shell): Command {
  const command = new Command('clear')
    .summary('remove what an activation sent')
    .description(
      'Removes from the destination what the activation sent to it, row by row, and pauses it until `dinmo sync --resume`. Without --yes it only counts.',
    )
    .argument('<activation>', 'the activation’s id, such as vip_france.meta_customers')
    .option('--yes', 'really remove');
  addGeneralOptions(addSandboxOption(addWarehouseOptions(addDbtCloudOption(addProjectOptions(command)))));
  return command.action((activation: string, flags: ProjectFlags & { readonly yes?: boolean }) =>
    runCommand(shell, flags, {
      failed: stoppedBeforeAny,
      async run({ output, logger }) {
        const { clearActivation } = await import('../../index.ts');
        const { renderPlan, renderSync } = await import('../../report/sync.ts');
        const yes = flags.yes === true;
        const progress = createProgress(output, shell);
        const report = await clearActivation({ ...toCommandOptions(shell, flags), logger, progress, activation, yes });
        return printSync(output, report, yes ? renderSync : renderPlan);
      },
    }),
  );
}
