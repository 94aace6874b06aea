import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { nearest } from '../finding.ts';
import { type AnnotationCollector, NODE_KEYS } from './annotation-collector.ts';
import { NAME } from './block-reader.ts';
import type { DbtProject } from './dbt-project.ts';
import type { Manifest, ManifestNode } from './manifest.ts';
import type { Path } from './position.ts';
import { yamlFilesUnder } from './properties-files.ts';
import { openOwnFile } from './settings.ts';
import { describe, isMap, shortened } from './shape.ts';
import type { YamlFile } from './yaml-file.ts';

/** Keys of a file of `dinmo/`. */
export const FILE_KEYS: readonly string[] = ['segments', 'models'];

interface FileReading {
  readonly project: DbtProject;
  readonly manifest: Manifest;
  readonly paths: readonly string[];
  readonly collector: AnnotationCollector;
}

/** Reads the files of `paths` (default: the folder dinmo/): segments, and annotations of models that cannot be edited. */
export function readAnnotationFiles({ project, manifest, paths, collector }: FileReading): void {
  const names = new ModelNames(manifest);
  for (const name of new Set(paths.flatMap((path) => filesAt(project.dir, path)))) {
    const { file, findings } = openOwnFile(project.dir, name);
    collector.findings.push(...findings);
    if (file === null || file.value === null || file.value === undefined) continue;
    const reading = new FileContent(file, collector);
    for (const [segment, value, path] of reading.entries('segments')) {
      if (reading.checkName(segment, path)) collector.addSegment(segment, value, file.origin(path));
    }
    for (const [model, value, path] of reading.entries('models')) {
      const node = names.find(model);
      if (node === null) collector.findings.push(names.finding(model, file.origin(path).locateKey([])));
      else reading.addModel(node, value, path);
    }
  }
}

function filesAt(projectDir: string, path: string): readonly string[] {
  return /\.ya?ml$/.test(path) && existsSync(join(projectDir, path)) ? [path] : yamlFilesUnder(projectDir, path);
}

class FileContent {
  readonly #file: YamlFile;
  readonly #collector: AnnotationCollector;

  constructor(file: YamlFile, collector: AnnotationCollector) {
    this.#file = file;
    this.#collector = collector;
    if (!isMap(file.value)) {
      this.#report(
        'wrong-type',
        [],
        `This file is a map, not ${describe(file.value)}.`,
        'Begin with `segments:` or `models:`.',
      );
      return;
    }
    for (const key of Object.keys(file.value)) {
      if (FILE_KEYS.includes(key)) continue;
      const near = nearest(key, FILE_KEYS);
      const fix = near === null ? `Use one of ${FILE_KEYS.join(', ')}.` : `Did you mean \`${near}\`?`;
      this.#report('unknown-key', [key], `Unknown key \`${shortened(key)}\`.`, fix);
    }
    this.#reportJinja(file.value, []);
  }

  entries(key: string): readonly (readonly [name: string, value: unknown, path: Path])[] {
    const value = this.#file.at([key]);
    if (value === undefined || value === null) return [];
    if (isMap(value)) return Object.entries(value).map(([name, inner]) => [name, inner, [key, name]]);
    this.#report('wrong-type', [key], `\`${key}\` is a map, not ${describe(value)}.`, 'Write a map of names.');
    return [];
  }

  checkName(name: string, path: Path): boolean {
    if (NAME.test(name)) return true;
    const fix = 'Names begin with a lower-case letter and have up to 40 lower-case letters, digits and underscores.';
    this.#report('invalid-key', path, `\`${shortened(name)}\` is not a valid name.`, fix);
    return false;
  }

  addModel(node: ManifestNode, value: unknown, path: Path): void {
    const placed = { value, origin: this.#file.origin(path), findings: [], doubtful: [] };
    this.#collector.addNode(node, placed, [...NODE_KEYS, 'columns']);
    const columns = isMap(value) ? value['columns'] : undefined;
    if (columns === undefined) return;
    if (!isMap(columns)) {
      const message = `\`columns\` is a map of columns, not ${describe(columns)}.`;
      this.#report('wrong-type', [...path, 'columns'], message, 'Write `columns: {email: {identifier: email}}`.');
      return;
    }
    for (const [column, block] of Object.entries(columns)) {
      const origin = this.#file.origin([...path, 'columns', column]);
      this.#collector.addColumn({ node, column }, { value: block, origin, findings: [], doubtful: [] });
    }
  }

  /** dbt does not read these files. Other things in braces may be meant for a platform. */
  #reportJinja(value: unknown, path: Path): void {
    if (typeof value === 'string' && /\{\{-?\s*(?:env_var|var)\s*\(/.test(value)) {
      const message = `\`${shortened(value)}\` is not rendered here, and would be taken as it is.`;
      const fix = 'Write the value; or state the block under `config.meta.dinmo` of the model, where dbt renders it.';
      this.#report('invalid-value', path, message, fix);
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) this.#reportJinja(item, [...path, index]);
    } else if (isMap(value)) {
      for (const [key, item] of Object.entries(value)) this.#reportJinja(item, [...path, key]);
    }
  }

  #report(code: string, path: Path, message: string, fix: string): void {
    const atKey = code === 'unknown-key' || code === 'invalid-key';
    const location = atKey ? this.#file.locateKey(path) : this.#file.locate(path);
    this.#collector.findings.push({ code, severity: 'error', message, fix, location });
  }
}

/** What models, seeds, snapshots and sources are called in our files: `customers`, `crm.leads`, `package.customers`. */
class ModelNames {
  readonly #names = new Map<string, ManifestNode[]>();
  readonly #fullNames = new Map<string, ManifestNode>();
  readonly #manifest: Manifest;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    for (const node of manifest.nodes.values()) {
      if (node.version !== null && node.version !== node.latestVersion) continue;
      const name = node.sourceName === null ? node.name : `${node.sourceName}.${node.name}`;
      this.#names.set(name, [...(this.#names.get(name) ?? []), node]);
      this.#fullNames.set(`${node.packageName}.${name}`, node);
    }
  }

  /** The root project's own where several packages have one of this name; null when there is none or it can't be told. */
  find(name: string): ManifestNode | null {
    const nodes = this.#names.get(name) ?? [];
    const own = nodes.find((node) => node.packageName === this.#manifest.metadata.projectName);
    if (own !== undefined || nodes.length > 1) return own ?? null;
    return nodes[0] ?? this.#fullNames.get(name) ?? null;
  }

  finding(name: string, location: ReturnType<YamlFile['locate']>): AnnotationCollector['findings'][number] {
    const count = this.#names.get(name)?.length ?? 0;
    const near = nearest(name, this.#names.keys());
    const fix =
      near === null ? 'Write the name of a model, seed or snapshot, or `source.table`.' : `Did you mean \`${near}\`?`;
    const message = `The dbt project has no model, seed, snapshot or source called \`${shortened(name)}\`.`;
    return count > 1
      ? {
          code: 'ambiguous-model',
          severity: 'error',
          message: `${count} packages have something called \`${shortened(name)}\`.`,
          fix: `Write \`package.${name}\`.`,
          location,
        }
      : { code: 'unknown-model', severity: 'error', message, fix, location };
  }
}
