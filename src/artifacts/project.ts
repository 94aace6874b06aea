import { join, resolve } from 'node:path';
import { DinmoError, messageOf } from '../errors.ts';
import type { Finding } from '../finding.ts';
import { compareFindings } from '../finding.ts';
import type { Annotation } from './annotation.ts';
import { type CatalogColumns, readCatalog } from './catalog.ts';
import { type DbtProject, findProjectDir, findTargetPath, readDbtProject } from './dbt-project.ts';
import { type Environment, withDotenv } from './environment.ts';
import { isWrittenByDbt2, type Manifest, readManifest } from './manifest.ts';
import { type Profile, readProfile } from './profile.ts';
import { readAnnotations } from './read-annotations.ts';
import { type RunResults, readRunResults } from './run-results.ts';
import { readSettings, type Settings } from './settings.ts';
import { isMap } from './shape.ts';
import { type FreshnessResults, readFreshness } from './sources.ts';
import { parseYaml11 } from './yaml-file.ts';

export type { CatalogColumns } from './catalog.ts';

/** Artifacts of a dbt run that took place elsewhere, fetched to this machine. */
export interface ElsewhereArtifacts {
  /** Holds manifest.json. Absolute. */
  readonly dir: string;
  /** One for each command that built or tested, in their order. Absolute. */
  readonly runResults: readonly string[];
}

