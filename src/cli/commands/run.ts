import { Command } from 'commander';
import type { ExitCode } from '../../errors.ts';
import {
  addGeneralOptions,
  addProjectOptions,
  addSyncOptions,
  addThreadsOption,
  type SyncFlags,
  toCommandOptions,
  toSyncOptions,
} from '../options.ts';
import { createProgress } from '../progress.ts';
import { runCommand, type Session } from '../session.ts';
import type { Shell } from '../shell.ts';
import { printSync, stoppedBeforeAny } from '../sync-output.ts';

interface RunFlags extends SyncFlags {
  readonly dbt?: string;
}

/** `dinmo run` */
export function runAllCommand(shell: Shell): Command {
  const command = new Command('run')
    .summary('dbt parse, check, generate, dbt build and sync, in one')
    .description(
      'Runs `dbt parse`, `dinmo check`, `dinmo generate`, `dbt build --select +tag:dinmo` and `dinmo sync`, one after another. What dbt prints goes to stderr.',
    )
    .option('--dbt <path>', 'the dbt to run (default: the one of VIRTUAL_ENV, of PATH, or of .venv)');
  return addGeneralOptions(addThreadsOption(addSyncOptions(addProjectOptions(command)))).action((flags: RunFlags) =>
    runCommand(shell, flags, { failed: stoppedBeforeAny, run: (session) => runAll(session, flags) }),
  );
}

async function runAll(session: Session, flags: RunFlags): Promise<ExitCode> {
  const { shell, output, logger } = session;
  const { alertFailure, syncActivations } = await import('../../index.ts');
  const { renderSync } = await import('../../report/sync.ts');
  const { DinmoError } = await import('../../errors.ts');
  let isBuilt: boolean;
  try {
    isBuilt = await build(session, flags);
  } catch (thrown) {
    if (thrown instanceof DinmoError)
      await alertFailure({ ...toCommandOptions(shell, flags), logger }, { error: thrown });
    throw thrown;
  }
  output.note(output.noteStyle.bold('» dinmo sync'));
  const report = await syncActivations({
    ...toSyncOptions(shell, flags),
    logger,
    progress: createProgress(output, shell),
  });
  const exitCode = printSync(output, report, renderSync);
  return exitCode === 0 && !isBuilt ? 1 : exitCode;
}

/** Everything before the sync; whether dbt built all of it. */
async function build(session: Session, flags: RunFlags): Promise<boolean> {
  const { shell, output, logger } = session;
  const { createDbt } = await import('../dbt.ts');
  const { checkProject, generateModels, pruneModels } = await import('../../index.ts');
  const { renderFindings } = await import('../../report/findings.ts');
  const options = { ...toCommandOptions(shell, flags), logger };
  const step = (title: string): void => output.note(output.noteStyle.bold(`» ${title}`));
  const dbt = createDbt(session, flags);

  step('dbt parse');
  if (!(await dbt.parse())) {
    const { removed } = await pruneModels(options);
    if (removed.length > 0) output.note(`Removed what refers to models that are gone: ${removed.join(', ')}`);
    if (removed.length === 0 || !(await dbt.parse())) throw dbt.failure('parse');
  }
  step('dinmo check');
  const checked = await checkProject(options);
  if (checked.findings.length > 0) output.problem(renderFindings(checked.findings, output.noteStyle));
  if (checked.exitCode !== 0) throw await checkFailed();
  step('dinmo generate');
  const generated = await generateModels(options);
  if (generated.exitCode !== 0) throw await generateFailed(generated.refused);
  step('dbt build');
  return await dbt.build();
}

async function checkFailed(): Promise<Error> {
  const { DinmoError } = await import('../../errors.ts');
  return new DinmoError({
    kind: 'configuration',
    code: 'check-failed',
    message: 'The project has errors, listed above: nothing was generated, built or sent.',
    fix: 'Correct them and run again.',
  });
}

async function generateFailed(refused: readonly string[]): Promise<Error> {
  const { DinmoError } = await import('../../errors.ts');
  return new DinmoError({
    kind: 'stopped',
    code: 'generate-refused',
    message: `Files stand where generated ones belong: ${refused.join(', ')}.`,
    fix: 'Move them, or set `models_path` in dinmo.yml.',
  });
}
