import type { Manifest } from '../artifacts/manifest.ts';
import type { Finding } from '../finding.ts';
import { type GeneratedFile, isGenerated } from './header.ts';
import { readProperties } from './properties-yaml.ts';

/** Names that generated files want and the project's own files have already: dbt allows a name once. */
export function nameFindings(files: readonly GeneratedFile[], manifest: Manifest): readonly Finding[] {
  const wanted = files.flatMap((file) => namesIn(file).map((name) => ({ name, file })));
  const taken = takenNames(manifest, new Set(wanted.map(({ name }) => name)));
  return wanted.flatMap(({ name, file }) => {
    const other = taken.get(name);
    if (other === undefined || other === file.path) return [];
    const finding: Finding = {
      code: 'generated-name-taken',
      severity: 'error',
      message: `The ${name} that dinmo generates has the name of one that ${other} defines.`,
      fix: `Rename the one in ${other}, or the entity, segment or activation.`,
      location: { file: other, line: 1, column: 1 },
    };
    return [finding];
  });
}

function namesIn(file: GeneratedFile): readonly string[] {
  if (file.path.endsWith('.sql')) return [`model ${file.path.slice(file.path.lastIndexOf('/') + 1, -'.sql'.length)}`];
  return (readProperties(file.content).exposures ?? []).map(({ name }) => `exposure ${name}`);
}

/**
 * Which of these names, `model x` and `exposure y`, the project's own files have, and which file. Models, seeds and snapshots
 * share one namespace in dbt.
 */
function takenNames(manifest: Manifest, names: ReadonlySet<string>): ReadonlyMap<string, string> {
  const { projectName } = manifest.metadata;
  const taken = new Map<string, string>();
  for (const node of manifest.nodes.values()) {
    if (node.resourceType === 'source' || node.packageName !== projectName) continue;
    if (!names.has(`model ${node.name}`) || isGenerated(node.originalFilePath, node.rawCode)) continue;
    taken.set(`model ${node.name}`, node.originalFilePath);
  }
  for (const { uniqueId, name, originalFilePath } of manifest.exposures) {
    const isOwn = uniqueId.startsWith(`exposure.${projectName}.`);
    // Exposures keep no text in the manifest: the tool's own stand in a file of this name.
    if (isOwn && !originalFilePath.endsWith('/_activations.yml')) taken.set(`exposure ${name}`, originalFilePath);
  }
  return taken;
}