/** dbt's own options, as flags; the environment variables stand behind them (DBT_ENGINE_X, then DBT_X). */
export interface ProjectOptions {
  readonly projectDir?: string;
  readonly profilesDir?: string;
  readonly profile?: string;
  readonly target?: string;
  readonly targetPath?: string;
  /** YAML text, as dbt's --vars. */
  readonly vars?: string;
  readonly runResults?: readonly string[];
  /** Further files of `dbt source freshness`. */
  readonly sources?: readonly string[];
  /** What dbt left elsewhere, instead of the target folder's files. */
  readonly artifacts?: ElsewhereArtifacts;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** Everything that was read of a dbt project. Immutable. */
export interface Project {
  /** Absolute. */
  readonly dir: string;
  /** dbt's project name. */
  readonly name: string;
  readonly modelPaths: readonly string[];
  /** Absolute. */
  readonly targetPath: string;
  readonly vars: Readonly<Record<string, unknown>>;
  readonly manifest: Manifest;
  /** unique_id → columns, from a catalog.json as new as the manifest; empty when there is none. */
  readonly catalog: ReadonlyMap<string, CatalogColumns>;
  /** The same of an older catalog.json: it tells of columns and types, and proves nothing missing. */
  readonly olderCatalog?: ReadonlyMap<string, CatalogColumns>;
  readonly settings: Settings;
  readonly annotations: readonly Annotation[];
  /** What was wrong with the shape of the annotations and of dinmo.yml. */
  readonly findings: readonly Finding[];
  /** Newest last: target/run_results.json, then those named. */
  readonly runResults: readonly RunResults[];
  /** What is known of sources: sources.json and freshness.json of the target folder, then those named. */
  readonly freshness: readonly FreshnessResults[];
  /** The environment that names credentials and settings: the process's, and with dbt 2 the `.env` behind it. */
  readonly env: Environment;
  /** Reads profiles.yml on the first call. Throws DinmoError `profile-…`. */
  profile(): Profile;
}

/** What can be known of a project without a manifest: for commands that must work before the first `dbt parse`. */
export interface ProjectLocation {
  /** Absolute. */
  readonly dir: string;
  readonly dbtProject: DbtProject;
  /** Absolute. */
  readonly targetPath: string;
  readonly vars: Readonly<Record<string, unknown>>;
  /** Reads profiles.yml on the first call. Throws DinmoError `profile-…`. */
  profile(): Profile;
}

/** Finds the project and its target folder, as dbt does. Throws DinmoError `project-not-found`, `project-unreadable`, `invalid-vars`. */
export function locateProject(options: ProjectOptions): ProjectLocation {
  const env = options.env ?? process.env;
  const cwd = resolve(options.cwd ?? process.cwd());
  const vars = parseVars(options.vars);
  const dir = findProjectDir({ projectDir: options.projectDir, env, cwd });
  const dbtProject = readDbtProject(dir, env, vars);
  return {
    dir,
    dbtProject,
    targetPath: findTargetPath(dbtProject, { targetPath: options.targetPath, env, cwd }),
    vars,
    profile: once(() => readProfileOf(dbtProject, { options, env, cwd, vars })),
  };
}

/**
 * Reads everything of a dbt project that this program uses: manifest, run results, catalog, dinmo.yml and every annotation.
 * What is wrong with what users wrote comes back as findings.
 *
 * Throws DinmoError: `project-…`, `manifest-…`, `run-results-…`, `catalog-unreadable`, `invalid-vars`.
 */
export function readProject(options: ProjectOptions = {}): Project {
  const { dir, dbtProject, targetPath, vars } = locateProject(options);
  const cwd = resolve(options.cwd ?? process.cwd());
  const artifactsPath = options.artifacts?.dir ?? targetPath;
  const manifest = readManifest(join(artifactsPath, 'manifest.json'), dbtProject.name);
  const shell = options.env ?? process.env;
  const env = isWrittenByDbt2(manifest.metadata) ? withDotenv(shell, cwd) : shell;
  const { settings, findings } = readSettings(dir);
  const annotated = readAnnotations(dbtProject, manifest, settings.paths);
  return {
    dir,
    name: dbtProject.name,
    modelPaths: dbtProject.modelPaths,
    targetPath,
    vars,
    manifest,
    ...readCatalogOf(manifest, artifactsPath),
    settings,
    annotations: annotated.annotations,
    findings: [...findings, ...annotated.findings].sort(compareFindings),
    runResults: readAllRunResults(targetPath, options, cwd),
    freshness: readAllFreshness(artifactsPath, options.sources ?? [], cwd),
    env,
    profile: once(() => readProfileOf(dbtProject, { options, env, cwd, vars })),
  };
}

/** A build after `dbt docs generate` may have given relations columns that the catalog does not know. */
function readCatalogOf(manifest: Manifest, targetPath: string): Pick<Project, 'catalog' | 'olderCatalog'> {
  const { relations, generatedAt } = readCatalog(join(targetPath, 'catalog.json'));
  const isOlder = generatedAt !== null && Date.parse(generatedAt) < Date.parse(manifest.metadata.generatedAt);
  return isOlder ? { catalog: new Map(), olderCatalog: relations } : { catalog: relations };
}

function readAllRunResults(targetPath: string, options: ProjectOptions, cwd: string): readonly RunResults[] {
  const { artifacts, runResults: named = [] } = options;
  const own = artifacts
    ? artifacts.runResults.flatMap(readElsewhere)
    : readRunResults(join(targetPath, 'run_results.json'));
  const others = named.map((path) => {
    const results = readRunResults(resolve(cwd, path));
    if (results !== null) return results;
    throw new DinmoError({
      kind: 'artifact',
      code: 'run-results-missing',
      message: `There are no run results at ${resolve(cwd, path)}.`,
      fix: 'Correct --run-results, or leave it out.',
    });
  });
  return [own ?? [], others].flat();
}

function readAllFreshness(artifactsPath: string, named: readonly string[], cwd: string): readonly FreshnessResults[] {
  const own = ['sources.json', 'freshness.json'].flatMap((name) => readFreshness(join(artifactsPath, name)) ?? []);
  const others = named.map((path) => {
    const results = readFreshness(resolve(cwd, path));
    if (results !== null) return results;
    throw new DinmoError({
      kind: 'artifact',
      code: 'freshness-missing',
      message: `There is no source freshness at ${resolve(cwd, path)}.`,
      fix: 'Correct --sources, or leave it out.',
    });
  });
  return [...own, ...others];
}

/**
 * The name of a target is that of a profile elsewhere, which says nothing here: database and schema of the manifest do. All
 * steps of one run were built from one checkout.
 */
function readElsewhere(path: string): readonly RunResults[] {
  const results = readRunResults(path);
  return results === null ? [] : [{ ...results, target: null, sameCode: true }];
}

function readProfileOf(
  project: DbtProject,
  from: {
    readonly options: ProjectOptions;
    readonly env: Environment;
    readonly cwd: string;
    readonly vars: Readonly<Record<string, unknown>>;
  },
): Profile {
  const { profilesDir, profile, target } = from.options;
  const { env, cwd, vars } = from;
  return readProfile({
    profilesDir,
    profile,
    target,
    vars,
    env,
    cwd,
    projectDir: project.dir,
    projectProfile: project.profileName,
  });
}

function parseVars(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined || text.trim() === '') return {};
  let vars: unknown;
  let cause: unknown;
  try {
    vars = parseYaml11(text);
  } catch (error) {
    cause = error;
  }
  if (isMap(vars)) return vars;
  const reason = cause === undefined ? 'it is not a map' : (messageOf(cause).split('\n')[0] ?? '');
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-vars',
    message: `--vars cannot be read: ${reason}.`,
    fix: "Write YAML, such as --vars '{dinmo_now: 2026-01-31T00:00:00Z}'.",
    cause,
  });
}

function once<Value>(read: () => Value): () => Value {
  let value: { readonly read: Value } | null = null;
  return () => {
    value ??= { read: read() };
    return value.read;
  };
}
