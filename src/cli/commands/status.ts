import { Command } from 'commander';
import {
  addDbtCloudOption,
  addGeneralOptions,
  addProjectOptions,
  addSandboxOption,
  addSelectOptions,
  addWarehouseOptions,
  type ProjectFlags,
  toCommandOptions,
} from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

/** `dinmo status` */
export function statusCommand(shell: Shell): Command {
  const command = new Command('status')
    .summary('where each activation stands')
    .description('Shows for each activation its last run, what its destination holds, and what is rejected or owed.')
    .option('--rejected', 'list the rows that a destination rejected');
  addGeneralOptions(
    addSelectOptions(addSandboxOption(addWarehouseOptions(addDbtCloudOption(addProjectOptions(command))))),
  );
  return command.action((flags: ProjectFlags & { readonly rejected?: boolean }) =>
    runCommand(shell, flags, {
      failed: (error) => ({ activations: [], rejections: [], orphans: [], runs: [], error }),
      async run({ output, logger }) {
        const { readStatus } = await import('../../index.ts');
        const { renderRejections, renderStatus, statusJson } = await import('../../report/status-report.ts');
        const report = await readStatus({ ...toCommandOptions(shell, flags), logger });
        output.result({
          text: (style) => (flags.rejected ? renderRejections(report, style) : renderStatus(report, style)),
          json: () => statusJson(report),
        });
        return report.exitCode;
      },
    }),
  );
}
