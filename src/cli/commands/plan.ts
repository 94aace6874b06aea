import { Command } from 'commander';
import {
  addDbtCloudOption,
  addDueOption,
  addGeneralOptions,
  addProjectOptions,
  addSyncOptions,
  type SyncFlags,
  toSyncOptions,
} from '../options.ts';
import { createProgress } from '../progress.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';
import { printSync, stoppedBeforeAny } from '../sync-output.ts';

/** `dinmo plan` */
export function planCommand(shell: Shell): Command {
  const command = new Command('plan')
    .summary('what each destination would receive; sends nothing')
    .description(
      'Computes what each destination would receive, with the verdicts of gate and guards. Sends nothing, leaves nothing behind.',
    );
  command.option(
    '--remote',
    'also show each platform that can be asked up to 100 changes of each kind, and ask whether it would take them: nothing is applied',
  );
  return addGeneralOptions(addDueOption(addSyncOptions(addDbtCloudOption(addProjectOptions(command))))).action(
    (flags: SyncFlags & { readonly remote?: boolean }) =>
      runCommand(shell, flags, {
        failed: stoppedBeforeAny,
        async run({ output, logger }) {
          const { planActivations } = await import('../../index.ts');
          const { renderPlan } = await import('../../report/sync.ts');
          const progress = createProgress(output, shell);
          const report = await planActivations({
            ...toSyncOptions(shell, flags),
            remote: flags.remote === true,
            logger,
            progress,
          });
          return printSync(output, report, renderPlan);
        },
      }),
  );
}
