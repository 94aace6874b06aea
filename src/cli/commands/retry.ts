import { Command } from 'commander';
import {
  addDbtCloudOption,
  addGeneralOptions,
  addProjectOptions,
  addSyncOptions,
  addThreadsOption,
  type SyncFlags,
  toSyncOptions,
} from '../options.ts';
import { createProgress } from '../progress.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';
import { printSync, stoppedBeforeAny } from '../sync-output.ts';

/** `dinmo retry` */
export function retryCommand(shell: Shell): Command {
  const command = new Command('retry')
    .summary('try parked rows again, with a sync')
    .description('Takes rejected rows that were parked up again, then syncs as `dinmo sync` does.');
  return addGeneralOptions(addThreadsOption(addSyncOptions(addDbtCloudOption(addProjectOptions(command))))).action(
    (flags: SyncFlags) =>
      runCommand(shell, flags, {
        failed: stoppedBeforeAny,
        async run({ output, logger }) {
          const { retryActivations } = await import('../../index.ts');
          const { renderSync } = await import('../../report/sync.ts');
          const progress = createProgress(output, shell);
          const report = await retryActivations({ ...toSyncOptions(shell, flags), logger, progress });
          return printSync(output, report, renderSync);
        },
      }),
  );
}
