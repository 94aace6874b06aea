import type { Origin } from './position.ts';
import type { Rule } from './rule.ts';

export const ENTITY_CLASSES = ['customers', 'products', 'stores', 'financial', 'events', 'other'] as const;
export type EntityClass = (typeof ENTITY_CLASSES)[number];

export const MATCHING_KINDS = [
  'email',
  'phone',
  'user_id',
  'external_id',
  'mobile_advertising_id',
  'fbc',
  'fbp',
  'gclid',
  'gbraid',
  'wbraid',
  'dclid',
  'ttclid',
  'ttp',
  'msclkid',
  'li_fat_id',
  'sc_click_id',
  'epik',
] as const;
export const HINT_KINDS = [
  'first_name',
  'last_name',
  'full_name',
  'date_of_birth',
  'gender',
  'street',
  'city',
  'state',
  'zip',
  'country',
  'company',
  'ip',
  'user_agent',
] as const;
export type IdentifierKind = (typeof MATCHING_KINDS)[number] | (typeof HINT_KINDS)[number];

export type RelationshipType = 'one_to_many' | 'many_to_one' | 'one_to_one' | 'many_to_many';
export type Mode = 'full' | 'incremental' | 'delta';
export type Operation = 'insert' | 'update' | 'delete';
export type ServiceKind = 'events' | 'audiences' | 'objects';

export interface RelationshipBlock {
  readonly to: string;
  readonly type: RelationshipType;
  /** Own column → their column (or → a column of `through`). */
  readonly keys: Readonly<Record<string, string>>;
  /** The dbt model between the two, for many_to_many. */
  readonly through: string | null;
  /** Column of `through` → their column. */
  readonly toKeys: Readonly<Record<string, string>> | null;
}

export interface SegmentBlock {
  readonly label: string | null;
  readonly description: string | null;
  readonly where: Rule | null;
  readonly limit: {
    readonly rows: number | null;
    readonly percent: number | null;
    readonly by: readonly string[];
    readonly order: 'asc' | 'desc';
  } | null;
  readonly holdout: { readonly percent: number; readonly salt: string } | null;
  readonly materialized: 'view' | 'table';
  readonly activations: Readonly<Record<string, ActivationBlock>>;
}

/** One field of the destination and what feeds it. */
export interface MappingBlock {
  readonly source:
    | { readonly kind: 'column'; readonly path: readonly string[] }
    | { readonly kind: 'value'; readonly value: string | number | bigint | boolean }
    | { readonly kind: 'segment'; readonly segment: string };
  /** null: the service's default. */
  readonly nulls: 'skip' | 'clear' | null;
  readonly write: 'always' | 'on_insert';
}

/** Columns, or paths over to-one relations, that have to be true before a row is sent: of whatever entity it is, or by entity. */
export type ConsentBlock =
  | { readonly kind: 'columns'; readonly columns: readonly (readonly string[])[] }
  | { readonly kind: 'by_entity'; readonly entities: Readonly<Record<string, readonly (readonly string[])[]>> };

/** Absent keys are null here; the service's and the destination's defaults are applied by the Knowledge Store. */
export interface ActivationBlock {
  readonly to: string | null;
  readonly mode: Mode | null;
  readonly operations: readonly Operation[] | null;
  readonly audience: string | null;
  readonly mapping: Readonly<Record<string, MappingBlock>> | null;
  readonly identifiers: readonly IdentifierKind[] | null;
  readonly attributes: readonly string[] | null;
  readonly consent: ConsentBlock | null;
  readonly schedule: string | null;
  readonly guards: Guards | null;
  readonly attempts: number | null;
  readonly since: string | null;
  readonly lookback: { readonly last: number; readonly unit: string } | null;
  readonly was: string | null;
  readonly enabled: boolean;
}

/** Keys that are not stated are absent. */
export interface Guards {
  readonly max_delete_percent?: number;
  readonly max_delete_rows?: number;
  readonly min_delete_rows?: number;
  readonly key_churn_percent?: number;
  readonly allow_empty?: boolean;
}

export interface EntityBlock {
  readonly name: string | null;
  readonly type: 'dimension' | 'fact' | null;
  readonly class: EntityClass | null;
  readonly label: string | null;
  readonly description: string | null;
  readonly primaryKey: readonly string[] | null;
  readonly eventTime: string | null;
  readonly plural: string | null;
  readonly columns: 'listed' | 'all';
  readonly where: Rule | null;
  readonly relationships: Readonly<Record<string, RelationshipBlock>>;
  readonly segments: Readonly<Record<string, SegmentBlock>>;
  readonly activations: Readonly<Record<string, ActivationBlock>>;
}

/** What the values of an identifier's column are. */
export interface IdentifierBlock {
  readonly kind: IdentifierKind;
  readonly rank: number;
  /** The column holds the lower-case hex SHA-256 of the value, normalised as the platform wants it. Left out: the value itself. Never guessed. */
  readonly form?: 'sha256';
}

export interface ColumnBlock {
  readonly identifier: IdentifierBlock | null;
  readonly categorical: boolean | null;
  readonly label: string | null;
  readonly description: string | null;
  readonly hidden: boolean;
}

export interface CustomAttributeBlock {
  readonly entity: string;
  readonly name: string;
  readonly key: string;
  readonly value: string;
  readonly label: string | null;
  readonly categorical: boolean | null;
}

/** A segment that a model of the user's own computes. */
export interface SqlSegmentBlock {
  /** default: the model's name */
  readonly name: string | null;
  readonly entity: string;
  readonly label: string | null;
  readonly description: string | null;
  readonly limit: SegmentBlock['limit'];
  readonly holdout: SegmentBlock['holdout'];
  readonly materialized: 'view' | 'table';
  readonly activations: Readonly<Record<string, ActivationBlock>>;
}

/** One annotated thing, its shape checked, with where it was written. Paths inside (`Rule.at` …) are relative to `origin`. */
export type Annotation =
  | { readonly kind: 'entity'; readonly node: string; readonly block: EntityBlock; readonly origin: Origin }
  | {
      readonly kind: 'column';
      readonly node: string;
      readonly column: string;
      readonly block: ColumnBlock;
      readonly origin: Origin;
    }
  | {
      readonly kind: 'custom_attribute';
      readonly node: string;
      readonly block: CustomAttributeBlock;
      readonly origin: Origin;
    }
  | { readonly kind: 'sql_segment'; readonly node: string; readonly block: SqlSegmentBlock; readonly origin: Origin }
  /** A segment of a file in dinmo/, which names its entity itself. Those inside an entity block stay there. */
  | {
      readonly kind: 'segment';
      readonly name: string;
      readonly entity: string;
      readonly block: SegmentBlock;
      readonly origin: Origin;
    };
