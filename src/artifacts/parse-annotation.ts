import {
  type ColumnBlock,
  type CustomAttributeBlock,
  ENTITY_CLASSES,
  type EntityBlock,
  type RelationshipBlock,
  type RelationshipType,
  type SegmentBlock,
} from './annotation.ts';
import { BlockReader } from './block-reader.ts';
import { IDENTIFIER_KINDS } from './parse-activation.ts';
import { parseSegment, readActivations, readWhere } from './parse-segment.ts';
import type { Path } from './position.ts';
import { describe, isMap, type ShapeProblems } from './shape.ts';

/** Keys of `entity:`. */
export const ENTITY_KEYS = [
  ...['name', 'type', 'class', 'label', 'description', 'primary_key', 'event_time', 'plural', 'columns', 'where'],
  ...['relationships', 'segments', 'activations'],
] as const;
/** Keys of the annotation of a column. */
export const COLUMN_KEYS = ['identifier', 'categorical', 'label', 'description', 'hidden'] as const;
/** Keys of `identifier:`, where it is a map. */
export const IDENTIFIER_KEYS = ['kind', 'rank', 'form'] as const;
/** What the values of an identifier are: themselves, or hashed already. */
export const IDENTIFIER_FORMS = ['raw', 'sha256'] as const;
/** Keys of `custom_attribute:`. */
export const CUSTOM_ATTRIBUTE_KEYS = ['entity', 'name', 'key', 'value', 'label', 'categorical'] as const;
/** Keys of a relationship. */
export const RELATIONSHIP_KEYS = ['to', 'type', 'keys', 'through', 'to_keys'] as const;
export const RELATIONSHIP_TYPES: readonly RelationshipType[] = [
  'one_to_many',
  'many_to_one',
  'one_to_one',
  'many_to_many',
];

/** Reads `entity:`. A key with a problem counts as absent, so that one mistake does not hide the others. Null when it is no map. */
export function parseEntity(value: unknown, at: Path, problems: ShapeProblems): EntityBlock | null {
  const reader = BlockReader.open(value ?? {}, ENTITY_KEYS, { at, problems, what: '`entity`' });
  if (reader === null) return null;
  return {
    name: reader.name('name'),
    type: reader.choice('type', ['dimension', 'fact'] as const),
    class: reader.choice('class', ENTITY_CLASSES),
    label: reader.text('label'),
    description: reader.text('description'),
    primaryKey: reader.textOrTexts('primary_key'),
    eventTime: reader.text('event_time'),
    plural: reader.name('plural'),
    columns: reader.choice('columns', ['listed', 'all'] as const) ?? 'listed',
    where: readWhere(reader).where,
    relationships: readRelationships(reader),
    segments: readSegments(reader),
    activations: readActivations(reader),
  };
}

/** Reads the annotation of a column. Null when it is no map. */
export function parseColumn(value: unknown, at: Path, problems: ShapeProblems): ColumnBlock | null {
  const reader = BlockReader.open(value, COLUMN_KEYS, { at, problems, what: 'The annotation of a column' });
  if (reader === null) return null;
  return {
    identifier: readIdentifier(reader),
    categorical: reader.flag('categorical'),
    label: reader.text('label'),
    description: reader.text('description'),
    hidden: reader.flag('hidden') ?? false,
  };
}

/** Reads `custom_attribute:`. Null when it is no map or a key that it needs is missing. */
export function parseCustomAttribute(value: unknown, at: Path, problems: ShapeProblems): CustomAttributeBlock | null {
  const what = '`custom_attribute`';
  const reader = BlockReader.open(value, CUSTOM_ATTRIBUTE_KEYS, { at, problems, what });
  if (reader === null) return null;
  const entity = reader.requiredName('entity', what);
  const name = reader.requiredName('name', what);
  const key = reader.requiredText('key', what);
  const column = reader.requiredText('value', what);
  const rest = { label: reader.text('label'), categorical: reader.flag('categorical') };
  if (entity === null || name === null || key === null || column === null) return null;
  return { entity, name, key, value: column, ...rest };
}

