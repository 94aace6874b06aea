import type { RelationshipType } from '../../src/artifacts/annotation.ts';
import { parseHoldout, parseRule, parseSegmentLimit } from '../../src/artifacts/parse-rule.ts';
import type { Origin, Path } from '../../src/artifacts/position.ts';
import type { ShapeProblem } from '../../src/artifacts/rule.ts';
import type {
  ColumnType,
  Entity,
  EntityNode,
  KnowledgeStore,
  Property,
  Relationship,
  Segment,
} from '../../src/knowledge/store.ts';
import type { SqlTarget } from '../../src/segment/target.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';

/** How a column is stated in a test: its type, `!hidden`, and a custom attribute's model. */
export interface EntitySpec {
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, ColumnType | null>>;
  readonly hidden?: readonly string[];
  /** The warehouse's own type names, where they matter. */
  readonly dataTypes?: Readonly<Record<string, string>>;
  readonly eventTime?: string;
  readonly table?: string;
  /** Property → the model, its key column and its value column. */
  readonly customAttributes?: Readonly<Record<string, { table: string; key: string; value: string; type: ColumnType }>>;
  readonly relationships?: Readonly<Record<string, RelationshipSpec>>;
  /** A rule as YAML gives it. */
  readonly where?: unknown;
}

export interface RelationshipSpec {
  readonly to: string;
  readonly type: RelationshipType;
  readonly keys: Readonly<Record<string, string>>;
  readonly through?: string;
  readonly toKeys?: Readonly<Record<string, string>>;
}

export interface SegmentSpec {
  readonly entity: string;
  readonly where?: unknown;
  readonly limit?: unknown;
  readonly holdout?: unknown;
  /** The table of a segment by SQL. */
  readonly sql?: string;
}

export interface WorldSpec {
  readonly timezone?: string;
  readonly entities: Readonly<Record<string, EntitySpec>>;
  readonly segments?: Readonly<Record<string, SegmentSpec>>;
}

/** Places that an assertion can read: the path itself is the file. */
export function originOf(file: string): Origin {
  return { file, locate: (path: Path) => ({ file: `${file}#${path.join('.')}`, line: 1, column: 1 }) };
}

export const types = {
  string: { kind: 'string' },
  integer: { kind: 'integer' },
  decimal: { kind: 'decimal' },
  float: { kind: 'float' },
  boolean: { kind: 'boolean' },
  date: { kind: 'date' },
  time: { kind: 'time' },
  json: { kind: 'json' },
  other: { kind: 'other' },
  naive: { kind: 'timestamp', zoned: false },
  zoned: { kind: 'timestamp', zoned: true },
  strings: { kind: 'array', element: { kind: 'string' } },
  integers: { kind: 'array', element: { kind: 'integer' } },
} as const satisfies Readonly<Record<string, ColumnType>>;

/** A Knowledge Store without dbt: nodes are plain tables. Throws where a rule has no right shape. */
export function buildStore(spec: WorldSpec): KnowledgeStore {
  const entities = Object.entries(spec.entities).map(([name, entity]) => [name, buildEntity(name, entity)] as const);
  const segments = Object.entries(spec.segments ?? {}).map(
    ([name, segment]) => [name, buildSegment(name, segment)] as const,
  );
  return {
    project: 'shop',
    timezone: spec.timezone ?? 'UTC',
    adapterType: 'duckdb',
    entities: new Map(entities),
    segments: new Map(segments),
    activations: new Map(),
    destinations: new Map(),
  };
}

const provenance = { source: 'annotation', detail: '' };

function buildEntity(name: string, spec: EntitySpec): Entity {
  const columns = Object.entries(spec.columns).map(([column, type]) => property(column, type, spec));
  const computed = Object.entries(spec.customAttributes ?? {}).map(([column, { table, key, value, type }]) => ({
    ...property(column, type, spec),
    customAttribute: { node: node(table), key, value },
  }));
  const relationships = Object.entries(spec.relationships ?? {}).map(
    ([way, relationship]) => [way, buildRelationship(name, way, relationship)] as const,
  );
  return {
    name,
    plural: `${name}s`,
    label: name,
    description: '',
    type: spec.eventTime === undefined ? 'dimension' : 'fact',
    class: 'other',
    node: node(spec.table ?? `${name}s`),
    primaryKey: spec.key,
    primaryKeyFrom: provenance,
    eventTime: spec.eventTime ?? null,
    where: spec.where === undefined ? null : ruleOf(spec.where, ['where']),
    properties: new Map([...columns, ...computed].map((item) => [item.name, item] as const)),
    relationships: new Map(relationships),
    origin: originOf(name),
    notes: [],
  };
}

function property(name: string, type: ColumnType | null, spec: EntitySpec): Property {
  return {
    name,
    identifier: null,
    type,
    dataType: spec.dataTypes?.[name] ?? null,
    typeFrom: null,
    categorical: false,
    values: null,
    label: name,
    description: '',
    hidden: spec.hidden?.includes(name) ?? false,
    customAttribute: null,
    origin: null,
  };
}

function buildRelationship(from: string, name: string, spec: RelationshipSpec): Relationship {
  return {
    name,
    from,
    to: spec.to,
    type: spec.type,
    keys: Object.entries(spec.keys),
    through:
      spec.through === undefined ? null : { node: node(spec.through), toKeys: Object.entries(spec.toKeys ?? {}) },
    provenance,
    origin: null,
  };
}

export function node(table: string): EntityNode {
  return {
    uniqueId: `model.shop.${table}`,
    resourceType: 'model',
    reference: `ref('${table}')`,
    relationName: table,
    group: null,
    access: null,
  };
}

function buildSegment(name: string, spec: SegmentSpec): Segment {
  const limit = spec.limit === undefined ? { limit: null, problems: [] } : parseSegmentLimit(spec.limit, ['limit']);
  const holdout =
    spec.holdout === undefined ? { holdout: null, problems: [] } : parseHoldout(spec.holdout, ['holdout']);
  complain([...limit.problems, ...holdout.problems]);
  return {
    name,
    entity: spec.entity,
    label: name,
    description: '',
    definition:
      spec.sql === undefined
        ? { kind: 'filter', where: spec.where === undefined ? null : ruleOf(spec.where, ['where']) }
        : { kind: 'sql', node: node(spec.sql) },
    limit: limit.limit,
    holdout: holdout.holdout,
    materialized: 'view',
    origin: originOf(name),
    at: [],
  };
}

function ruleOf(value: unknown, at: Path) {
  const { rule, problems } = parseRule(value, at);
  complain(problems);
  return rule;
}

function complain(problems: readonly ShapeProblem[]): void {
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
}

/** SQL for the tables of a DuckDB: views are called as the models would be. */
export function duckdbTarget(now: string): SqlTarget {
  return {
    node: (entityNode) => duckdbDialect.quoteIdentifier(entityNode.relationName ?? ''),
    entity: (name) => `entity_${name}`,
    segment: (name) => `segment_${name}`,
    literal: (text) => text,
    now: `timestamptz '${now}'`,
  };
}

/** SQL as it stands in a dbt model. */
export const dbtTarget: SqlTarget = {
  node: (entityNode) => `{{ ${entityNode.reference} }}`,
  entity: (name) => `{{ ref('entity_${name}') }}`,
  segment: (name) => `{{ ref('segment_${name}') }}`,
  literal: (text) => text.replaceAll(/\{(?=[{%#])/g, "{{ '{' }}"),
  now: '{{ dinmo.now() }}',
};
