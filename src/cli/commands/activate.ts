import { Command } from 'commander';
import { addGeneralOptions, addProjectOptions, type ProjectFlags, toCommandOptions } from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

interface ActivateFlags extends ProjectFlags {
  readonly to: string;
  readonly name?: string;
}

/** `dinmo activate` */
export function activateCommand(shell: Shell): Command {
  const command = new Command('activate')
    .summary('write the activation of a segment into its YAML')
    .description(
      'Writes an activation into the YAML that holds the segment or entity; everything else in the file stays as it is.',
    )
    .argument('<segment>', 'segment or entity')
    .requiredOption('--to <destination>', 'destination of dinmo.yml')
    .option('--name <name>', 'name of the activation (default: the destination’s)');
  return addGeneralOptions(addProjectOptions(command)).action((segment: string, flags: ActivateFlags) =>
    runCommand(shell, flags, {
      async run({ output, logger }) {
        const { activateSegment } = await import('../../index.ts');
        const { activateJson, renderActivate } = await import('../../report/activate-report.ts');
        const report = await activateSegment({
          ...toCommandOptions(shell, flags),
          logger,
          segment,
          to: flags.to,
          ...(flags.name === undefined ? {} : { name: flags.name }),
        });
        output.result({ text: (style) => renderActivate(report, style), json: () => activateJson(report) });
        return 0;
      },
    }),
  );
}
