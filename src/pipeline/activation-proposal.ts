import type { ActivationBlock, Annotation, IdentifierKind, MappingBlock } from '../artifacts/annotation.ts';
import type { Finding } from '../finding.ts';
import { destinationKeyField, identifierOfField } from '../knowledge/mapping.ts';
import { type FieldFact, hasField, isRequiredField, type ServiceFacts } from '../knowledge/service-facts.ts';
import type { Activation, Destination, Entity, MappedField, Property } from '../knowledge/store.ts';
import { buildContext, type Context } from './context.ts';

/** What feeds a field: a property of the entity, or a constant. */
export type ProposedSource = { readonly column: string } | { readonly value: string };

/** An activation that could be written, and what is still wrong with it. */
export interface Proposal {
  /** null: the service's default mapping does. */
  readonly mapping: Readonly<Record<string, ProposedSource>> | null;
  /** What check would say of it, and of its destination. */
  readonly findings: readonly Finding[];
  /** Fields that nothing feeds, and without which no record can be made that is not there yet. */
  readonly unfed: readonly FieldFact[];
}

/** Whose activation, and where to. */
export interface Wish {
  /** The segment's or entity's name. */
  readonly owner: string;
  readonly name: string;
  readonly to: string;
}

/**
 * The activation that works with the least said: without a mapping where the service's default does, else with the fields that it
 * needs, fed by what the entity has. Which ones is decided by the facts of the service alone.
 */
export function proposeActivation(context: Context, wish: Wish): Proposal {
  const plain = tryOut(context, wish, null);
  const parts = partsOf(plain.context, plain.activation);
  if (parts === null) return { mapping: null, findings: plain.findings, unfed: [] };
  const gaps = gapsOf(parts);
  const fed = feed(parts, gaps, wish.owner);
  // A stated mapping is the whole of what is sent: what would have been sent without one stands in it too.
  const mapping = { ...defaultsOf(parts.activation), ...fed };
  const needsNone = Object.keys(fed).length === 0 && parts.facts.defaultMapping !== 'none';
  if (needsNone || Object.keys(mapping).length === 0)
    return { mapping: null, findings: plain.findings, unfed: newGaps(gaps) };
  const { findings } = tryOut(context, wish, mapping);
  return { mapping, findings, unfed: newGaps(gaps).filter(({ name }) => !(name in mapping)) };
}

function newGaps(gaps: readonly FieldFact[]): readonly FieldFact[] {
  return gaps.filter(({ neededByNew }) => neededByNew === true);
}

interface Parts {
  readonly activation: Activation;
  readonly destination: Destination;
  readonly entity: Entity;
  readonly facts: ServiceFacts;
}

function partsOf(context: Context, activation: Activation | null): Parts | null {
  const { store, services } = context;
  const destination = store.destinations.get(activation?.destination ?? '');
  const entity = store.entities.get(activation?.entity ?? '');
  const facts = destination === undefined ? null : services.facts(destination.platform, destination.service);
  if (activation === null || destination === undefined || entity === undefined || facts === null) return null;
  return { activation, destination, entity, facts };
}

/** The project as it would be with this activation: nothing is written. */
function tryOut(
  context: Context,
  wish: Wish,
  mapping: Readonly<Record<string, ProposedSource>> | null,
): { readonly context: Context; readonly activation: Activation | null; readonly findings: readonly Finding[] } {
  const { options, project, findings: before } = context;
  const annotations = project.annotations.map((annotation) => withActivation(annotation, context, { wish, mapping }));
  const tried = buildContext(options, { ...project, annotations });
  const known = new Set(before.map(identify));
  const ofDestination = `Destination \`${wish.to}\``;
  const findings = tried.findings.filter(
    (finding) => !known.has(identify(finding)) || finding.message.startsWith(ofDestination),
  );
  return { context: tried, activation: tried.store.activations.get(`${wish.owner}.${wish.name}`) ?? null, findings };
}

function identify({ code, message }: Finding): string {
  return `${code} ${message}`;
}

function withActivation(
  annotation: Annotation,
  { store }: Context,
  { wish, mapping }: { readonly wish: Wish; readonly mapping: Readonly<Record<string, ProposedSource>> | null },
): Annotation {
  const owner = store.segments.get(wish.owner) ?? store.entities.get(wish.owner);
  if (owner === undefined || annotation.origin !== owner.origin) return annotation;
  const added = { [wish.name]: blockOf(wish.to, mapping) };
  if (annotation.kind === 'segment' || annotation.kind === 'sql_segment') {
    return {
      ...annotation,
      block: { ...annotation.block, activations: { ...annotation.block.activations, ...added } },
    } as Annotation; // the kind keeps its block's type
  }
  if (annotation.kind !== 'entity') return annotation;
  const { block } = annotation;
  const segment = store.segments.has(wish.owner) ? block.segments[wish.owner] : undefined;
  if (segment === undefined)
    return { ...annotation, block: { ...block, activations: { ...block.activations, ...added } } };
  const activations = { ...segment.activations, ...added };
  return {
    ...annotation,
    block: { ...block, segments: { ...block.segments, [wish.owner]: { ...segment, activations } } },
  };
}

