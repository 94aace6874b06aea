import type { DbtProject } from '../artifacts/dbt-project.ts';
import type { GeneratedFile } from './header.ts';
import { type ProjectNames, readProjectNames } from './project-names.ts';
import { readProperties, renderProperties } from './properties-yaml.ts';
import { generatedFiles, removeGenerated, rewriteGenerated } from './write.ts';

/** What `prune` did. Paths are relative to the project, forward slashes, sorted. */
export interface PruneReport {
  readonly removed: readonly { readonly path: string; readonly missing: string }[];
  /** Properties files that lost the entries of removed models. */
  readonly rewritten: readonly string[];
}

/**
 * Removes the generated models whose refs and sources the project no longer has, and what refers to those in turn, so
 * that `dbt parse` works again after a model was renamed or deleted. Needs no manifest: it reads the project's files.
 * `root` is the folder of the generated models, where it is not under a model path.
 * Throws DinmoError `project-unreadable` when dbt_project.yml cannot be read.
 */
export function prune(project: DbtProject, root?: string): PruneReport {
  const { dir: projectDir, modelPaths } = project;
  const files = generatedFiles(projectDir, root === undefined ? modelPaths : [...modelPaths, root]);
  const names = readProjectNames(project);
  const removed = brokenModels(
    files.filter(({ path }) => path.endsWith('.sql')),
    names,
  );
  for (const { path } of removed) removeGenerated(projectDir, path);
  const gone = new Set(removed.map(({ path }) => modelName(path)));
  const left: Left = { names, gone };
  const rewritten: string[] = [];
  for (const file of files.filter(({ path }) => path.endsWith('.yml'))) {
    const content = withoutBroken(file, left);
    if (content === file.content) continue;
    if (content === null) removeGenerated(projectDir, file.path);
    else rewriteGenerated(projectDir, { path: file.path, content });
    if (content === null) removed.push({ path: file.path, missing: 'what it describes' });
    else rewritten.push(file.path);
  }
  return { removed: removed.sort((a, b) => (a.path < b.path ? -1 : 1)), rewritten: rewritten.sort() };
}

/** What the project still has. */
interface Left {
  readonly names: ProjectNames;
  readonly gone: ReadonlySet<string>;
}

/** A removed model may be what another one reads, so the search goes on until nothing more breaks. */
function brokenModels(
  files: readonly GeneratedFile[],
  names: ProjectNames,
): { readonly path: string; readonly missing: string }[] {
  const broken = new Map<string, string>();
  for (let before = -1; before !== broken.size; ) {
    before = broken.size;
    const gone = new Set([...broken.keys()].map(modelName));
    for (const file of files) {
      if (broken.has(file.path)) continue;
      const missing = references(file.content).find((reference) => !exists(reference, { names, gone }));
      if (missing !== undefined) broken.set(file.path, missing.text);
    }
  }
  return [...broken].map(([path, missing]) => ({ path, missing }));
}

interface Reference {
  readonly text: string;
  readonly kind: 'ref' | 'source';
  readonly first: string;
  readonly second: string | null;
  readonly version: string | null;
}

/** The refs and sources of a generated file, which writes them in one form only; text inside SQL literals is none of them. */
function references(content: string): readonly Reference[] {
  const call =
    /(?:\{\{ |\{%- set \w+ = |^)(ref|source)\((['"])([^'"]+)\2(?:, ?(['"])([^'"]+)\4)?(?:, ?v(?:ersion)?=['"]?([\w.]+)['"]?)?\)/g;
  return [...content.matchAll(call)].map(([text, kind, , first = '', , second, version]) => ({
    text: text.slice(text.lastIndexOf(`${kind}(`)),
    kind: kind === 'source' ? 'source' : 'ref',
    first,
    second: second ?? null,
    version: version ?? null,
  }));
}

function exists({ kind, first, second, version }: Reference, { names, gone }: Left): boolean {
  if (kind === 'source') return names.sources.has(`${first}.${second}`);
  const name = second ?? first;
  if (second === null && gone.has(name)) return false;
  if (version !== null && names.refs.has(name) && !names.versions.has(`${name}.v${version}`)) return false;
  if (second === null) return names.refs.has(name);
  // A package whose files are not here cannot be judged.
  return names.packages.get(first)?.has(name) ?? true;
}

/** The properties file without the models that are gone and the exposures of something that is; null when nothing is left. */
function withoutBroken(file: GeneratedFile, left: Left): string | null {
  const { models = [], exposures = [] } = readProperties(file.content);
  const keptModels = models.filter(({ name }) => left.names.refs.has(name) && !left.gone.has(name));
  const keptExposures = exposures.filter(({ depends_on }) =>
    depends_on.every((text) => references(text).every((reference) => exists(reference, left))),
  );
  if (keptModels.length === models.length && keptExposures.length === exposures.length) return file.content;
  if (keptModels.length === 0 && keptExposures.length === 0) return null;
  const content = {
    ...(keptModels.length > 0 ? { models: keptModels } : {}),
    ...(keptExposures.length > 0 ? { exposures: keptExposures } : {}),
  };
  const about = file.content.split('\n')[1]?.replace(/^# /, '') ?? '';
  return renderProperties(file.path, [about], content);
}

function modelName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.sql$/, '');
}
