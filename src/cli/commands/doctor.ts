import { Command } from 'commander';
import {
  addDbtCloudOption,
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
  addGeneralOptions(
    addSandboxOption(addRunResultsOption(addWarehouseOptions(addDbtCloudOption(addProjectOptions(command))))),
  );
  command.option('--grants', 'print what an administrator grants the account of the target, and what of it is missing');
  return command.action((flags: ProjectFlags & { readonly grants?: boolean }) =>
    runCommand(shell, flags, {
      failed: (error) => ({ lines: [], error }),
      async run({ output, logger }) {
        if (flags.grants === true) {
          const { explainGrants } = await import('../../index.ts');
          const { grantsJson, renderGrants } = await import('../../report/grants-report.ts');
          const report = await explainGrants({ ...toCommandOptions(shell, flags), logger });
          output.result({ text: () => renderGrants(report), json: () => grantsJson(report) });
          return report.exitCode;
        }
        const { examineProject } = await import('../../index.ts');
        const { doctorJson, renderDoctor } = await import('../../report/doctor-report.ts');
        const report = await examineProject({ ...toCommandOptions(shell, flags), logger });
        output.result({ text: (style) => renderDoctor(report, style), json: () => doctorJson(report) });
        return report.exitCode;
      },
    }),
  );
}
