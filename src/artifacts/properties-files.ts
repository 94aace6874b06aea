import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { annotatedLines } from './annotated-lines.ts';
import type { DbtProject } from './dbt-project.ts';
import { readUtf8 } from './json-file.ts';
import type { ManifestNode } from './manifest.ts';
import type { Path } from './position.ts';
import { isMap } from './shape.ts';
import { YamlFile } from './yaml-file.ts';

/** A `dinmo` block where a user wrote it in dbt's YAML. */
export interface WrittenBlock {
  readonly file: YamlFile;
  readonly path: Path;
  /** `config.meta.dinmo`, or the older `meta.dinmo`. */
  readonly place: 'config' | 'meta';
}

/** What a properties file says of one model, seed, snapshot or source table. */
export interface WrittenEntry {
  readonly section: 'models' | 'seeds' | 'snapshots' | 'sources';
  readonly name: string;
  readonly sourceName: string | null;
  readonly file: YamlFile;
  /** Maps whose meta the node takes, the strongest first, as paths: version, model; table, source. */
  readonly holders: readonly Path[];
}

const SECTIONS = ['models', 'seeds', 'snapshots', 'sources'] as const;

/** Finds annotations in the YAML files of a project and its packages. Files are read once, on first use. */
export class PropertiesFiles {
  readonly #project: DbtProject;
  readonly #files = new Map<string, YamlFile | null>();

  constructor(project: DbtProject) {
    this.#project = project;
  }

  /** Where a file of a package stands, relative to the root project. */
  fileOf(packageName: string, path: string): string {
    return packageName === this.#project.name || packageName === ''
      ? path
      : `${this.#project.packagesPath}/${packageName}/${path}`;
  }

  /** The file, as far as it mentions us, or null when it is not there or cannot be read: the manifest then speaks alone. */
  open(file: string): YamlFile | null {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    let opened: YamlFile | null = null;
    try {
      opened = new YamlFile(this.#project.dir, file, {
        uniqueKeys: false,
        part: (text) => annotatedLines(text, 'dinmo'),
      });
    } catch {
      opened = null;
    }
    this.#files.set(file, opened);
    return opened;
  }

  /** The entry that describes a node; null when its file does not have it. */
  entryOf(node: ManifestNode): WrittenEntry | null {
    if (node.patchPath === null) return null;
    const file = this.open(this.fileOf(node.packageName, node.patchPath));
    const section = SECTIONS.find((candidate) => candidate === `${node.resourceType}s`);
    if (file === null || section === undefined) return null;
    const entries = entriesIn(file, section).filter(
      (entry) => entry.name === node.name && entry.sourceName === node.sourceName,
    );
    const entry = entries.at(-1);
    if (entry === undefined || node.version === null) return entry ?? null;
    const version = versionPath(entry, node.version);
    return version === null ? entry : { ...entry, holders: [version, ...entry.holders] };
  }

  /** Every entry of the root project's YAML files in which `dinmo` occurs. */
  *entriesThatMentionUs(): Generator<WrittenEntry> {
    const { dir, modelPaths, seedPaths, snapshotPaths } = this.#project;
    const files = new Set([...modelPaths, ...seedPaths, ...snapshotPaths].flatMap((path) => yamlFilesUnder(dir, path)));
    for (const name of files) {
      if (!mentionsUs(join(dir, name))) continue;
      const file = this.open(name);
      if (file === null) continue;
      for (const section of SECTIONS) yield* entriesIn(file, section);
    }
  }
}

/** The `dinmo` blocks of a node, the effective one first: `config.meta` of the strongest holder, then its `meta`, then the next holder's. */
export function blocksOf({ file, holders }: WrittenEntry): readonly WrittenBlock[] {
  return holders.flatMap((holder) => blocksAt(file, holder));
}

/** The `dinmo` blocks of a node's columns, by column name, the effective one first. */
export function columnBlocksOf({ file, holders }: WrittenEntry): ReadonlyMap<string, readonly WrittenBlock[]> {
  const blocks = new Map<string, WrittenBlock[]>();
  for (const holder of holders) {
    const columns = file.at([...holder, 'columns']);
    if (!Array.isArray(columns)) continue;
    for (const [index, column] of columns.entries()) {
      if (!isMap(column) || typeof column['name'] !== 'string') continue;
      const found = blocksAt(file, [...holder, 'columns', index]);
      if (found.length > 0) blocks.set(column['name'], [...(blocks.get(column['name']) ?? []), ...found]);
    }
  }
  return blocks;
}

/** YAML files under a folder, relative to the project, in a stable order. Installed packages and hidden folders are left out. */
export function yamlFilesUnder(projectDir: string, folder: string): readonly string[] {
  if (!existsSync(join(projectDir, folder))) return [];
  const files: string[] = [];
  for (const entry of readdirSync(join(projectDir, folder), { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) files.push(...yamlFilesUnder(projectDir, path));
    else if (/\.ya?ml$/.test(entry.name)) files.push(path);
  }
  return files.sort();
}

function mentionsUs(path: string): boolean {
  try {
    return readUtf8(path).includes('dinmo');
  } catch {
    return false;
  }
}

function entriesIn(file: YamlFile, section: WrittenEntry['section']): readonly WrittenEntry[] {
  const entries = file.at([section]);
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry, index): readonly WrittenEntry[] => {
    if (!isMap(entry) || typeof entry['name'] !== 'string') return [];
    const path = [section, index];
    const name = entry['name'];
    if (section !== 'sources') return [{ section, name, sourceName: null, file, holders: [path] }];
    const tables = Array.isArray(entry['tables']) ? entry['tables'] : [];
    return tables.flatMap((table, tableIndex): readonly WrittenEntry[] => {
      if (!isMap(table) || typeof table['name'] !== 'string') return [];
      const holders = [[...path, 'tables', tableIndex], path];
      return [{ section, name: table['name'], sourceName: name, file, holders }];
    });
  });
}

function versionPath(entry: WrittenEntry, version: string): Path | null {
  const [model] = entry.holders;
  const versions = model === undefined ? null : entry.file.at([...model, 'versions']);
  if (model === undefined || !Array.isArray(versions)) return null;
  const index = versions.findIndex((candidate) => isMap(candidate) && versionText(candidate['v']) === version);
  return index < 0 ? null : [...model, 'versions', index];
}

function versionText(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function blocksAt(file: YamlFile, holder: Path): readonly WrittenBlock[] {
  const places = [
    { path: [...holder, 'config', 'meta', 'dinmo'], place: 'config' },
    { path: [...holder, 'meta', 'dinmo'], place: 'meta' },
  ] as const;
  return places.filter(({ path }) => file.at(path) !== undefined).map((found) => ({ file, ...found }));
}
