import type { ActivationBlock, IdentifierKind, MappingBlock } from '../artifacts/annotation.ts';
import type { Origin } from '../artifacts/position.ts';
import type { DestinationDraft } from './destinations.ts';
import { type FieldFact, hasField, type ServiceFacts } from './service-facts.ts';
import type { MappedField, MappedIdentifier, Property } from './store.ts';

/** What a mapping is made of: the activation's own words, what the destination says for all, and the entity's properties. */
export interface MappingInput {
  readonly block: ActivationBlock;
  readonly target: DestinationDraft;
  readonly properties: ReadonlyMap<string, Property>;
  /** The property that a path over to-one relations leads to; null where it leads nowhere. */
  readonly propertyAt: (path: readonly string[]) => Property | null;
  readonly origin: Origin;
}

/** The field by which the platform knows a row of this destination (objects); null elsewhere. */
export function destinationKeyField(facts: ServiceFacts, config: Readonly<Record<string, unknown>>): string | null {
  if (facts.destinationKey === null) return null;
  const { setting } = facts.destinationKey;
  const stated = config[setting] ?? facts.config.find((fact) => fact.name === setting)?.default;
  return typeof stated === 'string' ? stated : null;
}

/** The kinds that a service with these settings matches on. */
export function matchingKinds(
  facts: ServiceFacts,
  config: Readonly<Record<string, unknown>>,
): readonly IdentifierKind[] {
  if (facts.identifiers === null) return [];
  const { matching, chosenBy } = facts.identifiers;
  if (chosenBy === undefined) return matching;
  const chosen = config[chosenBy] ?? facts.config.find((fact) => fact.name === chosenBy)?.default;
  return matching.filter((kind) => kind === chosen);
}

/** The identifier kind that a field of the mapping feeds, on a service that matches people; null for an ordinary field. */
export function identifierOfField(facts: ServiceFacts, field: string): IdentifierKind | null {
  if (facts.identifiers === null) return null;
  const known = facts.fields.known.find((fact) => fact.name === field);
  if (known !== undefined) return known.identifier ?? null;
  return [...facts.identifiers.matching, ...facts.identifiers.hints].find((kind) => kind === field) ?? null;
}

/** Kinds that the activation may send: those it states, else those of the destination's defaults; null: every kind. */
export function wantedKinds(input: MappingInput): readonly IdentifierKind[] | null {
  return input.block.identifiers ?? input.target.block.defaults.identifiers;
}

/**
 * The identifiers that are sent, matching kinds first in the service's order, then by rank; last the country that is only read
 * beside phone numbers, where it is not sent. Of a kind that the service needs in clear, hashed columns are left out where
 * another column has it.
 */
export function buildIdentifiers(input: MappingInput): readonly MappedIdentifier[] {
  const { facts } = input.target;
  if (facts.identifiers === null) return [];
  const matching = matchingKinds(facts, input.target.destination.config);
  const wanted = wantedKinds(input) ?? [...matching, ...facts.identifiers.hints];
  const taken = [...facts.identifiers.matching, ...facts.identifiers.hints];
  const sent = taken.flatMap((kind) => {
    const mapped = mappedPath(input, kind);
    if (mapped !== null) return [mappedIdentifier(kind, 1, { path: mapped, property: input.propertyAt(mapped) })];
    if (!wanted.includes(kind)) return [];
    return usable(input, kind).map((property) =>
      mappedIdentifier(kind, property.identifier?.rank ?? 1, { path: [property.name], property }),
    );
  });
  return [...sent, ...readCountry(input, sent)];
}

function mappedIdentifier(
  kind: IdentifierKind,
  rank: number,
  { path, property }: { readonly path: readonly string[]; readonly property: Property | null },
): MappedIdentifier {
  const isHashed = property?.identifier?.kind === kind && property.identifier.form === 'sha256';
  return { kind, rank, path, ...(isHashed ? { form: 'sha256' } : {}) };
}

/** The columns of a kind that this service can use; where it can use none, all of them, so that it can be said. */
function usable({ properties, target }: MappingInput, kind: IdentifierKind): readonly Property[] {
  const all = ofKind(properties, kind);
  const clear = all.filter((property) => property.identifier?.form === undefined);
  const takesHashed = target.facts.identifiers?.hashed?.includes(kind) ?? false;
  return takesHashed || clear.length === 0 ? all : clear;
}

