import type { ManifestNode } from '../artifacts/manifest.ts';
import type { SourceLocation } from '../errors.ts';
import type { Finding } from '../finding.ts';
import { type FindingDoc, findingOf } from '../knowledge/finding-doc.ts';
import {
  DELTA_STORAGE_MODEL,
  entityModelName,
  STATS_MODELS,
  SYNC_REJECTIONS_MODEL,
  SYNC_ROW_HISTORY_MODEL,
  SYNC_RUNS_MODEL,
  segmentModelName,
  unmatchedModelName,
} from '../models/names.ts';
import type { Check, CheckContext } from './check.ts';

const TAKEN: FindingDoc = {
  code: 'generated-name-taken',
  severity: 'error',
  title: 'A model of yours has the name of one that is generated',
  why: 'dbt allows one model of a name: with both files it could not parse the project.',
  fix: 'Rename the model, or the entity or segment from which the generated one has its name.',
  bad: 'models/marts/segment_vip.sql, and a segment `vip`',
  good: 'models/marts/vip_members.sql, and a segment `vip`',
};

/** Names that `generate` writes, and where the user can change them. */
function namesOf(context: CheckContext): ReadonlyMap<string, SourceLocation | null> {
  const { entities, segments } = context.store;
  const names = new Map<string, SourceLocation | null>();
  for (const name of [...STATS_MODELS, DELTA_STORAGE_MODEL, SYNC_RUNS_MODEL, SYNC_REJECTIONS_MODEL])
    names.set(name, null);
  if (context.project.settings.history === 'rows') names.set(SYNC_ROW_HISTORY_MODEL, null);
  for (const entity of entities.values()) names.set(entityModelName(entity.name), entity.origin.locate(['name']));
  for (const segment of segments.values()) {
    const place = segment.origin.locate(segment.at);
    names.set(segmentModelName(segment.name), place);
    if (segment.definition.kind === 'sql') names.set(unmatchedModelName(segment.name), place);
  }
  return names;
}

function isOurs(context: CheckContext, node: ManifestNode): boolean {
  const { settings, modelPaths } = context.project;
  const folder = settings.modelsPath ?? `${modelPaths[0] ?? 'models'}/dinmo`;
  return node.originalFilePath.startsWith(`${folder.replace(/^\.\//, '').replace(/\/+$/, '')}/`);
}

export const generatedNames: Check = {
  name: 'generated-names',
  docs: [TAKEN],
  run: (context) => {
    const names = namesOf(context);
    const { nodes, metadata } = context.project.manifest;
    return [...nodes.values()].flatMap((node): readonly Finding[] => {
      if (node.resourceType === 'source' || node.packageName !== metadata.projectName) return [];
      const location = names.get(node.name);
      if (location === undefined || isOurs(context, node)) return [];
      const message = `The ${node.resourceType} \`${node.name}\` (${node.originalFilePath}) has the name of a model that \`dinmo generate\` writes.`;
      const own = { file: node.originalFilePath, line: 1, column: 1 };
      return [findingOf(TAKEN, { message, location: location ?? own, node: node.uniqueId })];
    });
  },
};
