import type { Aggregate, Window } from '../artifacts/rule.ts';
import type { ColumnType, Entity, Property, Relationship, Segment } from '../knowledge/store.ts';
import type { NumberKind, Shift } from '../warehouse/dialect.ts';

/**
 * How the values of a column, or of an aggregate, are compared. `cast` of a string, or of an array's strings: the column stores something
 * else than text (a uuid, an enum, or nobody says what). `opaque` values are only ever asked whether they are NULL.
 */
export type Form =
  | { readonly kind: 'string'; readonly cast: boolean }
  | { readonly kind: 'number'; readonly number: NumberKind }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'date' }
  | { readonly kind: 'instant'; readonly zoned: boolean }
  | { readonly kind: 'time' }
  | { readonly kind: 'array'; readonly element: ColumnType | null; readonly cast: boolean }
  | { readonly kind: 'opaque' };

/** What two values are compared as: a date and an instant compare as dates. */
export type Domain = 'string' | 'number' | 'boolean' | 'date' | 'instant' | 'time';

/** A property of a row, or of the one row that to-one steps lead to. */
export interface ResolvedPath {
  readonly steps: readonly Relationship[];
  /** The entity that has the property. */
  readonly entity: Entity;
  readonly property: Property;
}

/** What a row's value is compared with. Texts of dates, times and instants are canonical; instants are in UTC. */
export type ResolvedValue =
  | { readonly kind: 'path'; readonly path: ResolvedPath; readonly form: Form }
  | { readonly kind: 'string' | 'date' | 'time' | 'timestamp'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string; readonly number: NumberKind }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** Relative to now; an amount of 0 is now. */
  | { readonly kind: 'moment'; readonly by: Shift };

/** A value with what the comparison with it goes by. */
export interface Comparand {
  readonly value: ResolvedValue;
  readonly domain: Domain;
}

/** A question about one value, which NULL answers with false; `negated` is the exact complement. */
export type ResolvedTest =
  | {
      readonly kind: 'compare';
      readonly operator: '=' | '>' | '>=' | '<' | '<=';
      readonly negated: boolean;
      readonly right: Comparand;
    }
  | { readonly kind: 'in'; readonly negated: boolean; readonly values: readonly Comparand[] }
  | { readonly kind: 'between'; readonly from: Comparand; readonly to: Comparand }
  | {
      readonly kind: 'text';
      readonly match: 'contains' | 'starts_with' | 'ends_with';
      readonly negated: boolean;
      readonly right: ResolvedValue;
    }
  | { readonly kind: 'array'; readonly match: 'any' | 'all'; readonly values: readonly ResolvedValue[] }
  | { readonly kind: 'window'; readonly window: Window; readonly domain: 'date' | 'instant' }
  | { readonly kind: 'is_true' | 'is_null'; readonly negated: boolean };

/** A test with the form of the value that it asks about. */
export interface TypedTest {
  readonly form: Form;
  readonly test: ResolvedTest;
}

/** What is taken of the related rows. `of` is a path from the last entity. */
export interface ResolvedAggregate {
  /** One or more. */
  readonly steps: readonly Relationship[];
  readonly entity: Entity;
  readonly aggregate: Aggregate;
  readonly of: { readonly path: ResolvedPath; readonly form: Form } | null;
  readonly where: ResolvedRule | null;
  readonly during: { readonly path: ResolvedPath; readonly typed: TypedTest } | null;
}

/** A rule whose names are things and whose types fit. */
export type ResolvedRule =
  | { readonly kind: 'all' | 'any' | 'none'; readonly rules: readonly ResolvedRule[] }
  | { readonly kind: 'not'; readonly rule: ResolvedRule }
  | { readonly kind: 'attribute'; readonly path: ResolvedPath; readonly typed: TypedTest }
  /** For `exists`, `tests` is one `is_true`. */
  | { readonly kind: 'relation'; readonly aggregate: ResolvedAggregate; readonly tests: readonly TypedTest[] }
  | { readonly kind: 'segment'; readonly segment: Segment };

/** A segment whose names are things. */
export interface ResolvedSegment {
  readonly segment: Segment;
  readonly entity: Entity;
  /** null: every row. */
  readonly where: ResolvedRule | null;
  readonly limit: {
    /** Exactly one of both. */
    readonly rows: number | null;
    readonly percent: number | null;
    readonly by: ResolvedPath;
    readonly form: Form;
    readonly order: 'asc' | 'desc';
  } | null;
}
