import { isDeepStrictEqual } from 'node:util';
import type { Finding } from '../finding.ts';
import type { Manifest, ManifestNode } from './manifest.ts';
import type { Path } from './position.ts';
import type { PropertiesFiles, WrittenBlock } from './properties-files.ts';
import { compareReadings, type ReadingDifference } from './reading-difference.ts';
import { isMap } from './shape.ts';
import { type BlockOrigin, originAt } from './yaml-file.ts';

/** One annotation of the manifest, matched with the place where it was written. */
export interface PlacedAnnotation {
  /** As dbt read it, with integers beyond 2^53 exact where the file has them. */
  readonly value: unknown;
  readonly origin: BlockOrigin;
  readonly findings: readonly Finding[];
  /** Paths whose reading is in doubt: nothing more is said of what lies under them. */
  readonly doubtful: readonly Path[];
}

/** Finds where the annotations of manifest nodes were written, and compares what dbt read with what the file says. */
export class AnnotationPlaces {
  readonly #manifest: Manifest;
  readonly #files: PropertiesFiles;

  constructor(manifest: Manifest, files: PropertiesFiles) {
    this.#manifest = manifest;
    this.#files = files;
  }

  /** `blocks`: where the file states it, the effective one first; empty when no YAML does. */
  place(node: ManifestNode, value: unknown, blocks: readonly WrittenBlock[]): PlacedAnnotation {
    const [block] = blocks;
    if (block === undefined) return { value, origin: this.#elsewhere(node), findings: [], doubtful: [] };
    const origin = block.file.origin(block.path);
    const readings = { manifest: value, yaml12: block.file.at(block.path) };
    const differences = isSameReading(readings)
      ? []
      : compareReadings({ ...readings, yaml11: block.file.atInYaml11(block.path) });
    const sql = differences.length > 0 ? this.#inSql(node) : null;
    if (sql !== null) return { value, origin: sql, findings: [], doubtful: [] };
    return {
      value: withExactIntegers(value, readings.yaml12),
      origin,
      findings: [
        ...oldPlaceFindings(blocks, node),
        ...this.#replacedFindings(node, origin, readings.yaml12),
        ...this.#differenceFindings(differences, block, node),
      ],
      doubtful: differences.map((difference) => difference.path),
    };
  }

  /** Whether a file was changed after the manifest was written. */
  isNewer(changedAt: number): boolean {
    return changedAt > Date.parse(this.#manifest.metadata.generatedAt.replace(/(\.\d{3})\d+/, '$1'));
  }

  #differenceFindings(
    differences: readonly ReadingDifference[],
    block: WrittenBlock,
    node: ManifestNode,
  ): readonly Finding[] {
    const findings: Finding[] = [];
    const origin = block.file.origin(block.path);
    for (const difference of differences) {
      const isKey = difference.path.at(-1) !== difference.filePath.at(-1) && difference.kind === 'yaml-1-1';
      const source = isKey
        ? String(difference.filePath.at(-1))
        : block.file.plainTextAt([...block.path, ...difference.filePath]);
      const isTrap =
        difference.kind === 'yaml-1-1' || (difference.kind === 'type' && !this.isNewer(block.file.changedAt));
      if (isTrap && source !== null) {
        const location = isKey ? origin.locateKey(difference.filePath) : origin.locate(difference.filePath);
        findings.push(yaml11Finding({ source, isKey, read: difference.read, location, node: node.uniqueId }));
      } else if (!findings.some((finding) => finding.code === 'stale-manifest')) {
        findings.push(staleFinding(origin.locate(difference.filePath), node));
      }
    }
    return findings;
  }

  /** dbt merges `meta` one level deep only: our block of a folder is gone where a model has its own. */
  #replacedFindings(node: ManifestNode, origin: BlockOrigin, own: unknown): readonly Finding[] {
    const folder = isMap(own) && 'entity' in own ? this.#inProjectFile(node) : null;
    if (folder === null) return [];
    return [
      {
        code: 'annotation-replaced',
        severity: 'warning',
        message: `The annotation of ${node.name} takes the whole place of the one in dbt_project.yml: dbt does not merge them.`,
        fix: 'State all of it here, and remove the other or move it to the folders that need it.',
        location: origin.locateKey([]),
        node: node.uniqueId,
      },
    ];
  }

