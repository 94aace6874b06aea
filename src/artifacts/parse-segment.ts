import type { ActivationBlock, SegmentBlock, SqlSegmentBlock } from './annotation.ts';
import { BlockReader } from './block-reader.ts';
import { parseActivation } from './parse-activation.ts';
import { parseHoldout, parseRule, parseSegmentLimit } from './parse-rule.ts';
import type { Path } from './position.ts';
import type { Rule } from './rule.ts';
import type { ShapeProblems } from './shape.ts';

/** Keys of a segment; in a file of its own also `entity`. */
export const SEGMENT_KEYS = [
  ...['label', 'description', 'where', 'limit', 'holdout', 'materialized', 'activations'],
] as const;
/** Keys of `segment:` on a model that computes it. */
export const SQL_SEGMENT_KEYS = [
  ...['name', 'entity', 'label', 'description', 'limit', 'holdout', 'materialized', 'activations'],
] as const;

/**
 * Reads a segment under `segments:`. Null when its members cannot be told: a filter, limit or holdout with a problem must
 * never become a larger segment.
 */
export function parseSegment(value: unknown, at: Path, problems: ShapeProblems): SegmentBlock | null {
  const reader = BlockReader.open(value, SEGMENT_KEYS, { at, problems, what: 'A segment' });
  return reader === null ? null : readSegment(reader);
}

/** Reads a segment of a file in dinmo/, which also names its entity. */
export function parseFileSegment(
  value: unknown,
  at: Path,
  problems: ShapeProblems,
): { readonly entity: string; readonly block: SegmentBlock } | null {
  const reader = BlockReader.open(value, ['entity', ...SEGMENT_KEYS], { at, problems, what: 'A segment' });
  if (reader === null) return null;
  const entity = reader.requiredName('entity', 'A segment in a file of its own');
  const block = readSegment(reader);
  return entity === null || block === null ? null : { entity, block };
}

/** Reads `segment:` of a model that computes a segment itself. */
export function parseSqlSegment(value: unknown, at: Path, problems: ShapeProblems): SqlSegmentBlock | null {
  const reader = BlockReader.open(value, SQL_SEGMENT_KEYS, { at, problems, what: '`segment`' });
  if (reader === null) return null;
  const entity = reader.requiredName('entity', 'A segment');
  const name = reader.name('name');
  const members = readMembers(reader);
  const rest = { ...readTexts(reader), activations: readActivations(reader) };
  return entity === null || members === null ? null : { name, entity, ...rest, ...members };
}

/** `activations:` of a segment or an entity. */
export function readActivations(reader: BlockReader): Readonly<Record<string, ActivationBlock>> {
  const activations: [string, ActivationBlock][] = [];
  for (const [name, value, at] of reader.named('activations', 'activations')) {
    const activation = parseActivation(value, at, reader.problems);
    if (activation !== null) activations.push([name, activation]);
  }
  return Object.fromEntries(activations);
}

/** `where:`. `isSound` is false when it has a problem. */
export function readWhere(reader: BlockReader): { readonly where: Rule | null; readonly isSound: boolean } {
  if (!reader.has('where')) return { where: null, isSound: true };
  const { rule, problems } = parseRule(reader.raw('where'), reader.path('where'));
  reader.problems.list.push(...problems);
  return { where: rule, isSound: rule !== null };
}

function readSegment(reader: BlockReader): SegmentBlock | null {
  const { where, isSound } = readWhere(reader);
  const members = readMembers(reader);
  const rest = { ...readTexts(reader), activations: readActivations(reader) };
  return isSound && members !== null ? { ...rest, where, ...members } : null;
}

function readTexts(reader: BlockReader): Pick<SegmentBlock, 'label' | 'description' | 'materialized'> {
  return {
    label: reader.text('label'),
    description: reader.text('description'),
    materialized: reader.choice('materialized', ['view', 'table'] as const) ?? 'view',
  };
}

function readMembers(reader: BlockReader): Pick<SegmentBlock, 'limit' | 'holdout'> | null {
  const { limit, problems: ofLimit } = reader.has('limit')
    ? parseSegmentLimit(reader.raw('limit'), reader.path('limit'))
    : { limit: null, problems: [] };
  const { holdout, problems: ofHoldout } = reader.has('holdout')
    ? parseHoldout(reader.raw('holdout'), reader.path('holdout'))
    : { holdout: null, problems: [] };
  reader.problems.list.push(...ofLimit, ...ofHoldout);
  return ofLimit.length + ofHoldout.length > 0 ? null : { limit, holdout };
}
