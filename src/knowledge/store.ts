import type {
  ConsentBlock,
  EntityClass,
  Guards,
  IdentifierBlock,
  IdentifierKind,
  Mode,
  Operation,
  RelationshipType,
  SegmentBlock,
  ServiceKind,
} from '../artifacts/annotation.ts';
import type { Origin, Path } from '../artifacts/position.ts';
import type { Rule } from '../artifacts/rule.ts';
import type { SettingValue } from '../artifacts/settings.ts';

/** What a column holds, whatever the warehouse calls it. Timestamps without a zone are read as UTC. */
export type ColumnType =
  | {
      readonly kind:
        | 'string'
        | 'integer'
        | 'decimal'
        | 'float'
        | 'boolean'
        | 'date'
        | 'time'
        | 'json'
        | 'binary'
        | 'other';
    }
  | { readonly kind: 'timestamp'; readonly zoned: boolean }
  | { readonly kind: 'array'; readonly element: ColumnType };

/** From where a fact came, for `check --explain`. */
export interface Provenance {
  /** `annotation`, `constraint`, `test`, `semantic_model`, `contract`, `data_type`, `catalog`, `generated`, `name`, `accepted_values`, `docs`, `default`. */
  readonly source: string;
  /** In a reader's words, with the node concerned: `unique and not_null tests on customers.customer_id`. */
  readonly detail: string;
}

export interface Property {
  readonly name: string;
  readonly identifier: IdentifierBlock | null;
  /** null when nothing states it. */
  readonly type: ColumnType | null;
  /** The warehouse's own type name, where known. */
  readonly dataType: string | null;
  readonly typeFrom: Provenance | null;
  readonly categorical: boolean;
  /** From accepted_values, in their order; null when unknown. */
  readonly values: readonly string[] | null;
  readonly label: string;
  readonly description: string;
  readonly hidden: boolean;
  /** Set when another two-column model computes it. */
  readonly customAttribute: { readonly node: EntityNode; readonly key: string; readonly value: string } | null;
  readonly origin: Origin | null;
}

/** The dbt node behind an entity, a custom attribute, a `through` or a SQL segment. */
export interface EntityNode {
  readonly uniqueId: string;
  readonly resourceType: 'model' | 'seed' | 'snapshot' | 'source';
  /** What generated SQL writes: `ref('customers')`, `ref('pkg', 'x', v=2)`, `source('a', 'b')`. */
  readonly reference: string;
  /** Ready for SQL in the warehouse; null when it has no relation. */
  readonly relationName: string | null;
  readonly group: string | null;
  readonly access: string | null;
  /** Columns whose names stand in quotes (`quote: true`), so that their case counts where the warehouse tells it. Left out: none. */
  readonly exactColumns?: readonly string[];
}

/** A way from one entity to another, walked by its name. */
export interface Relationship {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly type: RelationshipType;
  /** Own column with their column, in a stable order; for many_to_many: own column with a column of `through`. */
  readonly keys: readonly (readonly [own: string, their: string])[];
  readonly through: {
    readonly node: EntityNode;
    readonly toKeys: readonly (readonly [through: string, their: string])[];
  } | null;
  readonly provenance: Provenance;
  readonly origin: Origin | null;
}

/** Whether a way leads to at most one row. */
export function isToOne(relationship: Relationship): boolean {
  return relationship.type === 'many_to_one' || relationship.type === 'one_to_one';
}

export interface Entity {
  readonly name: string;
  readonly plural: string;
  readonly label: string;
  readonly description: string;
  readonly type: 'dimension' | 'fact';
  readonly class: EntityClass;
  readonly node: EntityNode;
  /** One or more columns, in their order. */
  readonly primaryKey: readonly string[];
  readonly primaryKeyFrom: Provenance;
  readonly eventTime: string | null;
  readonly where: Rule | null;
  /** By name, the hidden ones too; the model's order, then custom attributes. */
  readonly properties: ReadonlyMap<string, Property>;
  readonly relationships: ReadonlyMap<string, Relationship>;
  readonly origin: Origin;
  /** What was derived or seen and not used, for `check --explain`. */
  readonly notes: readonly Provenance[];
}

