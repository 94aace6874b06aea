import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { parse } from 'yaml';
import { linkedFiles } from './walk.ts';

/** What the files of a dbt project define, found without dbt: what a ref or source may name. */
export interface ProjectNames {
  /** Models, seeds and snapshots of the project and of its installed packages. */
  readonly refs: ReadonlySet<string>;
  /** `source.table` */
  readonly sources: ReadonlySet<string>;
  /** Names by package; only of packages whose files are there. */
  readonly packages: ReadonlyMap<string, ReadonlySet<string>>;
  /** `model.v2` of versioned models. */
  readonly versions: ReadonlySet<string>;
}

/** The folders of a dbt project, relative to it. */
export interface ProjectPaths {
  readonly name: string | null;
  readonly models: readonly string[];
  readonly seeds: readonly string[];
  readonly snapshots: readonly string[];
  readonly packages: string;
}

/** Reads the folders from dbt_project.yml, with dbt's defaults for what it does not say (or says in Jinja). */
export function readProjectPaths(projectDir: string): ProjectPaths {
  const content = readYaml(join(projectDir, 'dbt_project.yml'));
  const list = (key: string, fallback: string): readonly string[] => {
    const value = content[key];
    const paths = Array.isArray(value) ? value.filter((path) => typeof path === 'string') : null;
    return paths === null || paths.some((path) => path.includes('{{')) ? [fallback] : paths;
  };
  const packages = content['packages-install-path'];
  return {
    name: typeof content['name'] === 'string' ? content['name'] : null,
    models: list('model-paths', 'models'),
    seeds: list('seed-paths', 'seeds'),
    snapshots: list('snapshot-paths', 'snapshots'),
    packages: typeof packages === 'string' && !packages.includes('{{') ? packages : 'dbt_packages',
  };
}

/** Reads every name that the project's files define. */
export function readProjectNames(projectDir: string): ProjectNames {
  const refs = new Set<string>();
  const sources = new Set<string>();
  const versions = new Set<string>();
  const packages = new Map<string, ReadonlySet<string>>();
  const root = readProjectPaths(projectDir);
  const folders = [projectDir, ...packageFolders(join(projectDir, root.packages))];
  for (const folder of folders) {
    const paths = folder === projectDir ? root : readProjectPaths(folder);
    const names = new Set<string>();
    collectNames(folder, paths, { names, sources, versions });
    for (const name of names) refs.add(name);
    if (paths.name !== null) packages.set(paths.name, names);
  }
  return { refs, sources, packages, versions };
}

function collectNames(
  folder: string,
  paths: ProjectPaths,
  found: { readonly names: Set<string>; readonly sources: Set<string>; readonly versions: Set<string> },
): void {
  const folders = [...paths.models, ...paths.seeds, ...paths.snapshots].map((path) => join(folder, path));
  for (const file of folders.flatMap((path) => linkedFiles(path))) {
    const extension = extname(file).toLowerCase();
    if (extension === '.yml' || extension === '.yaml') collectYaml(readYaml(file), found);
    if (['.sql', '.py', '.csv'].includes(extension)) found.names.add(basename(file, extname(file)));
    if (extension !== '.sql') continue;
    for (const [, name] of readText(file).matchAll(/\{%-?\s*snapshot\s+(\w+)/g)) if (name) found.names.add(name);
  }
}

function collectYaml(
  content: Readonly<Record<string, unknown>>,
  found: { readonly names: Set<string>; readonly sources: Set<string>; readonly versions: Set<string> },
): void {
  for (const model of records(content['models'])) {
    for (const { v } of records(model['versions'])) {
      found.names.add(String(model['name']));
      found.versions.add(`${model['name']}.v${v}`);
    }
  }
  for (const snapshot of records(content['snapshots'])) {
    if (snapshot['relation'] !== undefined) found.names.add(String(snapshot['name']));
  }
  for (const source of records(content['sources'])) {
    for (const table of records(source['tables'])) found.sources.add(`${source['name']}.${table['name']}`);
  }
}

function packageFolders(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, 'dbt_project.yml')));
}

function records(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
}

/** A file that cannot be read or parsed states nothing: it is dbt's to complain about. */
function readYaml(file: string): Readonly<Record<string, unknown>> {
  try {
    const content: unknown = parse(readText(file), { logLevel: 'silent', uniqueKeys: false });
    return typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
