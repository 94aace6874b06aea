import type { ManifestNode } from '../artifacts/manifest.ts';
import type { BuildContext } from './entity-draft.ts';
import type { LearnedColumn } from './node-columns.ts';
import type { Provenance } from './store.ts';

const RECORDED: Provenance = { source: 'generated', detail: 'data_type in the generated properties' };
const DESCRIBED: Provenance = { source: 'warehouse', detail: 'the type that the warehouse gives' };

/** What an earlier `generate` recorded about the columns of an entity's view. */
export function recordedColumns({ project }: BuildContext, entity: string): readonly LearnedColumn[] {
  const { manifest } = project;
  const recorded = manifest.nodes.get(`model.${manifest.metadata.projectName}.entity_${entity}`);
  return [...(recorded?.columns.values() ?? [])].map(({ name, dataType }) => ({ name, dataType, from: RECORDED }));
}

/** What the warehouse has now, where it was asked. */
export function describedColumns({ described }: BuildContext, node: ManifestNode): readonly LearnedColumn[] {
  return [...(described.get(node.uniqueId) ?? [])].map(([name, dataType]) => ({ name, dataType, from: DESCRIBED }));
}

/**
 * What counts first. The warehouse's word of now; but where the project has several adapters a type once recorded is
 * kept, whichever target generates.
 */
export function inOrderOfTrust(
  { project }: BuildContext,
  described: readonly LearnedColumn[],
  recorded: readonly LearnedColumn[],
): readonly LearnedColumn[] {
  const others = (project.settings.adapters ?? []).filter((one) => one !== project.manifest.metadata.adapterType);
  return others.length > 0 ? [...recorded, ...described] : [...described, ...recorded];
}
