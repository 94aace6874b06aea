import type { Finding } from '../finding.ts';
import { nearest } from '../finding.ts';
import type { Annotation } from './annotation.ts';
import { AnnotationCollector } from './annotation-collector.ts';
import { readAnnotationFiles } from './annotation-files.ts';
import type { DbtProject } from './dbt-project.ts';
import { isWrittenByDbt2, type Manifest, type ManifestNode } from './manifest.ts';
import { blocksOf, columnBlocksOf, PropertiesFiles, type WrittenBlock, type WrittenEntry } from './properties-files.ts';
import { AnnotationPlaces, staleFinding } from './written-place.ts';

/**
 * Reads every annotation of a project, from dbt's `meta` and from the files of `paths` (folders relative to the project),
 * each checked for its shape and placed in the file that states it. What is wrong comes back as findings.
 */
export function readAnnotations(
  project: DbtProject,
  manifest: Manifest,
  paths: readonly string[],
): { readonly annotations: readonly Annotation[]; readonly findings: readonly Finding[] } {
  const files = new PropertiesFiles(project);
  const collector = new AnnotationCollector();
  readMeta(manifest, { places: new AnnotationPlaces(manifest, files), files, collector });
  reportUnseen(manifest, files, collector);
  readAnnotationFiles({ project, manifest, paths, collector });
  return { annotations: collector.annotations, findings: collector.findings };
}

interface Sources {
  readonly places: AnnotationPlaces;
  readonly files: PropertiesFiles;
  readonly collector: AnnotationCollector;
}

function readMeta(manifest: Manifest, { places, files, collector }: Sources): void {
  // dbt's own order changes with its version and with partial parsing.
  const nodes = [...manifest.nodes.values()].sort((a, b) => (a.uniqueId < b.uniqueId ? -1 : 1));
  for (const node of nodes) {
    if (!isLatest(node) || (!isAnnotated(node.annotation) && node.hasAnnotatedColumns === false)) continue;
    const columns = [...node.columns.values()].filter((column) => isAnnotated(column.annotation));
    if (!isAnnotated(node.annotation) && columns.length === 0) continue;
    const entry = files.entryOf(node);
    if (isAnnotated(node.annotation)) {
      collector.addNode(node, places.place(node, node.annotation, entry === null ? [] : blocksOf(entry)));
    }
    const blocks = entry === null ? new Map<string, readonly WrittenBlock[]>() : columnBlocksOf(entry);
    for (const column of columns) {
      const placed = places.place(node, column.annotation, blocks.get(column.name) ?? []);
      collector.addColumn({ node, column: column.name }, placed);
    }
  }
}

/** Blocks that a properties file states and the manifest does not have. dbt 2 drops those at the old place without a word in the manifest. */
function reportUnseen(manifest: Manifest, files: PropertiesFiles, collector: AnnotationCollector): void {
  const nodes = nodesByEntry(manifest);
  for (const entry of files.entriesThatMentionUs()) {
    const key = entryKey(entry.section, entry.sourceName, entry.name);
    const node = nodes.get(key);
    if (node === undefined) {
      if (!isDisabled(entry, manifest) && blocksOf(entry).length > 0)
        reportUnknown(entry, [...nodes.keys()], collector);
      continue;
    }
    const current = files.entryOf(node) ?? entry;
    const unseen: WrittenBlock[] = [];
    const [block] = blocksOf(current);
    if (block !== undefined && node.annotation === undefined) unseen.push(block);
    for (const [column, [first]] of columnBlocksOf(current)) {
      if (first !== undefined && node.columns.get(column)?.annotation === undefined) unseen.push(first);
    }
    for (const missing of unseen) collector.findings.push(unseenFinding(missing, node, manifest));
  }
}

function unseenFinding(block: WrittenBlock, node: ManifestNode, manifest: Manifest): Finding {
  const location = block.file.origin(block.path).locateKey([]);
  if (block.place === 'config' || !isWrittenByDbt2(manifest.metadata)) return staleFinding(location, node);
  return {
    code: 'annotation-dropped',
    severity: 'error',
    message: `dbt ${manifest.metadata.dbtVersion} drops the annotation of ${node.name}, since it stands under \`meta:\`.`,
    fix: 'Move it under `config: {meta: …}` and run `dbt parse`.',
    location,
    node: node.uniqueId,
  };
}

function reportUnknown(entry: WrittenEntry, keys: readonly string[], collector: AnnotationCollector): void {
  const [block] = blocksOf(entry);
  if (block === undefined) return;
  const near = nearest(entryKey(entry.section, entry.sourceName, entry.name), keys)
    ?.split('/')
    .at(-1);
  const hint = near === undefined ? '' : ` Is \`${near}\` meant?`;
  collector.findings.push({
    ...staleFinding(block.file.origin(block.path).locateKey([]), null),
    message: `The manifest has nothing called \`${entry.name}\` under ${entry.section}, which is annotated here.${hint}`,
    fix: 'Run `dbt parse`; if that does not help, correct the name.',
  });
}

function nodesByEntry(manifest: Manifest): ReadonlyMap<string, ManifestNode> {
  const nodes = new Map<string, ManifestNode>();
  for (const node of manifest.nodes.values()) {
    if (isLatest(node)) nodes.set(entryKey(`${node.resourceType}s`, node.sourceName, node.name), node);
  }
  return nodes;
}

function entryKey(section: string, sourceName: string | null, name: string): string {
  return sourceName === null ? `${section}/${name}` : `${section}/${sourceName}.${name}`;
}

function isDisabled(entry: WrittenEntry, manifest: Manifest): boolean {
  const type = entry.section.slice(0, -1);
  const name = entry.sourceName === null ? entry.name : `${entry.sourceName}.${entry.name}`;
  return [...manifest.disabled].some((id) => id.startsWith(`${type}.`) && `${id}.`.includes(`.${name}.`));
}

/** `dinmo:` without a value annotates nothing. */
function isAnnotated(annotation: unknown): boolean {
  return annotation !== undefined && annotation !== null;
}

function isLatest(node: ManifestNode): boolean {
  return node.version === null || node.latestVersion === null || node.version === node.latestVersion;
}
