import type { Path } from './position.ts';

/** A literal as it was written in YAML 1.2: dates and timestamps stay text until the column's type is known. */
export type Literal = string | number | bigint | boolean;

export type TimeUnit = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';

/** A stretch of time before or after now: `{last: 90, unit: day}`. */
export interface Window {
  readonly direction: 'last' | 'next';
  readonly amount: number;
  readonly unit: TimeUnit;
}

/** What a value is compared with. */
export type Operand =
  | { readonly kind: 'literal'; readonly value: Literal }
  | { readonly kind: 'literals'; readonly values: readonly Literal[] }
  | { readonly kind: 'attribute'; readonly path: readonly string[] }
  | { readonly kind: 'instant'; readonly direction: 'ago' | 'ahead'; readonly amount: number; readonly unit: TimeUnit }
  | { readonly kind: 'now' }
  | { readonly kind: 'window'; readonly window: Window }
  | { readonly kind: 'flag'; readonly value: boolean }
  | { readonly kind: 'range'; readonly from: Operand; readonly to: Operand };

export const OPERATORS = [
  'eq',
  'neq',
  'in',
  'not_in',
  'gt',
  'gte',
  'lt',
  'lte',
  'between',
  'contains',
  'not_contains',
  'starts_with',
  'ends_with',
  'is_null',
  'is_true',
  'before',
  'after',
  'on_day',
  'within',
  'contains_any',
  'contains_all',
] as const;
export type Operator = (typeof OPERATORS)[number];

export const AGGREGATES = ['exists', 'count', 'count_distinct', 'sum', 'avg', 'min', 'max', 'first', 'last'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/** One operator with its operand. `at` leads from the root of the annotation that holds it to the operand. */
export interface Comparison {
  readonly operator: Operator;
  readonly operand: Operand;
  readonly at: Path;
}

/** A filter as written: names are not yet resolved, types not yet checked. `at` leads from the root of the annotation that holds it to the condition. */
export type Rule =
  | { readonly kind: 'all' | 'any' | 'none'; readonly rules: readonly Rule[]; readonly at: Path }
  | { readonly kind: 'not'; readonly rule: Rule; readonly at: Path }
  | { readonly kind: 'attribute'; readonly path: readonly string[]; readonly comparison: Comparison; readonly at: Path }
  | {
      readonly kind: 'relation';
      readonly path: readonly string[];
      readonly aggregate: Aggregate;
      /** The property aggregated, as a path from the last entity; null for exists and count. */
      readonly of: readonly string[] | null;
      /** All must hold. For `exists` one comparison: is_true with a flag. */
      readonly comparisons: readonly Comparison[];
      readonly where: Rule | null;
      readonly during: Window | null;
      readonly at: Path;
    }
  | { readonly kind: 'segment'; readonly name: string; readonly at: Path };

/** What is wrong with the shape of a block; becomes a finding once its place is known. */
export interface ShapeProblem {
  readonly code: string;
  readonly path: Path;
  readonly message: string;
  readonly fix: string;
}
