import { Command } from 'commander';
import {
  addGeneralOptions,
  addProjectOptions,
  addWarehouseOptions,
  type ProjectFlags,
  toCommandOptions,
} from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

interface GenerateFlags extends ProjectFlags {
  readonly check?: boolean;
  readonly prune?: boolean;
}

/** `dinmo generate` */
export function generateCommand(shell: Shell): Command {
  const command = new Command('generate')
    .summary('write the segments, statistics and exposures as dbt models')
    .description(
      'Writes entities, segments, statistics and exposures as dbt models. A file that it did not write is never touched.',
    )
    .option('--check', 'write nothing; exit 1 when a file is out of date')
    .option(
      '--prune',
      'only remove generated files whose models are gone; needs no manifest, for when dbt cannot parse',
    );
  addGeneralOptions(addWarehouseOptions(addProjectOptions(command)));
  return command.action((flags: GenerateFlags) =>
    runCommand(shell, flags, {
      failed: (error) => ({ written: [], removed: [], unchanged: null, refused: [], stale: [], error }),
      async run({ output, logger }) {
        const { generateModels, pruneModels } = await import('../../index.ts');
        const { generateJson, renderGenerate } = await import('../../report/generate-report.ts');
        const { renderFindings } = await import('../../report/findings.ts');
        const options = { ...toCommandOptions(shell, flags), logger };
        const report = flags.prune
          ? await pruneModels(options)
          : await generateModels({ ...options, check: flags.check === true });
        const told = report.findings.filter((finding) => finding.severity !== 'info');
        if (told.length > 0) output.note(renderFindings(told, output.noteStyle));
        output.result({ text: (style) => renderGenerate(report, style), json: () => generateJson(report) });
        return report.exitCode;
      },
    }),
  );
}
