import { createHash } from 'node:crypto';
import type { Manifest, ManifestNode } from '../artifacts/manifest.ts';

/** The model whose place (database and schema, on every target) is where snapshots and the ledger live. */
export const DELTA_STORAGE_MODEL = 'dinmo_delta_storage';
/** The models over the ledger. */
export const SYNC_RUNS_MODEL = 'sync_runs';
export const SYNC_REJECTIONS_MODEL = 'sync_rejections';
/** Which row was sent when; where `history: rows` asks for it. */
export const SYNC_ROW_HISTORY_MODEL = 'sync_row_history';

/** Size history: one row per segment and dbt run. */
export const SIZES_MODEL = 'stats_segment_sizes';
/** Membership history: one row each time a member entered or left. */
export const MEMBERS_MODEL = 'stats_segment_members';
/** Entered and left per segment and dbt run, counted. */
export const CHANGES_MODEL = 'stats_segment_changes';
/** Members by value of each categorical attribute. */
export const BREAKDOWN_MODEL = 'stats_segment_breakdown';
/** Members that two segments of one entity share. */
export const OVERLAP_MODEL = 'stats_segment_overlap';

export const STATS_MODELS = [SIZES_MODEL, MEMBERS_MODEL, CHANGES_MODEL, BREAKDOWN_MODEL, OVERLAP_MODEL] as const;

/** Every generated model carries this tag: `dbt build --select tag:dinmo`. */
export const GENERATED_TAG = 'dinmo';

/** The dbt model that holds an entity's rows. Its relation has the same name, unless the project's own alias rule says otherwise. */
export function entityModelName(entity: string): string {
  return `entity_${entity}`;
}

/** The dbt model that holds a segment's members. */
export function segmentModelName(segment: string): string {
  return `segment_${segment}`;
}

/** The dbt model that holds what a SQL segment lists and its entity does not have. */
export function unmatchedModelName(segment: string): string {
  return `unmatched_${segment}`;
}

/** The dbt exposure of an activation. Ids that could share a name get a hash of the id. */
export function exposureName(activationId: string): string {
  const plain = `dinmo_${activationId.replace('.', '__')}`;
  if (!activationId.includes('__')) return plain;
  return `${plain}_${createHash('sha256').update(activationId).digest('hex').slice(0, 8)}`;
}

/** The generated model of this name in the root project, from which the real relation is read; null before `dbt parse` has seen it. */
export function findGenerated(manifest: Manifest, name: string): ManifestNode | null {
  const { projectName } = manifest.metadata;
  const direct = manifest.nodes.get(`model.${projectName}.${name}`);
  if (direct !== undefined) return direct;
  for (const node of manifest.nodes.values()) {
    if (node.resourceType === 'model' && node.name === name && node.packageName === projectName) return node;
  }
  return null;
}
