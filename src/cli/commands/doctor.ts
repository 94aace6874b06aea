import { Command } from 'commander';
import {
  addGeneralOptions,
  addProjectOptions,
  addRunResultsOption,
  addSandboxOption,
  addWarehouseOptions,
  type ProjectFlags,
  toCommandOptions,
} from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

/** `dinmo doctor` */
export function doctorCommand(shell: Shell): Command {
  const command = new Command('doctor')
    .summary('test profile, warehouse, artifacts and credentials')
    .description(
      'Tests the profile, the warehouse, the schemas, dbt’s artifacts and each destination’s credentials, and says what to do.',
    );
  addGeneralOptions(addSandboxOption(addRunResultsOption(addWarehouseOptions(addProjectOptions(command)))));
  return command.action((flags: ProjectFlags) =>
    runCommand(shell, flags, {
      failed: (error) => ({ lines: [], error }),
      async run({ output, logger }) {
        const { examineProject } = await import('../../index.ts');
        const { doctorJson, renderDoctor } = await import('../../report/doctor-report.ts');
        const report = await examineProject({ ...toCommandOptions(shell, flags), logger });
        output.result({ text: (style) => renderDoctor(report, style), json: () => doctorJson(report) });
        return report.exitCode;
      },
    }),
  );
}
