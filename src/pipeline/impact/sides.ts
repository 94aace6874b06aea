import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readCatalog } from '../../artifacts/catalog.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { readManifest } from '../../artifacts/manifest.ts';
import { type Project, readProject } from '../../artifacts/project.ts';
import { readAnnotations } from '../../artifacts/read-annotations.ts';
import { DinmoError } from '../../errors.ts';
import type { Finding } from '../../finding.ts';
import { buildKnowledgeStore } from '../../knowledge/build.ts';
import type { KnowledgeStore } from '../../knowledge/store.ts';
import { buildContext, type Context } from '../context.ts';
import type { CommandOptions } from '../options.ts';

/** Options of `impact`. */
export interface ImpactOptions extends CommandOptions {
  /** A folder with the base's manifest.json, or with a copy of its whole project. */
  readonly state: string;
  /** A copy of the base's whole project, where `state` holds its artifacts only. */
  readonly baseProjectDir?: string;
  /** Also count in the warehouse of the profile's target. */
  readonly warehouse?: boolean;
}

/** One of the two that are compared. */
export interface Side {
  readonly project: Project;
  /** What is incomplete included: what is broken has not gone. */
  readonly store: KnowledgeStore;
  readonly findings: readonly Finding[];
}

/** This branch: a context that can be planned with. */
export interface BranchSide extends Side {
  readonly context: Context;
}

/** What the branch is compared with. */
export interface BaseSide extends Side {
  readonly kind: 'project' | 'manifest';
  /** null where its project is not here: then nothing can be planned with it. */
  readonly context: Context | null;
}

/** Reads this branch. Throws DinmoError for what cannot be read at all. */
export function readBranch(options: ImpactOptions): BranchSide {
  return sideOf(buildContext(options, readProject(options)));
}

/**
 * Reads the base: its whole project where a copy of it is given, else what its manifest holds. Throws DinmoError
 * `state-missing` (artifact), and what reading a project throws.
 */
export function readBase(options: ImpactOptions, branch: BranchSide): BaseSide {
  const cwd = resolve(options.cwd ?? process.cwd());
  const state = resolve(cwd, options.state);
  const isProject = existsSync(join(state, 'dbt_project.yml'));
  const projectDir =
    options.baseProjectDir === undefined ? (isProject ? state : null) : resolve(cwd, options.baseProjectDir);
  const folder = [state, join(state, 'target'), ...(projectDir === null ? [] : [join(projectDir, 'target')])].find(
    (candidate) => existsSync(join(candidate, 'manifest.json')),
  );
  if (folder === undefined) {
    throw new DinmoError({
      kind: 'artifact',
      code: 'state-missing',
      message: `There is no manifest.json of the base in ${state}${projectDir === null ? '' : `, nor in ${join(projectDir, 'target')}`}.`,
      fix: 'Name the folder with the artifacts of the base branch: those of its last production run, or of `dbt parse` in a git worktree of it.',
    });
  }
  if (projectDir === null) return readManifestAlone(folder, branch);
  // dbt's own variables name the project of this branch.
  const { DBT_PROJECT_DIR: _one, DBT_ENGINE_PROJECT_DIR: _two, ...env } = options.env ?? process.env;
  const base = readProject({ ...options, env, projectDir, targetPath: folder });
  return { kind: 'project', ...sideOf(buildContext({ ...options, env }, base)) };
}

function sideOf(context: Context): BranchSide {
  const { store, findings } = context;
  const { checkable } = buildKnowledgeStore(context.project, context.services, context.project.olderCatalog);
  return { context, project: context.project, store: checkable ?? store, findings };
}

/**
 * What the manifest alone tells: annotations in `meta`, models and tests. dinmo.yml and the files of dinmo/ are not in it, so
 * that destinations are taken to be this branch's.
 */
function readManifestAlone(folder: string, branch: BranchSide): BaseSide {
  const manifest: Manifest = readManifest(join(folder, 'manifest.json'), branch.project.name);
  const nowhere = join(folder, 'no-files-of-the-base-are-here');
  const { annotations } = readAnnotations(
    {
      dir: nowhere,
      name: branch.project.name,
      profileName: null,
      modelPaths: [],
      seedPaths: [],
      snapshotPaths: [],
      packagesPath: 'dbt_packages',
      targetPath: null,
    },
    manifest,
    [],
  );
  const project: Project = {
    ...branch.project,
    manifest,
    annotations,
    catalog: readCatalog(join(folder, 'catalog.json')).relations,
    olderCatalog: new Map(),
    findings: [],
    runResults: [],
    freshness: [],
  };
  const { checkable } = buildKnowledgeStore(project, branch.context.services);
  return { kind: 'manifest', project, store: checkable, findings: [], context: null };
}
