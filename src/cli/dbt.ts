import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { DinmoError } from '../errors.ts';
import type { ProjectFlags } from './options.ts';
import type { Session } from './session.ts';
import type { Shell } from './shell.ts';

/** Generated models carry the tag; what they stand on comes along. */
const SELECTION = '+tag:dinmo';

/** The dbt commands that `dinmo run` needs. What dbt prints goes to stderr. */
export interface Dbt {
  /** False when the project cannot be parsed. */
  parse(): Promise<boolean>;
  /** False when a model or test failed: the gate says what that stops. Throws DinmoError `dbt-failed` when nothing could be built. */
  build(): Promise<boolean>;
  failure(command: 'parse' | 'build'): DinmoError;
}

/** The user's own dbt, with the options that this command was given. Throws DinmoError `dbt-not-found`. */
export function createDbt(session: Session, flags: ProjectFlags & { readonly dbt?: string }): Dbt {
  const program = findDbt(session.shell, flags);
  const failure = (command: 'parse' | 'build'): DinmoError =>
    new DinmoError({
      kind: command === 'parse' ? 'artifact' : 'warehouse',
      code: 'dbt-failed',
      message: `\`dbt ${command}\` failed; what it said stands above.`,
      fix: command === 'parse' ? 'Correct the dbt project.' : 'Correct it, or test the connection with `dbt debug`.',
    });
  return {
    parse: async () => (await runDbt(session, program, ['parse', ...dbtArguments(flags)])) === 0,
    build: async () => {
      const code = await runDbt(session, program, ['build', '--select', SELECTION, ...dbtArguments(flags)]);
      // 1: dbt ran, and a node failed. Anything else: it did not get that far.
      if (code > 1) throw failure('build');
      return code === 0;
    },
    failure,
  };
}

/** The command's own options in dbt's words. */
function dbtArguments(flags: ProjectFlags): readonly string[] {
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['--project-dir', flags.projectDir],
    ['--profiles-dir', flags.profilesDir],
    ['--profile', flags.profile],
    ['--target', flags.target],
    ['--target-path', flags.targetPath],
    ['--vars', flags.vars],
  ];
  return pairs.flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
}

async function runDbt({ shell, output }: Session, program: string, given: readonly string[]): Promise<number> {
  const { execa } = await import('execa');
  const settings = [...(output.isQuiet ? ['--quiet'] : []), output.hasColour ? '--use-colors' : '--no-use-colors'];
  const child = execa(program, [...settings, ...given], {
    cwd: shell.cwd,
    // The results of this very build are what the sync is judged by, whatever a project says of writing them.
    env: { ...shell.env, DBT_WRITE_JSON: 'true' },
    extendEnv: false,
    reject: false,
    buffer: false,
    all: true,
    stdin: 'ignore',
    cancelSignal: shell.signal,
    forceKillAfterDelay: 30_000,
  });
  for await (const line of child.iterable({ from: 'all' })) output.dbt(String(line));
  const { exitCode, isCanceled } = await child;
  if (!isCanceled) return exitCode ?? 2;
  throw new DinmoError({
    kind: 'stopped',
    code: 'interrupted',
    message: 'Stopped while dbt was running; nothing was sent.',
    fix: 'Run the command again.',
  });
}

/** --dbt, else the dbt of VIRTUAL_ENV, of PATH, of a .venv beside the project or here. */
function findDbt(shell: Shell, flags: { readonly dbt?: string; readonly projectDir?: string }): string {
  if (flags.dbt !== undefined) {
    const stated = resolve(shell.cwd, flags.dbt);
    if (isProgram(stated)) return stated;
    throw notFound(`There is no dbt at ${flags.dbt}.`);
  }
  const inside = (folder: string): readonly string[] =>
    process.platform === 'win32' ? [join(folder, 'Scripts', 'dbt.exe')] : [join(folder, 'bin', 'dbt')];
  const names = process.platform === 'win32' ? ['dbt.exe', 'dbt.cmd'] : ['dbt'];
  const candidates = [
    ...(shell.env['VIRTUAL_ENV'] ? inside(shell.env['VIRTUAL_ENV']) : []),
    ...(shell.env['PATH'] ?? '')
      .split(delimiter)
      .flatMap((folder) => (folder === '' ? [] : names.map((name) => join(folder, name)))),
    ...inside(resolve(shell.cwd, flags.projectDir ?? '.', '.venv')),
    ...inside(resolve(shell.cwd, '.venv')),
  ];
  const found = candidates.find(isProgram);
  if (found !== undefined) return found;
  throw notFound('No dbt was found: not in VIRTUAL_ENV, not on PATH, and there is no .venv.');
}

function isProgram(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function notFound(message: string): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'dbt-not-found',
    message,
    fix: 'Activate its environment, or name it with --dbt.',
  });
}
