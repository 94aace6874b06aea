import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { parse } from 'yaml';
import { type DbtProject, readDbtProject } from '../artifacts/dbt-project.ts';
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

/** Reads every name that the files of a project and of its installed packages define. */
export function readProjectNames(project: DbtProject): ProjectNames {
  const refs = new Set<string>();
  const sources = new Set<string>();
  const versions = new Set<string>();
  const packages = new Map<string, ReadonlySet<string>>();
  for (const part of [project, ...installedPackages(join(project.dir, project.packagesPath))]) {
    const names = new Set<string>();
    collectNames(part, { names, sources, versions });
    for (const name of names) refs.add(name);
    packages.set(part.name, names);
  }
  return { refs, sources, packages, versions };
}

interface Found {
  readonly names: Set<string>;
  readonly sources: Set<string>;
  readonly versions: Set<string>;
}

function collectNames(project: DbtProject, found: Found): void {
  const paths = [...project.modelPaths, ...project.seedPaths, ...project.snapshotPaths];
  for (const file of paths.flatMap((path) => linkedFiles(join(project.dir, path)))) {
    const extension = extname(file).toLowerCase();
    if (extension === '.yml' || extension === '.yaml') collectYaml(readYaml(file), found);
    if (['.sql', '.py', '.csv'].includes(extension)) found.names.add(basename(file, extname(file)));
    if (extension !== '.sql') continue;
    for (const [, name] of readText(file).matchAll(/\{%-?\s*snapshot\s+(\w+)/g)) if (name) found.names.add(name);
  }
}

function collectYaml(content: Readonly<Record<string, unknown>>, found: Found): void {
  for (const model of records(content['models'])) {
    for (const { v } of records(model['versions'])) {
      found.names.add(textOf(model['name']));
      found.versions.add(`${textOf(model['name'])}.v${textOf(v)}`);
    }
  }
  for (const snapshot of records(content['snapshots'])) {
    if (snapshot['relation'] !== undefined) found.names.add(textOf(snapshot['name']));
  }
  for (const source of records(content['sources'])) {
    for (const table of records(source['tables'])) {
      found.sources.add(`${textOf(source['name'])}.${textOf(table['name'])}`);
    }
  }
}

/** A name or a version; nothing that is called otherwise can be meant by a reference. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** A package that cannot be read is one that cannot be judged. */
function installedPackages(folder: string): readonly DbtProject[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readDbtProject(join(folder, name), {}, {})];
    } catch {
      return [];
    }
  });
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
