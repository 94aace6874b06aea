import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { plainPath } from './json-file.ts';

/** Where a dbt project stands in its repository: what a CI service shows is named from the repository's root. */
export interface Repository {
  /** Absolute. */
  readonly root: string;
  /** The project's folder below the root, with forward slashes and one at its end: `transform/dbt/`; '' at the root. */
  readonly prefix: string;
}

/**
 * The nearest folder above the project (or the project itself) that holds a repository. A CI service names the folder that it
 * checked out: GITHUB_WORKSPACE, CI_PROJECT_DIR. Above it nothing is looked for, and below it only a checkout of its own
 * counts (`actions/checkout` with `path`), not a submodule. A project in no repository is its own root.
 */
export function findRepository(projectDir: string, env: Readonly<Record<string, string | undefined>>): Repository {
  const project = realPath(projectDir);
  const workspaces = [env['GITHUB_WORKSPACE'], env['CI_PROJECT_DIR']].flatMap((path) =>
    path === undefined || path === '' ? [] : [realPath(path)],
  );
  const isInWorkspace = workspaces.some((workspace) => holds(workspace, project));
  for (let folder = project; ; folder = dirname(folder)) {
    if (workspaces.includes(folder) || isCheckout(folder, isInWorkspace)) return placed(folder, project);
    if (folder === dirname(folder)) return placed(project, project);
  }
}

/** `.git` is a file in submodules and worktrees. */
function isCheckout(folder: string, isInWorkspace: boolean): boolean {
  const git = join(folder, '.git');
  return existsSync(git) && (!isInWorkspace || statSync(git).isDirectory());
}

function placed(root: string, project: string): Repository {
  const inside = plainPath(relative(root, project));
  return { root, prefix: inside === '' ? '' : `${inside}/` };
}

function holds(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside === '' || !/^\.\.(?:[\\/]|$)|^[A-Za-z]:|^[\\/]/.test(inside);
}

function realPath(path: string): string {
  try {
    return realpathSync(resolve(path));
  } catch {
    return resolve(path);
  }
}
