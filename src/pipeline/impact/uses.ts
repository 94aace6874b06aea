import type { Operand, Rule } from '../../artifacts/rule.ts';
import type { Activation, Entity, KnowledgeStore, Segment } from '../../knowledge/store.ts';

/** Which columns of which dbt nodes something reads: unique_id → column names. */
export type ColumnUses = ReadonlyMap<string, ReadonlySet<string>>;

/** What the rows of an activation are read from: key, fields, identifiers and consent, without the members' rule. */
export function activationUses(store: KnowledgeStore, activation: Activation): ColumnUses {
  const collector = new UseCollector(store);
  collector.entity(activation.entity);
  for (const { source } of activation.mapping) {
    if (source.kind === 'column') collector.property(activation.entity, source.path);
    if (source.kind === 'segment') collector.segment(source.segment);
  }
  for (const { path } of [...activation.identifiers, ...activation.consent])
    collector.property(activation.entity, path);
  const destination = store.destinations.get(activation.destination);
  for (const name of destination?.exclude ?? []) {
    if (store.segments.get(name)?.entity === activation.entity) collector.segment(name);
  }
  const entity = store.entities.get(activation.entity);
  if (entity?.eventTime != null && destination?.service === 'events')
    collector.property(entity.name, [entity.eventTime]);
  return collector.uses;
}

/** What says who is a member of a segment: its rule and limit, those of the segments that it names, and the keys on the way. */
export function segmentUses(store: KnowledgeStore, segment: Segment): ColumnUses {
  const collector = new UseCollector(store);
  collector.segment(segment.name);
  return collector.uses;
}

/** Segments that a segment's rule names, also through others. */
export function segmentsBehind(store: KnowledgeStore, name: string): ReadonlySet<string> {
  const collector = new UseCollector(store);
  collector.segment(name);
  collector.segmentNames.delete(name);
  return collector.segmentNames;
}

class UseCollector {
  readonly #store: KnowledgeStore;
  readonly #uses = new Map<string, Set<string>>();
  readonly #entities = new Set<string>();
  readonly segmentNames = new Set<string>();

  constructor(store: KnowledgeStore) {
    this.#store = store;
  }

  get uses(): ColumnUses {
    return this.#uses;
  }

  /** The key of an entity, and the rule that says which of its rows count. */
  entity(name: string): Entity | undefined {
    const entity = this.#store.entities.get(name);
    if (entity === undefined || this.#entities.has(name)) return entity;
    this.#entities.add(name);
    this.#add(entity.node.uniqueId, entity.primaryKey);
    if (entity.where !== null) this.#rule(entity.where, name);
    return entity;
  }

  segment(name: string): void {
    const segment = this.#store.segments.get(name);
    if (segment === undefined || this.segmentNames.has(name)) return;
    this.segmentNames.add(name);
    const entity = this.entity(segment.entity);
    const { definition, limit } = segment;
    if (definition.kind === 'sql') this.#add(definition.node.uniqueId, entity?.primaryKey ?? []);
    else if (definition.where !== null) this.#rule(definition.where, segment.entity);
    if (limit !== null) this.property(segment.entity, limit.by);
  }

  /** A property, over to-one relations or not. */
  property(from: string, path: readonly string[]): void {
    const end = this.#walk(from, path.slice(0, -1));
    const name = path.at(-1);
    const entity = end === null ? undefined : this.entity(end);
    if (entity === undefined || name === undefined) return;
    const custom = entity.properties.get(name)?.customAttribute ?? null;
    if (custom === null) this.#add(entity.node.uniqueId, [name]);
    else this.#add(custom.node.uniqueId, [custom.key, custom.value]);
  }

  #add(node: string, columns: readonly string[]): void {
    const known = this.#uses.get(node) ?? new Set<string>();
    for (const column of columns) known.add(column);
    this.#uses.set(node, known);
  }

  /** Follows relationships, noting the keys by which rows meet; the entity at the end, or null. */
  #walk(from: string, steps: readonly string[]): string | null {
    let entity = this.entity(from);
    for (const step of steps) {
      const way = entity?.relationships.get(step);
      const next = way === undefined ? undefined : this.entity(way.to);
      if (entity === undefined || way === undefined || next === undefined) return null;
      const theirs = way.through === null ? next.node : way.through.node;
      this.#add(
        entity.node.uniqueId,
        way.keys.map(([own]) => own),
      );
      this.#add(
        theirs.uniqueId,
        way.keys.map(([, their]) => their),
      );
      if (way.through !== null) {
        this.#add(
          theirs.uniqueId,
          way.through.toKeys.map(([through]) => through),
        );
        this.#add(
          next.node.uniqueId,
          way.through.toKeys.map(([, their]) => their),
        );
      }
      entity = next;
    }
    return entity?.name ?? null;
  }

  #rule(rule: Rule, entity: string): void {
    switch (rule.kind) {
      case 'all':
      case 'any':
      case 'none':
        for (const inner of rule.rules) this.#rule(inner, entity);
        return;
      case 'not':
        this.#rule(rule.rule, entity);
        return;
      case 'segment':
        this.segment(rule.name);
        return;
      case 'attribute':
        this.property(entity, rule.path);
        this.#operand(rule.comparison.operand, entity);
        return;
      case 'relation': {
        const target = this.#walk(entity, rule.path);
        for (const { operand } of rule.comparisons) this.#operand(operand, entity);
        if (target === null) return;
        if (rule.of !== null) this.property(target, rule.of);
        const time = this.#store.entities.get(target)?.eventTime ?? null;
        const isTimed = rule.during !== null || rule.aggregate === 'first' || rule.aggregate === 'last';
        if (isTimed && time !== null) this.property(target, [time]);
        if (rule.where !== null) this.#rule(rule.where, target);
      }
    }
  }

  #operand(operand: Operand, entity: string): void {
    if (operand.kind === 'attribute') this.property(entity, operand.path);
    if (operand.kind !== 'range') return;
    this.#operand(operand.from, entity);
    this.#operand(operand.to, entity);
  }
}
