import { Command } from 'commander';
import {
  addDbtCloudOption,
  addDueOption,
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

/** `dinmo sync` */
export function syncCommand(shell: Shell): Command {
  const command = new Command('sync')
    .summary('send what changed, and record what was acknowledged')
    .description('Finds in the warehouse what changed, sends it, and records what each destination acknowledged.');
  return addGeneralOptions(
    addDueOption(addThreadsOption(addSyncOptions(addDbtCloudOption(addProjectOptions(command))))),
  ).action((flags: SyncFlags) =>
    runCommand(shell, flags, {
      failed: stoppedBeforeAny,
      async run({ output, logger }) {
        const { syncActivations } = await import('../../index.ts');
        const { renderSync } = await import('../../report/sync.ts');
        const progress = createProgress(output, shell);
        const report = await syncActivations({ ...toSyncOptions(shell, flags), logger, progress });
        return printSync(output, report, renderSync);
      },
    }),
  );
}
