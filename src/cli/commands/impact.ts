import { Command, Option } from 'commander';
import { DinmoError } from '../../errors.ts';
import {
  addGeneralOptions,
  addProjectOptions,
  addSelectOptions,
  addWarehouseOptions,
  type ProjectFlags,
  toCommandOptions,
} from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

const FORMS = ['text', 'json', 'markdown'] as const;

interface ImpactFlags extends Omit<ProjectFlags, 'output'> {
  readonly output: (typeof FORMS)[number];
  readonly state?: string;
  readonly baseProjectDir?: string;
  readonly warehouse?: boolean;
}

/** `dinmo impact` */
export function impactCommand(shell: Shell): Command {
  const command = new Command('impact')
    .summary('what this change does to audiences, compared with a base')
    .description(
      'Compares this branch with a base, down to the column: which segments, mappings and activations change, and what follows. Needs no warehouse, no profile and no secret; with --warehouse it also counts who enters and leaves, and what each destination would get. Writes nothing.',
    )
    .option('--state <folder>', 'the base: a folder with its manifest.json, or a copy of its project (also: DBT_STATE)')
    .option('--base-project-dir <folder>', 'a copy of the base’s project, where --state holds its artifacts only')
    .option('--warehouse', 'also count in the target, where dbt built what changed');
  const output = new Option('--output <format>', 'form of the result on stdout').choices([...FORMS]).default('text');
  addSelectOptions(addWarehouseOptions(addProjectOptions(command)));
  return addGeneralOptions(command, output).action((flags: ImpactFlags) => runImpact(shell, flags));
}

async function runImpact(shell: Shell, flags: ImpactFlags): Promise<void> {
  const { impactStopped } = await import('../../report/impact-json.ts');
  const { impactFailureMarkdown } = await import('../../report/impact-markdown.ts');
  const isMarkdown = flags.output === 'markdown';
  const general = { ...flags, output: flags.output === 'json' ? ('json' as const) : ('text' as const) };
  await runCommand(shell, general, {
    failed: impactStopped,
    ...(isMarkdown ? { failedText: impactFailureMarkdown } : {}),
    async run({ output, logger }) {
      const state = stateOf(shell, flags);
      const { assessImpact } = await import('../../index.ts');
      const { impactJson } = await import('../../report/impact-json.ts');
      const { renderImpact } = await import('../../report/impact-text.ts');
      const { renderImpactMarkdown } = await import('../../report/impact-markdown.ts');
      const { baseProjectDir, warehouse } = flags;
      const report = await assessImpact({
        ...toCommandOptions(shell, general),
        logger,
        state,
        ...(baseProjectDir === undefined ? {} : { baseProjectDir }),
        warehouse: warehouse === true,
      });
      if (report.error !== null) output.problem(report.error.message);
      output.result({
        text: (style) => (isMarkdown ? renderImpactMarkdown(report) : renderImpact(report, style)),
        json: () => impactJson(report),
      });
      return report.exitCode;
    },
  });
}

/** As dbt's --state. Throws DinmoError `state-not-given`. */
function stateOf(shell: Shell, { state, baseProjectDir }: ImpactFlags): string {
  const { DBT_ENGINE_STATE, DBT_STATE } = shell.env;
  const given = state ?? baseProjectDir ?? (DBT_ENGINE_STATE || DBT_STATE);
  if (given) return given;
  throw new DinmoError({
    kind: 'configuration',
    code: 'state-not-given',
    message: 'It is not said what this branch is compared with.',
    fix: 'Name a folder with the base’s artifacts: `dinmo impact --state <folder>`.',
  });
}