export interface Segment {
  readonly name: string;
  readonly entity: string;
  readonly label: string;
  readonly description: string;
  readonly definition:
    | { readonly kind: 'filter'; readonly where: Rule | null }
    /** A model of the user's own that exposes the entity's primary key. */
    | { readonly kind: 'sql'; readonly node: EntityNode };
  readonly limit: SegmentBlock['limit'];
  readonly holdout: SegmentBlock['holdout'];
  readonly materialized: 'view' | 'table';
  /** The annotation that holds the segment; `at` leads from its root to the segment's block. `Rule.at` counts from the root too. */
  readonly origin: Origin;
  readonly at: Path;
}

/** What feeds one field of the destination. */
export interface MappedField {
  readonly field: string;
  readonly source:
    | { readonly kind: 'column'; readonly path: readonly string[] }
    | { readonly kind: 'value'; readonly value: string | number | bigint | boolean }
    | { readonly kind: 'segment'; readonly segment: string };
  readonly nulls: 'skip' | 'clear' | 'null';
  readonly write: 'always' | 'on_insert';
  /** Where the mapping states it; null when it is a default. */
  readonly origin: Origin | null;
}

/** An identifier that is sent: a property of the entity and its kind. */
export interface MappedIdentifier {
  readonly kind: IdentifierKind;
  readonly rank: number;
  readonly path: readonly string[];
  /** Its values are hashed already. Left out: they are themselves. */
  readonly form?: 'sha256';
  /** Only read, never sent: the country of the row's phone numbers, where the activation does not send it. Left out: sent. */
  readonly hintOnly?: true;
}

/** A column of the entity, or a path over to-one relations, that has to be true before a row is sent. */
export interface ConsentColumn {
  readonly path: readonly string[];
  /** Where it was asked for; `at` leads there from the origin's root. */
  readonly origin: Origin;
  readonly at: Path;
}

export interface Activation {
  /** `<segment or entity>.<name>` */
  readonly id: string;
  readonly name: string;
  readonly parent: { readonly kind: 'segment' | 'entity'; readonly name: string };
  readonly entity: string;
  readonly destination: string;
  readonly mode: Mode;
  readonly operations: readonly Operation[];
  /** Platform-side name; null where the service has none. */
  readonly audience: string | null;
  /** Fields of the destination, in the mapping's order. Empty where the service takes identifiers only. */
  readonly mapping: readonly MappedField[];
  /** Empty where the service addresses rows by key. */
  readonly identifiers: readonly MappedIdentifier[];
  /** All of them have to be true: else a row is not sent, and what was sent of it is removed. Empty: nobody is asked. */
  readonly consent: readonly ConsentColumn[];
  readonly schedule: string;
  readonly guards: Required<Guards>;
  /** Runs in which a rejected row is tried before it is parked. */
  readonly attempts: number;
  /** Events at or after this only; ISO date, or `first_sync`. null: no limit. */
  readonly since: string | null;
  readonly lookback: { readonly last: number; readonly unit: string } | null;
  readonly was: string | null;
  readonly enabled: boolean;
  /** The annotation that holds the activation; `at` leads from its root to the activation's block. */
  readonly origin: Origin;
  readonly at: Path;
}

export interface Destination {
  readonly name: string;
  readonly platform: string;
  readonly service: ServiceKind;
  readonly config: Readonly<Record<string, SettingValue>>;
  readonly credentials: Readonly<Record<string, string>>;
  readonly baseUrl: string | null;
  readonly exclude: readonly string[];
  /** The country of national phone numbers of rows that have none: its own, else the project's. Left out: there is none. */
  readonly defaultCountry?: string;
  /** As it was written; what an activation goes by is its own `consent`. */
  readonly consent: ConsentBlock | null;
  /** dinmo.yml; the block stands at `destinations.<name>`. */
  readonly origin: Origin;
}

/** What we know of a project. Immutable, derived, printable. */
export interface KnowledgeStore {
  readonly project: string;
  readonly timezone: string;
  readonly adapterType: string;
  readonly entities: ReadonlyMap<string, Entity>;
  readonly segments: ReadonlyMap<string, Segment>;
  /** By id. */
  readonly activations: ReadonlyMap<string, Activation>;
  readonly destinations: ReadonlyMap<string, Destination>;
}
