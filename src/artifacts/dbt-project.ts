import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { DinmoError, messageOf } from '../errors.ts';
import { dbtVariable, type Environment, JinjaEnvironment } from './environment.ts';
import { renderJinja } from './jinja.ts';
import { type Loose, plainPath, readText, textAt } from './json-file.ts';
import { isMap } from './shape.ts';
import { parseYaml11 } from './yaml-file.ts';

/** What this program uses of dbt_project.yml. Paths are relative to the project, forward slashes. */
export interface DbtProject {
  /** Absolute folder of dbt_project.yml. */
  readonly dir: string;
  readonly name: string;
  /** `profile:`; null when it has none. */
  readonly profileName: string | null;
  readonly modelPaths: readonly string[];
  readonly seedPaths: readonly string[];
  readonly snapshotPaths: readonly string[];
  readonly packagesPath: string;
  /** `target-path:`, deprecated in dbt 1.x; null when it has none. */
  readonly targetPath: string | null;
}

const FILE = 'dbt_project.yml';
/**
 * The folder of the dbt project: `--project-dir`, DBT_ENGINE_PROJECT_DIR, DBT_PROJECT_DIR, else the nearest folder upwards
 * from the working directory that holds dbt_project.yml, as in dbt. Throws DinmoError `project-not-found` (configuration).
 */
export function findProjectDir(options: {
  readonly projectDir?: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
}): string {
  const stated = options.projectDir ?? dbtVariable(options.env, 'PROJECT_DIR');
  if (stated !== null) {
    const dir = resolve(options.cwd, stated);
    if (existsSync(join(dir, FILE))) return dir;
    throw projectNotFound(`There is no ${FILE} in ${dir}.`);
  }
  for (let dir = resolve(options.cwd); ; dir = dirname(dir)) {
    if (existsSync(join(dir, FILE))) return dir;
    if (dir === dirname(dir)) throw projectNotFound(`There is no ${FILE} in ${options.cwd} or any folder above it.`);
  }
}

function projectNotFound(message: string): DinmoError {
  const fix = 'Run the command inside a dbt project, or name its folder with --project-dir.';
  return new DinmoError({ kind: 'configuration', code: 'project-not-found', message, fix });
}

/** Reads dbt_project.yml of a folder. Throws DinmoError `project-unreadable` (configuration). */
export function readDbtProject(dir: string, env: Environment, vars: Readonly<Record<string, unknown>>): DbtProject {
  let content: unknown;
  try {
    content = parseYaml11(readText(join(dir, FILE)));
  } catch (cause) {
    throw unreadable(dir, messageOf(cause).split('\n')[0]?.replace(/:$/, '') ?? '', cause);
  }
  const name = isMap(content) ? statedText(content, 'name') : null;
  if (!isMap(content) || name === null) throw unreadable(dir, 'it has no `name`', undefined);
  const stated = content;
  const render = (...keys: readonly string[]): string | null => {
    const value = keys.map((key) => statedText(stated, key)).find((text) => text !== null) ?? null;
    return value === null ? null : renderSetting(value, env, vars);
  };
  const list = (key: 'model' | 'seed' | 'snapshot', older: string): readonly string[] =>
    (statedList(stated, `${key}-paths`) ?? statedList(stated, older) ?? [`${key}s`]).map(folder);
  return {
    dir,
    name,
    profileName: render('profile'),
    modelPaths: list('model', 'source-paths'),
    seedPaths: list('seed', 'data-paths'),
    snapshotPaths: list('snapshot', 'snapshot-paths'),
    packagesPath: folder(render('packages-install-path', 'modules-path') ?? 'dbt_packages'),
    targetPath: render('target-path'),
  };
}

function unreadable(dir: string, reason: string, cause: unknown): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'project-unreadable',
    message: `${join(dir, FILE)} cannot be read: ${reason}.`,
    fix: 'Correct the file; `dbt parse` must accept it.',
    location: { file: FILE, line: 1, column: 1 },
    cause,
  });
}

/** What is of another type than expected counts as missing: dbt is the judge of its own file. */
function statedText(content: Loose, key: string): string | null {
  const text = textAt(content, key);
  return text === '' ? null : text;
}

function statedList(content: Loose, key: string): readonly string[] | null {
  const list = content[key];
  return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : null;
}

/** A setting that uses anything but env_var and var is taken as it stands: dbt is the judge of its own file. */
function renderSetting(value: string, env: Environment, vars: Readonly<Record<string, unknown>>): string {
  try {
    return String(renderJinja(value, new JinjaEnvironment(env, vars).functions));
  } catch {
    return value;
  }
}

function folder(path: string): string {
  return plainPath(path).replace(/^\.\//, '').replace(/\/+$/, '');
}

/** The folder of dbt's artifacts, absolute: flag, environment, `target-path:` of dbt_project.yml, `target`, in dbt's order. */
export function findTargetPath(
  project: DbtProject,
  options: { readonly targetPath?: string | undefined; readonly env: Environment; readonly cwd: string },
): string {
  const stated = options.targetPath ?? dbtVariable(options.env, 'TARGET_PATH');
  // dbt moves into the project before it resolves the path: relative means relative to the project.
  if (stated === null) return resolve(project.dir, project.targetPath ?? 'target');
  if (isAbsolute(stated)) return stated;
  const inProject = resolve(project.dir, stated);
  const inCwd = resolve(options.cwd, stated);
  return !isFolder(inProject) && isFolder(inCwd) ? inCwd : inProject;
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