function readIdentifier(reader: BlockReader): ColumnBlock['identifier'] {
  if (!isMap(reader.raw('identifier'))) {
    const kind = reader.choice('identifier', IDENTIFIER_KINDS);
    return kind === null ? null : { kind, rank: 1 };
  }
  const { problems } = reader;
  const inner = BlockReader.open(reader.raw('identifier'), IDENTIFIER_KEYS, {
    at: reader.path('identifier'),
    problems,
    what: '`identifier`',
  });
  const kind = inner?.requiredChoice('kind', IDENTIFIER_KINDS, '`identifier`') ?? null;
  const rank = inner?.number('rank', { min: 1, max: 100 }) ?? 1;
  const form = inner?.choice('form', IDENTIFIER_FORMS) ?? 'raw';
  return kind === null ? null : { kind, rank, ...(form === 'raw' ? {} : { form }) };
}

function readSegments(reader: BlockReader): Readonly<Record<string, SegmentBlock>> {
  const segments: [string, SegmentBlock][] = [];
  for (const [name, value, at] of reader.named('segments', 'segments')) {
    const segment = parseSegment(value, at, reader.problems);
    if (segment !== null) segments.push([name, segment]);
  }
  return Object.fromEntries(segments);
}

function readRelationships(reader: BlockReader): Readonly<Record<string, RelationshipBlock>> {
  const relationships: [string, RelationshipBlock][] = [];
  for (const [name, value, at] of reader.named('relationships', 'relationships')) {
    const relationship = parseRelationship(value, at, reader.problems);
    if (relationship !== null) relationships.push([name, relationship]);
  }
  return Object.fromEntries(relationships);
}

function parseRelationship(value: unknown, at: Path, problems: ShapeProblems): RelationshipBlock | null {
  const what = 'A relationship';
  const reader = BlockReader.open(value, RELATIONSHIP_KEYS, { at, problems, what });
  if (reader === null) return null;
  const to = reader.requiredName('to', what);
  const type = reader.requiredChoice('type', RELATIONSHIP_TYPES, what);
  const keys = readKeys(reader, 'keys');
  const isManyToMany = type === 'many_to_many';
  if (!isManyToMany && type !== null) {
    for (const key of ['through', 'to_keys'].filter((candidate) => reader.has(candidate))) {
      problems.add(
        'invalid-relationship',
        reader.path(key),
        `\`${key}\` is for many_to_many only.`,
        'Remove it, or set the type.',
      );
    }
  }
  const through = isManyToMany ? reader.requiredText('through', 'A many_to_many relationship') : null;
  const toKeys = isManyToMany ? readKeys(reader, 'to_keys') : null;
  if (to === null || type === null || keys === null) return null;
  return isManyToMany && (through === null || toKeys === null) ? null : { to, type, keys, through, toKeys };
}

function readKeys(reader: BlockReader, key: 'keys' | 'to_keys'): Readonly<Record<string, string>> | null {
  const example =
    key === 'keys' ? '`keys: {own_column: their_column}`' : '`to_keys: {column_of_through: their_column}`';
  if (!reader.has(key)) {
    return reader.problems.add('missing-key', reader.at, `The relationship needs \`${key}\`.`, `Add ${example}.`);
  }
  const before = reader.problems.list.length;
  const entries = reader.entries(key, 'columns');
  if (entries.length === 0) {
    if (reader.problems.list.length > before) return null;
    return reader.problems.add('invalid-relationship', reader.path(key), `\`${key}\` is empty.`, `Write ${example}.`);
  }
  for (const [, value, at] of entries) {
    if (typeof value === 'string' && value !== '') continue;
    reader.problems.add(
      'wrong-type',
      at,
      `The name of a column is expected here, not ${describe(value)}.`,
      `Write ${example}.`,
    );
  }
  if (reader.problems.list.length > before) return null;
  return Object.fromEntries(entries.map(([own, their]) => [own, String(their)]));
}