  /** An annotation that no properties file states: in the SQL, in dbt_project.yml, or in a file that is not here. */
  #elsewhere(node: ManifestNode): BlockOrigin {
    const sql = this.#inSql(node) ?? this.#inProjectFile(node);
    if (sql !== null) return sql;
    const path = node.patchPath ?? node.originalFilePath;
    return originAt({ file: this.#files.fileOf(node.packageName, path), line: 1, column: 1 });
  }

  #inSql(node: ManifestNode): BlockOrigin | null {
    const call = /\bconfig\s*\(/.exec(node.rawCode);
    if (call === null || !node.rawCode.slice(call.index).includes('dinmo')) return null;
    const before = node.rawCode.slice(0, call.index).split('\n');
    const file = this.#files.fileOf(node.packageName, node.originalFilePath);
    return originAt({ file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 });
  }

  /** The deepest `+meta` of dbt_project.yml on the way to the node. */
  #inProjectFile(node: ManifestNode): BlockOrigin | null {
    const file = this.#files.open('dbt_project.yml');
    if (file === null) return null;
    const folders = node.originalFilePath.split('/').slice(1, -1);
    const names = node.sourceName === null ? [node.name] : [node.sourceName, node.name];
    let holder: Path = [`${node.resourceType}s`];
    let found: Path | null = null;
    for (const step of [null, node.packageName, ...folders, ...names]) {
      const next: Path = step === null ? holder : [...holder, step];
      if (!isMap(file.at(next))) continue;
      holder = next;
      const meta = ['+meta', 'meta'].map((key) => [...next, key, 'dinmo']).find((path) => file.at(path) !== undefined);
      found = meta ?? found;
    }
    return found === null ? null : file.origin(found);
  }
}

/** A finding that the manifest does not have what the file says. */
export function staleFinding(location: Finding['location'], node: ManifestNode | null): Finding {
  const what = node === null ? 'this annotation' : `the annotation of ${node.name}`;
  return {
    code: 'stale-manifest',
    severity: 'error',
    message: `The manifest does not have ${what} as the file states it: the file was changed since.`,
    fix: 'Run `dbt parse`.',
    location,
    ...(node === null ? {} : { node: node.uniqueId }),
  };
}

function yaml11Finding(trap: {
  readonly source: string;
  readonly isKey: boolean;
  readonly read: unknown;
  readonly location: Finding['location'];
  readonly node: string;
}): Finding {
  const what = trap.isKey ? 'The key' : 'The value';
  const read =
    typeof trap.read === 'string' && !trap.isKey ? `the text "${trap.read.slice(0, 60)}"` : `\`${trap.read}\``;
  return {
    code: 'yaml-1-1-value',
    severity: 'error',
    message: `${what} \`${trap.source.slice(0, 60)}\` is unquoted, and dbt reads it as ${read}.`,
    fix: `Quote it: \`"${trap.source.slice(0, 60)}"\`.`,
    location: trap.location,
    node: trap.node,
  };
}

function oldPlaceFindings(blocks: readonly WrittenBlock[], node: ManifestNode): readonly Finding[] {
  const [effective, next] = blocks;
  if (effective === undefined) return [];
  if (effective.place === 'meta') {
    return [
      {
        code: 'annotation-in-old-place',
        severity: 'warning',
        message: `The annotation of ${node.name} stands under \`meta:\`, which dbt 2 drops.`,
        fix: 'Move it under `config: {meta: …}`.',
        location: effective.file.origin(effective.path).locateKey([]),
        node: node.uniqueId,
      },
    ];
  }
  const isPair = next?.place === 'meta' && isDeepStrictEqual(next.path.slice(0, -2), effective.path.slice(0, -3));
  if (!isPair || isDeepStrictEqual(next.file.at(next.path), effective.file.at(effective.path))) return [];
  return [
    {
      code: 'stated-twice',
      severity: 'error',
      message: `${node.name} is annotated under \`config.meta\` and, differently, under \`meta\`.`,
      fix: 'Keep the one under `config: {meta: …}`.',
      location: next.file.origin(next.path).locateKey([]),
      node: node.uniqueId,
    },
  ];
}

function isSameReading({ manifest, yaml12 }: { readonly manifest: unknown; readonly yaml12: unknown }): boolean {
  return isDeepStrictEqual(manifest, yaml12);
}

/** JSON.parse rounds integers beyond 2^53; the file has all their digits. */
function withExactIntegers(manifest: unknown, yaml12: unknown): unknown {
  if (typeof yaml12 === 'bigint' && typeof manifest === 'number')
    return Number(yaml12) === manifest ? yaml12 : manifest;
  if (Array.isArray(manifest) && Array.isArray(yaml12)) {
    return manifest.map((item, index) => withExactIntegers(item, yaml12[index]));
  }
  if (!isMap(manifest) || !isMap(yaml12)) return manifest;
  return Object.fromEntries(
    Object.entries(manifest).map(([key, inner]) => [key, withExactIntegers(inner, yaml12[key])]),
  );
}
