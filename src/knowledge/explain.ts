import type { SourceLocation } from '../errors.ts';
import { typeName } from './print.ts';
import type { Entity, KnowledgeStore, Property, Provenance, Relationship } from './store.ts';

/** One fact of the Knowledge Store, and from where it came. */
export interface ExplainedFact {
  /** `primary key`, `property email`, `relationship orders`. */
  readonly subject: string;
  readonly value: string;
  readonly from: Provenance;
  readonly location: SourceLocation | null;
}

export interface EntityExplanation {
  readonly entity: string;
  /** dbt's unique_id. */
  readonly node: string;
  readonly facts: readonly ExplainedFact[];
  /** Seen and not used, each with its reason. */
  readonly unused: readonly Provenance[];
}

/** From where each fact of each entity came, and what was seen and not used: the content of `dinmo check --explain`. */
export function explainStore(store: KnowledgeStore): readonly EntityExplanation[] {
  return [...store.entities.values()].map((entity) => ({
    entity: entity.name,
    node: entity.node.uniqueId,
    facts: [
      {
        subject: 'primary key',
        value: entity.primaryKey.length === 0 ? 'not known' : entity.primaryKey.join(', '),
        from: entity.primaryKeyFrom,
        location: entity.primaryKeyFrom.source === 'annotation' ? entity.origin.locate(['primary_key']) : null,
      },
      ...eventTime(entity),
      ...[...entity.properties.values()].flatMap(explainProperty),
      ...[...entity.relationships.values()].map(explainRelationship),
    ],
    unused: entity.notes,
  }));
}

function eventTime(entity: Entity): readonly ExplainedFact[] {
  if (entity.eventTime === null) return [];
  const from = { source: 'annotation', detail: `event_time of entity ${entity.name}` };
  return [{ subject: 'event time', value: entity.eventTime, from, location: entity.origin.locate(['event_time']) }];
}

function explainProperty(property: Property): readonly ExplainedFact[] {
  const subject = `property ${property.name}`;
  const location = property.origin?.locate([]) ?? null;
  const annotated = (detail: string): Provenance => ({ source: 'annotation', detail });
  const facts: ExplainedFact[] = [];
  if (property.customAttribute !== null) {
    const { node, key, value } = property.customAttribute;
    const from = annotated(`custom_attribute of ${node.uniqueId}`);
    facts.push({ subject, value: `computed: ${value} by ${key}`, from, location });
  }
  const typeFrom = property.typeFrom ?? { source: 'default', detail: 'nothing states it yet' };
  facts.push({
    subject,
    value: property.type === null ? 'type not known' : typeName(property.type),
    from: typeFrom,
    location: null,
  });
  if (property.identifier !== null) {
    const { kind, rank } = property.identifier;
    facts.push({ subject, value: `identifier ${kind}, rank ${rank}`, from: annotated('identifier'), location });
  }
  if (property.categorical) {
    const from =
      property.values === null
        ? annotated('categorical')
        : { source: 'accepted_values', detail: 'accepted_values test' };
    facts.push({
      subject,
      value: `categorical${property.values === null ? '' : `: ${property.values.join(', ')}`}`,
      from,
      location,
    });
  }
  if (property.hidden) facts.push({ subject, value: 'hidden', from: annotated('hidden'), location });
  return facts;
}

function explainRelationship(relationship: Relationship): ExplainedFact {
  const keys = relationship.keys.map(([own, their]) => `${own} = ${their}`).join(', ');
  const through = relationship.through === null ? '' : ` through ${relationship.through.node.uniqueId}`;
  return {
    subject: `relationship ${relationship.name}`,
    value: `${relationship.type} to ${relationship.to} (${keys})${through}`,
    from: relationship.provenance,
    location: relationship.origin?.locate(['relationships', relationship.name]) ?? null,
  };
}