/** A national number means nothing without its country, whether or not the country is sent. */
function readCountry(input: MappingInput, sent: readonly MappedIdentifier[]): readonly MappedIdentifier[] {
  const hasPhone = sent.some(({ kind, form }) => kind === 'phone' && form === undefined);
  if (!hasPhone || sent.some(({ kind, form }) => kind === 'country' && form === undefined)) return [];
  const [country] = ofKind(input.properties, 'country').filter(({ identifier }) => identifier?.form === undefined);
  return country === undefined
    ? []
    : [{ kind: 'country', rank: country.identifier?.rank ?? 1, path: [country.name], hintOnly: true }];
}

function mappedPath(input: MappingInput, kind: IdentifierKind): readonly string[] | null {
  for (const [field, mapped] of Object.entries(input.block.mapping ?? {})) {
    if (mapped.source.kind !== 'column' || identifierOfField(input.target.facts, field) !== kind) continue;
    return mapped.source.path;
  }
  return null;
}

function ofKind(properties: ReadonlyMap<string, Property>, kind: IdentifierKind): readonly Property[] {
  return [...properties.values()]
    .filter((property) => property.identifier?.kind === kind && !property.hidden)
    .sort((a, b) => (a.identifier?.rank ?? 1) - (b.identifier?.rank ?? 1));
}

/** The fields of the destination and what feeds them, in the mapping's order. */
export function buildMapping(input: MappingInput): readonly MappedField[] {
  const { block, target } = input;
  const stated = Object.entries(block.mapping ?? {})
    .filter(([field, mapped]) => mapped.source.kind !== 'column' || identifierOfField(target.facts, field) === null)
    .map(([field, mapped]) => statedField(input, field, mapped));
  const fields = new Map(stated.map((field) => [field.field, field]));
  const add = (field: string, path: readonly string[]) => {
    if (!fields.has(field)) fields.set(field, defaultField(target.facts, field, path));
  };
  const key = destinationKeyField(target.facts, target.destination.config);
  for (const fact of target.facts.fields.known) {
    // A stated mapping is the whole of what is sent; only what the platform cannot do without is added to it.
    if (block.mapping !== null && !fact.required && fact.name !== key) continue;
    if (fact.name !== key && !hasField(target.facts, target.destination.config, fact)) continue;
    const path = defaultPath(input, fact, key);
    if (path !== null) add(fact.name, path);
  }
  for (const attribute of wantedAttributes(input)) add(attribute.split('.').at(-1) ?? attribute, attribute.split('.'));
  if (block.mapping === null && target.facts.defaultMapping === 'all') {
    for (const name of allFields(input)) add(name, [name]);
  }
  return [...fields.values()];
}

function statedField(input: MappingInput, field: string, mapped: MappingBlock): MappedField {
  return {
    field,
    source: mapped.source,
    nulls: mapped.nulls ?? input.target.facts.nulls,
    write: mapped.write,
    origin: input.origin,
  };
}

function defaultField(facts: ServiceFacts, field: string, path: readonly string[]): MappedField {
  return { field, source: { kind: 'column', path }, nulls: facts.nulls, write: 'always', origin: null };
}

/** The property that feeds a field without being asked: of the field's identifier kind. */
function defaultPath(input: MappingInput, fact: FieldFact, key: string | null): readonly string[] | null {
  const { facts } = input.target;
  // Where people are matched, identifiers travel beside the fields and not among them.
  if (facts.identifiers !== null) return null;
  const kind = fact.identifier ?? (fact.name === key ? facts.destinationKey?.identifier : null) ?? null;
  if (kind === null) return null;
  const wanted = wantedKinds(input);
  if (wanted !== null && !wanted.includes(kind) && fact.name !== key) return null;
  const ofThis = ofKind(input.properties, kind);
  const property = ofThis.find(({ identifier }) => identifier?.form === undefined) ?? ofThis[0];
  return property === undefined ? null : [property.name];
}

/** Attributes that the activation states; of the destination's defaults those that the entity has. */
function wantedAttributes(input: MappingInput): readonly string[] {
  const { block, target, properties } = input;
  if (block.attributes !== null) return block.attributes;
  return (target.block.defaults.attributes ?? []).filter((name) => {
    const property = properties.get(name);
    return property !== undefined && !property.hidden;
  });
}

/** Every visible property, for services that take any field; `identifiers` and `attributes` narrow it where they are stated. */
function allFields(input: MappingInput): readonly string[] {
  const kinds = wantedKinds(input);
  const attributes = input.block.attributes ?? input.target.block.defaults.attributes;
  return [...input.properties.values()]
    .filter((property) => !property.hidden)
    .filter((property) => {
      if (property.identifier === null) return attributes === null || attributes.includes(property.name);
      return kinds === null || kinds.includes(property.identifier.kind);
    })
    .map((property) => property.name);
}
