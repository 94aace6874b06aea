import { Command } from 'commander';
import {
  addGeneralOptions,
  addProjectOptions,
  addSandboxOption,
  addWarehouseOptions,
  type ProjectFlags,
  toCommandOptions,
} from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

interface CleanFlags extends ProjectFlags {
  readonly yes?: boolean;
  readonly removeMembers?: boolean;
  readonly deleteAudience?: boolean;
}

/** `dinmo clean` */
export function cleanCommand(shell: Shell): Command {
  const command = new Command('clean')
    .summary('remove what deleted activations left behind')
    .description(
      'Shows what activations left behind that have no block any more, and tables of nobody. Without --yes nothing is changed. The history of runs stays.',
    )
    .argument('[activation...]', 'only these, such as vip_france.meta_customers')
    .option('--yes', 'remove their state')
    .option('--remove-members', 'with --yes: first remove at the destination what they sent to it')
    .option('--delete-audience', 'after that delete their audiences, where the service has a means for it');
  addGeneralOptions(addSandboxOption(addWarehouseOptions(addProjectOptions(command))));
  return command.action((activations: readonly string[], flags: CleanFlags) =>
    runCommand(shell, flags, {
      failed: (error) => ({ left_behind: [], tables: [], error }),
      async run({ output, logger }) {
        const { cleanState } = await import('../../index.ts');
        const { cleanJson, renderClean } = await import('../../report/clean-report.ts');
        const report = await cleanState({
          ...toCommandOptions(shell, flags),
          logger,
          activations,
          yes: flags.yes === true,
          removeMembers: flags.removeMembers === true || flags.deleteAudience === true,
          deleteAudience: flags.deleteAudience === true,
        });
        output.result({ text: (style) => renderClean(report, style), json: () => cleanJson(report) });
        return report.exitCode;
      },
    }),
  );
}
