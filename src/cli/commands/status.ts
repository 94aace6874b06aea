import { Command } from 'commander';
import {
  addDbtCloudOption,
  addGeneralOptions,
  addProjectOptions,
  addRunResultsOption,
  addSandboxOption,
  addSelectOptions,
  addWarehouseOptions,
  type ProjectFlags,
  readHours,
  toCommandOptions,
} from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

interface StatusFlags extends ProjectFlags {
  readonly rejected?: boolean;
  readonly stale?: number;
}

/** `dinmo status` */
export function statusCommand(shell: Shell): Command {
  const command = new Command('status')
    .summary('where each activation stands')
    .description(
      'Shows for each activation its last run, what its destination holds, what is rejected or owed, and when it is due. Exits with 1 only with --stale.',
    )
    .option('--stale <hours>', 'exit with 1 when the last success of an activation is older than this', readHours)
    .option('--rejected', 'list the rows that a destination rejected');
  addSelectOptions(addSandboxOption(command));
  addGeneralOptions(addRunResultsOption(addWarehouseOptions(addDbtCloudOption(addProjectOptions(command)))));
  return command.action((flags: StatusFlags) =>
    runCommand(shell, flags, {
      failed: (error) => ({ activations: [], rejections: [], orphans: [], runs: [], error }),
      async run({ output, logger }) {
        const { readStatus } = await import('../../index.ts');
        const { renderRejections, renderStatus, statusJson } = await import('../../report/status-report.ts');
        const report = await readStatus({
          ...toCommandOptions(shell, flags),
          logger,
          ...(flags.stale === undefined ? {} : { staleHours: flags.stale }),
        });
        output.result({
          text: (style) => (flags.rejected ? renderRejections(report, style) : renderStatus(report, style)),
          json: () => statusJson(report),
        });
        return report.exitCode;
      },
    }),
  );
}
