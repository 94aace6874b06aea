import type { RelationshipBlock, RelationshipType } from '../artifacts/annotation.ts';
import { nearest } from '../finding.ts';
import { reportUnknownEntity } from './custom-attributes.ts';
import { hasRelation } from './entities.ts';
import { type BuildContext, type EntityDraft, findColumn, type Place, useColumn } from './entity-draft.ts';
import { meant } from './finding-doc.ts';
import { deriveLinks, type Link } from './links.ts';
import { findNode, nodeLabels, toEntityNode } from './node.ts';
import { NodeColumns } from './node-columns.ts';
import { nameWays, type UnnamedWay } from './relationship-names.ts';
import type { Relationship } from './store.ts';

type Pairs = readonly (readonly [string, string])[];

/** Source of a relationship in which something is wrong: only checks see it, so that what is said over it can still be checked. */
const UNREAD = 'unread';

export function isUnread(relationship: Relationship): boolean {
  return relationship.provenance.source === UNREAD;
}

const FLIPPED: Readonly<Record<RelationshipType, RelationshipType>> = {
  one_to_many: 'many_to_one',
  many_to_one: 'one_to_many',
  one_to_one: 'one_to_one',
  many_to_many: 'many_to_many',
};

/** Adds every way from entity to entity: annotated, the ways back of those, and derived; each can then be walked by its name. */
export function addRelationships(context: BuildContext, drafts: ReadonlyMap<string, EntityDraft>): void {
  for (const draft of drafts.values()) addAnnotated(context, { draft, drafts });
  const annotated = [...drafts.values()]
    .flatMap((draft) => [...draft.relationships.values()])
    .filter((relationship) => !isUnread(relationship));
  const unnamed = [
    ...annotated.flatMap((relationship) => wayBack(context, { relationship, annotated, drafts })),
    ...deriveLinks(context, drafts).flatMap((link) => derivedWays(link, annotated)),
  ];
  for (const draft of drafts.values()) {
    const own = unnamed.filter((way) => way.from === draft);
    const { named, clashes } = nameWays(own, new Set(draft.relationships.keys()));
    for (const relationship of named) {
      draft.relationships.set(relationship.name, relationship);
      markKeys(drafts, relationship);
    }
    for (const clash of clashes) {
      context.findings.add('relationship-name-taken', {
        message: `${clash.ways.length} relationships of entity \`${draft.name}\` would be named \`${clash.name}\`: ${clash.ways
          .map((way) => `to \`${way.to.name}\` (${way.way.provenance.detail})`)
          .join(', ')}.`,
        location: draft.origin.locate([]),
        node: draft.node.uniqueId,
      });
    }
  }
}

function addAnnotated(
  context: BuildContext,
  side: { readonly draft: EntityDraft; readonly drafts: ReadonlyMap<string, EntityDraft> },
): void {
  const { draft } = side;
  for (const [name, block] of Object.entries(draft.block.relationships)) {
    const place: Place = { origin: draft.origin, at: ['relationships', name] };
    const to = side.drafts.get(block.to);
    const what = `relationship \`${name}\` of entity \`${draft.name}\``;
    if (to === undefined) {
      const location = place.origin.locate([...place.at, 'to']);
      reportUnknownEntity(context, side.drafts, { entity: block.to, what: `The ${what}`, location });
    }
    const ends = to === undefined ? null : readEnds(context, { draft, to, block, place, what });
    const target = to?.name ?? nearest(block.to, side.drafts.keys());
    if (target === null) continue;
    draft.relationships.set(name, {
      name,
      from: draft.name,
      to: target,
      type: block.type,
      ...(ends ?? { keys: sorted(Object.entries(block.keys)), through: null }),
      provenance: {
        source: ends === null ? UNREAD : 'annotation',
        detail: `relationships.${name} of entity ${draft.name}`,
      },
      origin: draft.origin,
    });
  }
}

interface AnnotatedWay {
  readonly draft: EntityDraft;
  readonly to: EntityDraft;
  readonly block: RelationshipBlock;
  readonly place: Place;
  readonly what: string;
}

/** The columns on both ends, each known to exist; null, with findings, where one is not. */
function readEnds(context: BuildContext, way: AnnotatedWay): Pick<Relationship, 'keys' | 'through'> | null {
  const { block, draft, to, what, place } = way;
  const isMany = block.type === 'many_to_many';
  if (isMany !== (block.through !== null && block.toKeys !== null) || (!isMany && block.through !== null)) {
    context.findings.add('invalid-relationship', {
      message: isMany
        ? `The ${what} is many_to_many and needs \`through\` and \`to_keys\`.`
        : `The ${what} is ${block.type}: \`through\` and \`to_keys\` belong to many_to_many.`,
      location: place.origin.locate(place.at),
      node: draft.node.uniqueId,
    });
    return null;
  }
  const at = (key: string, column: string): Place => ({ origin: place.origin, at: [...place.at, key, column] });
  const own = (name: string, key: string) => useColumn(context, draft, { name, what, place: at(key, name) });
  const their = (name: string, where: Place) => useColumn(context, to, { name, what, place: where });
  if (block.through === null || block.toKeys === null) {
    const keys = pairsOf(block.keys, (mine, theirs) => [own(mine, 'keys'), their(theirs, at('keys', mine))]);
    return keys === null ? null : { keys, through: null };
  }
  const node = findThrough(context, way, block.through);
  if (node === null) return null;
  const columns = new NodeColumns(context.project, node);
  const between = (name: string, where: Place) => findColumn(context, columns, { name, what, place: where });
  const keys = pairsOf(block.keys, (mine, theirs) => [own(mine, 'keys'), between(theirs, at('keys', mine))]);
  const toKeys = pairsOf(block.toKeys, (mine, theirs) => [
    between(mine, at('to_keys', mine)),
    their(theirs, at('to_keys', mine)),
  ]);
  if (keys === null || toKeys === null) return null;
  return { keys, through: { node: toEntityNode(node, context.project.manifest.metadata.projectName), toKeys } };
}

function findThrough(context: BuildContext, way: AnnotatedWay, through: string) {
  const { manifest } = context.project;
  const node = findNode(manifest, through);
  const at = [...way.place.at, 'through'];
  if (node !== null) {
    const origin = { file: way.place.origin.file, locate: () => way.place.origin.locate(at) };
    return hasRelation(context, node, origin) ? node : null;
  }
  const near = nearest(through, nodeLabels(manifest));
  context.findings.add('unknown-model', {
    message: `The ${way.what} leads through \`${through}\`, which is no model of the project${meant(near)}`,
    location: way.place.origin.locate(at),
  });
  return null;
}

/** Both columns of each pair, in a stable order; null when any is missing. All are looked up, so that all are reported. */
function pairsOf(
  keys: Readonly<Record<string, string>>,
  resolve: (own: string, their: string) => readonly [string | null, string | null],
): Pairs | null {
  const resolved = Object.entries(keys).map(([own, their]) => resolve(own, their));
  const pairs = resolved.flatMap(([own, their]): [string, string][] =>
    own === null || their === null ? [] : [[own, their]],
  );
  return pairs.length === resolved.length && pairs.length > 0 ? sorted(pairs) : null;
}

function sorted(pairs: Pairs): Pairs {
  return [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function flip(pairs: Pairs): Pairs {
  return sorted(pairs.map(([own, their]) => [their, own] as const));
}

function samePairs(a: Pairs, b: Pairs): boolean {
  const text = (pairs: Pairs) =>
    sorted(pairs)
      .map((pair) => pair.join('=').toLowerCase())
      .join(',');
  return text(a) === text(b);
}

/** Whether two ways lead over the same columns, seen from the same side. */
function isSameWay(a: Omit<Relationship, 'name'>, b: Omit<Relationship, 'name'>): boolean {
  return (
    a.from === b.from &&
    a.to === b.to &&
    samePairs(a.keys, b.keys) &&
    a.through?.node.uniqueId === b.through?.node.uniqueId &&
    samePairs(a.through?.toKeys ?? [], b.through?.toKeys ?? [])
  );
}

function reverse(relationship: Relationship): Omit<Relationship, 'name'> {
  const { from, to, through } = relationship;
  return {
    from: to,
    to: from,
    type: FLIPPED[relationship.type],
    keys: through === null ? flip(relationship.keys) : flip(through.toKeys),
    through: through === null ? null : { node: through.node, toKeys: flip(relationship.keys) },
    provenance: { source: 'annotation', detail: `the way back of ${from}.${relationship.name}` },
    origin: relationship.origin,
  };
}

function wayBack(
  context: BuildContext,
  known: {
    readonly relationship: Relationship;
    readonly annotated: readonly Relationship[];
    readonly drafts: ReadonlyMap<string, EntityDraft>;
  },
): readonly UnnamedWay[] {
  const { relationship } = known;
  const back = reverse(relationship);
  const from = known.drafts.get(back.from);
  const to = known.drafts.get(back.to);
  if (from === undefined || to === undefined) return [];
  const stated = known.annotated.find((other) => isSameWay(other, back));
  if (stated === undefined) {
    const isChild = back.type === 'many_to_one' || back.type === 'one_to_one';
    const own = back.keys.map(([name]) => name);
    const their = back.keys.map(([, name]) => name);
    return [{ from, to, way: back, foreignKey: isChild ? own : their, parentKey: isChild ? their : own }];
  }
  if (stated.type !== back.type && `${stated.from}.${stated.name}` > `${relationship.from}.${relationship.name}`) {
    context.findings.add('relationship-conflict', {
      message: `\`${relationship.from}.${relationship.name}\` is ${relationship.type}, so its way back is ${back.type}, but \`${stated.from}.${stated.name}\` says ${stated.type} over the same columns.`,
      location: from.origin.locate(['relationships', stated.name, 'type']),
      node: from.node.uniqueId,
    });
  }
  return [];
}

function derivedWays(link: Link, annotated: readonly Relationship[]): readonly UnnamedWay[] {
  const { child, parent, provenance } = link;
  const there = {
    from: child.name,
    to: parent.name,
    type: link.oneToOne ? ('one_to_one' as const) : ('many_to_one' as const),
    keys: sorted(link.pairs),
    through: null,
    provenance,
    origin: null,
  };
  const back = { ...there, from: parent.name, to: child.name, type: FLIPPED[there.type], keys: flip(link.pairs) };
  if (annotated.some((other) => isSameWay(other, there) || isSameWay(other, back))) return [];
  const columns = { foreignKey: link.pairs.map(([own]) => own), parentKey: link.pairs.map(([, their]) => their) };
  return [
    { from: child, to: parent, way: there, ...columns },
    { from: parent, to: child, way: back, ...columns },
  ];
}

/** The columns that join two entities are properties of both. */
function markKeys(drafts: ReadonlyMap<string, EntityDraft>, relationship: Relationship): void {
  const from = drafts.get(relationship.from);
  const to = drafts.get(relationship.to);
  const mark = (draft: EntityDraft | undefined, name: string) => {
    if (draft !== undefined && !draft.columns.get(name)?.listed) draft.used.add(name);
  };
  for (const [own, their] of relationship.keys) {
    mark(from, own);
    if (relationship.through === null) mark(to, their);
  }
  for (const [, their] of relationship.through?.toKeys ?? []) mark(to, their);
}