function blockOf(to: string, mapping: Readonly<Record<string, ProposedSource>> | null): ActivationBlock {
  const nothing = { mode: null, operations: null, audience: null, identifiers: null, attributes: null, consent: null };
  const rest = { schedule: null, guards: null, attempts: null, since: null, lookback: null, was: null, enabled: true };
  const entries = Object.entries(mapping ?? {}).map(([field, source]): [string, MappingBlock] => [
    field,
    {
      source: 'column' in source ? { kind: 'column', path: [source.column] } : { kind: 'value', value: source.value },
      nulls: null,
      write: 'always',
    },
  ]);
  return { to, ...nothing, ...rest, mapping: mapping === null ? null : Object.fromEntries(entries) };
}

/** What the service's default sends, to be stated. */
function defaultsOf(activation: Activation): Readonly<Record<string, ProposedSource>> {
  const columns = activation.mapping.flatMap(({ field, source }: MappedField) =>
    source.kind === 'column' && source.path.length === 1 ? [[field, { column: source.path[0] ?? '' }] as const] : [],
  );
  return Object.fromEntries(columns);
}

/** Fields that nothing feeds, though a row, or a record that is not there yet, cannot do without. The key comes first. */
function gapsOf({ activation, destination, facts }: Parts): readonly FieldFact[] {
  const { config } = destination;
  const fed = new Set(activation.mapping.map(({ field }) => field));
  const key = destinationKeyField(facts, config);
  const keyFact = facts.fields.known.find(({ name }) => name === key);
  const keyGap: FieldFact[] =
    key === null || fed.has(key)
      ? []
      : [keyFact ?? { name: key, type: 'any', required: true, description: 'the field by which a row is known' }];
  const others = facts.fields.known.filter((fact) => {
    if (fact.name === key || fed.has(fact.name) || identifierOfField(facts, fact.name) !== null) return false;
    return isRequiredField(facts, config, fact) || (fact.neededByNew === true && hasField(facts, config, fact));
  });
  return [...keyGap, ...others];
}

/** Feeds the gaps; where the service has no default, or a mapping is stated anyway, also what a property of the same name says. */
function feed(parts: Parts, gaps: readonly FieldFact[], owner: string): Readonly<Record<string, ProposedSource>> {
  const { activation, destination, entity, facts } = parts;
  const fed: Record<string, ProposedSource> = {};
  const key = destinationKeyField(facts, destination.config);
  for (const gap of gaps) {
    const column = columnFor(gap, entity, gap.name === key);
    if (column !== null) fed[gap.name] = { column };
    else if (gap.isEventName === true) fed[gap.name] = { value: owner };
  }
  if (Object.keys(fed).length === 0 && facts.defaultMapping !== 'none') return fed;
  const isFed = (name: string): boolean => name in fed || activation.mapping.some(({ field }) => field === name);
  for (const fact of facts.fields.known) {
    if (isFed(fact.name) || identifierOfField(facts, fact.name) !== null) continue;
    const column = hasField(facts, destination.config, fact) ? sameName(fact.name, entity) : null;
    if (column !== null) fed[fact.name] = { column };
  }
  return fed;
}

/** By kind, by name; the key also by the entity's own key, unless it is an address or a number of the person. */
function columnFor(fact: FieldFact, entity: Entity, isKey: boolean): string | null {
  const { identifier = null, otherwise = null } = fact;
  const found = ofKind(entity, identifier) ?? sameName(fact.name, entity) ?? ofKind(entity, otherwise);
  if (found !== null || !isKey || identifier === 'email' || identifier === 'phone') return found;
  const [only, ...more] = entity.primaryKey;
  const byKind = ofKind(entity, 'external_id') ?? ofKind(entity, 'user_id');
  return byKind ?? (only !== undefined && more.length === 0 ? only : null);
}

function visible(entity: Entity): readonly Property[] {
  return [...entity.properties.values()].filter(({ hidden }) => !hidden);
}

function ofKind(entity: Entity, kind: IdentifierKind | null): string | null {
  const found = visible(entity).filter(({ identifier }) => kind !== null && identifier?.kind === kind);
  return found.sort((a, b) => (a.identifier?.rank ?? 1) - (b.identifier?.rank ?? 1))[0]?.name ?? null;
}

/** Names are the same whatever their case, and with the ending that Salesforce gives fields of an account's own (`__c`). */
function sameName(field: string, entity: Entity): string | null {
  const plain = (text: string): string =>
    text
      .toLowerCase()
      .replace(/__c$/, '')
      .replaceAll(/[^a-z0-9]/g, '');
  return visible(entity).find(({ name }) => plain(name) === plain(field))?.name ?? null;
}
